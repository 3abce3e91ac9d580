/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/former.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/channel.h"
#include "lib/mask.h"
#include "supervisor/cgroup.h"
#include "supervisor/watch.h"

/* As long as a gateway may drain by default; then SIGTERM, and SIGKILL. */
#define DRAIN_NSEC (75 * NSEC_PER_SEC)
#define TERM_NSEC (5 * NSEC_PER_SEC)
/* Behind the last gateway: time for what they still do of their own. */
#define REST_NSEC (15 * NSEC_PER_SEC)
#define BUDGET 64
/* Of what each still prints. */
#define LINES_MAX 100
#define LINE_BYTES 4096

int former_add(struct service *s, const struct former *former) {
        struct former *f = malloc(sizeof(*f));

        if (!f)
                return -ENOMEM;
        *f = *former;
        f->service = s;
        f->next = s->formers;
        s->formers = f;
        return 0;
}

static struct former *former_free(struct former *f) {
        (void) sd_event_source_disable_unref(f->ended_source);
        (void) sd_event_source_disable_unref(f->channel_source);
        (void) sd_event_source_disable_unref(f->stderr_source);
        (void) fd_close(f->pidfd);
        (void) fd_close(f->channel);
        (void) fd_close(f->stderr_fd);
        free(f);
        return NULL;
}

bool former_is(const struct service *s, pid_t pid) {
        for (const struct former *f = s->formers; f; f = f->next)
                if (f->pid == pid)
                        return true;
        return false;
}

static bool any_gateway(const struct service *s) {
        for (const struct former *f = s->formers; f; f = f->next)
                if (f->kind == WIRE_KIND_GATEWAY)
                        return true;
        return false;
}

static void signal_all(struct service *s, int signo) {
        for (struct former *f = s->formers; f; f = f->next)
                (void) pidfd_send_signal(f->pidfd, signo, NULL, 0);
}

/* Nobody asks them anything any more: their channel ends, which is what a worker exits for. */
static void release_the_rest(struct service *s) {
        for (struct former *f = s->formers; f; f = f->next) {
                f->channel_source = sd_event_source_disable_unref(f->channel_source);
                f->channel = fd_close(f->channel);
        }
        s->former_step = FORMER_RELEASED;
        (void) watch_timer_set(s->former_timer, now_monotonic() + REST_NSEC);
}

static void unlink_former(struct former *f) {
        for (struct former **at = &f->service->formers; *at; at = &(*at)->next)
                if (*at == f) {
                        *at = f->next;
                        return;
                }
}

static void show(struct former *f, const char *line, size_t length) {
        _cleanup_free_ char *masked = mask_line(line, length);
        char logger[2 * WIRE_NAME_MAX];

        if (!masked || length == 0 || f->lines++ >= LINES_MAX)
                return;
        log_name(logger, sizeof(logger), f->service->plan.service, f->name);
        log_write_as(logger, LOG_LEVEL_INFO, "[pid %d] %s", (int) f->pid, masked);
}

/* Its last words. Beyond a budget they are only taken, so that the writer is not held back. */
static bool show_lines(struct former *f) {
        char text[LINE_BYTES];
        ssize_t n = f->stderr_fd < 0 ? 0 : read(f->stderr_fd, text, sizeof(text));

        for (ssize_t i = 0; i < n;) {
                const char *end = memchr(text + i, '\n', (size_t) (n - i));
                ssize_t length = end ? end - (text + i) : n - i;

                show(f, text + i, (size_t) length);
                i += length + 1;
        }
        return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static int on_stderr(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct former *f = userdata;

        if (!show_lines(f))
                f->stderr_source = sd_event_source_disable_unref(f->stderr_source);
        return 0;
}

static int on_ended(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct former *f = userdata;
        struct service *s = f->service;
        siginfo_t info = {0};

        if (waitid(P_PIDFD, (id_t) f->pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
                return 0;
        show_lines(f);
        if (info.si_code == CLD_EXITED || info.si_status == SIGTERM)
                log_info("'%s' (pid %d) of the supervisor before has ended", f->name, (int) f->pid);
        else
                log_warning("'%s' (pid %d) of the supervisor before died of SIG%s", f->name, (int) f->pid,
                            strempty(sigabbrev_np(info.si_status)));
        cgroups_end(s, f->cgroup);
        unlink_former(f);
        (void) former_free(f);
        if (!s->formers) {
                cgroups_sweep(s);
                (void) watch_timer_set(s->former_timer, NSEC_NEVER);
                if (s->end_waits)
                        (void) sd_event_exit(s->event, s->exit_code);
        } else if (s->former_step == FORMER_DRAINING && !any_gateway(s))
                release_the_rest(s);
        return 0;
}

/* What they say was for another; it is taken so that they can say it. Descriptors that come with it are not. */
static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct former *f = userdata;
        static char ignored[1];

        for (unsigned i = 0; i < BUDGET; i++) {
                ssize_t n = recv(f->channel, ignored, sizeof(ignored), MSG_DONTWAIT);

                if (n > 0)
                        continue;
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return 0;
                f->channel_source = sd_event_source_disable_unref(f->channel_source);
                return 0;
        }
        return 0;
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata) {
        struct service *s = userdata;

        switch (s->former_step) {
        case FORMER_DRAINING:
                log_warning("gateways of the supervisor before have not drained in time");
                signal_all(s, SIGTERM);
                s->former_step = FORMER_RELEASED;
                break;
        case FORMER_RELEASED:
                signal_all(s, SIGKILL);
                break;
        case FORMER_SERVING:
                return 0;
        }
        return watch_timer_set(s->former_timer, now_monotonic() + TERM_NSEC);
}

int former_init(struct service *s) {
        int r = watch_timer(s->event, &s->former_timer, on_late, s);

        for (struct former *f = s->formers; f && r >= 0; f = f->next) {
                r = watch_fd(s->event, &f->ended_source, f->pidfd, EPOLLIN, on_ended, f, SD_EVENT_PRIORITY_NORMAL);
                if (r >= 0 && f->channel >= 0)
                        r = watch_fd(s->event, &f->channel_source, f->channel, EPOLLIN, on_channel, f, SD_EVENT_PRIORITY_NORMAL);
                if (r >= 0 && f->stderr_fd >= 0)
                        r = watch_fd(s->event, &f->stderr_source, f->stderr_fd, EPOLLIN, on_stderr, f,
                                     SD_EVENT_PRIORITY_NORMAL + 20);
        }
        return r;
}

void former_done(struct service *s) {
        while (s->formers) {
                struct former *f = s->formers;

                s->formers = f->next;
                (void) former_free(f);
        }
        s->former_timer = sd_event_source_disable_unref(s->former_timer);
}

void former_drain(struct service *s, uint64_t idle_nsec) {
        uint64_t now = now_monotonic();
        struct wire_drain drain = {
                .deadline = now + DRAIN_NSEC,
                .idle = now + MIN(idle_nsec, DRAIN_NSEC),
        };

        if (!s->formers)
                return;
        for (struct former *f = s->formers; f; f = f->next)
                /* Foreign commands answer no gateway, and theirs have come. */
                if (f->kind == WIRE_KIND_EXEC ||
                    (f->kind == WIRE_KIND_GATEWAY && channel_send(f->channel, WIRE_DRAIN, 0, &drain, sizeof(drain), NULL, 0) < 0))
                        (void) pidfd_send_signal(f->pidfd, SIGTERM, NULL, 0);
        s->former_step = FORMER_DRAINING;
        (void) watch_timer_set(s->former_timer, drain.deadline);
        if (!any_gateway(s))
                release_the_rest(s);
}
