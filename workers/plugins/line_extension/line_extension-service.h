/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines and the numbers that ring them. */
#pragma once

#include "workers/kit/wazo-plugin.h"

/* wazo_associate() and wazo_dissociate() with objects of line_service and extension_service. */
extern const struct wazo_association line_extension_association;
