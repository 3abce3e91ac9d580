/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin line_endpoint: what a line calls with. */
#include "workers/plugins/line_endpoint/line_endpoint-service.h"

static const struct wazo_association *const associations[] = {
        &line_endpoint_sip_association,
        &line_endpoint_sccp_association,
        &line_endpoint_custom_association,
        NULL,
};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "line_endpoint",
        .version = "1.0",
        .associations = associations,
};
