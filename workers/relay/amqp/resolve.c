/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/amqp/resolve.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

/* For a few levels of name service modules; the usual 8 MiB are not. */
#define STACK_SIZE (256U * 1024)

/* What thread and loop share; freed by the second of them. */
struct job {
        _Atomic int users;
        char host[256], port[8];
        int fd; /* readable when it is done */
        int error;
        struct addrinfo *list;
};

struct resolve {
        struct job *job;
        sd_event_source *source;
        void (*done)(void *userdata, int error, struct addrinfo *list);
        void *userdata;
};

static void job_unref(struct job *job) {
        if (--job->users > 0)
                return;
        if (job->list)
                freeaddrinfo(job->list);
        (void) close(job->fd);
        free(job);
}

static void look_up(struct job *job, int flags) {
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};

        job->error = getaddrinfo(job->host, job->port, &hints, &job->list);
}

static void *run(void *userdata) {
        struct job *job = userdata;

        look_up(job, AI_ADDRCONFIG);
        (void) eventfd_write(job->fd, 1);
        job_unref(job);
        return NULL;
}

static int start_thread(struct job *job) {
        pthread_attr_t attributes;
        sigset_t all, before;
        pthread_t thread;
        int r;

        r = pthread_attr_init(&attributes);
        if (r != 0)
                return -r;
        (void) pthread_attr_setstacksize(&attributes, STACK_SIZE);
        (void) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        /* Signals are for the loop. */
        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        job->users++;
        r = pthread_create(&thread, &attributes, run, job);
        if (r != 0)
                job->users--;
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        (void) pthread_attr_destroy(&attributes);
        return -r;
}

static int on_done(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct resolve *r = userdata;
        struct addrinfo *list = STEAL(r->job->list);
        int error = r->job->error;
        void (*done)(void *, int, struct addrinfo *) = r->done;
        void *whose = r->userdata;

        /* @done may cancel, and start another. */
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        done(whose, error, list);
        return 0;
}

struct resolve *resolve_cancel(struct resolve *r) {
        if (!r)
                return NULL;
        (void) sd_event_source_disable_unref(r->source);
        job_unref(r->job);
        free(r);
        return NULL;
}

int resolve_start(sd_event *event, const char *host, unsigned port, void (*done)(void *, int, struct addrinfo *), void *userdata,
                  struct resolve **ret) {
        struct resolve *made = calloc(1, sizeof(*made));
        struct job *job = calloc(1, sizeof(*job));
        int r = -ENOMEM;

        if (job)
                *job = (struct job) {.users = 1, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        if (!made || !job || job->fd < 0) {
                r = job && job->fd < 0 ? -errno : -ENOMEM;
                free(made);
                free(job);
                return r;
        }
        *made = (struct resolve) {.job = job, .done = done, .userdata = userdata};
        (void) snprintf(job->port, sizeof(job->port), "%u", port);
        if (!strcopy(job->host, sizeof(job->host), host)) {
                (void) resolve_cancel(made);
                return -ENAMETOOLONG;
        }
        r = sd_event_add_io(event, &made->source, job->fd, EPOLLIN, on_done, made);
        if (r >= 0) {
                look_up(job, AI_NUMERICHOST);
                if (job->error == 0)
                        r = eventfd_write(job->fd, 1) < 0 ? -errno : 0;
                else
                        r = start_thread(job);
        }
        if (r < 0) {
                (void) resolve_cancel(made);
                return r;
        }
        *ret = made;
        return 0;
}
