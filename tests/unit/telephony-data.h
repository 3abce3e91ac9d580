/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of lines, extensions and endpoints begin with. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/plugin-harness.h"
#include "tests/unit/run.h"

/* Contexts by name: "internal" (users 1000-1999, groups 2000-2099, queues 3000-3099, conferences 4000-4099), "second"
 * (internal, users 1000-1999), "incall" (5551000-5551099 by its last four digits), "outcall", "sub" of SUBTENANT and
 * "other" of OTHER_TENANT. */
static inline void with_contexts(void) {
        sql("INSERT INTO tenant (uuid) VALUES ('" TENANT "'), ('" SUBTENANT "'), ('" OTHER_TENANT "')");
#define CONTEXT(name, tenant, type, digit)                                                                         \
        sql("INSERT INTO context (uuid, tenant_uuid, name, displayname, contexttype, commented) VALUES "           \
            "('cccccccc-0000-4000-8000-00000000000" digit "', '" tenant "', '" name "', '" name "', '" type "', 0)")
        CONTEXT("internal", TENANT, "internal", "1");
        CONTEXT("second", TENANT, "internal", "2");
        CONTEXT("incall", TENANT, "incall", "3");
        CONTEXT("outcall", TENANT, "outcall", "4");
        CONTEXT("sub", SUBTENANT, "internal", "5");
        CONTEXT("other", OTHER_TENANT, "internal", "6");
#undef CONTEXT
        sql("INSERT INTO contextnumbers (context, type, numberbeg, numberend, didlength) VALUES "
            "('internal', 'user', '1000', '1999', 0), ('second', 'user', '1000', '1999', 0), ('sub', 'user', '1000', '1999', 0), "
            "('other', 'user', '1000', '1999', 0), ('internal', 'group', '2000', '2099', 0), ('internal', 'queue', '3000', '3099', 0), "
            "('internal', 'meetme', '4000', '4099', 0), ('incall', 'incall', '5551000', '5551099', 4)");
}

/* call(), and what must be answered, whole: in @text ' stands for ", \\' for '. NULL: anything. */
#define expect(plugin, method, path, body, status, text) expect_at(__FILE__, __LINE__, plugin, method, path, body, status, text)
static inline void expect_at(const char *file, int line, const char *plugin, const char *method, const char *path, const char *body,
                             unsigned status, const char *text) {
        char wanted[4096];
        size_t n = 0;

        call_at(file, line, plugin, method, path, body, status);
        if (!text)
                return;
        for (; *text && n + 2 < sizeof(wanted); text++) {
                bool escaped = text[0] == '\\' && text[1] == '\'';

                text += escaped;
                wanted[n++] = *text == '\'' && !escaped ? '"' : *text;
        }
        if (n > 0)
                wanted[n++] = '\n';
        wanted[n] = 0;
        ck_assert_msg(strcmp(reply_text(), wanted) == 0, "%s:%d: %s %s\ngot    %swanted %s", file, line, method, path,
                      reply_text(), wanted);
}

/* Whether the outbox, emptied by this, has all these lines' beginnings. */
static inline void outbox_has(const char *const *lines) {
        const char *text = outbox();

        for (; *lines; lines++)
                ck_assert_msg(strstr(text, *lines) != NULL, "no \"%s\" in:\n%s", *lines, text);
}
#define OUTBOX(...) outbox_has((const char *const[]) {__VA_ARGS__, NULL})

/* A line, an extension, a user: their ids. */
static inline int64_t new_line(const char *context) {
        char body[256];

        (void) snprintf(body, sizeof(body), "{'context': '%s'}", context);
        call("line", "POST", "/lines", body, 201);
        return reply_integer("id");
}

static inline int64_t new_extension(const char *exten, const char *context) {
        char body[256];

        (void) snprintf(body, sizeof(body), "{'exten': '%s', 'context': '%s'}", exten, context);
        call("extension", "POST", "/extensions", body, 201);
        return reply_integer("id");
}

static inline int64_t new_user(const char *firstname) {
        char body[256];

        (void) snprintf(body, sizeof(body), "{'firstname': '%s'}", firstname);
        call("user", "POST", "/users", body, 201);
        return reply_integer("id");
}

/* A SIP endpoint: its uuid, into @ret. */
static inline void new_sip(const char *body, char ret[37]) {
        call("endpoint_sip", "POST", "/endpoints/sip", body, 201);
        (void) snprintf(ret, 37, "%s", reply_string("uuid"));
}

/* "/lines/1/endpoints/sip/..." for the next call. */
static inline const char *at(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
static inline const char *at(const char *format, ...) {
        static char path[256];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(path, sizeof(path), format, ap);
        va_end(ap);
        return path;
}

/* One suite with one case: with plugins and contexts around each test. */
static inline int run_tests(const char *name, const TTest *const *tests) {
        Suite *suite = suite_create(name);
        TCase *tcase = tcase_create(name);

        tcase_add_checked_fixture(tcase, harness_begin, harness_end);
        tcase_add_checked_fixture(tcase, with_contexts, NULL);
        tcase_set_timeout(tcase, 60);
        for (; *tests; tests++)
                tcase_add_test(tcase, *tests);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
