/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugin user_voicemail: /users/{id}/voicemails. */
#include "workers/plugins/user_voicemail/user_voicemail-service.h"

#include <stdio.h>

#include "lib/util.h"
#include "workers/plugins/user/user-service.h"
#include "workers/plugins/voicemail/voicemail-service.h"

static const struct wazo_association *const associations[] = {&user_voicemail_association, NULL};

/* The user's voicemail as /voicemails shows it; 1: none. */
static int voicemail_of(struct wazo_context *ctx, const json_t *user, json_t **ret) {
        int64_t id = wazo_integer(user, "voicemail_id");

        return id == 0 ? 1 : wazo_find_anywhere(ctx, &voicemail_service, ret, "s:I", "id", (json_int_t) id);
}

static int list(struct wazo_context *ctx) {
        _wazo_unref_ json_t *user = NULL, *voicemail = NULL, *items = json_array();
        json_t *item;
        int r;

        if (!items)
                return -ENOMEM;
        r = wazo_lookup(ctx, &user_service, "user_id", WAZO_KEY_BOTH, &user);
        if (r >= 0)
                r = voicemail_of(ctx, user, &voicemail);
        if (r == 0) {
                r = wazo_output(ctx, voicemail_fields, voicemail, &item);
                if (r >= 0 && json_array_append_new(items, item) < 0)
                        r = -ENOMEM;
        }
        return r < 0 ? r : wazo_reply_list(ctx, json_incref(items), (int64_t) json_array_size(items));
}

/* Answers the voicemail as it was created, before it had a user. */
static int create(struct wazo_context *ctx) {
        _wazo_unref_ json_t *user = NULL, *voicemail = NULL, *output = NULL;
        json_t *body;
        char key[24];
        int r;

        r = wazo_lookup(ctx, &user_service, "user_id", WAZO_KEY_BOTH, &user);
        if (r >= 0)
                r = wazo_json_body(ctx, &body);
        if (r >= 0)
                r = voicemail_validate(ctx, body, WAZO_CREATE, &voicemail);
        if (r >= 0)
                r = wazo_create(ctx, &voicemail_service, voicemail);
        if (r >= 0)
                r = wazo_output(ctx, voicemail_fields, voicemail, &output);
        if (r >= 0)
                r = wazo_associate(ctx, &user_voicemail_association, user, voicemail, NULL);
        if (r < 0)
                return r;
        (void) snprintf(key, sizeof(key), "%lld", (long long) wazo_integer(voicemail, "id"));
        return wazo_reply_created(ctx, json_incref(output), "/voicemails/", key);
}

static int dissociate(struct wazo_context *ctx) {
        _wazo_unref_ json_t *user = NULL, *voicemail = NULL;
        int r;

        r = wazo_lookup(ctx, &user_service, "user_id", WAZO_KEY_BOTH, &user);
        if (r >= 0)
                r = voicemail_of(ctx, user, &voicemail);
        if (r == 0)
                r = wazo_dissociate(ctx, &user_voicemail_association, user, voicemail);
        return r < 0 ? r : wazo_reply_empty(ctx, 204);
}

#define PATH "/users/{user_id:int_or_uuid}/voicemails"
#define ACL "confd.users.{user_id}.voicemails"

static const struct wazo_route routes[] = {
        {PATH, "GET", ACL ".read", .handler = list, .summary = "List the user's voicemail: at most one",
         .secrets = "password"},
        {PATH, "POST", ACL ".create", WAZO_BODY_JSON, true, create, .summary = "Create a voicemail for the user",
         .secrets = "password", .request = voicemail_fields, .response = voicemail_fields},
        {PATH, "DELETE", ACL ".delete", WAZO_BODY_NONE, true, dissociate,
         .summary = "Dissociate the user's voicemail, which is kept"},
        {},
};

const struct wazo_plugin wazo_plugin = {
        .abi = WAZO_PLUGIN_ABI,
        .size = sizeof(struct wazo_plugin),
        .name = "user_voicemail",
        .version = "1.0",
        .associations = associations,
        .routes = routes,
};
