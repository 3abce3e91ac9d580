/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A survey as text: what "wazo-suite top" shows.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

/* A heading, the services, then each service's workers, what became of its events, its last crashes. */
void view_write(FILE *to, const json_t *document);
