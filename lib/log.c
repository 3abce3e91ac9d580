/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/log.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define LINE_MAX_BYTES 16384
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static const char *const level_names[] = {"CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"};
static const char *const level_words[] = {"critical", "error", "warning", "info", "debug"};
static const int level_priority[] = {2, 3, 4, 6, 7}; /* of syslog */

static struct {
        int fd, echo_fd;
        const char *logger, *plugin, *request_id;
        struct ring *ring;
        enum log_level level;
        int journal; /* 1: there is one, -1: none, 0: not asked yet */
        int journal_fd; /* kept open for who cannot open it later; -1 */
} state = {.fd = -1, .echo_fd = -1, .journal_fd = -1, .logger = "wazo", .level = LOG_LEVEL_INFO};

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
                state.journal = access(JOURNAL_SOCKET, W_OK) == 0 ? 1 : -1;
        return state.journal > 0;
}

void log_open_journal(void) {
        if (state.journal_fd < 0 && journal_there())
                state.journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void add_field(char *text, size_t size, size_t *used, const char *name, const char *value) {
        int n = snprintf(text + *used, size - *used, "%s=%.2000s\n", name, value);

        if (n > 0 && (size_t) n < size - *used)
                *used += (size_t) n;
}

/*
 * The journal's own protocol, for fields of one line: systemd documents it for programs that do without its library. That
 * one, and the six that it needs, would cost every worker a third of its mappings. A journal that is away or full must not
 * hold anybody up.
 */
static void to_journal(enum log_level level, const char *logger, const char *message) {
        static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
        _cleanup_close_ int own_fd = state.journal_fd >= 0 ? -1 : socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int fd = state.journal_fd >= 0 ? state.journal_fd : own_fd;
        char text[4096], priority[4];
        size_t used = 0;

        if (fd < 0)
                return;
        (void) snprintf(priority, sizeof(priority), "%d", level_priority[level]);
        add_field(text, sizeof(text), &used, "MESSAGE", message);
        add_field(text, sizeof(text), &used, "PRIORITY", priority);
        add_field(text, sizeof(text), &used, "SYSLOG_IDENTIFIER", logger);
        if (state.plugin)
                add_field(text, sizeof(text), &used, "PLUGIN", state.plugin);
        if (state.request_id)
                add_field(text, sizeof(text), &used, "REQUEST_ID", state.request_id);
        (void) sendto(fd, text, used, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *) &address, sizeof(address));
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
