/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slices: what each worker is told of the configuration (docs/slices.md), as JSON text. What does not concern a worker does
 * not change its slice.
 */
#pragma once

#include "config/descriptions.h"
#include "config/plan.h"
#include "config/settings.h"
#include "config/tokens.h"

struct slice_facts {
        const char *service, *version, *prefix;
        const char *uuid;                    /* XIVO_UUID, or NULL */
        const char *db_uri, *driver_dir, *migrations;
        const char *crashes_dir, *cores_dir, *control_group;
        bool owner_commands;                 /* who runs it is its operator: --dev */
        const json_t *idle;                  /* workers on demand: name to milliseconds */
        uint64_t gateway_drain_msec;
        const struct plan *plan;             /* its listeners */
        const char *certificate;             /* digest of theirs, or "": with another one gateways are replaced */
        const struct descriptions *descriptions;
        const struct settings *settings;
        const struct tokens *tokens;
        struct findings *findings;
};

/* Each: newly allocated text, or -ENOMEM. */
int slice_gateway(const struct slice_facts *facts, char **ret) _must_check_;
int slice_control(const struct slice_facts *facts, char **ret) _must_check_;
int slice_migrate(const struct slice_facts *facts, char **ret) _must_check_;
int slice_relay(const struct slice_facts *facts, char **ret) _must_check_;
int slice_discovery(const struct slice_facts *facts, char **ret) _must_check_;
/* Checks the plugin's own section on the way. */
int slice_plugin(const struct slice_facts *facts, const struct description *description, char **ret) _must_check_;
