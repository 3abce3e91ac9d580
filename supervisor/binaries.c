/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/binaries.h"

#include <fcntl.h>
#include <sys/stat.h>

static const char *const names[] = {"wazo-gateway", "wazo-control", "wazo-host", "wazo-migrate"};

void binaries_open(struct service *s, struct binary *ret, size_t *ret_n) {
        size_t n = 0;

        for (unsigned i = 0; i < ELEMENTSOF(names); i++) {
                char path[1024];
                struct stat st;
                int fd;

                if (paths_program(&s->paths, names[i], path, sizeof(path)) < 0)
                        continue;
                fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd < 0)
                        continue;
                if (fstat(fd, &st) < 0) {
                        (void) close(fd);
                        continue;
                }
                ret[n] = (struct binary) {
                        .fd = fd,
                        .device = st.st_dev,
                        .inode = st.st_ino,
                        .changed = (uint64_t) st.st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t) st.st_mtim.tv_nsec,
                };
                (void) strcopy(ret[n].name, sizeof(ret[n].name), names[i]);
                n++;
        }
        *ret_n = n;
}

void binaries_close(struct binary *binaries, size_t n) {
        for (size_t i = 0; i < n; i++)
                binaries[i].fd = fd_close(binaries[i].fd);
}

void binaries_adopt(struct service *s, const struct binary *binaries, size_t n) {
        binaries_close(s->binaries, s->n_binaries);
        memcpy(s->binaries, binaries, n * sizeof(*binaries));
        s->n_binaries = n;
}

static const struct binary *find(const struct binary *binaries, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (streq(binaries[i].name, name))
                        return &binaries[i];
        return NULL;
}

bool binaries_differ(const struct service *s, const struct binary *binaries, size_t n, const char *name) {
        const struct binary *old, *new;

        if (!name)
                return false;
        old = find(s->binaries, s->n_binaries, name);
        new = find(binaries, n, name);
        if (!old || !new)
                return old != new;
        return old->device != new->device || old->inode != new->inode || old->changed != new->changed;
}
