/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/notify.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "supervisor/feed.h"
#include "supervisor/watch.h"

/* ---- to systemd ---- */

static int on_watchdog(sd_event_source *source, uint64_t usec, void *userdata) {
        struct service *s = userdata;
        uint64_t deadline = policy_deadline(&s->policy), now = now_monotonic();

        /* Alive means: the loop turns, its timers run, and nothing that is due is left undone. */
        if (deadline == NSEC_NEVER || deadline + s->watchdog_usec * NSEC_PER_USEC / 2 > now)
                (void) sd_notify(false, "WATCHDOG=1");
        else
                log_error("an action is overdue by %.1f s: the watchdog is not told that all is well",
                          (double) (now - deadline) / (double) NSEC_PER_SEC);
        (void) watch_timer_set(source, now + s->watchdog_usec * NSEC_PER_USEC / 2);
        return 0;
}

int notify_init(struct service *s) {
        uint64_t usec;
        int r;

        r = sd_watchdog_enabled(false, &usec);
        if (r <= 0)
                return r;
        s->watchdog_usec = usec;
        r = watch_timer(s->event, &s->watchdog_source, on_watchdog, s);
        return r < 0 ? r : watch_timer_set(s->watchdog_source, now_monotonic());
}

/* Names of those that do not serve, as many as fit. */
static void list_troubled(struct service *s, char *text, size_t size) {
        size_t used = 0, left_out = 0;

        text[0] = 0;
        for (size_t i = 0; i < s->policy.n_slots; i++) {
                const struct policy_slot *slot = policy_slot(&s->policy, (uint32_t) i);
                int n;

                if (!slot || slot->state == WIRE_STATE_READY || slot->state == WIRE_STATE_DONE || slot->state == WIRE_STATE_RESTING)
                        continue;
                n = snprintf(text + used, size - used, "%s%s %s", used > 0 ? ", " : "", slot->name,
                             wire_state_to_string(slot->state));
                if (n < 0 || (size_t) n + 16 > size - used) {
                        text[used] = 0;
                        left_out++;
                } else
                        used += (size_t) n;
        }
        if (left_out > 0)
                (void) snprintf(text + used, size - used, ", %zu more", left_out);
}

static void work_out(struct service *s, char *line, size_t size) {
        size_t total = 0, serving = 0;
        char troubled[160];

        for (size_t i = 0; i < s->policy.n_slots; i++) {
                const struct policy_slot *slot = policy_slot(&s->policy, (uint32_t) i);

                if (!slot)
                        continue;
                total++;
                serving += slot->state == WIRE_STATE_READY || slot->state == WIRE_STATE_DONE || slot->state == WIRE_STATE_RESTING;
        }
        if (s->end_reason[0]) {
                (void) snprintf(line, size, "given up: %s", s->end_reason);
                return;
        }
        list_troubled(s, troubled, sizeof(troubled));
        if (snprintf(line, size, "%s: %zu of %zu workers%s%s%s%s%s%.100s",
                        s->stopping ? "stopping" : !s->ready_said ? "starting" : serving == total ? "running" : "degraded",
                        serving, total, troubled[0] && !s->stopping ? "; " : "", s->stopping ? "" : troubled,
                        s->socket_note[0] ? "; " : "",
                        s->socket_note, s->reload_outcome[0] ? "; " : "", s->reload_outcome) >= (int) size)
                line[size - 1] = 0; /* cut: the log has it whole */
}

void notify_status(struct service *s) {
        char line[WIRE_TEXT_MAX];

        work_out(s, line, sizeof(line));
        if (streq(line, s->status))
                return;
        (void) strcopy(s->status, sizeof(s->status), line);
        (void) sd_notifyf(false, "STATUS=%s", line);
        feed_service_changed(s);
}

/* ---- how long it may take ---- */

#define MARGIN_MSEC 5000

static uint64_t ladder_msec(const struct policy_rules *rules) {
        return (rules->drains ? rules->drain_msec : 0) + rules->term_msec + rules->abort_msec + rules->kill_msec;
}

/* Discovery goes first, then the gateways, and then the others. */
static uint64_t stop_msec(struct service *s) {
        uint64_t discovery = 0, gateways = 0, others = 0;

        for (size_t i = 0; i < s->policy.n_slots; i++) {
                const struct policy_slot *slot = policy_slot(&s->policy, (uint32_t) i);

                if (!slot)
                        continue;
                if (slot->rules.kind == WIRE_KIND_DISCOVERY)
                        discovery = MAX(discovery, ladder_msec(&slot->rules));
                else if (slot->rules.kind == WIRE_KIND_GATEWAY)
                        gateways = MAX(gateways, ladder_msec(&slot->rules));
                else
                        others = MAX(others, ladder_msec(&slot->rules));
        }
        return discovery + gateways + others + MARGIN_MSEC;
}

/* What runs once goes first, in whatever order, and then the others. */
static uint64_t start_msec(struct service *s) {
        uint64_t once = 0, others = 0;

        for (size_t i = 0; i < s->policy.n_slots; i++) {
                const struct policy_slot *slot = policy_slot(&s->policy, (uint32_t) i);

                if (!slot)
                        continue;
                if (slot->rules.kind == WIRE_KIND_ONCE)
                        once += slot->rules.start_msec;
                else
                        others = MAX(others, slot->rules.start_msec);
        }
        return once + others + MARGIN_MSEC;
}

void notify_starting(struct service *s) {
        (void) sd_notifyf(false, "EXTEND_TIMEOUT_USEC=%llu", (unsigned long long) start_msec(s) * 1000);
        notify_status(s);
}

void notify_ready(struct service *s) {
        s->ready_said = true;
        notify_status(s);
        (void) sd_notifyf(false, "READY=1\nSTATUS=%s", s->status);
}

void notify_stopping(struct service *s) {
        (void) sd_notifyf(false, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu", (unsigned long long) stop_msec(s) * 1000);
        notify_status(s);
}

void notify_reloading(struct service *s) {
        /* The time in the same message is how systemd tells this reload from another. */
        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long) (now_monotonic() / NSEC_PER_USEC));
}

void notify_reloaded(struct service *s) {
        notify_status(s);
        (void) sd_notifyf(false, "READY=1\nSTATUS=%s", s->status);
}

/* ---- from exec workers ---- */

#define NOTIFY_MAX 4096
#define NOTIFY_BUDGET 16

static bool has_line(const char *text, const char *line) {
        size_t n = strlen(line);

        while (text) {
                if (strncmp(text, line, n) == 0 && (text[n] == 0 || text[n] == '\n'))
                        return true;
                text = strchr(text, '\n');
                text = text ? text + 1 : NULL;
        }
        return false;
}

static int on_notify(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct process *p = userdata;
        char text[NOTIFY_MAX + 1];

        for (unsigned i = 0; i < NOTIFY_BUDGET; i++) {
                union {
                        struct cmsghdr header;
                        uint8_t space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(16 * sizeof(int))];
                } control;
                struct iovec iov = {.iov_base = text, .iov_len = NOTIFY_MAX};
                struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                                         .msg_controllen = sizeof(control)};
                ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

                if (n < 0)
                        break;
                /* Descriptors are for a store that we do not keep. */
                for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
                        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
                                for (size_t j = 0; j < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); j++)
                                        (void) close(((int *) (void *) CMSG_DATA(c))[j]);
                if (message.msg_flags & MSG_TRUNC)
                        continue;
                text[n] = 0;
                if (has_line(text, "READY=1"))
                        service_event(p->service, .type = EVENT_READY, .slot = p->slot, .generation = p->generation);
        }
        return 0;
}

int notify_socket_open(struct process *p, const char *name, char *path, size_t size) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int n, r;

        n = snprintf(path, size, "%s/notify-%s-%u", p->service->plan.run_dir, name, p->generation);
        if (n < 0 || (size_t) n >= size || !strcopy(address.sun_path, sizeof(address.sun_path), path))
                return -ENAMETOOLONG;
        p->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (p->notify_fd < 0)
                return -errno;
        (void) unlink(path);
        if (bind(p->notify_fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        /* The directory is the service's own; a command of it may run under the same user only. */
        if (chmod(path, 0600) < 0)
                return -errno;
        r = watch_fd(p->service->event, &p->notify_source, p->notify_fd, EPOLLIN, on_notify, p, SD_EVENT_PRIORITY_NORMAL);
        return r;
}

void notify_socket_close(struct process *p) {
        struct sockaddr_un address;
        socklen_t length = sizeof(address);

        if (p->notify_fd < 0)
                return;
        (void) on_notify(NULL, p->notify_fd, 0, p);
        p->notify_source = sd_event_source_disable_unref(p->notify_source);
        if (getsockname(p->notify_fd, (struct sockaddr *) &address, &length) == 0 && length > sizeof(sa_family_t))
                (void) unlink(address.sun_path);
        p->notify_fd = fd_close(p->notify_fd);
}
