/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The shapes of control's answers, as io.wazo.suite.varlink declares them, made from the model. Pure: the clock is a
 * parameter. Each returns a new reference, or NULL when out of memory.
 */
#pragma once

#include <jansson.h>

#include "workers/control/model.h"

/* Of every answer; see the interface description. */
#define ANSWERS_VERSION 1

/* Sets a member and takes @value over. 0, or -1 when either is NULL: results can be or'ed. */
int answers_set(json_t *object, const char *name, json_t *value);
/* @value when @r is 0, as or'ed before; else NULL, and @value is dropped. */
json_t *answers_finish(json_t *value, int r);
json_t *answers_integer(uint64_t value);

json_t *answers_status(const struct model *m, uint64_t now);
json_t *answers_worker(const struct wire_slot *slot, uint64_t now);
/* The workers that match @name, or, when it is NULL, those that are not well: an array. */
json_t *answers_workers(const struct model *m, const char *name, uint64_t now);
/* Of every worker that matches @name. */
json_t *answers_explain(const struct model *m, const char *name, uint64_t now);
/* {version, text}, with the "lines" of a reload when @lines is not NULL. */
json_t *answers_command(const char *text, const char *lines);
json_t *answers_command_failed(int error, const char *text, const char *lines);
json_t *answers_no_such_worker(const struct model *m, const char *name);
/* One JSON string a line. */
json_t *answers_lines(const char *text);
