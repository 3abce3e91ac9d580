/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/restore.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "backup/dump.h"
#include "backup/inspect.h"
#include "backup/lists.h"
#include "backup/output.h"
#include "backup/owners.h"
#include "backup/place.h"
#include "backup/postgres.h"
#include "backup/report.h"
#include "backup/screen.h"
#include "backup/steps.h"
#include "backup/tree.h"
#include "backup/users.h"

#define DUMP_FOLDER "pg-backup"
#define UNKNOWN_MAX 64
#define SPACE_LEFT (16U * 1024 * 1024)
#define BUFFER_SIZE (256U * 1024)

/* What says which host this is. */
static const char *const system_paths[] = {"etc/hostname", "etc/hosts", "etc/network", "etc/resolv.conf", "etc/dhcp", "etc/systemd"};

/* A directory or symbolic link, for the end: links are made when no file can go through them any more, attributes of
 * directories set when nothing changes them any more. */
struct later {
        char kind;
        char *path, *target;
        struct place_attributes attributes;
};

/* A user or group of the archive that this host does not have. */
struct unknown {
        char name[INDEX_OWNER_MAX];
        bool group;
        uint64_t files;
};

struct restoration {
        const struct restore_request *request;
        int fd, root_fd;
        struct lists lists;
        struct owners *owners;
        struct inspection found;
        struct index_origin host;
        bool keep_system;
        char **databases; /* paths of SQLite databases in it */
        size_t n_databases;
        const char *postgresql; /* the database that was restored last, of lists */
        uint64_t growth, largest;
        struct later *later;
        size_t n_later;
        struct unknown unknown[UNKNOWN_MAX];
        size_t n_unknown;
        uint64_t placed, kept, changed, failed, undone;
        uint8_t buffer[BUFFER_SIZE];
};

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

/* Why a member is left as the host has it; NULL: it is restored. */
static const char *why_kept(const struct restoration *s, const char *path) {
        if (!path[0])
                return "the root itself";
        if (streq(path, ORIGIN_VERSION_FILE))
                return "it says what is installed";
        if (s->keep_system && is_system(path))
                return "it is this host's";
        return NULL;
}

/* What is in the dump's folder belongs to PostgreSQL. */
static bool is_dump(const char *path) {
        return is_below(path, DUMP_FOLDER);
}

/* ---- the first reading ---- */

static void see_head(void *userdata, const struct member *m, const void *data, size_t size) {
        struct restoration *s = userdata;
        char path[PATH_MAX];
        const char *odd;
        char **grown;

        screen_path(m->path, path, &odd);
        if (odd || is_dump(path) || size < sizeof(SQLITE_MAGIC) || memcmp(data, SQLITE_MAGIC, sizeof(SQLITE_MAGIC)) != 0)
                return;
        grown = reallocarray(s->databases, s->n_databases + 1, sizeof(*grown));
        if (!grown)
                return;
        s->databases = grown;
        s->databases[s->n_databases] = strdup(path);
        s->n_databases += s->databases[s->n_databases] != NULL;
}

static int see_member(void *userdata, const struct member *m, const uint8_t *digest, const char *refused) {
        struct restoration *s = userdata;
        char path[PATH_MAX];
        const char *odd;
        struct stat st;

        if (refused) {
                if (s->request->skip_refused)
                        report_warning("%s: %s: refused: %s", s->request->path, m->path, refused);
                else
                        report_error("%s: %s: refused: %s", s->request->path, m->path, refused);
                return 0;
        }
        screen_path(m->path, path, &odd);
        if (odd || m->kind != 'f')
                return 0;
        s->largest = MAX(s->largest, m->size);
        if (tree_stat(s->root_fd, path, &st) < 0)
                s->growth += m->size;
        else if ((uint64_t) st.st_size < m->size)
                s->growth += m->size - (uint64_t) st.st_size;
        return 0;
}

static int check_origin(struct restoration *s) {
        char why[2 * INDEX_TEXT_MAX + 64] = "";
        bool other_host;

        if (origin_other_version(&s->found.origin, &s->host)) {
                if (!s->request->force) {
                        report_error("%s is of version %s, and here is %s: restored only with --force", s->request->path,
                                     s->found.origin.version, s->host.version);
                        return -EPERM;
                }
                report_warning("%s is of version %s, and here is %s", s->request->path, s->found.origin.version, s->host.version);
        }
        other_host = origin_other_host(&s->found.origin, &s->host, why, sizeof(why));
        s->keep_system = s->request->system == RESTORE_SYSTEM_KEEP || (s->request->system == RESTORE_SYSTEM_AUTO && other_host);
        if (s->keep_system && other_host)
                report_line("the host's own settings are kept, network and name among them: %s", why);
        return 0;
}

static int check_space(const struct restoration *s) {
        uint64_t needed = s->growth + s->largest + SPACE_LEFT;
        struct statvfs fs;

        if (fstatvfs(s->root_fd, &fs) < 0)
                return -errno;
        if ((uint64_t) fs.f_bavail * fs.f_frsize >= needed)
                return 0;
        report_error("too little space: %s are free, and %s are needed", size_text((uint64_t) fs.f_bavail * fs.f_frsize).text,
                     size_text(needed).text);
        return -ENOSPC;
}

/* A database that is exchanged under somebody who has it open is two databases, and both are broken. */
static int check_sqlite(struct restoration *s) {
        char names[512];
        struct stat st;
        int r = 0;

        for (size_t i = 0; i < s->n_databases; i++) {
                if (why_kept(s, s->databases[i]) || tree_stat(s->root_fd, s->databases[i], &st) < 0)
                        continue;
                if (users_of_file(&st, names, sizeof(names)) <= 0)
                        continue;
                report_error("%s is in use, by %s: stop that first", s->databases[i], names);
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

static int first_database(void *userdata, const struct manifest *service, const struct facts_database *database) {
        const char **ret = userdata;

        if (database->postgresql && !*ret)
                *ret = database->postgresql;
        return 0;
}

/* The database of pg-backup/NAME-VERSION.dump, if some service has it; NULL otherwise. */
static const char *database_of_dump(const struct restoration *s, const char *path) {
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
        if (!postgres_is_name(name) || lists_databases(&s->lists, match_database, &wanted) < 0)
                return NULL;
        return wanted.found;
}

static bool has_postgresql(const struct restoration *s) {
        return (!s->request->root[0] || getenv("PGHOST")) && dump_has_postgresql();
}

static int check_postgresql(struct restoration *s) {
        const char *name = NULL;
        char names[1024];
        int r;

        if (s->found.origin.type != INDEX_DB || !has_postgresql(s))
                return 0;
        (void) lists_databases(&s->lists, first_database, &name);
        if (!name)
                return 0;
        r = postgres_clients(name, names, sizeof(names));
        if (r > 0) {
                report_error("database %s is in use, by %s: stop that first (wazo-service stop all, and start postgresql)", name, names);
                return -EBUSY;
        }
        return r;
}

/* ---- the second reading ---- */

static void note_unknown(struct restoration *s, const char *name, bool group) {
        for (size_t i = 0; i < s->n_unknown; i++)
                if (s->unknown[i].group == group && streq(s->unknown[i].name, name)) {
                        s->unknown[i].files++;
                        return;
                }
        if (s->n_unknown == UNKNOWN_MAX)
                return;
        (void) strcopy(s->unknown[s->n_unknown].name, INDEX_OWNER_MAX, name);
        s->unknown[s->n_unknown].group = group;
        s->unknown[s->n_unknown++].files = 1;
}

/* By name: numbers of another host mean somebody else here. Who is not known becomes root. */
static void map_owner(struct restoration *s, const struct member *m, struct place_attributes *ret) {
        *ret = (struct place_attributes) {.owned = geteuid() == 0, .mode = m->mode, .mtime = m->mtime};
        if (!m->user)
                ret->uid = m->uid >= 0 && m->uid < UINT32_MAX ? (uid_t) m->uid : 0;
        else if (owners_uid(s->owners, m->user, &ret->uid) < 0) {
                ret->uid = 0;
                note_unknown(s, m->user, false);
        }
        if (!m->group)
                ret->gid = m->gid >= 0 && m->gid < UINT32_MAX ? (gid_t) m->gid : 0;
        else if (owners_gid(s->owners, m->group, &ret->gid) < 0) {
                ret->gid = 0;
                note_unknown(s, m->group, true);
        }
}

static bool same_attributes(const struct stat *st, const struct place_attributes *a) {
        return (st->st_mode & 07777) == a->mode && (!a->owned || (st->st_uid == a->uid && st->st_gid == a->gid));
}

/* Reads the member's content to its end, to @fd or, where it is negative, nowhere. */
static int copy_content(struct restoration *s, struct reader *reader, const char *path, int fd) {
        const void *data;
        size_t size;
        int r;

        for (;;) {
                if (*s->request->interrupted)
                        return -EINTR;
                r = reader_read(reader, &data, &size);
                if (r < 0 || size == 0)
                        return r;
                progress_step(size, path);
                for (const char *p = data; fd >= 0 && size > 0;) {
                        ssize_t n = write(fd, p, size);

                        if (n < 0 && errno == EINTR)
                                continue;
                        if (n < 0)
                                return -errno;
                        p += n;
                        size -= (size_t) n;
                }
        }
}

/* Reads the member's content to its end: 1 when the file @fd has the same. */
static int compare_content(struct restoration *s, struct reader *reader, const char *path, int fd) {
        const void *data;
        int same = 1, r;
        size_t size;

        for (;;) {
                if (*s->request->interrupted)
                        return -EINTR;
                r = reader_read(reader, &data, &size);
                if (r < 0)
                        return r;
                if (size == 0)
                        return same;
                progress_step(size, path);
                for (size_t done = 0; same && done < size;) {
                        ssize_t n = read(fd, s->buffer, MIN(size - done, sizeof(s->buffer)));

                        same = n > 0 && memcmp(s->buffer, (const char *) data + done, (size_t) n) == 0;
                        done += n > 0 ? (size_t) n : 0;
                }
        }
}

/* One line of --dry-run: "+" new, "~" changed; nothing for what is as it will be. */
static int foretell(struct restoration *s, struct reader *reader, const struct member *m, const char *path) {
        struct place_attributes a;
        char target[PATH_MAX];
        const char *name;
        _cleanup_close_ int dir = -1, fd = -1;
        struct stat st;
        bool same;
        int r;

        map_owner(s, m, &a);
        if (tree_parent(s->root_fd, path, 0, &dir, &name) < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                s->placed++;
                report_line("+ %s", path);
                return 0;
        }
        same = same_attributes(&st, &a);
        if (m->kind == 'f') {
                fd = same && S_ISREG(st.st_mode) && (uint64_t) st.st_size == m->size ? openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
                r = fd < 0 ? 0 : compare_content(s, reader, path, fd);
                if (r < 0)
                        return r;
                same = r > 0;
        } else if (m->kind == 'l') {
                ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

                target[MAX(n, 0)] = 0;
                same = n > 0 && streq(target, m->target);
        } else if (m->kind == 'd')
                same = same && S_ISDIR(st.st_mode);
        else
                same = S_ISREG(st.st_mode);
        if (!same) {
                s->changed++;
                report_line("~ %s", path);
        }
        return 0;
}

static int put_off(struct restoration *s, const struct member *m, const char *path) {
        struct later *grown, *last;

        if ((s->n_later & (s->n_later - 1)) == 0) {
                grown = reallocarray(s->later, MAX(s->n_later * 2, (size_t) 1), sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                s->later = grown;
        }
        last = &s->later[s->n_later];
        *last = (struct later) {.kind = m->kind, .path = strdup(path), .target = m->target ? strdup(m->target) : NULL};
        map_owner(s, m, &last->attributes);
        s->n_later++;
        return last->path && (!m->target || last->target) ? 0 : -ENOMEM;
}

static bool is_database(const struct restoration *s, const char *path) {
        for (size_t i = 0; i < s->n_databases; i++)
                if (streq(s->databases[i], path))
                        return true;
        return false;
}

static int place_content(struct restoration *s, struct reader *reader, const struct member *m, const char *path) {
        struct place_file f = PLACE_FILE_NULL;
        struct place_attributes a;
        int r;

        map_owner(s, m, &a);
        r = place_begin(s->root_fd, path, &f);
        if (r >= 0)
                r = copy_content(s, reader, path, f.fd);
        if (r >= 0)
                r = place_commit(&f, &a, is_database(s, path));
        place_done(&f);
        return r;
}

/* What one member cannot have is told, and the others are restored; what none can have ends it. */
static int settle(struct restoration *s, const char *path, int r) {
        if (r >= 0) {
                s->placed++;
                return 0;
        }
        if (r == -EBADMSG || r == -EINTR || r == -ENOSPC || r == -ENOMEM || r == -EROFS || r == -EDQUOT)
                return r;
        report_error("%s: not restored: %s", path, r == -EPERM ? "a link of somebody else's is in the way" : strerror(-r));
        s->failed++;
        return 0;
}

static int restore_file(struct restoration *s, struct reader *reader, const struct member *m, const char *path) {
        char target[PATH_MAX];
        const char *odd;
        int r;

        switch (m->kind) {
        case 'f':
                return settle(s, path, place_content(s, reader, m, path));
        case 'h':
                screen_path(m->target, target, &odd);
                return settle(s, path, odd ? -EINVAL : place_hard_link(s->root_fd, path, target));
        case 'd':
                r = place_directory(s->root_fd, path);
                return r < 0 ? settle(s, path, r) : put_off(s, m, path);
        default:
                return put_off(s, m, path);
        }
}

static int restore_dump(struct restoration *s, struct reader *reader, const struct member *m, const char *path) {
        const char *name = database_of_dump(s, path);
        _cleanup_close_ int dir = -1, scratch = -1;
        int r;

        if (m->kind != 'f')
                return 0;
        if (!name || !has_postgresql(s)) {
                report_line("TO DO: %s: %s", path, !name ? "it is of no database that a service has" : "there is no PostgreSQL here to restore it");
                s->undone++;
                return 0;
        }
        if (s->request->dry_run) {
                report_line("~ database %s, from %s; the one that is there becomes %s_previous", name, path, name);
                s->changed++;
                return 0;
        }
        dir = open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        scratch = dir < 0 ? -errno : output_scratch(dir);
        if (scratch < 0)
                return scratch;
        r = copy_content(s, reader, path, scratch);
        if (r >= 0)
                r = postgres_restore(name, scratch, s->keep_system, s->request->interrupted);
        if (r < 0)
                return r;
        if (r > 0) {
                report_line("TO DO: database %s: tables dhcp, netiface and resolvconf are the archive's, not this host's", name);
                s->undone++;
        }
        s->placed++;
        s->postgresql = name;
        return 0;
}

static int restore_member(struct restoration *s, struct reader *reader, const struct member *m, const char *path) {
        const char *why = why_kept(s, path);

        if (streq(path, INDEX_MEMBER))
                return 0;
        if (why) {
                if (path[0])
                        report_note("%s: kept: %s", path, why);
                s->kept++;
                return 0;
        }
        if (is_dump(path))
                return restore_dump(s, reader, m, path);
        return s->request->dry_run ? foretell(s, reader, m, path) : restore_file(s, reader, m, path);
}

static int second_reading(struct restoration *s) {
        _cleanup_(reader_freep) struct reader *reader = NULL;
        _cleanup_(screen_freep) struct screen *screen = NULL;
        struct member m;
        int r;

        r = screen_new(&screen);
        if (r >= 0)
                r = reader_open(s->fd, s->request->path, &reader);
        while (r >= 0 && (r = reader_next(reader, &m)) > 0) {
                const char *why, *odd;
                char path[PATH_MAX];

                r = screen_member(screen, &m, &why);
                if (r != 0)
                        continue;
                screen_path(m.path, path, &odd);
                if (!odd)
                        r = restore_member(s, reader, &m, path);
        }
        return r;
}

/* From the last to the first: what is inside a directory before the directory. */
static int finish_later(struct restoration *s) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < s->n_later; i++)
                if (s->later[i].kind == 'l')
                        r = settle(s, s->later[i].path, place_symlink(s->root_fd, s->later[i].path, s->later[i].target, &s->later[i].attributes));
        for (size_t i = s->n_later; r >= 0 && i > 0; i--)
                if (s->later[i - 1].kind == 'd')
                        r = settle(s, s->later[i - 1].path,
                                   place_directory_attributes(s->root_fd, s->later[i - 1].path, &s->later[i - 1].attributes));
        return r;
}

static void tell_unknown(const struct restoration *s) {
        for (size_t i = 0; i < s->n_unknown; i++)
                report_warning("%s %s is not known here: %s root's (%" PRIu64 " files)", s->unknown[i].group ? "group" : "user",
                               s->unknown[i].name, s->request->dry_run ? "what is that one's would become" : "what was that one's is",
                               s->unknown[i].files);
        if (geteuid() != 0 && !s->request->dry_run && s->placed > 0)
                report_warning("only root can give files to others: all of them are yours");
}

static int judge(struct restoration *s) {
        struct inspect_calls calls = {.member = see_member, .head = see_head, .userdata = s};
        int r;

        r = inspect(s->fd, s->request->path, "reading", &calls, s->request->interrupted, &s->found);
        if (r < 0)
                return r;
        if (s->found.refused > 0 && !s->request->skip_refused) {
                report_error("nothing was restored; --skip-refused restores the rest of it");
                return -EPERM;
        }
        origin_of_host(s->request->root, s->root_fd, s->found.origin.type, &s->host);
        r = check_origin(s);
        if (r >= 0)
                r = check_space(s);
        if (r >= 0)
                r = check_sqlite(s);
        if (r >= 0)
                r = check_postgresql(s);
        return r;
}

static int carry_out(struct restoration *s) {
        struct steps_request steps = {.type = s->found.origin.type, .root = s->request->root, .root_fd = s->root_fd,
                                      .dry_run = s->request->dry_run, .keep_system = s->keep_system, .database = s->postgresql};
        int r;

        progress_begin(s->request->dry_run ? "comparing" : "restoring", s->found.bytes);
        r = second_reading(s);
        if (r >= 0)
                r = finish_later(s);
        progress_end();
        if (!s->request->dry_run)
                (void) syncfs(s->root_fd);
        if (r < 0) {
                report_error("%s: %s: restored as far as that: do it again", s->request->path, r == -EINTR ? "interrupted" : strerror(-r));
                return r;
        }
        tell_unknown(s);
        if (!steps.database && has_postgresql(s))
                (void) lists_databases(&s->lists, first_database, &steps.database);
        s->undone += steps_run(&steps);
        if (s->request->dry_run)
                report_line("%" PRIu64 " new, %" PRIu64 " changed, %" PRIu64 " kept", s->placed, s->changed, s->kept);
        else
                report_line("%" PRIu64 " restored, %" PRIu64 " kept, %" PRIu64 " failed", s->placed, s->kept, s->failed);
        return s->undone > 0 ? 1 : 0;
}

static int run(struct restoration *s) {
        const char *root = s->request->root;
        int r;

        s->root_fd = open(root[0] ? root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->root_fd < 0) {
                report_error("%s: %s", root, strerror(errno));
                return -errno;
        }
        s->fd = open(s->request->path, O_RDONLY | O_CLOEXEC);
        if (s->fd < 0) {
                report_error("%s: %s", s->request->path, strerror(errno));
                return -errno;
        }
        r = lists_load(root, s->root_fd, &s->lists);
        if (r >= 0)
                r = owners_new(root, &s->owners);
        if (r < 0) {
                report_error("the manifests of the services: %s", strerror(-r));
                return r;
        }
        r = judge(s);
        if (r >= 0)
                r = carry_out(s);
        return r >= 0 && s->failed > 0 ? -EIO : r;
}

int restore(const struct restore_request *request) {
        struct restoration *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->request = request;
        s->fd = s->root_fd = -1;
        s->lists.suite = SUITE_NULL;
        r = run(s);
        progress_end();
        for (size_t i = 0; i < s->n_later; i++) {
                free(s->later[i].path);
                free(s->later[i].target);
        }
        free(s->later);
        for (size_t i = 0; i < s->n_databases; i++)
                free(s->databases[i]);
        free(s->databases);
        owners_free(s->owners);
        lists_done(&s->lists);
        (void) fd_close(s->fd);
        (void) fd_close(s->root_fd);
        free(s);
        return r;
}
