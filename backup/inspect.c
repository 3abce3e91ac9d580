/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/inspect.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "backup/report.h"
#include "backup/screen.h"

#define HEAD_SIZE 512
#define DUMP_FOLDER "pg-backup/"
/* Differences beyond these are counted, not told. */
#define TOLD_MAX 20
#define OWNER_SIZE 24

struct inspector {
        const char *path;
        const struct inspect_calls *calls;
        const volatile sig_atomic_t *interrupted;
        struct reader *reader;
        struct screen *screen;
        struct inspection found;
        FILE *lines;          /* the index as it should be, by what the members are */
        char *line;           /* of @lines, for getline() */
        size_t line_size;
        struct index_entry entry;
        struct index_reader index;
        uint64_t differences;
        bool dumps;           /* it has dumps of PostgreSQL: a db archive */
        char text[INDEX_LINE_MAX];
};

static void differs(struct inspector *i, const char *format, ...) _printf_(2, 3);
static void differs(struct inspector *i, const char *format, ...) {
        char text[PATH_MAX + 256];
        va_list ap;

        if (++i->differences > TOLD_MAX)
                return;
        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        report_error("%s: %s", i->path, text);
}

static void tell_difference(struct inspector *i, const char *told, size_t n) {
        struct index_entry entry;

        if (index_parse(told, n, &entry) < 0)
                differs(i, "the index has a line that is none");
        else if (index_parse(i->line, strlen(i->line), &i->entry) < 0)
                differs(i, "%s: it has a name that no index can have", entry.path);
        else if (!streq(entry.path, i->entry.path))
                differs(i, "where the index has %s there is %s", entry.path, i->entry.path);
        else if (entry.kind != i->entry.kind || entry.size != i->entry.size ||
                 memcmp(entry.digest, i->entry.digest, sizeof(entry.digest)) != 0)
                differs(i, "%s: its content is not what it was", entry.path);
        else
                differs(i, "%s: its owner, mode or time is not what it was", entry.path);
}

/* A line of the index, against what was found at its place. */
static int compare_line(void *userdata, const char *line, size_t n) {
        struct inspector *i = userdata;
        ssize_t length = getline(&i->line, &i->line_size, i->lines);
        struct index_entry entry;

        if (length > 0)
                i->line[--length] = 0;
        if (length < 0) {
                if (index_parse(line, n, &entry) < 0)
                        return -EBADMSG;
                differs(i, "%s: it is missing", entry.path);
        } else if ((size_t) length != n || memcmp(i->line, line, n) != 0)
                tell_difference(i, line, n);
        return 0;
}

/* What an archive without an index says of itself in a file or a name. */
static void learn(struct inspector *i, const struct member *m, const char *path, const void *data, size_t size) {
        const char *dash = strrchr(path, '-'), *dot = strrchr(path, '.');

        if (size > 0 && (streq(path, ORIGIN_VERSION_FILE) || streq(path, ORIGIN_HOSTNAME_FILE) ||
                         streq(path, ORIGIN_ADDRESS_FILE))) {
                _cleanup_free_ char *text = strndup(data, size);

                if (text)
                        origin_learn(&i->found.origin, path, text);
        }
        if (strncmp(path, DUMP_FOLDER, strlen(DUMP_FOLDER)) == 0) {
                i->dumps = true;
                if (m->kind == 'f' && dash && dot && dot > dash && streq(dot, ".dump"))
                        (void) snprintf(i->found.origin.version, sizeof(i->found.origin.version), "%.*s",
                                        (int) (dot - dash - 1), dash + 1);
        }
}

static bool may_learn(const char *path) {
        return streq(path, ORIGIN_VERSION_FILE) || streq(path, ORIGIN_HOSTNAME_FILE) || streq(path, ORIGIN_ADDRESS_FILE);
}

/* Reads the content; its first bytes, or all of a file that says whence the archive is, are looked at. */
static int read_content(struct inspector *i, const struct member *m, const char *path, uint8_t digest[SHA256_DIGEST_SIZE]) {
        size_t want = may_learn(path) && m->size <= ORIGIN_FILE_MAX ? (size_t) m->size : HEAD_SIZE, n_head = 0, size;
        _cleanup_free_ uint8_t *head = malloc(want + 1);
        struct sha256_ctx sum;
        const void *data;
        int r;

        if (!head)
                return -ENOMEM;
        sha256_init(&sum);
        do {
                size_t n;

                if (*i->interrupted)
                        return -EINTR;
                r = reader_read(i->reader, &data, &size);
                if (r < 0)
                        return r;
                sha256_update(&sum, size, data);
                n = MIN(want - n_head, size);
                memcpy(head + n_head, data, n);
                n_head += n;
                progress_step(size, path);
        } while (size > 0);
        sha256_digest(&sum, SHA256_DIGEST_SIZE, digest);
        learn(i, m, path, head, n_head);
        if (i->calls && i->calls->head)
                i->calls->head(i->calls->userdata, m, head, MIN(n_head, (size_t) HEAD_SIZE));
        i->found.files++;
        i->found.bytes += m->size;
        return 0;
}

static int inspect_member(struct inspector *i, const struct member *m) {
        uint8_t digest[SHA256_DIGEST_SIZE] = {0};
        const char *why = NULL, *odd;
        char path[PATH_MAX];
        int r, n;

        screen_path(m->path, path, &odd);
        if (odd)
                path[0] = 0;
        r = screen_member(i->screen, m, &why);
        if (r < 0)
                return r;
        if (m->kind == 'f')
                r = read_content(i, m, path, digest);
        else
                learn(i, m, path, NULL, 0);
        if (r < 0)
                return r;
        i->found.refused += why != NULL;
        if (reader_describe(m, &i->entry) < 0)
                i->entry.path[0] = 0;
        if (m->kind == 'f')
                memcpy(i->entry.digest, digest, sizeof(digest));
        n = i->entry.path[0] ? index_format(&i->entry, i->text, sizeof(i->text)) : -EINVAL;
        /* What cannot stand in an index differs from every line of one. */
        if (fputs(n > 0 ? i->text : "-\n", i->lines) < 0)
                return -EIO;
        return i->calls && i->calls->member ? i->calls->member(i->calls->userdata, m, m->kind == 'f' ? digest : NULL, why) : 0;
}

static int read_index(struct inspector *i) {
        const void *data;
        size_t size;
        int r;

        if (fflush(i->lines) != 0 || fseek(i->lines, 0, SEEK_SET) != 0)
                return -EIO;
        index_reader_begin(&i->index, compare_line, i);
        do {
                r = reader_read(i->reader, &data, &size);
                if (r < 0)
                        return r;
                r = index_reader_feed(&i->index, data, size);
        } while (r >= 0 && size > 0);
        if (r >= 0)
                r = index_reader_end(&i->index);
        if (r >= 0 && getline(&i->line, &i->line_size, i->lines) > 0)
                differs(i, "it has members that its index does not have");
        if (r == -EBADMSG)
                report_error("%s: its index is damaged", i->path);
        i->found.origin = i->index.origin;
        i->found.has_index = true;
        return r;
}

static int run(struct inspector *i) {
        uint64_t n = 0;
        struct member m;
        int r;

        for (; (r = reader_next(i->reader, &m)) > 0; n++) {
                if (*i->interrupted)
                        return -EINTR;
                if (i->found.has_index) {
                        report_error("%s: %s comes behind the index", i->path, m.path);
                        return -EBADMSG;
                }
                r = m.kind == 'f' && streq(m.path, INDEX_MEMBER) ? read_index(i) : inspect_member(i, &m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        if (n == 0) {
                report_error("%s: there is nothing in it", i->path);
                return -EBADMSG;
        }
        if (!i->found.has_index)
                i->found.origin.type = i->dumps ? INDEX_DB : INDEX_DATA;
        if (i->differences > TOLD_MAX)
                report_error("%s: and %" PRIu64 " more", i->path, i->differences - TOLD_MAX);
        return i->differences > 0 ? -EBADMSG : 0;
}

int inspect(int fd, const char *path, const char *what, const struct inspect_calls *calls, const volatile sig_atomic_t *interrupted,
            struct inspection *ret) {
        struct inspector *i = calloc(1, sizeof(*i));
        int r;

        if (!i)
                return -ENOMEM;
        i->path = path;
        i->calls = calls;
        i->interrupted = interrupted;
        i->lines = tmpfile();
        r = i->lines ? 0 : -errno;
        if (r >= 0)
                r = screen_new(&i->screen);
        if (r >= 0)
                r = reader_open(fd, path, &i->reader);
        if (what)
                progress_begin(what, 0);
        if (r >= 0)
                r = run(i);
        progress_end();
        if (r < 0 && r != -EBADMSG)
                report_error("%s: %s", path, r == -EINTR ? "interrupted" : strerror(-r));
        if (r >= 0)
                *ret = i->found;
        reader_free(i->reader);
        screen_free(i->screen);
        if (i->lines)
                (void) fclose(i->lines);
        free(i->line);
        free(i);
        return r;
}

static void tell_origin(const struct inspection *found) {
        const struct index_origin *o = &found->origin;

        report_line("%s of %s%s%s, version %s%s", index_type_to_string(o->type),
                    o->host[0] ? o->host : "an unnamed host", o->made[0] ? ", made " : "", o->made,
                    o->version[0] ? o->version : "unknown", found->has_index ? "" : "; without an index");
}

/* Its name, or its number where nobody had that. */
static const char *name_owner(const char *name, int64_t id, char to[OWNER_SIZE]) {
        (void) snprintf(to, OWNER_SIZE, "%" PRId64, id);
        return name ? name : to;
}

static int list_member(void *userdata, const struct member *m, const uint8_t *digest, const char *refused) {
        static const char modes[] = "rwxrwxrwx";
        const bool *verbose = userdata;
        char mode[sizeof(modes)], when[32] = "?", user[OWNER_SIZE], group[OWNER_SIZE];
        time_t mtime = (time_t) m->mtime;
        struct tm tm;

        if (!*verbose) {
                report_line("%s", m->path);
                return 0;
        }
        for (unsigned i = 0; i < sizeof(modes); i++)
                mode[i] = i + 1 == sizeof(modes) || m->mode & 0400U >> i ? modes[i] : '-';
        if (gmtime_r(&mtime, &tm))
                (void) strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
        report_line("%c%s %s/%s %10" PRIu64 " %s %s%s%s%s%s", m->kind == 'f' ? '-' : m->kind ? m->kind : '?', mode,
                    name_owner(m->user, m->uid, user), name_owner(m->group, m->gid, group), m->size, when, m->path,
                    m->target ? m->kind == 'l' ? " -> " : " link to " : "",
                    strempty(m->target), refused ? "   REFUSED: " : "", strempty(refused));
        return 0;
}

static int open_archive(const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC), r;

        if (fd >= 0)
                return fd;
        r = -errno;
        report_error("%s: %s", path, strerror(-r));
        return r;
}

int inspect_list(const char *path, bool verbose, const volatile sig_atomic_t *interrupted) {
        struct inspect_calls calls = {.member = list_member, .userdata = &verbose};
        _cleanup_close_ int fd = open_archive(path);
        struct inspection found;
        int r;

        if (fd < 0)
                return fd;
        r = inspect(fd, path, NULL, &calls, interrupted, &found);
        if (r >= 0 && verbose)
                tell_origin(&found);
        return r;
}

static int tell_refused(void *userdata, const struct member *m, const uint8_t *digest, const char *refused) {
        const char *path = userdata;

        if (refused)
                report_warning("%s: %s is not to be restored: %s", path, m->path, refused);
        return 0;
}

int inspect_verify(const char *path, const volatile sig_atomic_t *interrupted) {
        struct inspect_calls calls = {.member = tell_refused, .userdata = (void *) path};
        _cleanup_close_ int fd = open_archive(path);
        struct inspection found;
        int r;

        if (fd < 0)
                return fd;
        r = inspect(fd, path, "reading", &calls, interrupted, &found);
        if (r < 0)
                return r;
        tell_origin(&found);
        report_line("%" PRIu64 " files, %s: %s", found.files, size_text(found.bytes).text,
                    found.has_index ? "each is as it was saved" : "it is whole, as far as an archive without an index can tell");
        return 0;
}
