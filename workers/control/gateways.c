/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/gateways.h"

#include <sys/epoll.h>

#include "lib/channel.h"
#include "lib/log.h"
#include "lib/memfd.h"
#include "lib/request.h"
#include "workers/control/metrics.h"

struct gateway {
        struct gateways *gateways;
        struct gateway *next, **link;
        sd_event_source *io;
        char name[WIRE_NAME_MAX];
};

static struct gateway *gateway_free(struct gateway *gateway) {
        *gateway->link = gateway->next;
        if (gateway->next)
                gateway->next->link = gateway->link;
        gateway->gateways->n--;
        (void) sd_event_source_disable_unref(gateway->io);
        free(gateway);
        return NULL;
}

static int make_reply(const struct gateways *g, const struct request *request, struct reply *reply) {
        if (!streq(request->path, "/metrics")) {
                reply->status = 404;
                return 0;
        }
        reply->status = 200;
        reply->content_type = strdup(METRICS_CONTENT_TYPE);
        if (!reply->content_type)
                return -ENOMEM;
        return metrics_render(g->model, now_monotonic(), &reply->body, &reply->body_size);
}

/* In the packet when it fits, else in a memory file. */
static int send_reply(int fd, uint64_t id, struct reply *reply) {
        struct pack p = PACK_NULL;
        int r;

        r = reply_encode(reply, &p);
        if (r >= 0 && p.size > WIRE_INLINE_MAX) {
                pack_done(&p);
                p = PACK_NULL;
                reply->body_fd = memfd_sealed("metrics", reply->body, reply->body_size);
                r = reply->body_fd;
                if (r >= 0)
                        r = reply_encode(reply, &p);
        }
        if (r >= 0)
                r = channel_send(fd, WIRE_REPLY, id, p.data, p.size, &reply->body_fd, reply->body_fd >= 0);
        pack_done(&p);
        return r;
}

static int serve(struct gateways *g, int fd, struct channel_message *m) {
        struct reply reply = REPLY_NULL;
        struct request request;
        int body = channel_message_take_fd(m, 0), r;

        r = request_decode(m->body, m->header.size, body, &request);
        if (r < 0) {
                (void) fd_close(body);
                return r;
        }
        r = make_reply(g, &request, &reply);
        if (r >= 0)
                r = send_reply(fd, m->header.id, &reply);
        reply_done(&reply);
        request_done(&request);
        return r;
}

static int on_gateway(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct gateway *gateway = userdata;
        struct channel_message m;
        int r;

        r = channel_receive(fd, WIRE_ASK, &m);
        if (r == -EAGAIN)
                return 0;
        if (r > 0) {
                r = m.header.type == WIRE_REQUEST ? serve(gateway->gateways, fd, &m) : -EBADMSG;
                channel_message_done(&m);
                if (r >= 0)
                        return 0;
                log_warning("lost the channel of %s: %s", gateway->name, strerror(-r));
        }
        /* Its end, or a broken peer: in both cases the supervisor introduces the next one. */
        gateway_free(gateway);
        return 0;
}

int gateways_add(struct gateways *g, const struct wire_peer *peer, int fd) {
        _cleanup_close_ int owned = fd;
        struct gateway *gateway;
        int r;

        if (!wire_string_valid(peer->name))
                return -EBADMSG;
        if (g->n >= GATEWAYS_MAX)
                return -ENOBUFS;
        gateway = calloc(1, sizeof(*gateway));
        if (!gateway)
                return -ENOMEM;
        *gateway = (struct gateway) {.gateways = g, .next = g->first, .link = &g->first};
        (void) strcopy(gateway->name, sizeof(gateway->name), peer->name);
        r = sd_event_add_io(g->event, &gateway->io, fd, EPOLLIN, on_gateway, gateway);
        if (r < 0) {
                free(gateway);
                return r;
        }
        r = sd_event_source_set_io_fd_own(gateway->io, true);
        if (r >= 0)
                (void) fd_steal(&owned);
        if (gateway->next)
                gateway->next->link = &gateway->next;
        g->first = gateway;
        g->n++;
        return 0;
}

void gateways_done(struct gateways *g) {
        while (g->first)
                (void) gateway_free(g->first);
}
