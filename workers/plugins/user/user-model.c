/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fields, relations and list columns of a user. */
#include "lib/util.h"
#include "workers/plugins/user/user-internal.h"

#define LINK(rel, path, key) &(const struct wazo_link) {rel, path, key}
#define RELATION(statement) &(const struct wazo_relation) {.sql = statement}
#define RELATION_OF(member, statement) &(const struct wazo_relation) {.owner = member, .sql = statement}

/* ----- lines: the main one first ----- */

static const struct wazo_field endpoint_sip_fields[] = {
        {"uuid", WAZO_UUID},
        {"label", WAZO_STRING},
        {"name", WAZO_STRING},
        {"auth_section_options", WAZO_ANY}, /* user names only: user-dao.c */
        {"links", WAZO_LINKS, .link = LINK("endpoint_sip", "/endpoints/sip/", "uuid")},
        {},
};

static const struct wazo_field endpoint_sccp_fields[] = {
        {"id", WAZO_INTEGER},
        {"links", WAZO_LINKS, .link = LINK("endpoint_sccp", "/endpoints/sccp/", "id")},
        {},
};

static const struct wazo_field endpoint_custom_fields[] = {
        {"id", WAZO_INTEGER},
        {"interface", WAZO_STRING},
        {"links", WAZO_LINKS, .link = LINK("endpoint_custom", "/endpoints/custom/", "id")},
        {},
};

static const struct wazo_field line_extension_fields[] = {
        {"id", WAZO_INTEGER},
        {"exten", WAZO_STRING},
        {"context", WAZO_STRING},
        {"links", WAZO_LINKS, .link = LINK("extensions", "/extensions/", "id")},
        {},
};

static const struct wazo_field line_fields[] = {
        {"id", WAZO_INTEGER},
        {"name", WAZO_STRING},
        {"endpoint_sip_uuid", WAZO_UUID, WAZO_HIDDEN},
        {"endpoint_sccp_id", WAZO_INTEGER, WAZO_HIDDEN},
        {"endpoint_custom_id", WAZO_INTEGER, WAZO_HIDDEN},
        {"endpoint_sip", WAZO_OBJECT, .fields = endpoint_sip_fields,
         .relation = RELATION_OF("endpoint_sip_uuid",
                                 "SELECT uuid AS _owner, uuid, label, name FROM endpoint_sip WHERE uuid IN (%s)")},
        {"endpoint_sccp", WAZO_OBJECT, .fields = endpoint_sccp_fields,
         .relation = RELATION_OF("endpoint_sccp_id", "SELECT id AS _owner, id FROM sccpline WHERE id IN (%s)")},
        {"endpoint_custom", WAZO_OBJECT, .fields = endpoint_custom_fields,
         .relation = RELATION_OF("endpoint_custom_id", "SELECT id AS _owner, id, interface FROM usercustom WHERE id IN (%s)")},
        {"extensions", WAZO_LIST, .fields = line_extension_fields,
         .relation = RELATION("SELECT line_extension.line_id AS _owner, extensions.id, extensions.exten, extensions.context "
                              "FROM line_extension JOIN extensions ON extensions.id = line_extension.extension_id "
                              "WHERE line_extension.line_id IN (%s) ORDER BY line_extension.main_extension DESC, extensions.id")},
        {"links", WAZO_LINKS, .link = LINK("lines", "/lines/", "id")},
        {},
};

static const struct wazo_relation lines = {
        .sql = "SELECT user_line.user_id AS _owner, linefeatures.id, linefeatures.name, linefeatures.endpoint_sip_uuid, "
               "linefeatures.endpoint_sccp_id, linefeatures.endpoint_custom_id "
               "FROM user_line JOIN linefeatures ON linefeatures.id = user_line.line_id "
               "WHERE user_line.user_id IN (%s) ORDER BY user_line.main_line DESC, linefeatures.id",
};

/* ----- what else the user belongs to ----- */

static const struct wazo_field agent_fields[] = {
        {"id", WAZO_INTEGER},
        {"number", WAZO_STRING},
        {"links", WAZO_LINKS, .link = LINK("agents", "/agents/", "id")},
        {},
};

static const struct wazo_field call_permission_fields[] = {
        {"id", WAZO_INTEGER},
        {"name", WAZO_STRING},
        {"links", WAZO_LINKS, .link = LINK("callpermissions", "/callpermissions/", "id")},
        {},
};

static const struct wazo_field group_fields[] = {
        {"uuid", WAZO_UUID},
        {"id", WAZO_INTEGER},
        {"name", WAZO_STRING},
        {"links", WAZO_LINKS, .link = LINK("groups", "/groups/", "uuid")},
        {},
};

static const struct wazo_field incall_extension_fields[] = {
        {"id", WAZO_INTEGER},
        {"exten", WAZO_STRING},
        {"context", WAZO_STRING},
        {"links", WAZO_LINKS, .link = LINK("extensions", "/extensions/", "id")},
        {},
};

static const struct wazo_field incall_fields[] = {
        {"id", WAZO_INTEGER},
        {"id_text", WAZO_STRING, WAZO_HIDDEN},
        {"extensions", WAZO_LIST, .fields = incall_extension_fields,
         .relation = RELATION_OF("id_text", "SELECT typeval AS _owner, id, exten, context FROM extensions "
                                            "WHERE type = 'incall' AND typeval IN (%s) ORDER BY id")},
        {"links", WAZO_LINKS, .link = LINK("incalls", "/incalls/", "id")},
        {},
};

static const struct wazo_field schedule_fields[] = {
        {"id", WAZO_INTEGER},
        {"name", WAZO_STRING},
        {"links", WAZO_LINKS, .link = LINK("schedules", "/schedules/", "id")},
        {},
};

static const struct wazo_field switchboard_fields[] = {
        {"uuid", WAZO_UUID},
        {"name", WAZO_STRING},
        {"links", WAZO_LINKS, .link = LINK("switchboards", "/switchboards/", "uuid")},
        {},
};

static const struct wazo_field voicemail_fields[] = {
        {"id", WAZO_INTEGER},
        {"name", WAZO_STRING},
        {"accesstype", WAZO_STRING, WAZO_HIDDEN},
        {"links", WAZO_LINKS, .link = LINK("voicemails", "/voicemails/", "id")},
        {},
};

static const struct wazo_field queue_fields[] = {
        {"id", WAZO_INTEGER},
        {"name", WAZO_STRING},
        {"label", WAZO_STRING},
        {"links", WAZO_LINKS, .link = LINK("queues", "/queues/", "id")},
        {},
};

static const struct wazo_field pickup_user_fields[] = {
        {"id", WAZO_INTEGER, WAZO_HIDDEN},
        {"uuid", WAZO_UUID},
        {"firstname", WAZO_STRING},
        {"lastname", WAZO_STRING, .store = WAZO_AS_EMPTY},
        {"links", WAZO_LINKS, .link = LINK("users", "/users/", "id")},
        {},
};

/* Members of a pickup, themselves or by their group: those who pick up are of category 'member', the others 'pickup'. */
#define PICKUP_USERS(category)                                                                                          \
        "(SELECT pickupid, memberid AS user_id FROM pickupmember WHERE membertype = 'user' AND category = '" category "' " \
        "UNION SELECT pickupmember.pickupid, queuemember.userid FROM pickupmember "                                     \
        "JOIN groupfeatures ON groupfeatures.id = pickupmember.memberid "                                               \
        "JOIN queuemember ON queuemember.queue_name = groupfeatures.name AND queuemember.category = 'group' "           \
        "AND queuemember.usertype = 'user' "                                                                            \
        "WHERE pickupmember.membertype = 'group' AND pickupmember.category = '" category "')"

static const struct wazo_relation pickup_targets = {
        .sql = "SELECT DISTINCT interceptor.user_id AS _owner, userfeatures.id, userfeatures.uuid, userfeatures.firstname, "
               "userfeatures.lastname FROM " PICKUP_USERS("member") " AS interceptor "
               "JOIN " PICKUP_USERS("pickup") " AS target ON target.pickupid = interceptor.pickupid "
               "JOIN userfeatures ON userfeatures.id = target.user_id "
               "WHERE interceptor.user_id IN (%s) ORDER BY userfeatures.id",
};

/* ----- made by user-dao.c from hidden members ----- */

static const struct wazo_field enabled_fields[] = {{"enabled", WAZO_BOOLEAN}, {}};

static const struct wazo_field services_fields[] = {
        {"dnd", WAZO_OBJECT, .fields = enabled_fields},
        {"incallfilter", WAZO_OBJECT, .fields = enabled_fields},
        {},
};

static const struct wazo_field forward_fields[] = {{"enabled", WAZO_BOOLEAN}, {"destination", WAZO_STRING}, {}};

static const struct wazo_field forwards_fields[] = {
        {"busy", WAZO_OBJECT, .fields = forward_fields},
        {"noanswer", WAZO_OBJECT, .fields = forward_fields},
        {"unconditional", WAZO_OBJECT, .fields = forward_fields},
        {},
};

static const struct wazo_field fallbacks_fields[] = {
        {"noanswer_destination", WAZO_ANY},
        {"busy_destination", WAZO_ANY},
        {"congestion_destination", WAZO_ANY},
        {"fail_destination", WAZO_ANY},
        {},
};

/* ----- the user ----- */

/* A member that a create may say null for, and gets its default. */
#define FLAG(name, default_text, column_name) \
        {name, WAZO_BOOLEAN, WAZO_NULL_ON_CREATE, .preset = default_text, .column = column_name, .store = WAZO_AS_INT}
#define RECORD(name) {name, WAZO_BOOLEAN, .preset = "false", .column = name}
#define FORWARD(name, enabled_column, destination_column)                                              \
        {name "_enabled", WAZO_BOOLEAN, WAZO_HIDDEN, .column = enabled_column, .store = WAZO_AS_INT},  \
        {name "_destination", WAZO_STRING, WAZO_HIDDEN | WAZO_NULLABLE, .column = destination_column, .store = WAZO_AS_EMPTY}

static const struct wazo_field fields[] = {
        {"id", WAZO_INTEGER, WAZO_READ_ONLY | WAZO_GENERATED, .column = "id"},
        {"uuid", WAZO_UUID, WAZO_READ_ONLY | WAZO_GENERATED, .column = "uuid"},
        {"firstname", WAZO_STRING, WAZO_REQUIRED, .length = WAZO_AT_MOST(128), .column = "firstname"},
        {"lastname", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(128), .column = "lastname", .store = WAZO_AS_EMPTY},
        {"email", WAZO_EMAIL, WAZO_NULLABLE, .length = WAZO_AT_MOST(254), .column = "email"},
        {"timezone", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(128), .column = "timezone"},
        {"country", WAZO_STRING, WAZO_READ_ONLY,
         .expression = "SELECT tenant.country FROM tenant WHERE tenant.uuid = userfeatures.tenant_uuid"},
        {"language", WAZO_STRING, WAZO_NULLABLE, .pattern = "^[a-z]{2}_[A-Z]{2}$", .column = "language"},
        {"description", WAZO_STRING, WAZO_NULLABLE, .column = "description", .store = WAZO_AS_EMPTY},
        {"caller_id", WAZO_STRING, WAZO_NULL_ON_CREATE, .length = WAZO_AT_MOST(160),
         .pattern = "^\"([^\n]*)\"( <\\+?[0-9]+>)?$", .column = "callerid",
         .doc = "In a create, the full name in quotes unless given"},
        {"outgoing_caller_id", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(80), .column = "outcallerid",
         .store = WAZO_AS_EMPTY},
        {"mobile_phone_number", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(80), .pattern = "^\\+?[0-9*#]+$",
         .column = "mobilephonenumber", .store = WAZO_AS_EMPTY},
        {"mobile_fallback_enabled", WAZO_BOOLEAN, .preset = "false", .column = "mobile_fallback_enabled"},
        {"username", WAZO_STRING, WAZO_NULLABLE, .pattern = "^[a-zA-Z0-9._~!$&'()*+,;=%@-]{2,254}$", .column = "loginclient",
         .store = WAZO_AS_EMPTY},
        {"password", WAZO_STRING, WAZO_NULLABLE | WAZO_SECRET, .pattern = "^[a-zA-Z0-9._~!$&'()*+,;=%-]{4,64}$",
         .column = "passwdclient", .store = WAZO_AS_EMPTY},
        {"music_on_hold", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(128), .column = "musiconhold", .store = WAZO_AS_EMPTY},
        {"preprocess_subroutine", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(79), .column = "preprocess_subroutine"},
        {"userfield", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(128), .column = "userfield", .store = WAZO_AS_EMPTY},
        FLAG("call_transfer_enabled", "false", "enablexfer"),
        FLAG("dtmf_hangup_enabled", "false", "dtmf_hangup"),
        RECORD("call_record_outgoing_external_enabled"),
        RECORD("call_record_outgoing_internal_enabled"),
        RECORD("call_record_incoming_internal_enabled"),
        RECORD("call_record_incoming_external_enabled"),
        FLAG("online_call_record_enabled", "false", "enableonlinerec"),
        FLAG("supervision_enabled", "true", "enablehint"),
        {"ring_seconds", WAZO_INTEGER, WAZO_NULL_ON_CREATE, .range = WAZO_BETWEEN(0, 10800), .preset = "30",
         .column = "ringseconds"},
        {"simultaneous_calls", WAZO_INTEGER, WAZO_NULL_ON_CREATE, .range = WAZO_BETWEEN(1, 20), .preset = "5",
         .column = "simultcalls"},
        {"call_permission_password", WAZO_STRING, WAZO_NULLABLE | WAZO_SECRET, .pattern = "^[0-9#*]{1,16}$",
         .column = "rightcallcode"},
        {"subscription_type", WAZO_INTEGER, .range = WAZO_BETWEEN(0, 10), .preset = "0",
         .column = "subscription_type"},
        {"created_at", WAZO_DATETIME, WAZO_READ_ONLY | WAZO_GENERATED, .column = "created_at"},
        {"enabled", WAZO_BOOLEAN, WAZO_NULL_ON_CREATE, .preset = "true", .column = "commented", .store = WAZO_AS_INVERTED},
        {"tenant_uuid", WAZO_UUID, WAZO_READ_ONLY, .column = "tenant_uuid"},
        {"links", WAZO_LINKS, .link = LINK("users", "/users/", "id")},

        /* As the tables have it whose rows may belong to users, groups and others alike. */
        {"id_text", WAZO_STRING, WAZO_HIDDEN, .expression = "CAST(userfeatures.id AS TEXT)"},
        {"voicemail_id", WAZO_INTEGER, WAZO_HIDDEN, .column = "voicemailid"},
        {"voicemail_enabled", WAZO_BOOLEAN, WAZO_HIDDEN, .column = "enablevoicemail", .store = WAZO_AS_INT},
        {"agent_id", WAZO_INTEGER, WAZO_HIDDEN, .column = "agentid"},
        {"private_template_id", WAZO_INTEGER, WAZO_HIDDEN, .column = "func_key_private_template_id"},
        {"dnd_enabled", WAZO_BOOLEAN, WAZO_HIDDEN, .column = "enablednd", .store = WAZO_AS_INT},
        {"incallfilter_enabled", WAZO_BOOLEAN, WAZO_HIDDEN, .column = "incallfilter", .store = WAZO_AS_INT},
        FORWARD("busy", "enablebusy", "destbusy"),
        FORWARD("noanswer", "enablerna", "destrna"),
        FORWARD("unconditional", "enableunc", "destunc"),

        {"agent", WAZO_OBJECT, WAZO_READ_ONLY, .fields = agent_fields,
         .relation = RELATION_OF("agent_id", "SELECT id AS _owner, id, number FROM agentfeatures WHERE id IN (%s)")},
        {"call_permissions", WAZO_LIST, WAZO_READ_ONLY, .fields = call_permission_fields,
         .relation = RELATION_OF(
                 "id_text",
                 "SELECT rightcallmember.typeval AS _owner, rightcall.id, rightcall.name FROM rightcallmember "
                 "JOIN rightcall ON rightcall.id = rightcallmember.rightcallid "
                 "WHERE rightcallmember.type = 'user' AND rightcallmember.typeval IN (%s) ORDER BY rightcall.id")},
        {"fallbacks", WAZO_OBJECT, WAZO_READ_ONLY, .fields = fallbacks_fields},
        {"groups", WAZO_LIST, WAZO_READ_ONLY, .fields = group_fields,
         .relation = RELATION("SELECT queuemember.userid AS _owner, groupfeatures.uuid, groupfeatures.id, groupfeatures.name "
                              "FROM queuemember JOIN groupfeatures ON groupfeatures.name = queuemember.queue_name "
                              "WHERE queuemember.category = 'group' AND queuemember.usertype = 'user' "
                              "AND queuemember.userid IN (%s) ORDER BY groupfeatures.id")},
        {"incalls", WAZO_LIST, WAZO_READ_ONLY, .fields = incall_fields,
         .relation = RELATION_OF(
                 "id_text",
                 "SELECT dialaction.actionarg1 AS _owner, incall.id, dialaction.categoryval AS id_text FROM dialaction "
                 "JOIN incall ON incall.id = CAST(dialaction.categoryval AS INTEGER) "
                 "WHERE dialaction.action = 'user' AND dialaction.category = 'incall' "
                 "AND dialaction.event = 'answer' AND dialaction.actionarg1 IN (%s) ORDER BY incall.id")},
        {"lines", WAZO_LIST, WAZO_READ_ONLY, .fields = line_fields, .relation = &lines},
        {"forwards", WAZO_OBJECT, WAZO_READ_ONLY, .fields = forwards_fields},
        {"schedules", WAZO_LIST, WAZO_READ_ONLY, .fields = schedule_fields,
         .relation = RELATION("SELECT schedule_path.pathid AS _owner, schedule.id, schedule.name FROM schedule_path "
                              "JOIN schedule ON schedule.id = schedule_path.schedule_id "
                              "WHERE schedule_path.path = 'user' AND schedule_path.pathid IN (%s) ORDER BY schedule.id")},
        {"services", WAZO_OBJECT, WAZO_READ_ONLY, .fields = services_fields},
        {"switchboards", WAZO_LIST, WAZO_READ_ONLY, .fields = switchboard_fields,
         .relation = RELATION_OF(
                 "uuid",
                 "SELECT switchboard_member_user.user_uuid AS _owner, switchboard.uuid, switchboard.name "
                 "FROM switchboard_member_user "
                 "JOIN switchboard ON switchboard.uuid = switchboard_member_user.switchboard_uuid "
                 "WHERE switchboard_member_user.user_uuid IN (%s) ORDER BY switchboard.name, switchboard.uuid")},
        {"voicemail", WAZO_OBJECT, WAZO_READ_ONLY, .fields = voicemail_fields,
         .relation = RELATION_OF("voicemail_id", "SELECT uniqueid AS _owner, uniqueid AS id, fullname AS name, accesstype "
                                                 "FROM voicemail WHERE uniqueid IN (%s)")},
        {"queues", WAZO_LIST, WAZO_READ_ONLY, .fields = queue_fields,
         .relation = RELATION(
                 "SELECT queuemember.userid AS _owner, queuefeatures.id, queuefeatures.name, queuefeatures.displayname AS label "
                 "FROM queuemember JOIN queuefeatures ON queuefeatures.name = queuemember.queue_name "
                 "WHERE queuemember.category = 'queue' AND queuemember.usertype = 'user' "
                 "AND queuemember.userid IN (%s) ORDER BY queuefeatures.id")},
        {"func_key_template_id", WAZO_INTEGER, WAZO_NULLABLE, .column = "func_key_template_id"},
        {"call_record_enabled", WAZO_BOOLEAN, WAZO_NULL_ON_CREATE,
         .doc = "Deprecated: all four call_record_ members in one. In answers, whether all four are true"},
        {"call_pickup_target_users", WAZO_LIST, WAZO_READ_ONLY, .fields = pickup_user_fields, .relation = &pickup_targets},
        {},
};

/* ----- lists ----- */

/* Of the main line and its main extension, those that are enabled. */
#define OF_MAIN_LINE(what, joins)                                                                       \
        "SELECT " what " FROM user_line "                                                               \
        "JOIN linefeatures ON linefeatures.id = user_line.line_id AND linefeatures.commented = 0 " joins \
        "WHERE user_line.user_id = userfeatures.id AND user_line.main_line = true LIMIT 1"
#define OF_MAIN_EXTENSION(what)                                                                                       \
        OF_MAIN_LINE(what,                                                                                            \
                     "JOIN line_extension ON line_extension.line_id = linefeatures.id AND line_extension.main_extension = true " \
                     "JOIN extensions ON extensions.id = line_extension.extension_id AND extensions.commented = 0 ")

static const struct wazo_column columns[] = {
        {"id"},
        {"uuid", WAZO_SPLIT},
        {"firstname"},
        {"lastname"},
        {"fullname", WAZO_SEARCH, "TRIM(userfeatures.firstname || ' ' || userfeatures.lastname)"},
        {"caller_id", WAZO_SEARCH},
        {"description", WAZO_SEARCH},
        {"userfield", WAZO_SEARCH},
        {"email", WAZO_SEARCH},
        {"mobile_phone_number", WAZO_SEARCH | WAZO_SPLIT},
        {"music_on_hold"},
        {"outgoing_caller_id", WAZO_SEARCH},
        {"preprocess_subroutine", WAZO_SEARCH},
        {"voicemail_number", 0, "SELECT voicemail.mailbox FROM voicemail WHERE voicemail.uniqueid = userfeatures.voicemailid"},
        {"provisioning_code", WAZO_SEARCH, OF_MAIN_LINE("CAST(linefeatures.provisioningid AS TEXT)", "")},
        {"exten", WAZO_SEARCH | WAZO_SPLIT, OF_MAIN_EXTENSION("extensions.exten")},
        {"extension", 0, OF_MAIN_EXTENSION("extensions.exten")},
        {"context", 0, OF_MAIN_EXTENSION("extensions.context")},
        {"username", WAZO_SEARCH},
        {"enabled"},
        {"subscription_type", WAZO_SEARCH},
        {},
};

const char *user_column_expression(const char *name) {
        for (const struct wazo_column *c = columns; c->name; c++)
                if (streq(c->name, name))
                        return c->expression;
        return NULL;
}

const struct wazo_model user_model = {
        .name = "User",
        .table = "userfeatures",
        .fields = fields,
        .tenant = "userfeatures.tenant_uuid",
        .columns = columns,
        .order = "lastname",
};
