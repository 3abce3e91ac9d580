/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plugin @PLUGIN@ of @SERVICE@: @PREFIX@/@PLURAL@. What it offers is made from what is said here: REST, checks, SQL, lists with
 * search and order, events, OpenAPI. The header <wazo/wazo-plugin.h> explains each member.
 */
#include <wazo/wazo-plugin.h>

/* ----- tables: each script is applied once, before the plugin starts. What was released stays; changes are appended. ----- */

static const char *const migrations[] = {
        "CREATE TABLE @TABLE@ ("
        "        id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "        tenant_uuid TEXT NOT NULL,"
        "        name TEXT NOT NULL,"
        "        description TEXT"
        ");"
        "CREATE UNIQUE INDEX @TABLE@_name ON @TABLE@ (tenant_uuid, name)",
        NULL,
};

/* ----- model: JSON in and out, checks, columns ----- */

static const struct wazo_field fields[] = {
        {"id", WAZO_INTEGER, WAZO_READ_ONLY | WAZO_GENERATED, .column = "id"},
        {"tenant_uuid", WAZO_UUID, WAZO_READ_ONLY},
        {"name", WAZO_STRING, WAZO_REQUIRED, .length = WAZO_BETWEEN(1, 128), .column = "name", .doc = "Unique within its tenant"},
        {"description", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(4096), .column = "description"},
        {"links", WAZO_LINKS, WAZO_READ_ONLY, .link = &(const struct wazo_link) {"@PLURAL@", "/@PLURAL@/", "id"}},
        {},
};

/* What lists are searched, ordered and filtered by. */
static const struct wazo_column columns[] = {{"id"}, {"name", WAZO_SEARCH}, {"description", WAZO_SEARCH}, {}};

static const struct wazo_model model = {
        .name = "@MODEL@",
        .table = "@TABLE@",
        .fields = fields,
        .tenant = "@TABLE@.tenant_uuid",
        .columns = columns,
        .order = "name",
};

/* ----- validator: the rules of the business, a list for each operation ----- */

static const struct wazo_rule name_is_free[] = {
        {wazo_rule_unique, &(const struct wazo_unique) {.fields = "name", .in_tenant = true}},
        {},
};
static const struct wazo_validator validator = {.create = name_is_free, .edit = name_is_free};

/* ----- notifier: events, written in the transaction of their change ----- */

static const struct wazo_notifier notifier = {
        .created = {.name = "@PLUGIN@_created", .routing_key = "@API@.@PLURAL@.created", .data = "id name"},
        .edited = {.name = "@PLUGIN@_edited", .routing_key = "@API@.@PLURAL@.edited", .data = "id name"},
        .deleted = {.name = "@PLUGIN@_deleted", .routing_key = "@API@.@PLURAL@.deleted", .data = "id"},
};

/* ----- service, resource ----- */

static const struct wazo_service service = {.model = &model, .validator = &validator, .notifier = &notifier};

/* GET, POST, PUT and DELETE, with the rights @API@.@PLURAL@.read, @API@.@PLURAL@.{@PLUGIN@_id}.update and so on. */
static const struct wazo_resource resource = {
        .path = "/@PLURAL@",
        .parameter = "@PLUGIN@_id",
        .acl = "@API@.@PLURAL@",
        .service = &service,
};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "@PLUGIN@",
        .version = "0.1",
        .resources = (const struct wazo_resource *const[]) {&resource, NULL},
        .migrations = migrations,
};
