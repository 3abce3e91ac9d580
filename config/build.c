/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/build.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/un.h>

#include "config/certificate.h"
#include "config/descriptions.h"
#include "config/layout.h"
#include "config/manifest.h"
#include "config/plan.h"
#include "config/settings.h"
#include "config/slices.h"
#include "config/text.h"
#include "config/tokens.h"
#include "config/workers.h"
#include "lib/log.h"
#include "lib/paths.h"

struct build {
        const struct config_request *request;
        const struct paths *paths;
        struct findings *findings;
        struct layout layout;
        struct manifest manifest;
        struct settings settings;
        struct descriptions descriptions;
        struct tokens tokens;
        struct plan plan;
        struct workers workers;
        char certificate[CERTIFICATE_DIGEST_SIZE]; /* "" without TLS */
};

static void build_done(struct build *b) {
        workers_done(&b->workers);
        tokens_done(&b->tokens);
        descriptions_done(&b->descriptions);
        settings_done(&b->settings);
        manifest_done(&b->manifest);
}

/* The place of a setting, or of nothing when it has its default. */
static const struct place *setting_place(const struct build *b, const char *path) {
        const struct yaml_node *node = yaml_at(b->settings.root, path);

        return node ? &node->place : NULL;
}

static bool has_gateway(const struct manifest *m) {
        for (size_t i = 0; i < m->n_workers; i++)
                if (m->workers[i].kind == WIRE_KIND_GATEWAY)
                        return true;
        return false;
}

static bool check_readable(const struct build *b, const char *key, const char *path) {
        if (!path || access(path, R_OK) >= 0)
                return path != NULL;
        findings_error(b->findings, setting_place(b, key), "%s: cannot read the file: %m", key);
        return false;
}

static void read_certificate(struct build *b) {
        const struct settings_rest_api *api = &b->settings.rest_api;
        bool certificate = check_readable(b, "rest_api.certificate", api->certificate);
        bool key = check_readable(b, "rest_api.private_key", api->private_key);
        char problem[160];
        int r;

        if (!certificate || !key)
                return;
        r = certificate_check(api->certificate, api->private_key, b->certificate, problem, sizeof(problem));
        if (r != 0)
                findings_error(b->findings, setting_place(b, "rest_api.certificate"),
                               "rest_api.certificate and rest_api.private_key cannot be used: %s", r < 0 ? strerror(-r) : problem);
}

static void make_listener(struct build *b) {
        const struct settings_rest_api *api = &b->settings.rest_api;
        uint8_t address[sizeof(struct in6_addr)];

        if (!has_gateway(&b->manifest))
                return;
        if (inet_pton(AF_INET, api->listen, address) != 1 && inet_pton(AF_INET6, api->listen, address) != 1)
                findings_error(b->findings, setting_place(b, "rest_api.listen"),
                               "rest_api.listen must be a numeric address such as 127.0.0.1 or ::1, or localhost");
        read_certificate(b);
        b->plan.listeners[b->plan.n_listeners++] = (struct plan_listener) {
                .name = "http",
                .address = api->listen,
                .port = b->request->port > 0 ? b->request->port
                                             : (uint32_t) (api->port > 0 ? api->port : b->manifest.port),
                .tls_cert = strempty(api->certificate),
                .tls_key = strempty(api->private_key),
        };
        if (b->request->port > UINT16_MAX)
                findings_error(b->findings, NULL, "--port must be a number from 1 to 65535");
}

static uint32_t choose_log_level(const struct build *b) {
        if (b->request->debug || b->settings.debug)
                return LOG_LEVEL_DEBUG;
        if (b->request->log_level >= 0)
                return (uint32_t) b->request->log_level;
        return (uint32_t) b->settings.log_level;
}

static const char *choose_user(const struct build *b) {
        if (b->request->user)
                return b->request->user;
        if (*b->layout.dev)
                return "";
        return b->settings.user ? b->settings.user : strempty(b->manifest.user);
}

static void make_whole(struct build *b) {
        bool dev = *b->layout.dev;

        b->plan.service = b->manifest.service;
        b->plan.version = CONFIG_WAZO_VERSION;
        b->plan.user = choose_user(b);
        b->plan.run_dir = b->layout.run;
        b->plan.state_dir = b->layout.state;
        /* In development everything is below one directory, whatever a copied configuration says. */
        b->plan.log_path = b->settings.log_file && !dev ? b->settings.log_file : b->layout.log;
        b->plan.pid_path = "";
        b->plan.control_path = b->layout.control;
        b->plan.control_group = dev ? "" : "wazo-suite";
        b->plan.log_level = choose_log_level(b);
        if (strlen(b->layout.control) >= sizeof(((struct sockaddr_un *) NULL)->sun_path))
                findings_error(b->findings, NULL, "%s: too long a path for a socket, which may have %zu letters",
                               b->layout.control, sizeof(((struct sockaddr_un *) NULL)->sun_path) - 1);
        if (b->request->profile)
                findings_warning(b->findings, NULL, "-p has no effect: there is no profiling yet");
}

static const char *find_uuid(const struct build *b) {
        const char *uuid = getenv("XIVO_UUID");

        if (!uuid || !*uuid)
                return NULL;
        if (text_is_uuid(uuid))
                return uuid;
        findings_warning(b->findings, NULL, "the environment variable XIVO_UUID is no UUID: it is left out");
        return NULL;
}

static int read_all(struct build *b) {
        const struct config_request *request = b->request;
        const char *plugin_dir = *b->layout.plugin_dir ? b->layout.plugin_dir : NULL;
        size_t errors = b->findings->n_errors;
        int r;

        r = manifest_read(request->service, b->layout.services_dirs, b->findings, &b->manifest);
        if (r < 0)
                return r == -ENOENT ? 1 : r;
        if (b->findings->n_errors == errors && b->manifest.kind >= MANIFEST_UNIT)
                findings_error(b->findings, &b->manifest.root->place,
                               "%s is not run by wazo-supervisord: its manifest is of kind %s",
                               request->service, manifest_kind_to_string(b->manifest.kind));
        r = layout_finish(&b->layout, request, &b->manifest);
        if (r < 0)
                return r;
        if (*b->layout.config) {
                r = settings_read(b->layout.config, request->config_file != NULL,
                                  *b->layout.extra ? b->layout.extra : NULL, b->findings, &b->settings);
                if (r < 0)
                        return r;
        }
        /* With half a manifest, whatever else would be found is not worth saying. */
        if (b->findings->n_errors > errors && !b->manifest.workers)
                return 1;
        if (!b->settings.root) {
                r = settings_read("", false, NULL, b->findings, &b->settings);
                if (r < 0)
                        return r;
        }

        r = descriptions_read(&b->manifest, &b->settings, plugin_dir, b->paths, b->findings, &b->descriptions);
        if (r < 0)
                return r;
        return tokens_read(b->settings.auth.token_file ? b->settings.auth.token_file : b->layout.tokens,
                           b->settings.auth.token_file != NULL, b->findings, &b->tokens);
}

static int make_workers(struct build *b) {
        const struct workers_request request = {
                .manifest = &b->manifest,
                .settings = &b->settings,
                .descriptions = &b->descriptions,
                .paths = b->paths,
                .findings = b->findings,
                .facts = {
                        .service = b->plan.service,
                        .version = CONFIG_WAZO_VERSION,
                        .prefix = b->manifest.prefix,
                        .uuid = find_uuid(b),
                        .db_uri = b->settings.db_uri ? b->settings.db_uri : b->layout.db_uri,
                        .driver_dir = b->paths->drivers,
                        .migrations = b->paths->migrations,
                        .crashes_dir = b->layout.crashes,
                        .cores_dir = b->layout.cores,
                        .control_group = b->plan.control_group,
                        .owner_commands = *b->layout.dev,
                        .plan = &b->plan,
                        .certificate = b->certificate,
                        .descriptions = &b->descriptions,
                        .settings = &b->settings,
                        .tokens = &b->tokens,
                        .findings = b->findings,
                },
        };
        int r = workers_make(&request, &b->workers);

        if (r < 0)
                return r;
        b->plan.workers = b->workers.list;
        b->plan.n_workers = b->workers.n;
        return 0;
}

int config_build_at(const struct paths *paths, const struct config_request *request, struct findings *findings,
                    struct pack *ret_plan, char **ret_descriptions, size_t *ret_descriptions_size) {
        _cleanup_(build_done) struct build b = {.request = request, .paths = paths, .findings = findings};
        _cleanup_(pack_done) struct pack packed = PACK_NULL;
        _cleanup_free_ char *document = NULL;
        size_t document_size;
        int r;

        r = layout_begin(&b.layout, request, paths);
        if (r < 0)
                return r;
        r = read_all(&b);
        if (r != 0)
                return r;
        if (b.manifest.n_workers > 0 && b.manifest.service) {
                make_whole(&b);
                make_listener(&b);
                r = make_workers(&b);
                if (r < 0)
                        return r;
        }
        if (!findings_pass(findings))
                return 1;

        r = plan_encode(&b.plan, &packed);
        if (r == -E2BIG) {
                findings_error(findings, NULL, "the plan would be larger than %u MiB", PLAN_SIZE_MAX / 1024 / 1024);
                return 1;
        }
        if (r < 0)
                return r;
        r = descriptions_document(&b.descriptions, &document, &document_size);
        if (r < 0)
                return r;

        *ret_plan = packed;
        packed = PACK_NULL;
        *ret_descriptions = STEAL(document);
        *ret_descriptions_size = document_size;
        return 0;
}

int config_build(const struct config_request *request, struct findings *findings, struct pack *ret_plan,
                 char **ret_descriptions, size_t *ret_descriptions_size) {
        struct paths paths;
        int r = paths_find(&paths);

        if (r < 0)
                return r;
        return config_build_at(&paths, request, findings, ret_plan, ret_descriptions, ret_descriptions_size);
}
