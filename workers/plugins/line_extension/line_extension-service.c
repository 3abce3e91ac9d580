/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/line_extension/line_extension-service.h"

#include <errno.h>

#include "lib/util.h"
#include "workers/plugins/context/context-service.h"
#include "workers/plugins/extension/extension-service.h"
#include "workers/plugins/line/line-service.h"

/* ----- rules ----- */

static int rule_one_extension(struct wazo_context *ctx, const struct wazo_association *association,
                              struct wazo_pair *pair, const void *data) {
        const json_t *first = json_array_get(json_object_get(pair->left, "extensions"), 0);

        if (!first)
                return 0;
        return wazo_error_resource(ctx,
                                   json_pack("{s:O,s:O}", "line_id", json_object_get(pair->left, "id"),
                                             "extension_id", json_object_get(first, "id")),
                                   "Line is associated with a Extension");
}

static int rule_kind(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair,
                     const void *data) {
        return extension_check_kind(ctx, pair->right, "user");
}

static int extension_context(struct wazo_context *ctx, const struct wazo_pair *pair, json_t **ret) {
        int r;

        r = wazo_find(ctx, &context_service, ret, "s:O", "name", json_object_get(pair->right, "context"));
        return r > 0 ? -ENOENT : r;
}

static int rule_context_type(struct wazo_context *ctx, const struct wazo_association *association,
                             struct wazo_pair *pair, const void *data) {
        _wazo_unref_ json_t *context = NULL;
        int r;

        r = extension_context(ctx, pair, &context);
        return r < 0 ? r : context_check_type(ctx, context, "internal");
}

/* Lines that ring together are one person's. */
static int rule_one_user(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair,
                         const void *data) {
        _wazo_unref_ json_t *other = NULL;
        int r;

        r = wazo_select_row(
                ctx, &other,
                "SELECT other.user_id, other.line_id FROM user_line AS own "
                "JOIN line_extension ON line_extension.extension_id = ? "
                "JOIN user_line AS other ON other.line_id = line_extension.line_id AND other.main_user = true "
                "WHERE own.line_id = ? AND own.main_user = true AND other.user_id <> own.user_id ORDER BY other.line_id LIMIT 1",
                "OO", json_object_get(pair->right, "id"), json_object_get(pair->left, "id"));
        if (r != 0)
                return r < 0 ? r : 0;
        return wazo_error_resource(ctx,
                                   json_pack("{s:O,s:O}", "user_id", json_object_get(other, "user_id"), "line_id",
                                             json_object_get(other, "line_id")),
                                   "User is associated with a Line");
}

static int rule_range(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair,
                      const void *data) {
        _wazo_unref_ json_t *context = NULL;
        int r;

        r = extension_context(ctx, pair, &context);
        return r < 0 ? r : context_check_range(ctx, context, "user", wazo_string(pair->right, "exten"));
}

static const struct wazo_pair_rule associate_rules[] = {
        {line_rule_endpoint, "line"}, {rule_one_extension}, {rule_kind}, {rule_context_type}, {rule_one_user}, {rule_range}, {}};

static const struct wazo_pair_rule dissociate_rules[] = {{line_rule_no_device, "line"}, {}};

/* ----- after the rows ----- */

static int refresh(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair) {
        int r;

        r = line_refresh(ctx, wazo_integer(pair->left, "id"));
        return r < 0 ? r : line_refresh_typeval(ctx, wazo_integer(pair->right, "id"));
}

/* Both events have the word "associated" in their routing key, as the original's. */
#define EVENT(verb, key_verb)                                                                                      \
        {                                                                                                          \
                .name = "line_extension_" verb, .routing_key = "config.line_extension_associated." key_verb,       \
                .data = "line_id=line.id extension_id=extension.id",                                               \
        }

const struct wazo_association line_extension_association = {
        .path = "/lines/{line_id:int}/extensions/{extension_id:int}",
        .acl = "confd.lines.{line_id}.extensions.{extension_id}",
        .left = {"line", "line_id", WAZO_KEY_INTEGER, &line_service},
        .right = {"extension", "extension_id", WAZO_KEY_INTEGER, &extension_service},
        .table = "line_extension",
        .left_column = "line_id",
        .right_column = "extension_id",
        .constants = "main_extension=true",
        .associate = associate_rules,
        .dissociate = dissociate_rules,
        .inserted = refresh,
        .deleted = refresh,
        .associated = EVENT("associated", "updated"),
        .dissociated = EVENT("dissociated", "deleted"),
        .reload = "dialplan reload,module reload res_pjsip.so,module reload app_queue.so",
};
