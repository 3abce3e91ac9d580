#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# New packages, old configuration: whatever does not go together is told before the services start and fail of it.
set -eu
# shellcheck source=packaging/upgrade/lib.sh
. "${WAZO_SUITE_UPGRADE_LIB:-/usr/share/wazo-suite/upgrade/lib.sh}"

# A daemon's package that was upgraded by hand meanwhile may bring a unit that systemd has not read.
[ -n "$root" ] || systemctl daemon-reload || true

failed=0
for unit in "$root"/usr/lib/systemd/system/wazo-suite-*.service; do
        [ -e "$unit" ] || continue
        service=$(sed -n 's/^ExecStart=.*wazo-supervisord \([a-z0-9-]*\).*/\1/p' "$unit")
        [ -n "$service" ] || continue
        wazo-supervisord "$service" --check-config && continue
        complain "the configuration of $service does not go with its new version: it will not start"
        failed=1
done
exit "$failed"
