/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text on its way to a log, a record, an answer or a terminal: valid UTF-8, no control characters, and whatever looks like
 * a secret masked, although those who wrote it should have masked it before. For values in JSON see lib/secret.h.
 */
#pragma once

#include "lib/util.h"

/* A token as Wazo's daemons log it: every character but '-' in front of the last 8 becomes X. Freed by the caller; NULL
 * when out of memory. */
char *mask_token(const char *token);

/*
 * A copy of @size bytes made harmless: what is no UTF-8 and control characters become '?', a tab becomes a space. Values behind
 * words like password and secret are hidden; values behind words like token are masked as Wazo's daemons mask them, and so
 * is, up to the end of the text, whatever looks like a uuid. Meant for one line. Freed by the caller; NULL when out of memory.
 */
char *mask_line(const char *s, size_t size);
