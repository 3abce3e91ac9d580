/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/discovery/health.h"

enum { SLOT_GATEWAY = 1 << 0, SLOT_PLUGIN = 1 << 1, SLOT_UP = 1 << 2 };

void health_done(struct health *h) {
        free(h->slots);
        *h = (struct health) {0};
}

int health_take_service(struct health *h, const struct wire_service *service) {
        if (!wire_string_valid(service->name) || !wire_string_valid(service->version) || !wire_string_valid(service->status))
                return -EBADMSG;
        h->service = *service;
        h->has_service = true;
        h->began |= service->ready != 0;
        return 0;
}

static void set(struct health *h, uint32_t slot, unsigned bits) {
        unsigned before = h->slots[slot];

        h->gateways += !!(bits & SLOT_GATEWAY) - !!(before & SLOT_GATEWAY);
        h->plugins += !!(bits & SLOT_PLUGIN) - !!(before & SLOT_PLUGIN);
        h->gateways_up += (bits & SLOT_UP && bits & SLOT_GATEWAY) - (before & SLOT_UP && before & SLOT_GATEWAY);
        h->plugins_up += (bits & SLOT_UP && bits & SLOT_PLUGIN) - (before & SLOT_UP && before & SLOT_PLUGIN);
        h->slots[slot] = (uint8_t) bits;
}

int health_take_slot(struct health *h, const struct wire_slot *slot) {
        bool up = slot->state == WIRE_STATE_READY || slot->state == WIRE_STATE_RESTING;
        unsigned bits = slot->kind == WIRE_KIND_GATEWAY ? SLOT_GATEWAY : slot->kind == WIRE_KIND_PLUGIN ? SLOT_PLUGIN : 0U;

        if (slot->slot >= HEALTH_SLOTS_MAX)
                return -EBADMSG;
        if (slot->slot >= h->n_slots) {
                size_t n = MAX(h->n_slots * 2, (size_t) slot->slot + 64);
                uint8_t *slots = realloc(h->slots, n);

                if (!slots)
                        return -ENOMEM;
                memset(slots + h->n_slots, 0, n - h->n_slots);
                h->slots = slots;
                h->n_slots = n;
        }
        set(h, slot->slot, bits | (up ? SLOT_UP : 0U));
        return 0;
}

void health_drop_slot(struct health *h, uint32_t slot) {
        if (slot < h->n_slots)
                set(h, slot, 0);
}

bool health_look(const struct health *h, enum registrar_health *ret, const char **ret_text) {
        if (!h->has_service || !h->began || h->service.stopping)
                return false;
        *ret_text = h->service.status;
        if (h->gateways > 0 && h->gateways_up == 0) {
                *ret = REGISTRAR_CRITICAL;
                *ret_text = "nobody answers: no gateway is ready";
        } else if (h->plugins > 0 && h->plugins_up == 0) {
                *ret = REGISTRAR_CRITICAL;
                *ret_text = "no plugin is ready";
        } else
                *ret = !h->service.ready ? REGISTRAR_CRITICAL : h->service.degraded ? REGISTRAR_WARNING : REGISTRAR_PASSING;
        return true;
}
