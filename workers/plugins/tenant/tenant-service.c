/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/tenant/tenant-service.h"

#include <string.h>

#include "lib/util.h"
#include "workers/plugins/context/context-service.h"
#include "workers/plugins/tenant/tenant-templates.h"
#include "workers/plugins/voicemail/voicemail-service.h"

/* As wazo-auth's, and as wide as the column. */
#define SLUG_MAX 10

/* ----- model ----- */

#define TEMPLATE(name) {name "_sip_template_uuid", WAZO_UUID, WAZO_READ_ONLY | WAZO_NULLABLE, .column = name "_sip_template_uuid"}

static const struct wazo_field fields[] = {
        {"uuid", WAZO_UUID, WAZO_READ_ONLY, .column = "uuid"},
        {"sip_templates_generated", WAZO_BOOLEAN, WAZO_READ_ONLY, .column = "sip_templates_generated"},
        TEMPLATE("global"),
        TEMPLATE("webrtc"),
        TEMPLATE("registration_trunk"),
        TEMPLATE("meeting_guest"),
        {"slug", WAZO_STRING, WAZO_HIDDEN | WAZO_NULLABLE, .column = "slug"},
        {},
};

static const struct wazo_column columns[] = {{"uuid", WAZO_SEARCH}, {}};

static const struct wazo_model model = {
        .name = "Tenant",
        .table = "tenant",
        .fields = fields,
        .key = "uuid",
        .tenant = "tenant.uuid",
        .columns = columns,
};

const struct wazo_service tenant_service = {.model = &model};

/* ----- dao ----- */

static int insert_missing(struct wazo_context *ctx, const char *uuid) {
        int r = wazo_execute(ctx, "INSERT INTO tenant (uuid) VALUES (?) ON CONFLICT (uuid) DO NOTHING", "s", uuid);

        return r < 0 ? r : 0;
}

static int store_slug(struct wazo_context *ctx, const char *uuid, const char *slug) {
        int r = wazo_execute(ctx, "UPDATE tenant SET slug = ? WHERE uuid = ?", "ss", slug, uuid);

        return r < 0 ? r : 0;
}

/* All that has a foreign key to it goes with it. */
static int delete_row(struct wazo_context *ctx, const char *uuid) {
        int r = wazo_execute(ctx, "DELETE FROM tenant WHERE uuid = ?", "s", uuid);

        return r < 0 ? r : 0;
}

/* ----- service ----- */

/*
 * What goes with a tenant besides its rows. Each kind of resource that has anything outside of the database, or rows that no
 * foreign key takes along, has a function here, called while all rows are there still.
 */
static int (*const parts[])(struct wazo_context *ctx, const char *tenant_uuid) = {
        voicemail_tenant_deleted,
        context_tenant_deleted,
};

static int find_tenant(struct wazo_context *ctx, const char *uuid, json_t **ret) {
        return wazo_find_anywhere(ctx, &tenant_service, ret, "s:s", "uuid", uuid);
}

int tenant_added(struct wazo_context *ctx, const char *uuid, const char *slug) {
        _wazo_unref_ json_t *tenant = NULL;
        int r;

        if (slug && strlen(slug) > SLUG_MAX)
                return wazo_error_input(ctx, json_pack("{s:s}", "slug", slug), "a slug has at most %d characters", SLUG_MAX);
        r = insert_missing(ctx, uuid);
        if (r >= 0 && slug)
                r = store_slug(ctx, uuid, slug);
        if (r >= 0)
                r = find_tenant(ctx, uuid, &tenant);
        if (r < 0 || wazo_boolean(tenant, "sip_templates_generated"))
                return r;
        return tenant_make_templates(ctx, uuid);
}

int tenant_deleted(struct wazo_context *ctx, const char *uuid) {
        _wazo_unref_ json_t *tenant = NULL;
        int r;

        r = find_tenant(ctx, uuid, &tenant);
        if (r != 0)
                return r < 0 ? r : 0; /* gone already, or never known */
        for (size_t i = 0; i < ELEMENTSOF(parts) && r >= 0; i++)
                r = parts[i](ctx, uuid);
        return r < 0 ? r : delete_row(ctx, uuid);
}
