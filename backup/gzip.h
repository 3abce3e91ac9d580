/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * gzip by several threads: one stream that any gunzip reads. Blocks are compressed side by side, each knowing the end of the one
 * before it, so that little is lost by it.
 */
#pragma once

#include "lib/util.h"

#define GZIP_THREADS_MAX 8

struct gzip;

/* All of @size bytes, or below zero. */
typedef int gzip_write_function(void *userdata, const void *data, size_t size);

/* Writes by @write, from the caller's thread; @level as gzip has it. At most @threads compress. */
int gzip_new(gzip_write_function *write, void *userdata, int level, unsigned threads, struct gzip **ret) _must_check_;
/* Waits while every thread has enough to do. */
int gzip_write(struct gzip *g, const void *data, size_t size) _must_check_;
/* Writes the rest and the end. */
int gzip_finish(struct gzip *g) _must_check_;
/* Ends the threads, finished or not. Accepts NULL. Returns NULL. */
struct gzip *gzip_free(struct gzip *g);
