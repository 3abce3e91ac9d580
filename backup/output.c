/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/output.h"

#include <fcntl.h>
#include <stdio.h>

#include "backup/nameless.h"
#include "backup/report.h"

#define GROUP "www-data"
#define MODE 0640
/* What is written goes to disk as it comes: neither memory nor the wait at the end is full of it. */
#define SEND_SIZE (16U * 1024 * 1024)

int output_scratch(int dir_fd) {
        char name[NAME_MAX + 1];
        int fd = nameless_open(dir_fd, "wazo-backup", name);

        if (fd >= 0 && name[0] && unlinkat(dir_fd, name, 0) < 0)
                return fd_close(fd);
        return fd;
}

static int open_file(struct output *o) {
        o->fd = nameless_open(o->dir_fd, o->name, o->temporary);
        return MIN(o->fd, 0);
}

static int split(const char *path, struct output *o) {
        _cleanup_free_ char *copy = strdup(path);
        char *slash;
        bool fits;

        if (!copy)
                return -ENOMEM;
        slash = strrchr(copy, '/');
        fits = strcopy(o->name, sizeof(o->name), slash ? slash + 1 : copy);
        if (!fits || !o->name[0])
                return fits ? -EISDIR : -ENAMETOOLONG;
        if (slash)
                slash[slash == copy] = 0;
        o->dir_fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return o->dir_fd < 0 ? -errno : 0;
}

int output_open(const char *path, struct output *ret) {
        _cleanup_free_ char *real = realpath(path, NULL);
        struct output o = OUTPUT_NULL;
        int r;

        r = split(real ? real : path, &o);
        if (r >= 0 && fstatat(o.dir_fd, o.name, &o.old, AT_SYMLINK_NOFOLLOW) == 0) {
                o.replaces = true;
                r = S_ISREG(o.old.st_mode) ? 0 : S_ISDIR(o.old.st_mode) ? -EISDIR : -EEXIST;
        }
        if (r >= 0)
                r = open_file(&o);
        if (r < 0) {
                output_done(&o);
                return r;
        }
        *ret = o;
        return 0;
}

int output_write(struct output *o, const void *data, size_t size) {
        const uint8_t *p = data;

        while (size > 0) {
                ssize_t n = write(o->fd, p, size);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        p += n;
                        size -= (size_t) n;
                        o->written += (uint64_t) n;
                }
        }
        if (o->written - o->sent >= SEND_SIZE) {
                (void) sync_file_range(o->fd, (off_t) o->sent, (off_t) (o->written - o->sent), SYNC_FILE_RANGE_WRITE);
                o->sent = o->written;
        }
        return 0;
}

/* What only root may do is left undone by others; a share or a stick that knows of no owners is a place for a backup, too. */
static void set_owner(struct output *o, struct owners *owners) {
        mode_t mode = o->replaces ? o->old.st_mode & 0777 : MODE;
        uid_t uid = o->replaces ? o->old.st_uid : 0;
        gid_t gid = 0;

        if (o->replaces)
                gid = o->old.st_gid;
        else if (owners_gid(owners, GROUP, &gid) < 0)
                mode = 0600;
        if (fchown(o->fd, uid, gid) < 0 && geteuid() == 0)
                report_warning("%s: its owner cannot be set: %s", o->name, strerror(errno));
        if (fchmod(o->fd, mode) < 0)
                report_warning("%s: its mode cannot be set: %s", o->name, strerror(errno));
}

int output_publish(struct output *o, struct owners *owners) {
        int r;

        set_owner(o, owners);
        r = fsync(o->fd) < 0 ? -errno : 0;
        if (r >= 0)
                r = nameless_publish(o->dir_fd, o->fd, o->name, o->temporary, o->name);
        if (r < 0)
                return r;
        (void) fsync(o->dir_fd);
        return 0;
}

void output_done(struct output *o) {
        if (o->temporary[0])
                (void) unlinkat(o->dir_fd, o->temporary, 0);
        o->temporary[0] = 0;
        o->fd = fd_close(o->fd);
        o->dir_fd = fd_close(o->dir_fd);
}
