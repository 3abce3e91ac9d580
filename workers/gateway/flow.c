/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What becomes of one request: is it beyond doubt, is there such a URL, may this token do it, in which tenant.
 */
#include "lib/memfd.h"
#include "workers/gateway/gateway.h"
#include "workers/gateway/ids.h"
#include "workers/gateway/uri.h"

#define HTML "text/html; charset=utf-8"
#define TEXT "text/plain; charset=utf-8"

static void refuse_message(struct exchange *ex, const char *why) {
        log_debug("request %s is refused: %s", ex->request_id, why);
        ex->gateway->metrics.refused++;
        ex->close = true;
        exchange_answer(ex, 400, NULL, error_list(ERROR_BROWSER));
}

static void not_found(struct exchange *ex) {
        exchange_answer(ex, 404, HTML, error_not_found_page());
}

static bool take_uri_apart(struct exchange *ex, char **ret_path) {
        struct gateway *g = ex->gateway;
        const char *fallback = ex->connection->listener->settings->host;
        struct uri uri = {.query = ex->request.query};
        int problem = uri_parse(ex->decoded, &uri);

        if (problem == URI_DOUBLE_SLASH || problem == URI_NOT_A_PATH) {
                ex->close = true;
                exchange_answer(ex, 400, TEXT, error_plain("Invalid path in Request-URI: it must start with a single slash.\n"));
                return false;
        }
        if (links_make(&ex->headers, ex->connection->listener->settings->tls, uri.authority, uri.authority_size, fallback,
                       g->settings.prefix, &ex->links) < 0) {
                refuse_message(ex, "malformed Host");
                return false;
        }
        if (problem == URI_UNROUTABLE) {
                not_found(ex);
                return false;
        }
        if (problem == URI_BAD_QUERY) {
                exchange_answer(ex, 400, NULL, error_list(ERROR_BROWSER));
                return false;
        }
        ex->request.n_query = uri.n_query;
        *ret_path = uri.path;
        return true;
}

/* What is behind the prefix, or NULL. */
static char *routed_path(const struct exchange *ex, char *path) {
        const char *prefix = ex->gateway->settings.prefix;
        size_t size = strlen(prefix);

        if (strncmp(path, prefix, size) == 0 && path[size] == '/')
                return path + size;
        return NULL;
}

static void answer_options(struct exchange *ex, unsigned allowed) {
        struct error_body empty = error_plain("");

        ex->allowed = allowed;
        ex->preflight = cors_is_preflight(&ex->headers);
        exchange_answer(ex, 200, NULL, empty);
}

static bool find_route(struct exchange *ex, char *path, struct match *match) {
        struct gateway *g = ex->gateway;
        bool metrics = streq(path, "/metrics");
        char *routed = metrics ? path : routed_path(ex, path);
        int r;

        if (streq(path, "*") && ex->method == METHOD_OPTIONS) {
                answer_options(ex, 0);
                return false;
        }
        if (routed)
                ex->request.path = strcpy(ex->path, routed);

        r = !routed ? -ENOENT : router_match(metrics ? &g->own_router : &g->router, routed, ex->method, match);
        if (r == -ENOENT) {
                not_found(ex);
                return false;
        }
        if (r == -EOPNOTSUPP && ex->method == METHOD_OPTIONS) {
                answer_options(ex, match->allowed);
                return false;
        }
        if (r < 0) {
                ex->allowed = match->allowed;
                exchange_answer(ex, 405, NULL, error_method());
                return false;
        }
        ex->operation = match->operation;
        memcpy(ex->request.params, match->params, match->n_params * sizeof(*match->params));
        ex->request.n_params = match->n_params;
        return true;
}

/* The operation's access right with the parameters in it. False when that would be longer than any pattern is matched. */
static bool make_right(const struct exchange *ex, char *ret, size_t size) {
        size_t used = 0;

        for (const char *from = ex->operation->acl; *from;) {
                const char *value = NULL;

                if (*from == '{') {
                        size_t length = strcspn(from, "}");

                        for (size_t i = 0; i < ex->request.n_params && !value; i++)
                                if (strlen(ex->request.params[i].name) == length - 1 &&
                                    memcmp(ex->request.params[i].name, from + 1, length - 1) == 0)
                                        value = ex->request.params[i].value;
                        from += length + (from[length] == '}');
                        if (!value)
                                return false;
                        for (; *value && used + 1 < size; value++)
                                ret[used++] = *value == '.' ? '_' : *value;
                        if (*value)
                                return false;
                        continue;
                }
                if (used + 1 >= size)
                        return false;
                ret[used++] = *from++;
        }
        ret[used] = 0;
        return true;
}

static bool check_access(struct exchange *ex) {
        struct gateway *g = ex->gateway;
        const char *text = header_get(&ex->headers, HEADER_TOKEN), *wanted = header_get(&ex->headers, HEADER_TENANT);
        const struct tenant *home, *tenant;
        char right[ACCESS_RIGHT_MAX + 1];
        bool fits;

        ex->request.tenant = ex->request.auth_id = "";
        if (!ex->operation->acl)
                return true;
        fits = make_right(ex, right, sizeof(right));
        if (!fits)
                right[0] = 0;

        ex->token = *text ? tokens_find(&g->settings.tokens, text, now_realtime() / NSEC_PER_SEC) : NULL;
        if (!ex->token) {
                exchange_answer(ex, 401, NULL, error_token(text, right));
                return false;
        }
        home = tenants_find(&g->settings.tenants, ex->token->tenant_uuid);
        tenant = *wanted ? tenants_find(&g->settings.tenants, wanted) : home;
        if (!fits || (*ex->operation->acl && !token_allows(ex->token, right)) || (*wanted && (!home || !tenant || !tenant_within(tenant, home)))) {
                exchange_answer(ex, 401, NULL, error_access(text, right, wanted));
                return false;
        }

        ex->request.auth_id = ex->token->auth_id;
        if (ex->operation->tenant == TENANT_NONE)
                return true;
        if (!tenant) {
                exchange_answer(ex, 401, NULL, error_access(text, right, wanted));
                return false;
        }
        ex->request.master_tenant = tenant == g->settings.tenants.master;
        if (ex->operation->tenant == TENANT_MASTER && !ex->request.master_tenant) {
                if (g->settings.tenants.master)
                        exchange_answer(ex, 401, NULL, error_master_only(text));
                else
                        exchange_answer(ex, 503, NULL, error_list(""));
                return false;
        }
        ex->request.tenant = tenant->uuid;
        ex->request.tenants = tenant->family;
        ex->request.n_tenants = tenant->n_family;
        return true;
}

/* /metrics is for who asks on this host, not through a proxy; others need the right. */
static bool check_metrics(struct exchange *ex) {
        static const enum header forwarded[] = {HEADER_FORWARDED, HEADER_FORWARDED_FOR, HEADER_FORWARDED_HOST,
                                                HEADER_FORWARDED_PROTO, HEADER_REAL_IP, HEADER_SCRIPT_NAME};
        bool direct = ex->connection->loopback;

        for (size_t i = 0; i < ELEMENTSOF(forwarded); i++)
                direct = direct && ex->headers.counts[forwarded[i]] == 0;
        return direct || check_access(ex);
}

static void fill_request(struct exchange *ex) {
        struct request *request = &ex->request;

        request->operation = ex->operation->number;
        request->head = ex->method == METHOD_HEAD && ex->operation->method == METHOD_GET;
        request->id = ex->request_id;
        request->method = ex->operation->builtin ? "GET" : ex->method_name;
        request->base_url = ex->links.base_url;
        request->script_name = ex->links.script_name;
        request->accept = header_get(&ex->headers, HEADER_ACCEPT);
        request->content_type = header_get(&ex->headers, HEADER_CONTENT_TYPE);
        request->idempotency_key = header_get(&ex->headers, HEADER_IDEMPOTENCY_KEY);
}

/* A wire string is UTF-8, and the worker must not be the first to find out that this is none. */
static bool headers_are_text(const struct exchange *ex) {
        static const enum header passed[] = {HEADER_ACCEPT, HEADER_CONTENT_TYPE, HEADER_IDEMPOTENCY_KEY};

        for (size_t i = 0; i < ELEMENTSOF(passed); i++) {
                const char *value = header_get(&ex->headers, passed[i]);

                if (!utf8_valid(value, strlen(value)))
                        return false;
        }
        return true;
}

void flow_begin(struct exchange *ex) {
        struct match match;
        const char *problem;
        char *path;

        ids_make(ex->request_id, ex->span_id);
        ids_trace(header_get(&ex->headers, HEADER_TRACEPARENT), ex->request_id, ex->trace_id, ex->parent_id);
        ex->stage = STAGE_BODY;

        problem = headers_refuse(&ex->headers, ex->http_1_1);
        if (!problem && !headers_are_text(ex))
                problem = "a header that is no UTF-8";
        if (problem) {
                refuse_message(ex, problem);
                return;
        }
        if (!take_uri_apart(ex, &path) || !find_route(ex, path, &match))
                return;
        if (!(ex->operation->builtin == BUILTIN_METRICS ? check_metrics(ex) : check_access(ex)))
                return;
        if (strtoull(header_get(&ex->headers, HEADER_CONTENT_LENGTH), NULL, 10) > exchange_body_limit(ex)) {
                exchange_answer(ex, 413, NULL, error_list("Request Entity Too Large"));
                return;
        }
        fill_request(ex);
}

static void answer_metrics(struct exchange *ex, const struct reply *reply) {
        struct text t = TEXT_NULL;
        struct error_body body = {0};

        metrics_render(ex->gateway, &t);
        if (reply && reply->status == 200 && reply->body)
                text_add(&t, reply->body, reply->body_size);
        else if (reply && reply->status == 200 && reply->body_fd >= 0) {
                char *data;
                size_t size;

                if (memfd_read(reply->body_fd, PACK_MAX, &data, &size) == 0) {
                        text_add(&t, data, size);
                        free(data);
                }
        }
        body.data = text_steal(&t, &body.size);
        exchange_answer(ex, 200, "text/plain; version=0.0.4; charset=utf-8", body);
}

void flow_builtin_reply(struct exchange *ex, struct reply *reply) {
        if (ex->operation->builtin == BUILTIN_STATUS)
                status_answer(ex, reply);
        else
                answer_metrics(ex, reply);
        if (reply)
                reply_done(reply);
}

void flow_dispatch(struct exchange *ex) {
        requestlog_request(ex);
        switch (ex->operation->builtin) {
        case BUILTIN_NONE:
                slots_submit(ex);
                break;
        case BUILTIN_STATUS:
                if (!slots_ask(ex, WIRE_KIND_RELAY))
                        flow_builtin_reply(ex, NULL);
                break;
        case BUILTIN_OPENAPI:
                openapi_answer(ex);
                break;
        case BUILTIN_METRICS:
                if (!slots_ask(ex, WIRE_KIND_CONTROL))
                        flow_builtin_reply(ex, NULL);
                break;
        }
}
