#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The services have been stopped. What runs nevertheless keeps files and ports that a new version wants.
set -eu
# shellcheck source=packaging/upgrade/lib.sh
. /usr/share/wazo-suite/upgrade/lib.sh

# From here on the host is not as it was.
[ ! -e "$record/complete" ] || : >"$record/begun"

left=$(wazo-service status 2>/dev/null | sed -nE 's/^[[:space:]]+running[[:space:]]+([^[:space:]]+)$/\1/p' | paste -s -d ' ')
[ -n "$left" ] || exit 0
complain "still running after 'wazo-service stop': $left"
exit 1
