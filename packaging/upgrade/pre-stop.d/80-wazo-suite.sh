#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The last moment at which the host is as its operator wants it: it is backed up, and how it is is written down. A failure here ends
# the upgrade, before anything was touched.
set -eu
# shellcheck source=packaging/upgrade/lib.sh
. /usr/share/wazo-suite/upgrade/lib.sh

back_up() { # data|db
        say "saving $1 to $BACKUP_DIR/$1.tgz"
        code=0
        timeout --kill-after=10 "$BACKUP_SECONDS" wazo-backup "$1" "$BACKUP_DIR/$1" || code=$?
        case $code in
        0) return 0 ;;
        124 | 137) complain "the backup took longer than $BACKUP_SECONDS s (BACKUP_SECONDS in $settings)" ;;
        esac
        complain "no upgrade without a backup: mend what is said above, or say BACKUP=no in $settings"
        return 1
}

write_down() {
        rm -rf "$record"
        mkdir -p "$record"
        for flag in disabled is-primary is-secondary; do
                [ ! -e "/var/lib/wazo/$flag" ] || : >"$record/$flag"
        done
        states >"$record/states"
        printf '%s\n' "${WAZO_VERSION_INSTALLED:-}" >"$record/version"
        date -u +%Y-%m-%dT%H:%M:%SZ >"$record/time"
        # Last: without it the record is none.
        : >"$record/complete"
}

if [ "$BACKUP" = no ]; then
        say "no backup: BACKUP=no in $settings"
elif ! command -v wazo-backup >/dev/null; then
        say "no backup: there is no wazo-backup"
else
        mkdir -p "$BACKUP_DIR"
        back_up data
        back_up db
fi

# When packages cannot be installed, wazo-upgrade starts everything and ends: what runs since then says nothing of how it should be.
# That is so for a while only: an operator who does not try again has made the host what it is to be.
ended_early() { [ -e "$record/complete" ] && [ -n "$(find "$record" -name begun -mtime -2)" ]; }

if ended_early; then
        say "the upgrade of $(cat "$record/time") did not come to its end: services will be as they were before that one." \
                "Where they are otherwise on purpose, remove $record first"
else
        write_down
fi
say "$(grep -c '^active' "$record/states" || true) services are active, and will be so afterwards"
if [ -e "$record/disabled" ]; then
        say "telephony is disabled, and will be so afterwards. Should the upgrade end early, run this:" \
                "/usr/share/wazo-upgrade/post-start.d/80-wazo-suite.sh"
fi
