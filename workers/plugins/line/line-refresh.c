/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/line/line-refresh.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"

/* A line with all that its derived values are made from. */
#define STATE_SQL                                                                                                  \
        "SELECT linefeatures.id, linefeatures.name, linefeatures.context, linefeatures.endpoint_sip_uuid, "        \
        "linefeatures.endpoint_sccp_id, linefeatures.endpoint_custom_id, extensions.exten AS exten, "              \
        "extensions.context AS exten_context, "                                                                    \
        "COALESCE(endpoint_sip.name, sccpline.name, usercustom.interface) AS endpoint_name, "                      \
        "(SELECT userfeatures.callerid FROM user_line JOIN userfeatures ON userfeatures.id = user_line.user_id "   \
        "WHERE user_line.line_id = linefeatures.id AND user_line.main_user = true "                                \
        "ORDER BY user_line.user_id LIMIT 1) AS caller_id "                                                        \
        "FROM linefeatures "                                                                                       \
        "LEFT JOIN endpoint_sip ON endpoint_sip.uuid = linefeatures.endpoint_sip_uuid "                            \
        "LEFT JOIN sccpline ON sccpline.id = linefeatures.endpoint_sccp_id "                                       \
        "LEFT JOIN usercustom ON usercustom.id = linefeatures.endpoint_custom_id "                                 \
        "LEFT JOIN line_extension ON line_extension.line_id = linefeatures.id AND line_extension.main_extension = true " \
        "LEFT JOIN extensions ON extensions.id = line_extension.extension_id "                                     \
        "WHERE linefeatures.id = ? ORDER BY extensions.id LIMIT 1"

/* The main user behind an extension, as text, or '0'. */
#define TYPEVAL_SQL                                                                                                 \
        "UPDATE extensions SET typeval = COALESCE((SELECT CAST(user_line.user_id AS TEXT) FROM line_extension "     \
        "JOIN user_line ON user_line.line_id = line_extension.line_id AND user_line.main_user = true "              \
        "WHERE line_extension.extension_id = extensions.id AND line_extension.main_extension = true "               \
        "ORDER BY user_line.user_id LIMIT 1), '0') WHERE type = 'user' AND id "

/* ----- caller ids ----- */

/* Sets an option of the section "endpoint", which is made when it is missing. */
static int set_endpoint_option(struct wazo_context *ctx, const char *sip_uuid, const char *key, const char *value) {
        _wazo_unref_ json_t *section = NULL;
        char section_uuid[WAZO_UUID_SIZE], option_uuid[WAZO_UUID_SIZE];
        int r;

        r = wazo_select_row(ctx, &section,
                            "SELECT uuid FROM endpoint_sip_section WHERE endpoint_sip_uuid = ? AND type = 'endpoint'",
                            "s", sip_uuid);
        if (r < 0)
                return r;
        if (r == 0) {
                (void) strcopy(section_uuid, sizeof(section_uuid), strempty(wazo_string(section, "uuid")));
                r = wazo_execute(
                        ctx,
                        "UPDATE endpoint_sip_section_option SET value = ? WHERE endpoint_sip_section_uuid = ? AND key = ?",
                        "sss", value, section_uuid, key);
                if (r != 0)
                        return r < 0 ? r : 0;
        } else {
                wazo_uuid_make(section_uuid);
                r = wazo_execute(
                        ctx,
                        "INSERT INTO endpoint_sip_section (uuid, type, endpoint_sip_uuid) VALUES (?, 'endpoint', ?)",
                        "ss", section_uuid, sip_uuid);
                if (r < 0)
                        return r;
        }
        wazo_uuid_make(option_uuid);
        r = wazo_execute(
                ctx,
                "INSERT INTO endpoint_sip_section_option (uuid, key, value, endpoint_sip_section_uuid) VALUES (?, ?, ?, ?)",
                "ssss", option_uuid, key, value, section_uuid);
        return r < 0 ? r : 0;
}

static int store_caller_id(struct wazo_context *ctx, const json_t *state, const char *name, size_t name_length,
                           const char *number) {
        _cleanup_free_ char *text = NULL;
        const char *sip_uuid = wazo_string(state, "endpoint_sip_uuid");
        int64_t sccp_id = wazo_integer(state, "endpoint_sccp_id");
        int r;

        if (sip_uuid) {
                if (asprintf(&text, number ? "\"%.*s\" <%s>" : "\"%.*s\"", (int) name_length, name,
                             strempty(number)) < 0) {
                        text = NULL;
                        return -ENOMEM;
                }
                return set_endpoint_option(ctx, sip_uuid, "callerid", text);
        }
        if (sccp_id == 0)
                return 0;
        text = strndup(name, name_length);
        if (!text)
                return -ENOMEM;
        r = wazo_execute(ctx, "UPDATE sccpline SET cid_name = ?, cid_num = COALESCE(?, cid_num) WHERE id = ?", "ss?I",
                         text, number, (json_int_t) sccp_id);
        return r < 0 ? r : 0;
}

/* From the main user's caller_id, "<name>"[ <number>], and the extension. */
static int refresh_caller_id(struct wazo_context *ctx, const json_t *state) {
        const char *caller_id = wazo_string(state, "caller_id"), *exten = wazo_string(state, "exten");
        const char *name, *end, *number;
        char own[64];
        size_t length;

        if (!caller_id || !exten)
                return 0;
        name = caller_id[0] == '"' ? caller_id + 1 : caller_id;
        end = strrchr(name, '"');
        length = end ? (size_t) (end - name) : strlen(name);
        number = end ? strchr(end, '<') : NULL;
        if (number) {
                size_t digits = strcspn(number + 1, ">");

                if (digits > 0 && digits < sizeof(own)) {
                        memcpy(own, number + 1, digits);
                        own[digits] = 0;
                        exten = own;
                }
        }
        return store_caller_id(ctx, state, name, length, exten);
}

int line_store_caller_id(struct wazo_context *ctx, const json_t *line, const char *name, const char *number) {
        return store_caller_id(ctx, line, strempty(name), strlen(strempty(name)), number);
}

/* ----- queues and groups ----- */

/* How a queue rings a line: "PJSIP/x7k2", and for a member that rings the number "Local/1001@context"; NULL: it
 * cannot. */
static int interfaces(const json_t *state, char **ret_direct, char **ret_local) {
        const char *name = wazo_string(state, "endpoint_name"), *exten = wazo_string(state, "exten");
        char *direct = NULL, *local = NULL;

        if (name && asprintf(&direct, "%s%s",
                             wazo_string(state, "endpoint_sip_uuid")         ? "PJSIP/"
                             : wazo_integer(state, "endpoint_sccp_id") != 0 ? "SCCP/"
                                                                            : "",
                             name) < 0)
                return -ENOMEM;
        if (exten && asprintf(&local, "Local/%s@%s", exten, strempty(wazo_string(state, "exten_context"))) < 0) {
                free(direct);
                return -ENOMEM;
        }
        *ret_direct = direct;
        *ret_local = local;
        return 0;
}

static int refresh_members(struct wazo_context *ctx, const json_t *state) {
        static const char sql[] =
                "UPDATE queuemember SET interface = ? WHERE usertype = 'user' AND (channel = 'Local') = ? AND interface <> ? "
                "AND userid IN (SELECT user_id FROM user_line WHERE line_id = ? AND main_line = true) "
                "AND NOT EXISTS (SELECT 1 FROM queuemember AS other WHERE other.queue_name = queuemember.queue_name AND other.interface = ?)";
        _cleanup_free_ char *direct = NULL, *local = NULL;
        json_int_t id = (json_int_t) wazo_integer(state, "id");
        int r;

        r = interfaces(state, &direct, &local);
        if (r < 0)
                return r;
        if (direct)
                r = wazo_execute(ctx, sql, "sbsIs", direct, 0, direct, id, direct);
        if (r >= 0 && local)
                r = wazo_execute(ctx, sql, "sbsIs", local, 1, local, id, local);
        return r < 0 ? r : 0;
}

int line_leave_queues(struct wazo_context *ctx, int64_t line_id, int64_t user_id) {
        _wazo_unref_ json_t *state = NULL;
        _cleanup_free_ char *direct = NULL, *local = NULL;
        int r;

        r = wazo_select_row(ctx, &state, STATE_SQL, "I", (json_int_t) line_id);
        if (r != 0)
                return r < 0 ? r : 0;
        r = interfaces(state, &direct, &local);
        if (r < 0)
                return r;
        /* A NULL equals nothing. */
        r = wazo_execute(
                ctx,
                "DELETE FROM queuemember WHERE usertype = 'user' AND userid = ? AND (interface = ? OR interface = ?)",
                "Is?s?", (json_int_t) user_id, direct, local);
        return r < 0 ? r : 0;
}

/* ----- a line ----- */

static int refresh_names(struct wazo_context *ctx, const json_t *state) {
        const char *name = wazo_string(state, "endpoint_name"), *exten = wazo_string(state, "exten");
        const char *context = wazo_string(state, exten ? "exten_context" : "context");
        json_int_t id = (json_int_t) wazo_integer(state, "id");
        _wazo_unref_ json_t *taken = NULL;
        int r;

        /* A custom endpoint's interface may read like the name of another line, and names are unique. */
        r = name ? wazo_select_row(ctx, &taken, "SELECT id FROM linefeatures WHERE name = ? AND id <> ?", "sI", name,
                                   id)
                 : 1;
        if (r < 0)
                return r;
        if (r == 0)
                return wazo_error_resource(ctx, json_pack("{s:s}", "name", name), "Line already exists");
        r = wazo_execute(ctx, "UPDATE linefeatures SET name = ?, number = ?, context = ? WHERE id = ?", "s?s?sI",
                         name, exten, strempty(context), id);
        if (r >= 0)
                r = wazo_execute(ctx, TYPEVAL_SQL "IN (SELECT extension_id FROM line_extension WHERE line_id = ?)",
                                 "I", id);
        if (r >= 0 && wazo_integer(state, "endpoint_sccp_id") != 0)
                r = wazo_execute(ctx, "UPDATE sccpline SET context = ? WHERE id = ?", "sI", strempty(context),
                                 (json_int_t) wazo_integer(state, "endpoint_sccp_id"));
        if (r >= 0 && wazo_integer(state, "endpoint_custom_id") != 0)
                r = wazo_execute(ctx, "UPDATE usercustom SET context = ? WHERE id = ?", "sI", strempty(context),
                                 (json_int_t) wazo_integer(state, "endpoint_custom_id"));
        if (r < 0)
                return r;
        return refresh_members(ctx, state);
}

static int refresh(struct wazo_context *ctx, int64_t line_id, bool caller_id) {
        _wazo_unref_ json_t *state = NULL;
        int r;

        r = wazo_select_row(ctx, &state, STATE_SQL, "I", (json_int_t) line_id);
        if (r != 0)
                return r < 0 ? r : 0; /* gone: nothing is derived from it */
        r = refresh_names(ctx, state);
        if (r < 0 || !caller_id)
                return r;
        return refresh_caller_id(ctx, state);
}

int line_refresh(struct wazo_context *ctx, int64_t line_id) {
        return refresh(ctx, line_id, true);
}

int line_refresh_names(struct wazo_context *ctx, int64_t line_id) {
        return refresh(ctx, line_id, false);
}

/* ----- what lines are of ----- */

/* Steals @rows: lines, by "id". */
static int refresh_all(struct wazo_context *ctx, json_t *rows, bool caller_id) {
        _wazo_unref_ json_t *lines = rows;
        const json_t *line;
        size_t i;
        int r;

        json_array_foreach(lines, i, line) {
                r = refresh(ctx, wazo_integer(line, "id"), caller_id);
                if (r < 0)
                        return r;
        }
        return 0;
}

int line_refresh_user(struct wazo_context *ctx, int64_t user_id) {
        json_t *rows;
        int r;

        r = wazo_select(ctx, &rows,
                        "SELECT line_id AS id FROM user_line WHERE user_id = ? AND main_user = true ORDER BY line_id",
                        "I", (json_int_t) user_id);
        return r < 0 ? r : refresh_all(ctx, rows, true);
}

int line_refresh_extension(struct wazo_context *ctx, int64_t extension_id) {
        json_t *rows;
        int r;

        r = wazo_select(ctx, &rows,
                        "SELECT line_id AS id FROM line_extension WHERE extension_id = ? ORDER BY line_id", "I",
                        (json_int_t) extension_id);
        return r < 0 ? r : refresh_all(ctx, rows, true);
}

int line_refresh_endpoint_sip(struct wazo_context *ctx, const char *uuid) {
        json_t *rows;
        int r;

        r = wazo_select(ctx, &rows, "SELECT id FROM linefeatures WHERE endpoint_sip_uuid = ? ORDER BY id", "s", uuid);
        return r < 0 ? r : refresh_all(ctx, rows, false);
}

int line_refresh_typeval(struct wazo_context *ctx, int64_t extension_id) {
        int r;

        r = wazo_execute(ctx, TYPEVAL_SQL "= ?", "I", (json_int_t) extension_id);
        return r < 0 ? r : 0;
}
