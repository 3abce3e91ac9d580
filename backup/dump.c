/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/dump.h"

#include <pwd.h>
#include <stdio.h>

#include "backup/child.h"
#include "backup/report.h"
#include "lib/paths.h"

#define POSTGRES "postgres"
#define SNAPSHOT "wazo-backup-snapshot"

enum { SQLITE_SECONDS = 600, QUESTION_SECONDS = 30, ARGUMENTS_MAX = 64 };

bool dump_is_sqlite(int fd) {
        char head[sizeof(SQLITE_MAGIC)];

        return pread(fd, head, sizeof(head), 0) == (ssize_t) sizeof(head) && memcmp(head, SQLITE_MAGIC, sizeof(head)) == 0;
}

int dump_sqlite(const char *path, const struct stat *st, int to, const volatile sig_atomic_t *interrupted) {
        const char *argv[] = {NULL, path, NULL};
        struct child child = {.argv = argv, .uid = st->st_uid, .gid = st->st_gid, .in = -1, .out = to, .seconds = SQLITE_SECONDS,
                              .interrupted = interrupted};
        struct paths paths;
        char program[1024];
        int r;

        r = paths_find(&paths);
        if (r >= 0)
                r = paths_program(&paths, SNAPSHOT, program, sizeof(program));
        if (r >= 0) {
                argv[0] = program;
                r = child_run(&child);
        }
        if (r == 0)
                return 0;
        if (r > 0)
                report_warning("%s", child.error[0] ? child.error : "the copy of a database failed");
        else if (r != -EINTR)
                report_warning("%s: %s: %s", path, SNAPSHOT, strerror(-r));
        return r > 0 ? -EIO : r;
}

bool dump_has_postgresql(void) {
        const char *argv[] = {"pg_dump", "--version", NULL};
        struct child child = {.argv = argv, .uid = geteuid(), .gid = getegid(), .in = -1, .out = -1, .seconds = QUESTION_SECONDS};

        return child_run(&child) == 0;
}

int dump_run_postgresql(const char *const *argv, int in, int out, char *text, size_t text_size, char *error, size_t error_size,
                        const volatile sig_atomic_t *interrupted) {
        struct child child = {.argv = argv, .uid = geteuid(), .gid = getegid(), .in = in, .out = out, .text = text,
                              .text_size = text_size, .interrupted = interrupted};
        const struct passwd *postgres = geteuid() == 0 && !getenv("PGUSER") ? getpwnam(POSTGRES) : NULL;
        int r;

        if (postgres) {
                child.user = POSTGRES;
                child.uid = postgres->pw_uid;
                child.gid = postgres->pw_gid;
        }
        r = child_run(&child);
        (void) strcopy(error, error_size, r < 0 ? strerror(-r) : child.error[0] ? child.error : "failed without a word");
        return r;
}

int dump_postgresql(const char *name, const char *const *without, int to, const volatile sig_atomic_t *interrupted) {
        char options[ARGUMENTS_MAX][128], error[CHILD_ERROR_MAX];
        const char *argv[ARGUMENTS_MAX + 8] = {"pg_dump", "--format=custom", "--no-password"};
        size_t n = 3;
        int r;

        for (size_t i = 0; without && without[i]; i++) {
                if (i >= ARGUMENTS_MAX)
                        return -E2BIG;
                if (snprintf(options[i], sizeof(options[i]), "--exclude-table-data=%s", without[i]) >= (int) sizeof(options[i]))
                        return -ENAMETOOLONG;
                argv[n++] = options[i];
        }
        argv[n++] = "--";
        argv[n] = name;
        r = dump_run_postgresql(argv, -1, to, NULL, 0, error, sizeof(error), interrupted);
        if (r == 0)
                return 0;
        if (r != -EINTR)
                report_error("database %s: pg_dump: %s", name, error);
        return r < 0 ? r : -EIO;
}

uint64_t dump_postgresql_size(const char *name) {
        const char *argv[] = {"psql", "--no-password", "--no-psqlrc", "-tAqc",
                              "SELECT pg_database_size(current_database())", "--", name, NULL};
        char text[64] = "", error[CHILD_ERROR_MAX];

        if (dump_run_postgresql(argv, -1, -1, text, sizeof(text), error, sizeof(error), NULL) != 0)
                return 0;
        return strtoull(text, NULL, 10);
}
