/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/passed.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#define PASSED_MAX 32
/* Of sockets in the store; a socket unit's FileDescriptorName= does not begin so. */
#define STORED_PREFIX "stored."
#define NAME_SIZE 160

union address {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
};

static struct passed {
        int fd;
        union address address;
        bool stored;                    /* in the store, by us; else a socket unit's */
} all[PASSED_MAX];
static size_t n_all;

/* What the store has of ours. */
static struct stored {
        char name[NAME_SIZE];
} stored[PASSED_MAX];
static size_t n_stored;

static void take(int fd, const char *name) {
        struct passed p = {.fd = fd};
        socklen_t size = sizeof(p.address);

        if (n_all == PASSED_MAX || sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, true) <= 0 ||
            getsockname(fd, &p.address.any, &size) < 0)
                return;
        (void) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        p.stored = strncmp(name, STORED_PREFIX, strlen(STORED_PREFIX)) == 0;
        if (p.stored && strcopy(stored[n_stored].name, sizeof(stored[n_stored].name), name))
                n_stored++;
        all[n_all++] = p;
}

static bool looked;

/* The numbers are known only once: what was opened since is not systemd's. */
static void look(void) {
        char **names = NULL;
        int n;

        if (looked)
                return;
        looked = true;
        n = sd_listen_fds_with_names(false, &names);
        for (int i = 0; i < n; i++) {
                take(SD_LISTEN_FDS_START + i, names ? names[i] : "");
                if (names)
                        free(names[i]);
        }
        free(names);
}

void passed_leave(void (*one)(int fd, const void *address, size_t size, void *userdata), void *userdata) {
        for (size_t i = 0; i < n_all; i++)
                if (!all[i].stored)
                        one(all[i].fd, &all[i].address, sizeof(all[i].address), userdata);
}

int passed_inherit(int fd, const void *address, size_t size) {
        struct passed p = {.fd = fd};

        if (n_all == PASSED_MAX || size != sizeof(p.address))
                return -EBADMSG;
        memcpy(&p.address, address, size);
        looked = true;
        all[n_all++] = p;
        return 0;
}

static uint16_t port_of(const union address *a) {
        return a->any.sa_family == AF_INET ? a->in.sin_port : a->any.sa_family == AF_INET6 ? a->in6.sin6_port : 0;
}

static bool is_wildcard(const union address *a) {
        return a->any.sa_family == AF_INET ? a->in.sin_addr.s_addr == INADDR_ANY :
                a->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

static bool same_address(const union address *a, const union address *b) {
        if (a->any.sa_family != b->any.sa_family)
                return false;
        switch (a->any.sa_family) {
        case AF_INET:
                return a->in.sin_port == b->in.sin_port && a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
        case AF_INET6:
                return a->in6.sin6_port == b->in6.sin6_port &&
                       memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0;
        default:
                return strncmp(a->un.sun_path, b->un.sun_path, sizeof(a->un.sun_path)) == 0;
        }
}

enum passed_from passed_find(const struct sockaddr *address, socklen_t size, int *ret_fd) {
        union address wanted = {0};

        look();
        memcpy(&wanted, address, MIN((size_t) size, sizeof(wanted)));
        for (size_t i = 0; i < n_all; i++)
                if (all[i].fd >= 0 && same_address(&all[i].address, &wanted)) {
                        *ret_fd = all[i].fd;
                        return all[i].stored ? PASSED_FROM_STORE : PASSED_BY_UNIT;
                }
        return PASSED_NOT;
}

bool passed_clear_way(const struct sockaddr *address) {
        union address wanted = {0};
        bool cleared = false;

        memcpy(&wanted, address,
               address->sa_family == AF_INET    ? sizeof(wanted.in)
               : address->sa_family == AF_INET6 ? sizeof(wanted.in6)
                                                : 0);
        for (size_t i = 0; i < n_all && port_of(&wanted) != 0; i++) {
                struct passed *p = &all[i];

                if (p->fd < 0 || p->address.any.sa_family != wanted.any.sa_family || port_of(&p->address) != port_of(&wanted) ||
                    is_wildcard(&p->address) == is_wildcard(&wanted))
                        continue;
                /* Closing ours would not do: systemd has it, too. */
                if (shutdown(p->fd, SHUT_RDWR) < 0)
                        continue;
                p->fd = fd_close(p->fd);
                cleared = true;
        }
        return cleared;
}

static bool is_at(const struct passed *p, const struct listener *l) {
        union address have = {0};
        socklen_t size = sizeof(have);

        return getsockname(l->fd, &have.any, &size) == 0 && same_address(&p->address, &have);
}

static bool is_used(const struct passed *p, const struct listener *listeners, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (is_at(p, &listeners[i]))
                        return true;
        return false;
}

/* A name says which address it is of, so that one that stays need not be told anew: "stored.127.0.0.1.9486". */
static bool store_name(const struct listener *l, char *to, size_t size) {
        int n = snprintf(to, size, STORED_PREFIX "%s.%u", l->address, l->port);

        if (n < 0 || (size_t) n >= size)
                return false;
        for (char *c = to; *c; c++)
                if (*c == ':' || *c == '/')
                        *c = '_';
        return true;
}

static bool is_wanted(const char *name, const struct listener *listeners, size_t n) {
        char wanted[NAME_SIZE];

        for (size_t i = 0; i < n; i++)
                if (!listeners[i].passed && store_name(&listeners[i], wanted, sizeof(wanted)) && streq(name, wanted))
                        return true;
        return false;
}

void passed_store(const struct listener *listeners, size_t n) {
        struct stored now[PLAN_LISTENERS_MAX];
        size_t n_now = 0;

        for (size_t i = 0; i < n_stored; i++)
                if (!is_wanted(stored[i].name, listeners, n))
                        (void) sd_notifyf(false, "FDSTOREREMOVE=1\nFDNAME=%s", stored[i].name);
        for (size_t i = 0; i < n_all; i++)
                if (all[i].stored && !is_used(&all[i], listeners, n))
                        all[i].fd = fd_close(all[i].fd);
        for (size_t i = 0; i < n; i++) {
                char text[NAME_SIZE + 32];

                if (listeners[i].passed || !store_name(&listeners[i], now[n_now].name, sizeof(now[n_now].name)))
                        continue;
                (void) snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", now[n_now++].name);
                /* systemd knows one that it has already. */
                (void) sd_pid_notify_with_fds(0, false, text, &listeners[i].fd, 1);
        }
        memcpy(stored, now, n_now * sizeof(*now));
        n_stored = n_now;
}

static void describe(const union address *a, char *to, size_t size) {
        char text[INET6_ADDRSTRLEN] = "";

        if (a->any.sa_family == AF_UNIX)
                (void) snprintf(to, size, "%.100s", a->un.sun_path);
        else {
                (void) inet_ntop(a->any.sa_family,
                                 a->any.sa_family == AF_INET ? (const void *) &a->in.sin_addr : &a->in6.sin6_addr,
                                 text, sizeof(text));
                (void) snprintf(to, size, "%s port %u", text, ntohs(port_of(a)));
        }
}

void passed_unused(const struct listener *listeners, size_t n, char *ret_text, size_t size) {
        ret_text[0] = 0;
        for (size_t i = 0; i < n_all; i++) {
                char address[128];

                if (all[i].stored || (all[i].fd >= 0 && is_used(&all[i], listeners, n)))
                        continue;
                describe(&all[i].address, address, sizeof(address));
                (void) snprintf(ret_text, size, "systemd's socket at %s is not used: the configuration has another", address);
                return;
        }
}
