/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sandbox of each worker (lib/sandbox.h), from what its kind needs and from what its plugin's description says of its needs
 * (docs/sandbox.md). What is the same for many workers is compiled once.
 */
#pragma once

#include <jansson.h>

#include "config/slices.h"
#include "lib/sandbox.h"

/* Compiled filters, by what they let through. */
struct sandbox_filters {
        struct {
                unsigned needs;
                uint8_t *data;
                size_t size;
        } list[16];
        size_t n;
};

void sandbox_filters_done(struct sandbox_filters *filters);

struct sandbox_request {
        enum wire_kind kind;
        uint32_t mode;                   /* enum sandbox_mode */
        const struct slice_facts *facts;
        const struct paths *paths;
        const struct description *plugin; /* or NULL; with its path and needs */
        const char *slice;               /* its JSON: paths of needs may be settings of the plugin's */
        const char *name;                /* of the worker: its folder of cores, if it has any */
        uint32_t core_mib;               /* how large; 0: none */
};

/* Packs the sandbox. A need that cannot be met becomes a finding. -ENOMEM, or what libseccomp says. */
int sandbox_make(struct sandbox_filters *filters, const struct sandbox_request *request, struct pack *ret) _must_check_;

/* That of wazo-plugin-describe, which loads @plugin to ask it: it may read where plugins are, and nothing else. */
int sandbox_make_describer(const struct paths *paths, const char *plugin, uint32_t mode, struct pack *ret) _must_check_;

/* Whether the member "sandbox" of a description is well-formed: 0, or -EINVAL and a sentence. */
int sandbox_check_needs(const json_t *needs, char *reterr, size_t size) _must_check_;
