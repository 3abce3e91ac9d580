/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "monit/ask.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "lib/wait.h"

#define ANSWER_NSEC (10 * NSEC_PER_SEC)
#define REST_NSEC NSEC_PER_SEC
#define REST_MAX 65536

/* REST ports listen on IPv4, on an address or on all. */
static int connect_to(const struct facts_port *port, uint64_t deadline) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port->port)};
        _cleanup_close_ int fd = -1;
        int r, error = 0;
        socklen_t size = sizeof(error);

        if (inet_pton(AF_INET, port->address, &address.sin_addr) != 1 || address.sin_addr.s_addr == INADDR_ANY)
                address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0 && errno != EINPROGRESS)
                return -errno;
        r = wait_for(fd, POLLOUT, deadline);
        if (r < 0)
                return r;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                return -errno;
        return error ? -error : fd_steal(&fd);
}

/* The rest is of no interest; who is hung up on in the middle of it logs an error. */
static void read_rest(int fd) {
        uint64_t deadline = now_monotonic() + REST_NSEC;
        char rest[4096];
        ssize_t n = 1;

        for (size_t done = 0; n > 0 && done < REST_MAX && wait_for(fd, POLLIN, deadline) == 0; done += (size_t) MAX(n, (ssize_t) 0))
                n = recv(fd, rest, sizeof(rest), 0);
}

static int ask(const struct manifest *m, const struct facts_port *port) {
        uint64_t deadline = now_monotonic() + ANSWER_NSEC;
        _cleanup_close_ int fd = connect_to(port, deadline);
        char request[512], answer[16];
        int n, r;

        if (fd < 0)
                return fd;
        n = snprintf(request, sizeof(request),
                     "GET %s/ HTTP/1.0\r\nHost: localhost\r\nUser-Agent: wazo-monit-check\r\n\r\n",
                     strempty(m->prefix));
        if (n >= (int) sizeof(request))
                return -ENAMETOOLONG;
        if (send(fd, request, (size_t) n, MSG_NOSIGNAL) != n)
                return -EIO; /* an empty socket takes so little at once */
        r = wait_for(fd, POLLIN, deadline);
        if (r < 0)
                return r;
        if (recv(fd, answer, sizeof(answer), 0) < 0)
                return -errno;
        read_rest(fd);
        return 0;
}

int ask_http(const struct manifest *m, const struct facts_port **ret_port) {
        for (size_t i = 0; i < m->facts.n_ports; i++)
                if (m->facts.ports[i].rest) {
                        int r = ask(m, &m->facts.ports[i]);

                        if (r < 0)
                                *ret_port = &m->facts.ports[i];
                        return r;
                }
        return 0;
}
