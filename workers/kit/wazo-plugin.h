/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plugin kit of wazo-suite.
 *
 * A plugin is a shared object that exports one symbol, "const struct wazo_plugin wazo_plugin", made of static const
 * descriptors. From them come routes, ACLs, JSON in and out, validation with its error texts, SQL, lists with search, sort
 * and filters, links, events, reload requests and OpenAPI. What is special is a function in the layer where it belongs:
 *
 *     resource    HTTP: paths, ACLs, what a body may hold, what an answer shows         struct wazo_resource
 *     service     business logic: no SQL, no URL, no file name                          struct wazo_service
 *     validator   the rules of the business, a list for each operation                  struct wazo_validator
 *     dao         where it is stored: SQL from the model, or files, or another daemon   struct wazo_dao
 *     model       tables, columns, fields                                               struct wazo_model
 *     notifier    who is told: events, reload requests                                  struct wazo_notifier
 *
 * Objects travel between the layers as jansson objects whose members are the model's fields, hidden ones included.
 *
 * A plugin runs in a process of its own and handles one request at a time, in plain blocking code. One request is one
 * transaction; what fails rolls back whole, events included. A plugin may call another plugin's service, never its dao or
 * model: the service is declared in <name>-service.h, and its code is linked into each caller (in tree: all services of
 * wazo-confd are one library, see workers/plugins/meson.build). It then runs within the caller's process and transaction, with
 * its own rules and events.
 *
 * Returns: below zero a negative errno, handed on unchanged; zero success; above zero an outcome that the function names.
 * The wazo_error_ functions decide the request's answer and return -ECANCELED, so "return wazo_error_...(...)" is the
 * idiom; any other negative errno becomes a 500. ret_ parameters are written on success only. json_t parameters are
 * borrowed unless said otherwise; what comes through a ret_ parameter is the caller's to json_decref().
 */
#ifndef WAZO_PLUGIN_H
#define WAZO_PLUGIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAZO_PLUGIN_ABI 1U

/* What is declared here is seen across shared objects, however they are compiled. */
#pragma GCC visibility push(default)

#define WAZO_PRINTF(a, b) __attribute__((__format__(__printf__, a, b)))
#define WAZO_MUST_CHECK __attribute__((__warn_unused_result__))

struct wazo_context; /* one request, job or event on its way */
struct wazo_field;
struct wazo_service;
struct wazo_resource;
struct wazo_association;

/* ------------------------------------------------------------------------------------------------- model: fields */

enum wazo_type {
        WAZO_STRING,
        WAZO_INTEGER,     /* 5, "5", 5.5 (truncated); not true */
        WAZO_FLOAT,
        WAZO_BOOLEAN,     /* true and false only */
        WAZO_BOOLEAN_LAX, /* also 0, 1, "on", "no", ... */
        WAZO_UUID,
        WAZO_EMAIL,
        WAZO_DATETIME,    /* answered as YYYY-MM-DDTHH:MM:SS.ffffff */
        WAZO_LIST,        /* of .item, or with .fields of objects */
        WAZO_OBJECT,      /* of .fields */
        WAZO_ANY,         /* any JSON; a .check looks at it */
        WAZO_LINKS,       /* [{"rel", "href"}] made from .link */
};

enum wazo_flag {
        WAZO_REQUIRED = 1 << 0,        /* in a create, and in nested objects */
        WAZO_NULLABLE = 1 << 1,        /* null is a value */
        WAZO_NULL_ON_CREATE = 1 << 2,  /* a create may say null and gets the default; an edit may not */
        WAZO_READ_ONLY = 1 << 3,       /* dropped from bodies */
        WAZO_CREATE_ONLY = 1 << 4,     /* dropped from the bodies of edits */
        WAZO_HIDDEN = 1 << 5,          /* stored and seen by the layers, neither read from bodies nor answered */
        WAZO_WRITE_ONLY = 1 << 6,      /* read from bodies, not answered */
        WAZO_SECRET = 1 << 7,          /* masked in logs, records and control answers */
        WAZO_GENERATED = 1 << 8,       /* made at creation: WAZO_UUID a random one, WAZO_DATETIME now, WAZO_INTEGER by the database */
};

/* How a field lies in its column, where that is not as it stands. */
enum wazo_store {
        WAZO_AS_IS,
        WAZO_AS_INT,          /* a boolean as 0 and 1; null is NULL */
        WAZO_AS_INVERTED,     /* a boolean as 1 and 0: enabled in "commented" */
        WAZO_AS_EMPTY,        /* null as '' */
        WAZO_AS_PAIRS,        /* [["a", "b"], ...] as text[][] (JSON text in SQLite) */
        WAZO_AS_JSON,         /* any JSON as text */
};

/* Limits of a number, or of a length in characters or items: use the macros. */
struct wazo_limits {
        unsigned kind; /* 0 none, 1 minimum, 2 maximum, 3 both, 4 exactly */
        int64_t min, max;
};
#define WAZO_AT_LEAST(a) {1, (a), 0}
#define WAZO_AT_MOST(b) {2, 0, (b)}
#define WAZO_BETWEEN(a, b) {3, (a), (b)}
#define WAZO_EXACTLY(n) {4, (n), (n)}

/* One of several words; what the database holds instead, when it differs. Ended by {}. */
struct wazo_choice {
        const char *name, *stored;
};

/* href: <base url><path><value of member .key>; no link while that value is null, 0 or "". */
struct wazo_link {
        const char *rel;  /* "contexts" */
        const char *path; /* "/contexts/" */
        const char *key;  /* "id" */
};

/*
 * Where nested objects come from: one statement for all objects that are being loaded, so that a
 * list of a thousand lines asks once for their users. The statement has one "%s" for the owners' keys (?, ?, ...) and
 * selects the owner's key as "_owner"; its other columns are matched with the nested fields by their .column, or else
 * their .name:
 *
 *     SELECT user_line.line_id AS _owner, userfeatures.id, uuid, firstname FROM user_line
 *     JOIN userfeatures ON userfeatures.id = user_line.user_id WHERE user_line.line_id IN (%s) ORDER BY ...
 *
 * A WAZO_LIST gets all rows, a WAZO_OBJECT the first or null; a WAZO_LIST with .item, whose statement selects "value",
 * scalars. Nested fields may have relations again.
 *
 * With .table a list can be written too: whenever a create or an edit gives the member, the owner's rows are replaced by
 * its items: .owner_column, the constants ("type" as 'user' is "type='user'", commas between), .order_column if any (0,
 * 1, ...) and the nested fields that have a .column (of a list with .item: .value_column).
 */
struct wazo_relation {
        const char *owner; /* member of the owner that %s stands for; may be hidden; NULL: "id" */
        const char *sql;
        const char *table, *owner_column, *constants, *order_column, *value_column;
};

struct wazo_field {
        const char *name;
        enum wazo_type type;
        unsigned flags; /* enum wazo_flag */

        /* Checks, all run, their messages collected. */
        struct wazo_limits length;         /* of strings and lists */
        struct wazo_limits range;          /* of numbers */
        const char *pattern;               /* POSIX extended expression; anchored where it says so */
        const struct wazo_choice *choices;
        /* Anything else: appends texts to @messages with json_array_append_new(). May replace *@value, which it then
         * decrefs. @value is of the field's type. */
        int (*check)(struct wazo_context *ctx, const struct wazo_field *field, json_t **value, json_t *messages);

        const char *preset; /* JSON text of the default in a create ("true", "\"internal\"", "[]"); NULL: null */

        /* Storage. */
        const char *column;     /* of the model's table; NULL: not stored there */
        const char *expression; /* SQL read instead of a column; never written */
        enum wazo_store store;

        /* Nested. */
        const struct wazo_field *fields; /* of objects; ended by {} */
        const struct wazo_field *item;   /* of lists of scalars or lists */
        /* Checks of a nested object as a whole, once its fields are right: reported under "_schema". */
        int (*schema)(struct wazo_context *ctx, json_t *object, json_t *messages);
        const struct wazo_relation *relation;
        const struct wazo_link *link;

        const char *doc; /* for OpenAPI */
};

/* -------------------------------------------------------------------------------------------------- model: lists */

enum wazo_column_flag {
        WAZO_SEARCH = 1 << 0,    /* "search" looks here */
        WAZO_NO_SORT = 1 << 1,   /* not a name that "order" takes */
        WAZO_NO_FILTER = 1 << 2, /* not a query parameter */
        WAZO_SPLIT = 1 << 3,     /* the filter's value is a list with commas */
};

/* A name that list parameters know: filter, order and search. Ended by {}. */
struct wazo_column {
        const char *name;
        unsigned flags;
        const char *expression; /* SQL; NULL: the field of this name */
        enum wazo_type type;    /* of .expression */
};

struct wazo_model {
        const char *name;  /* in sentences: "SIPEndpoint" */
        const char *table;
        const struct wazo_field *fields; /* in the order of answers; ended by {} */
        const char *key;   /* the field that identifies a row: "id" (when NULL) or "uuid" */

        const char *join;   /* after the table: "JOIN context ON context.name = extensions.context" */
        const char *where;  /* always true of a row: "endpoint_sip.template = false" */
        /* SQL of the row's tenant: "context.tenant_uuid". NULL: rows have none and are everybody's. A field named
         * tenant_uuid is filled from it. When it is a column of the table, a create stores the object's tenant_uuid there, which is
         * the effective tenant unless a service has set another. */
        const char *tenant;

        const struct wazo_column *columns; /* ended by {} */
        const char *order;                 /* the default: name of a column; NULL: the key */
};

/* ----------------------------------------------------------------------------------------------------------- dao */

/* What a list is asked for. */
struct wazo_query {
        const char *search;    /* or NULL */
        const char *order;     /* a checked column, or NULL: the default */
        bool descending;
        bool recurse;          /* all tenants below too */
        int64_t limit, offset; /* limit 0: all */
        const json_t *filters; /* {"column": "text"}: the query parameters that name columns */
        const char *where;     /* further SQL condition by the caller, or NULL; its values: */
        const json_t *parameters;
};

/*
 * Functions that replace the SQL made from the model, or follow it. A dao over files or HTTP has the first five; effects
 * that are not SQL are staged with wazo_stage().
 */
struct wazo_dao {
        /* *ret: the first object that has these members, hidden ones included; 1: none. Tenants: @tree or anybody's. */
        int (*get)(struct wazo_context *ctx, const struct wazo_service *service, const json_t *members, bool tree, json_t **ret);
        int (*list)(struct wazo_context *ctx, const struct wazo_service *service, const struct wazo_query *query,
                    json_t **ret_items, int64_t *ret_total);
        /* Adds what the storage made (id) to @object. */
        int (*insert)(struct wazo_context *ctx, const struct wazo_service *service, json_t *object);
        int (*update)(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before, json_t *object);
        int (*delete)(struct wazo_context *ctx, const struct wazo_service *service, const json_t *object);

        /* After the generic ones. @objects: an array, one or many just loaded, for members that no relation can give.
         * @before: NULL after an insert. inserted and updated see the members as the service gave them. */
        int (*loaded)(struct wazo_context *ctx, const struct wazo_service *service, json_t *objects);
        int (*inserted)(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before, json_t *object);
        int (*updated)(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before, json_t *object);
        int (*deleting)(struct wazo_context *ctx, const struct wazo_service *service, const json_t *object);

        /* Sorts in the application when "order" is given: the generic list then takes all rows, and cuts afterwards. */
        int (*sort)(struct wazo_context *ctx, json_t *items, const char *order, bool descending);
};

/* The generic ones, for functions that stand in front of them. */
int wazo_dao_get(struct wazo_context *ctx, const struct wazo_service *service, const json_t *members, bool tree,
                 json_t **ret) WAZO_MUST_CHECK;
int wazo_dao_list(struct wazo_context *ctx, const struct wazo_service *service, const struct wazo_query *query,
                  json_t **ret_items, int64_t *ret_total) WAZO_MUST_CHECK;
int wazo_dao_insert(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) WAZO_MUST_CHECK;
int wazo_dao_update(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before,
                    json_t *object) WAZO_MUST_CHECK;
int wazo_dao_delete(struct wazo_context *ctx, const struct wazo_service *service, const json_t *object) WAZO_MUST_CHECK;

/*
 * SQL by hand, for daos and rules. Placeholders are "?", portable between SQLite and PostgreSQL; @format is json_pack()'s
 * for their values, without brackets: "Is?b" (I json_int_t, i int, s string, s? string or NULL, b int as boolean, f double,
 * n NULL, O json_t); NULL when there are none. Write booleans "= true". Rows are objects of the columns' names; a column
 * declared boolean gives true and false. On an error the text is kept for the log and the 500, and an errno is returned:
 * -EEXIST where a unique constraint was broken, -EBUSY and -ETIMEDOUT where a lock was not had (answered 503). After an error
 * nothing but the way out is left: PostgreSQL's transaction takes no further statement.
 */
int wazo_select(struct wazo_context *ctx, json_t **ret_rows, const char *sql, const char *format, ...) WAZO_MUST_CHECK;
/* The first row; 1: there is none. */
int wazo_select_row(struct wazo_context *ctx, json_t **ret_row, const char *sql, const char *format, ...) WAZO_MUST_CHECK;
/* Returns how many rows it changed. */
int wazo_execute(struct wazo_context *ctx, const char *sql, const char *format, ...) WAZO_MUST_CHECK;
/* The same with the values in an array, when their number is known at run time only. */
int wazo_select_array(struct wazo_context *ctx, json_t **ret_rows, const char *sql, const json_t *values) WAZO_MUST_CHECK;
int wazo_execute_array(struct wazo_context *ctx, const char *sql, const json_t *values) WAZO_MUST_CHECK;

/* An effect that is not SQL. prepare runs before COMMIT and may refuse; after all have, and after COMMIT, commit runs;
 * rollback runs when anything failed, for those whose prepare has run too. done, if any, ends it in both cases. */
struct wazo_effect {
        int (*prepare)(struct wazo_context *ctx, void *data);
        void (*commit)(void *data);
        void (*rollback)(void *data);
        void (*done)(void *data);
};
int wazo_stage(struct wazo_context *ctx, const struct wazo_effect *effect, void *data) WAZO_MUST_CHECK;

/* ----------------------------------------------------------------------------------------------------- validator */

/* One rule of the business. @object: as it will be; @before: as it is stored, NULL in a create; in a delete both are
 * what is stored. @data is the rule's own. 0: fine. */
struct wazo_rule {
        int (*check)(struct wazo_context *ctx, const struct wazo_service *service, json_t *object,
                     const json_t *before, const void *data);
        const void *data;
};

/* Lists, run in order until one refuses; ended by {}. */
struct wazo_validator {
        const struct wazo_rule *create, *edit, *delete;
};

/* Ready-made: "{Name} already exists (...)" when another row has the same values of these fields; nulls never clash.
 * Looks only at fields that change. */
struct wazo_unique {
        const char *fields; /* "number context" */
        bool in_tenant;     /* only rows of the object's tenant clash */
};
int wazo_rule_unique(struct wazo_context *ctx, const struct wazo_service *service, json_t *object,
                     const json_t *before, const void *unique);

/* Ready-made: "field 'context': Context was not found ('context': 'x')" unless the other service has, in the tenant tree
 * of the request, an object whose .member has this value; null passes. */
struct wazo_reference {
        const char *field; /* context */
        const struct wazo_service *service;
        const char *member; /* name */
};
int wazo_rule_reference(struct wazo_context *ctx, const struct wazo_service *service, json_t *object,
                        const json_t *before, const void *reference);

/* Ready-made, for deletes: "{Name} is associated with a {other} ('{own_key}': 2, '{other_key}': 7)" when the statement, with
 * the value of .member (NULL: the key) for its one "?", finds a row; its first column is the other's id. */
struct wazo_usage {
        const char *other, *own_key, *other_key;
        const char *member;
        const char *sql;
};
int wazo_rule_unused(struct wazo_context *ctx, const struct wazo_service *service, json_t *object,
                     const json_t *before, const void *usage);

/* Ready-made field checks: only 0-9, and at least one: "Invalid input." */
int wazo_check_digits(struct wazo_context *ctx, const struct wazo_field *field, json_t **value, json_t *messages);

/* ------------------------------------------------------------------------------------------------------ notifier */

enum wazo_scope {
        WAZO_TO_TENANT, /* header user_uuid:* */
        WAZO_TO_USER,   /* header user_uuid:<.user> */
        WAZO_TO_SYSTEM, /* neither tenant nor user header */
};

/*
 * An event. Texts hold paths into the object: "name" is its member, "line.id" a member's member, "users.uuid" the list of
 * the uuids when users is a list. In an association the object is {"<left>": {...}, "<right>": {...}} and the members of the
 * row; in its list form {"<left>": {...}, "<member>": [{"<right>": {...}, own members}, ...]}.
 */
struct wazo_event {
        const char *name;        /* context_created; NULL: no event */
        const char *routing_key; /* "config.lines.{line.id}.endpoints.sip.{endpoint_sip.uuid}.updated" */
        /* Members of "data", with spaces between: "id name"; "user_uuid=user.uuid" under another name; "line.id line.name"
         * makes {"line": {"id":, "name":}}. "*": the object as it is answered. */
        const char *data;
        const char *headers;     /* further headers, in the same way: "switchboard_uuid=uuid" */
        enum wazo_scope scope;
        const char *user;        /* path of the uuid, for WAZO_TO_USER */
        const char *tenant;      /* path of the tenant; NULL: "tenant_uuid", or that of the left side of an association */
        /* Follows: adds to or replaces members of @data. */
        int (*fill)(struct wazo_context *ctx, const json_t *object, json_t *data);
};

struct wazo_notifier {
        struct wazo_event created, edited, deleted;
        /* sysconfd's ipbx commands, with commas between: "dialplan reload,module reload res_pjsip.so". */
        const char *reload_created, *reload_edited, *reload_deleted;
        bool reload_changed_only; /* no reload when an edit changed nothing */
        /* Follows the above. @before: NULL in a create; @object: what is stored now, or was before a delete. */
        int (*notify)(struct wazo_context *ctx, const struct wazo_service *service, json_t *object, const json_t *before);
};

/* By hand. Written to the outbox within the transaction, in the order of calls; reload requests are merged to one. */
int wazo_event_send(struct wazo_context *ctx, const struct wazo_event *event, const json_t *object) WAZO_MUST_CHECK;
int wazo_reload(struct wazo_context *ctx, const char *commands) WAZO_MUST_CHECK;
/* Any other request to sysconfd: method GET, POST or DELETE; @query {"name": "text"} or NULL; @body or NULL. */
int wazo_sysconfd(struct wazo_context *ctx, const char *method, const char *path, const json_t *query,
                  const json_t *body) WAZO_MUST_CHECK;

/* ------------------------------------------------------------------------------------------------------- service */

/*
 * Functions replace the generic operation, which they may call: wazo_service_create() and so on. A caller always uses
 * wazo_create(), wazo_edit(), wazo_delete(), which choose.
 */
struct wazo_service {
        const struct wazo_model *model;
        const struct wazo_dao *dao;             /* NULL: SQL from the model */
        const struct wazo_validator *validator; /* NULL: no rules */
        const struct wazo_notifier *notifier;   /* NULL: nobody is told */

        /* Before the rules: completes an object (a random name, a value that depends on others). @before as in rules. */
        int (*complete)(struct wazo_context *ctx, const struct wazo_service *service, json_t *object, const json_t *before);
        int (*create)(struct wazo_context *ctx, const struct wazo_service *service, json_t *object);
        int (*edit)(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before, json_t *object);
        int (*delete)(struct wazo_context *ctx, const struct wazo_service *service, json_t *object);
};

/* @object: validated members, defaults filled in (wazo_validate()); afterwards as loaded from storage. Completes, checks
 * the create rules, inserts, reloads it, notifies. */
int wazo_create(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) WAZO_MUST_CHECK;
/* @before: as got; @changes: validated members. *ret, unless NULL: the object as stored now. */
int wazo_edit(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before,
              const json_t *changes, json_t **ret) WAZO_MUST_CHECK;
int wazo_delete(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) WAZO_MUST_CHECK;
/* The first object whose members have these values (@format as json_pack's object: "s:s", "name", name), in the
 * request's tenant tree. 1: none. */
int wazo_find(struct wazo_context *ctx, const struct wazo_service *service, json_t **ret, const char *format, ...) WAZO_MUST_CHECK;
/* The same for any tenant: for rules of uniqueness over all of them. */
int wazo_find_anywhere(struct wazo_context *ctx, const struct wazo_service *service, json_t **ret, const char *format,
                       ...) WAZO_MUST_CHECK;
int wazo_list(struct wazo_context *ctx, const struct wazo_service *service, const struct wazo_query *query,
              json_t **ret_items, int64_t *ret_total) WAZO_MUST_CHECK;
/* Loads @object again by its key, after others changed what it shows. */
int wazo_refresh(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) WAZO_MUST_CHECK;

/* The generic operations, without choosing. */
int wazo_service_create(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) WAZO_MUST_CHECK;
int wazo_service_edit(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before,
                      json_t *object) WAZO_MUST_CHECK;
int wazo_service_delete(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) WAZO_MUST_CHECK;

/* ------------------------------------------------------------------------------------------------------ resource */

enum wazo_key {
        WAZO_KEY_INTEGER,
        WAZO_KEY_UUID,
        WAZO_KEY_BOTH, /* digits: the field "id", else the field "uuid" */
};

enum wazo_operation {
        WAZO_LIST_ALL,  /* GET of the list */
        WAZO_CREATE,    /* POST to the list */
        WAZO_GET,       /* GET of one */
        WAZO_EDIT,      /* PUT */
        WAZO_DELETE,    /* DELETE */
        WAZO_OPERATIONS /* how many */
};
#define WAZO_CRUD 0 /* .methods: all of them */
#define WAZO_METHOD(operation) (1U << (operation))

enum wazo_body {
        WAZO_BODY_NONE, /* not read at all */
        WAZO_BODY_JSON,
        WAZO_BODY_RAW,  /* CSV, sound files: wazo_body(), wazo_body_fd() */
};

enum wazo_tenant {
        WAZO_TENANT_EFFECTIVE,
        WAZO_TENANT_MASTER, /* any other tenant is refused */
        WAZO_TENANT_NONE,
};

/* What an operation may differ in; zero: the service's defaults. */
struct wazo_terms {
        unsigned attempt, total; /* seconds */
        const char *class;       /* of instances that serve it: "import" */
        size_t body_max;         /* bytes */
        enum wazo_tenant tenant;
};

struct wazo_resource {
        const char *path;      /* "/contexts" */
        const char *parameter; /* "context_id": of the item's path and the ACL */
        enum wazo_key key;
        const char *acl;       /* "confd.contexts": .read, .create, .{context_id}.read, ... are added */
        unsigned methods;      /* WAZO_CRUD, or WAZO_METHOD()s */
        const struct wazo_service *service;
        const struct wazo_terms *terms[WAZO_OPERATIONS];

        const char *location;  /* path of Location when it is not that of "links": "/endpoints/sip/" */
        const char *missing;   /* the key that a "was not found" names; NULL: "id" */

        /* Before the fields are validated: old names for new ones. @body is an object. */
        int (*prepare)(struct wazo_context *ctx, const struct wazo_resource *resource, enum wazo_operation operation, json_t *body);
        /* After, when they were right: appends texts to @messages, reported under "_schema"; may set members. */
        int (*schema)(struct wazo_context *ctx, const struct wazo_resource *resource, enum wazo_operation operation,
                      json_t *object, json_t *messages);
        /* Instead of the generic operation; @object: what the path names, or NULL; @body: validated, or NULL. Ends with a
         * wazo_reply_ function. The wazo_resource_ functions below are the generic ones. */
        int (*operations[WAZO_OPERATIONS])(struct wazo_context *ctx, const struct wazo_resource *resource,
                                           json_t *object, json_t *body);
        /* Last look at an answer: @output is what will be sent, made from @object. */
        int (*present)(struct wazo_context *ctx, const struct wazo_resource *resource, const json_t *object, json_t *output);
        /* ?view=@view of a list or an item: replaces *@outputs, an array, which it then decrefs. Refuses what it does not
         * know. NULL: the parameter is unknown and ignored. */
        int (*view)(struct wazo_context *ctx, const struct wazo_resource *resource, const char *view,
                    const json_t *objects, json_t **outputs);
};

int wazo_resource_list(struct wazo_context *ctx, const struct wazo_resource *resource, json_t *object, json_t *body)
        WAZO_MUST_CHECK;
int wazo_resource_create(struct wazo_context *ctx, const struct wazo_resource *resource, json_t *object, json_t *body)
        WAZO_MUST_CHECK;
int wazo_resource_get(struct wazo_context *ctx, const struct wazo_resource *resource, json_t *object, json_t *body)
        WAZO_MUST_CHECK;
int wazo_resource_edit(struct wazo_context *ctx, const struct wazo_resource *resource, json_t *object, json_t *body)
        WAZO_MUST_CHECK;
int wazo_resource_delete(struct wazo_context *ctx, const struct wazo_resource *resource, json_t *object, json_t *body)
        WAZO_MUST_CHECK;

/* Any other URL. */
struct wazo_route {
        const char *path;   /* "/contexts/{context_id:int}/contexts": types int, uuid, int_or_uuid, text */
        const char *method; /* GET, POST, PUT, DELETE */
        const char *acl;    /* whole, "confd.contexts.{context_id}.update"; NULL: without a token; "": any token */
        enum wazo_body body;
        bool write;         /* runs in a write transaction */
        int (*handler)(struct wazo_context *ctx);
        struct wazo_terms terms;
        const char *secrets; /* members to mask, with spaces between, beyond those of the plugin's fields */
        const char *summary; /* for OpenAPI */
        const struct wazo_field *request, *response; /* for OpenAPI; NULL: none said */
        const char *content_type; /* of the answer, for OpenAPI; NULL: application/json */
        const void *data;    /* the handler's own: wazo_route_data() */
};

/* -------------------------------------------------------------------------------------------------- associations */

/* One of two resources. */
struct wazo_side {
        const char *name;      /* "line": of its object in events, and of 'line_tenant_uuid' */
        const char *parameter; /* "line_id": of the path */
        enum wazo_key key;
        const struct wazo_service *service;
};

/* What is being associated. */
struct wazo_pair {
        json_t *left, *right; /* loaded; right is NULL in list forms */
        json_t *row;          /* what the association's table holds of this pair, {} when it has no fields; NULL: not associated */
        json_t *body;         /* validated members of the body, {} when none is read */
        json_t *objects;      /* {"line": left, "extension": right}, then the members of row: for events. Hooks may add. */
};

/* One rule about a pair, as struct wazo_rule. */
struct wazo_pair_rule {
        int (*check)(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair,
                     const void *data);
        const void *data;
};

/*
 * PUT and DELETE /lefts/{id}/rights/{id}. Both must exist in the caller's tenant tree (404). PUT of a pair that is
 * associated, and DELETE of one that is not: 204 and nothing else. Otherwise: same tenant, rules in order, rows, event,
 * reload, 204.
 *
 * With .member it is the list form, PUT /lefts/{id}/rights {"<member>": [{...}, ...]}: each item names its right by "id" or
 * "uuid" (.right.key; unknown: 400) and may have .fields of its own; the whole set is replaced in the order given, with an
 * event each time.
 */
struct wazo_association {
        const char *path; /* "/lines/{line_id:int}/extensions/{extension_id:int}" */
        const char *acl;  /* "confd.lines.{line_id}.extensions.{extension_id}": .update and .delete are added */
        struct wazo_side left, right;

        /* Where pairs are: a table of their own ... */
        const char *table;
        const char *left_column, *right_column; /* "line_id", "extension_id" */
        const char *left_member, *right_member; /* whose values they hold; NULL: the models' keys */
        const struct wazo_field *fields;        /* own columns: those with .column of the table */
        const char *where, *constants;          /* "path = 'user'"; and what an insert adds: "path" "'user'" as "path='user'", commas between */
        const char *order_column;               /* list form: gets 0, 1, 2, ... */
        /* ... or a field of the left model, maybe hidden, that holds .right_member. */
        const char *holder;

        enum wazo_body body;   /* WAZO_BODY_JSON: .fields are read from the body of a PUT */
        bool update;           /* a PUT of an associated pair stores the body's members, without event */
        bool tenants_last;     /* compared after the rules */
        bool tenants_free;     /* not compared */
        unsigned methods;      /* 0: PUT and DELETE (list form: PUT), else 1 PUT only, 2 DELETE only */
        const char *member;    /* the list form */

        const struct wazo_pair_rule *associate, *dissociate; /* ended by {} */

        /* Instead of the generic rows. find: sets pair->row when it is associated. */
        int (*find)(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair);
        int (*insert)(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair);
        int (*delete)(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair);
        /* List form, instead of replacing rows: @items is an array of {"<right's name>": object, own members}. */
        int (*replace)(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair, json_t *items);
        /* List form, rules about the whole, before replacing. */
        int (*check_items)(struct wazo_context *ctx, const struct wazo_association *association,
                           struct wazo_pair *pair, json_t *items);
        /* After the rows: derived values, through services. */
        int (*inserted)(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair);
        int (*deleted)(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair);

        struct wazo_event associated, dissociated;
        const char *reload;
        bool notify_before; /* the dissociated event tells what was before the rows went */
        struct wazo_terms terms;
};

/* The operation itself, for other plugins' services and composite requests: all of the above but HTTP. */
int wazo_associate(struct wazo_context *ctx, const struct wazo_association *association, json_t *left, json_t *right,
                   json_t *body) WAZO_MUST_CHECK;
int wazo_dissociate(struct wazo_context *ctx, const struct wazo_association *association, json_t *left, json_t *right)
        WAZO_MUST_CHECK;
/* @items: an array of {"<right's name>": object, own members}. */
int wazo_associate_list(struct wazo_context *ctx, const struct wazo_association *association, json_t *left,
                        json_t *items) WAZO_MUST_CHECK;

/* -------------------------------------------------------------------------------------------------------- plugin */

/* One key of the plugin's own section in the service's configuration. Ended by {}. */
struct wazo_setting {
        const char *key;
        enum wazo_type type; /* WAZO_STRING, WAZO_INTEGER, WAZO_FLOAT, WAZO_BOOLEAN */
        struct wazo_limits range;
        const char *preset;  /* JSON text */
        const char *doc;
        unsigned flags;      /* WAZO_SECRET */
};

/* Run every .interval seconds in one instance, in a write transaction of its own that sees all tenants. Ended by {}. */
struct wazo_job {
        const char *name;
        unsigned interval;
        int (*run)(struct wazo_context *ctx);
};

/*
 * An event of another daemon. The handler runs in one instance, in a write transaction of its own that sees all tenants; @event is
 * the whole body: {"name": ..., "data": {...}, ...}, checked for being an object and no more. The broker is told that the event was
 * taken when the transaction is committed, so it may come twice: be content with what is done already. What fails is tried
 * again with growing delay, and after a few tries put aside for an operator; what is refused by a wazo_error_ function with a
 * status of 4xx, at once. Ended by {}.
 */
struct wazo_subscription {
        const char *event; /* auth_tenant_added */
        int (*handle)(struct wazo_context *ctx, const json_t *event);
};

/*
 * What the sandbox must leave open, beyond the database and libraries; all lists are ended by NULL. What is not here is refused: a
 * file by EACCES, a system call by the worker's death, whose record names it ("sandbox: log" in the configuration helps to learn).
 * A path is absolute, of a file or of a directory with everything below; "{key}" at its beginning is the value of a setting of the
 * plugin's, and nothing when that is empty.
 */
struct wazo_needs {
        const char *const *read, *const *write; /* paths; what may be written may be read, made and removed */
        const char *const *connect;             /* "auth", "provd", ...: daemons that wazo_call() may call */
        const char *const *sockets;             /* of its own: "tcp:5038" or "tcp:{port}" to connect to, "dns", "unix" */
        const char *const *execute;             /* paths of programs, or directories of them */
        bool processes;                         /* it forks; implied by execute */
};

struct wazo_plugin {
        unsigned abi;  /* WAZO_PLUGIN_ABI */
        unsigned size; /* sizeof(struct wazo_plugin) */
        const char *name;
        const char *version;
        const struct wazo_resource *const *resources;       /* ended by NULL, as the next */
        const struct wazo_association *const *associations;
        const struct wazo_route *routes;                    /* ended by {} */
        const struct wazo_setting *settings;
        const struct wazo_job *jobs;
        const struct wazo_subscription *subscriptions;
        const struct wazo_needs *needs;
        /* Once, before ready. For a configuration that cannot work: "return wazo_error_plain(ctx, 500, "text")". Opens nothing. */
        int (*init)(struct wazo_context *ctx);
        /* The tables of its own: scripts of SQL, each applied once and in a transaction, in this order, before the plugin runs
         * first. What was released stays as it is; a change is one script more. Ended by NULL. */
        const char *const *migrations;
};

/* What a plugin defines. */
extern const struct wazo_plugin wazo_plugin;

/* ------------------------------------------------------------------------------------------------- inside handlers */

/* The request. Pointers live as long as it. */
const char *wazo_parameter(const struct wazo_context *ctx, const char *name);  /* of the path; NULL: none */
const char *wazo_query_value(const struct wazo_context *ctx, const char *name); /* the first; NULL: none */
const void *wazo_route_data(const struct wazo_context *ctx);
const char *wazo_accept(const struct wazo_context *ctx);
const char *wazo_content_type(const struct wazo_context *ctx);
const char *wazo_tenant(const struct wazo_context *ctx);      /* uuid of the effective tenant */
const char *wazo_auth_id(const struct wazo_context *ctx);
const char *wazo_base_url(const struct wazo_context *ctx);    /* scheme://host[/script-name]/1.1 */
const char *wazo_server_uuid(const struct wazo_context *ctx); /* XIVO_UUID; NULL: see table infos */
const char *wazo_version(const struct wazo_context *ctx);     /* 26.08 */
const char *wazo_master_tenant(const struct wazo_context *ctx); /* NULL while unknown */
/* The slug of the effective tenant, whose row is made when it is missing; NULL slugs read "None", as the original's do. */
int wazo_tenant_slug(struct wazo_context *ctx, char *ret, size_t size) WAZO_MUST_CHECK;
/* Whether this uuid is the effective tenant or below it. */
bool wazo_in_tree(const struct wazo_context *ctx, const char *tenant);
/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t wazo_deadline(const struct wazo_context *ctx);

/* The body as it came: not NUL-terminated, or a descriptor to pread() from (-1: it is inline), neither owned. */
const void *wazo_body(const struct wazo_context *ctx, size_t *ret_size);
int wazo_body_fd(const struct wazo_context *ctx, size_t *ret_size);
/* The body as JSON, checked for depth, UTF-8 and NUL; [] is {}. Borrowed. For routes with WAZO_BODY_JSON. */
int wazo_json_body(struct wazo_context *ctx, json_t **ret_body) WAZO_MUST_CHECK;

/*
 * Validates @body by @fields. create: required members and defaults; edit: only what is there. *ret: a new object with the
 * members that were there and right, in the fields' order. Refuses with "Input Error - field: [...]", one text a field.
 */
int wazo_validate(struct wazo_context *ctx, const struct wazo_field *fields, const json_t *body,
                  enum wazo_operation operation, json_t **ret) WAZO_MUST_CHECK;
/* Refuses with "Input Error - _schema: [...]" unless @messages is empty. */
int wazo_refuse_schema(struct wazo_context *ctx, const json_t *messages) WAZO_MUST_CHECK;

/* The object that a path's parameter names, in the tenant tree, or a 404. */
int wazo_lookup(struct wazo_context *ctx, const struct wazo_service *service, const char *parameter,
                enum wazo_key key, json_t **ret) WAZO_MUST_CHECK;
/* List parameters of the request, checked against the model's columns. @query borrows from the request and from
 * *ret_filters, which the caller frees after it. */
int wazo_list_parameters(struct wazo_context *ctx, const struct wazo_model *model, struct wazo_query *ret_query,
                         json_t **ret_filters) WAZO_MUST_CHECK;
/* What is answered of @object: the fields that are neither hidden nor write-only, in order, with links. */
int wazo_output(struct wazo_context *ctx, const struct wazo_field *fields, const json_t *object, json_t **ret) WAZO_MUST_CHECK;
/* Completes members with a .relation of @objects (an array) by @fields. */
int wazo_load_relations(struct wazo_context *ctx, const struct wazo_field *fields, json_t *objects) WAZO_MUST_CHECK;

/* Answers. The last one given counts. @json is stolen. */
int wazo_reply_json(struct wazo_context *ctx, unsigned status, json_t *json) WAZO_MUST_CHECK;
int wazo_reply_list(struct wazo_context *ctx, json_t *items, int64_t total) WAZO_MUST_CHECK;
int wazo_reply_empty(struct wazo_context *ctx, unsigned status) WAZO_MUST_CHECK;
/* 201 with Location: <base url><path><key>, @path "/contexts/". */
int wazo_reply_created(struct wazo_context *ctx, json_t *json, const char *path, const char *key) WAZO_MUST_CHECK;
/* Anything else. Copies @data. */
int wazo_reply_raw(struct wazo_context *ctx, unsigned status, const char *content_type, const void *data, size_t size)
        WAZO_MUST_CHECK;
/* Takes @fd over: a memory file; it is sealed by this. */
int wazo_reply_fd(struct wazo_context *ctx, unsigned status, const char *content_type, int fd) WAZO_MUST_CHECK;

/*
 * Refusals. Return -ECANCELED. @metadata, stolen, is an object, mostly of json_pack(), or NULL; it is rendered as Python
 * does: ('line_id': 1, 'endpoint': 'sip', 'endpoint_id': None); wazo_uuid() makes a value that reads UUID('...').
 */
int wazo_error_resource(struct wazo_context *ctx, json_t *metadata, const char *sentence, ...) WAZO_PRINTF(3, 4);  /* 400 Resource Error - */
int wazo_error_input(struct wazo_context *ctx, json_t *metadata, const char *sentence, ...) WAZO_PRINTF(3, 4);     /* 400 Input Error - */
int wazo_error_not_found(struct wazo_context *ctx, json_t *metadata, const char *sentence, ...) WAZO_PRINTF(3, 4); /* 404 Resource Not Found - */
int wazo_error_plain(struct wazo_context *ctx, unsigned status, const char *text, ...) WAZO_PRINTF(3, 4);          /* without category */
int wazo_error_unexpected(struct wazo_context *ctx, const char *text, ...) WAZO_PRINTF(2, 3);                      /* 500 Unexpected error: */
/* 503 with Retry-After. */
int wazo_error_busy(struct wazo_context *ctx, unsigned retry_after, const char *text, ...) WAZO_PRINTF(3, 4);
json_t *wazo_uuid(const char *uuid);
/* A value as a Python literal, newly allocated; NULL when out of memory. */
char *wazo_python(const json_t *value);

/* A line in the log at INFO, WARNING or ERROR. No secrets. */
void wazo_log_info(const char *text, ...) WAZO_PRINTF(1, 2);
void wazo_log_warning(const char *text, ...) WAZO_PRINTF(1, 2);
void wazo_log_error(const char *text, ...) WAZO_PRINTF(1, 2);

/* Settings of the plugin's section, checked, with their defaults. NULL, 0 or false for a key that is in no table. */
const char *wazo_setting_string(const struct wazo_context *ctx, const char *key);
int64_t wazo_setting_integer(const struct wazo_context *ctx, const char *key);
double wazo_setting_float(const struct wazo_context *ctx, const char *key);
bool wazo_setting_boolean(const struct wazo_context *ctx, const char *key);

/*
 * A call to another daemon of the platform, with the service's own token. -ENOTCONN: there is nobody to carry it (no service
 * token, or a service without the worker for it: today always); -ETIMEDOUT past the request's deadline. Any answer of the
 * daemon is a success, whatever its status.
 */
struct wazo_call {
        const char *daemon; /* "auth", "provd", "sysconfd": a key of the configuration with host and port */
        const char *method, *path; /* "/0.1/users" */
        const char *tenant; /* Wazo-Tenant, or NULL */
        const json_t *body; /* or NULL */
};
struct wazo_answer {
        unsigned status;
        json_t *body; /* NULL when it is no JSON; owned by the caller */
};
int wazo_call(struct wazo_context *ctx, const struct wazo_call *call, struct wazo_answer *ret) WAZO_MUST_CHECK;

/* Members of objects. A member that is absent, null or of another type: 0, NULL, false. */
int64_t wazo_integer(const json_t *object, const char *member);
const char *wazo_string(const json_t *object, const char *member);
bool wazo_boolean(const json_t *object, const char *member);
/* By path: "endpoint_sip.uuid". NULL: absent. Borrowed. */
json_t *wazo_member(const json_t *object, const char *path);
/* Sets a member; @value is stolen, and NULL is an error of the caller's allocation: -ENOMEM. */
int wazo_set(json_t *object, const char *member, json_t *value) WAZO_MUST_CHECK;
/* Whether a member of the two differs; absent is null. */
bool wazo_differs(const json_t *a, const json_t *b, const char *member);

#define WAZO_UUID_SIZE 37
/* A random uuid (version 4). */
void wazo_uuid_make(char ret[WAZO_UUID_SIZE]);
bool wazo_uuid_valid(const char *s);
/* @length characters of @alphabet from the kernel's random numbers, then NUL. */
void wazo_random_text(char *ret, size_t length, const char *alphabet);
/* Case and accents folded, compatibility characters taken apart: for sorting and comparing. Newly allocated. */
char *wazo_fold(const char *s);

/* "_wazo_unref_ json_t *rows = NULL;" gives its reference back at the end of the block. */
static inline void wazo_unref(json_t **json) {
        json_decref(*json);
}
#define _wazo_unref_ __attribute__((__cleanup__(wazo_unref)))

#pragma GCC visibility pop
#endif
