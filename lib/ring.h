/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A worker's last words: the newest few KiB of its log lines, in a memory file that the supervisor made before the worker
 * was born and that control reads after its death. Writers are the worker, through a mapping, and the supervisor, which
 * adds what came on standard error; each line is claimed by one atomic addition, so that neither waits for the other.
 */
#pragma once

#include "lib/util.h"

#define RING_SIZE 4096
#define RING_TEXT (RING_SIZE - sizeof(uint64_t))

struct ring {
        _Atomic uint64_t head; /* bytes ever written */
        char text[RING_TEXT];
};

/* A memory file of RING_SIZE bytes. It cannot shrink or grow. Returns a descriptor or a negative errno. */
int ring_open(void) _must_check_;
/* Maps what ring_open() made; -EBADMSG when the descriptor is no such file. */
int ring_map(int fd, struct ring **ret) _must_check_;
void ring_unmap(struct ring *ring);
/* Async-signal-safe. */
void ring_write(struct ring *ring, const void *text, size_t size);
/* For whoever has only the descriptor. */
int ring_append(int fd, const void *text, size_t size) _must_check_;
/* The text in order, oldest whole line first, NUL-terminated; bytes that are no text are replaced. Freed by the caller. */
int ring_read(int fd, char **ret) _must_check_;
