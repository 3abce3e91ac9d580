/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The measure of the HTTP path: libmicrohttpd answering a constant, in external epoll mode on one thread, as the gateway
 * runs it.
 *
 *     bench-bare-http PORT SIZE
 *
 * Prints a line when it listens.
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

static enum MHD_Result answer(void *userdata, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request) {
        static int seen;

        /* The first call has the headers only. */
        if (!*request) {
                *request = &seen;
                return MHD_YES;
        }
        return MHD_queue_response(connection, MHD_HTTP_OK, userdata);
}

int main(int argc, char **argv) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
        char *body = malloc(size + 1);
        struct MHD_Response *response;
        struct MHD_Daemon *daemon;
        struct pollfd pollfd = {.events = POLLIN};

        if (argc < 3 || !body)
                return EXIT_FAILURE;
        address.sin_port = htons((uint16_t) strtoul(argv[1], NULL, 10));
        memset(body, 'x', size);
        response = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_PERSISTENT);
        if (!response || MHD_add_response_header(response, "Content-Type", "application/json") != MHD_YES)
                return EXIT_FAILURE;
        daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, response, MHD_OPTION_SOCK_ADDR,
                                  (struct sockaddr *) &address, MHD_OPTION_CONNECTION_LIMIT, 1000U, MHD_OPTION_END);
        if (!daemon)
                return EXIT_FAILURE;
        pollfd.fd = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
        (void) puts("ready");
        (void) fflush(stdout);
        for (;;) {
                MHD_UNSIGNED_LONG_LONG timeout;

                if (MHD_get_timeout(daemon, &timeout) != MHD_YES)
                        timeout = 1000;
                (void) poll(&pollfd, 1, (int) timeout);
                if (MHD_run(daemon) != MHD_YES)
                        return EXIT_FAILURE;
        }
}
