/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tree of segments that router-load.c makes and router.c walks.
 */
#pragma once

#include "workers/gateway/router.h"

#define SEGMENTS_MAX 16

/* The kinds of a segment, in the order in which they are tried. */
enum segment_kind { SEGMENT_STATIC, SEGMENT_INT, SEGMENT_UUID, SEGMENT_INT_OR_UUID, SEGMENT_TEXT, SEGMENT_MAX };

struct node {
        enum segment_kind kind;
        char *word; /* of a static one */
        struct node **children; /* by kind, static ones first and by word */
        size_t n_children, n_fixed;
        struct route *route;
};
