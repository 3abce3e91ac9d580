/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows about the user of a service and the rights of its processes.
 */
#include <inttypes.h>

#include "units/check/check.h"
#include "units/check/host.h"
#include "units/check/processes.h"

/* The user of the service; when there is none, the row has been ended. */
static bool find_user(struct check *c, const struct manifest *m, struct host_user *ret) {
        int r = host_user(c->root, m->user, ret);

        if (r == -ENOENT) {
                check_fail(c, "there is no user %s", m->user);
                check_remedy(c, "reinstall the package: apt-get install --reinstall %s", m->facts.package);
        } else if (r < 0)
                check_undecided(c, "the users cannot be read: %s", strerror(-r));
        return r == 0;
}

/* root by its manifest: whatever is asked of a user's account is not asked of root. */
static bool is_root(struct check *c, const struct manifest *m) {
        if (!streq(m->user, "root"))
                return false;
        check_skip(c, "it runs as root: %s", strempty(m->facts.root));
        return true;
}

void check_row_user(struct check *c, const struct manifest *m) {
        struct host_user user;

        if (is_root(c, m) || !check_runs(c) || !find_user(c, m, &user))
                return;
        for (size_t i = 0; i < c->processes->n; i++) {
                const struct check_process *p = &c->processes->list[i];

                for (unsigned j = 0; j < ELEMENTSOF(p->uids); j++)
                        if (p->uids[j] != user.uid) {
                                check_fail(c, "process %d runs as uid %u, which is not that of %s (%u)", (int) p->pid,
                                           p->uids[j], m->user, user.uid);
                                check_remedy(c,
                                             "set \"user: %s\" in %s and start it again; if the manifest is wrong, "
                                             "mend its \"user\"",
                                             m->user, m->config ? m->config : "its configuration");
                                return;
                        }
        }
        check_pass(c, "%zu processes, all of them %s", c->processes->n, m->user);
}

void check_row_capabilities(struct check *c, const struct manifest *m) {
        if (is_root(c, m) || !check_runs(c))
                return;
        for (size_t i = 0; i < c->processes->n; i++)
                if (c->processes->list[i].capabilities != 0) {
                        check_fail(c, "process %d has the capabilities 0x%" PRIx64, (int) c->processes->list[i].pid,
                                   c->processes->list[i].capabilities);
                        check_remedy(c, "take AmbientCapabilities= out of the drop-ins of %s, and start it again",
                                     m->facts.unit.name);
                        return;
                }
        check_pass(c, "no process has a capability");
}

void check_row_shell(struct check *c, const struct manifest *m) {
        struct host_user user;
        int password;

        if (is_root(c, m) || !find_user(c, m, &user))
                return;
        if (!streq(user.shell, "/usr/sbin/nologin") && !streq(user.shell, "/sbin/nologin") &&
            !streq(user.shell, "/bin/false") && !streq(user.shell, "/usr/bin/false")) {
                check_fail(c, "the shell of %s is %s", m->user, *user.shell ? user.shell : "/bin/sh");
                check_remedy(c, "usermod --shell /usr/sbin/nologin %s", m->user);
                return;
        }
        password = host_password(c->root, m->user);
        if (password == HOST_PASSWORD_LOCKED)
                check_pass(c, "%s, and no password", user.shell);
        else if (password < 0)
                check_undecided(c, "whether %s has a password: /etc/shadow: %s", m->user, strerror(-password));
        else {
                check_fail(c, password == HOST_PASSWORD_SET ? "%s has a password" : "%s needs no password", m->user);
                check_remedy(c, "passwd --lock %s", m->user);
        }
}

void check_row_home(struct check *c, const struct manifest *m) {
        struct host_user user;
        char path[CHECK_PATH_MAX], below_home[128];

        if (is_root(c, m) || !find_user(c, m, &user))
                return;
        (void) snprintf(below_home, sizeof(below_home), "/home/%s", m->user);
        if (!check_path(c, below_home, path))
                return;
        if (access(path, F_OK) == 0) {
                check_fail(c, "there is a directory %s", below_home);
                check_remedy(c, "move what is needed out of it, then remove %s", below_home);
                return;
        }
        if (!check_path(c, user.home, path))
                return;
        if (strncmp(user.home, "/home/", 6) == 0 ||
            (access(path, F_OK) == 0 && strncmp(user.home, "/var/lib/", 9) != 0 &&
             !(m->facts.home && streq(m->facts.home, user.home)))) {
                check_fail(c, "the home of %s is %s", m->user, user.home);
                /* usermod refuses while a process of the user's runs. */
                check_remedy(c, "systemctl stop %s; usermod --home %s %s; systemctl start %s", m->facts.unit.name,
                             m->facts.home ?: "/nonexistent", m->user, m->facts.unit.name);
                return;
        }
        check_pass(c, "%s", user.home);
}

void check_row_account(struct check *c, const struct manifest *m) {
        struct host_user user;
        gid_t group;
        int r;

        if (is_root(c, m) || !find_user(c, m, &user))
                return;
        if (user.uid >= 1000) {
                check_fail(c, "the uid of %s is %u: no system account", m->user, user.uid);
                check_remedy(c,
                             "stop the service; deluser %s; adduser --system --group --no-create-home %s; give it "
                             "its files again",
                             m->user, m->user);
                return;
        }
        r = host_group(c->root, m->user, &group);
        if (r == -ENOENT) {
                check_fail(c, "there is no group %s", m->user);
                check_remedy(c, "addgroup --system %s; usermod --gid %s %s", m->user, m->user, m->user);
        } else if (r < 0)
                check_undecided(c, "the groups cannot be read: %s", strerror(-r));
        else
                check_pass(c, "uid %u, and a group of the same name", user.uid);
}

void check_row_groups(struct check *c, const struct manifest *m) {
        struct host_user user;

        if (yaml_count(m->facts.groups) == 0) {
                check_skip(c, "it needs no other group");
                return;
        }
        if (!find_user(c, m, &user))
                return;
        for (size_t i = 0; i < yaml_count(m->facts.groups); i++) {
                const char *name = yaml_text(m->facts.groups, i);
                gid_t group;
                int r = host_group(c->root, name, &group);

                if (r < 0 && r != -ENOENT) {
                        check_undecided(c, "the groups cannot be read: %s", strerror(-r));
                        return;
                }
                if (r == -ENOENT || !host_in_group(&user, group)) {
                        check_fail(c, "%s is not in the group %s", m->user, name);
                        check_remedy(c, "adduser %s %s; systemctl restart %s", m->user, name, m->facts.unit.name);
                        return;
                }
        }
        check_pass(c, "%s is in all %zu of them", m->user, yaml_count(m->facts.groups));
}
