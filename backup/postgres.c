/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/postgres.h"

#include <fcntl.h>
#include <stdio.h>

#include "backup/child.h"
#include "backup/dump.h"
#include "backup/output.h"
#include "backup/report.h"

#define NAME_MAX_BYTES 48 /* of 63, with what is put behind it */
#define SYSTEM_TABLES "'dhcp', 'netiface', 'resolvconf'"
#define N_SYSTEM_TABLES "3"

enum { ARGUMENTS_MAX = 24, TEXT_MAX = 2048 };

bool postgres_is_name(const char *name) {
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789");

        return n > 0 && n <= NAME_MAX_BYTES && !name[n];
}

/* psql over @database with @statements (NULL-terminated), all in one transaction when there are several; then @script, or -1. */
static int query(const char *database, const char *const *statements, int script, char *ret, size_t size, char *error,
                 size_t error_size) {
        const char *argv[ARGUMENTS_MAX] = {"psql", "--no-password", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
                                           "--set=ON_ERROR_STOP=1", "--dbname", database};
        char unused[8];
        size_t n = 9;

        for (unsigned i = 0; statements[i] && n < ARGUMENTS_MAX - 4; i++) {
                argv[n++] = "-c";
                argv[n++] = statements[i];
        }
        if (script >= 0) {
                argv[n++] = "-f";
                argv[n++] = "-";
        }
        if (script >= 0 || (statements[0] && statements[1]))
                argv[n++] = "--single-transaction";
        if (ret)
                ret[0] = 0;
        return dump_run_postgresql(argv, script, -1, ret ? ret : unused, ret ? size : sizeof(unused), error, error_size, NULL);
}

static int fail(const char *name, const char *what, int r, const char *error) {
        report_error("database %s: %s: %s", name, what, error);
        return r < 0 ? r : -EIO;
}

/* One statement that answers one text. */
static int ask(const char *database, const char *statement, char *ret, size_t size, char *error, size_t error_size) {
        const char *statements[] = {statement, NULL};

        return query(database, statements, -1, ret, size, error, error_size);
}

static int run(const char *name, const char *database, const char *statement, const char *what) {
        char error[CHILD_ERROR_MAX];
        int r = ask(database, statement, NULL, 0, error, sizeof(error));

        return r == 0 ? 0 : fail(name, what, r, error);
}

int postgres_clients(const char *name, char *ret, size_t size) {
        char statement[TEXT_MAX], error[CHILD_ERROR_MAX];
        int r;

        (void) snprintf(statement, sizeof(statement),
                        "SELECT string_agg(coalesce(nullif(application_name, ''), 'somebody') || ' (' || pid || ')', ', ' ORDER BY pid) "
                        "FROM pg_stat_activity WHERE datname = '%s' AND pid <> pg_backend_pid()", name);
        r = ask("postgres", statement, ret, size, error, sizeof(error));
        if (r != 0)
                return fail(name, "asking who is connected", r, error);
        return ret[0] ? 1 : 0;
}

int postgres_uuid(const char *name, char *ret, size_t size) {
        char error[CHILD_ERROR_MAX];

        if (ask(name, "SELECT uuid FROM infos LIMIT 1", ret, size, error, sizeof(error)) != 0)
                return -ENOENT;
        return strlen(ret) == 36 && strspn(ret, "0123456789abcdefABCDEF-") == 36 ? 0 : -ENOENT;
}

/* The new database is made like the one that is there, or as Wazo makes it. */
static int make(const char *name, const char *fresh, bool *ret_replaces) {
        char statement[TEXT_MAX], made[TEXT_MAX], error[CHILD_ERROR_MAX];
        int r;

        (void) snprintf(statement, sizeof(statement),
                        "SELECT format('CREATE DATABASE %%I TEMPLATE template0 OWNER %%I ENCODING %%L LC_COLLATE %%L LC_CTYPE %%L', '%s', "
                        "pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype) FROM pg_database WHERE datname = '%s'",
                        fresh, name);
        r = ask("postgres", statement, made, sizeof(made), error, sizeof(error));
        if (r == 0 && !made[0]) {
                *ret_replaces = false;
                (void) snprintf(statement, sizeof(statement),
                                "SELECT format('CREATE DATABASE %%I TEMPLATE template0 ENCODING ''UTF8'' OWNER %%I', '%s', "
                                "coalesce((SELECT rolname FROM pg_roles WHERE rolname = '%s'), current_user))", fresh, name);
                r = ask("postgres", statement, made, sizeof(made), error, sizeof(error));
        } else
                *ret_replaces = true;
        if (r != 0)
                return fail(name, "looking for it", r, error);
        return run(name, "postgres", made, "making a new one");
}

static int fill(const char *name, const char *fresh, int dump, const volatile sig_atomic_t *interrupted) {
        const char *argv[] = {"pg_restore", "--no-password", "--exit-on-error", "--dbname", fresh, NULL};
        char error[CHILD_ERROR_MAX];
        int r;

        if (lseek(dump, 0, SEEK_SET) < 0)
                return -errno;
        r = dump_run_postgresql(argv, dump, -1, NULL, 0, error, sizeof(error), interrupted);
        return r == 0 ? 0 : fail(name, "pg_restore", r, error);
}

static bool has_system_tables(const char *database) {
        char text[64], error[CHILD_ERROR_MAX];

        return ask(database,
                   "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename IN (" SYSTEM_TABLES ")",
                   text, sizeof(text), error, sizeof(error)) == 0 &&
               streq(text, N_SYSTEM_TABLES);
}

/* What the host's network is stays as the database says that is there. */
static int keep_system_tables(const char *name, const char *fresh) {
        const char *argv[] = {"pg_dump", "--no-password", "--data-only", "-t", "public.dhcp", "-t", "public.netiface",
                              "-t", "public.resolvconf", "--", name, NULL};
        const char *const statements[] = {"TRUNCATE public.dhcp, public.netiface, public.resolvconf", NULL};
        _cleanup_close_ int dir = -1, scratch = -1;
        char error[CHILD_ERROR_MAX];
        int r;

        if (!has_system_tables(name) || !has_system_tables(fresh))
                return 1;
        dir = open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        scratch = dir < 0 ? -1 : output_scratch(dir);
        if (scratch < 0)
                return -errno;
        r = dump_run_postgresql(argv, -1, scratch, NULL, 0, error, sizeof(error), NULL);
        if (r == 0 && lseek(scratch, 0, SEEK_SET) < 0)
                return -errno;
        if (r == 0)
                r = query(fresh, statements, scratch, NULL, 0, error, sizeof(error));
        return r == 0 ? 0 : fail(name, "keeping the tables of the network", r, error);
}

/* Both names change in one transaction; who is connected in this very moment makes it fail. */
static int swap(const char *name, const char *fresh, bool replaces) {
        char drop[TEXT_MAX], away[TEXT_MAX], here[TEXT_MAX], error[CHILD_ERROR_MAX];
        const char *statements[] = {replaces ? away : here, replaces ? here : NULL, NULL};
        int r;

        (void) snprintf(drop, sizeof(drop), "DROP DATABASE IF EXISTS %s_previous", name);
        (void) snprintf(away, sizeof(away), "ALTER DATABASE %s RENAME TO %s_previous", name, name);
        (void) snprintf(here, sizeof(here), "ALTER DATABASE %s RENAME TO %s", fresh, name);
        if (replaces) {
                r = run(name, "postgres", drop, "dropping the previous one");
                if (r < 0)
                        return r;
        }
        r = query("postgres", statements, -1, NULL, 0, error, sizeof(error));
        return r == 0 ? 0 : fail(name, "putting it into place", r, error);
}

int postgres_restore(const char *name, int dump, bool keep_system, const volatile sig_atomic_t *interrupted) {
        char fresh[NAME_MAX_BYTES + 32], drop[TEXT_MAX];
        bool replaces = false;
        int kept = 0, r;

        (void) snprintf(fresh, sizeof(fresh), "%s_restoring", name);
        (void) snprintf(drop, sizeof(drop), "DROP DATABASE IF EXISTS %s", fresh);
        r = run(name, "postgres", drop, "dropping what an interrupted restore left");
        if (r < 0)
                return r;
        r = make(name, fresh, &replaces);
        if (r < 0)
                return r;
        r = fill(name, fresh, dump, interrupted);
        if (r >= 0 && keep_system && replaces)
                r = kept = keep_system_tables(name, fresh);
        if (r >= 0)
                r = swap(name, fresh, replaces);
        if (r < 0) {
                (void) run(name, "postgres", drop, "dropping what was restored of it");
                return r;
        }
        if (replaces)
                report_line("database %s: restored; the one that was there is %s_previous now", name, name);
        else
                report_line("database %s: restored", name);
        return kept > 0 ? 1 : 0;
}
