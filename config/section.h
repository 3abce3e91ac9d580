/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A plugin's own section of the configuration: typed by the "config" of its description.
 */
#pragma once

#include "config/keyword.h"

/* Whether @config (NULL: none) is a list of well-formed keys; else *reterr says what is wrong, in at most @size bytes. */
int section_check(const json_t *config, char *reterr, size_t size) _must_check_;

/*
 * The section of @plugin as an object that has every key, given or default. @map is its entry in the configuration, or NULL.
 * What is wrong becomes a finding. -ENOMEM.
 */
int section_read(const json_t *config, const char *plugin, const struct yaml_entry *entry, struct findings *findings,
                 json_t **ret) _must_check_;
