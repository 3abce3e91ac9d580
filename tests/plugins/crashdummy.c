/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plugin crashdummy: does on request what plugins do by mistake. GET /crashdummy/{what}?n=NUMBER; what is in the
 * table below. The same by an event "crashdummy" with {"data": {"what": ..., "n": ...}}, which it notes in a table
 * first. Its section of the configuration, {"start": WORD, "while": FILE}, lets it misbehave before it is ready; with
 * a file only as long as that exists.
 */
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "workers/kit/wazo-plugin.h"

enum { CHANNEL = 3, DATA_CHANNELS = 6, FDS_END = 256 };

/* Of the event that is being handled. */
static const json_t *event_data;

static long number(struct wazo_context *ctx, long preset) {
        const char *n = event_data ? wazo_string(event_data, "n") : wazo_query_value(ctx, "n");

        return n ? strtol(n, NULL, 10) : preset;
}

static void sleep_msec(long msec) {
        struct timespec left = {.tv_sec = msec / 1000, .tv_nsec = msec % 1000 * 1000000};

        while (nanosleep(&left, &left) < 0 && errno == EINTR)
                ;
}

static int text(struct wazo_context *ctx, const char *what) {
        return wazo_reply_json(ctx, 200, json_pack("{s:s}", "did", what));
}

/* ---- deaths ---- */

/* Builds with sanitizers die of the mistake itself, too, not of its report. */
#define ON_PURPOSE __attribute__((no_sanitize("undefined"), no_sanitize("address")))

ON_PURPOSE static int die_segv(struct wazo_context *ctx) {
        volatile int *volatile nowhere = NULL;

        *nowhere = 1;
        return text(ctx, "segv");
}

ON_PURPOSE static int die_overflow_at(volatile char *above) {
        volatile char frame[4096];

        frame[0] = above[0];
        if (frame[0])
                return 0;
        return die_overflow_at(frame) + frame[0];
}

static int die_overflow(struct wazo_context *ctx) {
        volatile char start = 0;

        return die_overflow_at(&start);
}

ON_PURPOSE static int die_heap(struct wazo_context *ctx) {
        volatile char *block = malloc(24);

        for (long i = -16; block && i < number(ctx, 64); i++)
                block[i] = (char) 0xff;
        free((void *) block);
        return text(ctx, "heap");
}

static int die_abort(struct wazo_context *ctx) {
        abort();
}

static int die_exit(struct wazo_context *ctx) {
        exit((int) number(ctx, 3));
}

static int die_signal(struct wazo_context *ctx) {
        (void) kill(getpid(), (int) number(ctx, SIGKILL));
        sleep_msec(1000);
        return text(ctx, "signal");
}

/* ---- never, or late ---- */

static volatile int for_ever = 1;

static int hang(struct wazo_context *ctx) {
        while (for_ever)
                (void) pause();
        return text(ctx, "hang");
}

static int spin(struct wazo_context *ctx) {
        while (for_ever)
                ;
        return text(ctx, "spin");
}

static int slow(struct wazo_context *ctx) {
        sleep_msec(number(ctx, 500));
        return text(ctx, "slow");
}

static int ignore_term(struct wazo_context *ctx) {
        (void) signal(SIGTERM, SIG_IGN);
        (void) signal(SIGABRT, SIG_IGN);
        return hang(ctx);
}

/* ---- too much ---- */

/* A secret, as careless libraries do. */
static int print(struct wazo_context *ctx) {
        const char *password = wazo_query_value(ctx, "password");

        (void) dprintf(STDERR_FILENO, "cannot log in with password=%s, and no other\n", password ? password : "");
        return text(ctx, "print");
}

static int flood(struct wazo_context *ctx) {
        for (long i = 0, n = number(ctx, 10000); i < n; i++)
                (void) fprintf(stderr, "crashdummy floods its standard error, line %ld\n", i);
        return text(ctx, "flood");
}

static int flood_line(struct wazo_context *ctx) {
        for (long i = 0, n = number(ctx, 1000000); i < n; i++)
                (void) fputc('x', stderr);
        return text(ctx, "flood-line");
}

static int log_lines(struct wazo_context *ctx) {
        for (long i = 0, n = number(ctx, 10); i < n; i++)
                wazo_log_info("crashdummy says %ld", i);
        wazo_log_warning("crashdummy warns");
        return text(ctx, "log");
}

static int leak(struct wazo_context *ctx) {
        for (long i = 0, n = number(ctx, 64); i < n; i++) {
                char *mebibyte = malloc(1024 * 1024);

                if (!mebibyte)
                        return wazo_error_unexpected(ctx, "no memory after %ld MiB", i);
                memset(mebibyte, 1, 1024 * 1024);
        }
        return text(ctx, "leak");
}

static int leak_fds(struct wazo_context *ctx) {
        long n = 0;

        while (n < number(ctx, 100000) && dup(STDIN_FILENO) >= 0)
                n++;
        return wazo_reply_json(ctx, 200, json_pack("{s:s, s:I}", "did", "leak-fds", "fds", (json_int_t) n));
}

static int orphans(struct wazo_context *ctx) {
        for (long i = 0, n = number(ctx, 3); i < n; i++)
                switch (fork()) {
                case -1:
                        return wazo_error_unexpected(ctx, "fork: %s", strerror(errno));
                case 0:
                        if (fork() == 0)
                                sleep_msec(60000);
                        _exit(0);
                }
        return text(ctx, "orphans");
}

static int big(struct wazo_context *ctx) {
        size_t size = (size_t) number(ctx, 100000);
        char *data = malloc(size + 1);
        int r;

        if (!data)
                return -ENOMEM;
        memset(data, 'b', size);
        r = wazo_reply_raw(ctx, 200, "text/plain", data, size);
        free(data);
        return r;
}

static int file(struct wazo_context *ctx) {
        int fd = memfd_create("crashdummy", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0 || ftruncate(fd, number(ctx, 100000)) < 0)
                return -errno;
        return wazo_reply_fd(ctx, 200, "application/octet-stream", fd);
}

/* ---- a database ---- */

/* Makes tables, so that there is a schema to read. */
static int tables(struct wazo_context *ctx) {
        for (long i = 0, n = number(ctx, 100); i < n; i++) {
                char sql[256];
                int r;

                (void) snprintf(sql, sizeof(sql),
                                "CREATE TABLE IF NOT EXISTS crashdummy_%ld (id INTEGER PRIMARY KEY, name TEXT NOT "
                                "NULL UNIQUE, number TEXT, enabled INTEGER DEFAULT 1, tenant_uuid TEXT, description TEXT)",
                                i);
                r = wazo_execute(ctx, sql, NULL);
                if (r < 0)
                        return r;
        }
        return text(ctx, "tables");
}

static int count_tables(struct wazo_context *ctx) {
        _wazo_unref_ json_t *row = NULL;
        int r = wazo_select_row(ctx, &row, "SELECT COUNT(*) AS tables FROM sqlite_master", NULL);

        return r < 0 ? r : wazo_reply_json(ctx, 200, json_incref(row));
}

/* Sleeps within the transaction: as PUT it holds the write lock meanwhile. */
static int hold(struct wazo_context *ctx) {
        int r = count_tables(ctx);

        sleep_msec(number(ctx, 500));
        return r;
}

/* ---- lies ---- */

static int garbage(struct wazo_context *ctx) {
        (void) send(CHANNEL, "this is no message of the catalogue", 35, MSG_NOSIGNAL);
        return text(ctx, "garbage");
}

static int half_message(struct wazo_context *ctx) {
        (void) send(CHANNEL, "\003\000\000", 3, MSG_NOSIGNAL);
        return text(ctx, "half-message");
}

/* READY once more, with a header as lib/wire.h has it. */
static int ready_again(struct wazo_context *ctx) {
        static const unsigned char ready[16] = {3};

        (void) send(CHANNEL, ready, sizeof(ready), MSG_NOSIGNAL);
        return text(ctx, "ready-again");
}

static int messages(struct wazo_context *ctx) {
        static const unsigned char pong[16] = {7};
        long i = 0;

        while (i < number(ctx, 100000) && send(CHANNEL, pong, sizeof(pong), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
                i++;
        return wazo_reply_json(ctx, 200, json_pack("{s:s, s:I}", "did", "messages", "sent", (json_int_t) i));
}

static int fd_message(struct wazo_context *ctx) {
        struct iovec iov = {.iov_base = (char *) "\007\000\004\000\000\000\000\000\000\000\000\000\000\000\000", .iov_len = 16};
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(4 * sizeof(int))];
        } control = {.header = {.cmsg_len = CMSG_LEN(4 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
        struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        int fds[4] = {0, 0, 0, 0};

        memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
        (void) sendmsg(CHANNEL, &message, MSG_NOSIGNAL);
        return text(ctx, "fd-message");
}

/* In front of the answer, on every data channel. */
static int data_garbage(struct wazo_context *ctx) {
        struct stat st;

        for (int fd = DATA_CHANNELS; fd < FDS_END; fd++)
                if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
                        (void) send(fd, "garbage", 7, MSG_NOSIGNAL);
        return text(ctx, "data-garbage");
}

static int close_all(struct wazo_context *ctx) {
        for (int fd = CHANNEL; fd < FDS_END; fd++)
                (void) close(fd);
        return text(ctx, "close-all");
}

static int bad_status(struct wazo_context *ctx) {
        return wazo_reply_raw(ctx, (unsigned) number(ctx, 42), "text/plain", "no", 2);
}

/* ---- the truth ---- */

static int ok(struct wazo_context *ctx) {
        static long requests;

        return wazo_reply_json(ctx, 200, json_pack("{s:s, s:i, s:I}", "did", "ok", "pid", (int) getpid(), "requests",
                                                   (json_int_t) ++requests));
}

static int list_fds(struct wazo_context *ctx) {
        DIR *dir = opendir("/proc/self/fd");
        json_t *fds = json_object();
        struct dirent *entry;

        while (dir && (entry = readdir(dir))) {
                char path[300], target[300];
                ssize_t n;

                if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir))
                        continue;
                (void) snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
                n = readlink(path, target, sizeof(target) - 1);
                target[n > 0 ? n : 0] = 0;
                (void) json_object_set_new(fds, entry->d_name, json_string(target));
        }
        if (dir)
                (void) closedir(dir);
        return wazo_reply_json(ctx, 200, fds);
}

static int list_environment(struct wazo_context *ctx) {
        json_t *list = json_array();

        for (char **e = environ; *e; e++)
                (void) json_array_append_new(list, json_string(*e));
        return wazo_reply_json(ctx, 200, list);
}

/* The heap has much that is free below something that is not: what the end of a heap gives back by itself is less. */
static int make_hole(struct wazo_context *ctx) {
        static void *kept;
        size_t n = (size_t) number(ctx, 4096);
        void **chunks = calloc(n, sizeof(*chunks));

        free(kept);
        kept = NULL;
        for (size_t i = 0; chunks && i < n; i++) {
                chunks[i] = malloc(500);
                if (chunks[i])
                        memset(chunks[i], 1, 500);
        }
        for (size_t i = 0; chunks && i + 1 < n; i++)
                free(chunks[i]);
        if (chunks && n > 0)
                kept = chunks[n - 1];
        free(chunks);
        return text(ctx, "hole");
}

static int show_process(struct wazo_context *ctx) {
        struct rlimit core, data, files, processes;

        (void) getrlimit(RLIMIT_CORE, &core);
        (void) getrlimit(RLIMIT_DATA, &data);
        (void) getrlimit(RLIMIT_NOFILE, &files);
        (void) getrlimit(RLIMIT_NPROC, &processes);
        return wazo_reply_json(ctx, 200, json_pack("{s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "pid", (int) getpid(), "parent",
                                                   (int) getppid(), "session", (int) getsid(0), "core",
                                                   (json_int_t) core.rlim_cur, "data", (json_int_t) data.rlim_cur,
                                                   "files", (json_int_t) files.rlim_cur, "processes",
                                                   (json_int_t) processes.rlim_cur));
}

static int show_request(struct wazo_context *ctx) {
        size_t size = 0;

        (void) wazo_body(ctx, &size);
        return wazo_reply_json(ctx, 200, json_pack("{s:s, s:s, s:I}", "tenant", wazo_tenant(ctx), "base_url", wazo_base_url(ctx),
                                                   "size", (json_int_t) size));
}

static const struct {
        const char *what;
        int (*act)(struct wazo_context *ctx);
} acts[] = {
        {"segv", die_segv},                /* a fault */
        {"overflow", die_overflow},        /* of the stack */
        {"heap", die_heap},                /* the allocator finds it broken */
        {"abort", die_abort},
        {"exit", die_exit},                /* n: the code, 3 */
        {"signal", die_signal},            /* n: to itself, SIGKILL; SIGSTOP stops it */
        {"hang", hang},                    /* asleep for ever */
        {"spin", spin},                    /* busy for ever */
        {"slow", slow},                    /* n: ms, 500 */
        {"ignore-term", ignore_term},      /* hangs, deaf to SIGTERM and SIGABRT */
        {"print", print},                  /* password: on standard error */
        {"flood", flood},                  /* n: lines on standard error, 10000 */
        {"flood-line", flood_line},        /* n: bytes without a newline, 1000000 */
        {"log", log_lines},                /* n: lines in the log, 10 */
        {"leak", leak},                    /* n: MiB, 64 */
        {"hole", make_hole},               /* n: chunks of 500 bytes, 4096, of which all but one are free again */
        {"leak-fds", leak_fds},            /* n: descriptors, until none is left */
        {"orphans", orphans},              /* n: processes that outlive their parent for 60 s, 3 */
        {"big", big},                      /* n: bytes of the answer, 100000 */
        {"file", file},                    /* the same in a memory file of its own */
        {"tables", tables},                /* n: to be made, 100; as PUT */
        {"count-tables", count_tables},
        {"hold", hold},                    /* n: ms within a transaction, 500; as PUT a write lock */
        {"garbage", garbage},              /* on the supervisor's channel */
        {"half-message", half_message},    /* ... */
        {"ready-again", ready_again},      /* ... */
        {"messages", messages},            /* n: PONGs nobody asked for, until the channel is full */
        {"fd-message", fd_message},        /* descriptors where none belong */
        {"data-garbage", data_garbage},    /* on the gateways' channels */
        {"close-all", close_all},          /* all channels, and goes on */
        {"bad-status", bad_status},        /* n: 42 */
        {"ok", ok},                        /* pid, and how many it has answered */
        {"fds", list_fds},
        {"environment", list_environment},
        {"process", show_process},         /* pids and limits */
        {"request", show_request},
};

static int act(struct wazo_context *ctx) {
        const char *what = wazo_parameter(ctx, "what");

        for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
                if (strcmp(acts[i].what, what) == 0)
                        return acts[i].act(ctx);
        return wazo_error_plain(ctx, 404, "crashdummy cannot %s", what);
}

/* ---- events ---- */

static int refuse(struct wazo_context *ctx) {
        return wazo_error_input(ctx, NULL, "crashdummy refuses");
}

static int fail(struct wazo_context *ctx) {
        return -EIO;
}

/* An event of our own, for what others make of the outbox. */
static int tell(struct wazo_context *ctx) {
        static const struct wazo_event told = {.name = "crashdummy_told", .routing_key = "crashdummy.told",
                                               .data = "n", .scope = WAZO_TO_SYSTEM};
        _wazo_unref_ json_t *object = json_pack("{s:I}", "n", (json_int_t) number(ctx, 0));

        return object ? wazo_event_send(ctx, &told, object) : -ENOMEM;
}

/* What is noted stays when the handler's transaction does, and no longer. */
static int hear(struct wazo_context *ctx, const json_t *event) {
        static const struct {
                const char *what;
                int (*act)(struct wazo_context *ctx);
        } more[] = {{"refuse", refuse}, {"fail", fail}, {"tell", tell}};
        const char *what;
        int r;

        event_data = json_object_get(event, "data");
        what = wazo_string(event_data, "what");
        r = wazo_execute(ctx, "INSERT INTO crashdummy_heard (what, n) VALUES (?, ?)", "ss", what ? what : "",
                         wazo_string(event_data, "n") ? wazo_string(event_data, "n") : "");
        for (size_t i = 0; r >= 0 && what && i < sizeof(more) / sizeof(more[0]); i++)
                if (strcmp(more[i].what, what) == 0)
                        r = more[i].act(ctx);
        for (size_t i = 0; r >= 0 && what && i < sizeof(acts) / sizeof(acts[0]); i++)
                if (strcmp(acts[i].what, what) == 0)
                        r = acts[i].act(ctx);
        event_data = NULL;
        return r < 0 ? r : 0;
}

/* Answers the body as it came. */
static int echo(struct wazo_context *ctx) {
        size_t size;
        const void *data = wazo_body(ctx, &size);
        int fd = wazo_body_fd(ctx, &size), r;
        char *copy;

        if (data || fd < 0)
                return wazo_reply_raw(ctx, 200, "application/octet-stream", data ? data : "", data ? size : 0);
        copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        r = pread(fd, copy, size, 0) == (ssize_t) size ? wazo_reply_raw(ctx, 200, "application/octet-stream", copy, size) : -EIO;
        free(copy);
        return r;
}

static int start(struct wazo_context *ctx) {
        const char *how = wazo_setting_string(ctx, "start"), *file = wazo_setting_string(ctx, "while");

        if (!how || strcmp(how, "well") == 0 || (file && file[0] && access(file, F_OK) < 0))
                return 0;
        if (strcmp(how, "slowly") == 0)
                sleep_msec(1500);
        else if (strcmp(how, "never") == 0)
                return hang(ctx);
        else if (strcmp(how, "crash") == 0)
                return die_segv(ctx);
        else if (strcmp(how, "exit") == 0)
                exit(3);
        else if (strcmp(how, "misconfigured") == 0) {
                (void) wazo_error_plain(ctx, 500, "crashdummy is told to be misconfigured");
                return -EINVAL;
        }
        return 0;
}

static const struct wazo_setting settings[] = {
        {"start", WAZO_STRING, .preset = "\"well\"", .doc = "well, slowly, never, crash, exit or misconfigured"},
        {"while", WAZO_STRING, .preset = "\"\"", .doc = "a file: misbehave as long as it is there"},
        {},
};

static const struct wazo_route routes[] = {
        {"/crashdummy/{what:text}", "GET", "confd.crashdummy.{what}.read", .handler = act, .terms = {.tenant = WAZO_TENANT_NONE},
         .summary = "Misbehave"},
        {"/crashdummy/{what:text}", "POST", "confd.crashdummy.{what}.create", .body = WAZO_BODY_RAW, .handler = echo,
         .terms = {.tenant = WAZO_TENANT_NONE}, .summary = "Answer the body"},
        {"/crashdummy/{what:text}", "PUT", "confd.crashdummy.{what}.update", .write = true, .handler = act,
         .summary = "Misbehave within a write transaction"},
        {},
};

/* For its orphans. */
static const struct wazo_needs needs = {.processes = true};

static const struct wazo_subscription subscriptions[] = {
        {"crashdummy", hear},
        {},
};

static const char *const migrations[] = {
        "CREATE TABLE crashdummy_heard (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL, n TEXT NOT NULL)",
        NULL,
};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "crashdummy",
        .version = "1.0",
        .routes = routes,
        .settings = settings,
        .subscriptions = subscriptions,
        .needs = &needs,
        .migrations = migrations,
        .init = start,
};
