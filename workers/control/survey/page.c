/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-page, which is "wazo-suite page": the suite's state for browsers, to be read and nothing else. It is two processes: reader.c
 * asks the services, and this one speaks HTTP, with one loop in which nothing waits. While nobody looks both sleep.
 */
#include <arpa/inet.h>
#include <grp.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>

#include "lib/complain.h"
#include "lib/landlock.h"
#include "workers/control/survey/guard.h"
#include "workers/control/survey/page.h"
#include "workers/control/survey/parse.h"
#include "workers/control/survey/reader.h"

#define PROGRAM "wazo-suite page"
#define CONNECTIONS_MAX 64U
#define IDLE_SECONDS 30U
/* However many look, services are asked no more often. */
#define FRESH_NSEC NSEC_PER_SEC

/* As documented in wazo-suite(1). */
enum exit_code { EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_CONFIGURATION = 78 };

struct arguments {
        struct survey_options survey;
        const char *token_file;
        struct sockaddr_storage address;
        socklen_t address_size;
};

/* A request; it may wait for a look. */
struct request {
        struct MHD_Connection *connection;
        struct request *next; /* of those that wait */
        bool waited;
};

static struct {
        struct guard guard;
        struct MHD_Daemon *daemon;
        int reader;
        bool asked;
        struct reader_answer coming;
        char *document; /* the newest look, or NULL */
        size_t size;
        uint64_t at;
        struct request *waiting;
} page = {.reader = -1};

/* ----- answers ----- */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type, const char *text, size_t size,
                              enum MHD_ResponseMemoryMode mode) {
        const char *const headers[][2] = {
                {"Content-Type", type},         {"Content-Security-Policy", page_policy}, {"X-Content-Type-Options", "nosniff"},
                {"Referrer-Policy", "no-referrer"}, {"Cache-Control", "no-store"},          {"Cross-Origin-Resource-Policy", "same-origin"},
        };
        struct MHD_Response *response = MHD_create_response_from_buffer(size, (void *) text, mode);
        enum MHD_Result r = MHD_YES;

        if (!response)
                return MHD_NO;
        for (unsigned i = 0; i < ELEMENTSOF(headers) && r == MHD_YES; i++)
                r = MHD_add_response_header(response, headers[i][0], headers[i][1]);
        if (r == MHD_YES && status == MHD_HTTP_METHOD_NOT_ALLOWED)
                r = MHD_add_response_header(response, "Allow", "GET, HEAD");
        if (r == MHD_YES)
                r = MHD_queue_response(c, status, response);
        MHD_destroy_response(response);
        return r;
}

static enum MHD_Result say(struct MHD_Connection *c, unsigned status, const char *text) {
        return answer(c, status, "text/plain; charset=utf-8", text, strlen(text), MHD_RESPMEM_PERSISTENT);
}

static const char *header(struct MHD_Connection *c, const char *name) {
        return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static bool is_forwarded(struct MHD_Connection *c) {
        static const char *const headers[] = {"Forwarded",         "X-Forwarded-For", "X-Forwarded-Host",
                                              "X-Forwarded-Proto", "X-Real-IP",       "X-Script-Name"};

        for (unsigned i = 0; i < ELEMENTSOF(headers); i++)
                if (header(c, headers[i]))
                        return true;
        return false;
}

/* The newest look; or the request waits for it, and comes back here. */
static enum MHD_Result answer_document(struct request *request) {
        if (page.document && (request->waited || now_monotonic() < page.at + FRESH_NSEC))
                return answer(request->connection, MHD_HTTP_OK, "application/json", page.document, page.size,
                              MHD_RESPMEM_MUST_COPY);
        if (request->waited || (!page.asked && send(page.reader, "?", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1))
                return say(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE, "The services cannot be asked now.\n");
        page.asked = true;
        request->next = page.waiting;
        page.waiting = request;
        MHD_suspend_connection(request->connection);
        return MHD_YES;
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **state) {
        struct request *request = *state;

        /* An answer to the headers alone would end the connection. */
        if (!request) {
                request = calloc(1, sizeof(*request));
                if (!request)
                        return MHD_NO;
                request->connection = c;
                *state = request;
                return MHD_YES;
        }
        if (*size > 0) {
                *size = 0;
                return MHD_YES;
        }
        if (!streq(method, "GET") && !streq(method, "HEAD"))
                return say(c, MHD_HTTP_METHOD_NOT_ALLOWED, "This is to be read only.\n");
        if (!streq(url, "/") && !streq(url, "/suite.json"))
                return say(c, MHD_HTTP_NOT_FOUND, "There is no such page.\n");
        /* The page itself tells nothing, and may ask for a token. */
        if (streq(url, "/"))
                return answer(c, MHD_HTTP_OK, "text/html; charset=utf-8", page_text, page_size, MHD_RESPMEM_PERSISTENT);
        switch (guard_ask(&page.guard, header(c, "X-Auth-Token"), header(c, "Host"), is_forwarded(c))) {
        case GUARD_LET_IN:
                return answer_document(request);
        case GUARD_TOKEN:
                return say(c, MHD_HTTP_UNAUTHORIZED, "The header X-Auth-Token must hold the page's token.\n");
        case GUARD_STRANGER:
                break;
        }
        return say(c, MHD_HTTP_FORBIDDEN,
                   "Without a token this is for who is on this host, by the name localhost, and comes by no proxy.\n");
}

static void forget(const struct request *request) {
        for (struct request **at = &page.waiting; *at; at = &(*at)->next)
                if (*at == request) {
                        *at = request->next;
                        return;
                }
}

static void on_completed(void *userdata, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code) {
        forget(*state);
        free(*state);
        *state = NULL;
}

/* ----- the loop ----- */

static void resume_all(void) {
        while (page.waiting) {
                struct request *request = page.waiting;

                page.waiting = request->next;
                request->waited = true;
                MHD_resume_connection(request->connection);
        }
}

static int take_look(void) {
        int r = reader_receive(page.reader, &page.coming);

        if (r <= 0)
                return r;
        free(page.document);
        page.document = STEAL(page.coming.data);
        page.size = page.coming.size;
        page.at = now_monotonic();
        page.asked = false;
        resume_all();
        return 0;
}

static int run(int signals) {
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(page.daemon, MHD_DAEMON_INFO_EPOLL_FD);

        for (;;) {
                struct pollfd fds[] = {
                        {.fd = info->epoll_fd, .events = POLLIN},
                        {.fd = page.reader, .events = POLLIN},
                        {.fd = signals, .events = POLLIN},
                };
                MHD_UNSIGNED_LONG_LONG msec;
                int n;

                if (MHD_run(page.daemon) != MHD_YES)
                        return -EIO;
                n = MHD_get_timeout(page.daemon, &msec) == MHD_YES ? (int) MIN(msec, (MHD_UNSIGNED_LONG_LONG) 60000) : -1;
                if (poll(fds, ELEMENTSOF(fds), n) < 0 && errno != EINTR)
                        return -errno;
                if (fds[2].revents)
                        return 0;
                if (fds[1].revents) {
                        int r = take_look();

                        if (r < 0)
                                return r;
                }
        }
}

/* ----- the beginning ----- */

static const char help_text[] =
        "Usage: " PROGRAM " [OPTIONS]\n\n"
        "Serves a web page of the services of this host and their workers, live and to be read only.\n\n"
        "  --listen ADDRESS:PORT  where (default: 127.0.0.1:9480). Other addresses than the loopback's want a token\n"
        "  --token-file FILE      a file whose first line is the token that readers must have; not readable by everybody\n"
        "  --service NAME         only this service\n"
        "  --socket PATH          only the one with this control socket\n"
        "  --dev DIR              only the one of wazo-supervisord --dev DIR\n"
        "  --services-dir DIR     look for manifests here, before the usual places (repeatable)\n"
        "  --help\n\n"
        "Exit codes: 0 it was told to end, 1 it failed, 2 wrong usage or a manifest that is wrong, 78 it must not be served like this.\n";

/* "127.0.0.1:9480", "[::1]:9480". */
static bool parse_address(const char *text, struct arguments *a) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *) &a->address;
        struct sockaddr_in *four = (struct sockaddr_in *) &a->address;
        const char *colon = strrchr(text, ':');
        size_t n = colon ? (size_t) (colon - text) : 0;
        char host[64], *end;
        unsigned long port;

        if (n == 0 || n >= sizeof(host))
                return false;
        errno = 0;
        port = strtoul(colon + 1, &end, 10);
        if (errno != 0 || end == colon + 1 || *end || port > 65535)
                return false;
        memcpy(host, text, n);
        host[n] = 0;
        a->address = (struct sockaddr_storage) {0};
        if (host[0] == '[' && host[n - 1] == ']') {
                host[n - 1] = 0;
                six->sin6_family = AF_INET6;
                six->sin6_port = htons((uint16_t) port);
                a->address_size = sizeof(*six);
                return inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1;
        }
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t) port);
        a->address_size = sizeof(*four);
        return inet_pton(AF_INET, host, &four->sin_addr) == 1;
}

enum { LISTEN = 256, TOKEN_FILE };

static const struct option options[] = {
        {"listen", required_argument, NULL, LISTEN},
        {"token-file", required_argument, NULL, TOKEN_FILE},
        {0},
};

static int take(int option, const char *value, void *userdata) {
        struct arguments *a = userdata;

        if (option == TOKEN_FILE)
                a->token_file = value;
        else if (!parse_address(value, a))
                return complain(PROGRAM, EXIT_USAGE, "--listen wants ADDRESS:PORT, the address numeric, not '%s'", value);
        return -1;
}

static const struct survey_program program = {PROGRAM, help_text, options, take};

/* systemd's socket, or our own. */
static int open_listener(const struct arguments *a) {
        _cleanup_close_ int fd = -1;
        const int on = 1;

        if (sd_listen_fds(1) == 1)
                return SD_LISTEN_FDS_START;
        fd = socket(a->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
            bind(fd, (const struct sockaddr *) &a->address, a->address_size) < 0 || listen(fd, 64) < 0)
                return -errno;
        return fd_steal(&fd);
}

/* Its address, and whether only this host reaches it. */
static bool describe_listener(int fd, char to[80]) {
        struct sockaddr_storage address = {0};
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *) &address;
        const struct sockaddr_in *four = (const struct sockaddr_in *) &address;
        socklen_t size = sizeof(address);
        char host[64] = "";

        if (getsockname(fd, (struct sockaddr *) &address, &size) < 0)
                return false;
        if (address.ss_family == AF_INET && inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host)))
                (void) snprintf(to, 80, "%s:%u", host, ntohs(four->sin_port));
        else if (address.ss_family == AF_INET6 && inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host)))
                (void) snprintf(to, 80, "[%s]:%u", host, ntohs(six->sin6_port));
        return guard_is_loopback(host);
}

/* What only the reader needs, and files at all. Where the kernel, or who started us, does not let us, the rest holds. */
static void give_up_rights(void) {
        unsigned abi = landlock_abi();
        _cleanup_close_ int rules = -1;

        (void) setgroups(0, NULL);
        reader_drop_capabilities();
        (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        /* What sanitizers do at the end wants files. */
#ifndef __SANITIZE_ADDRESS__
        rules = abi > 0 ? landlock_begin(abi, true) : -1;
        if (rules >= 0)
                (void) landlock_enforce(rules);
#else
        (void) abi;
#endif
}

static int serve(int listener) {
        _cleanup_close_ int signals = -1;
        sigset_t set;
        int r;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        signals = signalfd(-1, &set, SFD_CLOEXEC);
        if (signals < 0)
                return -errno;
        give_up_rights();
        page.daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, NULL,
                                       MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
                                       CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
                                       MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
        if (!page.daemon)
                return -EIO;
        (void) sd_notify(0, "READY=1");
        r = run(signals);
        (void) sd_notify(0, "STOPPING=1");
        resume_all();
        MHD_stop_daemon(page.daemon);
        return r;
}

static int read_token(const char *path) {
        int r = guard_read_token(&page.guard, path);

        if (r == -EPERM)
                return complain(PROGRAM, EXIT_CONFIGURATION, "%s: everybody may read it: chmod o= %s", path, path);
        if (r == -EINVAL)
                return complain(PROGRAM, EXIT_CONFIGURATION,
                                "%s: its first line must be a token of %d characters or more", path, GUARD_TOKEN_MIN);
        return r < 0 ? complain(PROGRAM, EXIT_CONFIGURATION, "%s: %s", path, strerror(-r)) : EXIT_DONE;
}

int main(int argc, char **argv) {
        struct arguments a = {.survey.history = true};
        char address[80] = "";
        struct survey *survey;
        int listener, code, r;
        pid_t reader;

        (void) parse_address("127.0.0.1:9480", &a);
        code = survey_parse(&program, argc, argv, &a.survey, &a);
        if (code >= 0)
                return code;
        r = survey_new(&a.survey, &survey);
        if (r < 0)
                return r == -EINVAL ? EXIT_USAGE : complain(PROGRAM, EXIT_FAILED, "%s", strerror(-r));
        /* First of all, so that it has neither token nor listener. It ends when we do. */
        r = reader_start(survey, &page.reader, &reader);
        survey_free(survey);
        if (r < 0)
                return complain(PROGRAM, EXIT_FAILED, "no second process: %s", strerror(-r));
        code = a.token_file ? read_token(a.token_file) : EXIT_DONE;
        if (code != EXIT_DONE)
                return code;
        listener = open_listener(&a);
        if (listener < 0)
                return complain(PROGRAM, EXIT_FAILED, "it cannot listen there: %s", strerror(-listener));
        if (!describe_listener(listener, address) && !page.guard.token[0])
                return complain(PROGRAM, EXIT_CONFIGURATION, "%s is more than this host: that wants a --token-file", address);
        (void) printf("http://%s/\n", address);
        (void) fflush(stdout);

        r = serve(listener);
        page.reader = fd_close(page.reader);
        (void) waitpid(reader, NULL, 0);
        free(page.document);
        free(page.coming.data);
        return r < 0 ? complain(PROGRAM, EXIT_FAILED, "%s",
                                r == -ECONNRESET ? "the process that asks the services has ended" : strerror(-r))
                     : EXIT_DONE;
}
