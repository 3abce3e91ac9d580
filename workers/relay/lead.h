/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which of two relays acts. While one is replaced, its successor is there already: it answers and connects, but what the
 * outbox owes is sent by one at a time, or the order would be anybody's guess. A lock on a file beside the database says
 * who; the kernel takes it back from the dead.
 */
#pragma once

#include <systemd/sd-event.h>

#include "lib/util.h"

struct lead {
        sd_event *event; /* borrowed */
        char path[512];  /* "": there is no file to lock, so nobody to share with */
        int fd;          /* the lock, or -1 */
        bool leads;
        sd_event_source *timer;
        void (*begins)(void *userdata);
        void *userdata;
};

/* @begins is called when we lead: at once, or later. */
int lead_init(struct lead *l, sd_event *event, const char *db_uri, void (*begins)(void *userdata), void *userdata) _must_check_;
/* From now on another may lead. */
void lead_release(struct lead *l);
