/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Gives each file of the named folders to a fuzz target: the corpus as an ordinary test, without libFuzzer.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of exactly its size, so that a sanitizer sees a read past it. */
static int replay(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        _cleanup_free_ uint8_t *data = NULL;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return 0;
        data = malloc((size_t) MAX(st.st_size, (off_t) 1));
        if (!data)
                return -ENOMEM;
        if (read(fd, data, (size_t) st.st_size) != (ssize_t) st.st_size)
                return -EIO;
        (void) LLVMFuzzerTestOneInput(data, (size_t) st.st_size);
        return 1;
}

int main(int argc, char **argv) {
        unsigned n = 0;

        for (int i = 1; i < argc; i++) {
                DIR *dir = opendir(argv[i]);

                for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
                        char path[4096];
                        int r;

                        (void) snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
                        r = replay(path);
                        if (r < 0) {
                                (void) fprintf(stderr, "%s: %s\n", path, strerror(-r));
                                return EXIT_FAILURE;
                        }
                        n += (unsigned) r;
                }
                if (!dir) {
                        perror(argv[i]);
                        return EXIT_FAILURE;
                }
                (void) closedir(dir);
        }
        (void) printf("%u inputs\n", n);
        return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
