/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define LINE_MAX_BYTES 8192
#define PROGRESS_INTERVAL (100 * NSEC_PER_MSEC)

static bool verbose;
static unsigned n_warnings;

static struct {
        const char *what;
        uint64_t total, done, shown_at;
        bool on, drawn;
} progress;

static void progress_clear(void) {
        if (!progress.drawn)
                return;
        (void) fputs("\r\033[K", stderr);
        progress.drawn = false;
}

/* A file's name may hold anything, an escape sequence or a second line included. */
static void say(FILE *to, const char *prefix, const char *format, va_list ap) _printf_(3, 0);
static void say(FILE *to, const char *prefix, const char *format, va_list ap) {
        char line[LINE_MAX_BYTES];

        (void) vsnprintf(line, sizeof(line), format, ap);
        for (char *p = line; *p; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        *p = '?';
        progress_clear();
        (void) fprintf(to, "%s%s\n", prefix, line);
}

void report_error(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        say(stderr, "wazo-backup: ", format, ap);
        va_end(ap);
}

void report_warning(const char *format, ...) {
        va_list ap;

        n_warnings++;
        va_start(ap, format);
        say(stderr, "wazo-backup: warning: ", format, ap);
        va_end(ap);
}

void report_note(const char *format, ...) {
        va_list ap;

        if (!verbose)
                return;
        va_start(ap, format);
        say(stderr, "wazo-backup: ", format, ap);
        va_end(ap);
}

void report_verbose(bool on) {
        verbose = on;
}

unsigned report_warnings(void) {
        return n_warnings;
}

void report_line(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        say(stdout, "", format, ap);
        va_end(ap);
}

struct size_text size_text(uint64_t bytes) {
        static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
        struct size_text ret;
        double value = (double) bytes / 1024;
        unsigned unit = 0;

        if (bytes < 1024) {
                (void) snprintf(ret.text, sizeof(ret.text), "%" PRIu64 " B", bytes);
                return ret;
        }
        for (; value >= 1024 && unit + 1 < ELEMENTSOF(units); unit++)
                value /= 1024;
        (void) snprintf(ret.text, sizeof(ret.text), "%.1f %s", value, units[unit]);
        return ret;
}

void progress_begin(const char *what, uint64_t total) {
        progress.what = what;
        progress.total = total;
        progress.done = progress.shown_at = 0;
        progress.on = isatty(STDERR_FILENO) == 1;
}

/* The end of a long path says more than its beginning. */
static const char *tail(const char *path, size_t columns) {
        size_t n = strlen(path);

        return n > columns ? path + n - columns : path;
}

static void draw(const char *path) {
        struct winsize window = {0};
        char head[128], shown[256];
        size_t room;
        int n;

        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) < 0 || window.ws_col < 40)
                window.ws_col = 80;
        if (progress.total > 0)
                n = snprintf(head, sizeof(head), "%s: %3u%%, %s of %s  ", progress.what,
                             (unsigned) (MIN(progress.done, progress.total) * 100 / progress.total),
                             size_text(progress.done).text, size_text(progress.total).text);
        else
                n = snprintf(head, sizeof(head), "%s: %s  ", progress.what, size_text(progress.done).text);
        room = MIN((size_t) MAX(window.ws_col - n - 1, 0), sizeof(shown) - 1);
        (void) strcopy(shown, sizeof(shown), tail(path, room));
        for (char *p = shown; *p; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        *p = '?';
        (void) fprintf(stderr, "\r%s%s\033[K", head, shown);
        progress.drawn = true;
}

void progress_step(uint64_t bytes, const char *path) {
        uint64_t now;

        progress.done += bytes;
        if (!progress.on)
                return;
        now = now_monotonic();
        if (now - progress.shown_at < PROGRESS_INTERVAL)
                return;
        progress.shown_at = now;
        draw(strempty(path));
}

void progress_end(void) {
        progress_clear();
        progress.on = false;
}
