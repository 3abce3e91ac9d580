#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The last moment at which the host is as its operator wants it: it is written down, and backed up. A failure here ends the upgrade,
# before anything was touched.
set -eu
# shellcheck source=packaging/upgrade/lib.sh
. "${WAZO_SUITE_UPGRADE_LIB:-/usr/share/wazo-suite/upgrade/lib.sh}"

backup() {
        [ "$BACKUP" = yes ] || { say "no backup: BACKUP=$BACKUP in $settings"; return 0; }
        have wazo-backup || { say "no backup: there is no wazo-backup"; return 0; }
        mkdir -p "$BACKUP_DIR"
        for type in data db; do
                say "saving $type to $BACKUP_DIR/$type.tgz"
                timeout --kill-after=10 "$BACKUP_SECONDS" wazo-backup "$type" "$BACKUP_DIR/$type" && continue
                code=$?
                [ "$code" = 124 ] && complain "the backup took longer than $BACKUP_SECONDS s (BACKUP_SECONDS)"
                complain "the upgrade does not begin without a backup. Mend what is said above, or say BACKUP=no in $settings"
                return 1
        done
}

write_down() {
        rm -rf "$record"
        mkdir -p "$record"
        for flag in disabled is-primary is-secondary; do
                [ ! -e "$root/var/lib/wazo/$flag" ] || : >"$record/$flag"
        done
        states >"$record/states"
        printf '%s\n' "${WAZO_VERSION_INSTALLED:-}" >"$record/version"
        date -u +%Y-%m-%dT%H:%M:%SZ >"$record/time"
        # Last: without it the record is none.
        : >"$record/complete"
}

backup
write_down
say "written down in $record: $(grep -c '^running' "$record/states" || true) services run$([ ! -e "$record/disabled" ] || echo ', telephony is disabled')"
