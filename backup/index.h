/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The index of an archive, its last member: whence it comes, then a line for each member in their order, with a checksum, then a
 * line with the number of them and a checksum of all the lines before. Text, so that people can read it, too:
 *
 *     wazo-backup 1
 *     type data
 *     version 24.10
 *     host pbx.example.org
 *     address 192.0.2.1
 *     made 2026-11-22T00:05:01Z
 *
 *     d 0755 root root 0 1795306225 - etc/wazo-confd
 *     f 0640 root www-data 411 1795306225 9f86d081... etc/wazo-confd/config.yml
 *     end 2 60303ae22b99...
 *
 * There is one way only to write a thing, so that comparing a member with its line is comparing two texts.
 */
#pragma once

#include <limits.h>
#include <nettle/sha2.h>

#include "lib/util.h"

/* Where plain tar, which knows nothing of it, does no harm with it. */
#define INDEX_MEMBER "var/lib/wazo-suite/backup-index"
#define INDEX_OWNER_MAX 64
#define INDEX_TEXT_MAX 256
#define INDEX_ADDRESSES_MAX 16
/* The longest line that there can be: each byte of a path may become four. */
#define INDEX_LINE_MAX (4 * PATH_MAX + 512)

enum index_type { INDEX_DATA, INDEX_DB };

/* Whence an archive is, or which host this is. Empty texts: not known. */
struct index_origin {
        enum index_type type;
        char version[INDEX_TEXT_MAX], host[INDEX_TEXT_MAX], made[32];
        char addresses[INDEX_ADDRESSES_MAX][INDEX_TEXT_MAX];
        size_t n_addresses;
};

struct index_entry {
        char kind;     /* d, f; l: symbolic link; h: another name of an earlier member */
        uint32_t mode; /* of 07777 */
        char user[INDEX_OWNER_MAX], group[INDEX_OWNER_MAX]; /* without a name: "#" and the number */
        uint64_t size;                                      /* of f; else 0 */
        int64_t mtime;
        uint8_t digest[SHA256_DIGEST_SIZE]; /* of the content (f), of the target's name (l, h) */
        char path[PATH_MAX];
};

const char *index_type_to_string(enum index_type type);

/* The line of @entry, with its newline: its length, or -EINVAL for what cannot stand in one. */
int index_format(const struct index_entry *entry, char *ret, size_t size) _must_check_;
/* A line without its newline. -EBADMSG: it is none, or not as index_format() writes it. */
int index_parse(const char *line, size_t n, struct index_entry *ret) _must_check_;

/* Writing: lines are collected in an unlinked file of the folder for temporary ones. */
struct index_writer;

int index_writer_new(const struct index_origin *origin, struct index_writer **ret) _must_check_;
int index_writer_add(struct index_writer *w, const struct index_entry *entry) _must_check_;
/* Ends it: *ret_fd, at its beginning and @w's, can be read for *ret_size bytes. */
int index_writer_finish(struct index_writer *w, int *ret_fd, uint64_t *ret_size) _must_check_;
struct index_writer *index_writer_free(struct index_writer *w);
static inline void index_writer_freep(struct index_writer **w) {
        *w = index_writer_free(*w);
}

/* Reading, from whatever pieces the bytes come in. */
struct index_reader {
        struct index_origin origin;
        /* Each entry's line, without its newline; below zero ends it. May be NULL. */
        int (*entry)(void *userdata, const char *line, size_t n);
        void *userdata;
        unsigned state;
        uint64_t n_entries;
        struct sha256_ctx digest;
        size_t n_line;
        char line[INDEX_LINE_MAX];
};

void index_reader_begin(struct index_reader *r, int (*entry)(void *userdata, const char *line, size_t n), void *userdata);
/* -EBADMSG: that is no index, or it was changed. */
int index_reader_feed(struct index_reader *r, const void *data, size_t size) _must_check_;
/* -EBADMSG: it is not whole. */
int index_reader_end(const struct index_reader *r) _must_check_;
