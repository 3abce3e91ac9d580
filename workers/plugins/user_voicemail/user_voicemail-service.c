/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/user_voicemail/user_voicemail-service.h"

#include "lib/util.h"
#include "workers/plugins/user/user-service.h"
#include "workers/plugins/voicemail/voicemail-service.h"

/* ----- rules ----- */

static int check_user_has_none(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair,
                               const void *data) {
        if (wazo_integer(pair->left, "voicemail_id") == 0)
                return 0;
        return wazo_error_resource(ctx, json_pack("{s:O,s:O}", "user_id", json_object_get(pair->left, "id"), "voicemail_id",
                                                  json_object_get(pair->right, "id")),
                                   "User is associated with a Voicemail");
}

static int check_not_global(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair,
                            const void *data) {
        if (!streq(strempty(wazo_string(pair->right, "accesstype")), "global"))
                return 0;
        return wazo_error_resource(ctx, NULL, "Operation not permitted. A global voicemail cannot be associated to users.");
}

static const struct wazo_pair_rule rules[] = {{check_user_has_none}, {check_not_global}, {}};

/* ----- rows ----- */

static int find(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair) {
        if (wazo_integer(pair->left, "voicemail_id") != wazo_integer(pair->right, "id"))
                return 0;
        pair->row = json_object();
        return pair->row ? 0 : -ENOMEM;
}

static int insert(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair) {
        return user_set_voicemail(ctx, pair->left, wazo_integer(pair->right, "id"));
}

static int delete(struct wazo_context *ctx, const struct wazo_association *association, struct wazo_pair *pair) {
        return user_set_voicemail(ctx, pair->left, 0);
}

/* ----- the association ----- */

#define EVENT(verb, key)                                                                              \
        {.name = "user_voicemail_" verb, .routing_key = "config.users.{user.uuid}.voicemails." key,   \
         .data = "user_uuid=user.uuid voicemail_id=voicemail.id", .scope = WAZO_TO_USER, .user = "user.uuid"}

const struct wazo_association user_voicemail_association = {
        .path = "/users/{user_id:int_or_uuid}/voicemails/{voicemail_id:int}",
        .acl = "confd.users.{user_id}.voicemails.{voicemail_id}",
        .left = {"user", "user_id", WAZO_KEY_BOTH, &user_service},
        .right = {"voicemail", "voicemail_id", WAZO_KEY_INTEGER, &voicemail_service},
        .methods = 1,
        .associate = rules,
        .find = find,
        .insert = insert,
        .delete = delete,
        .associated = EVENT("associated", "updated"),
        .dissociated = EVENT("dissociated", "deleted"),
        .reload = "module reload res_pjsip.so,module reload chan_sccp.so",
};
