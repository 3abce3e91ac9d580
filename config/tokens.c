/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/tokens.h"

#include <ctype.h>
#include <nettle/sha2.h>

#include "config/keyword.h"
#include "config/text.h"

#define TOKENS_MAX 10000
#define TENANT_DEPTH_MAX 64
#define UUID_SIZE 37

struct tenant_entry {
        const char *uuid, *parent;
};

struct token_entry {
        const char *token, *sha256, *auth_id, *session_uuid, *tenant_uuid, *expires_at;
        const struct yaml_node *acl;
};

struct file_entry {
        const char *master_tenant;
        const struct yaml_node *tenants, *tokens;
};

#define AT(structure, member) .offset = offsetof(struct structure, member)

/* Whatever stands in this file may be a secret by mistake: none of its values is ever shown. */
static const struct keyword tenant_keys[] = {
        {.name = "uuid", .type = KEYWORD_STRING, .flags = KEYWORD_SECRET | KEYWORD_REQUIRED, AT(tenant_entry, uuid), .doc = "UUID"},
        {.name = "parent", .type = KEYWORD_STRING, .flags = KEYWORD_SECRET, AT(tenant_entry, parent),
         .doc = "UUID; default: the master tenant"},
        {0},
};

static const struct keyword token_keys[] = {
        {.name = "token", .type = KEYWORD_STRING, .flags = KEYWORD_SECRET, .min = 8, .max = 1024,
         AT(token_entry, token), .doc = "as clients send it"},
        {.name = "sha256", .type = KEYWORD_STRING, .flags = KEYWORD_SECRET, AT(token_entry, sha256),
         .doc = "or its digest, in hex"},
        {.name = "auth_id", .type = KEYWORD_STRING, .flags = KEYWORD_SECRET | KEYWORD_REQUIRED,
         AT(token_entry, auth_id), .doc = "UUID of whose it is"},
        {.name = "session_uuid", .type = KEYWORD_STRING, .flags = KEYWORD_SECRET, AT(token_entry, session_uuid), .doc = "UUID"},
        {.name = "tenant_uuid", .type = KEYWORD_STRING, .flags = KEYWORD_SECRET, AT(token_entry, tenant_uuid),
         .doc = "UUID; default: the master tenant"},
        {.name = "acl", .type = KEYWORD_STRINGS, .flags = KEYWORD_SECRET, AT(token_entry, acl), .doc = "list of access rights"},
        {.name = "expires_at", .type = KEYWORD_STRING, .flags = KEYWORD_SECRET, AT(token_entry, expires_at),
         .doc = "UTC, 2026-01-02T03:04:05"},
        {0},
};

static const struct keyword file_keys[] = {
        {.name = "master_tenant", .type = KEYWORD_STRING, .flags = KEYWORD_SECRET, AT(file_entry, master_tenant), .doc = "UUID"},
        {.name = "tenants", .type = KEYWORD_ANY, AT(file_entry, tenants), .doc = "list"},
        {.name = "tokens", .type = KEYWORD_ANY, AT(file_entry, tokens), .doc = "list"},
        {0},
};

struct reading {
        struct keyword_reader reader;
        struct tokens *into;
        json_t *parents; /* of each tenant: null for the master tenant */
};

void tokens_done(struct tokens *t) {
        json_decref(t->tokens);
        json_decref(t->tenants);
        *t = (struct tokens) {0};
}

/* As all comparisons have it. */
static const char *small_letters(const char *uuid, char ret[UUID_SIZE]) {
        unsigned i = 0;

        for (; i < UUID_SIZE - 1 && uuid[i]; i++)
                ret[i] = (char) tolower((unsigned char) uuid[i]);
        ret[i] = 0;
        return ret;
}

static json_t *uuid_json(const char *uuid) {
        char small[UUID_SIZE];

        return uuid ? json_string(small_letters(uuid, small)) : json_null();
}

static bool check_uuid(const struct reading *r, const char *key, const char *uuid, const struct yaml_node *map) {
        const struct yaml_entry *entry = yaml_entry(map, key);

        if (!uuid || text_is_uuid(uuid))
                return true;
        findings_error(r->reader.findings, entry ? &entry->value->place : &map->place, "%s must be a UUID", key);
        return false;
}

static bool check_list(const struct reading *r, const char *key, const struct yaml_node *list) {
        if (!list)
                return false;
        if (list->kind == YAML_KIND_LIST && list->n <= TOKENS_MAX)
                return true;
        findings_error(r->reader.findings, &list->place, "%s must be a list of at most %d", key, TOKENS_MAX);
        return false;
}

/* A map to be read by a table; false when it is none, or something in it was wrong. */
static bool read_item(const struct reading *r, const struct keyword *table, const char *what,
                      const struct yaml_node *item, void *to) {
        size_t errors = r->reader.findings->n_errors;

        if (item->kind != YAML_KIND_MAP) {
                findings_error(r->reader.findings, &item->place, "each of %s must be a map", what);
                return false;
        }
        keyword_read(&r->reader, table, "", item, to);
        return r->reader.findings->n_errors == errors;
}

static int read_tenant(const struct reading *r, const struct yaml_node *item) {
        struct tenant_entry tenant;
        const char *parent;
        char uuid[UUID_SIZE];
        json_t *new;

        if (!read_item(r, tenant_keys, "tenants", item, &tenant) || !check_uuid(r, "uuid", tenant.uuid, item) ||
            !check_uuid(r, "parent", tenant.parent, item))
                return 0;
        (void) small_letters(tenant.uuid, uuid);
        if (json_object_get(r->parents, uuid)) {
                findings_error(r->reader.findings, &item->place, "this tenant is here twice");
                return 0;
        }

        if (!*r->into->master_tenant)
                (void) strcpy(r->into->master_tenant, uuid);
        parent = tenant.parent ? tenant.parent : r->into->master_tenant;
        if (streq(uuid, r->into->master_tenant))
                parent = NULL;
        new = json_pack("{s:s, s:o}", "uuid", uuid, "parent", uuid_json(parent));
        if (!new || json_object_set(r->parents, uuid, json_object_get(new, "parent")) < 0) {
                json_decref(new);
                return -ENOMEM;
        }
        return json_array_append_new(r->into->tenants, new) < 0 ? -ENOMEM : 0;
}

/* The master tenant is there even when the list does not name it. */
static int add_master(const struct reading *r) {
        const char *master = r->into->master_tenant;

        if (!*master || json_object_get(r->parents, master))
                return 0;
        if (json_object_set_new(r->parents, master, json_null()) < 0)
                return -ENOMEM;
        return json_array_insert_new(r->into->tenants, 0, json_pack("{s:s, s:n}", "uuid", master, "parent")) < 0 ? -ENOMEM : 0;
}

/* Every parent is there, and going up ends. */
static void check_tree(const struct reading *r, const struct yaml_node *list) {
        const char *uuid;
        json_t *parent;

        json_object_foreach(r->parents, uuid, parent) {
                const json_t *at = parent;
                unsigned depth = 0;

                while (json_is_string(at) && depth++ < TENANT_DEPTH_MAX)
                        at = json_object_get(r->parents, json_string_value(at));
                if (!at) {
                        findings_error(r->reader.findings, &list->place, "a tenant's parent is not in the list");
                        return;
                }
                if (!json_is_null(at)) {
                        findings_error(r->reader.findings, &list->place,
                                       "tenants that are each other's parents, or more than %d above one", TENANT_DEPTH_MAX);
                        return;
                }
        }
}

static void hash(const char *token, char ret[65]) {
        uint8_t digest[SHA256_DIGEST_SIZE];
        struct sha256_ctx context;

        sha256_init(&context);
        sha256_update(&context, strlen(token), (const uint8_t *) token);
        sha256_digest(&context, sizeof(digest), digest);
        for (unsigned i = 0; i < sizeof(digest); i++)
                (void) sprintf(ret + i * 2, "%02x", digest[i]);
}

static json_t *acl_json(const struct yaml_node *acl) {
        json_t *list = json_array();

        for (size_t i = 0; list && acl && i < acl->n; i++)
                if (json_array_append_new(list, json_string(acl->entries[i].value->text)) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

static int read_token(const struct reading *r, const struct yaml_node *item) {
        struct findings *findings = r->reader.findings;
        struct token_entry token;
        char digest[65], tenant[UUID_SIZE];
        json_t *new;

        if (!read_item(r, token_keys, "tokens", item, &token) || !check_uuid(r, "auth_id", token.auth_id, item) ||
            !check_uuid(r, "session_uuid", token.session_uuid, item) ||
            !check_uuid(r, "tenant_uuid", token.tenant_uuid, item))
                return 0;
        if (!token.token == !token.sha256) {
                findings_error(findings, &item->place, "one of token and sha256 must be there");
                return 0;
        }
        if (token.sha256 && !text_is_hex(token.sha256, 64)) {
                findings_error(findings, &yaml_at(item, "sha256")->place, "sha256 must be 64 hex digits");
                return 0;
        }
        if (token.expires_at && !text_is_moment(token.expires_at)) {
                findings_error(findings, &yaml_at(item, "expires_at")->place,
                               "expires_at must be like 2026-01-02T03:04:05");
                return 0;
        }
        if (!token.tenant_uuid)
                token.tenant_uuid = r->into->master_tenant;
        if (!json_object_get(r->parents, small_letters(token.tenant_uuid, tenant))) {
                findings_error(findings, &item->place, "the token's tenant is not among the tenants");
                return 0;
        }

        if (token.token)
                hash(token.token, digest);
        else
                for (unsigned i = 0; i < sizeof(digest); i++)
                        digest[i] = (char) tolower((unsigned char) token.sha256[i]);
        new = json_pack("{s:s, s:o, s:o, s:o, s:o, s:s?}", "sha256", digest, "auth_id", uuid_json(token.auth_id),
                        "session_uuid", uuid_json(token.session_uuid), "tenant_uuid", json_string(tenant),
                        "acl", acl_json(token.acl), "expires_at", token.expires_at);
        return json_array_append_new(r->into->tokens, new) < 0 ? -ENOMEM : 0;
}

static int read_file(const struct reading *r, const struct yaml_node *root) {
        struct file_entry file;
        int error = 0;

        keyword_read(&r->reader, file_keys, "", root, &file);
        if (!check_uuid(r, "master_tenant", file.master_tenant, root))
                return 0;
        if (file.master_tenant)
                (void) small_letters(file.master_tenant, r->into->master_tenant);
        if (check_list(r, "tenants", file.tenants))
                for (size_t i = 0; error == 0 && i < file.tenants->n; i++)
                        error = read_tenant(r, file.tenants->entries[i].value);
        if (error < 0)
                return error;
        error = add_master(r);
        if (error < 0)
                return error;
        check_tree(r, file.tenants ? file.tenants : root);
        if (check_list(r, "tokens", file.tokens))
                for (size_t i = 0; error == 0 && i < file.tokens->n; i++)
                        error = read_token(r, file.tokens->entries[i].value);
        return error;
}

int tokens_read(const char *path, bool required, struct findings *findings, struct tokens *ret) {
        _cleanup_(tokens_done) struct tokens t = {.tokens = json_array(), .tenants = json_array()};
        struct reading reading = {
                .reader = {.findings = findings, .unknown = FINDING_ERROR, .quiet_unknown = true},
                .into = &t,
        };
        _cleanup_(yaml_node_freep) struct yaml_node *root = NULL;
        int r;

        if (!t.tokens || !t.tenants)
                return -ENOMEM;
        r = yaml_load(path, FINDING_ERROR, findings, &root);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && r != -EINVAL && (required || r != -ENOENT)) {
                struct place place = {.file = findings_file(findings, path)};

                findings_error(findings, &place, "cannot read it: %s", strerror(-r));
        }
        if (root) {
                reading.parents = json_object();
                r = reading.parents ? read_file(&reading, root) : -ENOMEM;
                json_decref(reading.parents);
                if (r < 0)
                        return r;
        }
        *ret = t;
        t = (struct tokens) {0};
        return 0;
}
