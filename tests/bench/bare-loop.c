/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The measure of supervisors: a loop of clone, exec and pidfd that does nothing else.
 *
 *     bench-bare-loop N PROGRAM [ARGUMENT...]
 *
 * Keeps N processes of a program running until SIGTERM, then sends them SIGTERM and waits for their end. The clone is the
 * cheapest there is: the child borrows our memory until its exec.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS 64

extern char **environ;

static char stack[16384] __attribute__((aligned(16)));
static int epoll;

static int child(void *argv) {
        sigset_t none;

        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) execve(((char **) argv)[0], argv, environ);
        _exit(127);
}

static void start(int *pidfd, char **argv) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = pidfd};

        if (clone(child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, argv, pidfd) < 0 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, *pidfd, &event) < 0) {
                perror("bench-bare-loop");
                exit(EXIT_FAILURE);
        }
}

static void reap(int *pidfd) {
        siginfo_t info;

        (void) waitid(P_PIDFD, (id_t) *pidfd, &info, WEXITED);
        /* A child that is just being executed may still hold a copy, which would keep it in the epoll. */
        (void) epoll_ctl(epoll, EPOLL_CTL_DEL, *pidfd, NULL);
        (void) close(*pidfd);
        *pidfd = -1;
}

int main(int argc, char **argv) {
        size_t n = argc > 2 ? strtoul(argv[1], NULL, 10) : 0, left = n;
        int *pidfds = calloc(n + 1, sizeof(*pidfds));
        struct rlimit files;
        int stopping = 0;
        sigset_t terms;

        if (n == 0 || !pidfds)
                return EXIT_FAILURE;
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &files);
        }
        (void) sigemptyset(&terms);
        (void) sigaddset(&terms, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &terms, NULL);
        epoll = epoll_create1(EPOLL_CLOEXEC);
        pidfds[n] = signalfd(-1, &terms, SFD_CLOEXEC);
        if (epoll < 0 || pidfds[n] < 0 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, pidfds[n], &(struct epoll_event) {.events = EPOLLIN, .data.ptr = &pidfds[n]}) < 0)
                return EXIT_FAILURE;
        for (size_t i = 0; i < n; i++)
                start(&pidfds[i], argv + 2);

        while (left > 0) {
                struct epoll_event events[EVENTS];
                int k = epoll_wait(epoll, events, EVENTS, -1);

                for (int i = 0; i < k; i++) {
                        int *pidfd = events[i].data.ptr;

                        if (pidfd == &pidfds[n]) {
                                struct signalfd_siginfo info;

                                (void) read(*pidfd, &info, sizeof(info));
                                stopping = 1;
                                for (size_t j = 0; j < n; j++)
                                        (void) pidfd_send_signal(pidfds[j], SIGTERM, NULL, 0);
                                continue;
                        }
                        reap(pidfd);
                        if (stopping)
                                left--;
                        else
                                start(pidfd, argv + 2);
                }
        }
        return EXIT_SUCCESS;
}
