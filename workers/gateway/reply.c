/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "workers/gateway/gateway.h"

#define SERVER "wazo-suite"

static void add(struct MHD_Response *response, const char *name, const char *value) {
        /* It fails for want of memory or for a value that cannot be a header; the answer is better than none without it. */
        (void) MHD_add_response_header(response, name, value);
}

static struct MHD_Response *make_response(struct reply *reply) {
        struct MHD_Response *response;

        if (reply->body_fd >= 0) {
                response = MHD_create_response_from_fd(reply->body_size, reply->body_fd);
                if (response)
                        reply->body_fd = -1;
        } else if (reply->body_size > 0) {
                response = MHD_create_response_from_buffer(reply->body_size, reply->body, MHD_RESPMEM_MUST_FREE);
                if (response)
                        reply->body = NULL;
        } else
                response = MHD_create_response_from_buffer(0, (void *) "", MHD_RESPMEM_PERSISTENT);
        return response;
}

static void add_cors(const struct exchange *ex, struct MHD_Response *response) {
        const struct cors *cors = &ex->gateway->settings.cors;
        const char *origin = ex->headers.values[HEADER_ORIGIN];
        char allowed[512];

        if (!cors->enabled)
                return;
        add(response, "Access-Control-Allow-Origin", origin && *origin ? origin : "*");
        if (origin && *origin)
                add(response, "Vary", "Origin");
        if (!ex->preflight)
                return;
        add(response, "Access-Control-Allow-Methods", CORS_METHODS);
        if (cors_allowed_headers(cors, header_get(&ex->headers, HEADER_REQUEST_HEADERS), allowed, sizeof(allowed)) > 0)
                add(response, "Access-Control-Allow-Headers", allowed);
}

/* In the alphabet's order, as clients have always seen it. */
static void add_allow(const struct exchange *ex, struct MHD_Response *response) {
        static const enum method order[] = {METHOD_DELETE, METHOD_GET, METHOD_HEAD, METHOD_PATCH, METHOD_POST, METHOD_PUT};
        unsigned allowed = ex->allowed | (ex->allowed & 1U << METHOD_GET ? 1U << METHOD_HEAD : 0);
        char value[96] = "";

        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                if (order[i] == METHOD_PATCH)
                        strcat(strcat(value, *value ? ", " : ""), "OPTIONS");
                if (allowed & 1U << order[i])
                        strcat(strcat(value, *value ? ", " : ""), method_to_string(order[i]));
        }
        add(response, "Allow", value);
}

enum MHD_Result exchange_give(struct exchange *ex) {
        struct reply *reply = &ex->reply;
        struct MHD_Response *response = make_response(reply);
        enum MHD_Result result;

        if (!response)
                return MHD_NO;

        if (!ex->preflight && !(ex->method == METHOD_OPTIONS && reply->status == 200))
                add(response, "Content-Type", reply->content_type ? reply->content_type : "application/json");
        add(response, "Server", SERVER);
        add(response, "X-Request-Id", ex->request_id);
        add_cors(ex, response);
        if (reply->location)
                add(response, "Location", reply->location);
        if (ex->allowed)
                add_allow(ex, response);
        if (reply->retry_after > 0) {
                char seconds[16];

                (void) snprintf(seconds, sizeof(seconds), "%u", reply->retry_after);
                add(response, "Retry-After", seconds);
        }
        if (ex->close || ex->gateway->draining)
                add(response, "Connection", "close");

        requestlog_request(ex);
        requestlog_response(ex);
        metrics_count(ex);
        ex->stage = STAGE_GIVEN;
        slots_feed(ex);
        connection_set_state(ex->gateway, ex->connection, CONNECTION_SENDING);
        result = MHD_queue_response(ex->mhd, reply->status, response);
        MHD_destroy_response(response);
        return result;
}
