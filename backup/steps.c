/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/steps.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "backup/child.h"
#include "backup/dump.h"
#include "backup/place.h"
#include "backup/postgres.h"
#include "backup/report.h"
#include "backup/tree.h"

#define UUID_FILE "etc/profile.d/xivo_uuid.sh"
#define SYSTEM_CONF "etc/systemd/system.conf"
#define CONFGEND_CACHE "var/cache/wazo-confgend"
/* Wazo's own hosts have it; those with a service of ours alone do not. */
#define PLATFORM "etc/xivo"
#define FILE_MAX_SIZE (256U * 1024)
#define CACHE_DEPTH_MAX 8

enum { STEP_SECONDS = 300 };

struct state {
        const struct steps_request *request;
        char uuid[64]; /* of table infos, or "" */
        unsigned undone;
};

struct step {
        const char *what;
        int (*run)(struct state *s); /* below zero: not done */
        unsigned types;       /* bits of enum index_type */
        bool system;          /* it sets up the host, which may be kept as it is */
        const char *where;    /* hosts that have this path: others need no such step */
        const char *by_hand;
};

enum { FOR_DATA = 1 << INDEX_DATA, FOR_DB = 1 << INDEX_DB };

static int run_program(struct state *s, const char *const *argv) {
        struct child child = {.argv = argv, .uid = geteuid(), .gid = getegid(), .in = -1, .out = -1, .seconds = STEP_SECONDS};
        int r;

        /* Programs act on the host that runs, which another root is not. */
        if (s->request->root[0])
                return -EXDEV;
        r = child_run(&child);
        if (r > 0)
                report_warning("%s: %s", argv[0], child.error[0] ? child.error : "failed");
        return r > 0 ? -EIO : r;
}

/* Small files of our own making: 0644, root's, or as what they replace. */
static int write_file(struct state *s, const char *path, const char *text) {
        struct place_attributes attributes = {.owned = geteuid() == 0, .mode = 0644, .mtime = time(NULL)};
        struct place_file f = PLACE_FILE_NULL;
        size_t n = strlen(text);
        struct stat st;
        int r;

        if (tree_stat(s->request->root_fd, path, &st) == 0 && S_ISREG(st.st_mode)) {
                attributes.uid = st.st_uid;
                attributes.gid = st.st_gid;
                attributes.mode = st.st_mode & 0777;
        }
        r = place_begin(s->request->root_fd, path, &f);
        if (r >= 0 && write(f.fd, text, n) != (ssize_t) n)
                r = -EIO;
        if (r >= 0)
                r = place_commit(&f, &attributes, false);
        place_done(&f);
        return r;
}

static int step_uuid_file(struct state *s) {
        char text[128];

        if (!s->uuid[0])
                return -ENOENT;
        (void) snprintf(text, sizeof(text), "export XIVO_UUID=%s\n", s->uuid);
        return write_file(s, UUID_FILE, text);
}

char *steps_set_uuid(const char *old, const char *uuid) {
        static const char key[] = "DefaultEnvironment=", variable[] = "XIVO_UUID=";
        const char *line = strncmp(old, key, strlen(key)) == 0 ? old : strstr(old, "\nDefaultEnvironment="), *at, *end, *word;
        char *text;
        int r;

        if (!line) {
                const char *newline = old[0] && old[strlen(old) - 1] != '\n' ? "\n" : "";

                r = asprintf(&text, "%s%s%s%s%s%s\n", old, newline, strstr(old, "[Manager]") ? "" : "[Manager]\n",
                             key, variable, uuid);
                return r < 0 ? NULL : text;
        }
        at = line + (*line == '\n') + strlen(key);
        end = at + strcspn(at, "\n");
        word = strstr(at, variable);
        if (word && word < end) {
                word += strlen(variable);
                r = asprintf(&text, "%.*s%s%s", (int) (word - old), old, uuid, word + strcspn(word, " \t\"'\n"));
        } else
                r = asprintf(&text, "%.*s%s%s%s%s", (int) (at - old), old, variable, uuid, at < end ? " " : "", at);
        return r < 0 ? NULL : text;
}

static int step_system_conf(struct state *s) {
        _cleanup_free_ char *old = NULL, *text = NULL;
        int r;

        if (!s->uuid[0])
                return -ENOENT;
        r = tree_read(s->request->root_fd, SYSTEM_CONF, FILE_MAX_SIZE, &old);
        if (r < 0)
                return r;
        text = steps_set_uuid(old, s->uuid);
        return text ? write_file(s, SYSTEM_CONF, text) : -ENOMEM;
}

static int step_manager(struct state *s) {
        const char *reload[] = {"systemctl", "daemon-reload", NULL};
        char variable[128];
        const char *set[] = {"systemctl", "set-environment", variable, NULL};
        int r;

        if (!s->uuid[0])
                return -ENOENT;
        (void) snprintf(variable, sizeof(variable), "XIVO_UUID=%s", s->uuid);
        r = run_program(s, set);
        return r < 0 ? r : run_program(s, reload);
}

static int step_update_config(struct state *s) {
        const char *argv[] = {"xivo-update-config", NULL};

        return run_program(s, argv);
}

static int step_keys(struct state *s) {
        const char *argv[] = {"wazo-auth-keys", "service", "update", NULL};

        return run_program(s, argv);
}

static int empty(int fd, unsigned depth) {
        DIR *dir = fdopendir(fd);
        int r = 0;

        if (!dir) {
                (void) fd_close(fd);
                return -ENOTDIR;
        }
        for (struct dirent *e = readdir(dir); e && r >= 0; e = readdir(dir)) {
                int sub;

                if (streq(e->d_name, ".") || streq(e->d_name, ".."))
                        continue;
                if (unlinkat(dirfd(dir), e->d_name, 0) == 0)
                        continue;
                if ((errno != EISDIR && errno != EPERM) || depth >= CACHE_DEPTH_MAX)
                        return closedir(dir), -EIO;
                sub = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                r = sub < 0 ? -errno : empty(sub, depth + 1);
                if (r >= 0 && unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR) < 0)
                        r = -errno;
        }
        (void) closedir(dir);
        return r;
}

static int step_confgend_cache(struct state *s) {
        int fd = tree_open(s->request->root_fd, CONFGEND_CACHE, O_RDONLY | O_DIRECTORY);

        return fd < 0 ? fd : empty(fd, 0);
}

static const struct step steps[] = {
        {"XIVO_UUID in /" UUID_FILE, step_uuid_file, FOR_DATA | FOR_DB, false, PLATFORM,
         "echo \"export XIVO_UUID=$(sudo -u postgres psql -d asterisk -tA -c 'select uuid from infos')\" >/" UUID_FILE},
        {"XIVO_UUID in /" SYSTEM_CONF, step_system_conf, FOR_DATA | FOR_DB, false, PLATFORM,
         "DefaultEnvironment=XIVO_UUID=UUID in /" SYSTEM_CONF ", with the uuid of table infos"},
        {"XIVO_UUID in the environment of running systemd", step_manager, FOR_DATA | FOR_DB, false, PLATFORM,
         "source /" UUID_FILE "; systemctl set-environment XIVO_UUID=$XIVO_UUID; systemctl daemon-reload"},
        {"the system's configuration files, from the restored settings", step_update_config, FOR_DATA, true, PLATFORM,
         "xivo-update-config"},
        {"the cache of wazo-confgend", step_confgend_cache, FOR_DATA | FOR_DB, false, CONFGEND_CACHE,
         "rm -rf /" CONFGEND_CACHE "/*"},
        {"keys of the services", step_keys, FOR_DATA | FOR_DB, false, "var/lib/wazo-auth-keys",
         "wazo-auth-keys service update, with wazo-auth running (with --recreate where keys and database are of different times)"},
};

static bool is_needed(const struct steps_request *request, const struct step *step) {
        struct stat st;

        return step->types & 1U << request->type && !(step->system && request->keep_system) &&
               tree_stat(request->root_fd, step->where, &st) == 0;
}

unsigned steps_run(const struct steps_request *request) {
        struct state s = {.request = request};

        if (request->database && (!request->root[0] || getenv("PGHOST")) && !request->dry_run &&
            postgres_uuid(request->database, s.uuid, sizeof(s.uuid)) < 0)
                s.uuid[0] = 0;
        for (unsigned i = 0; i < ELEMENTSOF(steps); i++) {
                const struct step *step = &steps[i];
                int r;

                if (!is_needed(request, step))
                        continue;
                if (request->dry_run) {
                        report_line("then: %s", step->what);
                        continue;
                }
                r = step->run(&s);
                if (r >= 0)
                        report_line("done: %s", step->what);
                else {
                        report_line("TO DO: %s: %s", step->what, step->by_hand);
                        s.undone++;
                }
        }
        return s.undone;
}
