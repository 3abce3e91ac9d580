/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sched.h>

#include "backup/gzip.h"
#include "backup/report.h"

#define BUFFER_SIZE (256U * 1024)
#define GZIP_LEVEL 6
/* What eleven octal digits hold, in 2242: beyond, and before 1970, libarchive writes another time than it was given. */
#define MTIME_MAX ((INT64_C(1) << 33) - 1)

struct writer {
        struct archive *archive;
        struct archive_entry *entry;
        struct archive_entry_linkresolver *links;
        struct gzip *gzip;
        struct index_writer *index;
        struct owners *owners;
        const volatile sig_atomic_t *interrupted;
        struct output *output;
        int error; /* of a write, which libarchive only has as a text */
        uint64_t files, bytes;
        struct index_entry line;
        uint8_t buffer[BUFFER_SIZE];
};

static int write_output(void *userdata, const void *data, size_t size) {
        return output_write(userdata, data, size);
}

static la_ssize_t write_out(struct archive *a, void *userdata, const void *data, size_t size) {
        struct writer *w = userdata;

        if (w->error >= 0)
                w->error = w->gzip ? gzip_write(w->gzip, data, size) : output_write(w->output, data, size);
        return w->error < 0 ? -1 : (la_ssize_t) size;
}

static unsigned processors(void) {
        cpu_set_t set;

        return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (unsigned) CPU_COUNT(&set);
}

static int set_up_archive(struct writer *w, enum compression compression) {
        char threads[16];

        /* GNU's tar, as ever: the names in it are bytes, as they are on disk. */
        if (archive_write_set_format_gnutar(w->archive) != ARCHIVE_OK)
                return -EIO;
        if (compression == COMPRESSION_GZIP) {
                int r = gzip_new(write_output, w->output, GZIP_LEVEL, processors(), &w->gzip);

                if (r < 0)
                        return r;
                if (archive_write_add_filter_none(w->archive) != ARCHIVE_OK)
                        return -EIO;
        } else {
                if (archive_write_add_filter_zstd(w->archive) != ARCHIVE_OK)
                        return -EIO;
                (void) snprintf(threads, sizeof(threads), "%u", processors());
                (void) archive_write_set_filter_option(w->archive, "zstd", "threads", threads);
        }
        (void) archive_write_set_bytes_per_block(w->archive, BUFFER_SIZE);
        (void) archive_write_set_bytes_in_last_block(w->archive, 1);
        return archive_write_open(w->archive, w, NULL, write_out, NULL) == ARCHIVE_OK ? 0 : w->error < 0 ? w->error : -EIO;
}

int writer_new(struct output *output, enum compression compression, const struct index_origin *origin, struct owners *owners,
               const volatile sig_atomic_t *interrupted, struct writer **ret) {
        _cleanup_(writer_freep) struct writer *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        w->output = output;
        w->owners = owners;
        w->interrupted = interrupted;
        w->archive = archive_write_new();
        w->entry = archive_entry_new();
        w->links = archive_entry_linkresolver_new();
        if (!w->archive || !w->entry || !w->links)
                return -ENOMEM;
        r = set_up_archive(w, compression);
        if (r >= 0)
                r = index_writer_new(origin, &w->index);
        if (r < 0)
                return r;
        archive_entry_linkresolver_set_strategy(w->links, archive_format(w->archive));
        *ret = STEAL(w);
        return 0;
}

struct writer *writer_free(struct writer *w) {
        if (!w)
                return NULL;
        /* Of what was not finished the end is not written. */
        w->error = -ECANCELED;
        if (w->archive)
                (void) archive_write_free(w->archive);
        archive_entry_free(w->entry);
        if (w->links)
                archive_entry_linkresolver_free(w->links);
        gzip_free(w->gzip);
        index_writer_free(w->index);
        free(w);
        return NULL;
}

uint64_t writer_files(const struct writer *w) {
        return w->files;
}

uint64_t writer_bytes(const struct writer *w) {
        return w->bytes;
}

static int failed(struct writer *w) {
        return w->error < 0 ? w->error : *w->interrupted ? -EINTR : -EIO;
}

static void name_owner(char *ret, size_t size, const char *name, unsigned id) {
        if (!name || !strcopy(ret, size, name))
                (void) snprintf(ret, size, "#%u", id);
        for (char *p = ret; *p; p++)
                if ((unsigned char) *p <= ' ' || *p == 0x7f) {
                        (void) snprintf(ret, size, "#%u", id);
                        return;
                }
}

/* The entry for libarchive and the line of the index, but for what the content says. */
static void describe(struct writer *w, const char *path, const struct stat *st) {
        const char *user = owners_user(w->owners, st->st_uid), *group = owners_group(w->owners, st->st_gid);
        struct index_entry *line = &w->line;

        archive_entry_clear(w->entry);
        archive_entry_set_pathname(w->entry, path);
        archive_entry_set_mode(w->entry, st->st_mode);
        archive_entry_set_uid(w->entry, st->st_uid);
        archive_entry_set_gid(w->entry, st->st_gid);
        archive_entry_set_uname(w->entry, user);
        archive_entry_set_gname(w->entry, group);
        line->mtime = MAX(MIN((int64_t) st->st_mtime, MTIME_MAX), (int64_t) 0);
        archive_entry_set_mtime(w->entry, (time_t) line->mtime, 0);
        archive_entry_set_size(w->entry, S_ISREG(st->st_mode) ? st->st_size : 0);
        archive_entry_set_dev(w->entry, st->st_dev);
        archive_entry_set_ino64(w->entry, (la_int64_t) st->st_ino);
        archive_entry_set_nlink(w->entry, (unsigned) st->st_nlink);

        line->kind = S_ISDIR(st->st_mode) ? 'd' : S_ISLNK(st->st_mode) ? 'l' : 'f';
        line->mode = st->st_mode & 07777;
        line->size = S_ISREG(st->st_mode) ? (uint64_t) st->st_size : 0;
        name_owner(line->user, sizeof(line->user), user, st->st_uid);
        name_owner(line->group, sizeof(line->group), group, st->st_gid);
        (void) strcopy(line->path, sizeof(line->path), path);
}

static void digest_text(struct writer *w, const char *text) {
        struct sha256_ctx digest;

        sha256_init(&digest);
        sha256_update(&digest, strlen(text), (const uint8_t *) text);
        sha256_digest(&digest, sizeof(w->line.digest), w->line.digest);
}

static int put_header(struct writer *w) {
        int r = archive_write_header(w->archive, w->entry);

        if (r == ARCHIVE_WARN) {
                report_warning("%s: %s", w->line.path, strempty(archive_error_string(w->archive)));
                return 0;
        }
        return r == ARCHIVE_OK ? 0 : failed(w);
}

/* libarchive takes what a header promised, and no byte less. */
static int pad(struct writer *w, struct sha256_ctx *digest, uint64_t left) {
        memset(w->buffer, 0, sizeof(w->buffer));
        while (left > 0) {
                size_t n = (size_t) MIN(left, (uint64_t) sizeof(w->buffer));

                sha256_update(digest, n, w->buffer);
                if (archive_write_data(w->archive, w->buffer, n) != (la_ssize_t) n)
                        return failed(w);
                left -= n;
        }
        return 0;
}

static int put_content(struct writer *w, int fd, uint64_t size) {
        struct sha256_ctx digest;
        uint64_t left = size;
        int r = 0;

        sha256_init(&digest);
        while (left > 0) {
                ssize_t n = read(fd, w->buffer, (size_t) MIN(left, (uint64_t) sizeof(w->buffer)));

                if (n < 0 && errno == EINTR && !*w->interrupted)
                        continue;
                if (*w->interrupted)
                        return -EINTR;
                if (n <= 0) {
                        report_warning("%s: %s: the rest of it is zeros in the archive", w->line.path,
                                       n < 0 ? strerror(errno) : "it shrank while it was read");
                        r = pad(w, &digest, left);
                        break;
                }
                sha256_update(&digest, (size_t) n, w->buffer);
                if (archive_write_data(w->archive, w->buffer, (size_t) n) != n)
                        return failed(w);
                left -= (uint64_t) n;
                progress_step((uint64_t) n, w->line.path);
        }
        sha256_digest(&digest, sizeof(w->line.digest), w->line.digest);
        return r;
}

static int put_link(struct writer *w, const struct walk_file *file) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(file->dir_fd, file->name, target, sizeof(target) - 1);
        int r;

        if (n < 0) {
                report_warning("%s: %s", file->path, strerror(errno));
                return WRITER_LEFT_OUT;
        }
        target[n] = 0;
        archive_entry_set_symlink(w->entry, target);
        digest_text(w, target);
        r = put_header(w);
        return r < 0 ? r : index_writer_add(w->index, &w->line);
}

/* Another name of a file that is in the archive already. */
static int put_hard_link(struct writer *w) {
        int r;

        w->line.kind = 'h';
        w->line.size = 0;
        digest_text(w, archive_entry_hardlink(w->entry));
        r = put_header(w);
        return r < 0 ? r : index_writer_add(w->index, &w->line);
}

int writer_open(const struct walk_file *file, int *ret_fd) {
        _cleanup_close_ int fd = -1;
        struct stat st;

        fd = openat(file->dir_fd, file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOATIME);
        if (fd < 0 && errno == EPERM)
                fd = openat(file->dir_fd, file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0) {
                report_warning("%s: %s", file->path, strerror(errno));
                return WRITER_LEFT_OUT;
        }
        if (!S_ISREG(st.st_mode)) {
                report_warning("%s: it is no file any more", file->path);
                return WRITER_LEFT_OUT;
        }
        *ret_fd = fd_steal(&fd);
        return 0;
}

static bool changed(int fd, const struct stat *before) {
        struct stat st;

        return fstat(fd, &st) < 0 || st.st_size != before->st_size || st.st_mtim.tv_sec != before->st_mtim.tv_sec ||
               st.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
}

static int put_file(struct writer *w, const struct walk_file *file, int fd, int copy) {
        struct archive_entry *spare = NULL, *first = w->entry;
        struct stat st, made;
        int r;

        if (fstat(fd, &st) < 0 || (copy >= 0 && fstat(copy, &made) < 0))
                return -errno;
        if (copy >= 0) {
                st.st_size = made.st_size;
                st.st_nlink = 1; /* its other names would have other bytes */
        }
        describe(w, file->path, &st);
        if (st.st_nlink > 1) {
                archive_entry_linkify(w->links, &first, &spare);
                if (archive_entry_hardlink(w->entry))
                        return put_hard_link(w);
        }
        r = put_header(w);
        if (r >= 0)
                r = put_content(w, copy < 0 ? fd : copy, (uint64_t) st.st_size);
        if (r >= 0 && copy < 0 && changed(fd, &st))
                report_warning("%s: it changed while it was read", file->path);
        w->files++;
        w->bytes += (uint64_t) st.st_size;
        return r < 0 ? r : index_writer_add(w->index, &w->line);
}

int writer_add(struct writer *w, const struct walk_file *file, int fd, int copy) {
        int r;

        if (*w->interrupted)
                return -EINTR;
        if (S_ISREG(file->st.st_mode))
                return put_file(w, file, fd, copy);
        describe(w, file->path, &file->st);
        if (S_ISLNK(file->st.st_mode))
                return put_link(w, file);
        r = put_header(w);
        return r < 0 ? r : index_writer_add(w->index, &w->line);
}

/* Not in the index, which may be this very file. */
static int put_made(struct writer *w, const char *path, int fd, uint64_t size) {
        struct stat st = {.st_mode = S_IFREG | 0600, .st_size = (off_t) size, .st_nlink = 1, .st_mtime = time(NULL)};
        int r;

        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        describe(w, path, &st);
        r = put_header(w);
        return r < 0 ? r : put_content(w, fd, size);
}

int writer_add_made(struct writer *w, const char *path, int fd, uint64_t size) {
        int r = put_made(w, path, fd, size);

        w->files++;
        w->bytes += size;
        return r < 0 ? r : index_writer_add(w->index, &w->line);
}

int writer_finish(struct writer *w) {
        uint64_t size;
        int fd, r;

        r = index_writer_finish(w->index, &fd, &size);
        if (r >= 0)
                r = put_made(w, INDEX_MEMBER, fd, size);
        if (r < 0)
                return r;
        if (archive_write_close(w->archive) != ARCHIVE_OK)
                return failed(w);
        return w->gzip ? gzip_finish(w->gzip) : 0;
}
