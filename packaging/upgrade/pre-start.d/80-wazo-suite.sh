#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# New packages, old configuration: what does not go together is told before the services start, and fail of it.
set -eu
# shellcheck source=packaging/upgrade/lib.sh
. /usr/share/wazo-suite/upgrade/lib.sh

systemctl daemon-reload || true
failed=0
for unit in /usr/lib/systemd/system/wazo-suite-*.service; do
        service=$(sed -n 's/^ExecStart=.*wazo-supervisord.* //p' "$unit" 2>/dev/null)
        if [ -z "$service" ] || ! systemctl -q is-enabled "${unit##*/}"; then
                continue
        fi
        if ! wazo-supervisord --check-config "$service"; then
                complain "the configuration of $service does not go with its new version: it will not start"
                failed=1
        fi
done
exit "$failed"
