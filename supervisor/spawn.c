/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define STACK_SIZE (64U * 1024)

static struct rlimit files_of_children = {RLIM_INFINITY, RLIM_INFINITY};
static char *stack;

int spawn_prepare(void) {
        struct rlimit raised;

        if (getrlimit(RLIMIT_NOFILE, &files_of_children) < 0)
                return -errno;
        raised = (struct rlimit) {.rlim_cur = files_of_children.rlim_max, .rlim_max = files_of_children.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) < 0)
                return -errno;
        stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (stack == MAP_FAILED) {
                stack = NULL;
                return -errno;
        }
        return 0;
}

void spawn_unprepare(void) {
        (void) setrlimit(RLIMIT_NOFILE, &files_of_children);
}

struct child {
        const struct spawn *spawn;
        const char *step;
        int error;
        pid_t parent;
};

/* Puts every descriptor at its number. Sources below the numbers that are written to are first moved out of the way. */
static int place_fds(const struct spawn *s) {
        int fds[SPAWN_FDS_MAX];

        for (size_t i = 0; i < s->n_fds; i++) {
                fds[i] = s->fds[i];
                if (fds[i] >= 0 && fds[i] < SPAWN_FDS_MAX) {
                        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, SPAWN_FDS_MAX);
                        if (fds[i] < 0)
                                return -errno;
                }
        }
        for (size_t i = 0; i < s->n_fds; i++)
                if (fds[i] >= 0 && dup2(fds[i], (int) i) < 0)
                        return -errno;
        /* All of ours are close-on-exec from birth; this is for what a library or our own parent left open. */
        if (close_range((unsigned) s->n_fds, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
                return -errno;
        return 0;
}

static int limit(int resource, rlim_t value) {
        struct rlimit rlimit = {value, value};

        if (value == RLIM_INFINITY)
                return 0;
        return setrlimit((__rlimit_resource_t) resource, &rlimit) < 0 ? -errno : 0;
}

static int set_limits(const struct spawn *s) {
        struct rlimit files = files_of_children;
        int r;

        if (s->files != RLIM_INFINITY)
                files.rlim_cur = MIN(s->files, files.rlim_max);
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
                return -errno;
        r = limit(RLIMIT_CORE, s->core);
        if (r >= 0)
                r = limit(RLIMIT_DATA, s->memory);
        if (r >= 0)
                r = limit(RLIMIT_NPROC, s->processes);
        return r;
}

/* Runs in the child, on its own stack but in the parent's memory: system calls only, and nothing that keeps state. */
static int child_main(void *userdata) {
        struct child *child = userdata;
        const struct spawn *s = child->spawn;
        sigset_t none;

        child->step = "reset its signals";
        /* The supervisor ignores SIGPIPE and nothing else; what it catches is reset by exec. */
        if (signal(SIGPIPE, SIG_DFL) == SIG_ERR || sigemptyset(&none) < 0)
                goto failed;
        (void) setsid();
        (void) umask(027); /* what is secret in a database is so by its mode, too */

        child->step = "arrange its descriptors";
        child->error = -place_fds(s);
        if (child->error > 0)
                _exit(EXIT_FAILURE);
        child->step = "set its limits";
        child->error = -set_limits(s);
        if (child->error > 0)
                _exit(EXIT_FAILURE);

        child->step = "change to /";
        if (!s->stay && chdir("/") < 0)
                goto failed;
        child->step = "ask for a signal at the supervisor's death";
        if (prctl(PR_SET_PDEATHSIG, s->parent_death_signal) < 0)
                goto failed;
        if (getppid() != child->parent)
                _exit(EXIT_FAILURE); /* it died meanwhile: nobody is left to be told */

        child->step = "execute";
        if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
                goto failed;
        if (s->program >= 0)
                (void) execveat(s->program, "", s->argv, s->environment, AT_EMPTY_PATH);
        else
                (void) execve(s->argv[0], s->argv, s->environment);
failed:
        child->error = errno;
        _exit(EXIT_FAILURE);
}

int spawn_exec(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd, const char **ret_step) {
        struct child child = {.spawn = s, .step = "clone", .parent = getpid()};
        int pidfd = -1;
        sigset_t all, before;
        pid_t pid;

        if (!stack)
                return -EINVAL;

        /* A handler of ours must not run in the child, on our memory. */
        (void) sigfillset(&all);
        (void) sigprocmask(SIG_SETMASK, &all, &before);
        pid = clone(child_main, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &child, &pidfd);
        if (pid < 0)
                child.error = errno;
        (void) sigprocmask(SIG_SETMASK, &before, NULL);

        if (child.error != 0) {
                if (pid > 0) {
                        (void) waitpid(pid, NULL, 0); /* it is exiting: this does not wait */
                        (void) close(pidfd);
                }
                *ret_step = child.step;
                return -child.error;
        }
        *ret_pid = pid;
        *ret_pidfd = pidfd;
        return 0;
}
