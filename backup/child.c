/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/child.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Descriptors of the child, once they are where it expects them. */
enum { FIRST_FREE = 3 };

/* How often a wait looks whether it should go on. */
#define TICK_MSEC 200

struct tail {
        char *text;
        size_t size, n;
        bool lines; /* only the last line that is not empty is kept */
};

static void tail_add(struct tail *t, const char *data, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (t->lines && t->n > 0 && t->text[t->n - 1] == '\n' && data[i] != '\n')
                        t->n = 0;
                if (t->n + 1 < t->size && !(t->lines && data[i] == '\n' && (t->n == 0 || t->text[t->n - 1] == '\n')))
                        t->text[t->n++] = data[i];
        }
}

static void tail_end(struct tail *t) {
        while (t->n > 0 && t->text[t->n - 1] == '\n')
                t->n--;
        if (t->size > 0)
                t->text[t->n] = 0;
}

static _noreturn_ void give_up(int error_fd) {
        int error = errno;

        (void) !write(error_fd, &error, sizeof(error));
        _exit(127);
}

/* In the child: who it is, what it has open, and then it is another program. */
static _noreturn_ void become(const struct child *c, int in, int out, int error, int report_fd, pid_t parent) {
        sigset_t none;
        int fds[] = {in, out, error, report_fd};

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(127);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGPIPE, SIG_DFL);
        if (geteuid() == 0 && (c->uid != 0 || c->gid != getegid())) {
                if ((c->user ? initgroups(c->user, c->gid) : setgroups(0, NULL)) < 0 || setresgid(c->gid, c->gid, c->gid) < 0 ||
                    setresuid(c->uid, c->uid, c->uid) < 0)
                        give_up(report_fd);
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        }
        for (unsigned i = 0; i < ELEMENTSOF(fds); i++) {
                fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FREE + (int) ELEMENTSOF(fds));
                if (fds[i] < 0)
                        _exit(127);
        }
        for (int i = 0; i < 3; i++)
                if (dup2(fds[i], i) < 0)
                        give_up(fds[3]);
        if (chdir("/") < 0)
                give_up(fds[3]);
        (void) execvp(c->argv[0], (char *const *) c->argv);
        give_up(fds[3]);
}

static int drain(int fd, struct tail *t) {
        char buffer[4096];
        ssize_t n = read(fd, buffer, sizeof(buffer));

        if (n > 0)
                tail_add(t, buffer, (size_t) n);
        return n > 0 || (n < 0 && errno == EINTR) ? 1 : 0;
}

/* Until both pipes are at their end. */
static int listen_to(struct child *c, int out, int error, struct tail *out_tail, struct tail *error_tail) {
        uint64_t deadline = c->seconds ? now_monotonic() + c->seconds * NSEC_PER_SEC : NSEC_NEVER;
        struct pollfd polled[] = {{.fd = out, .events = POLLIN}, {.fd = error, .events = POLLIN}};

        while (polled[0].fd >= 0 || polled[1].fd >= 0) {
                if (c->interrupted && *c->interrupted)
                        return -EINTR;
                if (now_monotonic() >= deadline)
                        return -ETIMEDOUT;
                if (poll(polled, ELEMENTSOF(polled), TICK_MSEC) < 0 && errno != EINTR)
                        return -errno;
                if (polled[0].revents && drain(out, out_tail) == 0)
                        polled[0].fd = -1;
                if (polled[1].revents && drain(error, error_tail) == 0)
                        polled[1].fd = -1;
        }
        return 0;
}

static int reap(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_run(struct child *c) {
        struct tail out_tail = {.text = c->text, .size = c->text_size},
                    error_tail = {.text = c->error, .size = sizeof(c->error), .lines = true};
        _cleanup_close_ int out_read = -1, out_write = -1, error_read = -1, error_write = -1, report_read = -1,
                            report_write = -1, null = -1;
        int out[2], error[2], report[2], failure, r, status;
        pid_t parent = getpid(), pid;

        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0 || pipe2(out, O_CLOEXEC) < 0)
                return -errno;
        out_read = out[0];
        out_write = out[1];
        if (pipe2(error, O_CLOEXEC) < 0)
                return -errno;
        error_read = error[0];
        error_write = error[1];
        if (pipe2(report, O_CLOEXEC) < 0)
                return -errno;
        report_read = report[0];
        report_write = report[1];

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                become(c, c->in >= 0 ? c->in : null, c->out >= 0 ? c->out : out_write, error_write, report_write, parent);
        out_write = fd_close(out_write);
        error_write = fd_close(error_write);
        report_write = fd_close(report_write);

        r = listen_to(c, out_read, error_read, &out_tail, &error_tail);
        if (r < 0)
                (void) kill(pid, SIGKILL);
        tail_end(&out_tail);
        tail_end(&error_tail);
        status = reap(pid);
        if (r < 0)
                return r;
        if (read(report_read, &failure, sizeof(failure)) == (ssize_t) sizeof(failure))
                return -failure;
        return status;
}
