/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page of the suite's state: what its parts share.
 */
#pragma once

#include <stddef.h>

/* page.html, and the Content-Security-Policy that fits it. */
extern const char page_text[], page_policy[];
extern const size_t page_size;
