/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-monit-check: tells monit, by its exit code and in one line, in which state a service is.
 */
#include <fcntl.h>
#include <stdio.h>

#include "monit/command.h"
#include "monit/record.h"

static const char help_text[] = "Usage: wazo-monit-check [OPTIONS] SERVICE\n\n"
                                "Asks the service itself, and systemd, in which state it is. Exit codes:\n\n";

static void help(void) {
        (void) fputs(help_text, stdout);
        for (unsigned i = 0; i < MONIT_STATE_MAX; i++)
                printf("  %u  %s\n", monit_state_exit_code(i), monit_state_to_string(i));
        printf("\n%d more when it failed or hangs, and another than monit starts it again.\n\n%s",
               MONIT_LEFT_TO_OTHERS, command_options);
}

/* The hook is beside this program. */
static void become_hook(const struct command *c, const struct verdict *v) {
        char path[512], text[VERDICT_TEXT_SIZE + 128];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        char *slash;

        path[MAX(n, (ssize_t) 0)] = 0;
        slash = strrchr(path, '/');
        if (!slash || !strcopy(slash + 1, (size_t) (path + sizeof(path) - slash - 1), "wazo-monit-hook"))
                return;
        (void) snprintf(text, sizeof(text), "-- %s: %s: %s", c->service, monit_state_to_string(v->state), v->text);
        if (setsid() < 0 || null < 0 || setenv("MONIT_PROGRAM_STATUS", "0", 1) < 0 || setenv("MONIT_DESCRIPTION", text, 1) < 0)
                return;
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (dup2(null, fd) < 0)
                        return;
        (void) execl(path, path, "--root", c->root, (char *) NULL);
}

/*
 * monit calls the hook when the exit code differs from that of its look before. So it knows nothing of a service that was mended
 * while monit was away: the record would say "failed" for ever, and the next failure would be no change. Nor of one that was
 * starting and runs, or is disabled now.
 */
static void correct_record(const struct command *c, const struct verdict *v) {
        bool settled = v->state == MONIT_RUNNING || v->state == MONIT_DISABLED;
        const char *name = getenv("MONIT_SERVICE");
        int state;

        if (!name || strncmp(name, RECORD_CHECK_PREFIX, strlen(RECORD_CHECK_PREFIX)) != 0 ||
            !streq(name + strlen(RECORD_CHECK_PREFIX), c->service) || monit_state_exit_code(v->state) != 0)
                return;
        state = record_last(c->root, c->service);
        if (state < 0 || (enum monit_state) state == v->state || (!settled && monit_state_exit_code((unsigned) state) == 0))
                return;
        /* Not waited for: monit calls it, too, where it knows of the change, and the second of them has nothing to tell. */
        if (fork() == 0) {
                become_hook(c, v);
                _exit(EXIT_FAILURE);
        }
}

static int exit_code(const struct seen *seen) {
        enum monit_state state = seen->verdict.state;
        bool left = seen->left_to && (state == MONIT_FAILED || state == MONIT_HUNG);

        return (int) monit_state_exit_code(state) + (left ? MONIT_LEFT_TO_OTHERS : 0);
}

int main(int argc, char **argv) {
        struct command c = {.service = "wazo-monit-check"};
        struct seen seen = {.verdict = {.state = MONIT_UNKNOWN}};
        const char *why;
        int r = command_parse(argc, argv, help, &c, &why);

        if (r == 0)
                return EXIT_SUCCESS;
        if (r < 0)
                verdict_set(&seen.verdict, MONIT_UNKNOWN, "%s", why);
        else
                command_look(&c, &seen);
        command_print(&c, &seen.verdict);
        if (fflush(stdout) != 0)
                return (int) monit_state_exit_code(MONIT_UNKNOWN);
        if (r > 0)
                correct_record(&c, &seen.verdict);
        return exit_code(&seen);
}
