/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is wrong with a configuration: every finding with its place, all of them at once.
 *
 * Findings are read by people and kept in logs, so no value of a secret key ever gets into one: who adds a finding names the
 * key and what was expected, and quotes a value only where the key's table says that it is no secret.
 */
#pragma once

#include <stdarg.h>
#include <stdio.h>

#include "lib/util.h"

/* More are counted, not kept. */
#define FINDINGS_MAX 500
#define FINDINGS_FILES_MAX 1024
#define FINDING_TEXT_MAX 400

/* Where something stands; line and column begin at 1, and are 0 where only the file is known. */
struct place {
        const char *file; /* of findings_file(), or NULL */
        uint32_t line, column;
};

enum finding_severity { FINDING_WARNING, FINDING_ERROR };

struct finding {
        struct place place;
        enum finding_severity severity;
        char *text;
};

struct findings {
        struct finding *list;
        size_t n;
        char **files;
        size_t n_files;
        size_t n_errors, n_warnings; /* with those that were not kept */
        bool strict;                 /* every warning is an error */
        bool failed;                 /* out of memory: counts as an error */
};

/* A copy of a file's name that lives as long as @f; "" when out of memory. */
const char *findings_file(struct findings *f, const char *path);

/* @place may be NULL. */
void findings_add(struct findings *f, enum finding_severity severity, const struct place *place, const char *format,
                  ...) _printf_(4, 5);
#define findings_error(f, place, ...) findings_add((f), FINDING_ERROR, (place), __VA_ARGS__)
#define findings_warning(f, place, ...) findings_add((f), FINDING_WARNING, (place), __VA_ARGS__)

/* Whether the service may start with it. */
bool findings_pass(const struct findings *f);

/* Sorts by file (in the order of their first use), line and column, and writes one line each:
 * "file:line:column: error: text". */
void findings_print(struct findings *f, FILE *to);

void findings_done(struct findings *f);
