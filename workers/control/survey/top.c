/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-top, which is "wazo-suite top": the suite, live, on a terminal; once, where there is none.
 */
#include <stdio.h>

#include "lib/complain.h"
#include "workers/control/client/format.h"
#include "workers/control/survey/parse.h"
#include "workers/control/survey/terminal.h"
#include "workers/control/survey/view.h"

/* As documented in wazo-suite(1). */
enum exit_code { EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_UNREACHABLE };

#define PROGRAM "wazo-suite top"

struct arguments {
        struct survey_options survey;
        double interval;
        bool once, json;
};

static const char help_text[] =
        "Usage: " PROGRAM " [OPTIONS]\n\n"
        "Shows the services of this host and their workers, and shows them again every few seconds: q quits, the arrows and the page keys\n"
        "scroll, space looks again at once. Off a terminal it looks once.\n\n"
        "  --service NAME       only this one\n"
        "  --socket PATH        only the one with this control socket\n"
        "  --dev DIR            only the one of wazo-supervisord --dev DIR\n"
        "  --services-dir DIR   look for manifests here, before the usual places (repeatable)\n"
        "  --interval SECONDS   between two looks (default: 2; from 0.2 to 3600)\n"
        "  --once               look once: counts and times are those since the service began\n"
        "  --json               look once, and print what programs read\n"
        "  --help\n\n"
        "Exit codes: 0 done, 1 it cannot be shown, 2 wrong usage or a manifest that is wrong, 3 the one service does not answer.\n";

enum { INTERVAL = 256, ONCE, JSON };

static const struct option options[] = {
        {"interval", required_argument, NULL, INTERVAL},
        {"once", no_argument, NULL, ONCE},
        {"json", no_argument, NULL, JSON},
        {0},
};

static int take(int option, const char *value, void *userdata) {
        struct arguments *a = userdata;
        char *end;

        switch (option) {
        case INTERVAL:
                a->interval = strtod(value, &end);
                if (end == value || *end || !(a->interval >= 0.2 && a->interval <= 3600))
                        return complain(PROGRAM, EXIT_USAGE, "--interval wants seconds from 0.2 to 3600, not '%s'", value);
                break;
        case ONCE: a->once = true; break;
        case JSON: a->json = a->once = true; break;
        }
        return -1;
}

static const struct survey_program program = {PROGRAM, help_text, options, take};

/* What is shown, allocated; NULL without memory. */
static char *make_text(struct survey *survey) {
        json_t *document = survey_look(survey);
        char *text = NULL;
        size_t size;
        FILE *to;

        to = document ? open_memstream(&text, &size) : NULL;
        if (to) {
                view_write(to, document);
                if (fclose(to) != 0) {
                        free(text);
                        text = NULL;
                }
        }
        json_decref(document);
        return text;
}

static bool is_alone(const struct survey_options *o) {
        return o->service || o->socket || o->dev;
}

static int look_once(struct survey *survey, const struct arguments *a) {
        json_t *document = survey_look(survey);
        const json_t *first = json_array_get(json_object_get(document, "services"), 0);
        int code = EXIT_DONE;

        if (!document)
                return complain(PROGRAM, EXIT_FAILED, "out of memory");
        if (is_alone(&a->survey) && streq(get_string(first, "state"), "unknown"))
                code = complain(PROGRAM, EXIT_UNREACHABLE, "%s: %s", get_string(first, "socket"), get_string(first, "text"));
        else if (a->json) {
                (void) json_dumpf(document, stdout, JSON_INDENT(2));
                (void) putchar('\n');
        } else
                view_write(stdout, document);
        json_decref(document);
        return fflush(stdout) == 0 ? code : complain(PROGRAM, EXIT_FAILED, "cannot write: %s", strerror(errno));
}

static int look_again_and_again(struct survey *survey, const struct arguments *a) {
        static const char status[] = " q quit   arrows scroll   space look now ";
        uint64_t due = 0;
        char *text = NULL;
        int r;

        r = terminal_enter();
        while (r >= 0) {
                if (now_monotonic() >= due) {
                        char *newer = make_text(survey);

                        if (newer) {
                                free(text);
                                text = newer;
                        }
                        due = now_monotonic() + (uint64_t) (a->interval * (double) NSEC_PER_SEC);
                }
                terminal_show(strempty(text), status);
                r = terminal_wait(due);
                if (r == TERMINAL_QUIT)
                        break;
                if (r == TERMINAL_REFRESH)
                        due = 0;
        }
        terminal_leave();
        free(text);
        return r < 0 ? complain(PROGRAM, EXIT_FAILED, "the terminal is gone: %s", strerror(-r)) : EXIT_DONE;
}

/* One that says nothing of itself, or that it is dumb, would show escape sequences. */
static bool is_screen(void) {
        const char *term = getenv("TERM");

        return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term && !streq(term, "dumb");
}

int main(int argc, char **argv) {
        struct arguments a = {.interval = 2, .survey.history = true};
        struct survey *survey;
        int r = survey_parse(&program, argc, argv, &a.survey, &a);

        if (r >= 0)
                return r;
        format_init();
        r = survey_new(&a.survey, &survey);
        if (r < 0)
                return r == -EINVAL ? EXIT_USAGE : complain(PROGRAM, EXIT_FAILED, "%s", strerror(-r));
        if (a.once || !is_screen())
                r = look_once(survey, &a);
        else
                r = look_again_and_again(survey, &a);
        survey_free(survey);
        return r;
}
