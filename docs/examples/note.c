/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Notes, the plugin of docs/plugin-guide.md, grown: rules, a hook, events, a secret, a setting, a route by hand, a job, and
 * an association with users. Built and tried by tests/integration/test_plugin_guide.py.
 */
#include <wazo/wazo-plugin.h>

/* ----- tables ----- */

static const char *const migrations[] = {
        "CREATE TABLE note ("
        "        id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "        tenant_uuid TEXT NOT NULL,"
        "        title TEXT NOT NULL,"
        "        body TEXT"
        ")",
        /* What was released stays as it is: what came later is a script of its own. */
        "ALTER TABLE note ADD COLUMN pin TEXT;"
        "CREATE TABLE note_user ("
        "        note_id INTEGER NOT NULL REFERENCES note (id) ON DELETE CASCADE,"
        "        user_uuid TEXT NOT NULL REFERENCES userfeatures (uuid) ON DELETE CASCADE,"
        "        PRIMARY KEY (note_id, user_uuid)"
        ")",
        NULL,
};

/* ----- model ----- */

static const struct wazo_field reader_fields[] = {{"uuid", WAZO_UUID}, {"firstname", WAZO_STRING}, {}};

/* Asked once for all notes of a list. */
static const struct wazo_relation readers = {
        .sql = "SELECT note_user.note_id AS _owner, uuid, firstname FROM note_user "
               "JOIN userfeatures ON userfeatures.uuid = note_user.user_uuid WHERE note_user.note_id IN (%s) ORDER BY uuid",
};

static const struct wazo_field fields[] = {
        {"id", WAZO_INTEGER, WAZO_READ_ONLY | WAZO_GENERATED, .column = "id"},
        {"tenant_uuid", WAZO_UUID, WAZO_READ_ONLY},
        {"title", WAZO_STRING, WAZO_REQUIRED, .length = WAZO_BETWEEN(1, 80), .column = "title", .doc = "One line"},
        {"body", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(4096), .column = "body"},
        {"pin", WAZO_STRING, WAZO_NULLABLE | WAZO_SECRET, .pattern = "^[0-9]{4}$", .column = "pin"},
        {"links", WAZO_LINKS, WAZO_READ_ONLY, .link = &(const struct wazo_link) {"notes", "/notes/", "id"}},
        {"users", WAZO_LIST, WAZO_READ_ONLY, .fields = reader_fields, .relation = &readers},
        {},
};

static const struct wazo_column columns[] = {{"id"}, {"title", WAZO_SEARCH}, {"body", WAZO_SEARCH}, {}};

static const struct wazo_model model = {
        .name = "Note",
        .table = "note",
        .fields = fields,
        .tenant = "note.tenant_uuid",
        .columns = columns,
        .order = "title",
};

/* ----- validator: the rules of the business ----- */

/* @data is the rule's own, here the name of a setting. */
static int check_number(struct wazo_context *ctx, const struct wazo_service *service, json_t *object,
                        const json_t *before, const void *data) {
        _wazo_unref_ json_t *row = NULL;
        int64_t most = wazo_setting_integer(ctx, data);
        int r;

        r = wazo_select_row(ctx, &row, "SELECT COUNT(*) AS n FROM note WHERE tenant_uuid = ?", "s", wazo_tenant(ctx));
        if (r < 0)
                return r;
        if (wazo_integer(row, "n") >= most)
                return wazo_error_resource(ctx, json_pack("{s:I}", "most", (json_int_t) most), "There are too many notes");
        return 0;
}

static const struct wazo_rule create_rules[] = {
        {wazo_rule_unique, &(const struct wazo_unique) {.fields = "title", .in_tenant = true}},
        {check_number, "most"},
        {},
};
static const struct wazo_rule edit_rules[] = {
        {wazo_rule_unique, &(const struct wazo_unique) {.fields = "title", .in_tenant = true}},
        {},
};
static const struct wazo_validator validator = {.create = create_rules, .edit = edit_rules};

/* ----- notifier: who is told ----- */

static const struct wazo_notifier notifier = {
        .created = {.name = "note_created", .routing_key = "config.notes.created", .data = "id title"},
        .edited = {.name = "note_edited", .routing_key = "config.notes.edited", .data = "id title"},
        .deleted = {.name = "note_deleted", .routing_key = "config.notes.deleted", .data = "id"},
};

/* ----- service ----- */

/* Before the rules, in creates and edits. */
static int complete(struct wazo_context *ctx, const struct wazo_service *service, json_t *object, const json_t *before) {
        if (wazo_string(object, "body"))
                return 0;
        return wazo_set(object, "body", json_string(wazo_string(object, "title")));
}

static const struct wazo_service service = {.model = &model, .validator = &validator, .notifier = &notifier, .complete = complete};

/* ----- resource ----- */

static const struct wazo_resource notes = {
        .path = "/notes",
        .parameter = "note_id",
        .acl = "confd.notes",
        .service = &service,
};

/* ----- an association: PUT and DELETE /notes/1/users/<id or uuid> ----- */

/* As much of a user as the association needs. */
static const struct wazo_field user_fields[] = {
        {"id", WAZO_INTEGER, .column = "id"}, {"uuid", WAZO_UUID, .column = "uuid"}, {"tenant_uuid", WAZO_UUID}, {},
};
static const struct wazo_model user_model = {
        .name = "User", .table = "userfeatures", .fields = user_fields, .tenant = "userfeatures.tenant_uuid",
};
static const struct wazo_service user_service = {.model = &user_model};

static const struct wazo_association note_user = {
        .path = "/notes/{note_id:int}/users/{user_id:int_or_uuid}",
        .acl = "confd.notes.{note_id}.users.{user_id}",
        .left = {.name = "note", .parameter = "note_id", .service = &service},
        .right = {.name = "user", .parameter = "user_id", .key = WAZO_KEY_BOTH, .service = &user_service},
        .table = "note_user",
        .left_column = "note_id",
        .right_column = "user_uuid",
        .right_member = "uuid",
        .associated = {.name = "note_user_associated",
                       .routing_key = "config.notes.users.updated",
                       .data = "note_id=note.id user_uuid=user.uuid"},
        .dissociated = {.name = "note_user_dissociated",
                        .routing_key = "config.notes.users.deleted",
                        .data = "note_id=note.id user_uuid=user.uuid"},
};

/* ----- a route by hand: GET /notes/1/text ----- */

static int get_text(struct wazo_context *ctx) {
        _wazo_unref_ json_t *note = NULL;
        const char *body;
        int r;

        r = wazo_lookup(ctx, &service, "note_id", WAZO_KEY_INTEGER, &note);
        if (r < 0)
                return r;
        body = wazo_string(note, "body");
        return wazo_reply_raw(ctx, 200, "text/plain; charset=utf-8", body, json_string_length(wazo_member(note, "body")));
}

static const struct wazo_route routes[] = {
        {"/notes/{note_id:int}/text", "GET", "confd.notes.{note_id}.read", .handler = get_text, .summary = "The text alone",
         .content_type = "text/plain"},
        {},
};

/* ----- a job: once an hour, in one instance ----- */

static int forget_empty(struct wazo_context *ctx) {
        int r = wazo_execute(ctx, "DELETE FROM note WHERE body = ''", NULL);

        if (r > 0)
                wazo_log_info("%d empty notes removed", r);
        return r < 0 ? r : 0;
}

static const struct wazo_job jobs[] = {{"forget_empty", 3600, forget_empty}, {}};

/* ----- settings: "plugins: {note: {most: 10}}" in the service's configuration ----- */

static const struct wazo_setting settings[] = {
        {"most", WAZO_INTEGER, .range = WAZO_BETWEEN(1, 100000), .preset = "1000", .doc = "Notes of one tenant"},
        {},
};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "note",
        .version = "2.0",
        .resources = (const struct wazo_resource *const[]) {&notes, NULL},
        .associations = (const struct wazo_association *const[]) {&note_user, NULL},
        .routes = routes,
        .settings = settings,
        .jobs = jobs,
        .migrations = migrations,
};
