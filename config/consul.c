/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/consul.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <systemd/sd-id128.h>

#include "config/findings.h"
#include "config/text.h"

/* The suite's own name for a machine: by it nobody learns the machine's id. */
#define SUITE_ID SD_ID128_MAKE(7c, 1d, 5a, 90, 3e, 0b, 4f, 5e, a6, 84, 2b, d7, 19, c3, e8, 41)

#define HOUR_MSEC INT64_C(3600000)
#define AT(structure, member) .offset = offsetof(struct structure, member)

static const char *const schemes[] = {"http", "https", NULL};

const struct keyword consul_keys[] = {
        {.name = "scheme", .type = KEYWORD_WORD, .words = schemes, .preset = "http", AT(consul_settings, scheme),
         .doc = "with TLS, or without"},
        {.name = "host", .type = KEYWORD_STRING, .min = 1, .max = 253, .preset = "localhost", AT(consul_settings, host),
         .doc = "name or address of consul's agent, which should be this host's"},
        {.name = "port", .type = KEYWORD_INTEGER, .min = 1, .max = 65535, .preset = "8500", AT(consul_settings, port),
         .doc = "its TCP port"},
        {.name = "token", .type = KEYWORD_STRING, .max = 255, .flags = KEYWORD_SECRET, AT(consul_settings, token),
         .doc = "with the rights `service:write` of each name that is registered, where consul wants one"},
        {.name = "verify", .type = KEYWORD_ANY, AT(consul_settings, verify),
         .doc = "https: `true`, as without it: the certificate is signed by an authority of the system's and is for `host`; a path: by one of "
                "that file or directory; `false`: it is believed"},
        {0},
};

const struct keyword discovery_keys[] = {
        {.name = "enabled", .type = KEYWORD_BOOLEAN, .preset = "false", AT(discovery_settings, enabled),
         .doc = "registered with consul"},
        {.name = "advertise_address", .type = KEYWORD_STRING, .min = 1, .max = 253, .preset = "auto",
         AT(discovery_settings, advertise_address),
         .doc = "where others find it; `auto`: the first IPv4 address of the interface below, else of one whose name begins with `eth` or `en`, "
                "else 127.0.0.1"},
        {.name = "advertise_address_interface", .type = KEYWORD_STRING, .min = 1, .max = 15, .preset = "eth0",
         AT(discovery_settings, advertise_address_interface), .doc = "looked at first by `auto`"},
        {.name = "advertise_port", .type = KEYWORD_INTEGER, .min = 1, .max = 65535, AT(discovery_settings, advertise_port),
         .doc = "without it the port that it listens on"},
        {.name = "ttl_interval", .type = KEYWORD_DURATION, .min = 1000, .max = 24 * HOUR_MSEC, .preset = "30s",
         AT(discovery_settings, ttl),
         .doc = "consul calls it critical when it has heard nothing for this long"},
        {.name = "refresh_interval", .type = KEYWORD_DURATION, .min = 100, .max = 24 * HOUR_MSEC, .preset = "25s",
         AT(discovery_settings, refresh),
         .doc = "how often consul is told that it lives; shorter than `ttl_interval`"},
        {.name = "retry_interval", .type = KEYWORD_DURATION, .min = 100, .max = HOUR_MSEC, .preset = "2s",
         AT(discovery_settings, retry),
         .doc = "how soon consul is asked again when it does not answer; then twice as long each time, up to `refresh_interval`"},
        {.name = "extra_tags", .type = KEYWORD_STRINGS, .min = 1, .max = 64, AT(discovery_settings, extra_tags),
         .doc = "tags besides the server's UUID and the service's name"},
        {0},
};

static const struct place *place_at(const struct yaml_node *root, const char *path) {
        const struct yaml_node *node = yaml_at(root, path);

        return node ? &node->place : NULL;
}

/* What may stand in a URL as it is. */
static bool is_host(const char *host) {
        return !host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:")];
}

static bool is_plain(const char *text) {
        for (const char *c = text; *c; c++)
                if (*c <= ' ' || *c > '~')
                        return false;
        return true;
}

static bool is_verify(const struct yaml_node *node) {
        static const char *const words[] = {"true", "True", "yes", "on", "false", "False", "no", "off"};

        if (node->kind != YAML_KIND_SCALAR)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(node->text, words[i]))
                        return true;
        return text_is_path(node->text);
}

void consul_check(const struct yaml_node *root, struct consul_settings *consul, struct discovery_settings *discovery,
                  struct findings *findings) {
        uint8_t address[sizeof(struct in6_addr)];

        if (!is_host(consul->host))
                findings_error(findings, place_at(root, "consul.host"), "consul.host must be a name or an address");
        if (consul->token && !is_plain(consul->token))
                findings_error(findings, place_at(root, "consul.token"),
                               "consul.token must be of printable letters, without blanks");
        if (consul->verify && yaml_is_null(consul->verify))
                consul->verify = NULL;
        if (consul->verify && !is_verify(consul->verify)) {
                findings_error(findings, &consul->verify->place, "consul.verify must be true, false or an absolute path");
                consul->verify = NULL;
        }
        if (!streq(discovery->advertise_address, "auto") && inet_pton(AF_INET, discovery->advertise_address, address) != 1 &&
            inet_pton(AF_INET6, discovery->advertise_address, address) != 1 && !is_host(discovery->advertise_address))
                findings_error(findings, place_at(root, "service_discovery.advertise_address"),
                               "service_discovery.advertise_address must be auto, an address or a name");
        if (discovery->refresh >= discovery->ttl) {
                const struct place *place = place_at(root, "service_discovery.refresh_interval");

                findings_error(findings, place ? place : place_at(root, "service_discovery.ttl_interval"),
                               "service_discovery.refresh_interval must be shorter than service_discovery.ttl_interval");
        }
}

const char *consul_authorities(const struct consul_settings *consul) {
        return consul->scheme == 1 && consul->verify && *consul->verify->text == '/' ? consul->verify->text : NULL;
}

/* With TLS the name is what the certificate is for. */
static const char *host_of(const struct consul_settings *consul) {
        return consul->scheme == 0 && streq(consul->host, "localhost") ? "127.0.0.1" : consul->host;
}

bool consul_by_name(const struct consul_settings *consul) {
        uint8_t address[sizeof(struct in6_addr)];
        const char *host = host_of(consul);

        return inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1;
}

static bool is_believed(const struct yaml_node *verify) {
        return verify && strchr("fFno", *verify->text) && !streq(verify->text, "on");
}

json_t *consul_json(const struct consul_settings *consul, const struct discovery_settings *discovery) {
        const char *host = host_of(consul);
        json_t *tags = json_array();
        char url[320];

        (void) snprintf(url, sizeof(url), strchr(host, ':') ? "%s://[%s]:%d" : "%s://%s:%d", schemes[consul->scheme],
                        host, (int) consul->port);
        for (size_t i = 0; tags && i < yaml_count(discovery->extra_tags); i++)
                if (json_array_append_new(tags, json_string(yaml_text(discovery->extra_tags, i))) < 0) {
                        json_decref(tags);
                        tags = NULL;
                }
        return json_pack("{s:{s:s, s:s?, s:b, s:s?}, s:s, s:s, s:I, s:I, s:I, s:o}",
                         "consul", "url", url, "token", consul->token, "verify", !is_believed(consul->verify), "ca", consul_authorities(consul),
                         "address", discovery->advertise_address,
                         "interface", discovery->advertise_address_interface,
                         "ttl_ms", (json_int_t) discovery->ttl,
                         "refresh_ms", (json_int_t) discovery->refresh,
                         "retry_ms", (json_int_t) discovery->retry,
                         "extra_tags", tags);
}

void consul_id(const char *name, const char *uuid, char *ret, size_t size) {
        char host[65] = "localhost", machine[SD_ID128_STRING_MAX];
        sd_id128_t id;

        /* Where a machine has no id, a server has its UUID, or at least a name. */
        if (sd_id128_get_machine_app_specific(SUITE_ID, &id) >= 0)
                (void) snprintf(ret, size, "%s-%.16s", name, sd_id128_to_string(id, machine));
        else if (uuid)
                (void) snprintf(ret, size, "%s-%s", name, uuid);
        else {
                (void) gethostname(host, sizeof(host) - 1);
                (void) snprintf(ret, size, "%s-%s", name, host);
        }
}
