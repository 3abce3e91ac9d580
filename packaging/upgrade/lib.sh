# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034
# What the upgrade hooks share. They are called by wazo-upgrade, in its order, as root; WAZO_SUITE_ROOT is for tests.
#
# Before anything is stopped, pre-stop writes down how the host was: from then on wazo-upgrade itself disables the services and, at
# its end, enables and starts all of them. post-start makes it so again, where it was otherwise.

root=${WAZO_SUITE_ROOT:-}
record=$root/var/lib/wazo-suite/upgrade
disabled=$root/var/lib/wazo/disabled
settings=$root/etc/wazo-suite/upgrade.conf

# What /etc/wazo-suite/upgrade.conf may say otherwise, as NAME=VALUE.
BACKUP=yes            # no: pre-stop makes none
BACKUP_SECONDS=1800   # it may take so long; then the upgrade does not begin
BACKUP_DIR=$root/var/backups/wazo/upgrade
CHECK=yes             # no: post-start does not look at the host at the end

if [ -r "$settings" ]; then
        # shellcheck disable=SC1090
        . "$settings"
fi

say() { echo "wazo-suite: $*"; }
complain() { echo "wazo-suite: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# The services that wazo-service knows, with their states: "running NAME", one a line.
states() { wazo-service status all 2>/dev/null | sed -nE 's/^[[:space:]]+(running|stopped|failed|unknown)[[:space:]]+([^[:space:]]+)$/\1 \2/p'; }
