/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Several plugins over one database in the test's own process; the database is a new file for each test.
 *
 *     harness_begin();
 *     call("user", "POST", "/users", "{'firstname': 'A'}", 201);
 *     ck_assert_str_eq(reply_string("caller_id"), "\"A\"");
 *     refuse("user", "POST", "/users", "{}", 400, "Input Error - firstname: ['Missing data for required field.']");
 *     harness_end();
 *
 * In bodies ' stands for ". Everything aborts the test on failure.
 */
#pragma once

#include <check.h>
#include <jansson.h>
#include <stdint.h>

#include "workers/kit/testing.h"

#define TENANT TESTING_TENANT         /* who asks, unless as_tenant() says otherwise */
#define SUBTENANT TESTING_CHILD       /* below it */
#define OTHER_TENANT TESTING_STRANGER /* of somebody else */
#define BASE_URL "http://localhost:9486/1.1"

void harness_begin(void);
void harness_end(void);

/* Requests until the next call come from this tenant: TENANT with SUBTENANT below it, or another alone. */
void as_tenant(const char *uuid);

/* One request, whose status must be @status; the answer is in the reply_ functions until the next request. @path may have a
 * query, as it stands, undecoded. @body: NULL for none. */
#define call(plugin, method, path, body, status) call_at(__FILE__, __LINE__, plugin, method, path, body, status)
void call_at(const char *file, int line, const char *plugin, const char *method, const char *path, const char *body,
             unsigned status);
/* The same for one that is refused: @texts are all strings of the answer, a newline between them. */
#define refuse(plugin, method, path, body, status, texts) refuse_at(__FILE__, __LINE__, plugin, method, path, body, status, texts)
void refuse_at(const char *file, int line, const char *plugin, const char *method, const char *path, const char *body,
               unsigned status, const char *texts);

/* An event of another daemon; reply_text() says why it was not taken. */
#define hear(plugin, event, body, status) hear_at(__FILE__, __LINE__, plugin, event, body, status)
void hear_at(const char *file, int line, const char *plugin, const char *event, const char *body, unsigned status);

/* One request of which only the status is of interest. */
unsigned ask(const char *plugin, const char *method, const char *path, const char *body);
/* Values of every kind for each of these members, ended by NULL, in the body of a request: no answer may be a server error. @base:
 * members that are always there, "'name': 'n'", or "". */
void torment(const char *plugin, const char *method, const char *path, const char *base, const char *const *members);

const char *reply_text(void);
const char *reply_location(void);
/* A member of the answer by path: "items.0.name". Fails the test when there is none. */
const json_t *reply_member(const char *path);
/* Of the type asked for, or the test fails. */
const char *reply_string(const char *path);
int64_t reply_integer(const char *path);
/* As JSON text with ' for ". */
const char *reply_part(const char *path);
/* A member of all items, "a b c": of the list's items, or of @path. */
const char *reply_items(const char *member);

/* SQL on the side, committed at once. */
void sql(const char *statement);
int64_t sql_integer(const char *select);
/* The first column of the first row; "-" for NULL or no row. */
const char *sql_text(const char *select);

/*
 * The rows of the outbox since the last call, in their order, a line each, in JSON ' for ":
 *
 *     reload: dialplan reload, module reload res_pjsip.so
 *     call: GET /move_voicemail {'old_mailbox': '1'}
 *     event: voicemail_created config.voicemail.created {'id': 1} *
 *
 * where * are the users whom the event's header names.
 */
const char *outbox(void);

/*
 * The same rows with all that is in them, a line each: resource, name, routing key, tenant, users, data, then further headers;
 * what follows from these (the other headers, and that the body repeats all of them) is checked. Uuids are U1, U2 ... in the order
 * in which the test first met them, but T, S and O for the three tenants; a time is NOW.
 *
 *     sysconfd POST /exec_request_handlers {'ipbx': ['dialplan reload']}
 *     sysconfd GET /move_voicemail?{'old_mailbox': '1'}
 *     user/U1 user_line_associated config.users.U1.lines.2.updated T U1 {'line': {'id': 2}}
 */
const char *outbox_whole(void);
