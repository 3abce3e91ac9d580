#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# wazo-upgrade has enabled and started everything. Where the host was otherwise before, it becomes so again; then it is looked at.
set -eu
# shellcheck source=packaging/upgrade/lib.sh
. "${WAZO_SUITE_UPGRADE_LIB:-/usr/share/wazo-suite/upgrade/lib.sh}"

failed=0

# As xivo-manage-slave-services stop does, which cron would call, unless the operator has commented that out.
hold_telephony() {
        say "telephony was disabled before the upgrade: stopped and disabled again"
        wazo-service stop wazo || failed=1
        wazo-service disable || failed=1
        if [ -e "$record/is-secondary" ]; then
                systemctl stop isc-dhcp-server 2>/dev/null || true
        fi
        # What is not held back by that.
        wazo-service start || failed=1
}

# Who was stopped by a person stays so; who had failed has got another chance.
stop_what_was_stopped() {
        states >"$record/after"
        while read -r state name; do
                [ "$state" = stopped ] || continue
                grep -qx "running $name" "$record/after" || continue
                say "$name was stopped before the upgrade: stopped again"
                systemctl stop "$(unit_of "$name")" || failed=1
        done <"$record/states"
}

# Names of units are given as they are, or without their ending.
unit_of() { case $1 in *.service | *.target) echo "$1" ;; *) echo "$1.service" ;; esac; }

tell_what_does_not_run() {
        states >"$record/after"
        while read -r state name; do
                [ "$state" = running ] || continue
                grep -qx "running $name" "$record/after" && continue
                complain "$name ran before the upgrade, and is $(sed -n "s/ $name\$//p" "$record/after" | head -n 1) now"
                failed=1
        done <"$record/states"
}

# Exit status 4: nothing failed, and something could not be decided.
check() {
        [ "$CHECK" = yes ] || return 0
        code=0
        wazo-suite check >"$record/check" 2>&1 || code=$?
        [ "$code" = 0 ] || cat "$record/check"
        case $code in 0 | 4) ;; *) failed=1 ;; esac
}

if [ ! -e "$record/complete" ]; then
        complain "nothing was written down before the upgrade: the services stay as wazo-upgrade started them"
else
        if [ -e "$record/disabled" ]; then
                [ -e "$disabled" ] || hold_telephony
        fi
        stop_what_was_stopped
        tell_what_does_not_run
        # For the next upgrade; this one's is kept to be read.
        mv "$record/complete" "$record/done"
fi
check
if [ "$failed" = 0 ]; then
        say "the services are as they were before the upgrade"
else
        complain "not everything is as it was before the upgrade: see above, and $record"
fi
exit "$failed"
