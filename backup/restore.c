/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/restore.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "backup/compare.h"
#include "backup/judge.h"
#include "backup/output.h"
#include "backup/owners.h"
#include "backup/place.h"
#include "backup/postgres.h"
#include "backup/report.h"
#include "backup/screen.h"
#include "backup/steps.h"

#define UNKNOWN_MAX 64

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
        struct judgement judged;
        struct lists lists;
        struct owners *owners;
        const char *postgresql; /* the database that was restored last, of lists */
        struct later *later;
        size_t n_later;
        struct unknown unknown[UNKNOWN_MAX];
        size_t n_unknown;
        uint64_t placed, kept, changed, failed, undone;
};

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

/* One line of --dry-run: "+" new, "~" changed; nothing for what is as it will be. */
static int foretell(struct restoration *s, struct reader *reader, const struct member *m, const char *path) {
        struct place_attributes a;
        int r;

        map_owner(s, m, &a);
        r = compare_member(reader, m, s->judged.root_fd, path, &a, s->request->interrupted);
        if (r < 0 || r == COMPARE_SAME)
                return r;
        s->placed += r == COMPARE_NEW;
        s->changed += r == COMPARE_CHANGED;
        report_line("%c %s", r == COMPARE_NEW ? '+' : '~', path);
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

static int place_content(struct restoration *s, struct reader *reader, const struct member *m, const char *path) {
        struct place_file f = PLACE_FILE_NULL;
        struct place_attributes a;
        int r;

        map_owner(s, m, &a);
        r = place_begin(s->judged.root_fd, path, &f);
        if (r >= 0)
                r = copy_content(s, reader, path, f.fd);
        if (r >= 0)
                r = place_commit(&f, &a, judgement_is_database(&s->judged, path));
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
                return settle(s, path, odd ? -EINVAL : place_hard_link(s->judged.root_fd, path, target));
        case 'd':
                r = place_directory(s->judged.root_fd, path);
                return r < 0 ? settle(s, path, r) : put_off(s, m, path);
        default:
                return put_off(s, m, path);
        }
}

static int restore_dump(struct restoration *s, struct reader *reader, const struct member *m, const char *path) {
        const char *name = judgement_database(&s->judged, path);
        _cleanup_close_ int dir = -1, scratch = -1;
        int r;

        if (m->kind != 'f')
                return 0;
        if (!name || !judgement_has_postgresql(&s->judged)) {
                report_line("TO DO: %s: %s", path,
                            !name ? "it is of no database that a service has"
                                  : "there is no PostgreSQL here to restore it");
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
                r = postgres_restore(name, scratch, s->judged.keep_system, s->request->interrupted);
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
        const char *why = judgement_kept(&s->judged, path);

        if (streq(path, INDEX_MEMBER))
                return 0;
        if (why) {
                if (path[0])
                        report_note("%s: kept: %s", path, why);
                s->kept++;
                return 0;
        }
        if (judgement_is_dump(path))
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
                r = reader_open(s->judged.fd, s->request->path, &reader);
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
                        r = settle(s, s->later[i].path,
                                   place_symlink(s->judged.root_fd, s->later[i].path, s->later[i].target, &s->later[i].attributes));
        for (size_t i = s->n_later; r >= 0 && i > 0; i--)
                if (s->later[i - 1].kind == 'd')
                        r = settle(s, s->later[i - 1].path,
                                   place_directory_attributes(s->judged.root_fd, s->later[i - 1].path,
                                                              &s->later[i - 1].attributes));
        return r;
}

static void tell_unknown(const struct restoration *s) {
        for (size_t i = 0; i < s->n_unknown; i++)
                report_warning("%s %s is not known here: %s root's (%" PRIu64 " files)",
                               s->unknown[i].group ? "group" : "user", s->unknown[i].name,
                               s->request->dry_run ? "what is that one's would become" : "what was that one's is",
                               s->unknown[i].files);
        if (geteuid() != 0 && !s->request->dry_run && s->placed > 0)
                report_warning("only root can give files to others: all of them are yours");
}

static int first_database(void *userdata, const struct manifest *service, const struct facts_database *database) {
        const char **ret = userdata;

        if (database->postgresql && !*ret)
                *ret = database->postgresql;
        return 0;
}

static int carry_out(struct restoration *s) {
        struct steps_request steps = {.type = s->judged.found.origin.type, .root = s->request->root, .root_fd = s->judged.root_fd,
                                      .dry_run = s->request->dry_run, .keep_system = s->judged.keep_system,
                                      .database = s->postgresql};
        int r;

        progress_begin(s->request->dry_run ? "comparing" : "restoring", s->judged.found.bytes);
        r = second_reading(s);
        if (r >= 0)
                r = finish_later(s);
        progress_end();
        if (!s->request->dry_run)
                (void) syncfs(s->judged.root_fd);
        if (r < 0) {
                report_error("%s: %s: restored as far as that: do it again", s->request->path,
                             r == -EINTR ? "interrupted" : strerror(-r));
                return r;
        }
        tell_unknown(s);
        if (!steps.database && judgement_has_postgresql(&s->judged))
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

        s->judged.root_fd = open(root[0] ? root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->judged.root_fd < 0) {
                report_error("%s: %s", root, strerror(errno));
                return -errno;
        }
        s->judged.fd = open(s->request->path, O_RDONLY | O_CLOEXEC);
        if (s->judged.fd < 0) {
                report_error("%s: %s", s->request->path, strerror(errno));
                return -errno;
        }
        r = lists_load(root, s->judged.root_fd, &s->lists);
        if (r >= 0)
                r = owners_new(root, &s->owners);
        if (r < 0) {
                report_error("the manifests of the services: %s", strerror(-r));
                return r;
        }
        r = judge(&s->judged);
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
        s->judged = (struct judgement) {.request = request, .fd = -1, .root_fd = -1, .lists = &s->lists};
        s->lists.suite = SUITE_NULL;
        r = run(s);
        progress_end();
        for (size_t i = 0; i < s->n_later; i++) {
                free(s->later[i].path);
                free(s->later[i].target);
        }
        free(s->later);
        judgement_done(&s->judged);
        owners_free(s->owners);
        lists_done(&s->lists);
        (void) fd_close(s->judged.fd);
        (void) fd_close(s->judged.root_fd);
        free(s);
        return r;
}
