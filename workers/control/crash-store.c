/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/memfd.h"
#include "workers/control/crash.h"

#define DIR_MODE 0750
#define FILE_MODE 0640
#define SUFFIX ".json"
/* A directory of ours never holds more; what lies beyond is not looked at. */
#define ENTRIES_MAX 8192
#define TEMPORARY ".new"

struct names {
        char **list;
        size_t n;
};

static void names_done(struct names *names) {
        for (size_t i = 0; i < names->n; i++)
                free(names->list[i]);
        free(names->list);
}

static int newest_first(const void *a, const void *b) {
        return -strcmp(*(char *const *) a, *(char *const *) b);
}

/* A worker's name as a directory's: without slashes, and never hidden. */
static bool directory_name(const char *worker, char to[WIRE_NAME_MAX]) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.#@+";

        if (!worker[0] || strlen(worker) >= WIRE_NAME_MAX)
                return false;
        (void) strcopy(to, WIRE_NAME_MAX, worker);
        for (size_t i = 0; to[i]; i++)
                if (!strchr(allowed, to[i]) || (i == 0 && to[i] == '.'))
                        to[i] = '_';
        return true;
}

int crash_store_open(struct crash_store *s, const char *dir, unsigned keep) {
        *s = (struct crash_store) {.dir = -1, .keep = keep};
        if (mkdir(dir, DIR_MODE) < 0 && errno != EEXIST)
                return -errno;
        s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return s->dir < 0 ? -errno : 0;
}

void crash_store_done(struct crash_store *s) {
        s->dir = fd_close(s->dir);
}

static int open_worker(const struct crash_store *s, const char *worker) {
        char name[WIRE_NAME_MAX];
        int fd;

        if (s->dir < 0 || !directory_name(worker, name))
                return -ENOENT;
        fd = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static bool is_record(const char *name) {
        size_t n = strlen(name);

        return name[0] != '.' && n > strlen(SUFFIX) && streq(name + n - strlen(SUFFIX), SUFFIX);
}

static bool is_visible(const char *name) {
        return name[0] != '.';
}

/* The names in @fd, sorted so that the newest record is first. */
static int list(int fd, bool (*wanted)(const char *), struct names *ret) {
        struct names names = {0};
        size_t allocated = 0;
        struct dirent *entry;
        DIR *dir;
        int copy, r = 0;

        /* A new description: the directory's offset is its own. */
        copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (copy < 0)
                return -errno;
        dir = fdopendir(copy);
        if (!dir) {
                r = -errno;
                (void) fd_close(copy);
                return r;
        }
        while ((entry = readdir(dir)) && names.n < ENTRIES_MAX) {
                if (!wanted(entry->d_name))
                        continue;
                if (names.n == allocated) {
                        size_t n = allocated ? allocated * 2 : 16;
                        char **bigger = reallocarray(names.list, n, sizeof(*bigger));

                        if (!bigger) {
                                r = -ENOMEM;
                                break;
                        }
                        names.list = bigger;
                        allocated = n;
                }
                names.list[names.n] = strdup(entry->d_name);
                if (!names.list[names.n]) {
                        r = -ENOMEM;
                        break;
                }
                names.n++;
        }
        (void) closedir(dir);
        if (r < 0) {
                names_done(&names);
                return r;
        }
        if (names.n > 0)
                qsort(names.list, names.n, sizeof(*names.list), newest_first);
        *ret = names;
        return 0;
}

/* Sorts by time as text does: 20261122T001655.782Z-00000012.json */
static int record_name(const struct wire_death *d, char *to, size_t size) {
        time_t seconds = (time_t) (d->at_wall / NSEC_PER_SEC);
        char date[32];
        struct tm tm;

        if (!gmtime_r(&seconds, &tm) || strftime(date, sizeof(date), "%Y%m%dT%H%M%S", &tm) == 0)
                return -EINVAL;
        (void) snprintf(to, size, "%s.%03uZ-%08u" SUFFIX, date, (unsigned) (d->at_wall % NSEC_PER_SEC / NSEC_PER_MSEC),
                        (unsigned) d->generation);
        return 0;
}

static void prune(int dir, unsigned keep) {
        _cleanup_(names_done) struct names names = {0};

        if (list(dir, is_record, &names) < 0)
                return;
        for (size_t i = keep; i < names.n; i++)
                (void) unlinkat(dir, names.list[i], 0);
}

static int write_file(int dir, const char *name, const char *text) {
        _cleanup_close_ int fd = -1;
        int r;

        /* One writer: a leftover is of a control that died while it wrote. */
        (void) unlinkat(dir, TEMPORARY, 0);
        fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
        if (fd < 0)
                return -errno;
        r = write_all(fd, text, strlen(text));
        if (r >= 0 && renameat(dir, TEMPORARY, dir, name) < 0)
                r = -errno;
        if (r < 0)
                (void) unlinkat(dir, TEMPORARY, 0);
        return r;
}

int crash_store_write(struct crash_store *s, const struct wire_death *death, const json_t *record) {
        _cleanup_close_ int dir = -1;
        _cleanup_free_ char *text = NULL;
        char worker[WIRE_NAME_MAX], name[96];
        int r;

        if (s->dir < 0 || s->keep == 0)
                return 0;
        if (!directory_name(death->name, worker))
                return -EINVAL;
        r = record_name(death, name, sizeof(name));
        if (r < 0)
                return r;
        text = json_dumps(record, JSON_INDENT(2));
        if (!text)
                return -ENOMEM;
        if (mkdirat(s->dir, worker, DIR_MODE) < 0 && errno != EEXIST)
                return -errno;
        dir = open_worker(s, death->name);
        if (dir < 0)
                return dir;
        r = write_file(dir, name, text);
        if (r < 0)
                return r;
        prune(dir, s->keep);
        return 0;
}

/* NULL for anything that is no record of ours. */
static json_t *read_record(int dir, const char *name) {
        _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        _cleanup_free_ char *text = malloc(CRASH_FILE_MAX);
        struct stat st;
        json_t *record;
        ssize_t n;

        if (fd < 0 || !text || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t) CRASH_FILE_MAX)
                return NULL;
        n = pread(fd, text, CRASH_FILE_MAX, 0);
        if (n <= 0)
                return NULL;
        record = json_loadb(text, (size_t) n, JSON_REJECT_DUPLICATES, NULL);
        if (json_is_string(json_object_get(record, "worker")) && json_is_string(json_object_get(record, "at")))
                return record;
        json_decref(record);
        return NULL;
}

int crash_store_read(const struct crash_store *s, const char *worker, size_t limit, json_t *records) {
        _cleanup_(names_done) struct names names = {0};
        _cleanup_close_ int dir = open_worker(s, worker);
        size_t found = 0;
        int r;

        if (dir < 0)
                return dir == -ENOENT ? 0 : dir;
        r = list(dir, is_record, &names);
        if (r < 0)
                return r;
        for (size_t i = 0; i < names.n && found < limit; i++) {
                json_t *record = read_record(dir, names.list[i]);

                if (!record)
                        continue;
                if (json_array_append_new(records, record) < 0)
                        return -ENOMEM;
                found++;
        }
        return 0;
}

/* Puts a record before the older ones; drops the last when there are more than @limit. */
static int insert_record(json_t *records, json_t *record, size_t limit) {
        const char *at = json_string_value(json_object_get(record, "at"));
        size_t i = 0;

        while (i < json_array_size(records) &&
               strcmp(json_string_value(json_object_get(json_array_get(records, i), "at")), at) > 0)
                i++;
        if (json_array_insert(records, i, record) < 0)
                return -ENOMEM;
        if (json_array_size(records) > limit)
                (void) json_array_remove(records, limit);
        return 0;
}

json_t *crash_store_newest(const struct crash_store *s, size_t limit) {
        _cleanup_(names_done) struct names workers = {0};
        json_t *records = json_array();
        int r = 0;

        if (!records || s->dir < 0 || list(s->dir, is_visible, &workers) < 0)
                return records;
        for (size_t i = 0; i < workers.n && r == 0; i++) {
                json_t *newest = json_array();

                if (!newest)
                        break;
                r = crash_store_read(s, workers.list[i], 1, newest);
                if (r == 0 && json_array_size(newest) > 0)
                        r = insert_record(records, json_array_get(newest, 0), limit);
                else
                        /* Another's file, or one that cannot be read, hides nothing else. */
                        r = 0;
                json_decref(newest);
        }
        return records;
}

bool crash_store_has(const struct crash_store *s, const char *worker) {
        _cleanup_close_ int dir = open_worker(s, worker);

        return dir >= 0;
}
