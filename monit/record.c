/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "monit/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "monit/message.h"

#define NAME_SIZE 256
#define MESSAGE_MAX 65536
#define DIGITS 20

static int make_dir(int at, const char *name) {
        int fd;

        if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

/* All directories above, too. */
static int make_path(const char *path) {
        char part[512];

        if (!strcopy(part, sizeof(part), path))
                return -ENAMETOOLONG;
        for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdir(part, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return make_dir(AT_FDCWD, part);
}

int record_open(struct record *r, const char *dir) {
        struct record opened = RECORD_NULL;

        opened.fd = make_path(dir);
        if (opened.fd < 0)
                return opened.fd;
        opened.state_fd = make_dir(opened.fd, "state");
        opened.spool_fd = opened.state_fd < 0 ? opened.state_fd : make_dir(opened.fd, "spool");
        if (opened.spool_fd < 0) {
                int error = opened.spool_fd;

                record_done(&opened);
                return error;
        }
        *r = opened;
        return 0;
}

void record_done(struct record *r) {
        fd_close(r->fd);
        fd_close(r->state_fd);
        fd_close(r->spool_fd);
        *r = RECORD_NULL;
}

static int write_text(int dir, const char *name, const char *text) {
        _cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        size_t size = strlen(text);

        if (fd < 0)
                return -errno;
        for (size_t done = 0; done < size;) {
                ssize_t n = write(fd, text + done, size - done);

                if (n < 0 && errno != EINTR)
                        return -errno;
                done += (size_t) MAX(n, (ssize_t) 0);
        }
        return fsync(fd) < 0 ? -errno : 0;
}

/* Whole or not at all, also after a power cut; on a disk that is full, nothing of it. */
static int write_file(int dir, const char *name, const json_t *value) {
        _cleanup_free_ char *text = json_dumps(value, JSON_COMPACT);
        char temporary[NAME_SIZE];
        int r;

        if (!text)
                return -ENOMEM;
        if (snprintf(temporary, sizeof(temporary), ".%s", name) >= (int) sizeof(temporary))
                return -ENAMETOOLONG;
        r = write_text(dir, temporary, text);
        if (r >= 0 && renameat(dir, temporary, dir, name) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dir, temporary, 0);
                return r;
        }
        return fsync(dir) < 0 ? -errno : 0;
}

static int read_file(int dir, const char *name, json_t **ret) {
        _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        _cleanup_free_ char *text = malloc(MESSAGE_MAX);
        ssize_t n;

        if (fd < 0)
                return -errno;
        if (!text)
                return -ENOMEM;
        n = read(fd, text, MESSAGE_MAX);
        if (n < 0)
                return -errno;
        *ret = json_loadb(text, (size_t) n, JSON_REJECT_DUPLICATES, NULL);
        return json_is_object(*ret) ? 0 : -EBADMSG;
}

int record_last(const char *root, const char *service) {
        char path[512];
        json_t *last = NULL;
        const char *word;
        int r;

        if (snprintf(path, sizeof(path), "%s" RECORD_DIR "/state/%s.json", root, service) >= (int) sizeof(path))
                return -ENAMETOOLONG;
        r = read_file(AT_FDCWD, path, &last);
        word = json_string_value(json_object_get(json_object_get(last, "data"), "state"));
        if (r == 0)
                r = word ? (int) monit_state_from(word, MONIT_STATE_MAX) : -EBADMSG;
        json_decref(last);
        return r;
}

static int is_message(const struct dirent *entry) {
        return strspn(entry->d_name, "0123456789") == DIGITS && streq(entry->d_name + DIGITS, ".json");
}

static int by_name(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

int record_list(const struct record *r, char ***ret) {
        struct dirent **entries;
        int n = scandirat(r->spool_fd, ".", &entries, is_message, by_name);
        char **names;

        if (n < 0)
                return -errno;
        names = calloc((size_t) n + 1, sizeof(*names));
        for (int i = 0; i < n; i++) {
                if (names)
                        names[i] = strdup(entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
        for (int i = 0; names && i < n; i++)
                if (!names[i]) {
                        record_list_free(names, n);
                        names = NULL;
                }
        if (!names)
                return -ENOMEM;
        *ret = names;
        return n;
}

void record_list_free(char **names, int n) {
        for (int i = 0; i < n; i++)
                free(names[i]);
        free(names);
}

/* Makes room for one more, and says what comes after the last. */
static int next_number(const struct record *r, uint64_t *ret) {
        uint64_t last = 0;
        char **names;
        int n = record_list(r, &names);

        if (n < 0)
                return n;
        if (n > 0)
                last = strtoull(names[n - 1], NULL, 10);
        for (int i = 0; i + RECORD_SPOOL_MAX <= n; i++)
                (void) unlinkat(r->spool_fd, names[i], 0);
        record_list_free(names, n);
        *ret = MAX(now_realtime(), last + 1);
        return 0;
}

/* First what is to be published, then what is known: ended in between, it is told twice rather than never. */
static int write_both(const struct record *r, const struct change *c, const char *previous, const char *state_name) {
        char name[NAME_SIZE], id[NAME_SIZE];
        uint64_t number = 0;
        json_t *message;
        int ret;

        ret = next_number(r, &number);
        if (ret < 0)
                return ret;
        (void) snprintf(name, sizeof(name), "%020" PRIu64 ".json", number);
        (void) snprintf(id, sizeof(id), "%.63s-%020" PRIu64, c->host, number);
        message = message_new(c, previous, id);
        if (!message)
                return -ENOMEM;
        ret = write_file(r->spool_fd, name, message);
        if (ret == 0)
                ret = write_file(r->state_fd, state_name, json_object_get(message, "body"));
        json_decref(message);
        return ret;
}

static int write_locked(const struct record *r, const struct change *c) {
        char state_name[NAME_SIZE];
        json_t *last = NULL;
        const char *previous;
        int ret = 1;

        if (snprintf(state_name, sizeof(state_name), "%s.json", c->service) >= (int) sizeof(state_name))
                return -ENAMETOOLONG;
        /* The first of it, or broken: it is written anew. */
        (void) read_file(r->state_fd, state_name, &last);
        previous = json_string_value(json_object_get(json_object_get(last, "data"), "state"));
        if (!previous || !streq(previous, monit_state_to_string(c->state)))
                ret = write_both(r, c, previous, state_name);
        json_decref(last);
        return ret;
}

int record_write(const struct record *r, const struct change *c) {
        _cleanup_close_ int lock = openat(r->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        /* Nobody holds it for longer than two files take. */
        if (lock < 0 || flock(lock, LOCK_EX) < 0)
                return -errno;
        return write_locked(r, c);
}

int record_read(const struct record *r, const char *name, json_t **ret) {
        json_t *message = NULL;
        int error = read_file(r->spool_fd, name, &message);

        if (error == -EBADMSG) {
                json_decref(message);
                (void) record_drop(r, name);
        }
        if (error < 0)
                return error;
        *ret = message;
        return 0;
}

int record_drop(const struct record *r, const char *name) {
        return unlinkat(r->spool_fd, name, 0) < 0 ? -errno : 0;
}
