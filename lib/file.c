/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/file.h"

#include <fcntl.h>
#include <sys/stat.h>

int file_read(const char *path, size_t max, char **ret, size_t *ret_size) {
        /* What is no file might wait for somebody, or become our terminal. */
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        _cleanup_free_ char *data = NULL;
        size_t size = 0, room;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENOEXEC;
        if (st.st_size > (off_t) max)
                return -EFBIG;
        room = (size_t) st.st_size;
        data = malloc(room + 1);
        if (!data)
                return -ENOMEM;
        while (size < room) {
                ssize_t n = read(fd, data + size, room - size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t) n;
        }
        data[size] = 0;
        *ret = STEAL(data);
        *ret_size = size;
        return 0;
}
