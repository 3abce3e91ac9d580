/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/tenant/tenant-templates.h"

#include <errno.h>

#include "lib/util.h"
#include "workers/plugins/endpoint_sip/endpoint_sip-service.h"

/* ----- what they hold ----- */

struct option {
        const char *name, *value;
};

static const struct option global_aor[] = {
        {"maximum_expiration", "3600"}, {"default_expiration", "120"}, {"minimum_expiration", "60"},
        {"qualify_frequency", "60"},    {"remove_existing", "true"},   {"max_contacts", "1"},        {},
};

static const struct option global_endpoint[] = {
        {"rtp_timeout", "7200"},
        {"allow_transfer", "yes"},
        {"use_ptime", "yes"},
        {"callerid", "wazo"},
        {"direct_media", "no"},
        {"dtmf_mode", "rfc4733"},
        {"language", "en_US"},
        {"inband_progress", "no"},
        {"rtp_timeout_hold", "0"},
        {"timers_sess_expires", "600"},
        {"timers_min_se", "90"},
        {"trust_id_inbound", "no"},
        {"allow_subscribe", "yes"},
        {"allow", "!all,ulaw"},
        {"set_var", "TIMEOUT(absolute)=36000"},
        {"set_var", "DYNAMIC_FEATURES=togglerecord"},
        {"notify_early_inuse_ringing", "yes"},
        {},
};

static const struct option webrtc_aor[] = {{"remove_existing", "false"}, {"max_contacts", "10"}, {}};

static const struct option webrtc_endpoint[] = {
        {"webrtc", "yes"},
        {"dtls_auto_generate_cert", "yes"},
        {"allow", "!all,opus,g722,alaw,ulaw,vp9,vp8,h264"},
        {"max_video_streams", "25"},
        {"max_audio_streams", "1"},
        {"timers", "always"},
        {"timers_sess_expires", "300"},
        {"timers_min_se", "90"},
        {},
};

static const struct option trunk_registration[] = {
        {"forbidden_retry_interval", "30"}, {"retry_interval", "20"}, {"max_retries", "10000"},
        {"auth_rejection_permanent", "no"}, {"fatal_retry_interval", "30"}, {},
};

/* From where Twilio's trunks signal: four addresses in each of its regions, as the provider publishes them. */
#define FOUR(net, a, b, c, d) {"match", net a}, {"match", net b}, {"match", net c}, {"match", net d}

static const struct option twilio_identify[] = {
        FOUR("54.172.60.", "0", "1", "2", "3"),             /* Virginia */
        FOUR("54.244.51.", "0", "1", "2", "3"),             /* Oregon */
        FOUR("54.171.127.", "192", "193", "194", "195"),    /* Ireland */
        FOUR("35.156.191.", "128", "129", "130", "131"),    /* Frankfurt */
        FOUR("54.65.63.", "192", "193", "194", "195"),      /* Tokyo */
        FOUR("54.169.127.", "128", "129", "130", "131"),    /* Singapore */
        FOUR("54.252.254.", "64", "65", "66", "67"),        /* Sydney */
        FOUR("177.71.206.", "192", "193", "194", "195"),    /* Sao Paulo */
        {},
};

/* In an order in which a parent stands in front of its children. */
static const struct template {
        const char *label, *parent, *transport;
        const struct option *aor, *endpoint, *registration, *identify;
} templates[] = {
        {"global", NULL, "transport-udp", .aor = global_aor, .endpoint = global_endpoint},
        {"webrtc", "global", "transport-wss", .aor = webrtc_aor, .endpoint = webrtc_endpoint},
        {"meeting_guest", "webrtc", NULL},
        {"registration_trunk", "global", NULL, .registration = trunk_registration},
        {"twilio_trunk", "registration_trunk", NULL, .identify = twilio_identify},
};

/* ----- making them ----- */

/* [["name", "value"], ...] */
static json_t *pairs(const struct option *options) {
        json_t *list = json_array();

        for (; list && options && options->name; options++)
                if (json_array_append_new(list, json_pack("[s,s]", options->name, options->value)) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

/* A transport that was deleted, or renamed, is done without. */
static int transport_of(struct wazo_context *ctx, const char *name, json_t **ret) {
        _wazo_unref_ json_t *row = NULL;
        int r = name ? wazo_select_row(ctx, &row, "SELECT uuid FROM pjsip_transport WHERE name = ?", "s", name) : 1;

        if (r < 0)
                return r;
        *ret = r > 0 ? json_null() : STEAL(row);
        return 0;
}

/* @made: {"<label>": "<uuid>"} of those before it; gets this one's. */
static int make(struct wazo_context *ctx, const struct template *t, const char *tenant_uuid, json_t *made) {
        const char *parent = t->parent ? wazo_string(made, t->parent) : NULL;
        _wazo_unref_ json_t *transport = NULL, *object = NULL;
        int r;

        r = transport_of(ctx, t->transport, &transport);
        if (r < 0)
                return r;
        object = json_pack("{s:s, s:s, s:O, s:o, s:o, s:o, s:o}", "tenant_uuid", tenant_uuid, "label", t->label,
                           "transport", transport, "aor_section_options", pairs(t->aor), "endpoint_section_options",
                           pairs(t->endpoint), "registration_section_options", pairs(t->registration),
                           "identify_section_options", pairs(t->identify));
        if (!object)
                return -ENOMEM;
        if (parent)
                r = wazo_set(object, "templates", json_pack("[{s:s}]", "uuid", parent));
        if (r >= 0)
                r = wazo_create(ctx, &endpoint_sip_initial_template_service, object);
        if (r >= 0)
                r = wazo_set(made, t->label, json_string(wazo_string(object, "uuid")));
        return r;
}

int tenant_make_templates(struct wazo_context *ctx, const char *uuid) {
        _wazo_unref_ json_t *made = json_object();
        int r = made ? 0 : -ENOMEM;

        for (size_t i = 0; i < ELEMENTSOF(templates) && r >= 0; i++)
                r = make(ctx, &templates[i], uuid, made);
        if (r < 0)
                return r;
        r = wazo_execute(ctx,
                         "UPDATE tenant SET global_sip_template_uuid = ?, webrtc_sip_template_uuid = ?, meeting_guest_sip_template_uuid = ?, "
                         "registration_trunk_sip_template_uuid = ?, twilio_trunk_sip_template_uuid = ?, sip_templates_generated = true "
                         "WHERE uuid = ?",
                         "ssssss", wazo_string(made, "global"), wazo_string(made, "webrtc"), wazo_string(made, "meeting_guest"),
                         wazo_string(made, "registration_trunk"), wazo_string(made, "twilio_trunk"), uuid);
        return r < 0 ? r : 0;
}
