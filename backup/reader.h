/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads archives, ours and those that tar made: gzip, zstd or plain. An archive comes from anywhere and may hold anything: what is
 * told here has been decoded, not judged (backup/screen.h does that).
 */
#pragma once

#include "backup/index.h"

/* Nobody's backup has more; a bound on what a hostile archive costs. */
#define READER_MEMBER_MAX (UINT64_C(1) << 42)

struct reader;

/* A member; its texts are valid until the next one. */
struct member {
        char kind;         /* d, f, l, h as in the index; 0: something else, see @odd */
        const char *odd;   /* "a device", "a pipe" ...; NULL */
        const char *path;  /* as it stands there */
        const char *target; /* of l and h */
        uint32_t mode;
        const char *user, *group; /* NULL: only numbers */
        int64_t uid, gid, mtime;
        uint64_t size;
};

/* @fd, read from its beginning, stays the caller's. @path is for messages. Below zero after an error message. */
int reader_open(int fd, const char *path, struct reader **ret) _must_check_;
struct reader *reader_free(struct reader *r);
static inline void reader_freep(struct reader **r) {
        *r = reader_free(*r);
}

/* 1: *ret is the next member; 0: there is none, and the archive ended as it should. -EBADMSG and others after an error message. */
int reader_next(struct reader *r, struct member *ret) _must_check_;
/* The next bytes of the member's content; *ret_size 0 at its end. Errors as above. */
int reader_read(struct reader *r, const void **ret, size_t *ret_size) _must_check_;

/* The index' line of @member: all but the digest of a file's content. -EINVAL for what has none. */
int reader_describe(const struct member *member, struct index_entry *ret) _must_check_;
