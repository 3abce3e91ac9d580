/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The generic operations of a service, and the ready-made rules. */
#include <stdarg.h>
#include <stdio.h>

#include "workers/kit/internal.h"

/* ----- tenants ----- */

bool in_tree(const struct wazo_context *ctx, const char *tenant) {
        if (!ctx->request)
                return true;
        for (size_t i = 0; i < ctx->request->n_tenants; i++)
                if (streq(ctx->request->tenants[i], tenant))
                        return true;
        return streq(ctx->request->tenant, tenant);
}

bool wazo_in_tree(const struct wazo_context *ctx, const char *tenant) {
        return in_tree(ctx, tenant);
}

int tenant_ensure(struct wazo_context *ctx, const char *tenant) {
        int r = wazo_execute(ctx, "INSERT INTO tenant (uuid) VALUES (?) ON CONFLICT (uuid) DO NOTHING", "s", tenant);

        return r < 0 ? r : 0;
}

int wazo_tenant_slug(struct wazo_context *ctx, char *ret, size_t size) {
        _wazo_unref_ json_t *row = NULL;
        const char *slug;
        int r;

        r = tenant_ensure(ctx, wazo_tenant(ctx));
        if (r >= 0)
                r = wazo_select_row(ctx, &row, "SELECT slug FROM tenant WHERE uuid = ?", "s", wazo_tenant(ctx));
        if (r < 0)
                return r;
        slug = wazo_string(row, "slug");
        (void) strcopy(ret, size, slug ? slug : "None");
        return 0;
}

/* ----- the dao that a service has ----- */

static int dao_get(struct wazo_context *ctx, const struct wazo_service *service, const json_t *members, bool tree, json_t **ret) {
        const struct wazo_dao *dao = service->dao;

        return dao && dao->get ? dao->get(ctx, service, members, tree, ret) : wazo_dao_get(ctx, service, members, tree, ret);
}

static int dao_insert(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) {
        const struct wazo_dao *dao = service->dao;
        int r;

        r = dao && dao->insert ? dao->insert(ctx, service, object) : wazo_dao_insert(ctx, service, object);
        return r < 0 || !dao || !dao->inserted ? r : dao->inserted(ctx, service, NULL, object);
}

static int dao_update(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before, json_t *object) {
        const struct wazo_dao *dao = service->dao;
        int r;

        r = dao && dao->update ? dao->update(ctx, service, before, object) : wazo_dao_update(ctx, service, before, object);
        return r < 0 || !dao || !dao->updated ? r : dao->updated(ctx, service, before, object);
}

static int dao_delete(struct wazo_context *ctx, const struct wazo_service *service, const json_t *object) {
        const struct wazo_dao *dao = service->dao;
        int r = dao && dao->deleting ? dao->deleting(ctx, service, object) : 0;

        if (r < 0)
                return r;
        return dao && dao->delete ? dao->delete(ctx, service, object) : wazo_dao_delete(ctx, service, object);
}

/* ----- reading ----- */

static int find(struct wazo_context *ctx, const struct wazo_service *service, bool tree, json_t **ret,
                const char *format, va_list ap) {
        _wazo_unref_ json_t *members = NULL;
        char braces[128];

        if (snprintf(braces, sizeof(braces), "{%s}", format) >= (int) sizeof(braces))
                return -EINVAL;
        members = json_vpack_ex(NULL, 0, braces, ap);
        return members ? dao_get(ctx, service, members, tree, ret) : -EINVAL;
}

int wazo_find(struct wazo_context *ctx, const struct wazo_service *service, json_t **ret, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = find(ctx, service, true, ret, format, ap);
        va_end(ap);
        return r;
}

int wazo_find_anywhere(struct wazo_context *ctx, const struct wazo_service *service, json_t **ret, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = find(ctx, service, false, ret, format, ap);
        va_end(ap);
        return r;
}

int wazo_list(struct wazo_context *ctx, const struct wazo_service *service, const struct wazo_query *query,
              json_t **ret_items, int64_t *ret_total) {
        if (service->dao && service->dao->list)
                return service->dao->list(ctx, service, query, ret_items, ret_total);
        return wazo_dao_list(ctx, service, query, ret_items, ret_total);
}

int wazo_refresh(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) {
        const char *key = service->model->key ? service->model->key : "id";
        _wazo_unref_ json_t *members = NULL, *fresh = NULL;
        int r;

        members = json_pack("{s:O}", key, json_object_get(object, key));
        if (!members)
                return -EINVAL;
        r = dao_get(ctx, service, members, false, &fresh);
        if (r != 0)
                return r < 0 ? r : -ENOENT;
        return json_object_clear(object) < 0 || json_object_update(object, fresh) < 0 ? -ENOMEM : 0;
}

/* ----- writing ----- */

static int run_rules(struct wazo_context *ctx, const struct wazo_service *service, const struct wazo_rule *rules,
                     json_t *object, const json_t *before) {
        for (const struct wazo_rule *rule = rules; rule && rule->check; rule++) {
                int r = rule->check(ctx, service, object, before, rule->data);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int notify(struct wazo_context *ctx, const struct wazo_service *service, const struct wazo_event *event, const char *reload,
                  json_t *object, const json_t *before) {
        const struct wazo_notifier *notifier = service->notifier;
        int r = 0;

        if (reload)
                r = wazo_reload(ctx, reload);
        if (r >= 0 && event->name)
                r = wazo_event_send(ctx, event, object);
        if (r >= 0 && notifier->notify)
                r = notifier->notify(ctx, service, object, before);
        return r;
}

/* What nobody said: the defaults, and what is made at creation. */
static int fill_presets(struct wazo_context *ctx, const struct wazo_model *model, json_t *object) {
        for (const struct wazo_field *f = model->fields; f->name; f++) {
                char uuid[WAZO_UUID_SIZE], stamp[STAMP_SIZE];
                json_t *value = NULL;
                int r;

                if (json_object_get(object, f->name))
                        continue;
                if (f->flags & WAZO_GENERATED && f->type == WAZO_UUID) {
                        wazo_uuid_make(uuid);
                        value = json_string(uuid);
                } else if (f->flags & WAZO_GENERATED && f->type == WAZO_DATETIME) {
                        stamp_now(stamp, ' ', false);
                        value = json_string(stamp);
                } else if (streq(f->name, "tenant_uuid") && model_tenant_column(model))
                        value = json_string(wazo_tenant(ctx));
                else if (f->preset) {
                        r = preset_value(f, &value);
                        if (r < 0)
                                return r;
                } else
                        continue;
                r = wazo_set(object, f->name, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

int wazo_service_create(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) {
        int r;

        r = fill_presets(ctx, service->model, object);
        if (r >= 0 && service->complete)
                r = service->complete(ctx, service, object, NULL);
        if (r >= 0 && service->validator)
                r = run_rules(ctx, service, service->validator->create, object, NULL);
        if (r >= 0)
                r = dao_insert(ctx, service, object);
        if (r >= 0)
                r = wazo_refresh(ctx, service, object);
        if (r >= 0 && service->notifier)
                r = notify(ctx, service, &service->notifier->created, service->notifier->reload_created, object, NULL);
        return r < 0 ? r : 0;
}

int wazo_create(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) {
        return service->create ? service->create(ctx, service, object) : wazo_service_create(ctx, service, object);
}

/* Whether a stored value changes: what reloads are for. */
static bool changed(const struct wazo_model *model, const json_t *before, const json_t *object) {
        for (const struct wazo_field *f = model->fields; f->name; f++)
                if (!(f->flags & WAZO_READ_ONLY) && wazo_differs(before, object, f->name))
                        return true;
        return false;
}

int wazo_service_edit(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before, json_t *object) {
        const struct wazo_notifier *notifier = service->notifier;
        const char *reload = NULL;
        int r = 0;

        if (service->complete)
                r = service->complete(ctx, service, object, before);
        if (r >= 0 && service->validator)
                r = run_rules(ctx, service, service->validator->edit, object, before);
        if (r < 0)
                return r;
        if (notifier && (!notifier->reload_changed_only || changed(service->model, before, object)))
                reload = notifier->reload_edited;
        r = dao_update(ctx, service, before, object);
        if (r >= 0)
                r = wazo_refresh(ctx, service, object);
        if (r >= 0 && notifier)
                r = notify(ctx, service, &notifier->edited, reload, object, before);
        return r < 0 ? r : 0;
}

int wazo_edit(struct wazo_context *ctx, const struct wazo_service *service, const json_t *before,
              const json_t *changes, json_t **ret) {
        _wazo_unref_ json_t *object = json_copy((json_t *) before);
        int r;

        if (!object || json_object_update(object, (json_t *) changes) < 0)
                return -ENOMEM;
        r = service->edit ? service->edit(ctx, service, before, object) : wazo_service_edit(ctx, service, before, object);
        if (r >= 0 && ret)
                *ret = STEAL(object);
        return r < 0 ? r : 0;
}

int wazo_service_delete(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) {
        int r = 0;

        if (service->validator)
                r = run_rules(ctx, service, service->validator->delete, object, object);
        if (r >= 0)
                r = dao_delete(ctx, service, object);
        if (r >= 0 && service->notifier)
                r = notify(ctx, service, &service->notifier->deleted, service->notifier->reload_deleted, object, object);
        return r < 0 ? r : 0;
}

int wazo_delete(struct wazo_context *ctx, const struct wazo_service *service, json_t *object) {
        return service->delete ? service->delete(ctx, service, object) : wazo_service_delete(ctx, service, object);
}

/* ----- ready-made rules ----- */

/* The values of the fields named in @names: {"number": ..., "context": ...}; NULL: one is null; 1: and none changed. */
static int unique_members(const char *names, const json_t *object, const json_t *before, json_t **ret) {
        _wazo_unref_ json_t *members = json_object();
        bool changes = !before;

        for (const char *at = names; *at;) {
                size_t n = strcspn(at, " ");
                char name[64];
                json_t *value;

                if (n >= sizeof(name))
                        return -EINVAL;
                memcpy(name, at, n);
                name[n] = 0;
                value = json_object_get(object, name);
                if (!value || json_is_null(value))
                        return 1;
                changes |= before && wazo_differs(before, object, name);
                if (json_object_set(members, name, value) < 0)
                        return -ENOMEM;
                at += n + strspn(at + n, " ");
        }
        if (!changes)
                return 1;
        *ret = STEAL(members);
        return 0;
}

int wazo_rule_unique(struct wazo_context *ctx, const struct wazo_service *service, json_t *object,
                     const json_t *before, const void *data) {
        const char *key = service->model->key ? service->model->key : "id";
        _wazo_unref_ json_t *members = NULL, *search = NULL, *other = NULL;
        const struct wazo_unique *unique = data;
        int r;

        r = unique_members(unique->fields, object, before, &members);
        if (r != 0)
                return r < 0 ? r : 0;
        search = json_copy(members);
        if (!search || (unique->in_tenant && json_object_set(search, "tenant_uuid", json_object_get(object, "tenant_uuid")) < 0))
                return -ENOMEM;
        r = dao_get(ctx, service, search, false, &other);
        if (r != 0)
                return r < 0 ? r : 0;
        if (before && !wazo_differs(other, before, key))
                return 0;
        return wazo_error_resource(ctx, STEAL(members), "%s already exists", service->model->name);
}

int wazo_rule_reference(struct wazo_context *ctx, const struct wazo_service *service, json_t *object,
                        const json_t *before, const void *data) {
        const struct wazo_reference *reference = data;
        json_t *value = json_object_get(object, reference->field);
        _wazo_unref_ json_t *members = NULL, *other = NULL;
        int r;

        if (!value || json_is_null(value) || (before && !wazo_differs(before, object, reference->field)))
                return 0;
        members = json_pack("{s:O}", reference->member, value);
        if (!members)
                return -ENOMEM;
        r = dao_get(ctx, reference->service, members, true, &other);
        if (r <= 0)
                return r;
        return wazo_error_input(ctx, json_pack("{s:O}", reference->field, value), "field '%s': %s was not found", reference->field,
                                reference->service->model->name);
}

int wazo_rule_unused(struct wazo_context *ctx, const struct wazo_service *service, json_t *object,
                     const json_t *before, const void *data) {
        const char *key = service->model->key ? service->model->key : "id";
        const struct wazo_usage *usage = data;
        _wazo_unref_ json_t *row = NULL;
        int r;

        r = wazo_select_row(ctx, &row, usage->sql, "O", json_object_get(object, usage->member ? usage->member : key));
        if (r != 0)
                return r < 0 ? r : 0;
        return wazo_error_resource(ctx,
                                   json_pack("{s:O,s:O}", usage->own_key, json_object_get(object, key), usage->other_key,
                                             json_object_iter_value(json_object_iter(row))),
                                   "%s is associated with a %s", service->model->name, usage->other);
}
