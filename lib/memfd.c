/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

#ifndef MFD_NOEXEC_SEAL
#  define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

int memfd_open(const char *name) {
        int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

        if (fd < 0 && errno == EINVAL)
                fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        return fd < 0 ? -errno : fd;
}

int memfd_seal(int fd) {
        return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

int write_all(int fd, const void *data, size_t size) {
        const char *at = data;

        while (size > 0) {
                ssize_t n = write(fd, at, size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                at += n;
                size -= (size_t) n;
        }
        return 0;
}

int memfd_sealed(const char *name, const void *data, size_t size) {
        _cleanup_close_ int fd = memfd_open(name);
        int r;

        if (fd < 0)
                return fd;
        r = write_all(fd, data, size);
        if (r < 0)
                return r;
        r = memfd_seal(fd);
        if (r < 0)
                return r;
        return fd_steal(&fd);
}

int memfd_check(int fd, size_t max, size_t *ret_size) {
        struct stat st;
        int seals;

        /* Only memory files know of seals; an ordinary file on tmpfs answers with F_SEAL_SEAL alone. */
        seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0 || (seals & SEALS) != SEALS)
                return -EBADMSG;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size < 0)
                return -EBADMSG;
        if ((uint64_t) st.st_size > max)
                return -EMSGSIZE;
        *ret_size = (size_t) st.st_size;
        return 0;
}

int memfd_read(int fd, size_t max, char **ret_data, size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        size_t size, done = 0;
        int r;

        r = memfd_check(fd, max, &size);
        if (r < 0)
                return r;
        data = malloc(size + 1);
        if (!data)
                return -ENOMEM;
        while (done < size) {
                ssize_t n = pread(fd, data + done, size - done, (off_t) done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EBADMSG;
                done += (size_t) n;
        }
        data[size] = 0;
        *ret_data = STEAL(data);
        *ret_size = size;
        return 0;
}

int memfd_map(int fd, size_t max, void **ret_data, size_t *ret_size) {
        size_t size;
        void *data;
        int r;

        r = memfd_check(fd, max, &size);
        if (r < 0)
                return r;
        if (size == 0)
                return -EBADMSG;
        data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
                return -errno;
        *ret_data = data;
        *ret_size = size;
        return 0;
}
