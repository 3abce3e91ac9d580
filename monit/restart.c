/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-monit-restart: run by monit for a service that has failed or hangs. monit acts upon what a program said a cycle ago, up to
 * two minutes: the service is looked at again here, while wazo-service is held off, and only what is still so is acted upon. So
 * nobody's stop, start or upgrade is worked against.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

#include "lib/log.h"
#include "monit/command.h"
#include "monit/maintenance.h"
#include "units/wazo-service/lock.h"

static const char help_text[] = "Usage: wazo-monit-restart [OPTIONS] SERVICE\n\n"
                                "Starts the service if it has failed, and restarts it if it hangs; does nothing in any other state,\n"
                                "nor where systemd, wazo-service or another check of monit's sees to it.\n\n";

static void help(void) {
        printf("%s%s", help_text, command_options);
}

/* -EWOULDBLOCK: wazo-service is at work. systemctl inherits the lock: it lasts until the job has ended. */
static int take_lock(const struct command *c) {
        char path[512], text[256];
        int fd, r;

        if (snprintf(path, sizeof(path), "%s" LOCK_PATH, c->root) >= (int) sizeof(path))
                return -ENAMETOOLONG;
        fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, LOCK_MODE);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                r = -errno;
                (void) close(fd);
                return r;
        }
        /* Told to those who wait for it. */
        (void) snprintf(text, sizeof(text), MAINTENANCE_OURS "restart %.64s\" (pid %d)", c->service, (int) getpid());
        if (ftruncate(fd, 0) == 0 && pwrite(fd, text, strlen(text), 0) < 0)
                (void) ftruncate(fd, 0);
        return 0;
}

/* What systemctl is to do; NULL: nothing, and *ret_why. */
static const char *choose(const struct seen *seen, const char **ret_why) {
        bool failed = seen->verdict.state == MONIT_FAILED;

        *ret_why = seen->left_to;
        if (!failed && seen->verdict.state != MONIT_HUNG)
                *ret_why = "that is nothing to be restarted for";
        else if (!*seen->unit)
                *ret_why = "no unit of it is known";
        return *ret_why ? NULL : failed ? "start" : "restart";
}

static int run(const struct command *c) {
        const char *verb, *why;
        struct seen seen;
        int r = take_lock(c);

        if (r == -EWOULDBLOCK) {
                log_info("%s: not restarted: wazo-service is at work", c->service);
                return EXIT_SUCCESS;
        }
        if (r < 0) {
                log_error("%s: not restarted: %s: %s", c->service, LOCK_PATH, strerror(-r));
                return EXIT_FAILURE;
        }
        command_look(c, &seen);
        verb = choose(&seen, &why);
        if (!verb) {
                log_info("%s is %s: not restarted: %s", c->service, monit_state_to_string(seen.verdict.state), why);
                return EXIT_SUCCESS;
        }
        log_warning("%s is %s (%s): systemctl %s %s", c->service, monit_state_to_string(seen.verdict.state),
                    seen.verdict.text, verb, seen.unit);
        (void) execlp("systemctl", "systemctl", verb, seen.unit, (char *) NULL);
        log_error("systemctl: %s", strerror(errno));
        return EXIT_FAILURE;
}

int main(int argc, char **argv) {
        struct command c;
        const char *why;
        int r = command_parse(argc, argv, help, &c, &why);

        log_setup(-1, STDERR_FILENO, "wazo-monit-restart", LOG_LEVEL_INFO);
        if (r < 0)
                log_error("%s", why);
        if (r <= 0)
                return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        return run(&c);
}
