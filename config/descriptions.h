/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The descriptions of a service's enabled plugins (docs/description.md): found, checked, and put together into the one
 * document that the gateway and control get.
 *
 * A plugin with a problem (no shared object, another ABI, a route that another one has) does not run. It stays in the
 * document, with the problem, so that its routes answer 503 and status names it.
 */
#pragma once

#include <jansson.h>

#include "config/manifest.h"
#include "config/request.h"
#include "config/settings.h"
#include "lib/elf.h"
#include "lib/paths.h"

#define DESCRIPTIONS_MAX 1024
#define DESCRIPTION_CLASSES_MAX 8
#define DESCRIPTION_ABI 1

struct description {
        char *name;
        struct place place; /* where it is enabled */
        char *path;         /* of the shared object */
        char *text;         /* the JSON, as it was read */
        size_t size;
        json_t *root;       /* NULL when there is none that could be read */
        bool routable;      /* its routes are well-formed, so that the document can carry the text */
        uint8_t build_id[BUILD_ID_SIZE];
        const char *classes[DESCRIPTION_CLASSES_MAX]; /* of instances, beyond "default"; in root */
        size_t n_classes;
        char *problem;      /* NULL: it runs */
};

struct descriptions {
        struct description *list;
        size_t n;
};

/*
 * In the manifest's order, then by name. Problems and plugins that nobody knows become warnings. -ENOMEM.
 */
int descriptions_read(const struct manifest *manifest, const struct settings *settings, const char *plugin_dir,
                      const struct paths *paths, struct findings *findings, struct descriptions *ret) _must_check_;
void descriptions_done(struct descriptions *d);

/* Sets the problem of a description and says it as a warning. */
int description_refuse(struct description *d, struct findings *findings, const char *format, ...) _printf_(3, 4);

/* {"plugins": [...], "problems": [{"plugin": ..., "text": ...}]}; those with a problem come last. */
int descriptions_document(const struct descriptions *d, char **ret, size_t *ret_size) _must_check_;
