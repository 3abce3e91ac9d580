/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/links.h"

#include <stdio.h>
#include <strings.h>

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* The last member of a comma-separated list: what the proxy in front of us added. */
static size_t last_member(const char *list, const char **ret) {
        const char *comma = strrchr(list, ',');
        const char *s = comma ? comma + 1 : list;
        size_t size;

        s += strspn(s, " \t");
        size = strlen(s);
        while (size > 0 && (s[size - 1] == ' ' || s[size - 1] == '\t'))
                size--;
        *ret = s;
        return size;
}

static bool only_of(const char *s, size_t size, const char *accept) {
        return size > 0 && strspn(s, accept) >= size;
}

static const char *scheme_of(const struct headers *h, bool tls) {
        const char *proto;
        size_t size = last_member(header_get(h, HEADER_FORWARDED_PROTO), &proto);

        if (size == 5 && strncasecmp(proto, "https", 5) == 0)
                return "https";
        if (size == 4 && strncasecmp(proto, "http", 4) == 0)
                return "http";
        return tls ? "https" : "http";
}

static void script_name_of(const struct headers *h, char ret[SCRIPT_NAME_MAX]) {
        const char *name = header_get(h, HEADER_SCRIPT_NAME);
        size_t size = strlen(name);

        ret[0] = 0;
        while (size > 0 && name[size - 1] == '/')
                size--;
        if (size == 0 || size >= SCRIPT_NAME_MAX || name[0] != '/' || name[1] == '/' || !only_of(name, size, ALNUM "/-._~"))
                return;
        memcpy(ret, name, size);
        ret[size] = 0;
}

int links_make(const struct headers *h, bool tls, const char *authority, size_t authority_size, const char *fallback_host,
               const char *prefix, struct links *ret) {
        const char *host = header_get(h, HEADER_HOST), *scheme = scheme_of(h, tls), *default_port;
        size_t size = strlen(host), port_size;
        int n;

        if (authority) {
                host = authority;
                size = authority_size;
        } else if (size == 0) {
                host = fallback_host;
                size = strlen(host);
        }
        if (!only_of(host, size, ALNUM "-._~:[]%") || size > 262)
                return -EINVAL;

        default_port = streq(scheme, "https") ? ":443" : ":80";
        port_size = strlen(default_port);
        if (size > port_size && memcmp(host + size - port_size, default_port, port_size) == 0)
                size -= port_size;

        script_name_of(h, ret->script_name);
        n = snprintf(ret->origin, sizeof(ret->origin), "%s://%.*s", scheme, (int) size, host);
        if (n < 0 || (size_t) n >= sizeof(ret->origin))
                return -EINVAL;
        n = snprintf(ret->base_url, sizeof(ret->base_url), "%s://%.*s%s%s", scheme, (int) size, host, ret->script_name, prefix);
        return n < 0 || (size_t) n >= sizeof(ret->base_url) ? -EINVAL : 0;
}

void links_remote(const struct headers *h, const char *peer, char *ret, size_t size) {
        const char *address;
        size_t length = last_member(header_get(h, HEADER_FORWARDED_FOR), &address);

        if (length < size && only_of(address, length, ALNUM ".:[]%-_")) {
                memcpy(ret, address, length);
                ret[length] = 0;
        } else
                (void) strcopy(ret, size, peer);
}
