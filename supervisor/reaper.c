/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/reaper.h"

#include <sys/epoll.h>

#include "supervisor/watch.h"

/* Ends that are dealt with in one turn of the loop: what they lead to, and others, have theirs in between. */
#define TURN_MAX 64
/* Death comes after what was still said: the channel's events have the better priority. */
#define DEATH_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

struct reaper {
        int epoll;
        sd_event_source *source;
        void (*ended)(struct process *p);
        struct epoll_event turn[TURN_MAX];
        int n; /* of this turn */
};

static int on_ends(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct reaper *reaper = userdata;

        reaper->n = epoll_wait(reaper->epoll, reaper->turn, TURN_MAX, 0);
        for (int i = 0; i < reaper->n; i++)
                if (reaper->turn[i].data.ptr)
                        reaper->ended(reaper->turn[i].data.ptr);
        reaper->n = 0;
        return 0;
}

int reaper_init(struct service *s, void (*ended)(struct process *p)) {
        struct reaper *reaper = calloc(1, sizeof(*reaper));

        if (!reaper)
                return -ENOMEM;
        s->reaper = reaper;
        reaper->ended = ended;
        reaper->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (reaper->epoll < 0)
                return -errno;
        return watch_fd(s->event, &reaper->source, reaper->epoll, EPOLLIN, on_ends, reaper, DEATH_PRIORITY);
}

void reaper_done(struct service *s) {
        struct reaper *reaper = s->reaper;

        if (!reaper)
                return;
        (void) sd_event_source_disable_unref(reaper->source);
        (void) fd_close(reaper->epoll);
        free(reaper);
        s->reaper = NULL;
}

int reaper_watch(struct process *p) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};

        return epoll_ctl(p->service->reaper->epoll, EPOLL_CTL_ADD, p->pidfd, &event) < 0 ? -errno : 0;
}

void reaper_forget(struct process *p) {
        struct reaper *reaper = p->service->reaper;

        if (!reaper || p->pidfd < 0)
                return;
        (void) epoll_ctl(reaper->epoll, EPOLL_CTL_DEL, p->pidfd, NULL);
        for (int i = 0; i < reaper->n; i++)
                if (reaper->turn[i].data.ptr == p)
                        reaper->turn[i].data.ptr = NULL;
}
