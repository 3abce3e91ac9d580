/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/take-over/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define NAME "journal"
#define HEAD "wazo-take-over 1\n"
#define SIZE_MAX_BYTES (JOURNAL_RECORDS_MAX * 4 * JOURNAL_FIELD_MAX)

static const char *const phases[] = {
        [JOURNAL_NONE] = "none", [JOURNAL_TAKING] = "taking", [JOURNAL_TAKEN] = "taken", [JOURNAL_GIVING] = "giving",
};

/* ---- reading ---- */

static int take_phase(struct journal *j, const char *word) {
        for (unsigned i = JOURNAL_TAKING; i < ELEMENTSOF(phases); i++)
                if (streq(word, phases[i])) {
                        j->phase = (enum journal_phase) i;
                        return 0;
                }
        return -EBADMSG;
}

static int take_line(struct journal *j, char *line) {
        const char *fields[4];
        struct journal_record *r = &j->records[j->n];
        size_t n = 0;

        for (char *field; n < ELEMENTSOF(fields) && (field = strsep(&line, "\t"));)
                fields[n++] = field;
        if (n == 2 && streq(fields[0], "phase"))
                return take_phase(j, fields[1]);
        if (n != ELEMENTSOF(fields) || line || j->n == JOURNAL_RECORDS_MAX)
                return -EBADMSG;
        if (!strcopy(r->what, sizeof(r->what), fields[0]) || !strcopy(r->path, sizeof(r->path), fields[1]) ||
            !strcopy(r->wanted, sizeof(r->wanted), fields[2]) || !strcopy(r->before, sizeof(r->before), fields[3]))
                return -EBADMSG;
        j->n++;
        return 0;
}

/* Returns how much of the text holds whole lines. */
static ssize_t take_text(struct journal *j, char *text) {
        char *line = text, *end;
        int r;

        while ((end = strchr(line, '\n'))) {
                *end = 0;
                r = line == text ? (strncmp(line, HEAD, strlen(HEAD) - 1) == 0 ? 0 : -EBADMSG) : take_line(j, line);
                if (r < 0)
                        return r;
                line = end + 1;
        }
        return line - text;
}

static int read_all(struct journal *j, bool write) {
        _cleanup_free_ char *text = malloc(SIZE_MAX_BYTES + 1);
        ssize_t n, whole;

        if (!text)
                return -ENOMEM;
        n = read(j->fd, text, SIZE_MAX_BYTES);
        if (n < 0)
                return -errno;
        text[n] = 0;
        whole = take_text(j, text);
        if (whole < 0)
                return (int) whole;
        if (whole < n && write && ftruncate(j->fd, whole) < 0)
                return -errno;
        /* Not even its first line was written. */
        if (whole == 0)
                j->fd = fd_close(j->fd);
        return 0;
}

static int make_directories(const char *dir) {
        char path[JOURNAL_FIELD_MAX];

        if (!strcopy(path, sizeof(path), dir))
                return -ENAMETOOLONG;
        for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
                *slash = 0;
                if (mkdir(path, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int open_directory(struct journal *j, bool write) {
        int r = write ? make_directories(j->dir) : 0;

        if (r < 0)
                return r;
        j->dir_fd = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (j->dir_fd < 0)
                return -errno;
        if (write && flock(j->dir_fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        return 0;
}

int journal_open(const char *dir, bool write, struct journal *ret) {
        _cleanup_(journal_done) struct journal j = JOURNAL_NULL;
        int r;

        if (!strcopy(j.dir, sizeof(j.dir), dir))
                return -ENAMETOOLONG;
        j.records = calloc(JOURNAL_RECORDS_MAX + 1, sizeof(*j.records));
        if (!j.records)
                return -ENOMEM;
        r = open_directory(&j, write);
        if (r >= 0) {
                j.fd = openat(j.dir_fd, NAME, (write ? O_RDWR | O_APPEND : O_RDONLY) | O_CLOEXEC);
                r = j.fd < 0 ? -errno : read_all(&j, write);
        }
        if (r < 0 && r != -ENOENT)
                return r;
        *ret = j;
        j = JOURNAL_NULL;
        return 0;
}

void journal_done(struct journal *j) {
        free(j->records);
        (void) fd_close(j->fd);
        (void) fd_close(j->dir_fd);
        *j = JOURNAL_NULL;
}

/* ---- writing ---- */

static int append(struct journal *j, const char *text) {
        size_t size = strlen(text);
        ssize_t n = write(j->fd, text, size);

        if (n >= 0 && (size_t) n < size)
                return -ENOSPC; /* the half line is cut off at the next reading */
        return n < 0 || fdatasync(j->fd) < 0 ? -errno : 0;
}

static int begin(struct journal *j) {
        int r;

        j->fd = openat(j->dir_fd, NAME, O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (j->fd < 0)
                return -errno;
        r = append(j, HEAD);
        return r < 0 ? r : fsync(j->dir_fd) < 0 ? -errno : 0;
}

int journal_set_phase(struct journal *j, enum journal_phase phase) {
        char line[64];
        int r = j->fd < 0 ? begin(j) : 0;

        if (r < 0 || phase == j->phase)
                return r;
        (void) snprintf(line, sizeof(line), "phase\t%s\n", phases[phase]);
        r = append(j, line);
        if (r >= 0)
                j->phase = phase;
        return r;
}

static bool is_field(const char *text) {
        return !strpbrk(text, "\t\n");
}

int journal_add(struct journal *j, const struct journal_record *record) {
        char line[sizeof(*record) + 8];
        int r;

        if (!is_field(record->what) || !is_field(record->path) || !is_field(record->wanted) || !is_field(record->before))
                return -EINVAL;
        if (j->n == JOURNAL_RECORDS_MAX)
                return -E2BIG;
        (void) snprintf(line, sizeof(line), "%s\t%s\t%s\t%s\n", record->what, record->path, record->wanted, record->before);
        r = append(j, line);
        if (r >= 0)
                j->records[j->n++] = *record;
        return r;
}

const struct journal_record *journal_find(const struct journal *j, const char *what, const char *path) {
        for (size_t i = 0; i < j->n; i++)
                if (streq(j->records[i].what, what) && streq(j->records[i].path, path))
                        return &j->records[i];
        return NULL;
}

int journal_end(struct journal *j) {
        char *slash;

        if (unlinkat(j->dir_fd, NAME, 0) < 0 && errno != ENOENT)
                return -errno;
        if (fsync(j->dir_fd) < 0)
                return -errno;
        j->phase = JOURNAL_NONE;
        j->n = 0;
        /* And those above it that were made for it. */
        for (unsigned i = 0; i < 3 && rmdir(j->dir) == 0 && (slash = strrchr(j->dir, '/')) && slash != j->dir; i++)
                *slash = 0;
        return 0;
}
