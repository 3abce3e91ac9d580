/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin voicemail: /voicemails. */
#include "workers/plugins/voicemail/voicemail-service.h"

static const struct wazo_resource voicemails = {
        .path = "/voicemails",
        .parameter = "voicemail_id",
        .key = WAZO_KEY_INTEGER,
        .acl = "confd.voicemails",
        .service = &voicemail_service,
        .schema = voicemail_schema,
};

static const struct wazo_resource *const resources[] = {&voicemails, NULL};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "voicemail",
        .version = "1.0",
        .resources = resources,
};
