/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/lead.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

#include "lib/log.h"

#define AGAIN_USEC (20U * 1000)
#define SQLITE_SCHEME "sqlite://"

/* 1: it is somebody else's. */
static int try_lock(struct lead *l) {
        _cleanup_close_ int fd = -1;

        if (!*l->path)
                return 0;
        fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? 1 : -errno;
        l->fd = fd_steal(&fd);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct lead *l = userdata;
        int r = try_lock(l);

        if (r > 0) {
                r = sd_event_source_set_time_relative(source, AGAIN_USEC);
                return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }
        /* A file that cannot be made is no reason to send nothing. */
        if (r < 0)
                log_warning("%s cannot be locked: %s", l->path, strerror(-r));
        l->leads = true;
        l->begins(l->userdata);
        return 0;
}

int lead_init(struct lead *l, sd_event *event, const char *db_uri, void (*begins)(void *userdata), void *userdata) {
        *l = (struct lead) {.event = event, .fd = -1, .begins = begins, .userdata = userdata};
        if (strncmp(db_uri, SQLITE_SCHEME "/", strlen(SQLITE_SCHEME "/")) == 0 &&
            snprintf(l->path, sizeof(l->path), "%s-relay", db_uri + strlen(SQLITE_SCHEME)) >= (int) sizeof(l->path))
                *l->path = 0;
        return sd_event_add_time(event, &l->timer, CLOCK_MONOTONIC, 0, AGAIN_USEC / 4, on_timer, l);
}

void lead_release(struct lead *l) {
        l->leads = false;
        l->timer = sd_event_source_disable_unref(l->timer);
        l->fd = fd_close(l->fd);
}
