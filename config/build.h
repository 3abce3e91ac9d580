/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a command line and files to a plan.
 */
#pragma once

#include "config/findings.h"
#include "config/request.h"
#include "lib/pack.h"
#include "lib/paths.h"

/* The version of Wazo whose REST API and tables the services have. */
#define CONFIG_WAZO_VERSION "26.08"

/*
 * Reads the manifest, the settings, the tokens and the descriptions, and makes the plan (config/plan.h, packed) and the
 * descriptions document (config/descriptions.h). XIVO_UUID is taken from the environment. Everything that is wrong is added
 * to @findings. 0; 1: the findings do not pass, and nothing is returned; or -ENOMEM and the like.
 *
 * Manifests are looked for in the request's services_dirs, DIR/etc/services.d (--dev), /etc/wazo-suite/services.d, and where
 * the shipped ones are.
 */
int config_build(const struct config_request *request, struct findings *findings, struct pack *ret_plan, char **ret_descriptions,
                 size_t *ret_descriptions_size) _must_check_;

/* The same with the suite's parts at other places than beside the running program. */
int config_build_at(const struct paths *paths, const struct config_request *request, struct findings *findings,
                    struct pack *ret_plan, char **ret_descriptions, size_t *ret_descriptions_size) _must_check_;
