/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Endpoints with their templates merged in. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "workers/plugins/endpoint_sip/endpoint_sip-service.h"
#include "workers/plugins/endpoint_sip/pjsip-options.h"

enum {
        DEPTH_MAX = 16, /* of templates in templates; deeper ones are left out */
        AT_ONCE = 500,  /* values in a statement */
};

/* "SELECT ... IN (%s)" for some values at a time, their rows in one array. @more: one more value, the last, or NULL. */
static int select_in(struct wazo_context *ctx, const char *format, const json_t *values, const char *more,
                     json_t **ret) {
        _wazo_unref_ json_t *all = json_array();

        if (!all)
                return -ENOMEM;
        for (size_t start = 0; start < json_array_size(values); start += AT_ONCE) {
                size_t n = MIN(json_array_size(values) - start, (size_t) AT_ONCE);
                _wazo_unref_ json_t *some = json_array(), *rows = NULL;
                _cleanup_free_ char *sql = NULL;
                char places[AT_ONCE * 2 + 1];
                int r;

                for (size_t i = 0; i < n; i++) {
                        memcpy(places + i * 2, "?,", 2);
                        if (json_array_append(some, json_array_get(values, start + i)) < 0)
                                return -ENOMEM;
                }
                places[n * 2 - 1] = 0;
                if (more && json_array_append_new(some, json_string(more)) < 0)
                        return -ENOMEM;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                if (asprintf(&sql, format, places) < 0) {
                        sql = NULL;
                        return -ENOMEM;
                }
#pragma GCC diagnostic pop
                r = wazo_select_array(ctx, &rows, sql, some);
                if (r < 0)
                        return r;
                if (json_array_extend(all, rows) < 0)
                        return -ENOMEM;
        }
        *ret = json_incref(all);
        return 0;
}

/* *ret {"<child>": ["<parent>", ...]} of these and of all their ancestors; a level is one statement. */
static int load_parents(struct wazo_context *ctx, const json_t *uuids, json_t **ret) {
        _wazo_unref_ json_t *parents = json_object(), *level = json_copy((json_t *) uuids);

        if (!parents || !level)
                return -ENOMEM;
        for (unsigned depth = 0; depth < DEPTH_MAX && json_array_size(level) > 0; depth++) {
                _wazo_unref_ json_t *rows = NULL, *next = json_array();
                const json_t *row, *uuid;
                size_t i;
                int r;

                if (!next)
                        return -ENOMEM;
                json_array_foreach(level, i, uuid)
                        if (json_object_set_new(parents, json_string_value(uuid), json_array()) < 0)
                                return -ENOMEM;
                r = select_in(ctx,
                              "SELECT child_uuid, parent_uuid FROM endpoint_sip_template WHERE child_uuid IN (%s) "
                              "ORDER BY child_uuid, priority, parent_uuid",
                              level, NULL, &rows);
                if (r < 0)
                        return r;
                json_array_foreach(rows, i, row) {
                        const char *parent = wazo_string(row, "parent_uuid");

                        if (json_array_append(json_object_get(parents, wazo_string(row, "child_uuid")),
                                              json_object_get(row, "parent_uuid")) < 0)
                                return -ENOMEM;
                        if (json_object_get(parents, parent))
                                continue;
                        /* The empty list is filled in the next round, and marks that it was seen. */
                        if (json_object_set_new(parents, parent, json_array()) < 0 ||
                            json_array_append_new(next, json_string(parent)) < 0)
                                return -ENOMEM;
                }
                json_decref(level);
                level = json_incref(next);
        }
        *ret = json_incref(parents);
        return 0;
}

/* *ret {"<uuid>": {"<member>": {"<option>": "<value>"}}}, each one's own. */
static int load_options(struct wazo_context *ctx, const json_t *parents, const char *option, json_t **ret) {
        _wazo_unref_ json_t *uuids = json_array(), *rows = NULL, *options = json_object();
        const char *uuid;
        const json_t *row;
        json_t *ignored;
        size_t i;
        int r;

        if (!uuids || !options)
                return -ENOMEM;
        json_object_foreach((json_t *) parents, uuid, ignored)
                if (json_array_append_new(uuids, json_string(uuid)) < 0)
                        return -ENOMEM;
#define OPTIONS_SQL                                                                                                \
        "SELECT endpoint_sip_section.endpoint_sip_uuid AS owner, endpoint_sip_section.type, "                      \
        "endpoint_sip_section_option.key, endpoint_sip_section_option.value "                                      \
        "FROM endpoint_sip_section JOIN endpoint_sip_section_option "                                              \
        "ON endpoint_sip_section_option.endpoint_sip_section_uuid = endpoint_sip_section.uuid "                    \
        "WHERE endpoint_sip_section.endpoint_sip_uuid IN (%s)"
        r = select_in(ctx, option ? OPTIONS_SQL " AND endpoint_sip_section_option.key = ?" : OPTIONS_SQL, uuids,
                      option, &rows);
        if (r < 0)
                return r;
        json_array_foreach(rows, i, row) {
                json_t *own = json_object_get(options, wazo_string(row, "owner")), *section;
                char member[64];

                if (!own && json_object_set_new(options, wazo_string(row, "owner"), own = json_object()) < 0)
                        return -ENOMEM;
                (void) snprintf(member, sizeof(member), "%s_section_options", wazo_string(row, "type"));
                section = json_object_get(own, member);
                if (!section && json_object_set_new(own, member, section = json_object()) < 0)
                        return -ENOMEM;
                if (json_object_set(section, wazo_string(row, "key"), json_object_get(row, "value")) < 0)
                        return -ENOMEM;
        }
        *ret = json_incref(options);
        return 0;
}

static int overlay(json_t *merged, const json_t *options) {
        const char *member;
        json_t *section;

        json_object_foreach((json_t *) options, member, section) {
                json_t *into = json_object_get(merged, member);

                if (!into && json_object_set_new(merged, member, into = json_object()) < 0)
                        return -ENOMEM;
                if (json_object_update(into, section) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* Merges one, its parents first; what is in @done is finished, or begun: a circle ends there. */
static int merge(const json_t *parents, const json_t *options, const char *uuid, json_t *done) {
        json_t *merged = json_object();
        const json_t *parent;
        size_t i;
        int r;

        if (json_object_set_new(done, uuid, merged) < 0)
                return -ENOMEM;
        json_array_foreach(json_object_get(parents, uuid), i, parent) {
                const char *name = json_string_value(parent);

                r = json_object_get(done, name) ? 0 : merge(parents, options, name, done);
                if (r >= 0)
                        r = overlay(merged, json_object_get(done, name));
                if (r < 0)
                        return r;
        }
        return overlay(merged, json_object_get(options, uuid));
}

int endpoint_sip_merge(struct wazo_context *ctx, const json_t *uuids, const char *option, json_t **ret) {
        _wazo_unref_ json_t *parents = NULL, *options = NULL, *done = json_object();
        const json_t *uuid;
        size_t i;
        int r;

        if (!done)
                return -ENOMEM;
        r = load_parents(ctx, uuids, &parents);
        if (r >= 0)
                r = load_options(ctx, parents, option, &options);
        json_array_foreach(uuids, i, uuid) {
                if (r < 0)
                        return r;
                if (!json_object_get(done, json_string_value(uuid)))
                        r = merge(parents, options, json_string_value(uuid), done);
        }
        if (r < 0)
                return r;
        *ret = json_incref(done);
        return 0;
}
