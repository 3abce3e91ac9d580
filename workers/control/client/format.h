/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How things look to people: durations, states with their colour, aligned columns, and text that cannot drive a terminal.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "lib/util.h"

#define FORMAT_SIZE 32
#define TABLE_COLUMNS_MAX 12

/* Colour is used from now on when the standard output is a terminal that has some and NO_COLOR is not set. */
void format_init(void);

/* How long something has been: 340 ms, 12 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. Returns @to. */
const char *format_duration(char to[FORMAT_SIZE], json_int_t msec);
/* A configured time, short: 100ms, 1.6s, 5min. */
const char *format_time(char to[FORMAT_SIZE], json_int_t msec);
const char *format_bytes(char to[FORMAT_SIZE], json_int_t bytes);

/* The escape sequence that begins a state's colour, "" without colour; format_plain() ends it. */
const char *format_state(const char *state);
const char *format_bold(void);
const char *format_plain(void);

/* Replaces control characters in every string of @value, at any depth. */
void format_harmless(json_t *value);

/* Members of an answer, "" and 0 when they are missing: a later version may lack them. */
const char *get_string(const json_t *object, const char *name);
json_int_t get_int(const json_t *object, const char *name);
bool get_bool(const json_t *object, const char *name);

/* Aligned columns. Cells are copied. */
struct table {
        char **cells;
        size_t n_columns, n_cells, allocated;
        unsigned right; /* bit i: column i is aligned to the right */
        int state_column; /* coloured; -1: none */
        FILE *to;         /* NULL: standard output */
};

/* Adds a cell, row by row; NULL is "". */
void table_add(struct table *t, const char *cell);
/* Prints and empties it. The first row is the heading. */
void table_print(struct table *t, const char *indent);
