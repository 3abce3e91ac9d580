/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows about files: log, PID file, state, key, configuration.
 */
#include <dirent.h>
#include <inttypes.h>

#include "lib/paths.h"
#include "units/check/check.h"
#include "units/check/host.h"
#include "units/check/unit.h"

/* A file and the user; when one of both is not there, the row has been ended. */
static bool find_file(struct check *c, const struct manifest *m, const char *file, struct stat *ret,
                      struct host_user *ret_user) {
        char path[CHECK_PATH_MAX];
        int r = host_user(c->root, m->user, ret_user);

        if (!check_path(c, file, path))
                return false;
        if (r < 0) {
                check_undecided(c, "the user %s is not known: %s", m->user,
                                r == -ENOENT ? "there is none" : strerror(-r));
                return false;
        }
        if (stat(path, ret) == 0)
                return true;
        if (errno != ENOENT && errno != ENOTDIR) {
                check_undecided(c, "%s: %s", file, strerror(errno));
                return false;
        }
        check_fail(c, "there is no %s", file);
        check_remedy(c, "reinstall the package: apt-get install --reinstall %s", m->facts.package);
        return false;
}

void check_row_log(struct check *c, const struct manifest *m) {
        struct host_user user;
        struct stat st;

        if (!m->log) {
                check_skip(c, "it has no log file");
                return;
        }
        if (!find_file(c, m, m->log, &st, &user))
                return;
        if (!S_ISREG(st.st_mode) || strncmp(m->log, "/var/log/", 9) != 0) {
                check_fail(c, "%s is no regular file under /var/log", m->log);
                check_remedy(c, "move it away, and reinstall the package %s", m->facts.package);
        } else if (!host_may(&user, &st, 2)) {
                check_fail(c, "%s may not write %s (owner %u, mode %03o)", m->user, m->log, st.st_uid,
                           st.st_mode & 07777);
                check_remedy(c, "chown %s %s; chmod u+rw %s", m->user, m->log, m->log);
        } else
                check_pass(c, "%s may write %s", m->user, m->log);
}

/* How many files of logrotate's folder name the log as theirs, one that gives way to another not counted. */
static int count_rotations(const char *folder, const char *log) {
        DIR *dir = opendir(folder);
        int n = 0;

        if (!dir)
                return -errno;
        for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
                _cleanup_free_ char *text = NULL;
                char path[CHECK_PATH_MAX];
                const char *found;

                if (*entry->d_name == '.' ||
                    snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= (int) sizeof(path) ||
                    host_read(path, &text) < 0)
                        continue;
                found = strstr(text, log);
                if (found && (found == text || strchr(" \t\n\"", found[-1])) &&
                    strchr(" \t\n\"{", found[strlen(log)]))
                        n += strstr(text, "ignoreduplicates") ? 0x100 : 1;
        }
        (void) closedir(dir);
        return n;
}

void check_row_rotation(struct check *c, const struct manifest *m) {
        char path[CHECK_PATH_MAX];
        int n;

        if (!m->log) {
                check_skip(c, "it has no log file");
                return;
        }
        if (!check_path(c, "/etc/logrotate.d", path))
                return;
        n = count_rotations(path, m->log);
        if (n < 0 && n != -ENOENT)
                check_undecided(c, "/etc/logrotate.d: %s", strerror(-n));
        else if (n <= 0) {
                check_fail(c, "no file in /etc/logrotate.d names %s", m->log);
                check_remedy(c, "wazo-suite generate logrotate %s >/etc/logrotate.d/%s", m->service, m->service);
        } else if (n > 1 && n < 0x100) {
                check_fail(c, "%d files in /etc/logrotate.d name %s: logrotate calls that an error", n, m->log);
                check_remedy(c, "keep one of those that \"grep -l %s /etc/logrotate.d/*\" lists", m->log);
        } else
                check_pass(c, "%s is rotated", m->log);
}

/* systemd makes it at each start, or systemd-tmpfiles at each boot. */
static bool is_made_again(struct check *c, const char *directory) {
        static const char *const folders[] = {"/usr/lib/tmpfiles.d", "/etc/tmpfiles.d"};

        if (c->unit && strncmp(directory, "/run/", 5) == 0 &&
            check_unit_lists(c->unit, "RuntimeDirectory", directory + 5))
                return true;
        for (unsigned i = 0; i < ELEMENTSOF(folders); i++) {
                char folder[CHECK_PATH_MAX];
                bool found = false;
                DIR *dir;

                if (!check_path(c, folders[i], folder))
                        return false;
                dir = opendir(folder);
                for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
                        _cleanup_free_ char *text = NULL;
                        char path[CHECK_PATH_MAX];
                        const char *at;

                        if (*entry->d_name == '.' ||
                            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= (int) sizeof(path) ||
                            host_read(path, &text) < 0)
                                continue;
                        at = strstr(text, directory);
                        found |= at && strchr(" \t", at[strlen(directory)]);
                }
                if (dir)
                        (void) closedir(dir);
                if (found)
                        return true;
        }
        return false;
}

/* A Python daemon's unit makes it in ExecStartPre=, which shows in its file only. */
static bool unit_file_names(struct check *c, const char *directory) {
        _cleanup_free_ char *text = NULL;
        char path[CHECK_PATH_MAX];

        return c->unit && check_path(c, check_unit_get(c->unit, "FragmentPath"), path) &&
               host_read(path, &text) == 0 && strstr(text, directory);
}

void check_row_pid_file(struct check *c, const struct manifest *m) {
        char directory[CHECK_PATH_MAX] = "";
        struct host_user user;
        struct stat st;

        if (m->facts.unit.pid_file)
                (void) snprintf(directory, sizeof(directory), "%.*s",
                                (int) (strrchr(m->facts.unit.pid_file, '/') - m->facts.unit.pid_file),
                                m->facts.unit.pid_file);
        else if (m->run)
                (void) strcopy(directory, sizeof(directory), m->run);
        if (!*directory || streq(directory, "/run")) {
                check_skip(c, *directory ? "its PID file is in /run, as root" :
                                           "it has neither a PID file nor a directory in /run");
                return;
        }
        if (!find_file(c, m, directory, &st, &user)) {
                if (c->result->outcome == CHECK_FAIL)
                        check_remedy(c, "systemd-tmpfiles --create; systemctl restart %s", m->facts.unit.name);
                return;
        }
        if (!S_ISDIR(st.st_mode) || !host_may(&user, &st, 2 | 1)) {
                check_fail(c, "%s may not write in %s (owner %u, mode %03o)", m->user, directory, st.st_uid,
                           st.st_mode & 07777);
                check_remedy(c, "chown %s %s", m->user, directory);
        } else if (!is_made_again(c, directory) && !unit_file_names(c, directory)) {
                check_fail(c, "nothing makes %s again after a reboot", directory);
                check_remedy(c, "write \"d %s 0755 %s %s -\" to a file in /etc/tmpfiles.d", directory, m->user,
                             m->user);
        } else
                check_pass(c, "%s may write in %s, which is made again at boot", m->user, directory);
}

void check_row_state(struct check *c, const struct manifest *m) {
        struct host_user user;
        struct stat st;

        if (!m->state) {
                check_skip(c, "it has no directory of its own");
                return;
        }
        if (!find_file(c, m, m->state, &st, &user))
                return;
        if (!S_ISDIR(st.st_mode) || !host_may(&user, &st, 4 | 2 | 1)) {
                check_fail(c, "%s may not write in %s (owner %u, mode %03o)", m->user, m->state, st.st_uid,
                           st.st_mode & 07777);
                check_remedy(c, "chown %s %s; chmod u+rwx %s", m->user, m->state, m->state);
        } else if ((st.st_mode & 002) && !(st.st_mode & S_ISVTX)) {
                check_fail(c, "everybody may write in %s (mode %03o)", m->state, st.st_mode & 07777);
                check_remedy(c, "chmod o-w %s", m->state);
        } else
                check_pass(c, "%s may write in %s", m->user, m->state);
}

void check_row_key(struct check *c, const struct manifest *m) {
        const char *key = m->facts.key.file, *keys = "/var/lib/wazo-auth-keys";
        char path[CHECK_PATH_MAX];
        struct host_user user;
        struct stat st;

        if (!key) {
                check_skip(c, "it has no key for wazo-auth");
                return;
        }
        if (!check_path(c, keys, path))
                return;
        if (access(path, F_OK) < 0) {
                check_skip(c, "this host has no keys for wazo-auth: there is no %s", keys);
                return;
        }
        if (!find_file(c, m, key, &st, &user)) {
                if (c->result->outcome == CHECK_FAIL)
                        check_remedy(c, "wazo-auth-keys service update");
                return;
        }
        if (st.st_uid != user.uid) {
                check_fail(c, "%s belongs to uid %u, not to %s", key, st.st_uid, m->user);
                check_remedy(c,
                             "have \"system_user: %s\" in /etc/wazo-auth-keys/conf.d (wazo-suite generate auth-keys "
                             "%s), then wazo-auth-keys service update",
                             m->user, m->service);
        } else if (st.st_mode & 077) {
                check_fail(c, "others than %s may read %s (mode %03o)", m->user, key, st.st_mode & 07777);
                check_remedy(c, "chmod 600 %s", key);
        } else
                check_pass(c, "%s is %s's alone", key, m->user);
}

/* What the service's own reader says of its configuration. */
static int run_reader(const char *service) {
        struct paths paths;
        char program[512];
        int r = paths_find(&paths);

        if (r == 0)
                r = paths_program(&paths, "wazo-config", program, sizeof(program));
        return r < 0 ? r : host_run((const char *const[]) {program, "--check-config", service, NULL});
}

void check_row_config(struct check *c, const struct manifest *m) {
        char path[CHECK_PATH_MAX];
        struct stat st;
        bool there;
        int r;

        if (!m->config) {
                check_skip(c, "it has no configuration file");
                return;
        }
        if (!check_path(c, m->config, path))
                return;
        there = stat(path, &st) == 0;
        if (!there && errno != ENOENT) {
                check_undecided(c, "%s: %s", m->config, strerror(errno));
                return;
        }
        /* Ours need none: the defaults are a configuration. */
        if (!there && m->kind == MANIFEST_UNIT) {
                check_fail(c, "there is no %s", m->config);
                check_remedy(c, "apt-get install --reinstall -o Dpkg::Options::=--force-confmiss %s",
                             m->facts.package);
                return;
        }
        if (there && ((st.st_mode & 002) || !S_ISREG(st.st_mode))) {
                check_fail(c, "everybody may write %s (mode %03o)", m->config, st.st_mode & 07777);
                check_remedy(c, "chmod o-w %s", m->config);
                return;
        }
        if (m->kind != MANIFEST_NATIVE || *c->root) {
                check_pass(c, there ? "%s is there" : "there is no %s: all is as by default", m->config);
                return;
        }
        /* Its secrets may be read by root and by its own user. */
        if (geteuid() != 0) {
                check_undecided(c, "all of its configuration may be read by root only: ask as root");
                return;
        }
        r = run_reader(m->service);
        if (r < 0)
                check_undecided(c, "its reader cannot be run: %s", strerror(-r));
        else if (r > 0) {
                check_fail(c, "the configuration is wrong");
                check_remedy(c, "mend what this tells: wazo-supervisord --check-config %s", m->service);
        } else
                check_pass(c, there ? "%s is understood" : "there is no %s: all is as by default", m->config);
}
