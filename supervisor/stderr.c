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

/* Of what is read in one turn, the lines for the ring: mapping it for each of a flood's would take all our time. */
static struct {
        char text[RING_TEXT];
        size_t size;
} kept;

/* One who was started without a ring, having no use for it himself, gets it with his first line. */
static void keep_end(struct process *p) {
        if (kept.size > 0 && p->ring < 0)
                p->ring = ring_open();
        if (kept.size > 0 && p->ring >= 0)
                (void) ring_append(p->ring, kept.text, kept.size);
        kept.size = 0;
}

static void keep(struct process *p, const char *line) {
        size_t n = MIN(strlen(line), sizeof(kept.text) - 1);

        if (n + 1 > sizeof(kept.text) - kept.size)
                keep_end(p);
        memcpy(kept.text + kept.size, line, n);
        kept.size += n;
        kept.text[kept.size++] = '\n';
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

/* In a flood, what the ring would not hold to the end of this turn is only counted. Returns how much of the text that is. */
static size_t skip(struct stderr_lines *lines, const char *text, size_t size) {
        const char *at = text, *end = text + size - MIN(size, sizeof(kept.text));

        if (lines->shown < BURST || now_monotonic() - lines->burst_start > BURST_NSEC)
                return 0;
        for (const char *newline; at < end && (newline = memchr(at, '\n', (size_t) (text + size - at))); at = newline + 1) {
                lines->suppressed++;
                lines->length = 0;
        }
        return (size_t) (at - text);
}

/* Returns whether there may be more. */
static bool read_some(struct process *p) {
        char text[READ_MAX];
        size_t skipped;
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
        skipped = skip(p->lines, text, (size_t) n);
        take(p, text + skipped, (size_t) n - skipped);
        keep_end(p);
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
        if (p->lines && p->lines->length > 0) {
                show(p);
                keep_end(p);
        }
        if (p->lines)
                say_suppressed(p, policy_slot(&p->service->policy, p->slot)->name);
}

void stderr_close(struct process *p) {
        p->stderr_source = sd_event_source_disable_unref(p->stderr_source);
        p->stderr_fd = fd_close(p->stderr_fd);
        free(p->lines);
        p->lines = NULL;
}
