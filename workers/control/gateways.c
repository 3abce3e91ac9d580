/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/gateways.h"

#include <sys/epoll.h>

#include "lib/channel.h"
#include "lib/log.h"
#include "lib/request.h"
#include "workers/control/metrics.h"

/* How long the relay may take: a gateway gives all of the metrics a second. */
#define RELAY_NSEC (NSEC_PER_SEC / 2)

struct gateway {
        struct gateways *gateways;
        struct gateway *next, **link;
        sd_event_source *io;
        int fd;                /* the source's */
        struct relay_ask *ask; /* for the metrics that it waits for */
        uint64_t id;           /* of that request */
        char name[WIRE_NAME_MAX];
};

static struct gateway *gateway_free(struct gateway *gateway) {
        *gateway->link = gateway->next;
        if (gateway->next)
                gateway->next->link = gateway->link;
        gateway->gateways->n--;
        gateway->ask = relay_forget(gateway->ask);
        (void) sd_event_source_disable_unref(gateway->io);
        free(gateway);
        return NULL;
}

static int refuse(const struct gateway *gateway, uint64_t id, unsigned status) {
        struct reply reply = REPLY_NULL;

        reply.status = status;
        return reply_send(gateway->fd, id, &reply);
}

static int send_metrics(const struct gateway *gateway, const struct relay_result *result) {
        struct reply reply = REPLY_NULL;
        int r = -ENOMEM;

        reply.status = 200;
        reply.content_type = strdup(METRICS_CONTENT_TYPE);
        if (reply.content_type)
                r = metrics_render(gateway->gateways->model, result, now_monotonic(), &reply.body, &reply.body_size);
        if (r >= 0)
                r = reply_send(gateway->fd, gateway->id, &reply);
        reply_done(&reply);
        return r;
}

static void lose(struct gateway *gateway, int error) {
        log_warning("lost the channel of %s: %s", gateway->name, strerror(-error));
        gateway_free(gateway);
}

static void on_relay(void *userdata, const struct relay_result *result) {
        struct gateway *gateway = userdata;
        int r;

        gateway->ask = NULL;
        r = send_metrics(gateway, result);
        if (r < 0)
                lose(gateway, r);
}

/* Of the relay's part it is not told more than that there is none, if there is none. */
static int serve_metrics(struct gateway *gateway, uint64_t id) {
        static const struct relay_question question = {.method = "GET", .path = "/status"};
        struct relay_result none = {0};

        if (gateway->ask)
                return refuse(gateway, id, 503);
        gateway->id = id;
        none.error = relay_ask(gateway->gateways->relay, &question, RELAY_NSEC, on_relay, gateway, &gateway->ask, &none.text);
        return none.error < 0 ? send_metrics(gateway, &none) : 0;
}

static int serve(struct gateway *gateway, struct channel_message *m) {
        int body = channel_message_take_fd(m, 0), r;
        struct request request;

        r = request_decode(m->body, m->header.size, body, &request);
        if (r < 0) {
                (void) fd_close(body);
                return r;
        }
        r = streq(request.path, "/metrics") ? serve_metrics(gateway, m->header.id) : refuse(gateway, m->header.id, 404);
        request_done(&request);
        (void) fd_close(body);
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
                r = m.header.type == WIRE_REQUEST ? serve(gateway, &m) : -EBADMSG;
                channel_message_done(&m);
                if (r < 0)
                        lose(gateway, r);
                return 0;
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
        *gateway = (struct gateway) {.gateways = g, .next = g->first, .link = &g->first, .fd = fd};
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
