/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A request line and headers as a client may send them: "METHOD URI\n", then "Name: value\n" lines. Taken apart, routed,
 * and its access right matched; what comes out must be what the wire to a worker carries: UTF-8 without NUL.
 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>

#include "workers/gateway/access.h"
#include "workers/gateway/cors.h"
#include "workers/gateway/errors.h"
#include "workers/gateway/ids.h"
#include "workers/gateway/links.h"
#include "workers/gateway/router.h"
#include "workers/gateway/text.h"
#include "workers/gateway/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char descriptions[] =
        "[{\"plugin\": \"a\", \"routes\": ["
        "{\"path\": \"/users\", \"operations\": [{\"method\": \"GET\", \"operation\": 0, \"acl\": \"\"}]},"
        "{\"path\": \"/users/{id:int_or_uuid}\", \"operations\": [{\"method\": \"GET\", \"operation\": 1, \"acl\": \"\"}]},"
        "{\"path\": \"/users/{id:int}/lines/{line:text}\", \"operations\": [{\"method\": \"PUT\", \"operation\": 2, \"acl\": \"\"}]},"
        "{\"path\": \"/{a:text}/{b:uuid}/{c:text}\", \"operations\": [{\"method\": \"DELETE\", \"operation\": 3, \"acl\": \"\"}]}]}]";

static struct router router;

static void setup(void) {
        json_t *array = json_loads(descriptions, 0, NULL);

        if (!array || router_load(&router, array, NULL, NULL) < 0)
                (void) raise(SIGABRT);
        json_decref(array);
}

static void require(bool ok) {
        if (!ok)
                (void) raise(SIGABRT);
}

static void try_route(enum method method, char *path) {
        struct match match;

        if (router_match(&router, path, method, &match) < 0)
                return;
        for (size_t i = 0; i < match.n_params; i++) {
                require(*match.params[i].value != 0 && utf8_valid(match.params[i].value, strlen(match.params[i].value)));
                (void) access_match("confd.#.me.*.read", match.params[i].value, "auth", NULL);
                (void) access_match(match.params[i].value, "confd.users.7.lines.read", "auth", NULL);
        }
}

static void try_headers(char *lines) {
        struct headers headers = {0};
        struct links links;
        char *next, allowed[128], remote[64], trace[33], parent[17];
        char *names[] = {(char *) "Content-Type", NULL};
        struct cors cors = {.enabled = true, .allow_headers = names};

        for (char *line = lines; line; line = next) {
                char *value;

                next = strchr(line, '\n');
                if (next)
                        *next++ = 0;
                value = strstr(line, ": ");
                if (!value)
                        continue;
                *value = 0;
                value += 2;
                headers_add(&headers, line, strlen(line), value, strlen(value));
        }
        if (headers_refuse(&headers, true))
                return;
        if (links_make(&headers, false, NULL, 0, "localhost", "/1.1", &links) == 0)
                require(!strpbrk(links.base_url, "\"<> \r\n") && utf8_valid(links.base_url, strlen(links.base_url)));
        links_remote(&headers, "peer", remote, sizeof(remote));
        (void) cors_allowed_headers(&cors, header_get(&headers, HEADER_REQUEST_HEADERS), allowed, sizeof(allowed));
        ids_trace(header_get(&headers, HEADER_TRACEPARENT), "0123456789abcdef0123456789abcdef", trace, parent);
}

/* Whatever a token is, the body that repeats it is JSON. */
static void try_error(const char *token) {
        struct error_body body = error_access(token, "confd", token);
        json_t *value = body.data ? json_loadb(body.data, body.size, 0, NULL) : NULL;

        require(json_array_size(value) == 1);
        json_decref(value);
        free(body.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct request_pair query[REQUEST_PAIRS_MAX];
        struct uri uri = {.query = query};
        char *text, *raw, *lines, *decoded;

        if (!router.root)
                setup();
        text = malloc(size + 1);
        if (!text)
                return 0;
        memcpy(text, data, size);
        text[size] = 0;
        lines = strchr(text, '\n');
        if (lines)
                *lines++ = 0;
        raw = strchr(text, ' ');
        if (raw) {
                *raw++ = 0;
                decoded = malloc(strlen(raw) + 1);
                if (decoded)
                        uri_decode_all(raw, decoded);
                free(decoded);
                try_error(raw);
                if (uri_parse(raw, &uri) == 0) {
                        for (size_t i = 0; i < uri.n_query; i++)
                                require(utf8_valid(query[i].name, strlen(query[i].name)) &&
                                        utf8_valid(query[i].value, strlen(query[i].value)));
                        try_route(method_from_string(text), uri.path);
                }
        }
        if (lines)
                try_headers(lines);
        free(text);
        return 0;
}
