/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/host/birth.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "lib/worker.h"

#define FDS_END (WORKER_FD_RING + 1)

int birth_fork(int *ret_pidfd) {
        unsigned long flags = CLONE_PARENT | CLONE_PIDFD | SIGCHLD;
        int pidfd = -1;
        long pid;

        /* The plain call: glibc's fork() knows neither flag, and clone3 is what hardening filters refuse. Nothing of glibc
         * needs a fork handler in a process with one thread. */
#if defined(__s390__) || defined(__CRIS__)
        pid = syscall(SYS_clone, NULL, flags, &pidfd, NULL, NULL);
#else
        pid = syscall(SYS_clone, flags, NULL, &pidfd, NULL, NULL);
#endif
        if (pid < 0)
                return -errno;
        if (pid > 0)
                *ret_pidfd = pidfd;
        return (int) pid;
}

/* Sources that stand on a number which is written to are moved out of the way first. */
static int place_fds(const int *fds) {
        static const struct {
                int from, to, flags;
        } places[] = {
                {BIRTH_STDERR, STDOUT_FILENO, 0},
                {BIRTH_STDERR, STDERR_FILENO, 0},
                {BIRTH_CHANNEL, WORKER_FD_CHANNEL, O_CLOEXEC},
                {BIRTH_LOG, WORKER_FD_LOG, O_CLOEXEC},
                {BIRTH_RING, WORKER_FD_RING, O_CLOEXEC},
        };
        int from[BIRTH_FDS];

        for (size_t i = 0; i < BIRTH_FDS; i++) {
                from[i] = fds[i];
                if (from[i] < FDS_END)
                        from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FDS_END);
                if (from[i] < 0)
                        return -errno;
        }
        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                if (dup3(from[places[i].from], places[i].to, places[i].flags) < 0)
                        return -errno;
        return close_range(FDS_END, ~0U, 0) < 0 ? -errno : 0;
}

static int reset_signals(void) {
        sigset_t none;

        /* The two that cannot be set, and those that glibc keeps for itself, say EINVAL. */
        for (int signo = 1; signo < NSIG; signo++)
                (void) signal(signo, SIG_DFL);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&none);
        return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

/* @value is wanted for both limits, or as much of it as we may have. */
static int set_limit(int resource, rlim_t value) {
        struct rlimit limit;

        if (getrlimit((__rlimit_resource_t) resource, &limit) < 0)
                return -errno;
        limit.rlim_cur = limit.rlim_max = MIN(value, limit.rlim_max);
        return setrlimit((__rlimit_resource_t) resource, &limit) < 0 ? -errno : 0;
}

static int set_limits(const struct wire_fork *order) {
        int r;

        r = set_limit(RLIMIT_CORE, order->core ? RLIM_INFINITY : 0);
        if (r >= 0 && order->memory_max > 0)
                r = set_limit(RLIMIT_DATA, order->memory_max);
        if (r >= 0 && order->files_max > 0)
                r = set_limit(RLIMIT_NOFILE, order->files_max);
        if (r >= 0 && order->processes_max > 0)
                r = set_limit(RLIMIT_NPROC, order->processes_max);
        return r;
}

int birth_settle(const struct birth *birth) {
        int r;

        r = place_fds(birth->fds);
        if (r < 0)
                return r;
        r = reset_signals();
        if (r < 0)
                return r;
        if (setsid() < 0)
                return -errno;
        r = set_limits(birth->order);
        if (r < 0)
                return r;
        if (prctl(PR_SET_PDEATHSIG, (unsigned long) birth->parent_death_signal) < 0)
                return -errno;
        /* It died meanwhile: there was nobody left to send the signal. */
        return getppid() == birth->parent ? 0 : -ESRCH;
}
