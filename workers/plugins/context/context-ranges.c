/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/context/context-ranges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"

/* Numbers that are taken, ascending. */
struct taken {
        long long *numbers;
        size_t n;
};

static int by_value(const void *a, const void *b) {
        long long x = *(const long long *) a, y = *(const long long *) b;

        return (x > y) - (x < y);
}

/* Patterns and numbers with * or # lie in no range. */
static int load_taken(struct wazo_context *ctx, const char *context, struct taken *ret) {
        _wazo_unref_ json_t *rows = NULL;
        const json_t *row;
        size_t i;
        int r;

        r = wazo_select(ctx, &rows, "SELECT exten FROM extensions WHERE context = ?", "s", context);
        if (r < 0)
                return r;
        ret->numbers = calloc(json_array_size(rows) + 1, sizeof(*ret->numbers));
        if (!ret->numbers)
                return -ENOMEM;
        json_array_foreach(rows, i, row) {
                const char *exten = wazo_string(row, "exten");

                if (exten && *exten && strlen(exten) <= 16 && strspn(exten, "0123456789") == strlen(exten))
                        ret->numbers[ret->n++] = strtoll(exten, NULL, 10);
        }
        qsort(ret->numbers, ret->n, sizeof(*ret->numbers), by_value);
        return 0;
}

static int add(json_t *ranges, long long from, long long to, int width) {
        char start[24], end[24];

        if (from > to)
                return 0;
        (void) snprintf(start, sizeof(start), "%0*lld", width, from);
        (void) snprintf(end, sizeof(end), "%0*lld", width, to);
        return json_array_append_new(ranges, json_pack("{s:s,s:s}", "start", start, "end", end)) < 0 ? -ENOMEM : 0;
}

/* What is between the taken numbers. */
static int add_free(json_t *ranges, const struct taken *taken, const char *start, const char *end) {
        long long from = strtoll(start, NULL, 10), to = strtoll(end, NULL, 10);
        int width = (int) strlen(start), r;

        for (size_t i = 0; i < taken->n && taken->numbers[i] <= to; i++) {
                if (taken->numbers[i] < from)
                        continue;
                r = add(ranges, from, taken->numbers[i] - 1, width);
                if (r < 0)
                        return r;
                from = taken->numbers[i] + 1;
        }
        return add(ranges, from, to, width);
}

int context_list_ranges(struct wazo_context *ctx, const json_t *context, const char *kind, bool available, json_t **ret) {
        _wazo_unref_ json_t *ranges = json_array();
        struct taken taken = {0};
        const json_t *range;
        char member[32];
        size_t i;
        int r = 0;

        if (!ranges || snprintf(member, sizeof(member), "%s_ranges", kind) >= (int) sizeof(member))
                return -ENOMEM;
        if (available)
                r = load_taken(ctx, wazo_string(context, "name"), &taken);
        json_array_foreach(json_object_get(context, member), i, range) {
                const char *start = wazo_string(range, "start"), *end = wazo_string(range, "end");

                if (r < 0)
                        break;
                if (available)
                        r = add_free(ranges, &taken, start, end);
                else
                        r = json_array_append_new(ranges, json_pack("{s:s,s:s}", "start", start, "end", end)) < 0 ? -ENOMEM : 0;
        }
        free(taken.numbers);
        if (r < 0)
                return r;
        *ret = STEAL(ranges);
        return 0;
}
