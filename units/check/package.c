/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/check/package.h"

#include <fcntl.h>
#include <nettle/md5.h>
#include <stdio.h>

#include "units/check/host.h"

#define PATH_SIZE 1024

int package_installed(const char *root, const char *package, bool *ret) {
        static const char installed[] = "\nStatus: install ok installed\n";
        static char *status; /* once for all services */
        char path[PATH_SIZE], head[160];
        const char *at, *end;
        int r;

        if (!status) {
                if (snprintf(path, sizeof(path), "%s/var/lib/dpkg/status", root) >= PATH_SIZE)
                        return -ENAMETOOLONG;
                r = host_read(path, &status);
                if (r < 0)
                        return r;
        }
        (void) snprintf(head, sizeof(head), "Package: %s\n", package);
        for (at = strstr(status, head); at && at != status && at[-1] != '\n'; at = strstr(at + 1, head))
                ;
        end = at ? strstr(at, "\n\n") : NULL;
        if (at)
                at = strstr(at, "\nStatus: ");
        *ret = at && (!end || at < end) && strncmp(at, installed, strlen(installed)) == 0;
        return 0;
}

/* dpkg writes digests as MD5: they are there to find damage. */
static int digest(const char *path, char hex[2 * MD5_DIGEST_SIZE + 1]) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        uint8_t block[65536], sum[MD5_DIGEST_SIZE];
        struct md5_ctx context;
        ssize_t n;

        if (fd < 0)
                return -errno;
        md5_init(&context);
        while ((n = read(fd, block, sizeof(block))) > 0)
                md5_update(&context, (size_t) n, block);
        if (n < 0)
                return -errno;
        md5_digest(&context, sizeof(sum), sum);
        for (unsigned i = 0; i < sizeof(sum); i++)
                (void) snprintf(hex + 2 * (size_t) i, 3, "%02x", sum[i]);
        return 0;
}

/* Lines of "DIGEST  usr/bin/x". */
int package_damaged(const char *root, const char *package, char *ret, size_t size) {
        _cleanup_free_ char *list = NULL;
        char path[PATH_SIZE], hex[2 * MD5_DIGEST_SIZE + 1], *rest, *line;
        int r;

        if (snprintf(path, sizeof(path), "%s/var/lib/dpkg/info/%s.md5sums", root, package) >= PATH_SIZE)
                return -ENAMETOOLONG;
        r = host_read(path, &list);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (rest = list; (line = strsep(&rest, "\n"));) {
                const char *file = strstr(line, "  ");

                if (!file || file - line != 2 * MD5_DIGEST_SIZE ||
                    snprintf(path, sizeof(path), "%s/%s", root, file + 2) >= PATH_SIZE)
                        continue;
                r = digest(path, hex);
                if (r == -EACCES)
                        return r;
                if (r < 0 || strncmp(hex, line, 2 * MD5_DIGEST_SIZE) != 0) {
                        (void) snprintf(ret, size, "/%s", file + 2);
                        return 1;
                }
        }
        return 0;
}
