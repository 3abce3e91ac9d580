/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stream to a server, plain or by TLS, that never blocks: the name is looked up, its addresses are tried in turn, TLS is
 * negotiated, each a step of the loop; then bytes go as far as they go.
 */
#pragma once

#include <systemd/sd-event.h>

#include "lib/util.h"

struct transport_settings {
        const char *host;
        unsigned port;
        bool tls, verify;
        const char *ca, *certificate, *key; /* or NULL */
        uint64_t address_nsec;              /* for each address but the last */
};

struct transport_callbacks {
        /* It is open. */
        void (*opened)(void *userdata);
        /* There is something to read, or to find out; or room to write, when that was waited for. */
        void (*ready)(void *userdata, bool readable, bool writable);
        /* It did not open, for a reason that transport_error() has, with the address. */
        void (*failed)(void *userdata);
};

struct transport;

/* Settings and callbacks are borrowed. The callbacks may free it. */
int transport_open(sd_event *event, const struct transport_settings *settings, const struct transport_callbacks *callbacks,
                   void *userdata, struct transport **ret) _must_check_;
struct transport *transport_free(struct transport *t);

/* How many bytes, 0 at the end of the stream; -EAGAIN, or an error, whose words transport_error() has. */
ssize_t transport_read(struct transport *t, void *data, size_t size) _must_check_;
ssize_t transport_write(struct transport *t, const void *data, size_t size) _must_check_;
/* Whether "ready" is to tell of room to write. */
int transport_want_write(struct transport *t, bool want) _must_check_;
const char *transport_error(const struct transport *t);
