/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/stderr.h"

#include <stdio.h>
#include <sys/epoll.h>

#include "lib/mask.h"
#include "lib/ring.h"
#include "supervisor/watch.h"

#define LINE_MAX_BYTES 1024
#define BURST 100                    /* lines ... */
#define BURST_NSEC (10 * NSEC_PER_SEC) /* ... in this time */
#define READ_MAX 16384               /* a turn */
#define DRAIN_READS 8
/* A flood is looked at this often: the pipe holds the writer back in between. */
#define FLOOD_USEC 100000

struct stderr_lines {
        uint64_t burst_start;
        unsigned shown;
        uint64_t suppressed;
        size_t length;
        char line[LINE_MAX_BYTES];
};

static void say_suppressed(struct process *p, const char *name) {
        struct stderr_lines *lines = p->lines;

        if (lines->suppressed == 0)
                return;
        log_warning("worker '%s' (pid %d) printed %llu lines more than its budget of %u in %u s: they are lost", name, (int) p->pid,
                    (unsigned long long) lines->suppressed, BURST, (unsigned) (BURST_NSEC / NSEC_PER_SEC));
        lines->suppressed = 0;
}

/* Into the ring; one who was started without any, having no use for it himself, gets it with his first line. */
static void keep(struct process *p, const char *line) {
        char text[LINE_MAX_BYTES * 2];
        int n = snprintf(text, sizeof(text), "%s\n", line);

        if (p->ring < 0)
                p->ring = ring_open();
        if (p->ring >= 0 && n > 0)
                (void) ring_append(p->ring, text, MIN((size_t) n, sizeof(text) - 1));
}

static void show(struct process *p) {
        const char *name = policy_slot(&p->service->policy, p->slot)->name;
        struct stderr_lines *lines = p->lines;
        _cleanup_free_ char *line = mask_line(lines->line, lines->length);
        uint64_t now = now_monotonic();

        lines->length = 0;
        if (!line)
                return;
        keep(p, line);
        if (now - lines->burst_start > BURST_NSEC) {
                say_suppressed(p, name);
                lines->burst_start = now;
                lines->shown = 0;
        }
        if (lines->shown < BURST) {
                char logger[2 * WIRE_NAME_MAX];

                lines->shown++;
                log_name(logger, sizeof(logger), p->service->plan.service, name);
                log_write_as(logger, LOG_LEVEL_INFO, "[pid %d] %s", (int) p->pid, line);
        } else
                lines->suppressed++;
}

static void take(struct process *p, const char *text, size_t size) {
        struct stderr_lines *lines = p->lines;

        for (size_t i = 0; i < size; i++) {
                if (text[i] == '\n') {
                        if (lines->length > 0)
                                show(p);
                        continue;
                }
                if (lines->length == LINE_MAX_BYTES)
                        show(p);
                lines->line[lines->length++] = text[i];
        }
}

/* Returns whether there may be more. */
static bool read_some(struct process *p) {
        char text[READ_MAX];
        ssize_t n;

        if (p->stderr_fd < 0)
                return false;
        n = read(p->stderr_fd, text, sizeof(text));
        if (n < 0)
                return errno == EINTR;
        if (n == 0) {
                p->stderr_source = sd_event_source_disable_unref(p->stderr_source);
                return false;
        }
        if (!p->lines) {
                p->lines = calloc(1, sizeof(*p->lines));
                if (!p->lines)
                        return false;
        }
        take(p, text, (size_t) n);
        return n == READ_MAX;
}

static int on_stderr(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void) read_some(userdata);
        return 0;
}

int stderr_watch(struct process *p) {
        int r = watch_fd(p->service->event, &p->stderr_source, p->stderr_fd, EPOLLIN, on_stderr, p, SD_EVENT_PRIORITY_NORMAL + 20);

        return r < 0 ? r : sd_event_source_set_ratelimit(p->stderr_source, FLOOD_USEC, 8);
}

void stderr_drain(struct process *p) {
        for (unsigned i = 0; i < DRAIN_READS && read_some(p); i++)
                ;
        if (p->lines && p->lines->length > 0)
                show(p);
        if (p->lines)
                say_suppressed(p, policy_slot(&p->service->policy, p->slot)->name);
}

void stderr_close(struct process *p) {
        p->stderr_source = sd_event_source_disable_unref(p->stderr_source);
        p->stderr_fd = fd_close(p->stderr_fd);
        free(p->lines);
        p->lines = NULL;
}
