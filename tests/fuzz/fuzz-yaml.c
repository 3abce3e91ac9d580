/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a configuration file: read as YAML, as settings, as tokens, and merged with itself.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "config/manifest.h"
#include "config/settings.h"
#include "config/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The readers take paths; a memory file has one. */
static void read_as_file(const uint8_t *data, size_t size) {
        _cleanup_(findings_done) struct findings findings = {0};
        _cleanup_(settings_done) struct settings settings = SETTINGS_NULL;
        _cleanup_(tokens_done) struct tokens tokens = {0};
        _cleanup_close_ int fd = memfd_create("fuzz", MFD_CLOEXEC);
        struct settings_worker worker;
        char path[64];

        if (fd < 0 || write(fd, data, size) != (ssize_t) size)
                return;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (settings_read(path, true, NULL, &findings, &settings) < 0)
                (void) raise(SIGABRT);
        settings_worker(&settings, "user", &findings, &worker);
        if (tokens_read(path, true, &findings, &tokens) < 0)
                (void) raise(SIGABRT);
}

static void read_as_manifest(const uint8_t *data, size_t size) {
        static char dir[64];
        _cleanup_(findings_done) struct findings findings = {0};
        _cleanup_(manifest_done) struct manifest manifest = MANIFEST_NULL;
        const char *dirs[] = {dir, NULL};
        char path[96];
        int fd;

        if (!*dir) {
                (void) strcpy(dir, "/tmp/wazo-fuzz-XXXXXX");
                if (!mkdtemp(dir))
                        (void) raise(SIGABRT);
        }
        (void) snprintf(path, sizeof(path), "%s/s.yml", dir);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd >= 0 && write(fd, data, size) == (ssize_t) size && manifest_read("s", dirs, &findings, &manifest) < 0)
                (void) raise(SIGABRT);
        (void) fd_close(fd);
        (void) unlink(path);
}

static void merge_with_itself(const uint8_t *data, size_t size) {
        _cleanup_(findings_done) struct findings findings = {0};
        _cleanup_(yaml_node_freep) struct yaml_node *a = NULL, *b = NULL;
        int r = yaml_parse((const char *) data, size, "fuzz", FINDING_ERROR, &findings, &a);

        /* What is refused is refused with a finding, and what passes passes twice. */
        if (r == 0 ? findings.n_errors != 0 || !a : findings.n_errors == 0 || a)
                (void) raise(SIGABRT);
        if (r < 0 || yaml_parse((const char *) data, size, "again", FINDING_ERROR, &findings, &b) < 0)
                return;
        if (yaml_merge(a, b) < 0)
                (void) raise(SIGABRT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        merge_with_itself(data, size);
        read_as_file(data, size);
        read_as_manifest(data, size);
        return 0;
}
