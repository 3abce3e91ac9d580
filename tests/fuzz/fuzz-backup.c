/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as the index of an archive, in pieces whose size the first byte says: refused, or each of its lines is
 * one that we would write ourselves. Then the same bytes as members' names and links' targets, which must be refused
 * or stay in the root.
 */
#include <signal.h>
#include <stdio.h>

#include "backup/index.h"
#include "backup/screen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
        if (!holds)
                (void) raise(SIGABRT);
}

static int check_line(void *userdata, const char *line, size_t n) {
        static struct index_entry entry;
        static char again[INDEX_LINE_MAX];
        int length;

        check(line[n] == 0);
        if (index_parse(line, n, &entry) < 0)
                return 0;
        length = index_format(&entry, again, sizeof(again));
        check(length > 0 && (size_t) length == n + 1 && memcmp(line, again, n) == 0);
        return 0;
}

static void feed_index(const uint8_t *data, size_t size) {
        static struct index_reader reader;
        size_t piece = size > 0 ? 1 + data[0] % 97 : 1;
        int r = 0;

        index_reader_begin(&reader, check_line, NULL);
        for (size_t at = 1; r >= 0 && at < size; at += piece)
                r = index_reader_feed(&reader, data + at, MIN(piece, size - at));
        check(r <= 0);
        if (r == 0 && index_reader_end(&reader) == 0)
                check(reader.origin.n_addresses <= INDEX_ADDRESSES_MAX);
}

static void judge_names(const uint8_t *data, size_t size) {
        static const char kinds[] = {'f', 'd', 'l', 'h', 0};
        char *text = strndup((const char *) data, size), *rest = text;
        struct screen *s;

        check(text && screen_new(&s) == 0);
        for (char *line = strsep(&rest, "\n"); line && rest; line = strsep(&rest, "\n")) {
                struct member m = {.kind = kinds[(unsigned char) line[0] % sizeof(kinds)], .odd = "odd", .path = line,
                                   .target = strsep(&rest, "\n"), .mode = 0644};
                char path[PATH_MAX];
                const char *why;
                int r = screen_member(s, &m, &why);

                check(r == 1 || r == 0);
                if (r == 0) {
                        screen_path(m.path, path, &why);
                        check(!why && path[0] != '/' && !strstr(path, "//") && !strstr(path, "/../") &&
                              strncmp(path, "../", 3) != 0);
                }
        }
        screen_free(s);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        feed_index(data, size);
        judge_names(data, size);
        return 0;
}
