/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/handover.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/memfd.h"
#include "lib/pack.h"
#include "supervisor/cgroup.h"
#include "supervisor/former.h"
#include "supervisor/spawn.h"

#define VARIABLE "WAZO_SUITE_HANDOVER"
#define FORMAT 1U
#define SIZE_MAX_BYTES (1024U * 1024)
/* Descriptors that go with it. */
#define FDS_MAX 4096

struct parcel {
        struct pack text;
        int fds[FDS_MAX];
        size_t n_fds;
        bool full;
};

bool handover_due(const struct service *s) {
        struct stat running, there;

        return stat("/proc/self/exe", &running) == 0 && stat(s->paths.supervisord, &there) == 0 &&
                (running.st_dev != there.st_dev || running.st_ino != there.st_ino);
}

/* ---- leaving ---- */

/* Descriptors go by their numbers, and as the very last thing are made to survive the exec. */
static void leave_fd(struct parcel *p, int fd) {
        pack_u32(&p->text, (uint32_t) fd);
        if (fd < 0)
                return;
        if (p->n_fds == FDS_MAX)
                p->full = true;
        else
                p->fds[p->n_fds++] = fd;
}

static bool is_in_the_middle(enum wire_kind kind) {
        return kind == WIRE_KIND_GATEWAY || kind == WIRE_KIND_PLUGIN || kind == WIRE_KIND_EXEC || kind == WIRE_KIND_AUTH;
}

static void leave_worker(struct parcel *p, enum wire_kind kind, pid_t pid, const char *name, const char *cgroup, int pidfd, int channel,
                         int stderr_fd) {
        pack_u8(&p->text, 1);
        pack_u32(&p->text, kind);
        pack_u32(&p->text, (uint32_t) pid);
        pack_string(&p->text, name);
        pack_string(&p->text, cgroup);
        leave_fd(p, pidfd);
        leave_fd(p, channel);
        leave_fd(p, stderr_fd);
}

static void leave_workers(struct parcel *p, struct service *s) {
        for (uint32_t slot = 0; slot < s->n_units; slot++)
                for (struct process *w = s->units[slot].processes; w; w = w->next)
                        if (!w->dead && w->pid > 0 && w->generation > 0) {
                                bool stays = is_in_the_middle(w->kind);

                                /* The others see their channel end, and are waited for only. */
                                leave_worker(p, w->kind, w->pid, policy_slot(&s->policy, slot)->name, w->cgroup, w->pidfd,
                                             stays ? w->channel : -1, w->stderr_fd);
                        }
        for (struct former *f = s->formers; f; f = f->next)
                leave_worker(p, f->kind, f->pid, f->name, f->cgroup, f->pidfd, f->channel, f->stderr_fd);
        pack_u8(&p->text, 0);
}

static int wrap(struct parcel *p, struct service *s) {
        pack_u32(&p->text, FORMAT);
        pack_u32(&p->text, WIRE_MAJOR);
        pack_u32(&p->text, s->policy.generation);
        leave_fd(p, s->log_fd);
        leave_fd(p, s->control_fd);
        leave_fd(p, cgroups_dir(s));
        pack_u32(&p->text, (uint32_t) s->n_listeners);
        for (size_t i = 0; i < s->n_listeners; i++) {
                pack_string(&p->text, s->listeners[i].name);
                pack_string(&p->text, s->listeners[i].address);
                pack_u32(&p->text, s->listeners[i].port);
                pack_u8(&p->text, s->listeners[i].passed);
                leave_fd(p, s->listeners[i].fd);
        }
        leave_workers(p, s);
        return p->full ? -E2BIG : pack_end(&p->text);
}

static void keep(const struct parcel *p, bool over_exec) {
        for (size_t i = 0; i < p->n_fds; i++)
                (void) fcntl(p->fds[i], F_SETFD, over_exec ? 0 : FD_CLOEXEC);
}

int handover_execute(struct service *s) {
        struct parcel p = {.text = PACK_NULL};
        char number[16];
        int fd = -1, r;

        r = wrap(&p, s);
        if (r >= 0) {
                fd = memfd_sealed("handover", p.text.data, p.text.size);
                r = fd;
        }
        if (r >= 0) {
                (void) snprintf(number, sizeof(number), "%d", fd);
                p.fds[p.n_fds < FDS_MAX ? p.n_fds++ : 0] = fd;
                /* Sockets that systemd passed at our start and that are in use go as listeners; the numbers may be others' by now. */
                (void) unsetenv("LISTEN_FDS");
                (void) unsetenv("LISTEN_FDNAMES");
                (void) unsetenv("LISTEN_PID");
                r = setenv(VARIABLE, number, true) < 0 ? -errno : 0;
        }
        if (r >= 0) {
                spawn_unprepare();
                keep(&p, true);
                (void) execv(s->paths.supervisord, s->options->argv);
                r = -errno;
                keep(&p, false);
                (void) unsetenv(VARIABLE);
                if (spawn_prepare() < 0)
                        log_warning("the limit of open files cannot be raised again");
        }
        (void) fd_close(fd);
        pack_done(&p.text);
        return r;
}

/* ---- taking ---- */

static int take_fd(struct unpack *u) {
        int fd = (int) unpack_u32(u);

        if (fd < 0)
                return -1;
        if (u->failed || fd <= STDERR_FILENO || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
                u->failed = true;
                return -1;
        }
        return fd;
}

static void take_listeners(struct unpack *u, struct service *s) {
        uint32_t n = unpack_u32(u);

        if (n > PLAN_LISTENERS_MAX)
                u->failed = true;
        for (uint32_t i = 0; i < n && !u->failed; i++) {
                struct listener *l = &s->listeners[s->n_listeners];

                *l = (struct listener) {.tls_cert = -1, .tls_key = -1};
                (void) strcopy(l->name, sizeof(l->name), unpack_string(u));
                (void) strcopy(l->address, sizeof(l->address), unpack_string(u));
                l->port = unpack_u32(u);
                l->passed = unpack_u8(u);
                l->fd = take_fd(u);
                if (!u->failed)
                        s->n_listeners++;
        }
}

static int take_workers(struct unpack *u, struct service *s) {
        while (unpack_u8(u) == 1 && !u->failed) {
                struct former f = {.kind = (enum wire_kind) unpack_u32(u), .pid = (pid_t) unpack_u32(u)};
                int r;

                (void) strcopy(f.name, sizeof(f.name), unpack_string(u));
                (void) strcopy(f.cgroup, sizeof(f.cgroup), unpack_string(u));
                f.pidfd = take_fd(u);
                f.channel = take_fd(u);
                f.stderr_fd = take_fd(u);
                r = u->failed ? -EBADMSG : former_add(s, &f);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int take(struct service *s, const char *data, size_t size) {
        struct unpack u = unpack_begin(data, size);
        int r;

        /* Other versions of this protocol, or of the workers', cannot be talked to. */
        if (unpack_u32(&u) != FORMAT || unpack_u32(&u) != WIRE_MAJOR)
                return -EBADMSG;
        s->first_generation = unpack_u32(&u);
        s->log_fd = take_fd(&u);
        s->control_fd = take_fd(&u);
        s->cgroups_fd = take_fd(&u);
        take_listeners(&u, s);
        r = take_workers(&u, s);
        return r < 0 ? r : unpack_end(&u);
}

int handover_take(struct service *s) {
        const char *text = getenv(VARIABLE);
        _cleanup_free_ char *data = NULL;
        _cleanup_close_ int fd = -1;
        size_t size;
        int r;

        if (!text)
                return 0;
        fd = atoi(text);
        (void) unsetenv(VARIABLE);
        if (fd <= STDERR_FILENO) {
                fd = -1;
                return -EBADMSG;
        }
        r = memfd_read(fd, SIZE_MAX_BYTES, &data, &size);
        if (r >= 0)
                r = take(s, data, size);
        return r < 0 ? -EBADMSG : 1;
}
