/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A supervisor just large enough for a gateway, with workers that answer a constant: for measuring the HTTP path alone.
 *
 *   gateway-harness GATEWAY PORT [WORKERS [LOG]]   a gateway and workers of the plugin `info`
 *   gateway-harness --bare PORT                    libmicrohttpd answering the same constant, nothing else
 *
 * It runs until its standard input ends. The token is "bench"; /1.1/infos is the URL.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "lib/channel.h"
#include "lib/memfd.h"
#include "lib/request.h"
#include "lib/ring.h"
#include "lib/worker.h"

#define ANSWER "{\"uuid\": \"8b0a6d0c-6b9a-4a52-8d3c-0d7d6c1f3b11\", \"wazo_version\": \"26.08\"}\n"
#define MASTER "2f4b6d0c-6b9a-4a52-8d3c-0d7d6c1f3b11"

static const char descriptions[] =
        "[{\"plugin\": \"info\", \"abi\": 1, \"routes\": [{\"path\": \"/infos\", \"operations\": [{\"method\": \"GET\", "
        "\"operation\": 0, \"acl\": \"confd.infos.read\", \"tenant\": \"none\"}]}]}]";

static void check(int r, const char *what) {
        if (r < 0) {
                (void) fprintf(stderr, "gateway-harness: %s: %s\n", what, strerror(-r));
                exit(EXIT_FAILURE);
        }
}

static int checked(int r, const char *what) {
        check(r < 0 ? -errno : r, what);
        return r;
}

static void wait_for_end(void) {
        char byte;

        while (read(STDIN_FILENO, &byte, 1) > 0)
                continue;
}

static int listen_on(const char *port) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t) atoi(port)),
                                      .sin_addr = {htonl(INADDR_LOOPBACK)}};
        int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"), yes = 1;

        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
        (void) checked(bind(fd, (struct sockaddr *) &address, sizeof(address)), "bind");
        (void) checked(listen(fd, 1024), "listen");
        return fd;
}

/* --- the constant, bare --------------------------------------------------------------------------------------------- */

static struct MHD_Response *constant;

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **context) {
        static int seen;

        if (!*context) {
                *context = &seen;
                return MHD_YES;
        }
        return MHD_queue_response(c, 200, constant);
}

static int run_bare(const char *port) {
        struct MHD_Daemon *daemon;

        constant = MHD_create_response_from_buffer(strlen(ANSWER), (void *) ANSWER, MHD_RESPMEM_PERSISTENT);
        (void) MHD_add_response_header(constant, "Content-Type", "application/json");
        daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET,
                                  listen_on(port), MHD_OPTION_CONNECTION_LIMIT, 1024U, MHD_OPTION_END);
        if (!daemon)
                return EXIT_FAILURE;
        wait_for_end();
        MHD_stop_daemon(daemon);
        return EXIT_SUCCESS;
}

/* --- a worker ------------------------------------------------------------------------------------------------------- */

_noreturn_ static void run_worker(int channel) {
        static struct channel_message m;
        struct pack p = PACK_NULL;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) prctl(PR_SET_NAME, "double");
        for (;;) {
                struct reply reply = {.status = 200, .body = (char *) ANSWER, .body_size = strlen(ANSWER), .body_fd = -1};
                struct request request;
                int r = channel_receive(channel, WIRE_ASK, &m);

                if (r == -EAGAIN) {
                        (void) channel_wait(channel, NSEC_NEVER);
                        continue;
                }
                if (r <= 0)
                        _exit(0);
                check(request_decode(m.body, m.header.size, -1, &request), "request");
                p.size = 0;
                check(reply_encode(&reply, &p), "reply");
                check(channel_send(channel, WIRE_REPLY, m.header.id, p.data, p.size, NULL, 0), "send");
                request_done(&request);
        }
}

/* --- the supervisor ------------------------------------------------------------------------------------------------- */

static char *make_slice(const char *port) {
        static char slice[2048];
        uint8_t digest[32];
        char hex[65];

        (void) gnutls_hash_fast(GNUTLS_DIG_SHA256, "bench", 5, digest);
        for (size_t i = 0; i < sizeof(digest); i++)
                (void) sprintf(hex + i * 2, "%02x", digest[i]);
        (void) snprintf(slice, sizeof(slice),
                        "{\"service\": \"wazo-confd\", \"version\": \"26.08\", \"prefix\": \"/1.1\", \"uuid\": null, "
                        "\"listeners\": [{\"name\": \"http\", \"address\": \"127.0.0.1\", \"port\": %s, \"tls\": false}], "
                        "\"tokens\": [{\"sha256\": \"%s\", \"auth_id\": \"a\", \"session_uuid\": null, \"tenant_uuid\": \"" MASTER
                        "\", \"acl\": [\"confd.#\"], \"expires_at\": null}], \"tenants\": [{\"uuid\": \"" MASTER
                        "\", \"parent\": null}], \"master_tenant\": \"" MASTER "\"}", port, hex);
        return slice;
}

static pid_t start_gateway(const char *path, const char *log, int *ret_channel) {
        int pair[2], ring, log_fd;
        pid_t pid;

        check(channel_pair(pair), "channel");
        ring = ring_open();
        check(ring, "ring");
        log_fd = checked(open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640), log);
        pid = checked(fork(), "fork");
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) dup2(pair[1], 13);
                (void) dup2(log_fd, 14);
                (void) dup2(ring, 15);
                (void) dup2(13, WORKER_FD_CHANNEL);
                (void) dup2(14, WORKER_FD_LOG);
                (void) dup2(15, WORKER_FD_RING);
                (void) close_range(6, ~0U, 0);
                (void) execl(path, path, (char *) NULL);
                _exit(127);
        }
        (void) close(pair[1]);
        (void) close(ring);
        (void) close(log_fd);
        *ret_channel = pair[0];
        return pid;
}

static void send_setup(int channel, const char *port) {
        struct wire_setup setup = {.kind = WIRE_KIND_GATEWAY, .generation = 1, .log_level = LOG_LEVEL_INFO,
                                   .service = "wazo-confd", .name = "gateway",
                                   .fd_roles = {WIRE_FD_SLICE, WIRE_FD_DESCRIPTIONS, WIRE_FD_LISTENER}};
        const char *slice = make_slice(port);
        int fds[3] = {memfd_sealed("slice", slice, strlen(slice)), memfd_sealed("descriptions", descriptions, strlen(descriptions)),
                      listen_on(port)};

        check(channel_send(channel, WIRE_SETUP, 0, &setup, sizeof(setup), fds, 3), "SETUP");
        for (unsigned i = 0; i < 3; i++)
                (void) close(fds[i]);
}

static void expect(int channel, enum wire_type type) {
        static struct channel_message m;

        for (;;) {
                int r;

                if (channel_wait(channel, now_monotonic() + 10 * NSEC_PER_SEC) <= 0)
                        check(-ETIMEDOUT, "the gateway");
                r = channel_receive(channel, WIRE_UP, &m);
                if (r == -EAGAIN)
                        continue;
                if (r <= 0)
                        check(-EPIPE, "the gateway");
                channel_message_done(&m);
                if (m.header.type == (uint16_t) type)
                        return;
        }
}

static void introduce(int channel, uint32_t number) {
        struct wire_slot slot = {.slot = number, .kind = WIRE_KIND_PLUGIN, .state = WIRE_STATE_READY,
                                 .plugin = "info", .class = "default"};
        struct wire_peer peer = {.slot = number, .generation = 1, .kind = WIRE_KIND_PLUGIN};
        int pair[2];

        (void) snprintf(slot.name, sizeof(slot.name), "info#%u", number);
        memcpy(peer.name, slot.name, sizeof(peer.name));
        check(channel_pair(pair), "channel");
        if (checked(fork(), "fork") == 0) {
                (void) close(pair[0]);
                run_worker(pair[1]);
        }
        (void) close(pair[1]);
        check(channel_send(channel, WIRE_SLOT, 0, &slot, sizeof(slot), NULL, 0), "SLOT");
        check(channel_send(channel, WIRE_PEER, 0, &peer, sizeof(peer), &pair[0], 1), "PEER");
        (void) close(pair[0]);
}

int main(int argc, char **argv) {
        struct wire_drain drain = {0};
        unsigned workers = argc > 3 ? (unsigned) atoi(argv[3]) : 1;
        int channel;
        pid_t pid;

        if (argc == 3 && streq(argv[1], "--bare"))
                return run_bare(argv[2]);
        if (argc < 3) {
                (void) fprintf(stderr, "usage: gateway-harness GATEWAY PORT [WORKERS [LOG]] | --bare PORT\n");
                return EXIT_FAILURE;
        }
        pid = start_gateway(argv[1], argc > 4 ? argv[4] : "/dev/null", &channel);
        expect(channel, WIRE_HELLO);
        send_setup(channel, argv[2]);
        expect(channel, WIRE_READY);
        for (unsigned i = 0; i < workers; i++)
                introduce(channel, i + 1);
        (void) printf("%d\n", (int) pid);
        (void) fflush(stdout);

        wait_for_end();
        drain.deadline = now_monotonic() + NSEC_PER_SEC;
        check(channel_send(channel, WIRE_DRAIN, 0, &drain, sizeof(drain), NULL, 0), "DRAIN");
        (void) waitpid(pid, NULL, 0);
        return EXIT_SUCCESS;
}
