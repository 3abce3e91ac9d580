/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files for logrotate, rsyslog, cron and monit.
 */
#include "config/generate/generate.h"

#define RESTART_SECONDS 120 /* besides the time of a start: that of a stop, and of the look before it */
#define LICENCE "# SPDX-License-Identifier: GPL-3.0-or-later\n"

void generate_logrotate(const struct generator *g, const struct manifest *m, FILE *to) {
        bool beside = m->facts.unit.replaces;

        (void) fputs(LICENCE, to);
        if (beside)
                (void) fprintf(to,
                               "# The name is sorted before \"%s\", the Python package's file about the same log, and \"ignoreduplicates\" has that file\n"
                               "# passed over, which says the same: without it logrotate would call the second of them an error.\n",
                               m->service);
        (void) fprintf(
                to,
                "%s {\n        daily\n        rotate 15\n        compress\n        copytruncate\n        missingok\n"
                "        notifempty\n%s}\n",
                m->log, beside ? "        ignoreduplicates\n" : "");
}

void generate_rsyslog(const struct generator *g, const struct manifest *m, FILE *to) {
        (void) fprintf(to, LICENCE "# %s has a log file of its own.\n:programname, isequal, \"%s\" stop\n",
                       m->service, m->service);
}

void generate_cron(const struct generator *g, const struct manifest *m, FILE *to) {
        (void) fputs(LICENCE, to);
        for (size_t i = 0; i < m->facts.n_jobs; i++) {
                const struct facts_job *j = &m->facts.jobs[i];

                (void) fprintf(to, "# %s\n%s %s %s\n", j->purpose, j->at, j->user, j->command);
        }
}

/* What monit runs by itself when the check tells a failure or a hang (2 and 3), which looks again before it acts; and how persons
 * start and stop it by monit, where the unit's name is known beforehand. */
static void write_restarts(const struct generator *g, const struct manifest *m, FILE *to) {
        const char *name = m->facts.unit.name;
        int seconds = (int) (m->facts.unit.start / 1000);

        if (!strchr(name, '*'))
                (void) fprintf(to,
                               "  start program = \"/bin/systemctl start %s\" with timeout %d seconds\n"
                               "  stop program = \"/bin/systemctl stop %s\" with timeout %d seconds\n",
                               name, seconds, name, seconds);
        (void) fprintf(to,
                       "  restart program = \"%s/libexec/wazo-suite/wazo-monit-restart %s\" with timeout %d seconds\n"
                       "  if status = 2 for 2 cycles then restart\n"
                       "  if status = 3 for 2 cycles then restart\n"
                       "  if 5 restarts within 10 cycles then unmonitor\n",
                       g->prefix, m->service, seconds + RESTART_SECONDS);
}

/* A unit that systemd starts again is only told about; monit starts what nobody else would. The hook hears of the first failure and
 * of each change from then on; what it hears twice it tells once. */
void generate_monit(const struct generator *g, const struct manifest *m, FILE *to) {
        (void) fprintf(to,
                       LICENCE "check program suite-%s with path \"%s/libexec/wazo-suite/wazo-monit-check %s\" with "
                               "timeout 30 seconds\n"
                               "  group wazo-suite\n",
                       m->service, g->prefix, m->service);
        if (m->facts.unit.restart == FACTS_RESTART_NO)
                write_restarts(g, m, to);
        (void) fprintf(to,
                       "  if status != 0 then exec \"%s/libexec/wazo-suite/wazo-monit-hook\"\n"
                       "    else if succeeded then exec \"%s/libexec/wazo-suite/wazo-monit-hook\"\n"
                       "  if changed status then exec \"%s/libexec/wazo-suite/wazo-monit-hook\"\n",
                       g->prefix, g->prefix, g->prefix);
}
