/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/model.h"

#include <ctype.h>
#include <sys/mman.h>

#include "lib/log.h"
#include "lib/memfd.h"

/* Of descriptions. */
#define DOCUMENT_MAX (32U * 1024 * 1024)

void model_done(struct model *m) {
        for (size_t i = 0; i < m->n_slots; i++)
                free(m->slots[i]);
        free(m->slots);
        plan_done(&m->plan);
        if (m->plan_data)
                (void) munmap(m->plan_data, m->plan_size);
        json_decref(m->problems);
        *m = (struct model) {0};
}

/* Where the slot is, or belongs. */
static size_t position(const struct model *m, uint32_t number) {
        size_t low = 0, high = m->n_slots;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (m->slots[middle]->slot < number)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static bool is_at(const struct model *m, size_t i, uint32_t number) {
        return i < m->n_slots && m->slots[i]->slot == number;
}

static int insert_slot(struct model *m, size_t at, struct wire_slot *slot) {
        if (m->n_slots >= MODEL_SLOTS_MAX)
                return -ENOBUFS;
        if (m->n_slots == m->allocated) {
                size_t n = m->allocated ? m->allocated * 2 : 16;
                struct wire_slot **slots = reallocarray(m->slots, n, sizeof(*slots));

                if (!slots)
                        return -ENOMEM;
                m->slots = slots;
                m->allocated = n;
        }
        memmove(m->slots + at + 1, m->slots + at, (m->n_slots - at) * sizeof(*m->slots));
        m->slots[at] = slot;
        m->n_slots++;
        return 0;
}

int model_take_slot(struct model *m, const struct wire_slot *slot) {
        size_t at = position(m, slot->slot);
        struct wire_slot *copy;
        int r;

        if (slot->kind >= WIRE_KIND_MAX || slot->state >= WIRE_STATE_MAX || slot->cause >= WIRE_CAUSE_MAX ||
            !wire_string_valid(slot->name) || !wire_string_valid(slot->plugin) || !wire_string_valid(slot->class) ||
            !wire_string_valid(slot->reason) || !wire_string_valid(slot->hardening) || !wire_string_valid(slot->note))
                return -EBADMSG;
        if (is_at(m, at, slot->slot)) {
                *m->slots[at] = *slot;
                return 0;
        }
        copy = malloc(sizeof(*copy));
        if (!copy)
                return -ENOMEM;
        *copy = *slot;
        r = insert_slot(m, at, copy);
        if (r < 0)
                free(copy);
        return r;
}

void model_drop_slot(struct model *m, uint32_t number) {
        size_t at = position(m, number);

        if (!is_at(m, at, number))
                return;
        free(m->slots[at]);
        m->n_slots--;
        memmove(m->slots + at, m->slots + at + 1, (m->n_slots - at) * sizeof(*m->slots));
}

int model_take_service(struct model *m, const struct wire_service *service) {
        if (!wire_string_valid(service->name) || !wire_string_valid(service->version) || !wire_string_valid(service->status) ||
            !wire_string_valid(service->uuid_source) || !wire_string_valid(service->reload) ||
            service->log_level >= LOG_LEVEL_MAX)
                return -EBADMSG;
        if (m->has_service) {
                if (service->plan_serial != m->service.plan_serial)
                        m->reloads_applied++;
                else if (!streq(service->reload, m->service.reload))
                        m->reloads_refused++;
        }
        m->service = *service;
        m->has_service = true;
        return 0;
}

int model_take_plan(struct model *m, int fd) {
        struct plan plan;
        size_t size;
        void *data;
        int r;

        r = memfd_map(fd, PLAN_SIZE_MAX, &data, &size);
        if (r < 0)
                return r;
        r = plan_decode(data, size, &plan);
        if (r < 0) {
                (void) munmap(data, size);
                return r;
        }
        plan_done(&m->plan);
        if (m->plan_data)
                (void) munmap(m->plan_data, m->plan_size);
        m->plan = plan;
        m->plan_data = data;
        m->plan_size = size;
        m->has_plan = true;
        return 0;
}

/*
 * The document is large and all but its end is for gateways, so only that is parsed: "problems" is the last member, on a
 * line of its own, and no text in JSON holds a line's end (docs/description.md).
 */
int model_take_problems(struct model *m, int fd) {
        static const char member[] = "\n\"problems\": ";
        const char *from = NULL, *text;
        json_t *root, *problems;
        size_t size;
        void *data;
        int r;

        r = memfd_map(fd, DOCUMENT_MAX, &data, &size);
        if (r < 0)
                return r;
        text = data;
        for (const char *at = text; (at = memmem(at, size - (size_t) (at - text), member, strlen(member))); at++)
                from = at + strlen(member);
        /* The document's own brace is behind the array: it may stay. */
        root = from ? json_loadb(from, size - (size_t) (from - text), JSON_DISABLE_EOF_CHECK, NULL) : NULL;
        (void) munmap(data, size);
        if (!json_is_array(root)) {
                json_decref(root);
                return -EBADMSG;
        }
        problems = m->problems;
        m->problems = root;
        json_decref(problems);
        return 0;
}

bool model_is_complete(const struct model *m) {
        return m->has_service && m->has_plan && m->n_slots >= m->plan.n_workers;
}

bool model_is_degraded(const struct model *m) {
        return m->service.degraded || json_array_size(m->problems) > 0;
}

const struct wire_slot *model_find(const struct model *m, const char *name) {
        for (size_t i = 0; i < m->n_slots; i++)
                if (streq(m->slots[i]->name, name))
                        return m->slots[i];
        return NULL;
}

/* Whether @name is that of the instance @of, without its number: sleeper of sleeper#2. */
static bool is_base(const char *name, const char *of) {
        size_t n = strlen(name);

        return n > 0 && strncmp(of, name, n) == 0 && of[n] == '#';
}

bool model_matches(const struct wire_slot *slot, const char *name) {
        return streq(slot->name, name) || is_base(name, slot->name) || (slot->plugin[0] && streq(slot->plugin, name));
}

bool model_knows(const struct model *m, const char *name) {
        for (size_t i = 0; i < m->n_slots; i++)
                if (model_matches(m->slots[i], name))
                        return true;
        return false;
}

/* How many characters to add, drop, change or swap with their neighbour, case aside. */
static unsigned distance(const char *a, const char *b) {
        unsigned rows[3][WIRE_NAME_MAX + 1] = {0};
        unsigned *before = rows[0], *last = rows[1], *now = rows[2];
        size_t n = strnlen(a, WIRE_NAME_MAX), m = strnlen(b, WIRE_NAME_MAX);

        for (size_t j = 0; j <= m; j++)
                last[j] = (unsigned) j;
        for (size_t i = 1; i <= n; i++) {
                unsigned *oldest = before;

                now[0] = (unsigned) i;
                for (size_t j = 1; j <= m; j++) {
                        int x = tolower((unsigned char) a[i - 1]), y = tolower((unsigned char) b[j - 1]);

                        now[j] = MIN(last[j - 1] + (x != y), MIN(last[j], now[j - 1]) + 1);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                now[j] = MIN(now[j], before[j - 2] + 1);
                }
                before = last;
                last = now;
                now = oldest;
        }
        return last[m];
}

/* How far @name is from a worker's, or from what its instances share: user of user#2. */
static unsigned distance_to_worker(const char *name, const char *worker) {
        char base[WIRE_NAME_MAX];

        (void) strcopy(base, sizeof(base), worker);
        base[strcspn(base, "#")] = 0;
        return MIN(distance(name, worker), distance(name, base) + (strchr(worker, '#') != NULL));
}

size_t model_near(const struct model *m, const char *name, const char *ret[MODEL_NEAR_MAX]) {
        unsigned scores[MODEL_NEAR_MAX];
        size_t n = 0;

        if (!name[0])
                return 0;
        for (size_t i = 0; i < m->n_slots; i++) {
                const char *candidate = m->slots[i]->name;
                unsigned score = distance_to_worker(name, candidate);
                size_t at;

                /* A third of it may be wrong; the beginning of a name counts as one mistake. */
                if (strncmp(name, candidate, strlen(name)) == 0)
                        score = 1;
                else if (score > MAX(2U, (unsigned) strnlen(name, WIRE_NAME_MAX) / 3) || score >= strlen(name))
                        continue;
                for (at = n; at > 0 && scores[at - 1] > score; at--)
                        if (at < MODEL_NEAR_MAX) {
                                scores[at] = scores[at - 1];
                                ret[at] = ret[at - 1];
                        }
                if (at >= MODEL_NEAR_MAX)
                        continue;
                scores[at] = score;
                ret[at] = candidate;
                n = MIN(n + 1, (size_t) MODEL_NEAR_MAX);
        }
        return n;
}

bool model_is_well(const struct wire_slot *slot) {
        switch (slot->state) {
        case WIRE_STATE_READY:
        case WIRE_STATE_RESTING:
        case WIRE_STATE_DONE:
                return true;
        default:
                return false;
        }
}
