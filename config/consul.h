/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keys "consul" and "service_discovery" of a Wazo configuration: of a service's own, and of wazo-suite-discovery's.
 */
#pragma once

#include "config/keyword.h"

struct consul_settings {
        int64_t scheme; /* 0: http; 1: https */
        int64_t port;
        const char *host;
        const char *token;               /* NULL: none */
        const struct yaml_node *verify;  /* NULL, a boolean, or the path of the authorities' certificates */
};

struct discovery_settings {
        bool enabled;
        const char *advertise_address, *advertise_address_interface;
        int64_t advertise_port;          /* 0: the service's own */
        int64_t ttl, refresh, retry;     /* milliseconds */
        const struct yaml_node *extra_tags; /* a list, or NULL */
};

extern const struct keyword consul_keys[], discovery_keys[];

/* What no single key's type can say becomes a finding. @root: the map that both sections stand in. */
void consul_check(const struct yaml_node *root, struct consul_settings *consul, struct discovery_settings *discovery,
                  struct findings *findings);

/* The file or directory of authorities that the setting "verify" names, or NULL. */
const char *consul_authorities(const struct consul_settings *consul);
/* Whether its name has to be looked up. */
bool consul_by_name(const struct consul_settings *consul);

/*
 * What a registrar is told (docs/slices.md): where consul is and how it is spoken to, and how services are registered. NULL is
 * out of memory.
 */
json_t *consul_json(const struct consul_settings *consul, const struct discovery_settings *discovery);

/* The id of the service @name on this host: always the same, and nobody else's. @uuid: XIVO_UUID, or NULL. */
void consul_id(const char *name, const char *uuid, char *ret, size_t size);
