/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/listeners.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "supervisor/passed.h"

#define BACKLOG 1024

union address {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
};

static int parse_address(const char *text, uint32_t port, union address *ret, socklen_t *ret_size) {
        union address a = {0};

        if (text[0] == '/') {
                a.un.sun_family = AF_UNIX;
                if (!strcopy(a.un.sun_path, sizeof(a.un.sun_path), text))
                        return -ENAMETOOLONG;
                *ret_size = sizeof(a.un);
        } else if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1) {
                a.in.sin_family = AF_INET;
                a.in.sin_port = htons((uint16_t) port);
                *ret_size = sizeof(a.in);
        } else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1) {
                a.in6.sin6_family = AF_INET6;
                a.in6.sin6_port = htons((uint16_t) port);
                *ret_size = sizeof(a.in6);
        } else
                return -EINVAL;
        *ret = a;
        return 0;
}

/* What a dead one left may go; what somebody listens at is his. */
static int remove_stale(const union address *address, socklen_t size) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        if (connect(fd, &address->any, size) >= 0 || errno == EAGAIN)
                return -EADDRINUSE;
        return unlink(address->un.sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int open_new(const union address *address, socklen_t size) {
        _cleanup_close_ int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        const int on = 1;
        int r;

        if (fd < 0)
                return -errno;
        if (address->any.sa_family == AF_UNIX) {
                r = remove_stale(address, size);
                if (r < 0)
                        return r;
        } else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
                return -errno;
        if (address->any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
                return -errno;
        if (bind(fd, &address->any, size) < 0 || listen(fd, BACKLOG) < 0)
                return -errno;
        return fd_steal(&fd);
}

static int open_file(const char *path, const char **what, const char *name) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        *what = name;
        return fd < 0 ? -errno : fd;
}

static int open_one(const struct plan_listener *wanted, const struct listener *have, size_t n_have, struct listener *ret,
                    const char **ret_what) {
        union address address;
        socklen_t size;
        int r;

        *ret = (struct listener) {.port = wanted->port, .fd = -1, .tls_cert = -1, .tls_key = -1};
        (void) strcopy(ret->name, sizeof(ret->name), wanted->name);
        *ret_what = "listen on";
        if (!strcopy(ret->address, sizeof(ret->address), wanted->address))
                return -ENAMETOOLONG;
        r = parse_address(wanted->address, wanted->port, &address, &size);
        if (r < 0)
                return r;

        for (size_t i = 0; i < n_have && ret->fd < 0; i++)
                if (have[i].port == wanted->port && streq(have[i].address, wanted->address)) {
                        ret->fd = fcntl(have[i].fd, F_DUPFD_CLOEXEC, 3);
                        ret->passed = have[i].passed;
                }
        if (ret->fd < 0) {
                int passed;
                enum passed_from from = passed_find(&address.any, size, &passed);

                if (from != PASSED_NOT) {
                        ret->fd = fcntl(passed, F_DUPFD_CLOEXEC, 3);
                        ret->passed = from == PASSED_BY_UNIT;
                }
        }
        if (ret->fd < 0) {
                r = open_new(&address, size);
                /* At the start nobody is connected yet. */
                if (r == -EADDRINUSE && n_have == 0 && passed_clear_way(&address.any))
                        r = open_new(&address, size);
                if (r < 0)
                        return r;
                ret->fd = r;
        }

        if (wanted->tls_cert[0]) {
                r = ret->tls_cert = open_file(wanted->tls_cert, ret_what, "read the TLS certificate for");
                if (r >= 0)
                        r = ret->tls_key = open_file(wanted->tls_key, ret_what, "read the TLS key for");
        }
        return r < 0 ? r : 0;
}

static void close_one(struct listener *l) {
        l->fd = fd_close(l->fd);
        l->tls_cert = fd_close(l->tls_cert);
        l->tls_key = fd_close(l->tls_key);
}

int listeners_open(const struct plan *plan, const struct listener *have, size_t n_have, struct listener *ret, size_t *ret_n,
                   char *ret_text, size_t text_size) {
        for (size_t i = 0; i < plan->n_listeners; i++) {
                const char *what;
                int r = open_one(&plan->listeners[i], have, n_have, &ret[i], &what);

                if (r < 0) {
                        (void) snprintf(ret_text, text_size, "cannot %s %s port %u: %s", what, plan->listeners[i].address,
                                        plan->listeners[i].port, strerror(-r));
                        for (size_t j = 0; j <= i; j++)
                                close_one(&ret[j]);
                        return r;
                }
        }
        *ret_n = plan->n_listeners;
        return 0;
}

void listeners_adopt(struct service *s, const struct listener *listeners, size_t n) {
        for (size_t i = 0; i < s->n_listeners; i++)
                close_one(&s->listeners[i]);
        if (n > 0)
                memcpy(s->listeners, listeners, n * sizeof(*listeners));
        s->n_listeners = n;
        if (n == 0)
                return; /* what is in systemd's store is for our next life */
        passed_store(s->listeners, n);
        passed_unused(s->listeners, n, s->socket_note, sizeof(s->socket_note));
        if (s->socket_note[0])
                log_warning("%s", s->socket_note);
}

void listeners_discard(const struct listener *listeners, size_t n) {
        for (size_t i = 0; i < n; i++) {
                struct listener copy = listeners[i];

                close_one(&copy);
        }
}

int listeners_open_control(const char *path, mode_t mode) {
        union address address;
        socklen_t size;
        int fd, r;

        r = parse_address(path, 0, &address, &size);
        if (r < 0)
                return r;
        fd = open_new(&address, size);
        if (fd < 0)
                return fd;
        if (chmod(path, mode) < 0) {
                r = -errno;
                (void) close(fd);
                return r;
        }
        return fd;
}
