#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The services have been stopped. What runs nevertheless keeps files and ports that a new version wants.
set -eu

left=$(wazo-service status 2>/dev/null | sed -nE 's/^[[:space:]]+running[[:space:]]+([^[:space:]]+)$/\1/p' | paste -s -d ' ')
[ -n "$left" ] || exit 0
echo "wazo-suite: still running after 'wazo-service stop': $left" >&2
exit 1
