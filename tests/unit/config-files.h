/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of config/ share: a folder of their own, files in it, and findings as text.
 */
#pragma once

#include "config/findings.h"

/* A new folder for this test; the name stays valid until files_end(), which removes it with all that is in it. */
const char *files_begin(void);
void files_end(void);

/* The path of a file in it; a few of them stay valid at once. */
const char *files_path(const char *name);
/* Writes one, making the folders above it. */
void files_write(const char *name, const char *text);
void files_write_bytes(const char *name, const void *data, size_t size);

/* A file that has just enough of a shared object to have a build-id: 20 times @byte. */
void files_write_object(const char *name, uint8_t byte);
/* The description of such an object: @routes is JSON, @more is appended members such as ", \"config\": []". */
void files_write_description(const char *name, const char *plugin, uint8_t byte, const char *routes, const char *more);

/* All findings with the folder's name cut out: "/config.yml:1:2: error: ...". Valid until the next call. */
const char *files_findings(struct findings *findings);
