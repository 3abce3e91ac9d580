/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/text.h"

#include <stdio.h>

#include "lib/mask.h"

json_t *text_json_n(const char *s, size_t size) {
        _cleanup_free_ char *cleaned = mask_line(s, size);

        return cleaned ? json_string(cleaned) : NULL;
}

json_t *text_json(const char *s) {
        return text_json_n(s, strlen(s));
}

json_t *text_json_time(uint64_t wall_nsec) {
        time_t seconds = (time_t) (wall_nsec / NSEC_PER_SEC);
        char date[32], text[48];
        struct tm tm;

        if (!gmtime_r(&seconds, &tm) || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
                return json_string("");
        (void) snprintf(text, sizeof(text), "%s.%03uZ", date, (unsigned) (wall_nsec % NSEC_PER_SEC / NSEC_PER_MSEC));
        return json_string(text);
}

json_t *text_json_msec(uint64_t nsec) {
        return json_integer((json_int_t) (nsec / NSEC_PER_MSEC));
}

void text_signal_name(int signo, char *to, size_t size) {
        const char *name = sigabbrev_np(signo);

        if (name)
                (void) snprintf(to, size, "SIG%s", name);
        else
                (void) snprintf(to, size, "signal %d", signo);
}
