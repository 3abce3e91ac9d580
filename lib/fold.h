/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text without its accents and without its case, for search and for sorting: "Éloïse" and "eloise" are one.
 *
 * What Unicode's compatibility decomposition does to Latin, Greek and Cyrillic letters, ligatures and full-width forms, then
 * the lower case; combining marks are dropped. Everything else stays as it is.
 */
#pragma once

#include "lib/util.h"

/* Newly allocated; NULL when out of memory. @s is UTF-8; what is not is kept byte by byte. */
char *fold_text(const char *s, size_t size);
/* The same with the case kept. */
char *fold_accents(const char *s, size_t size);

/* One character, NUL-terminated or not, at @s: returns how many bytes it has (1 for a byte that is no UTF-8). */
size_t fold_decode(const char *s, size_t size, uint32_t *ret);
/* The number of characters, as Python's len() counts. */
size_t fold_length(const char *s);
