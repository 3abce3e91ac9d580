/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /status: the four parts that wazo-confd tells, each ok or fail, and behind them what the relay says of events
 * (docs/relay.md). Tokens come from the local file: it takes the place of wazo-auth, so that service_token says whether
 * there is anybody at all who may ask.
 */
#include <jansson.h>

#include "lib/memfd.h"
#include "workers/gateway/gateway.h"

#define REPLY_MAX (64U * 1024)

/* What the relay said, or NULL. */
static json_t *relay_status(const struct reply *reply) {
        _cleanup_free_ char *text = NULL;
        json_t *status;
        size_t size;

        if (!reply || reply->status != 200)
                return NULL;
        if (reply->body_fd >= 0 && memfd_read(reply->body_fd, REPLY_MAX, &text, &size) < 0)
                return NULL;
        status = reply->body_fd >= 0 ? json_loadb(text, size, 0, NULL) : json_loadb(strempty(reply->body), reply->body_size, 0, NULL);
        if (json_is_object(status))
                return status;
        json_decref(status);
        return NULL;
}

static bool is_in_state(const json_t *part, const char *state) {
        return streq(strempty(json_string_value(json_object_get(part, "state"))), state);
}

/* Connected, as the original means it. Where no plugin wants events there is no queue, and the connection counts. */
static bool consumes(const json_t *relay) {
        const json_t *consumer = json_object_get(relay, "consumer"), *publisher = json_object_get(relay, "publisher");

        return is_in_state(consumer, "ready") || (is_in_state(consumer, "off") && is_in_state(publisher, "ready"));
}

static void add_status(json_t *answer, const char *name, bool ok) {
        (void) json_object_set_new(answer, name, json_pack("{s:s}", "status", ok ? "ok" : "fail"));
}

/* Of one direction: whether all is as it should be, since when it is not and why, and how much is owed. */
static void add_part(json_t *answer, const char *name, const json_t *part) {
        static const char *const members[] = {"state", "reason", "since", "backlog", "oldest_age_ms", "confirmed", "sent", "retried", "parked"};
        bool ok = is_in_state(part, "ready") || is_in_state(part, "off");
        json_t *told = json_pack("{s:s}", "status", ok ? "ok" : "fail");

        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                json_t *value = json_object_get(part, members[i]);

                if (value)
                        (void) json_object_set(told, members[i], value);
        }
        if (!part)
                (void) json_object_set_new(told, "reason", json_string("the relay does not answer"));
        (void) json_object_set_new(answer, name, told);
}

void status_answer(struct exchange *ex, const struct reply *reply) {
        const struct gateway *g = ex->gateway;
        json_t *relay = relay_status(reply), *answer = json_object();
        struct error_body body = {0};
        struct text t = TEXT_NULL;
        char *text;

        add_status(answer, "master_tenant", g->settings.tenants.master != NULL);
        add_status(answer, "service_token", g->settings.tokens.n > 0);
        add_status(answer, "bus_consumer", consumes(relay));
        add_status(answer, "rest_api", !g->draining);
        if (slots_any(g, WIRE_KIND_RELAY)) {
                add_part(answer, "bus_publisher", json_object_get(relay, "publisher"));
                add_part(answer, "sysconfd", json_object_get(relay, "sysconfd"));
        }
        text = json_dumps(answer, 0);
        json_decref(relay);
        json_decref(answer);
        if (text)
                text_printf(&t, "%s\n", text);
        free(text);
        body.data = text_steal(&t, &body.size);
        exchange_answer(ex, 200, NULL, body);
}
