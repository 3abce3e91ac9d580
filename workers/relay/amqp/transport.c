/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/amqp/transport.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "workers/relay/amqp/resolve.h"
#include "workers/relay/amqp/tls.h"

struct transport {
        sd_event *event;
        const struct transport_settings *settings;
        const struct transport_callbacks *callbacks;
        void *userdata;

        struct resolve *resolve;
        struct addrinfo *addresses, *next; /* which of them is tried when this one fails */
        int fd;
        sd_event_source *io, *patience; /* ... or takes too long */
        struct tls *tls;
        bool opened, want_write;
        bool tls_wants_write; /* to go on reading */
        char error[256];
};

static void try_next(struct transport *t);

static void fail(struct transport *t) {
        t->callbacks->failed(t->userdata);
}

static void close_socket(struct transport *t) {
        t->tls = tls_free(t->tls);
        t->io = sd_event_source_disable_unref(t->io);
        t->patience = sd_event_source_disable_unref(t->patience);
        t->fd = fd_close(t->fd);
}

/* What the kernel is asked to tell of. */
static int watch(struct transport *t) {
        return sd_event_source_set_io_events(t->io, EPOLLIN | (t->want_write || t->tls_wants_write ? (uint32_t) EPOLLOUT : 0));
}

static void opened(struct transport *t) {
        t->opened = true;
        t->patience = sd_event_source_disable_unref(t->patience);
        freeaddrinfo(t->addresses);
        t->addresses = t->next = NULL;
        t->tls_wants_write = false;
        if (watch(t) < 0) {
                (void) snprintf(t->error, sizeof(t->error), "out of memory");
                fail(t);
                return;
        }
        t->callbacks->opened(t->userdata);
}

/* ----- TLS ----- */

static void fail_tls(struct transport *t, const char *why) {
        (void) snprintf(t->error, sizeof(t->error), "%s:%u: TLS: %s", t->settings->host, t->settings->port, why);
        fail(t);
}

static void go_on_with_tls(struct transport *t) {
        int r = tls_handshake(t->tls);

        if (r == 0) {
                opened(t);
                return;
        }
        if (r > 0) {
                t->tls_wants_write = r == TLS_WANTS_WRITE;
                if (watch(t) >= 0)
                        return;
        }
        /* Another address is the same server, with the same certificate. */
        fail_tls(t, tls_error(t->tls));
}

static void begin_tls(struct transport *t) {
        const struct tls_settings settings = {
                .host = t->settings->host,
                .verify = t->settings->verify,
                .ca = t->settings->ca,
                .certificate = t->settings->certificate,
                .key = t->settings->key,
        };
        char why[200] = "out of memory";

        if (tls_new(&settings, t->fd, &t->tls, why, sizeof(why)) < 0)
                fail_tls(t, why);
        else
                go_on_with_tls(t);
}

/* ----- connecting ----- */

static void name_address(const struct addrinfo *a, char *ret, size_t size) {
        char host[INET6_ADDRSTRLEN] = "?", port[8] = "";

        (void) getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
        (void) snprintf(ret, size, a->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* Keeps the first address's trouble: the others are mostly the same. */
static void note_error(struct transport *t, int error) {
        char address[80];

        name_address(t->next, address, sizeof(address));
        if (!*t->error || error != -ECONNREFUSED)
                (void) snprintf(t->error, sizeof(t->error), "%s: %s", address, strerror(-error));
}

/* This address is none; the next, or the end. */
static void give_up_address(struct transport *t, int error) {
        note_error(t, error);
        close_socket(t);
        t->next = t->next->ai_next;
        if (t->next)
                try_next(t);
        else
                fail(t);
}

static void connected(struct transport *t) {
        const int on = 1;

        t->patience = sd_event_source_disable_unref(t->patience);
        /* What is to go is put together by us. */
        (void) setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void) setsockopt(t->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
        *t->error = 0;
        if (t->settings->tls)
                begin_tls(t);
        else
                opened(t);
}

static void check_connected(struct transport *t) {
        socklen_t size = sizeof(int);
        int error = 0;

        if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                error = errno;
        if (error)
                give_up_address(t, -error);
        else
                connected(t);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct transport *t = userdata;

        if (t->opened)
                t->callbacks->ready(t->userdata, (events & ~(uint32_t) EPOLLOUT) != 0 || t->tls_wants_write, events & EPOLLOUT);
        else if (t->tls)
                go_on_with_tls(t);
        else
                check_connected(t);
        return 0;
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata) {
        give_up_address(userdata, -ETIMEDOUT);
        return 0;
}

static int start_connecting(struct transport *t) {
        int r;

        t->fd = socket(t->next->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (t->fd < 0)
                return -errno;
        if (connect(t->fd, t->next->ai_addr, t->next->ai_addrlen) < 0 && errno != EINPROGRESS)
                return -errno;
        r = sd_event_add_io(t->event, &t->io, t->fd, EPOLLOUT, on_io, t);
        if (r >= 0 && t->next->ai_next)
                r = sd_event_add_time_relative(t->event, &t->patience, CLOCK_MONOTONIC,
                                               t->settings->address_nsec / NSEC_PER_USEC, 0, on_patience, t);
        return r;
}

static void try_next(struct transport *t) {
        int r = start_connecting(t);

        if (r < 0)
                give_up_address(t, r);
}

static void on_resolved(void *userdata, int error, struct addrinfo *list) {
        struct transport *t = userdata;

        t->resolve = resolve_cancel(t->resolve);
        if (error) {
                (void) snprintf(t->error, sizeof(t->error), "the name %s: %s", t->settings->host,
                                error == EAI_SYSTEM ? "the system failed" : gai_strerror(error));
                fail(t);
                return;
        }
        t->addresses = t->next = list;
        try_next(t);
}

int transport_open(sd_event *event, const struct transport_settings *settings, const struct transport_callbacks *callbacks,
                   void *userdata, struct transport **ret) {
        struct transport *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        *t = (struct transport) {.event = event, .settings = settings, .callbacks = callbacks, .userdata = userdata, .fd = -1};
        r = resolve_start(event, settings->host, settings->port, on_resolved, t, &t->resolve);
        if (r < 0) {
                (void) transport_free(t);
                return r;
        }
        *ret = t;
        return 0;
}

struct transport *transport_free(struct transport *t) {
        if (!t)
                return NULL;
        t->resolve = resolve_cancel(t->resolve);
        close_socket(t);
        if (t->addresses)
                freeaddrinfo(t->addresses);
        free(t);
        return NULL;
}

/* ----- bytes ----- */

static ssize_t failed(struct transport *t, int error) {
        (void) snprintf(t->error, sizeof(t->error), "%s", strerror(-error));
        return error;
}

static ssize_t tls_result(struct transport *t, ssize_t n) {
        if (n < 0 && n != -EAGAIN)
                (void) snprintf(t->error, sizeof(t->error), "TLS: %s", tls_error(t->tls));
        return n;
}

ssize_t transport_read(struct transport *t, void *data, size_t size) {
        ssize_t n;

        if (t->tls) {
                bool wants_write = false;

                n = tls_read(t->tls, data, size, &wants_write);
                if (wants_write != t->tls_wants_write) {
                        t->tls_wants_write = wants_write;
                        if (watch(t) < 0)
                                return failed(t, -ENOMEM);
                }
                return tls_result(t, n);
        }
        n = recv(t->fd, data, size, 0);
        return n >= 0 ? n : errno == EINTR || errno == EAGAIN ? -EAGAIN : failed(t, -errno);
}

ssize_t transport_write(struct transport *t, const void *data, size_t size) {
        ssize_t n;

        if (t->tls)
                return tls_result(t, tls_write(t->tls, data, size));
        n = send(t->fd, data, size, MSG_NOSIGNAL);
        return n >= 0 ? n : errno == EINTR || errno == EAGAIN ? -EAGAIN : failed(t, -errno);
}

int transport_want_write(struct transport *t, bool want) {
        if (want == t->want_write)
                return 0;
        t->want_write = want;
        return watch(t);
}

const char *transport_error(const struct transport *t) {
        return t->error;
}
