/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/findings.h"

#include <inttypes.h>

const char *findings_file(struct findings *f, const char *path) {
        char **grown, *copy;

        for (size_t i = 0; i < f->n_files; i++)
                if (streq(f->files[i], path))
                        return f->files[i];

        if (f->n_files >= FINDINGS_FILES_MAX)
                return "";
        copy = strdup(path);
        grown = copy ? realloc(f->files, (f->n_files + 1) * sizeof(*grown)) : NULL;
        if (!grown) {
                free(copy);
                f->failed = true;
                return "";
        }
        f->files = grown;
        f->files[f->n_files++] = copy;
        return copy;
}

static bool same(const struct finding *a, const struct finding *b) {
        return a->place.file == b->place.file && a->place.line == b->place.line && a->place.column == b->place.column &&
               a->severity == b->severity && streq(a->text, b->text);
}

static void keep(struct findings *f, struct finding *new) {
        struct finding *grown;

        for (size_t i = 0; i < f->n; i++)
                if (same(&f->list[i], new)) {
                        free(new->text);
                        return;
                }

        if (new->severity == FINDING_ERROR)
                f->n_errors++;
        else
                f->n_warnings++;

        grown = f->n < FINDINGS_MAX ? realloc(f->list, (f->n + 1) * sizeof(*grown)) : NULL;
        if (!grown) {
                f->failed |= f->n < FINDINGS_MAX;
                free(new->text);
                return;
        }
        f->list = grown;
        f->list[f->n++] = *new;
}

void findings_add(struct findings *f, enum finding_severity severity, const struct place *place, const char *format,
                  ...) {
        struct finding new = {.severity = severity};
        char text[FINDING_TEXT_MAX];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);

        /* Whatever a file's author wrote must not forge a line or steer a terminal. */
        for (char *c = text; *c; c++)
                if ((unsigned char) *c < ' ' || *c == 0x7f)
                        *c = '?';

        new.text = strdup(text);
        if (!new.text) {
                f->failed = true;
                return;
        }
        if (place)
                new.place = *place;
        keep(f, &new);
}

bool findings_pass(const struct findings *f) {
        return !f->failed && f->n_errors == 0 && (!f->strict || f->n_warnings == 0);
}

static size_t file_rank(const struct findings *f, const char *file) {
        for (size_t i = 0; i < f->n_files; i++)
                if (f->files[i] == file)
                        return i + 1;
        return 0;
}

static int compare(const void *a, const void *b, void *userdata) {
        const struct finding *x = a, *y = b;
        size_t rank_x = file_rank(userdata, x->place.file), rank_y = file_rank(userdata, y->place.file);

        if (rank_x != rank_y)
                return rank_x < rank_y ? -1 : 1;
        if (x->place.line != y->place.line)
                return x->place.line < y->place.line ? -1 : 1;
        if (x->place.column != y->place.column)
                return x->place.column < y->place.column ? -1 : 1;
        return strcmp(x->text, y->text);
}

void findings_print(struct findings *f, FILE *to) {
        size_t kept = f->n, all = f->n_errors + f->n_warnings;

        if (kept > 1)
                qsort_r(f->list, kept, sizeof(*f->list), compare, f);
        for (size_t i = 0; i < kept; i++) {
                const struct finding *found = &f->list[i];
                bool error = found->severity == FINDING_ERROR || f->strict;

                if (found->place.file)
                        (void) fprintf(to, "%s:", found->place.file);
                if (found->place.line > 0)
                        (void) fprintf(to, "%" PRIu32 ":%" PRIu32 ":", found->place.line, found->place.column);
                (void) fprintf(to, "%s%s: %s\n", found->place.file ? " " : "", error ? "error" : "warning",
                               found->text);
        }
        if (all > kept)
                (void) fprintf(to, "and %zu more\n", all - kept);
        if (f->failed)
                (void) fprintf(to, "error: out of memory\n");
}

void findings_done(struct findings *f) {
        for (size_t i = 0; i < f->n; i++)
                free(f->list[i].text);
        free(f->list);
        for (size_t i = 0; i < f->n_files; i++)
                free(f->files[i]);
        free(f->files);
        *f = (struct findings) {.strict = f->strict};
}
