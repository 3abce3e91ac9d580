/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines and their endpoint: one, of one of three kinds. */
#pragma once

#include "workers/kit/wazo-plugin.h"

/* wazo_associate() and wazo_dissociate() with objects of line_service and endpoint_sip_service. */
extern const struct wazo_association line_endpoint_sip_association;

/* The same with endpoints of chan_sccp and of any other channel. Their plugins do not exist yet: these two services
 * read the rows. */
extern const struct wazo_association line_endpoint_sccp_association;
extern const struct wazo_association line_endpoint_custom_association;
extern const struct wazo_service endpoint_sccp_lookup, endpoint_custom_lookup;
