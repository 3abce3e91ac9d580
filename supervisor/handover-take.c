/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>

#include "lib/memfd.h"
#include "lib/pack.h"
#include "supervisor/deploy.h"
#include "supervisor/former.h"
#include "supervisor/handover.h"
#include "supervisor/passed.h"

#define SIZE_MAX_BYTES (1024U * 1024)

/* In a rehearsal everything is read and judged, and no descriptor is there but the plan's two. */
struct taker {
        struct unpack u;
        bool rehearsal;
};

static int own_fd(int fd) {
        return fd > STDERR_FILENO && fcntl(fd, F_SETFD, FD_CLOEXEC) >= 0 ? fd : -EBADMSG;
}

static int take_fd(struct taker *t) {
        int fd = (int) unpack_u32(&t->u);

        if (t->rehearsal || fd < 0 || t->u.failed)
                return -1;
        fd = own_fd(fd);
        t->u.failed = fd < 0;
        return fd < 0 ? -1 : fd;
}

static void take_name(struct taker *t, char *to, size_t size) {
        if (!strcopy(to, size, unpack_string(&t->u)))
                t->u.failed = true;
}

static int take_plan(struct taker *t, struct service *s) {
        int plan_fd = take_fd(t), descriptions_fd = take_fd(t);

        if (t->rehearsal) {
                plan_fd = own_fd(HANDOVER_REHEARSAL_PLAN);
                descriptions_fd = own_fd(HANDOVER_REHEARSAL_DESCRIPTIONS);
        }
        s->plan_fd = plan_fd;
        s->descriptions_fd = descriptions_fd;
        if (t->u.failed || plan_fd < 0 || descriptions_fd < 0)
                return -EBADMSG;
        return deploy_decode(plan_fd, descriptions_fd, &s->plan, &s->plan_data, &s->plan_size);
}

static void take_listeners(struct taker *t, struct service *s) {
        uint32_t n = unpack_u32(&t->u);

        if (n > PLAN_LISTENERS_MAX)
                t->u.failed = true;
        for (uint32_t i = 0; i < n && !t->u.failed; i++) {
                struct listener *l = &s->listeners[s->n_listeners];

                *l = (struct listener) {.fd = -1, .tls_cert = -1, .tls_key = -1};
                take_name(t, l->name, sizeof(l->name));
                take_name(t, l->address, sizeof(l->address));
                l->port = unpack_u32(&t->u);
                l->passed = unpack_u8(&t->u);
                l->fd = take_fd(t);
                if (!t->u.failed)
                        s->n_listeners++;
        }
}

/* The one before us has opened what the plan wants; a socket that is missing could not be opened by us either, or not for sure. */
static bool has_listeners(const struct service *s) {
        for (size_t i = 0; i < s->plan.n_listeners; i++) {
                const struct plan_listener *wanted = &s->plan.listeners[i];
                size_t j = 0;

                while (j < s->n_listeners &&
                       (s->listeners[j].port != wanted->port || !streq(s->listeners[j].address, wanted->address)))
                        j++;
                if (j == s->n_listeners)
                        return false;
        }
        return true;
}

static void take_passed(struct taker *t) {
        while (unpack_u8(&t->u) == 1 && !t->u.failed) {
                size_t size;
                const uint8_t *address = unpack_bytes(&t->u, &size);
                int fd = take_fd(t);

                if (!t->u.failed && !t->rehearsal && passed_inherit(fd, address, size) < 0)
                        t->u.failed = true;
        }
}

static int take_wishes(struct taker *t, struct service *s) {
        uint32_t level = unpack_u32(&t->u);

        s->log_level = (enum log_level) (level < LOG_LEVEL_MAX ? level : s->plan.log_level);
        while (unpack_u8(&t->u) == 1 && !t->u.failed) {
                char (*held)[WIRE_NAME_MAX] = reallocarray(s->held, s->n_held + 1, sizeof(*held));

                if (!held)
                        return -ENOMEM;
                s->held = held;
                take_name(t, held[s->n_held++], sizeof(*held));
        }
        return 0;
}

static int take_workers(struct taker *t, struct service *s) {
        struct unpack *u = &t->u;

        while (unpack_u8(u) == 1 && !u->failed) {
                struct former f = {0};
                int r;

                f.kind = (enum wire_kind) unpack_u32(u);
                f.pid = (pid_t) unpack_u32(u);
                take_name(t, f.name, sizeof(f.name));
                take_name(t, f.cgroup, sizeof(f.cgroup));
                f.pidfd = take_fd(t);
                f.channel = take_fd(t);
                f.stderr_fd = take_fd(t);
                if (u->failed || f.pid <= 0 || (!t->rehearsal && f.pidfd < 0))
                        return -EBADMSG;
                r = t->rehearsal ? 0 : former_add(s, &f);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int take(struct taker *t, struct service *s) {
        struct unpack *u = &t->u;
        int r;

        /* Other versions of this protocol, or of the workers', cannot be talked to. */
        if (unpack_u32(u) != HANDOVER_FORMAT || unpack_u32(u) != WIRE_MAJOR)
                return -EBADMSG;
        r = take_plan(t, s);
        if (r < 0)
                return r;
        s->first_generation = unpack_u32(u);
        s->log_fd = take_fd(t);
        s->control_fd = take_fd(t);
        s->cgroups_fd = take_fd(t);
        s->first_spare = unpack_u32(u);
        take_listeners(t, s);
        take_passed(t);
        r = take_wishes(t, s);
        if (r >= 0)
                r = take_workers(t, s);
        if (r >= 0)
                r = unpack_end(u);
        return r < 0 ? r : has_listeners(s) ? 0 : -EADDRNOTAVAIL;
}

int handover_take(struct service *s, enum handover *ret) {
        const char *text = getenv(HANDOVER_VARIABLE);
        struct taker t = {.rehearsal = getenv(HANDOVER_REHEARSAL)};
        _cleanup_free_ char *data = NULL;
        _cleanup_close_ int fd = -1;
        size_t size;
        int r;

        if (!text) {
                *ret = HANDOVER_NONE;
                return 0;
        }
        fd = own_fd(atoi(text));
        (void) unsetenv(HANDOVER_VARIABLE);
        r = fd < 0 ? fd : memfd_read(fd, SIZE_MAX_BYTES, &data, &size);
        if (r < 0)
                return -EBADMSG;
        t.u = unpack_begin(data, size);
        if (take(&t, s) < 0)
                return -EBADMSG;
        *ret = t.rehearsal ? HANDOVER_REHEARSED : HANDOVER_TAKEN;
        return 0;
}
