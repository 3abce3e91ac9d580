/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/connection.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "workers/gateway/gateway.h"

#define TIMED_OUT "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

static uint64_t period(const struct gateway *g) {
        uint64_t shortest = MIN(g->settings.header_nsec, g->settings.body_nsec) / 4;

        return MAX(MIN(shortest, 3 * NSEC_PER_SEC), 100 * NSEC_PER_MSEC);
}

static void arm(struct gateway *g) {
        struct connections *cs = &g->connections;

        if (cs->armed || cs->n == 0)
                return;
        cs->armed = true;
        (void) sd_event_source_set_time_relative(cs->timer, period(g) / NSEC_PER_USEC);
        (void) sd_event_source_set_enabled(cs->timer, SD_EVENT_ONESHOT);
}

void connection_kill(struct connection *c, const char *answer) {
        if (answer && !c->listener->settings->tls)
                (void) !send(c->fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
        (void) shutdown(c->fd, SHUT_RDWR);
}

bool connection_gone(const struct connection *c) {
        struct pollfd pollfd = {.fd = c->fd, .events = POLLRDHUP};

        return poll(&pollfd, 1, 0) > 0 && (pollfd.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL));
}

/* All bytes that the client ever sent; what does not tell (a Unix socket) has no slow senders. */
static uint64_t bytes_received(int fd) {
        struct tcp_info info = {0};
        socklen_t size = sizeof(info);

        return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ? 0 : info.tcpi_bytes_received;
}

/* Bytes keep coming, and no request line comes of them: a slow one is under way since some time. */
static bool dribbles_too_long(const struct gateway *g, struct connection *c, bool same, uint64_t now) {
        uint64_t bytes = bytes_received(c->fd);
        bool more = bytes > c->seen_bytes;

        c->seen_bytes = bytes;
        if (!same)
                c->dribbling = 0;
        else if (more && c->dribbling == 0)
                c->dribbling = now;
        return c->dribbling > 0 && now - c->dribbling >= g->settings.header_nsec;
}

/*
 * The client will send no more, what it sent has been read, and for a whole period no request came of it. The library misses
 * an end that comes together with the last bytes.
 */
static bool is_cut_short(struct connection *c, bool same) {
        bool before = c->over;
        int unread = 0;

        c->over = connection_gone(c) && ioctl(c->fd, FIONREAD, &unread) == 0 && unread == 0;
        return c->over && before && same;
}

/* Nobody is there any more: what the busy time took is given back. */
static void rest(struct gateway *g) {
        exchange_free_spare(g);
        text_done(&g->log.text);
        pack_done(&g->scratch);
        (void) malloc_trim(0);
}

static void look_at(struct gateway *g, struct connection *c, uint64_t now) {
        bool same = c->requests == c->seen_requests;

        c->seen_requests = c->requests;
        if (c->state == CONNECTION_BUSY || c->state == CONNECTION_SENDING)
                return;
        if (is_cut_short(c, same))
                connection_kill(c, NULL);
        else if (c->state == CONNECTION_IDLE ? dribbles_too_long(g, c, same, now) : now >= c->deadline) {
                g->connections.timed_out++;
                connection_kill(c, TIMED_OUT);
        }
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        struct gateway *g = userdata;
        uint64_t now = now_monotonic();

        g->connections.armed = false;
        if (g->connections.n == 0)
                rest(g);
        for (struct connection *c = g->connections.first; c; c = c->next)
                look_at(g, c, now);
        arm(g);
        return 0;
}

int connections_start(struct gateway *g) {
        return sd_event_add_time(g->event, &g->connections.timer, CLOCK_MONOTONIC, UINT64_MAX, 100000, on_time, g);
}

static bool is_loopback(const struct sockaddr *address) {
        static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) address;

        switch (address ? address->sa_family : AF_UNSPEC) {
        case AF_INET:
                return ntohl(((const struct sockaddr_in *) address)->sin_addr.s_addr) >> 24 == 127;
        case AF_INET6:
                return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) || memcmp(&in6->sin6_addr, mapped, sizeof(mapped)) == 0;
        case AF_UNIX:
                return true;
        default:
                return false;
        }
}

static void show_address(const struct sockaddr *address, char *ret, size_t size) {
        const void *at = NULL;

        if (address && address->sa_family == AF_INET)
                at = &((const struct sockaddr_in *) address)->sin_addr;
        else if (address && address->sa_family == AF_INET6)
                at = &((const struct sockaddr_in6 *) address)->sin6_addr;
        if (!at || !inet_ntop(address->sa_family, at, ret, (socklen_t) size))
                (void) strcopy(ret, size, "local");
}

struct connection *connection_new(struct gateway *g, struct listener *l, int fd, const struct sockaddr *address) {
        struct connection *c = calloc(1, sizeof(*c));

        if (!c)
                return NULL;
        c->listener = l;
        c->fd = fd;
        c->loopback = is_loopback(address);
        show_address(address, c->peer, sizeof(c->peer));
        c->next = g->connections.first;
        if (c->next)
                c->next->previous = c;
        g->connections.first = c;
        g->connections.n++;
        g->connections.accepted++;
        arm(g);
        return c;
}

void connection_free(struct gateway *g, struct connection *c) {
        if (c->previous)
                c->previous->next = c->next;
        else
                g->connections.first = c->next;
        if (c->next)
                c->next->previous = c->previous;
        g->connections.n--;
        free(c);
}

void connection_set_state(struct gateway *g, struct connection *c, enum connection_state state) {
        c->state = state;
        if (state == CONNECTION_HEADERS) {
                c->requests++;
                c->deadline = now_monotonic() + g->settings.header_nsec;
        } else if (state == CONNECTION_BODY)
                c->deadline = now_monotonic() + g->settings.body_nsec;
}

void connections_look(struct gateway *g) {
        for (struct connection *c = g->connections.first; c; c = c->next)
                c->drain_bytes = bytes_received(c->fd);
}

size_t connections_kill_idle(struct gateway *g, bool all) {
        size_t n = 0;

        for (struct connection *c = g->connections.first; c; c = c->next) {
                uint64_t before = c->drain_bytes;

                if (c->state != CONNECTION_IDLE && c->state != CONNECTION_HEADERS)
                        continue;
                c->drain_bytes = bytes_received(c->fd);
                if (all || c->drain_bytes == before)
                        connection_kill(c, NULL);
                else
                        n++;
        }
        return n;
}
