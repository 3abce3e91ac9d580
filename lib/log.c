/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/log.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#define LINE_MAX_BYTES 16384

static const char *const level_names[] = {"CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"};
static const char *const level_words[] = {"critical", "error", "warning", "info", "debug"};
static const int level_priority[] = {2, 3, 4, 6, 7}; /* of syslog */

static struct {
        int fd, echo_fd;
        const char *logger, *plugin, *request_id;
        struct ring *ring;
        enum log_level level;
        int journal; /* 1: there is one, -1: none, 0: not asked yet */
} state = {.fd = -1, .echo_fd = -1, .logger = "wazo", .level = LOG_LEVEL_INFO};

int log_level_from_string(const char *s) {
        for (unsigned i = 0; i < ELEMENTSOF(level_words); i++)
                if (streq(level_words[i], s))
                        return (int) i;
        return -EINVAL;
}

const char *log_level_to_string(unsigned level) {
        return level < ELEMENTSOF(level_words) ? level_words[level] : "unknown";
}

void log_setup(int fd, int echo_fd, const char *logger, enum log_level level) {
        state.fd = fd;
        state.echo_fd = echo_fd;
        state.logger = logger;
        state.level = level;
}

void log_set_level(enum log_level level) {
        state.level = level;
}

enum log_level log_get_level(void) {
        return state.level;
}

void log_set_plugin(const char *plugin) {
        state.plugin = plugin;
}

void log_set_request(const char *request_id) {
        state.request_id = request_id;
}

void log_set_ring(struct ring *ring) {
        state.ring = ring;
}

static size_t format_prefix(char *line, size_t size, enum log_level level, const char *logger) {
        struct timespec now;
        struct tm tm;
        char when[40], zone[16];
        int n;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        (void) localtime_r(&now.tv_sec, &tm);
        (void) strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
        (void) strftime(zone, sizeof(zone), "%Z", &tm);
        n = snprintf(line, size, "%s,%03ld %s [pid %d] [tid %ld] (%s) (%s): ", when, now.tv_nsec / 1000000, zone,
                     (int) getpid(), (long) syscall(SYS_gettid), level_names[level], logger);
        return n < 0 ? 0 : MIN((size_t) n, size - 1);
}

static bool journal_there(void) {
        if (state.journal == 0)
                state.journal = access("/run/systemd/journal/socket", W_OK) == 0 ? 1 : -1;
        return state.journal > 0;
}

static void field(struct iovec *iov, int *n, char *space, size_t size, const char *name, const char *value) {
        int length = snprintf(space, size, "%s=%s", name, value);

        if (length > 0)
                iov[(*n)++] = (struct iovec) {.iov_base = space, .iov_len = MIN((size_t) length, size - 1)};
}

static void to_journal(enum log_level level, const char *logger, const char *message) {
        char text[2048], priority[16], identifier[96], plugin[96], request[96];
        struct iovec iov[5];
        int n = 0;

        field(iov, &n, text, sizeof(text), "MESSAGE", message);
        (void) snprintf(priority, sizeof(priority), "PRIORITY=%d", level_priority[level]);
        iov[n++] = (struct iovec) {.iov_base = priority, .iov_len = strlen(priority)};
        field(iov, &n, identifier, sizeof(identifier), "SYSLOG_IDENTIFIER", logger);
        if (state.plugin)
                field(iov, &n, plugin, sizeof(plugin), "PLUGIN", state.plugin);
        if (state.request_id)
                field(iov, &n, request, sizeof(request), "REQUEST_ID", state.request_id);
        /* A journal that is away or full must not hold anybody up. */
        (void) sd_journal_sendv(iov, n);
}

static void log_line(const char *logger, enum log_level level, const char *format, va_list ap) _printf_(3, 0);
static void log_line(const char *logger, enum log_level level, const char *format, va_list ap) {
        char line[LINE_MAX_BYTES];
        size_t prefix, size;
        int saved = errno, n;

        if (level > state.level)
                return;

        prefix = format_prefix(line, sizeof(line), level, logger);
        errno = saved; /* for %m */
        n = vsnprintf(line + prefix, sizeof(line) - prefix - 1, format, ap);
        if (n < 0)
                n = 0;
        size = MIN(prefix + (size_t) n, sizeof(line) - 2);
        /* A line is a line, whatever it was made from. */
        for (size_t i = prefix; i < size; i++)
                if ((unsigned char) line[i] < ' ' && line[i] != '\t')
                        line[i] = ' ';
        line[size] = 0;
        if (level <= LOG_LEVEL_WARNING && journal_there())
                to_journal(level, logger, line + prefix);

        line[size++] = '\n';
        if (state.fd >= 0)
                (void) !write(state.fd, line, size);
        if (state.echo_fd >= 0)
                (void) !write(state.echo_fd, line, size);
        if (state.ring)
                ring_write(state.ring, line, size);
        errno = saved;
}

void log_writev(enum log_level level, const char *format, va_list ap) {
        log_line(state.logger, level, format, ap);
}

void log_write(enum log_level level, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        log_line(state.logger, level, format, ap);
        va_end(ap);
}

void log_name(char *ret, size_t size, const char *service, const char *worker) {
        (void) snprintf(ret, size, "%s%s%s", service, worker ? "." : "", strempty(worker));
        for (char *c = ret; *c; c++)
                if (*c == '-')
                        *c = '_';
}

void log_write_as(const char *logger, enum log_level level, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        log_line(logger, level, format, ap);
        va_end(ap);
}
