/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>

#include "backup/report.h"

#define BUFFER_SIZE (256U * 1024)

/*
 * gzip is undone by zlib, which looks at the checksum at its end, as libarchive does not; what is no gzip passes through.
 */
struct reader {
        struct archive *archive;
        gzFile gz;
        const char *path;
        char at[256]; /* the member at work, for messages */
        uint64_t left;
        uint8_t buffer[BUFFER_SIZE], content[BUFFER_SIZE];
};

static const char *gz_problem(struct reader *r) {
        int number = Z_OK;
        const char *text = gzerror(r->gz, &number);

        if (number == Z_BUF_ERROR)
                return "it ends too early";
        if (number == Z_ERRNO)
                return strerror(errno);
        return number == Z_OK || number == Z_STREAM_END ? NULL : text;
}

static la_ssize_t read_in(struct archive *a, void *userdata, const void **ret) {
        struct reader *r = userdata;
        int n = gzread(r->gz, r->buffer, sizeof(r->buffer));
        const char *problem = n <= 0 ? gz_problem(r) : NULL;

        if (problem) {
                archive_set_error(a, EBADMSG, "%s", problem);
                return -1;
        }
        *ret = r->buffer;
        return n;
}

static int damaged(struct reader *r, const char *why) {
        if (r->at[0])
                report_error("%s: damaged at %s: %s", r->path, r->at, strempty(why));
        else
                report_error("%s: no archive, or damaged: %s", r->path, strempty(why));
        return -EBADMSG;
}

int reader_open(int fd, const char *path, struct reader **ret) {
        _cleanup_(reader_freep) struct reader *r = calloc(1, sizeof(*r));
        int copy;

        if (!r)
                return -ENOMEM;
        r->path = path;
        if (lseek(fd, 0, SEEK_SET) < 0) {
                report_error("%s: %s", path, strerror(errno));
                return -errno;
        }
        copy = dup(fd);
        r->gz = copy >= 0 ? gzdopen(copy, "rb") : NULL;
        if (!r->gz) {
                (void) fd_close(copy);
                return -ENOMEM;
        }
        (void) gzbuffer(r->gz, BUFFER_SIZE);
        r->archive = archive_read_new();
        if (!r->archive)
                return -ENOMEM;
        if (archive_read_support_filter_zstd(r->archive) != ARCHIVE_OK || archive_read_support_format_tar(r->archive) != ARCHIVE_OK)
                return -EIO;
        if (archive_read_open(r->archive, r, NULL, read_in, NULL) != ARCHIVE_OK)
                return damaged(r, archive_error_string(r->archive));
        *ret = STEAL(r);
        return 0;
}

struct reader *reader_free(struct reader *r) {
        if (!r)
                return NULL;
        if (r->archive)
                (void) archive_read_free(r->archive);
        if (r->gz)
                (void) gzclose_r(r->gz);
        free(r);
        return NULL;
}

/* The compression has to end, too, with its checksum. What is behind the end of a tar is nothing to anybody. */
static int check_end(struct reader *r) {
        while (gzread(r->gz, r->buffer, sizeof(r->buffer)) > 0)
                ;
        return gz_problem(r) ? damaged(r, gz_problem(r)) : 0;
}

static void read_kind(struct member *m, struct archive_entry *entry) {
        static const struct {
                unsigned type;
                char kind;
                const char *odd;
        } kinds[] = {
                {AE_IFREG, 'f', NULL},        {AE_IFDIR, 'd', NULL},         {AE_IFLNK, 'l', NULL},   {AE_IFCHR, 0, "a device"},
                {AE_IFBLK, 0, "a device"},    {AE_IFIFO, 0, "a pipe"},       {AE_IFSOCK, 0, "a socket"},
        };
        unsigned type = archive_entry_filetype(entry);

        m->odd = "of no known kind";
        for (unsigned i = 0; i < ELEMENTSOF(kinds); i++)
                if (kinds[i].type == type) {
                        m->kind = kinds[i].kind;
                        m->odd = kinds[i].odd;
                }
        m->target = archive_entry_hardlink(entry);
        if (m->target) {
                m->kind = 'h';
                m->odd = NULL;
        } else if (m->kind == 'l')
                m->target = archive_entry_symlink(entry);
        if (m->kind && archive_entry_sparse_count(entry) > 0) {
                m->kind = 0;
                m->odd = "a file with holes";
        }
}

static void read_entry(struct reader *r, struct archive_entry *entry, struct member *m) {
        *m = (struct member) {
                .path = archive_entry_pathname(entry),
                .mode = archive_entry_mode(entry) & 07777,
                .user = archive_entry_uname(entry),
                .group = archive_entry_gname(entry),
                .uid = archive_entry_uid(entry),
                .gid = archive_entry_gid(entry),
                .mtime = archive_entry_mtime(entry),
        };
        read_kind(m, entry);
        m->size = m->kind == 'f' && archive_entry_size(entry) > 0 ? (uint64_t) archive_entry_size(entry) : 0;
        if (m->user && !m->user[0])
                m->user = NULL;
        if (m->group && !m->group[0])
                m->group = NULL;
        r->left = m->size;
        (void) strcopy(r->at, sizeof(r->at), strempty(m->path));
}

int reader_next(struct reader *r, struct member *ret) {
        struct archive_entry *entry;
        int n = archive_read_next_header(r->archive, &entry);

        if (n == ARCHIVE_EOF)
                return check_end(r);
        if (n != ARCHIVE_OK && n != ARCHIVE_WARN)
                return damaged(r, archive_error_string(r->archive));
        read_entry(r, entry, ret);
        if (!ret->path || ((ret->kind == 'l' || ret->kind == 'h') && !ret->target))
                return damaged(r, "a name that cannot be read");
        if (ret->size > READER_MEMBER_MAX)
                return damaged(r, "a size that cannot be");
        return 1;
}

int reader_read(struct reader *r, const void **ret, size_t *ret_size) {
        la_ssize_t n = archive_read_data(r->archive, r->content, sizeof(r->content));

        if (n < 0)
                return damaged(r, archive_error_string(r->archive));
        if ((uint64_t) n > r->left || (n == 0 && r->left > 0))
                return damaged(r, "its content has another size than it says");
        r->left -= (uint64_t) n;
        *ret = r->content;
        *ret_size = (size_t) n;
        return 0;
}

static bool name_owner(char *ret, const char *name, int64_t id) {
        if (name)
                return strcopy(ret, INDEX_OWNER_MAX, name);
        (void) snprintf(ret, INDEX_OWNER_MAX, "#%lld", (long long) id);
        return true;
}

int reader_describe(const struct member *m, struct index_entry *ret) {
        struct sha256_ctx digest;
        size_t n = strlen(m->path);

        if (!m->kind || !name_owner(ret->user, m->user, m->uid) || !name_owner(ret->group, m->group, m->gid))
                return -EINVAL;
        ret->kind = m->kind;
        ret->mode = m->mode;
        ret->mtime = m->mtime;
        ret->size = m->kind == 'f' ? m->size : 0;
        /* tar has a slash behind a directory's name. */
        while (m->kind == 'd' && n > 1 && m->path[n - 1] == '/')
                n--;
        if (n >= sizeof(ret->path))
                return -EINVAL;
        memcpy(ret->path, m->path, n);
        ret->path[n] = 0;
        memset(ret->digest, 0, sizeof(ret->digest));
        if (m->target) {
                sha256_init(&digest);
                sha256_update(&digest, strlen(m->target), (const uint8_t *) m->target);
                sha256_digest(&digest, sizeof(ret->digest), ret->digest);
        }
        return 0;
}
