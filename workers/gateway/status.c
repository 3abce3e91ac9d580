/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/gateway.h"

/*
 * /status. Tokens come from the local file: it takes the place of wazo-auth, so that service_token says whether there is
 * anybody at all who may ask. Events leave by a relay worker where there is one.
 */
void status_answer(struct exchange *ex) {
        const struct gateway *g = ex->gateway;
        const struct {
                const char *name;
                bool ok;
        } members[] = {
                {"master_tenant", g->settings.tenants.master != NULL},
                {"service_token", g->settings.tokens.n > 0},
                {"bus_consumer", slots_any_ready(g, WIRE_KIND_RELAY)},
                {"rest_api", !g->draining},
        };
        struct error_body body = {0};
        struct text t = TEXT_NULL;

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                text_printf(&t, "%s\"%s\": {\"status\": \"%s\"}", i == 0 ? "{" : ", ", members[i].name, members[i].ok ? "ok" : "fail");
        text_add_string(&t, "}\n");
        body.data = text_steal(&t, &body.size);
        exchange_answer(ex, 200, NULL, body);
}
