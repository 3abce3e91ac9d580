/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "monit/settings.h"

#define FILE_PATH "/etc/wazo-suite/monit.yml"

#define AT(member) .offset = offsetof(struct publish_settings, member)
static const struct keyword bus_keys[] = {
        {.name = "enabled", .type = KEYWORD_BOOLEAN, .preset = "true", AT(enabled),
         .doc = "false: changes are recorded, and not published"},
        {.name = "host", .type = KEYWORD_STRING, .min = 1, .max = 255, .preset = "localhost", AT(host), .doc = "of RabbitMQ"},
        {.name = "port", .type = KEYWORD_INTEGER, .min = 1, .max = 65535, .preset = "5672", AT(port), .doc = "without TLS"},
        {.name = "username", .type = KEYWORD_STRING, .min = 1, .max = 255, .preset = "guest", AT(username), .doc = "login"},
        {.name = "password", .type = KEYWORD_STRING, .flags = KEYWORD_SECRET, .max = 255, .preset = "guest",
         AT(password), .doc = "login"},
        {.name = "vhost", .type = KEYWORD_STRING, .min = 1, .max = 255, .preset = "/", AT(vhost), .doc = "virtual host"},
        {.name = "exchange_name", .type = KEYWORD_STRING, .min = 1, .max = 127, .preset = "wazo-headers",
         AT(exchange), .doc = "of type headers"},
        {0},
};
#undef AT

static const struct keyword keys[] = {
        {.name = "bus", .type = KEYWORD_SECTION, .section = bus_keys, .offset = offsetof(struct settings, bus),
         .doc = "where events go"},
        {0},
};

int settings_read(const char *root, struct findings *findings, struct settings *ret) {
        const struct keyword_reader reader = {.findings = findings, .unknown = FINDING_WARNING, .quiet_unknown = true};
        struct yaml_node *map = NULL;
        char path[512];
        int r;

        if (snprintf(path, sizeof(path), "%s" FILE_PATH, root) >= (int) sizeof(path))
                return -ENAMETOOLONG;
        r = yaml_load(path, FINDING_ERROR, findings, &map);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                map = NULL;
        if (r < 0 && r != -ENOENT && r != -EINVAL)
                findings_error(findings, NULL, "%s: %s", path, strerror(-r));
        *ret = (struct settings) {.root = map};
        keyword_read(&reader, keys, "", map, ret);
        return 0;
}

void settings_done(struct settings *s) {
        yaml_node_free(s->root);
        *s = (struct settings) {0};
}
