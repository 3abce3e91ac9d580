/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-plugin-describe [--sandbox] PLUGIN.so [FILE]: writes the plugin's description (docs/description.md) to the file or to
 * standard output. The build runs it for our own plugins, the configuration child for those in a --plugin-dir, and then with a
 * sandbox (lib/sandbox.h) on standard input, which it applies before it loads anything. Exit status: 0; 1 the
 * plugin cannot be described, with a sentence on standard error; 2 it was called wrongly.
 */
#include <fcntl.h>
#include <stdio.h>

#include "lib/elf.h"
#include "lib/memfd.h"
#include "lib/sandbox.h"
#include "workers/host/plugin.h"
#include "workers/kit/describe.h"

enum { EXIT_USAGE = 2 };

static int describe(const char *path, char **ret, char *error, size_t error_size) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        char build_id_text[BUILD_ID_TEXT];
        uint8_t build_id[BUILD_ID_SIZE];
        const struct wazo_plugin *plugin;
        int r;

        if (fd < 0) {
                r = -errno;
                (void) snprintf(error, error_size, "cannot open %s: %s", path, strerror(-r));
                return r;
        }
        /* Before any of its code runs: a file that is no shared object is said to be just that. */
        r = elf_build_id(fd, build_id);
        if (r < 0) {
                (void) snprintf(error, error_size, "%s is no shared object of this machine", path);
                return r;
        }
        r = plugin_load(fd, path, &plugin, error, error_size);
        if (r < 0)
                return r;
        build_id_to_text(build_id, build_id_text);
        return wazo_plugin_describe(plugin, build_id_text, ret, error, error_size);
}

/* NULL: to standard output. */
static int put(const char *path, const char *json) {
        _cleanup_close_ int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)
                                      : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        int r;

        if (fd < 0)
                return -errno;
        r = write_all(fd, json, strlen(json));
        return r < 0 ? r : write_all(fd, "\n", 1);
}

static int confine(char *error, size_t error_size) {
        _cleanup_free_ char *data = NULL;
        struct sandbox_outcome outcome;
        struct sandbox sandbox;
        const char *step = "read it";
        size_t size;
        int r;

        r = memfd_read(STDIN_FILENO, SANDBOX_SIZE_MAX, &data, &size);
        if (r >= 0)
                r = sandbox_decode(data, size, &sandbox);
        if (r >= 0)
                r = sandbox_apply(&sandbox, &outcome, &step);
        if (r < 0)
                (void) snprintf(error, error_size, "the sandbox cannot be applied: cannot %s: %s", step, strerror(-r));
        return r;
}

int main(int argc, char **argv) {
        _cleanup_free_ char *json = NULL;
        char error[1024] = "";
        const char *output;
        int r = 0;

        if (argc > 1 && streq(argv[1], "--sandbox")) {
                r = confine(error, sizeof(error));
                argc--;
                argv++;
        }
        if (argc < 2 || argc > 3 || argv[1][0] == '-') {
                (void) fprintf(stderr, "usage: wazo-plugin-describe [--sandbox] PLUGIN.so [FILE]\n");
                return EXIT_USAGE;
        }
        output = argc > 2 ? argv[2] : NULL;
        if (r >= 0)
                r = describe(argv[1], &json, error, sizeof(error));
        if (r < 0) {
                (void) fprintf(stderr, "wazo-plugin-describe: %s\n", error[0] ? error : strerror(-r));
                return EXIT_FAILURE;
        }
        r = put(output, json);
        if (r < 0) {
                (void) fprintf(stderr, "wazo-plugin-describe: cannot write %s: %s\n",
                               output ? output : "standard output", strerror(-r));
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
