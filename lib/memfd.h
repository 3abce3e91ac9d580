/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sealed memory files: how anything too large for a message travels between processes.
 *
 * The receiver checks the seals and the size before it looks at the content, and reads with pread: two readers of one
 * descriptor share its offset, and a file that may still shrink kills a reader that maps it.
 */
#pragma once

#include "lib/util.h"

/* A sealed memory file with this content. Returns a close-on-exec descriptor, or a negative errno. */
int memfd_sealed(const char *name, const void *data, size_t size) _must_check_;

/* An unsealed one to write to, made so that memfd_seal() can follow. */
int memfd_open(const char *name) _must_check_;

/* No more writing, growing, shrinking, or changing of seals. */
int memfd_seal(int fd) _must_check_;

/* The size of a received descriptor, after proof that it is a memory file sealed against every change and not larger
 * than @max. -EBADMSG when it is anything else, -EMSGSIZE when it is larger. */
int memfd_check(int fd, size_t max, size_t *ret_size) _must_check_;

/* memfd_check(), then all of it in newly allocated memory with a NUL added behind, to be freed by the caller. */
int memfd_read(int fd, size_t max, char **ret_data, size_t *ret_size) _must_check_;

/* memfd_check(), then all of it mapped read-only, to be unmapped by the caller: sealed against shrinking, it cannot fault, and
 * its pages stay shared. -EBADMSG also when it is empty. */
int memfd_map(int fd, size_t max, void **ret_data, size_t *ret_size) _must_check_;

/* write() until all is out. */
int write_all(int fd, const void *data, size_t size) _must_check_;
