# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034
# What the upgrade hooks share. wazo-upgrade calls them as root, in its order.
#
# Before anything is stopped, pre-stop writes down how the host is: from then on wazo-upgrade itself disables telephony and, at its
# end, enables and starts everything. post-start makes it so again, where it was otherwise.

record=/var/lib/wazo-suite/upgrade
settings=/etc/wazo-suite/upgrade.conf

# What that file may say otherwise, as NAME=VALUE.
BACKUP=yes                          # no: pre-stop makes none
BACKUP_DIR=/var/backups/wazo/upgrade
BACKUP_SECONDS=1800                 # it may take so long; then the upgrade does not begin
CHECK=yes                           # no: post-start does not look at the host; or names of services, to look at those alone

if [ -r "$settings" ]; then
        # shellcheck disable=SC1090
        . "$settings"
fi

say() { echo "wazo-suite: $*"; }
complain() { echo "wazo-suite: $*" >&2; }

# What wazo-service starts, and what goes with it.
services() {
        wazo-service status all 2>/dev/null | sed -nE 's/^[[:space:]]+(running|stopped|failed|unknown)[[:space:]]+([^[:space:]]+)$/\2/p'
        printf '%s\n' monit isc-dhcp-server
}

property() { systemctl show --property "$2" --value "$1" 2>/dev/null || true; } # SERVICE PROPERTY

# "ACTIVE ENABLED SERVICE" of each that the host has, a line each: active or not, as far as it counts here, and whether it is enabled.
states() {
        services | while read -r service; do
                [ "$(property "$service" LoadState)" != not-found ] || continue
                case $(property "$service" ActiveState) in
                active | activating | reloading) active=active ;;
                failed) active=failed ;;
                *) active=inactive ;;
                esac
                enabled=$(property "$service" UnitFileState)
                echo "$active ${enabled:--} $service"
        done
}
