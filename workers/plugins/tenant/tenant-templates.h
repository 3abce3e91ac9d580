/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The SIP templates that each tenant begins with. */
#pragma once

#include "workers/kit/wazo-plugin.h"

/* Makes them, of which nobody is told, and notes them in the tenant's row. */
int tenant_make_templates(struct wazo_context *ctx, const char *uuid) WAZO_MUST_CHECK;
