/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unicode's compatibility decomposition (NFKD), which lists of users are sorted by: an accent comes apart from its letter,
 * and sorts behind every letter of the alphabet. Alphabets only: Chinese, Japanese and Korean characters stay as they are.
 */
#pragma once

/* Newly allocated; NULL when out of memory. Bytes that are no UTF-8 are kept. */
char *nfkd(const char *s);
/* The same with cases folded. */
char *nfkd_fold(const char *s);
