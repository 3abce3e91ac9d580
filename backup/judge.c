/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/judge.h"

#include <limits.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "backup/dump.h"
#include "backup/postgres.h"
#include "backup/report.h"
#include "backup/screen.h"
#include "backup/tree.h"
#include "backup/users.h"

#define DUMP_FOLDER "pg-backup"
#define SPACE_LEFT (16U * 1024 * 1024)

/* What says which host this is. */
static const char *const system_paths[] = {"etc/hostname",    "etc/hosts", "etc/network",
                                           "etc/resolv.conf", "etc/dhcp",  "etc/systemd"};

static bool is_below(const char *path, const char *top) {
        size_t n = strlen(top);

        return strncmp(path, top, n) == 0 && (path[n] == '/' || !path[n]);
}

static bool is_system(const char *path) {
        for (unsigned i = 0; i < ELEMENTSOF(system_paths); i++)
                if (is_below(path, system_paths[i]))
                        return true;
        return false;
}

const char *judgement_kept(const struct judgement *j, const char *path) {
        if (!path[0])
                return "the root itself";
        if (streq(path, ORIGIN_VERSION_FILE))
                return "it says what is installed";
        if (j->keep_system && is_system(path))
                return "it is this host's";
        return NULL;
}

bool judgement_is_dump(const char *path) {
        return is_below(path, DUMP_FOLDER);
}

bool judgement_is_database(const struct judgement *j, const char *path) {
        for (size_t i = 0; i < j->n_databases; i++)
                if (streq(j->databases[i], path))
                        return true;
        return false;
}

static void see_head(void *userdata, const struct member *m, const void *data, size_t size) {
        struct judgement *j = userdata;
        char path[PATH_MAX];
        const char *odd;
        char **grown;

        screen_path(m->path, path, &odd);
        if (odd || judgement_is_dump(path) || size < sizeof(SQLITE_MAGIC) || memcmp(data, SQLITE_MAGIC, sizeof(SQLITE_MAGIC)) != 0)
                return;
        grown = reallocarray(j->databases, j->n_databases + 1, sizeof(*grown));
        if (!grown)
                return;
        j->databases = grown;
        j->databases[j->n_databases] = strdup(path);
        j->n_databases += j->databases[j->n_databases] != NULL;
}

static int see_member(void *userdata, const struct member *m, const uint8_t *digest, const char *refused) {
        struct judgement *j = userdata;
        char path[PATH_MAX];
        const char *odd;
        struct stat st;

        if (refused) {
                if (j->request->skip_refused)
                        report_warning("%s: %s: refused: %s", j->request->path, m->path, refused);
                else
                        report_error("%s: %s: refused: %s", j->request->path, m->path, refused);
                return 0;
        }
        screen_path(m->path, path, &odd);
        if (odd || m->kind != 'f')
                return 0;
        j->largest = MAX(j->largest, m->size);
        if (tree_stat(j->root_fd, path, &st) < 0)
                j->growth += m->size;
        else if ((uint64_t) st.st_size < m->size)
                j->growth += m->size - (uint64_t) st.st_size;
        return 0;
}

static int check_origin(struct judgement *j) {
        char why[2 * INDEX_TEXT_MAX + 64] = "";
        bool other_host;

        if (origin_other_version(&j->found.origin, &j->host)) {
                if (!j->request->force) {
                        report_error("%s is of version %s, and here is %s: restored only with --force", j->request->path,
                                     j->found.origin.version, j->host.version);
                        return -EPERM;
                }
                report_warning("%s is of version %s, and here is %s", j->request->path, j->found.origin.version, j->host.version);
        }
        other_host = origin_other_host(&j->found.origin, &j->host, why, sizeof(why));
        j->keep_system = j->request->system == RESTORE_SYSTEM_KEEP || (j->request->system == RESTORE_SYSTEM_AUTO && other_host);
        if (j->keep_system && other_host)
                report_line("the host's own settings are kept, network and name among them: %s", why);
        return 0;
}

static int check_space(const struct judgement *j) {
        uint64_t needed = j->growth + j->largest + SPACE_LEFT;
        struct statvfs fs;

        if (fstatvfs(j->root_fd, &fs) < 0)
                return -errno;
        if ((uint64_t) fs.f_bavail * fs.f_frsize >= needed)
                return 0;
        report_error("too little space: %s are free, and %s are needed", size_text((uint64_t) fs.f_bavail * fs.f_frsize).text,
                     size_text(needed).text);
        return -ENOSPC;
}

/* A database that is exchanged under somebody who has it open is two databases, and both are broken. */
static int check_sqlite(struct judgement *j) {
        char names[512];
        struct stat st;
        int r = 0;

        for (size_t i = 0; i < j->n_databases; i++) {
                if (judgement_kept(j, j->databases[i]) || tree_stat(j->root_fd, j->databases[i], &st) < 0)
                        continue;
                if (users_of_file(&st, names, sizeof(names)) <= 0)
                        continue;
                report_error("%s is in use, by %s: stop that first", j->databases[i], names);
                r = -EBUSY;
        }
        return r;
}

struct wanted_database {
        const char *name, *found;
};

static int match_database(void *userdata, const struct manifest *service, const struct facts_database *database) {
        struct wanted_database *wanted = userdata;

        if (database->postgresql && streq(database->postgresql, wanted->name))
                wanted->found = database->postgresql;
        return 0;
}

/* Of pg-backup/NAME-VERSION.dump. */
const char *judgement_database(const struct judgement *j, const char *path) {
        const char *base = path + strlen(DUMP_FOLDER), *dash;
        char name[INDEX_TEXT_MAX];
        struct wanted_database wanted = {.name = name};

        if (*base++ != '/')
                return NULL;
        dash = strrchr(base, '-');
        if (!dash || (size_t) (dash - base) >= sizeof(name))
                return NULL;
        memcpy(name, base, (size_t) (dash - base));
        name[dash - base] = 0;
        if (!postgres_is_name(name) || lists_databases(j->lists, match_database, &wanted) < 0)
                return NULL;
        return wanted.found;
}

bool judgement_has_postgresql(const struct judgement *j) {
        return (!j->request->root[0] || getenv("PGHOST")) && dump_has_postgresql();
}

static int check_clients(void *userdata, const struct manifest *service, const struct facts_database *database) {
        char names[1024];
        int r;

        if (!database->postgresql)
                return 0;
        r = postgres_clients(database->postgresql, names, sizeof(names));
        if (r > 0) {
                report_error("database %s is in use, by %s: stop that first (wazo-service stop all, and start postgresql)",
                             database->postgresql, names);
                return -EBUSY;
        }
        return r;
}

static int check_postgresql(struct judgement *j) {
        return j->found.origin.type == INDEX_DB && judgement_has_postgresql(j) ? lists_databases(j->lists, check_clients, NULL) : 0;
}

int judge(struct judgement *j) {
        struct inspect_calls calls = {.member = see_member, .head = see_head, .userdata = j};
        int r;

        r = inspect(j->fd, j->request->path, "reading", &calls, j->request->interrupted, &j->found);
        if (r < 0)
                return r;
        if (j->found.refused > 0 && !j->request->skip_refused) {
                report_error("nothing was restored; --skip-refused restores the rest of it");
                return -EPERM;
        }
        origin_of_host(j->request->root, j->root_fd, j->found.origin.type, &j->host);
        r = check_origin(j);
        if (r >= 0)
                r = check_space(j);
        if (r >= 0)
                r = check_sqlite(j);
        if (r >= 0)
                r = check_postgresql(j);
        return r;
}

void judgement_done(struct judgement *j) {
        for (size_t i = 0; i < j->n_databases; i++)
                free(j->databases[i]);
        free(j->databases);
        j->databases = NULL;
        j->n_databases = 0;
}
