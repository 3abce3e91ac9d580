/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/orphans.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "supervisor/former.h"
#include "supervisor/nursery.h"
#include "supervisor/watch.h"

#define GONE_MAX 1024
#define REAP_MAX 256
#define END_NSEC (2 * NSEC_PER_SEC)
/* A look at all children, of which there may be thousands, is for several deaths at once, and after their successors' birth. */
#define SWEEP_NSEC (50 * NSEC_PER_MSEC)

struct orphans {
        sd_event_source *sigchld_source, *sweep_source;
        int sigchld_fd;
        bool waiting;          /* for the nursery's answer */
        pid_t gone[GONE_MAX];  /* sessions whose worker died since the last sweep */
        size_t n_gone;
};

static bool is_ours(struct service *s, pid_t pid) {
        if (s->reload_child == pid || former_is(s, pid))
                return true;
        for (size_t i = 0; i < s->n_units; i++)
                for (const struct process *p = s->units[i].processes; p; p = p->next)
                        if (p->pid == pid)
                                return true;
        return false;
}

/* Calls @what for each child of this process, known or not. */
static void for_each_child(struct service *s, void (*what)(struct service *s, pid_t pid)) {
        char path[64], text[4096];
        _cleanup_close_ int fd = -1;
        pid_t pid = 0;
        ssize_t n;

        (void) snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int) getpid());
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        while ((n = read(fd, text, sizeof(text))) > 0)
                for (ssize_t i = 0; i < n; i++) {
                        if (text[i] >= '0' && text[i] <= '9') {
                                pid = pid * 10 + (text[i] - '0');
                                continue;
                        }
                        if (pid > 0)
                                what(s, pid);
                        pid = 0;
                }
}

static void end_if_left_behind(struct service *s, pid_t pid) {
        struct orphans *o = s->orphans;
        pid_t session = getsid(pid);

        for (size_t i = 0; i < o->n_gone; i++)
                if (o->gone[i] == session && pid != session && !is_ours(s, pid)) {
                        log_warning("pid %d was left behind by worker pid %d: it is killed", (int) pid, (int) session);
                        (void) kill(pid, SIGKILL);
                        return;
                }
}

static int on_sweep(sd_event_source *source, uint64_t usec, void *userdata) {
        struct service *s = userdata;

        for_each_child(s, end_if_left_behind);
        s->orphans->n_gone = 0;
        return 0;
}

void orphans_of(struct service *s, pid_t pid) {
        struct orphans *o = s->orphans;

        if (o->n_gone == GONE_MAX)
                (void) on_sweep(NULL, 0, s);
        if (o->n_gone == 0)
                (void) watch_timer_set(o->sweep_source, now_monotonic() + SWEEP_NSEC);
        o->gone[o->n_gone++] = pid;
}

/*
 * Our own children are told by their pidfds, with a better priority than this: when it runs, a zombie that is not ours is
 * a stranger. A zombie of ours in front hides those behind it until it is reaped, and then SIGCHLD was long ago; so one
 * that is met is asked for again.
 */
static int on_sigchld(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct signalfd_siginfo ignored;
        struct service *s = userdata;

        /* A zombie may be the child that the nursery is about to tell of: it is asked for again when it has. */
        if (nursery_busy(s)) {
                (void) sd_event_source_set_enabled(s->orphans->sigchld_source, SD_EVENT_OFF);
                s->orphans->waiting = true;
                return 0;
        }
        while (read(fd, &ignored, sizeof(ignored)) == (ssize_t) sizeof(ignored))
                ;
        for (unsigned i = 0; i < REAP_MAX; i++) {
                siginfo_t info = {0};

                if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
                        return 0;
                if (is_ours(s, info.si_pid))
                        break;
                (void) waitpid(info.si_pid, NULL, WNOHANG);
        }
        (void) kill(getpid(), SIGCHLD);
        return 0;
}

void orphans_look(struct service *s) {
        if (!s->orphans->waiting)
                return;
        s->orphans->waiting = false;
        (void) sd_event_source_set_enabled(s->orphans->sigchld_source, SD_EVENT_ON);
}

int orphans_init(struct service *s) {
        struct orphans *o = calloc(1, sizeof(*o));
        sigset_t set;
        int r;

        if (!o)
                return -ENOMEM;
        s->orphans = o;
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return -errno;
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGCHLD);
        o->sigchld_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (o->sigchld_fd < 0)
                return -errno;
        r = watch_fd(s->event, &o->sigchld_source, o->sigchld_fd, EPOLLIN, on_sigchld, s, SD_EVENT_PRIORITY_IDLE - 1);
        if (r < 0)
                return r;
        r = watch_timer(s->event, &o->sweep_source, on_sweep, s);
        return r < 0 ? r : sd_event_source_set_priority(o->sweep_source, SD_EVENT_PRIORITY_IDLE);
}

void orphans_done(struct service *s) {
        struct orphans *o = s->orphans;

        if (!o)
                return;
        (void) sd_event_source_disable_unref(o->sigchld_source);
        (void) sd_event_source_disable_unref(o->sweep_source);
        (void) fd_close(o->sigchld_fd);
        free(o);
        s->orphans = NULL;
}

static void kill_child(struct service *s, pid_t pid) {
        (void) kill(pid, SIGKILL);
}

void orphans_end_all(struct service *s) {
        uint64_t until = now_monotonic() + END_NSEC;

        for_each_child(s, kill_child);
        while (now_monotonic() < until && waitpid(-1, NULL, WNOHANG) >= 0)
                (void) usleep(1000);
}
