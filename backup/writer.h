/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes an archive: a tar of any reader's kind, compressed while it is written, and its index.
 */
#pragma once

#include <signal.h>

#include "backup/index.h"
#include "backup/output.h"
#include "backup/walk.h"

enum compression { COMPRESSION_GZIP, COMPRESSION_ZSTD };

struct writer;

/* Writes to @output, which stays the caller's. @interrupted: looked at now and then; not 0 ends it with -EINTR. */
int writer_new(struct output *output, enum compression compression, const struct index_origin *origin, struct owners *owners,
               const volatile sig_atomic_t *interrupted, struct writer **ret) _must_check_;

/* What writer_open() and writer_add() return above zero: the file is left out, with a warning. */
#define WRITER_LEFT_OUT 1

/* Opens the regular file that the walk found; it may be gone or another by now. */
int writer_open(const struct walk_file *file, int *ret_fd) _must_check_;

/*
 * A directory, link or file as the walk found it. @fd: of a file, opened by writer_open(); @copy: another file whose
 * bytes are taken instead, or -1. Both stay the caller's. What cannot be read, or changes meanwhile, is a warning.
 */
int writer_add(struct writer *w, const struct walk_file *file, int fd, int copy) _must_check_;

/* What is no file of the host: @size bytes of @fd from its beginning, owned by root, 0600. */
int writer_add_made(struct writer *w, const char *path, int fd, uint64_t size) _must_check_;

/* Adds the index and ends the archive. */
int writer_finish(struct writer *w) _must_check_;
struct writer *writer_free(struct writer *w);
static inline void writer_freep(struct writer **w) {
        *w = writer_free(*w);
}

/* Files with content, and the bytes in them, so far. */
uint64_t writer_files(const struct writer *w);
uint64_t writer_bytes(const struct writer *w);
