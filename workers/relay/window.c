/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/window.h"

int window_init(struct window *w, size_t max) {
        *w = (struct window) {.max = MIN(MAX(max, (size_t) 1), (size_t) WINDOW_MAX), .first_tag = 1};
        w->entries = calloc(w->max, sizeof(*w->entries));
        return w->entries ? 0 : -ENOMEM;
}

void window_done(struct window *w) {
        free(w->entries);
        *w = (struct window) {0};
}

void window_reset(struct window *w) {
        w->first = w->n = w->settled = 0;
        w->first_tag = 1;
}

static struct window_entry *at(const struct window *w, size_t i) {
        return &w->entries[(w->first + i) % w->max];
}

void window_add(struct window *w, int64_t id, uint64_t resource, unsigned tries, uint64_t now) {
        *at(w, w->n++) = (struct window_entry) {.id = id, .resource = resource, .tries = tries, .sent = now};
}

static void mark_again(struct window *w, size_t behind) {
        for (size_t i = behind + 1; i < w->n; i++)
                if (at(w, i)->resource == at(w, behind)->resource)
                        at(w, i)->again = true;
}

/* The tag stands still while callbacks look around; what is settled leaves from the front afterwards. */
int window_settle(struct window *w, uint64_t tag, bool multiple, bool ok,
                  void (*settle)(void *userdata, const struct window_entry *entry, bool ok), void *userdata) {
        size_t last;

        /* RabbitMQ says 0 for "all so far". */
        if (tag == 0 && multiple)
                tag = w->first_tag + w->n - 1;
        if (tag < w->first_tag || tag - w->first_tag >= w->n)
                return multiple && tag < w->first_tag && tag > 0 ? 0 : -EBADMSG;
        last = (size_t) (tag - w->first_tag);
        for (size_t i = multiple ? 0 : last; i <= last; i++) {
                struct window_entry *entry = at(w, i);

                if (entry->settled)
                        continue;
                entry->settled = true;
                w->settled++;
                if (!ok)
                        mark_again(w, i);
                settle(userdata, entry, ok);
        }
        while (w->n > 0 && at(w, 0)->settled) {
                w->first = (w->first + 1) % w->max;
                w->first_tag++;
                w->n--;
                w->settled--;
        }
        return 0;
}

bool window_has(const struct window *w, int64_t id) {
        for (size_t i = 0; i < w->n; i++)
                if (at(w, i)->id == id && !at(w, i)->settled)
                        return true;
        return false;
}

const struct window_entry *window_oldest(const struct window *w) {
        return w->n > 0 ? at(w, 0) : NULL;
}

int64_t window_highest(const struct window *w) {
        int64_t highest = 0;

        for (size_t i = 0; i < w->n; i++)
                if (!at(w, i)->settled)
                        highest = MAX(highest, at(w, i)->id);
        return highest;
}

uint64_t window_digest(const char *resource) {
        uint64_t digest = UINT64_C(0xcbf29ce484222325);

        for (; *resource; resource++)
                digest = (digest ^ (uint8_t) *resource) * UINT64_C(0x100000001b3);
        return digest;
}
