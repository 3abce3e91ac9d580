/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the kit share among themselves. */
#pragma once

#include "lib/db.h"
#include "workers/kit/host.h"
#include "workers/kit/text.h"

/* ----- operations.c: what a plugin's index of operations means ----- */

struct operation {
        char path[256], acl[256]; /* as in the description */
        const char *method;
        bool acl_none;            /* no token is asked for */
        enum wazo_body body;
        bool write;
        const struct wazo_terms *terms; /* or NULL */
        /* One of these three. */
        const struct wazo_resource *resource;
        enum wazo_operation operation;
        const struct wazo_association *association;
        bool dissociate;
        const struct wazo_route *route;
};

/* -ENOENT past the last one, -ENAMETOOLONG for a descriptor whose path is too long. */
int operation_at(const struct wazo_plugin *plugin, unsigned index, struct operation *ret) _must_check_;
/* Whether this is what the gateway routed to: while a plugin is replaced, an index of its other version may come. */
bool operation_fits(const struct operation *op, const struct request *request);

/* ----- host.c ----- */

struct wazo_host {
        struct wazo_host_setup setup;
        json_t *slice;    /* parsed */
        json_t *settings; /* the plugin's section with its defaults */
        char driver_dir[512];
        const struct db_driver *driver;
        struct db *db;    /* NULL while idle */
        bool fresh;       /* db was opened within this request */
};

struct staged {
        const struct wazo_effect *effect;
        void *data;
        bool prepared;
};

struct wazo_context {
        struct wazo_host *host;
        const struct request *request; /* NULL in jobs, events and init */
        uint64_t deadline;             /* of an event; 0: none */
        struct operation operation;
        bool write;
        bool begun; /* a transaction is open */
        json_t *body;
        struct reply reply;
        bool replied;
        char failure[256]; /* of the last statement, for the 500 */

        struct staged *staged;
        size_t n_staged;
        /* For the outbox, at the end of the transaction: reload commands, other calls, events. */
        json_t *reload, *calls, *events;
};

void kit_log(struct wazo_host *host, unsigned level, const char *format, ...) _printf_(3, 4);

/* The connection, with a transaction begun: of a write, its lock was taken. */
int context_db(struct wazo_context *ctx, struct db **ret) _must_check_;
/* Ends what context_db() began: commits with the outbox and the staged effects, or rolls back. */
int context_commit(struct wazo_context *ctx) _must_check_;
void context_rollback(struct wazo_context *ctx);
void context_done(struct wazo_context *ctx);

/* ----- sql.c ----- */

/* A list of values in step with the placeholders of a text. */
struct values {
        struct db_value *items;
        size_t n, allocated;
        char **owned; /* texts made for this statement */
        size_t n_owned;
        bool failed;
};
#define VALUES_NULL ((struct values) {0})
void values_add(struct values *v, struct db_value value);
/* Takes @text over. */
void values_add_owned(struct values *v, char *text);
void values_done(struct values *v);
#define _cleanup_values_ _cleanup_(values_done)

/* Runs a statement within the context's transaction and keeps the error's text for the 500. */
int sql_run(struct wazo_context *ctx, const char *sql, const struct values *values,
            int (*row)(void *userdata, const struct db_row *row), void *userdata, int64_t *ret_changes) _must_check_;
json_t *json_of_value(const struct db_value *value);

/* ----- columns.c: between fields and columns ----- */

bool field_is_stored(const struct wazo_field *field);
const struct wazo_field *field_find(const struct wazo_field *fields, const char *name);
const struct wazo_field *model_key(const struct wazo_model *model);
/* SQL that reads the field: "context.displayname". */
void field_expression(struct text *t, const struct wazo_model *model, const struct wazo_field *field);
json_t *field_from_db(enum db_dialect dialect, const struct wazo_field *field, const struct db_value *value);
void field_to_db(enum db_dialect dialect, const struct wazo_field *field, const json_t *value, struct values *values);
/* The tenant's column when it is one of the table itself, else NULL. */
const char *model_tenant_column(const struct wazo_model *model);
/* "type='user'" with commas between: the columns, or the values, of constants, each with a comma in front. */
void constants_add(struct text *t, const char *constants, bool values);

/* ----- relations.c ----- */

/* Replaces the rows of those relations of @object that can be written and that it holds. */
int relations_write(struct wazo_context *ctx, const struct wazo_model *model, const json_t *before,
                    const json_t *object) _must_check_;

/* ----- query.c: the SQL of gets and lists, apart from its execution so that it can be tested ----- */

int query_get(const struct wazo_context *ctx, enum db_dialect dialect, const struct wazo_model *model, const json_t *members,
              bool tree, struct text *sql, struct values *values) _must_check_;
/* @count: SELECT COUNT(*) instead of the rows; @cut: with LIMIT and OFFSET. 1: nothing can match. */
int query_list(const struct wazo_context *ctx, enum db_dialect dialect, const struct wazo_model *model,
               const struct wazo_query *query, bool count, bool cut, struct text *sql, struct values *values) _must_check_;

/* ----- python.c ----- */

/* In maps of messages: the key of a list's item, rendered as a bare integer. */
#define PYTHON_INDEX '\002'
void python_add(struct text *t, const json_t *value);

/* ----- dump.c ----- */

/* JSON as Wazo's daemons write it: ", " and ": ", non-ASCII escaped, reals at their shortest. */
void dump_add(struct text *t, const json_t *value);

/* ----- body.c ----- */

/* 1: not JSON, or JSON that is refused. [] is {}. */
int body_parse(const char *data, size_t size, json_t **ret) _must_check_;

/* ----- notify.c ----- */

int outbox_write(struct wazo_context *ctx) _must_check_;
/* "config.lines.{line.id}.updated" filled from @object; '.' in values becomes '_' when @acl. */
void template_add(struct text *t, const char *pattern, const json_t *object);
/* Members by paths: see struct wazo_event. */
int data_collect(const char *paths, const json_t *object, json_t *data) _must_check_;

/* ----- resource.c, association.c ----- */

int resource_run(struct wazo_context *ctx) _must_check_;
int association_run(struct wazo_context *ctx) _must_check_;

/* ----- validate.c ----- */

/* One value against one field: *ret is the value to keep, or *ret_errors, a list of texts or a map. */
int validate_value(struct wazo_context *ctx, const struct wazo_field *field, const json_t *value, json_t **ret,
                   json_t **ret_errors) _must_check_;
int preset_value(const struct wazo_field *field, json_t **ret) _must_check_;
/* Case-insensitive true/false, on/off, yes/no, t/f, y/n, 1/0: 1, 0, or -EINVAL. */
int lax_boolean(const char *s);

/* ----- patterns.c ----- */

/* POSIX extended expressions; false for one that is wrong. */
bool pattern_matches(const char *pattern, const char *s);
/* name@host.domain: words with dots between them or a quoted text before the @; behind it at least two labels, localhost, or an
 * IPv4 address in brackets. Letters of all languages count, as they do for wazo-confd. */
bool email_valid(const char *s);

/* ----- members.c ----- */

#define STAMP_SIZE 64
/* The time as YYYY-MM-DD<separator>HH:MM:SS.ffffff. */
void stamp_now(char ret[STAMP_SIZE], char separator, bool local);

/* ----- service.c ----- */

bool in_tree(const struct wazo_context *ctx, const char *tenant);
/* Makes the tenant's row when it is missing: the original has it since wazo-auth's event, or makes it just so. */
int tenant_ensure(struct wazo_context *ctx, const char *tenant) _must_check_;
