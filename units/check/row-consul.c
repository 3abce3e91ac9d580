/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows about consul, where a service's configuration has it registered.
 */
#include <dirent.h>

#include "config/consul.h"
#include "config/text.h"
#include "units/check/check.h"
#include "units/check/host.h"
#include "units/check/http.h"

#define SUITE_FILE "/etc/wazo-suite/discovery.yml"
#define ENTRIES_MAX 16

/* What a configuration says of consul: the service's own, or that of wazo-suite-discovery. */
struct consul {
        bool enabled, by_suite;
        int64_t port; /* that is advertised, when it is not the service's own; 0 */
        char url[320];
        char token[128];
        char token_place[CHECK_PATH_MAX]; /* the file that the token stands in */
};

static int is_extra(const struct dirent *entry) {
        size_t n = strlen(entry->d_name);

        return *entry->d_name != '.' && n > 4 && streq(entry->d_name + n - 4, ".yml");
}

/* The files of a configuration, the one whose values win first; entries are to be freed. At most @max. */
static size_t list_files(const char *config, char **ret, size_t max) {
        char folder[CHECK_PATH_MAX];
        struct dirent **entries = NULL;
        size_t n = 0;
        int found;

        (void) snprintf(folder, sizeof(folder), "%.*s/conf.d", (int) (strrchr(config, '/') - config), config);
        found = scandir(folder, &entries, is_extra, alphasort);
        for (int i = 0; i < found; i++) {
                if (n + 1 < max && asprintf(&ret[n], "%s/%s", folder, entries[i]->d_name) >= 0)
                        n++;
                free(entries[i]);
        }
        free(entries);
        ret[n] = strdup(config);
        return n + (ret[n] != NULL);
}

static void take(char *to, size_t size, const struct yaml_node *root, const char *key) {
        const struct yaml_node *node = yaml_at(root, key);

        if (!*to && node && node->kind == YAML_KIND_SCALAR && !yaml_is_null(node))
                (void) strcopy(to, size, node->text);
}

/* As little of a configuration as a row needs: other daemons' files have much that is not for us to understand. */
static void read_consul(const char *config, struct consul *ret) {
        char *files[64], enabled[16] = "", scheme[16] = "", host[128] = "", port[16] = "", token[128] = "", advertised[16] = "";
        size_t n = list_files(config, files, ELEMENTSOF(files));

        *ret = (struct consul) {0};
        for (size_t i = 0; i < n; i++) {
                _cleanup_(yaml_node_freep) struct yaml_node *root = NULL;
                struct findings ignored = {0};

                if (yaml_load(files[i], FINDING_WARNING, &ignored, &root) == 0) {
                        bool before = *token;

                        take(enabled, sizeof(enabled), root, "service_discovery.enabled");
                        take(advertised, sizeof(advertised), root, "service_discovery.advertise_port");
                        take(scheme, sizeof(scheme), root, "consul.scheme");
                        take(host, sizeof(host), root, "consul.host");
                        take(port, sizeof(port), root, "consul.port");
                        take(token, sizeof(token), root, "consul.token");
                        if (!before && *token)
                                (void) strcopy(ret->token_place, sizeof(ret->token_place), files[i]);
                }
                findings_done(&ignored);
                free(files[i]);
        }
        ret->enabled = streq(enabled, "true") || streq(enabled, "yes") || streq(enabled, "on") ||
                       streq(enabled, "True");
        (void) snprintf(ret->url, sizeof(ret->url), "%s://%s:%s", *scheme ? scheme : "http",
                        *host ? host : "127.0.0.1", *port ? port : "8500");
        (void) strcopy(ret->token, sizeof(ret->token), token);
        ret->port = strtol(advertised, NULL, 10);
}

/* False when the row has been ended: consul has nothing to do with the service. */
static bool uses_consul(struct check *c, const struct manifest *m, struct consul *ret) {
        char path[CHECK_PATH_MAX];

        *ret = (struct consul) {0};
        if (m->facts.discovery.by == FACTS_DISCOVERY_NONE || !m->config) {
                check_skip(c, "by its manifest it is not registered");
                return false;
        }
        if (!check_path(c, m->config, path))
                return false;
        if (m->facts.discovery.by == FACTS_DISCOVERY_OWN)
                read_consul(path, ret);
        if (!ret->enabled && m->kind == MANIFEST_UNIT) {
                if (!check_path(c, SUITE_FILE, path))
                        return false;
                read_consul(path, ret);
                ret->by_suite = true;
        }
        if (!ret->enabled)
                check_skip(c, "service_discovery.enabled is false, as it is without being set");
        return ret->enabled;
}

void check_row_consul_token(struct check *c, const struct manifest *m) {
        struct consul consul;
        struct host_user user;
        struct stat st;
        gid_t group;

        if (!uses_consul(c, m, &consul))
                return;
        if (host_user(c->root, m->user, &user) < 0) {
                check_undecided(c, "the user %s is not known", m->user);
                return;
        }
        if (host_group(c->root, "consul", &group) == 0 && host_in_group(&user, group)) {
                check_pass(c, "%s is in the group consul", m->user);
                return;
        }
        if (!*consul.token_place) {
                check_skip(c, "no token is configured");
                return;
        }
        if (stat(consul.token_place, &st) < 0)
                check_undecided(c, "%s: %s", consul.token_place, strerror(errno));
        else if (host_may(&user, &st, 4))
                check_pass(c, "%s may read the token", m->user);
        else {
                check_fail(c, "%s may not read %s, which has the token", m->user,
                           consul.token_place + strlen(c->root));
                check_remedy(c, "adduser %s consul; systemctl restart %s", m->user, m->facts.unit.name);
        }
}

/* ---- what consul knows ---- */

struct entry {
        const char *id, *status, *output;
        const json_t *address;
        json_int_t port;
};

static const json_t *at(const json_t *object, const char *first, const char *second) {
        return json_object_get(json_object_get(object, first), second);
}

/* The worst of its checks is what it is. */
static void read_entry(const json_t *from, struct entry *ret) {
        static const char *const order[] = {"passing", "warning", "critical"};
        const json_t *checks = json_object_get(from, "Checks"), *one;
        size_t i, worst = 0;

        *ret = (struct entry) {
                .id = strempty(json_string_value(at(from, "Service", "ID"))),
                .status = order[0],
                .output = "",
                .address = at(from, "Service", "Address"),
                .port = json_integer_value(at(from, "Service", "Port")),
        };
        json_array_foreach(checks, i, one)
                for (size_t j = worst + 1; j < ELEMENTSOF(order); j++)
                        if (streq(strempty(json_string_value(json_object_get(one, "Status"))), order[j])) {
                                worst = j;
                                ret->status = order[j];
                                ret->output = strempty(json_string_value(json_object_get(one, "Output")));
                        }
}

/* The same server, twice: by its UUID, or where that is not known by its address. */
static size_t count_ours(const json_t *entries, json_int_t port, bool by_uuid, struct entry list[ENTRIES_MAX]) {
        const json_t *from;
        size_t i, n = 0;

        json_array_foreach(entries, i, from) {
                struct entry *e = &list[n];

                if (n == ENTRIES_MAX)
                        break;
                read_entry(from, e);
                n += by_uuid || (e->port == port && (n == 0 || json_equal(e->address, list[0].address)));
        }
        return n;
}

/* Which of them is right: the one that the suite would make, or one that passes. */
static size_t choose_right(const struct entry *list, size_t n, const char *id, json_int_t port) {
        size_t right = 0;

        for (size_t i = 0; i < n; i++) {
                if (streq(list[i].id, id))
                        return i;
                if (list[i].port == port && streq(list[i].status, "passing"))
                        right = i;
        }
        return right;
}

static void judge_entries(struct check *c, const struct manifest *m, const struct consul *consul,
                          const json_t *entries, const char *uuid) {
        json_int_t port = consul->port > 0 ? consul->port : m->port;
        struct entry list[ENTRIES_MAX];
        size_t n = count_ours(entries, port, uuid != NULL, list), right;
        char id[128], others[400] = "";

        consul_id(m->service, uuid, id, sizeof(id));
        right = choose_right(list, n, id, port);
        if (n == 0 || list[right].port != port) {
                check_fail(c, "consul knows no %s at port %d", m->service, (int) port);
                if (consul->by_suite)
                        check_remedy(c, "systemctl enable --now wazo-suite-discovery");
                else if (m->kind == MANIFEST_NATIVE)
                        check_remedy(c, "wazo-suite --service %s status: what worker discovery says", m->service);
                else
                        check_remedy(c, "systemctl restart %s: it registers at its start only", m->facts.unit.name);
                return;
        }
        for (size_t i = 0, at_byte = 0; i < n; i++)
                if (i != right && at_byte < sizeof(others))
                        at_byte += (size_t) snprintf(others + at_byte, sizeof(others) - at_byte,
                                                     "%sconsul services deregister -id=%s", at_byte ? "; " : "",
                                                     list[i].id);
        if (n > 1) {
                check_fail(c, "consul has %zu entries of %s for this server; right is %s", n, m->service, list[right].id);
                check_remedy(c, "%s", others);
        } else if (!streq(list[right].status, "passing")) {
                check_fail(c, "consul calls it %s: %.120s", list[right].status, list[right].output);
                check_remedy(c, "wazo-suite status, systemctl status %s: what is wrong with it", m->facts.unit.name);
        } else
                check_pass(c, "consul knows it at port %d, and it passes", (int) port);
}

void check_row_consul(struct check *c, const struct manifest *m) {
        _cleanup_(http_answer_done) struct http_answer answer = HTTP_ANSWER_NULL;
        const char *uuid = getenv("XIVO_UUID");
        char url[512], token[160];
        const char *const headers[] = {token, NULL};
        struct consul consul;
        json_t *entries;
        int r;

        if (!uses_consul(c, m, &consul))
                return;
        if (!c->live) {
                check_undecided(c, "these are a host's files, and no host that could be asked");
                return;
        }
        if (c->held_back) {
                check_skip(c, "it is held back by /var/lib/wazo/disabled");
                return;
        }
        if (uuid && !text_is_uuid(uuid))
                uuid = NULL;
        (void) snprintf(url, sizeof(url), "%s/v1/health/service/%s%s%s", consul.url, m->service, uuid ? "?tag=" : "",
                        strempty(uuid));
        (void) snprintf(token, sizeof(token), "X-Consul-Token: %s", consul.token);
        r = http_ask("GET", url, *consul.token ? headers : NULL, &answer);
        if (r < 0 || answer.status != 200) {
                check_fail(c, "%s: %s", url, r < 0 ? strerror(-r) : "it refuses to answer");
                check_remedy(c,
                             "see whether consul runs: systemctl status consul; or set service_discovery.enabled: "
                             "false in %s",
                             consul.by_suite ? SUITE_FILE : m->config);
                return;
        }
        entries = json_loads(strempty(answer.body), 0, NULL);
        judge_entries(c, m, &consul, entries, uuid);
        json_decref(entries);
}
