/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/wazo-service/probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#define ANSWER_MSEC 20 /* a connection to one's own host is made or refused at once */

/* Who listens everywhere listens on the loopback address, too. */
static bool make_address(const struct facts_port *port, struct sockaddr_storage *ret, socklen_t *ret_size) {
        struct sockaddr_in *four = (struct sockaddr_in *) ret;
        struct sockaddr_in6 *six = (struct sockaddr_in6 *) ret;

        memset(ret, 0, sizeof(*ret));
        if (inet_pton(AF_INET, port->address, &four->sin_addr) == 1) {
                if (four->sin_addr.s_addr == INADDR_ANY)
                        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                four->sin_family = AF_INET;
                four->sin_port = htons((uint16_t) port->port);
                *ret_size = sizeof(*four);
                return true;
        }
        if (inet_pton(AF_INET6, port->address, &six->sin6_addr) == 1) {
                if (IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
                        six->sin6_addr = in6addr_loopback;
                six->sin6_family = AF_INET6;
                six->sin6_port = htons((uint16_t) port->port);
                *ret_size = sizeof(*six);
                return true;
        }
        return false;
}

static bool answers(const struct facts_port *port) {
        _cleanup_close_ int fd = -1;
        struct sockaddr_storage address;
        struct pollfd pollfd;
        socklen_t size;
        int error = 0;

        if (!make_address(port, &address, &size))
                return true;
        fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return false;
        if (connect(fd, (struct sockaddr *) &address, size) == 0)
                return true;
        if (errno != EINPROGRESS)
                return false;
        pollfd = (struct pollfd) {.fd = fd, .events = POLLOUT};
        size = sizeof(error);
        return poll(&pollfd, 1, ANSWER_MSEC) > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

int probe(const struct manifest *m, const struct facts_port **ret_port) {
        const struct facts *f = &m->facts;

        if (f->unit.type == FACTS_UNIT_NOTIFY)
                return 0;
        for (size_t i = 0; i < f->n_ports; i++)
                if (f->ports[i].protocol == FACTS_TCP && !f->ports[i].optional && !answers(&f->ports[i])) {
                        *ret_port = &f->ports[i];
                        return -EAGAIN;
                }
        return 0;
}
