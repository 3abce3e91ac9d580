/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/headers.h"

#include <strings.h>

#define NAME(name) {name, sizeof(name) - 1}

static const struct {
        const char *name;
        size_t size;
} names[HEADER_MAX] = {
        [HEADER_ACCEPT] = NAME("Accept"),
        [HEADER_CONTENT_LENGTH] = NAME("Content-Length"),
        [HEADER_CONTENT_TYPE] = NAME("Content-Type"),
        [HEADER_EXPECT] = NAME("Expect"),
        [HEADER_FORWARDED] = NAME("Forwarded"),
        [HEADER_HOST] = NAME("Host"),
        [HEADER_IDEMPOTENCY_KEY] = NAME("Idempotency-Key"),
        [HEADER_ORIGIN] = NAME("Origin"),
        [HEADER_REQUEST_HEADERS] = NAME("Access-Control-Request-Headers"),
        [HEADER_REQUEST_METHOD] = NAME("Access-Control-Request-Method"),
        [HEADER_TENANT] = NAME("Wazo-Tenant"),
        [HEADER_TOKEN] = NAME("X-Auth-Token"),
        [HEADER_TRACEPARENT] = NAME("traceparent"),
        [HEADER_TRANSFER_ENCODING] = NAME("Transfer-Encoding"),
        [HEADER_FORWARDED_FOR] = NAME("X-Forwarded-For"),
        [HEADER_FORWARDED_HOST] = NAME("X-Forwarded-Host"),
        [HEADER_FORWARDED_PROTO] = NAME("X-Forwarded-Proto"),
        [HEADER_REAL_IP] = NAME("X-Real-IP"),
        [HEADER_SCRIPT_NAME] = NAME("X-Script-Name"),
};

static bool is_token(const char *s, size_t size) {
        for (size_t i = 0; i < size; i++) {
                char c = s[i];

                if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c))))
                        return false;
        }
        return size > 0;
}

static bool is_value(const char *s, size_t size) {
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char) s[i];

                if ((c < ' ' && c != '\t') || c == 0x7f)
                        return false;
        }
        return true;
}

/*
 * Some versions of the library glue a folded line to the name of a header whose value is empty: "Transfer-Encoding:", " chunked"
 * comes as "Transfer-Encodingchunked". Whoever is in front of us may have understood it.
 */
static bool is_glued(const char *name, size_t size) {
        static const enum header framing[] = {HEADER_CONTENT_LENGTH, HEADER_TRANSFER_ENCODING, HEADER_HOST};

        for (size_t i = 0; i < ELEMENTSOF(framing); i++)
                if (size > names[framing[i]].size && strncasecmp(name, names[framing[i]].name, names[framing[i]].size) == 0)
                        return true;
        return false;
}

void headers_add(struct headers *h, const char *name, size_t name_size, const char *value, size_t value_size) {
        if (!value)
                value_size = 0;
        if (!is_token(name, name_size) || !is_value(value, value_size) || (value_size == 0 && is_glued(name, name_size)))
                h->malformed = true;
        for (enum header i = 0; i < HEADER_MAX; i++) {
                if (names[i].size != name_size || strcasecmp(names[i].name, name) != 0)
                        continue;
                if (h->counts[i]++ == 0)
                        h->values[i] = value;
                if (h->counts[i] == 0)
                        h->counts[i] = UINT8_MAX;
                return;
        }
}

const char *headers_refuse(const struct headers *h, bool http_1_1) {
        const char *length = h->values[HEADER_CONTENT_LENGTH];
        size_t digits = length ? strspn(length, "0123456789") : 0;

        if (h->malformed)
                return "malformed header";
        if (h->counts[HEADER_CONTENT_LENGTH] > 1)
                return "several Content-Length";
        if (length && (digits == 0 || digits > 18 || length[digits]))
                return "malformed Content-Length";
        if (h->counts[HEADER_TRANSFER_ENCODING] > 0) {
                if (length)
                        return "Content-Length with Transfer-Encoding";
                if (h->counts[HEADER_TRANSFER_ENCODING] > 1 || !http_1_1 ||
                    strcasecmp(h->values[HEADER_TRANSFER_ENCODING], "chunked") != 0)
                        return "unsupported Transfer-Encoding";
        }
        if (h->counts[HEADER_HOST] > 1)
                return "several Host";
        if (h->counts[HEADER_HOST] == 0 && http_1_1)
                return "no Host";
        return NULL;
}
