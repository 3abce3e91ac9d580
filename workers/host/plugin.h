/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loading a plugin's shared object: what the plugin host and wazo-plugin-describe have in common. */
#pragma once

#include "lib/util.h"
#include "workers/kit/wazo-plugin.h"

/*
 * Loads the shared object that is open as @fd and checks that it was made for this kit. It stays loaded for good. @path is
 * where it came from, for messages and for debuggers. -ELIBACC when it does not load or is no plugin, -ELIBBAD when it is
 * of another ABI; @error then has a sentence for people.
 */
int plugin_load(int fd, const char *path, const struct wazo_plugin **ret, char *error, size_t error_size) _must_check_;

/* -ELIBBAD, with a sentence, unless the file has this build-id: it is not the one that was described. */
int plugin_check_build_id(int fd, const char *path, const uint8_t *expected, char *error, size_t error_size) _must_check_;
