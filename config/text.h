/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What configuration files are full of: names, UUIDs, digests, moments, paths.
 */
#pragma once

#include "lib/util.h"

/* A name of a service, worker, plugin or class: a letter, then letters, digits, '_' and '-', at most 48. */
bool text_is_name(const char *s);
/* 8-4-4-4-12 hex digits. */
bool text_is_uuid(const char *s);
/* 2026-01-02T03:04:05, with or without a fraction. */
bool text_is_moment(const char *s);
/* Exactly @n hex digits and no more. */
bool text_is_hex(const char *s, size_t n);
/* Absolute, without an empty, "." or ".." component. */
bool text_is_path(const char *s);

/* Which of the NULL-terminated @words @s may have been meant to be; NULL when none is near. */
const char *text_nearest(const char *s, const char *const *words);
