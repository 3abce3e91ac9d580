/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/create.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "backup/dump.h"
#include "backup/origin.h"
#include "backup/output.h"
#include "backup/report.h"
#include "backup/tree.h"

#define DUMP_FOLDER "pg-backup"
/* What tar adds to a file: its header, and the rest of its last block. */
#define MEMBER_OVERHEAD 1024
/* A disk that is full to the last block hurts more than a backup that was not made. */
#define SPACE_LEFT (16U * 1024 * 1024)

/* What a database file has beside it while it is in use. */
static const char *const sqlite_companions[] = {"-wal", "-shm", "-journal"};

struct creation {
        const struct create_request *request;
        int root_fd;
        struct lists lists;
        struct owners *owners;
        struct index_origin origin;
        struct output output;
        struct writer *writer;
        uint64_t bytes; /* of what is to be saved, uncompressed */
        size_t n_databases, n_sqlite;
        char raw[PATH_MAX]; /* a database that was saved as a file, since no copy could be made: its companions belong to it */
};

static const char *suffix(const struct create_request *request) {
        return request->compression == COMPRESSION_GZIP ? ".tgz" : ".tar.zst";
}

static void tell_left_out(void *userdata, const char *path, int error, const char *why) {
        if (error < 0)
                report_warning("%s: %s", path, strerror(-error));
        else
                report_note("%s: left out: %s", path, why);
}

/* The journal of a database that was copied: the copy has all of it, and a later database must never meet it. */
static bool is_companion(const struct creation *c, const struct walk_file *file) {
        size_t n = strlen(file->name);

        for (unsigned i = 0; i < ELEMENTSOF(sqlite_companions); i++) {
                size_t m = strlen(sqlite_companions[i]), base = strlen(file->path) - m;
                _cleanup_close_ int fd = -1;
                char name[NAME_MAX + 1];

                if (n <= m || !streq(file->name + n - m, sqlite_companions[i]))
                        continue;
                if (strncmp(c->raw, file->path, base) == 0 && !c->raw[base])
                        return false;
                (void) snprintf(name, sizeof(name), "%.*s", (int) (n - m), file->name);
                fd = openat(file->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
                return fd >= 0 && dump_is_sqlite(fd);
        }
        return false;
}

static int count(void *userdata, const struct walk_file *file) {
        struct creation *c = userdata;

        c->bytes += MEMBER_OVERHEAD + (S_ISREG(file->st.st_mode) ? (uint64_t) file->st.st_size : 0);
        return *c->request->interrupted ? -EINTR : 0;
}

static int add_sqlite(struct creation *c, const struct walk_file *file, int fd) {
        _cleanup_close_ int scratch = -1;
        char path[PATH_MAX];
        int r;

        if (snprintf(path, sizeof(path), "%s/%s", c->request->root, file->path) >= (int) sizeof(path))
                return -ENAMETOOLONG;
        scratch = output_scratch(c->output.dir_fd);
        if (scratch < 0)
                return scratch;
        r = dump_sqlite(path, &file->st, scratch, c->request->interrupted);
        return r < 0 ? r : writer_add(c->writer, file, fd, scratch);
}

static int add_file(void *userdata, const struct walk_file *file) {
        struct creation *c = userdata;
        _cleanup_close_ int fd = -1;
        int r;

        /* Left there by tar, which knows of no index. */
        if (streq(file->path, INDEX_MEMBER) || is_companion(c, file))
                return 0;
        if (S_ISREG(file->st.st_mode)) {
                r = writer_open(file, &fd);
                if (r != 0)
                        return MIN(r, 0);
        }
        if (fd >= 0 && dump_is_sqlite(fd)) {
                r = add_sqlite(c, file, fd);
                if (r >= 0 || r == -EINTR || r == -ENOSPC)
                        return r;
                report_warning("%s: saved as a file, as it is on disk: it may not be consistent", file->path);
                (void) strcopy(c->raw, sizeof(c->raw), file->path);
        }
        r = writer_add(c->writer, file, fd, -1);
        return MIN(r, 0);
}

static int add_data(struct creation *c) {
        struct walk_calls calls = {.file = add_file, .left_out = tell_left_out, .userdata = c};

        return walk(c->root_fd, &c->lists, &calls);
}

static int add_sqlite_database(struct creation *c, const struct manifest *service, const char *path) {
        struct walk_file file = {.path = path, .dir_fd = -1};
        _cleanup_close_ int dir = -1, fd = -1;
        int r;

        r = tree_parent(c->root_fd, path, 0, &dir, &file.name);
        if (r >= 0 && fstatat(dir, file.name, &file.st, AT_SYMLINK_NOFOLLOW) < 0)
                r = -errno;
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        file.dir_fd = dir;
        if (r >= 0)
                r = writer_open(&file, &fd);
        if (r == 0)
                r = add_sqlite(c, &file, fd);
        if (r == -EINTR)
                return r;
        if (r != 0) {
                report_error("%s, the database of %s, could not be saved", path, service->service);
                return r < 0 ? r : -EIO;
        }
        c->n_databases++;
        return 0;
}

static int add_postgresql_database(struct creation *c, const struct facts_database *database) {
        _cleanup_free_ const char **without = calloc(yaml_count(database->without) + 1, sizeof(*without));
        _cleanup_close_ int scratch = -1;
        char path[PATH_MAX];
        struct stat st;
        int r;

        if (!without)
                return -ENOMEM;
        for (size_t i = 0; i < yaml_count(database->without); i++)
                without[i] = yaml_text(database->without, i);
        if (snprintf(path, sizeof(path), DUMP_FOLDER "/%s-%s.dump", database->postgresql, c->origin.version) >= (int) sizeof(path))
                return -ENAMETOOLONG;
        for (char *p = path + strlen(DUMP_FOLDER) + 1; *p; p++)
                if (*p == '/' || *p == ' ')
                        *p = '-';
        scratch = output_scratch(c->output.dir_fd);
        if (scratch < 0)
                return scratch;
        r = dump_postgresql(database->postgresql, without, scratch, c->request->interrupted);
        if (r >= 0 && fstat(scratch, &st) < 0)
                r = -errno;
        if (r < 0)
                return r;
        c->n_databases++;
        return writer_add_made(c->writer, path, scratch, (uint64_t) st.st_size);
}

/* PostgreSQL runs on this host, not in another root, unless somebody says where. */
static bool has_postgresql(const struct creation *c) {
        return (!c->request->root[0] || getenv("PGHOST")) && dump_has_postgresql();
}

static int add_database(void *userdata, const struct manifest *service, const struct facts_database *database) {
        struct creation *c = userdata;

        if (database->sqlite)
                return add_sqlite_database(c, service, database->sqlite + 1);
        if (!has_postgresql(c)) {
                /* A host without it is a host with other databases. */
                if (c->n_sqlite > 0) {
                        report_note("database %s: left out: there is no PostgreSQL here", database->postgresql);
                        return 0;
                }
                report_error("database %s: there is no PostgreSQL here%s", database->postgresql,
                             c->request->root[0] ? " (PGHOST says where it is, for another root)" : ": no program pg_dump");
                return -ENOENT;
        }
        return add_postgresql_database(c, database);
}

static int add_databases(struct creation *c) {
        int r = lists_databases(&c->lists, add_database, c);

        if (r >= 0 && c->n_databases == 0) {
                report_error("there is no database");
                return -ENOENT;
        }
        return r;
}

static int count_database(void *userdata, const struct manifest *service, const struct facts_database *database) {
        struct creation *c = userdata;
        struct stat st;

        if (database->sqlite) {
                if (tree_stat(c->root_fd, database->sqlite + 1, &st) < 0)
                        return 0;
                c->n_sqlite++;
                c->bytes += (uint64_t) st.st_size;
        } else if (has_postgresql(c))
                c->bytes += dump_postgresql_size(database->postgresql);
        return 0;
}

/*
 * What is to be saved fits as it is; or, since it will be compressed, what there is now is a measure. Copies of databases lie
 * beside it for a while, but those are in the count.
 */
static int check_space(struct creation *c) {
        uint64_t free_bytes, needed = c->bytes;
        struct statvfs fs;

        if (c->request->no_space_check)
                return 0;
        if (fstatvfs(c->output.dir_fd, &fs) < 0)
                return -errno;
        free_bytes = (uint64_t) fs.f_bavail * fs.f_frsize;
        if (c->output.replaces && c->output.old.st_size > 0)
                needed = MIN(needed, (uint64_t) c->output.old.st_size / 4 * 5);
        needed += SPACE_LEFT;
        if (free_bytes >= needed)
                return 0;
        report_error("%s%s: %s are free there, and it may need %s (--no-space-check tries nevertheless)", c->request->base,
                     suffix(c->request), size_text(free_bytes).text, size_text(needed).text);
        return -EDQUOT;
}

static int measure(struct creation *c) {
        struct walk_calls calls = {.file = count, .userdata = c};

        progress_begin("looking", 0);
        return c->request->type == INDEX_DATA ? walk(c->root_fd, &c->lists, &calls) : lists_databases(&c->lists, count_database, c);
}

static int write_archive(struct creation *c) {
        int r;

        r = writer_new(&c->output, c->request->compression, &c->origin, c->owners, c->request->interrupted, &c->writer);
        if (r < 0)
                return r;
        progress_begin("saving", c->bytes);
        r = c->request->type == INDEX_DATA ? add_data(c) : add_databases(c);
        if (r >= 0)
                r = writer_finish(c->writer);
        progress_end();
        return r;
}

static int run(struct creation *c, const char *path) {
        const char *root = c->request->root;
        int r;

        c->root_fd = open(root[0] ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (c->root_fd < 0) {
                report_error("%s: %s", root, strerror(errno));
                return -errno;
        }
        r = output_open(path, &c->output);
        if (r < 0) {
                report_error("%s: %s", path, strerror(-r));
                return r;
        }
        r = lists_load(root, c->root_fd, &c->lists);
        if (r >= 0)
                r = owners_new(root, &c->owners);
        if (r < 0) {
                report_error("the manifests of the services: %s", strerror(-r));
                return r;
        }
        origin_of_host(root, c->root_fd, c->request->type, &c->origin);
        r = measure(c);
        if (r >= 0)
                r = check_space(c);
        if (r >= 0)
                r = write_archive(c);
        if (r >= 0)
                r = output_publish(&c->output, c->owners);
        return r;
}

int create(const struct create_request *request) {
        struct creation c = {.request = request, .root_fd = -1, .output = OUTPUT_NULL, .lists = {.suite = SUITE_NULL}};
        char path[PATH_MAX];
        int r;

        if (snprintf(path, sizeof(path), "%s%s", request->base, suffix(request)) >= (int) sizeof(path)) {
                report_error("%s: %s", request->base, strerror(ENAMETOOLONG));
                return -ENAMETOOLONG;
        }
        r = run(&c, path);
        progress_end();
        if (r < 0)
                report_error("%s was not made%s: %s", path, c.output.replaces ? ", what was there stays" : "",
                             r == -EINTR ? "interrupted" : r == -EDQUOT ? "too little space" : strerror(-r));
        else
                report_note("%s: %lu files, %s", path, (unsigned long) writer_files(c.writer),
                            size_text(writer_bytes(c.writer)).text);
        writer_free(c.writer);
        output_done(&c.output);
        owners_free(c.owners);
        lists_done(&c.lists);
        (void) fd_close(c.root_fd);
        return r;
}
