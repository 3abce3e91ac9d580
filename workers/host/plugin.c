/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/host/plugin.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>

#include "lib/elf.h"

/*
 * The loader knows the object as /proc/self/fd/N. Backtraces and debuggers should read its own name: the loader compares
 * names only to find an object that is already there, and of plugins there is one.
 */
static void tell_its_name(void *handle, const char *path) {
        static char name[512]; /* not in the heap, which may be broken when it is needed */
        struct link_map *map;

        if (strcopy(name, sizeof(name), path) && dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0)
                map->l_name = name;
}

/* What dlerror() says, with the file's own name in place of the descriptor's. */
static void say_load_error(const char *path, const char *link, const char *text, char *error, size_t error_size) {
        size_t n = strlen(link);

        if (strncmp(text, link, n) == 0 && strncmp(text + n, ": ", 2) == 0)
                text += n + 2;
        (void) snprintf(error, error_size, "cannot load %s: %s", path, text);
}

static int check_plugin(const struct wazo_plugin *plugin, const char *path, char *error, size_t error_size) {
        if (plugin->abi != WAZO_PLUGIN_ABI)
                (void) snprintf(error, error_size, "%s was built for plugin ABI %u, this host has %u: rebuild it", path,
                                plugin->abi, (unsigned) WAZO_PLUGIN_ABI);
        else if (plugin->size != sizeof(struct wazo_plugin))
                (void) snprintf(error, error_size, "%s was built with another wazo-plugin.h (struct wazo_plugin of %u bytes, "
                                "this host has %zu): rebuild it", path, plugin->size, sizeof(struct wazo_plugin));
        else
                return 0;
        return -ELIBBAD;
}

int plugin_load(int fd, const char *path, const struct wazo_plugin **ret, char *error, size_t error_size) {
        const struct wazo_plugin *plugin;
        char link[32];
        void *handle;
        int r;

        /* By descriptor: what was opened, and checked, is what runs. */
        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        handle = dlopen(link, RTLD_NOW | RTLD_LOCAL);
        if (!handle) {
                say_load_error(path, link, strempty(dlerror()), error, error_size);
                return -ELIBACC;
        }
        tell_its_name(handle, path);

        plugin = dlsym(handle, "wazo_plugin");
        if (!plugin) {
                (void) snprintf(error, error_size, "%s is no plugin: it defines no wazo_plugin", path);
                return -ELIBACC;
        }
        r = check_plugin(plugin, path, error, error_size);
        if (r < 0)
                return r;
        if (!plugin->name || !plugin->name[0]) {
                (void) snprintf(error, error_size, "%s is no plugin: it has no name", path);
                return -ELIBACC;
        }
        *ret = plugin;
        return 0;
}

int plugin_check_build_id(int fd, const char *path, const uint8_t *expected, char *error, size_t error_size) {
        char found_text[BUILD_ID_TEXT], expected_text[BUILD_ID_TEXT];
        uint8_t found[BUILD_ID_SIZE];
        int r;

        r = elf_build_id(fd, found);
        if (r < 0) {
                (void) snprintf(error, error_size, "%s is no shared object of this machine", path);
                return r;
        }
        if (memcmp(found, expected, BUILD_ID_SIZE) == 0)
                return 0;
        build_id_to_text(found, found_text);
        build_id_to_text(expected, expected_text);
        (void) snprintf(error, error_size, "%s is not what its description was made from (build-id %.12s, described %.12s): "
                        "reload the service", path, found_text, expected_text);
        return -ELIBBAD;
}
