#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# wazo-upgrade has enabled and started everything. Where the host was otherwise before, it becomes so again; then it is looked at.
set -eu
# shellcheck source=packaging/upgrade/lib.sh
. /usr/share/wazo-suite/upgrade/lib.sh

failed=0

fail() {
        complain "$*"
        failed=1
}

# What xivo-manage-slave-services stop does, which cron would call, unless the operator has commented that out.
hold_telephony() {
        say "telephony was disabled before the upgrade, and is so again"
        wazo-service stop wazo || failed=1
        wazo-service disable || failed=1
        if [ -e "$record/is-secondary" ]; then
                systemctl stop isc-dhcp-server 2>/dev/null || true
        fi
        # What is not held back by that.
        wazo-service start || failed=1
}

# By the unit's own name, since a name of ours may be an alias.
enable_as_before() { # BEFORE NOW SERVICE
        case "$1 $2" in
        'enabled disabled' | 'disabled enabled') ;;
        *) return 0 ;;
        esac
        say "$3 was $1 before the upgrade, and is so again"
        systemctl --quiet "${1%d}" "$(property "$3" Id)" || fail "$3 is $2 now, and was $1 before the upgrade"
}

# Who was stopped by a person stays so; who had failed has got another chance, and whoever ran gets one more.
run_as_before() { # BEFORE NOW SERVICE
        case "$1 $2" in
        'inactive active')
                say "$3 was stopped before the upgrade, and is so again"
                systemctl stop "$3" || fail "$3 was stopped before the upgrade, and cannot be stopped now"
                ;;
        'active inactive' | 'active failed')
                say "$3 ran before the upgrade, and is $2: starting it"
                systemctl start "$3" 2>/dev/null || true
                ;;
        esac
}

state_now() { awk -v name="$1" '$3 == name {print $1, $2}' "$record/now"; }

as_before() {
        states >"$record/now"
        while read -r active enabled service; do
                now=$(state_now "$service")
                enable_as_before "$enabled" "${now#* }" "$service"
                run_as_before "$active" "${now% *}" "$service"
        done <"$record/states"
        states >"$record/now"
        while read -r active enabled service; do
                now=$(state_now "$service")
                case "$active ${now% *}" in
                'active ') fail "$service ran before the upgrade, and there is none any more" ;;
                'active inactive' | 'active failed') fail "$service ran before the upgrade, and does not start: systemctl status $service" ;;
                esac
        done <"$record/states"
}

# Exit status 4: nothing failed, and something could not be decided.
check() {
        case $CHECK in
        no) return 0 ;;
        yes) set -- ;;
        *)
                # shellcheck disable=SC2086
                set -- $CHECK
                ;;
        esac
        code=0
        wazo-suite check "$@" >"$record/check" 2>&1 || code=$?
        [ "$code" = 0 ] || cat "$record/check"
        case $code in 0 | 4) ;; *) fail "wazo-suite check found something (above, and in $record/check)" ;; esac
}

mkdir -p "$record"
if [ -e "$record/complete" ]; then
        [ ! -e "$record/disabled" ] || hold_telephony
        as_before
        # It has been used, and stays to be read.
        mv "$record/complete" "$record/done"
else
        fail "nothing was written down before the upgrade: the services stay as wazo-upgrade started them"
fi
check
if [ "$failed" = 0 ]; then
        say "the services are as they were before the upgrade"
else
        complain "not everything is as it was before the upgrade: see above, and $record"
fi
exit "$failed"
