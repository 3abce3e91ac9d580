/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/event.h"

#include <stdio.h>

/* FNV-1a: it names, and proves nothing. */
static void digest(const char *data, size_t size, char ret[EVENT_ID_SIZE]) {
        uint64_t hash = UINT64_C(14695981039346656037);

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ (uint8_t) data[i]) * UINT64_C(1099511628211);
        (void) snprintf(ret, EVENT_ID_SIZE, "%016llx", (unsigned long long) hash);
}

int event_new(const char *name, const char *message_id, const char *routing_key, const char *headers,
              const char *payload, size_t size, struct event **ret) {
        struct event *e = calloc(1, sizeof(*e));

        if (!e)
                return -ENOMEM;
        e->name = strdup(name);
        e->message_id = strdup(message_id);
        e->routing_key = strdup(routing_key);
        e->headers = strdup(headers);
        e->payload = malloc(size + 1);
        if (!e->name || !e->message_id || !e->routing_key || !e->headers || !e->payload) {
                (void) event_free(e);
                return -ENOMEM;
        }
        memcpy(e->payload, payload, size);
        e->payload[size] = 0;
        e->size = size;
        digest(payload, size, e->id);
        *ret = e;
        return 0;
}

struct event *event_free(struct event *e) {
        if (!e)
                return NULL;
        free(e->name);
        free(e->message_id);
        free(e->routing_key);
        free(e->headers);
        free(e->payload);
        free(e);
        return NULL;
}
