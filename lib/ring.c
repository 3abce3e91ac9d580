/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/ring.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/memfd.h"

int ring_open(void) {
        _cleanup_close_ int fd = memfd_open("ring");

        if (fd < 0)
                return fd;
        if (ftruncate(fd, RING_SIZE) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
                return -errno;
        return fd_steal(&fd);
}

static int ring_check(int fd) {
        int seals = fcntl(fd, F_GET_SEALS);
        struct stat st;

        if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW))
                return -EBADMSG;
        if (fstat(fd, &st) < 0)
                return -errno;
        return st.st_size == RING_SIZE ? 0 : -EBADMSG;
}

int ring_map(int fd, struct ring **ret) {
        void *at;
        int r;

        r = ring_check(fd);
        if (r < 0)
                return r;
        at = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED)
                return -errno;
        *ret = at;
        return 0;
}

void ring_unmap(struct ring *ring) {
        if (ring)
                (void) munmap(ring, RING_SIZE);
}

void ring_write(struct ring *ring, const void *text, size_t size) {
        const char *from = text;
        uint64_t at;

        if (size > RING_TEXT) {
                from += size - RING_TEXT;
                size = RING_TEXT;
        }
        at = atomic_fetch_add_explicit(&ring->head, size, memory_order_acq_rel);
        for (size_t i = 0; i < size; i++)
                ring->text[(at + i) % RING_TEXT] = from[i];
}

int ring_append(int fd, const void *text, size_t size) {
        struct ring *ring = NULL;
        int r;

        r = ring_map(fd, &ring);
        if (r < 0)
                return r;
        ring_write(ring, text, size);
        ring_unmap(ring);
        return 0;
}

int ring_read(int fd, char **ret) {
        _cleanup_free_ char *text = NULL;
        struct ring copy;
        uint64_t head, start;
        size_t n = 0;
        int r;

        r = ring_check(fd);
        if (r < 0)
                return r;
        if (pread(fd, &copy, sizeof(copy), 0) != (ssize_t) sizeof(copy))
                return -EIO;
        text = malloc(RING_TEXT + 1);
        if (!text)
                return -ENOMEM;

        head = copy.head;
        start = head > RING_TEXT ? head - RING_TEXT : 0;
        if (start > 0)
                /* The oldest line has lost its beginning. */
                while (start < head && copy.text[start++ % RING_TEXT] != '\n')
                        ;
        for (uint64_t i = start; i < head; i++) {
                unsigned char c = (unsigned char) copy.text[i % RING_TEXT];

                text[n++] = (c >= ' ' && c < 0x7f) || c == '\n' || c == '\t' || c >= 0x80 ? (char) c : '?';
        }
        text[n] = 0;
        *ret = STEAL(text);
        return 0;
}
