/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libmicrohttpd on our event loop: one daemon a listener, in external epoll mode.
 *
 * The library registers its clients edge-triggered in its own epoll and remembers what is ready. Its descriptor alone does
 * not tell when it must run: after every run it is asked when it wants the next one. When it is full it leaves its listening
 * socket out of the epoll, and only the run after the one that closed a connection puts it back.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "workers/gateway/gateway.h"

/* How often a daemon that wants to run again at once may, before other daemons, and so often before other sources of the loop
 * get their turn. */
#define RUNS_MAX 8
/* Behind the drain deadline: for the last answers to get out. */
#define LAST_NSEC NSEC_PER_SEC
/* A body that belongs to an error is read up to this times the limit, so that the client gets to read the answer. */
#define DISCARD_TIMES 2

#define TOO_MANY_BODY "[\"" ERROR_BROWSER "\"]\n"
#define TOO_MANY "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 81\r\nConnection: close\r\n\r\n" TOO_MANY_BODY
_Static_assert(sizeof(TOO_MANY_BODY) - 1 == 81, "the Content-Length in TOO_MANY");
#define TOO_LARGE "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

static void run_listener(struct listener *l);

/* --- one request ---------------------------------------------------------------------------------------------------- */

/*
 * The library keeps a record of each parameter, in the memory of the headers, before we may say anything. When that is full, some
 * versions neither answer nor close.
 */
static bool too_many_parameters(const char *uri) {
        size_t n = 0;

        for (const char *c = strchr(uri, '?'); c; c = strchr(c + 1, '&'))
                n++;
        return n > 4 * REQUEST_PAIRS_MAX;
}

static void *on_uri(void *userdata, const char *uri, struct MHD_Connection *mhd) {
        struct listener *l = userdata;
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        struct connection *c = info ? info->socket_context : NULL;

        if (!c)
                return NULL;
        connection_set_state(l->gateway, c, CONNECTION_HEADERS);
        if (too_many_parameters(uri))
                connection_kill(c, TOO_MANY);
        return exchange_new(l->gateway, c, uri);
}

static enum MHD_Result on_header(void *userdata, enum MHD_ValueKind kind, const char *name, size_t name_size, const char *value,
                                 size_t value_size) {
        headers_add(userdata, name, name_size, value, value_size);
        return MHD_YES;
}

static bool expects_body(const struct exchange *ex) {
        const char *length = ex->headers.values[HEADER_CONTENT_LENGTH];

        return ex->headers.counts[HEADER_TRANSFER_ENCODING] > 0 || (length && strspn(length, "0") != strlen(length));
}

/* Whether the rest of this message is not worth reading: the answer goes out at once, and the connection ends. */
static bool answer_now(const struct exchange *ex) {
        const char *length = header_get(&ex->headers, HEADER_CONTENT_LENGTH);

        return ex->close || *header_get(&ex->headers, HEADER_EXPECT) ||
               strtoull(length, NULL, 10) > DISCARD_TIMES * exchange_body_limit(ex);
}

/*
 * A NUL in the request line cuts the URI short, and the library does not mind. Where it has the version in the same buffer,
 * as it came, that must follow the URI at once.
 */
static bool uri_is_whole(const struct exchange *ex, const char *version) {
        uintptr_t uri = (uintptr_t) ex->came_at, next = (uintptr_t) version;

        return next <= uri || next - uri > ex->gateway->settings.header_bytes || next - uri == strlen(ex->uri) + 1;
}

static enum MHD_Result begin(struct exchange *ex, struct MHD_Connection *mhd, const char *method, const char *version) {
        ex->mhd = mhd;
        ex->method_name = method;
        ex->method = method_from_string(method);
        ex->http_1_1 = streq(version, "HTTP/1.1");
        (void) MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, on_header, &ex->headers);
        if (!uri_is_whole(ex, version))
                ex->headers.malformed = true;
        flow_begin(ex);

        if (!expects_body(ex)) {
                connection_set_state(ex->gateway, ex->connection, CONNECTION_BUSY);
                /* What cannot be understood may have more behind it than we think. */
                return ex->stage == STAGE_ANSWERED && ex->close ? exchange_give(ex) : MHD_YES;
        }
        connection_set_state(ex->gateway, ex->connection, CONNECTION_BODY);
        if (ex->stage != STAGE_ANSWERED)
                return MHD_YES;
        if (answer_now(ex)) {
                ex->close = true;
                return exchange_give(ex);
        }
        ex->stage = STAGE_DISCARD;
        return MHD_YES;
}

static enum MHD_Result discard(struct exchange *ex, size_t size) {
        ex->discarded += size;
        if (ex->discarded <= DISCARD_TIMES * exchange_body_limit(ex))
                return MHD_YES;
        connection_kill(ex->connection, TOO_LARGE);
        return MHD_NO;
}

static enum MHD_Result collect(struct exchange *ex, const char *data, size_t size) {
        int r;

        if (ex->stage == STAGE_DISCARD)
                return discard(ex, size);
        if (ex->operation->body == BODY_NONE) {
                /* Whatever it is, it is nobody's; but there is a limit. */
                ex->discarded += size;
                r = ex->discarded > exchange_body_limit(ex) ? -EFBIG : 0;
        } else
                r = exchange_collect(ex, data, size);
        if (r >= 0)
                return MHD_YES;

        if (r == -EFBIG)
                exchange_answer(ex, 413, NULL, error_list("Request Entity Too Large"));
        else if (r == -ENOBUFS)
                exchange_answer_unavailable(ex, 1, error_list("Service Unavailable - too many large bodies at once"));
        else {
                log_error("a body of request %s cannot be kept: %s", ex->request_id, strerror(-r));
                exchange_answer(ex, 500, NULL, error_list("Unexpected error: out of memory"));
        }
        ex->stage = STAGE_DISCARD;
        return discard(ex, size);
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **context) {
        struct exchange *ex = *context;

        if (!ex)
                return MHD_NO;
        if (ex->stage == STAGE_LINE)
                return begin(ex, mhd, method, version);
        if (*size > 0) {
                size_t piece = *size;

                *size = 0;
                return collect(ex, data, piece);
        }

        if (ex->stage == STAGE_BODY) {
                connection_set_state(ex->gateway, ex->connection, CONNECTION_BUSY);
                flow_dispatch(ex);
        } else if (ex->stage == STAGE_DISCARD)
                ex->stage = STAGE_ANSWERED;
        return ex->stage == STAGE_ANSWERED ? exchange_give(ex) : MHD_YES;
}

static void on_completed(void *userdata, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code) {
        struct exchange *ex = *context;

        if (!ex)
                return;
        *context = NULL;
        slots_forget(ex);
        if (ex->suspended)
                ex->gateway->slots.held--;
        connection_set_state(ex->gateway, ex->connection, CONNECTION_IDLE);
        (void) exchange_free(ex);
}

void http_suspend(struct exchange *ex) {
        if (ex->suspended)
                return;
        ex->suspended = true;
        ex->gateway->slots.held++;
        MHD_suspend_connection(ex->mhd);
}

void http_resume(struct exchange *ex) {
        if (!ex->suspended)
                return;
        ex->suspended = false;
        ex->gateway->slots.held--;
        ex->gateway->run_wanted = true;
        MHD_resume_connection(ex->mhd);
}

/* --- connections ---------------------------------------------------------------------------------------------------- */

static void on_connection(void *userdata, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code) {
        struct listener *l = userdata;
        const union MHD_ConnectionInfo *info;
        const struct sockaddr *address = NULL;

        if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
                if (*context)
                        connection_free(l->gateway, *context);
                *context = NULL;
                l->unfull |= l->n-- >= l->gateway->settings.connections;
                return;
        }
        l->n++;
        info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        if (info)
                address = info->client_addr;
        info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = info ? connection_new(l->gateway, l, info->connect_fd, address) : NULL;
}

/* Decoding is ours, once: the library leaves everything as it came. */
static size_t leave_escaped(void *userdata, struct MHD_Connection *mhd, char *s) {
        return strlen(s);
}

static void on_library_log(void *userdata, const char *format, va_list ap) _printf_(2, 0);
static void on_library_log(void *userdata, const char *format, va_list ap) {
        /* These are about clients that break off or send nonsense: nothing that an operator must know. */
        if (log_get_level() >= LOG_LEVEL_DEBUG)
                log_writev(LOG_LEVEL_DEBUG, format, ap);
}

/* --- the loop ------------------------------------------------------------------------------------------------------- */

static void listener_arm(struct listener *l, uint64_t when) {
        /* An earlier time than needed does no harm, and setting it at each turn would be a system call each. */
        if (when >= l->armed)
                return;
        l->armed = when;
        (void) sd_event_source_set_time(l->timer, when / NSEC_PER_USEC + 1);
        (void) sd_event_source_set_enabled(l->timer, SD_EVENT_ONESHOT);
}

static void run_listener(struct listener *l) {
        for (unsigned i = 0; i < RUNS_MAX; i++) {
                MHD_UNSIGNED_LONG_LONG msec;

                l->unfull = false;
                slots_gather(l->gateway);
                (void) MHD_run(l->daemon);
                if (l->unfull)
                        continue;
                if (MHD_get_timeout(l->daemon, &msec) == MHD_NO)
                        return;
                if (msec > 0) {
                        listener_arm(l, now_monotonic() + msec * NSEC_PER_MSEC);
                        return;
                }
        }
        listener_arm(l, now_monotonic());
}

static void run_all(struct gateway *g) {
        unsigned runs = 0;

        do {
                g->run_wanted = false;
                for (size_t i = 0; i < g->settings.n_listeners; i++)
                        if (g->listeners[i].daemon)
                                run_listener(&g->listeners[i]);
        } while (g->run_wanted && ++runs < RUNS_MAX);
        if (g->run_wanted)
                listener_arm(&g->listeners[0], now_monotonic());
}

static int on_post(sd_event_source *source, void *userdata) {
        struct gateway *g = userdata;

        if (g->run_wanted)
                run_all(g);
        requestlog_flush(&g->log);
        if (g->draining && g->connections.n == 0)
                return sd_event_exit(g->event, 0);
        return 0;
}

static int on_ready(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct listener *l = userdata;

        run_listener(l);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct listener *l = userdata;

        l->armed = NSEC_NEVER;
        run_listener(l);
        return 0;
}

/* --- start and end -------------------------------------------------------------------------------------------------- */

static int listener_start(struct listener *l, int fd) {
        struct gateway *g = l->gateway;
        const union MHD_DaemonInfo *info;
        struct MHD_OptionItem tls[] = {
                {MHD_OPTION_HTTPS_MEM_CERT, 0, g->tls_cert},
                {MHD_OPTION_HTTPS_MEM_KEY, 0, g->tls_key},
                {MHD_OPTION_END, 0, NULL},
        };
        struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
        unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
        int r;

        if (l->settings->tls) {
                if (!g->tls_cert || !g->tls_key)
                        return -EINVAL;
                flags |= MHD_USE_TLS;
        }
        if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
                return -errno;

        l->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, l,
                                     MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
                                     MHD_OPTION_LISTEN_SOCKET, fd,
                                     MHD_OPTION_CONNECTION_LIMIT, g->settings.connections,
                                     MHD_OPTION_CONNECTION_TIMEOUT, g->settings.idle_seconds,
                                     MHD_OPTION_CONNECTION_MEMORY_LIMIT, g->settings.header_bytes,
                                     MHD_OPTION_STRICT_FOR_CLIENT, 1,
                                     MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
                                     MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
                                     MHD_OPTION_URI_LOG_CALLBACK, on_uri, l,
                                     MHD_OPTION_NOTIFY_COMPLETED, on_completed, l,
                                     MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
                                     MHD_OPTION_ARRAY, l->settings->tls ? tls : none,
                                     MHD_OPTION_END);
        if (!l->daemon)
                return -EIO;

        info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        if (!info)
                return -EIO;
        r = sd_event_add_io(g->event, &l->io, info->epoll_fd, EPOLLIN, on_ready, l);
        if (r < 0)
                return r;
        return sd_event_add_time(g->event, &l->timer, CLOCK_MONOTONIC, UINT64_MAX, NSEC_PER_MSEC / NSEC_PER_USEC, on_timer, l);
}

int http_start(struct gateway *g) {
        int r;

        r = connections_start(g);
        if (r < 0)
                return r;
        r = sd_event_add_post(g->event, &g->post, on_post, g);
        if (r < 0)
                return r;

        for (size_t i = 0; i < g->settings.n_listeners; i++) {
                struct listener *l = &g->listeners[i];
                int fd = worker_take_fd(&g->worker, WIRE_FD_LISTENER, 0);

                *l = (struct listener) {.gateway = g, .settings = &g->settings.listeners[i], .armed = NSEC_NEVER};
                if (fd < 0)
                        return fd;
                r = listener_start(l, fd);
                if (r < 0) {
                        if (!l->daemon)
                                (void) fd_close(fd);
                        return r;
                }
        }
        return 0;
}

static int on_drain_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        struct gateway *g = userdata;

        slots_give_up_all(g);
        (void) connections_kill_idle(g, true);
        run_all(g);
        (void) sd_event_source_set_time_relative(source, LAST_NSEC / NSEC_PER_USEC);
        (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        if (now_monotonic() >= g->drain_deadline + LAST_NSEC)
                return sd_event_exit(g->event, 0);
        return 0;
}

static int on_drain_idle(sd_event_source *source, uint64_t usec, void *userdata) {
        struct gateway *g = userdata;

        /* Who sends a request slowly is not idle, and is looked at again. */
        if (connections_kill_idle(g, false) > 0) {
                (void) sd_event_source_set_time_relative(source, g->drain_idle_nsec / NSEC_PER_USEC);
                (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }
        run_all(g);
        return 0;
}

void http_drain(struct gateway *g, const struct wire_drain *drain) {
        uint64_t least = now_monotonic() + g->settings.drain_nsec;
        bool again = g->draining;

        g->draining = true;
        if (!again)
                g->drain_deadline = drain->deadline > 0 ? drain->deadline : least;
        if (drain->idle > 0 && drain->idle < g->drain_deadline) {
                uint64_t now = now_monotonic();

                connections_look(g);
                g->drain_idle_nsec = drain->idle > now ? drain->idle - now : NSEC_PER_MSEC;
                (void) sd_event_add_time(g->event, NULL, CLOCK_MONOTONIC, drain->idle / NSEC_PER_USEC, 1000, on_drain_idle, g);
        }
        if (again)
                return; /* the service stops meanwhile: only those that are idle are waited for shorter */
        for (size_t i = 0; i < g->settings.n_listeners; i++)
                if (g->listeners[i].daemon)
                        (void) fd_close(MHD_quiesce_daemon(g->listeners[i].daemon));
        if (sd_event_add_time(g->event, NULL, CLOCK_MONOTONIC, g->drain_deadline / NSEC_PER_USEC, 1000, on_drain_deadline, g) < 0)
                (void) sd_event_exit(g->event, 0);
}

void http_stop(struct gateway *g) {
        slots_give_up_all(g);
        if (g->connections.n > 0 || g->run_wanted)
                run_all(g);
        for (size_t i = 0; i < g->settings.n_listeners; i++) {
                struct listener *l = &g->listeners[i];

                (void) sd_event_source_disable_unref(l->io);
                (void) sd_event_source_disable_unref(l->timer);
                if (l->daemon)
                        MHD_stop_daemon(l->daemon);
                l->daemon = NULL;
        }
        requestlog_flush(&g->log);
        (void) sd_event_source_disable_unref(g->post);
        (void) sd_event_source_disable_unref(g->connections.timer);
        g->post = g->connections.timer = NULL;
}
