/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/sandbox.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#if defined(__SANITIZE_ADDRESS__)
#  define SANITIZERS 1
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#    define SANITIZERS 1
#  endif
#endif
#ifndef SANITIZERS
#  define SANITIZERS 0
#endif

/* ---- packing ---- */

int sandbox_encode(const struct sandbox *s, struct pack *p) {
        if (s->n_paths > SANDBOX_PATHS_MAX || s->n_ports > SANDBOX_PORTS_MAX ||
            s->filter_size > SANDBOX_FILTER_MAX * sizeof(struct sock_filter))
                return -E2BIG;
        pack_u32(p, SANDBOX_VERSION);
        pack_u32(p, s->mode);
        pack_u8(p, s->tcp);
        pack_u8(p, s->unix_sockets);
        pack_u32(p, (uint32_t) s->n_paths);
        for (size_t i = 0; i < s->n_paths; i++) {
                pack_string(p, s->paths[i].path);
                pack_u32(p, s->paths[i].grant);
        }
        pack_u32(p, (uint32_t) s->n_ports);
        for (size_t i = 0; i < s->n_ports; i++)
                pack_u32(p, s->ports[i]);
        pack_bytes(p, s->filter, s->filter_size);
        pack_string(p, s->cores);
        pack_u64(p, s->core_max);
        if (p->size > SANDBOX_SIZE_MAX)
                return -E2BIG;
        return pack_end(p);
}

int sandbox_decode(const void *data, size_t size, struct sandbox *ret) {
        struct unpack u = unpack_begin(data, size);
        uint32_t n;

        *ret = (struct sandbox) {0};
        if (unpack_u32(&u) != SANDBOX_VERSION)
                return -EBADMSG;
        ret->mode = unpack_u32(&u);
        ret->tcp = unpack_u8(&u) != 0;
        ret->unix_sockets = unpack_u8(&u) != 0;
        n = unpack_u32(&u);
        if (ret->mode >= SANDBOX_MODE_MAX || n > SANDBOX_PATHS_MAX)
                return -EBADMSG;
        for (; ret->n_paths < n && !u.failed; ret->n_paths++) {
                ret->paths[ret->n_paths].path = unpack_string(&u);
                ret->paths[ret->n_paths].grant = unpack_u32(&u);
        }
        n = unpack_u32(&u);
        if (n > SANDBOX_PORTS_MAX)
                return -EBADMSG;
        for (; ret->n_ports < n && !u.failed; ret->n_ports++)
                ret->ports[ret->n_ports] = (uint16_t) unpack_u32(&u);
        ret->filter = unpack_bytes(&u, &ret->filter_size);
        ret->cores = unpack_string(&u);
        ret->core_max = unpack_u64(&u);
        if (ret->filter_size % sizeof(struct sock_filter) != 0 ||
            ret->filter_size > SANDBOX_FILTER_MAX * sizeof(struct sock_filter))
                return -EBADMSG;
        return unpack_end(&u);
}

/* ---- applying ---- */

static int add_rules(const struct sandbox *s, int ruleset, unsigned abi, unsigned *ret_missing) {
        int r;

        *ret_missing = 0;
        for (size_t i = 0; i < s->n_paths; i++) {
                r = landlock_grant_path(ruleset, abi, s->paths[i].path, s->paths[i].grant);
                /* What is not there, or not for us, needs no rule; that the worker misses it is for it to say. */
                if (r == -ENOENT || r == -ENOTDIR || r == -EACCES)
                        ++*ret_missing;
                else if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < s->n_ports; i++) {
                r = landlock_grant_connect(ruleset, abi, s->ports[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int apply_landlock(const struct sandbox *s, struct sandbox_outcome *outcome) {
        unsigned abi = landlock_abi();
        _cleanup_close_ int ruleset = -1;
        int r;

        if (abi == 0)
                return 0;
        ruleset = landlock_begin(abi, true);
        if (ruleset < 0)
                return ruleset;
        r = add_rules(s, ruleset, abi, &outcome->missing);
        if (r >= 0)
                r = landlock_enforce(ruleset);
        if (r < 0)
                return r;
        outcome->landlock = abi;
        return 0;
}

static int apply_filter(const struct sandbox *s, struct sandbox_outcome *outcome) {
        _cleanup_free_ struct sock_filter *filter = NULL;
        size_t n = s->filter_size / sizeof(*filter);
        struct sock_fprog program;

        if (n == 0)
                return 0;
        filter = malloc(s->filter_size);
        if (!filter)
                return -ENOMEM;
        memcpy(filter, s->filter, s->filter_size);
        for (size_t i = 0; i < n; i++)
                if (BPF_CLASS(filter[i].code) == BPF_JMP && filter[i].k == SANDBOX_PID_MARK)
                        filter[i].k = (uint32_t) getpid();
        program = (struct sock_fprog) {.len = (unsigned short) n, .filter = filter};
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
                /* A kernel without filters says EINVAL, and so it does of a program that it does not take: a small one tells. */
                struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
                int error = -errno;

                program = (struct sock_fprog) {.len = 1, .filter = &allow};
                return error == -EINVAL && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? 0 : error;
        }
        outcome->filter = true;
        return 0;
}

int sandbox_apply(const struct sandbox *s, struct sandbox_outcome *ret, const char **ret_step) {
        struct sandbox_outcome outcome = {.sanitizers = SANITIZERS};
        int r = 0;

        *ret_step = "set no_new_privs";
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        if (s->mode != SANDBOX_OFF && !outcome.sanitizers) {
                /* Landlock has no mode that only tells: to learn with it, it is left out. */
                *ret_step = "apply the rules about files";
                if (s->mode == SANDBOX_ENFORCE)
                        r = apply_landlock(s, &outcome);
                if (r < 0)
                        return r;
                *ret_step = "load the filter of system calls";
                r = apply_filter(s, &outcome);
                if (r < 0)
                        return r;
        }
        *ret = outcome;
        return 0;
}
