/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows about consul, where a service's configuration has it registered.
 */
#include <dirent.h>

#include "units/check/check.h"
#include "units/check/host.h"
#include "units/check/http.h"

/* What a service's configuration says of consul. */
struct consul {
        bool enabled;
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
        char *files[64], enabled[16] = "", scheme[16] = "", host[128] = "", port[16] = "", token[128] = "";
        size_t n = list_files(config, files, ELEMENTSOF(files));

        *ret = (struct consul) {0};
        for (size_t i = 0; i < n; i++) {
                _cleanup_(yaml_node_freep) struct yaml_node *root = NULL;
                struct findings ignored = {0};

                if (yaml_load(files[i], FINDING_WARNING, &ignored, &root) == 0) {
                        bool before = *token;

                        take(enabled, sizeof(enabled), root, "service_discovery.enabled");
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
        read_consul(path, ret);
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

void check_row_consul(struct check *c, const struct manifest *m) {
        _cleanup_(http_answer_done) struct http_answer answer = HTTP_ANSWER_NULL;
        char url[512], token[160];
        const char *const headers[] = {token, NULL};
        struct consul consul;
        json_t *entries, *entry;
        size_t i, good = 0;
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
        (void) snprintf(url, sizeof(url), "%s/v1/health/service/%s?passing=true", consul.url, m->service);
        (void) snprintf(token, sizeof(token), "X-Consul-Token: %s", consul.token);
        r = http_ask("GET", url, *consul.token ? headers : NULL, &answer);
        if (r < 0 || answer.status != 200) {
                check_fail(c, "%s: %s", url, r < 0 ? strerror(-r) : "it refuses to answer");
                check_remedy(c,
                             "see whether consul runs: systemctl status consul; or set service_discovery.enabled: "
                             "false in %s",
                             m->config);
                return;
        }
        entries = json_loads(strempty(answer.body), 0, NULL);
        json_array_foreach(entries, i, entry)
                good += json_integer_value(json_object_get(json_object_get(entry, "Service"), "Port")) == m->port;
        i = json_array_size(entries);
        json_decref(entries);
        if (good == 0) {
                check_fail(c, "consul knows no %s at port %d that passes", m->service, (int) m->port);
                check_remedy(c,
                             m->facts.discovery.by == FACTS_DISCOVERY_OWN ?
                                     "systemctl restart %s: it registers at its start only" :
                                     "systemctl restart wazo-suite-discovery",
                             m->facts.unit.name);
        } else if (i > 1) {
                check_fail(c, "consul has %zu entries of %s that pass", i, m->service);
                check_remedy(c, "deregister those that are none: consul services deregister -id=ID; of two hosts "
                                "that share a datacenter, both are right");
        } else
                check_pass(c, "consul knows it at port %d, and it passes", (int) m->port);
}
