/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plugin breakout: tries on request what a sandbox must refuse. GET /breakout/{what}?path=...&pid=...&n=...; the answer is
 * {"errno": 0} when it could, else the error. It may do what its settings name; NEIGHBOUR is the same code without any need.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workers/kit/wazo-plugin.h"

#ifdef NEIGHBOUR
#  define NAME "neighbour"
#else
#  define NAME "breakout"
#endif

static const char *path_of(const struct wazo_context *ctx) {
        const char *path = wazo_query_value(ctx, "path");

        return path ? path : "/";
}

static int number_of(const struct wazo_context *ctx, const char *name) {
        const char *text = wazo_query_value(ctx, name);

        return text ? atoi(text) : 0;
}

static long closed(int fd) {
        if (fd >= 0)
                (void) close(fd);
        return fd;
}

/* ---- files ---- */

static long read_file(struct wazo_context *ctx) {
        return closed(open(path_of(ctx), O_RDONLY | O_CLOEXEC));
}

static long write_file(struct wazo_context *ctx) {
        return closed(open(path_of(ctx), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static long remove_file(struct wazo_context *ctx) {
        return unlink(path_of(ctx));
}

static long change_mode(struct wazo_context *ctx) {
        return chmod(path_of(ctx), 0666);
}

static long cut_file(struct wazo_context *ctx) {
        return truncate(path_of(ctx), 0);
}

static long make_node(struct wazo_context *ctx) {
        return mknod(path_of(ctx), S_IFIFO | 0600, 0);
}

/* ---- connections ---- */

static long connect_port(struct wazo_context *ctx) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) number_of(ctx, "n"))};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r, error;

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        r = fd < 0 ? -1 : connect(fd, (const struct sockaddr *) &address, sizeof(address));
        error = errno;
        (void) closed(fd);
        errno = error;
        return r;
}

static long connect_path(struct wazo_context *ctx) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r, error;

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_of(ctx));
        r = fd < 0 ? -1 : connect(fd, (const struct sockaddr *) &address, sizeof(address));
        error = errno;
        (void) closed(fd);
        errno = error;
        return r;
}

static long open_socket(struct wazo_context *ctx) {
        return closed(socket(number_of(ctx, "n"), SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

/* ---- other processes ---- */

static long execute(struct wazo_context *ctx) {
        char *const argv[] = {(char *) path_of(ctx), NULL}, *const environment[] = {NULL};

        /* Instead of us: the answer comes only when it could not. */
        return execve(argv[0], argv, environment);
}

/* As a child: the program's exit status, 127 when it could not be executed. */
static long run(struct wazo_context *ctx) {
        char *const argv[] = {(char *) path_of(ctx), NULL}, *const environment[] = {NULL};
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                (void) execve(argv[0], argv, environment);
                _exit(errno);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
                return -1;
        errno = WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
        return errno == 0 ? 0 : -1;
}

static long fork_one(struct wazo_context *ctx) {
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        return pid > 0 ? waitpid(pid, NULL, 0) : pid;
}

static long trace(struct wazo_context *ctx) {
        return ptrace(PTRACE_SEIZE, number_of(ctx, "pid"), NULL, NULL);
}

static long read_memory(struct wazo_context *ctx) {
        char byte;
        struct iovec here = {&byte, 1}, there = {(void *) &path_of, 1};

        return process_vm_readv(number_of(ctx, "pid"), &here, 1, &there, 1, 0);
}

static long send_signal(struct wazo_context *ctx) {
        return kill(number_of(ctx, "pid"), number_of(ctx, "n"));
}

static long signal_by_pidfd(struct wazo_context *ctx) {
        long fd = syscall(SYS_pidfd_open, number_of(ctx, "pid"), 0);

        return fd < 0 ? fd : syscall(SYS_pidfd_send_signal, fd, number_of(ctx, "n"), NULL, 0);
}

/* The kernel sends the signal, when there is something to read, in our name. */
static long signal_by_owner(struct wazo_context *ctx) {
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
                return -1;
        if (fcntl(pair[0], F_SETOWN, number_of(ctx, "pid")) < 0 || fcntl(pair[0], F_SETSIG, number_of(ctx, "n")) < 0 ||
            fcntl(pair[0], F_SETFL, O_ASYNC) < 0)
                return -1;
        return write(pair[1], "x", 1) - 1;
}

static long limit(struct wazo_context *ctx) {
        const struct rlimit none = {0, 0};

        return prlimit(number_of(ctx, "pid"), RLIMIT_NOFILE, &none, NULL);
}

/* ---- the system ---- */

static long mount_something(struct wazo_context *ctx) {
        return mount("none", "/mnt", "tmpfs", 0, NULL);
}

static long new_namespace(struct wazo_context *ctx) {
        return unshare(CLONE_NEWUSER | CLONE_NEWNS);
}

static long become_root(struct wazo_context *ctx) {
        return setuid(0);
}

static long uring(struct wazo_context *ctx) {
        char parameters[256] = {0};

        return syscall(SYS_io_uring_setup, 8, parameters);
}

static long newest_call(struct wazo_context *ctx) {
        return syscall(number_of(ctx, "n"), 0, 0, 0, 0, 0, 0);
}

/* Of the handler that tells of violations. */
static long ignore_refusals(struct wazo_context *ctx) {
        return signal(SIGSYS, SIG_IGN) == SIG_ERR ? -1 : 0;
}

static const struct {
        const char *what;
        long (*try)(struct wazo_context *ctx);
} attempts[] = {
        {"read", read_file},           /* path */
        {"write", write_file},         /* path */
        {"remove", remove_file},       /* path */
        {"chmod", change_mode},        /* path */
        {"truncate", cut_file},        /* path */
        {"mknod", make_node},          /* path: a FIFO, which needs no privilege */
        {"connect", connect_port},     /* n: TCP port of this host */
        {"connect-unix", connect_path}, /* path */
        {"socket", open_socket},       /* n: family */
        {"exec", execute},             /* path */
        {"run", run},                  /* path */
        {"fork", fork_one},
        {"ptrace", trace},             /* pid */
        {"memory", read_memory},       /* pid */
        {"kill", send_signal},         /* pid, n */
        {"pidfd", signal_by_pidfd},    /* pid, n */
        {"owner", signal_by_owner},    /* pid, n */
        {"prlimit", limit},            /* pid */
        {"mount", mount_something},
        {"unshare", new_namespace},
        {"setuid", become_root},
        {"io_uring", uring},
        {"syscall", newest_call},      /* n: its number */
        {"ignore", ignore_refusals},
};

static int attempt(struct wazo_context *ctx) {
        const char *what = wazo_parameter(ctx, "what");

        for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
                long r;

                if (strcmp(attempts[i].what, what) != 0)
                        continue;
                errno = 0;
                r = attempts[i].try(ctx);
                return wazo_reply_json(ctx, 200,
                                       json_pack("{s:i, s:s}", "errno", r < 0 ? errno : 0, "error",
                                                 r < 0 ? strerror(errno) : "none"));
        }
        return wazo_error_plain(ctx, 404, NAME " does not know how to %s", what);
}

static const struct wazo_setting settings[] = {
        {"directory", WAZO_STRING, .preset = "\"\"", .doc = "where it may write"},
        {"file", WAZO_STRING, .preset = "\"\"", .doc = "a file that it may read"},
        {"program", WAZO_STRING, .preset = "\"\"", .doc = "a program that it may run"},
        {"port", WAZO_INTEGER, .preset = "0", .doc = "of TCP, that it may connect to"},
        {},
};

static const struct wazo_route routes[] = {
        {"/" NAME "/{what:text}", "GET", "confd." NAME ".{what}.read", .handler = attempt, .terms = {.tenant = WAZO_TENANT_NONE},
         .summary = "Try to break out"},
        {},
};

#ifndef NEIGHBOUR
static const struct wazo_needs needs = {
        .read = (const char *const[]) {"{file}", NULL},
        .write = (const char *const[]) {"{directory}", NULL},
        .sockets = (const char *const[]) {"tcp:{port}", NULL},
        .execute = (const char *const[]) {"{program}", NULL},
};
#endif

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = NAME,
        .version = "1.0",
        .routes = routes,
        .settings = settings,
#ifndef NEIGHBOUR
        .needs = &needs,
#endif
};
