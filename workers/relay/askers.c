/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The channels on which gateways and control ask. */
#include <sys/epoll.h>

#include "workers/relay/relay.h"

#define MESSAGES_AT_ONCE 16

struct asker {
        struct relay *relay;
        struct asker *next, **link;
        sd_event_source *io;
        char name[WIRE_NAME_MAX];
};

static void asker_free(struct asker *asker) {
        *asker->link = asker->next;
        if (asker->next)
                asker->next->link = asker->link;
        asker->relay->n_askers--;
        (void) sd_event_source_disable_unref(asker->io);
        free(asker);
}

static int serve(struct asker *asker, int fd, struct channel_message *m) {
        struct reply reply = REPLY_NULL;
        struct request request;
        int r;

        if (m->header.type != WIRE_REQUEST)
                return -EBADMSG;
        r = request_decode(m->body, m->header.size, m->n_fds > 0 ? m->fds[0] : -1, &request);
        if (r < 0)
                return r;
        r = answers_make(asker->relay, &request, &reply);
        if (r >= 0)
                r = reply_send(fd, m->header.id, &reply);
        reply_done(&reply);
        request_done(&request);
        return r;
}

static int on_asker(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct asker *asker = userdata;
        struct channel_message m;
        int r = 1;

        for (unsigned n = 0; n < MESSAGES_AT_ONCE && r > 0; n++) {
                r = channel_receive(fd, WIRE_ASK, &m);
                if (r <= 0)
                        break;
                r = serve(asker, fd, &m);
                channel_message_done(&m);
                if (r >= 0)
                        r = 1;
                else
                        log_warning("lost the channel of %s: %s", asker->name, strerror(-r));
        }
        /* Its end, or a broken peer: in both cases the supervisor introduces the next one. */
        if (r <= 0 && r != -EAGAIN)
                asker_free(asker);
        return 0;
}

int askers_add(struct relay *r, const struct wire_peer *peer, int fd) {
        _cleanup_close_ int owned = fd;
        struct asker *asker;
        int e;

        if (r->n_askers >= RELAY_ASKERS_MAX)
                return -ENOBUFS;
        asker = calloc(1, sizeof(*asker));
        if (!asker)
                return -ENOMEM;
        *asker = (struct asker) {.relay = r, .next = r->askers, .link = &r->askers};
        (void) strcopy(asker->name, sizeof(asker->name), peer->name);
        e = sd_event_add_io(r->event, &asker->io, fd, EPOLLIN, on_asker, asker);
        if (e >= 0)
                e = sd_event_source_set_io_fd_own(asker->io, true);
        if (e < 0) {
                (void) sd_event_source_disable_unref(asker->io);
                free(asker);
                return e;
        }
        (void) fd_steal(&owned);
        if (asker->next)
                asker->next->link = &asker->next;
        r->askers = asker;
        r->n_askers++;
        return 0;
}

void askers_done(struct relay *r) {
        while (r->askers)
                asker_free(r->askers);
}
