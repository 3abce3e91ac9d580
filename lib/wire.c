/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/wire.h"

static const struct wire_message_info messages[] = {
#define X(n, number, d, b, f) [number] = {.name = #n, .direction = (d), .body = (b), .fds_max = (f)},
        WIRE_MESSAGES(X)
#undef X
};

const struct wire_message_info *wire_message_info(unsigned type) {
        if (type >= ELEMENTSOF(messages) || !messages[type].name)
                return NULL;
        return &messages[type];
}

int wire_check(const void *packet, size_t size, unsigned n_fds, unsigned direction, struct wire_header *ret_header) {
        const struct wire_message_info *info;
        struct wire_header header;

        if (size < sizeof(header))
                return -EBADMSG;
        memcpy(&header, packet, sizeof(header));
        info = wire_message_info(header.type);
        if (!info || !(info->direction & direction))
                return -EBADMSG;
        if (header.size != size - sizeof(header) || header.fds != n_fds || n_fds > info->fds_max)
                return -EBADMSG;
        if (info->body != WIRE_VARIABLE && header.size != info->body)
                return -EBADMSG;
        *ret_header = header;
        return 0;
}

#define X(name, text) text,
static const char *const kinds[] = {WIRE_KINDS(X)};
static const char *const states[] = {WIRE_STATES(X)};
static const char *const causes[] = {WIRE_CAUSES(X)};
static const char *const verbs[] = {WIRE_VERBS(X)};
#undef X

#define DEFINE_TO_STRING(what, table)                               \
        const char *wire_##what##_to_string(unsigned value) {       \
                return value < ELEMENTSOF(table) ? table[value] : "unknown"; \
        }

DEFINE_TO_STRING(kind, kinds)
DEFINE_TO_STRING(state, states)
DEFINE_TO_STRING(cause, causes)
DEFINE_TO_STRING(verb, verbs)

int wire_kind_from_string(const char *s) {
        for (unsigned i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(kinds[i], s))
                        return (int) i;
        return -EINVAL;
}
