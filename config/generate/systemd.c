/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of systemd for the services that wazo-supervisord runs.
 */
#include "config/generate/generate.h"

#define LICENCE "# SPDX-License-Identifier: GPL-3.0-or-later\n"

/* What systemd 252 does not have: a /tmp in memory, with nothing on the disk. Others are of no use to us. RestartSteps= counts all
 * restarts since somebody last started the service: after months each would take long. With RestartMode=direct a start that
 * fails is none that has ended: where the port is another program's, "systemctl start", a boot and apt-get would wait for ever. */
static const struct {
        unsigned since;
        const char *setting;
} newer = {257, "PrivateTmp=disconnected"};

/* Appends the units of a list of services and units, but for those of @known, each with a space before it, or behind
 * it. */
static void append_units(const struct generator *g, const struct yaml_node *list, const struct yaml_node *known,
                         bool behind, char *to, size_t size) {
        for (size_t i = 0; i < yaml_count(list); i++) {
                const char *name = yaml_text(list, i);
                const struct manifest *m = suite_find(g->suite, name);
                size_t n = strlen(to);

                if (suite_lists(known, name))
                        continue;
                /* Of postgresql@*-main.service, only the unit that stands for all of them is known beforehand. */
                if (m && !strchr(name, '.') && strchr(m->facts.unit.name, '*'))
                        (void) snprintf(to + n, size - n, "%s%.*s.service%s", n && !behind ? " " : "",
                                        (int) strcspn(m->facts.unit.name, "@*"), m->facts.unit.name,
                                        behind ? " " : "");
                else
                        (void) snprintf(to + n, size - n, "%s%s%s", n && !behind ? " " : "",
                                        m && !strchr(name, '.') ? m->facts.unit.name : name, behind ? " " : "");
        }
}

/* Held back while the file exists: the telephony of a slave, or of a host that is being upgraded. */
static const char *condition(const struct manifest *m) {
        return m->facts.order.filter == FACTS_FILTER_WAZO ? "ConditionPathExists=!/var/lib/wazo/disabled" : "";
}

/* What the unit may not do itself; one process, since a restart waits for it. */
static void prepare_line(const struct manifest *m, const char *base, char *to, size_t size) {
        char owner[256] = "";

        if (m->facts.unit.replaces)
                (void) snprintf(owner, sizeof(owner), "; exec chown --no-dereference %s %s", m->user, m->log);
        (void) snprintf(
                to, size,
                "# What somebody has deleted is there again.%s\n"
                "ExecStartPre=+-/bin/sh -c '[ -d %s ] && [ -d %s ] && [ -e %s ] || systemd-tmpfiles --create %s.conf%s'",
                *owner ? " And the log may be the other daemon's still: its package's scripts give it to that one's user."
                       : "",
                m->run, m->state, m->log, base, owner);
}

void generate_unit(const struct generator *g, const struct manifest *m, FILE *to) {
        char base[128], after[1024] = "", before[1024] = "", alias[256] = "", prepare[1024], also[256] = "";
        const struct generate_variable variables[] = {
                {"SERVICE", m->service},
                {"DESCRIPTION", m->description},
                {"BASE", base},
                {"AFTER", after},
                {"BEFORE", before},
                {"CONDITION", condition(m)},
                {"PREFIX", g->prefix},
                {"PREPARE", prepare},
                {"RESTART", facts_restart_to_string(m->facts.unit.restart)},
                {"NEWER", g->systemd >= newer.since ? newer.setting : ""},
                {"USER", m->user},
                {"RUN", m->run},
                {"STATE", m->state},
                {"LOG", m->log},
                {"ALSO", also},
                {"ALIAS", alias},
                {0},
        };

        (void) snprintf(base, sizeof(base), "%.*s", GENERATE_BASE(m));
        append_units(g, m->facts.after, NULL, false, after, sizeof(after));
        append_units(g, m->facts.needs, m->facts.after, false, after, sizeof(after));
        append_units(g, m->facts.before, NULL, true, before, sizeof(before));
        if (!*after)
                (void) strcopy(after, sizeof(after), "network.target");
        prepare_line(m, base, prepare, sizeof(prepare));
        if (m->port)
                (void) snprintf(also, sizeof(also),
                                "# Who disables the service does not expect that a request starts it.\nAlso=%s.socket", base);
        if (m->facts.unit.replaces)
                (void) snprintf(alias, sizeof(alias),
                                "# The unit file of this name is the Python package's; an enabled alias goes before it.\nAlias=%s",
                                m->facts.unit.replaces);
        generate_template(to, generate_template_service, variables);
}

void generate_socket(const struct generator *g, const struct manifest *m, FILE *to) {
        bool six = strchr(m->facts.listen, ':');
        char base[128], address[80];
        const struct generate_variable variables[] = {
                {"SERVICE", m->service}, {"BASE", base}, {"CONDITION", condition(m)}, {"ADDRESS", address}, {0},
        };

        (void) snprintf(base, sizeof(base), "%.*s", GENERATE_BASE(m));
        (void) snprintf(address, sizeof(address), "%s%s%s:%d", six ? "[" : "", m->facts.listen, six ? "]" : "",
                        (int) m->port);
        generate_template(to, generate_template_socket, variables);
}

void generate_sysusers(const struct generator *g, const struct manifest *m, FILE *to) {
        (void) fprintf(to, LICENCE "u %s - \"%s\" %s /usr/sbin/nologin\n", m->user, m->description,
                       m->facts.home ?: "/nonexistent");
        for (size_t i = 0; i < yaml_count(m->facts.groups); i++)
                (void) fprintf(to, "m %s %s\n", m->user, yaml_text(m->facts.groups, i));
}

void generate_tmpfiles(const struct generator *g, const struct manifest *m, FILE *to) {
        (void) fputs(LICENCE, to);
        if (m->facts.unit.replaces)
                (void) fprintf(to,
                               "# What is there already keeps its owner and mode: the log may be the Python %s's.\n",
                               m->service);
        (void) fprintf(to, "d %s :0755 :%s :%s -\nd %s :0750 :%s :%s -\nf %s :0640 :%s :adm -\n",
                       m->run, m->user, m->user, m->state, m->user, m->user, m->log, m->user);
        if (m->kind == MANIFEST_NATIVE)
                (void) fprintf(to, "d %s/db :0700 :%s :%s -\n", m->state, m->user, m->user);
}
