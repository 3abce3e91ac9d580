/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/hardening.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* The ABI of Landlock that first refuses it. */
#define ABI_TRUNCATION 3
#define ABI_TCP_PORTS 4
#define ABI_ABSTRACT_SOCKETS 6

struct text {
        char *at;
        size_t left;
};

static void add(struct text *t, const char *format, ...) _printf_(2, 3);
static void add(struct text *t, const char *format, ...) {
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(t->at, t->left, format, ap);
        va_end(ap);
        if (n > 0) {
                size_t used = MIN((size_t) n, t->left - 1);

                t->at += used;
                t->left -= used;
        }
}

static bool has_capabilities(void) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

        if (syscall(SYS_capget, &header, data) < 0)
                return true;
        for (unsigned i = 0; i < ELEMENTSOF(data); i++)
                if (data[i].effective || data[i].permitted || data[i].inheritable)
                        return true;
        return false;
}

/* There is no asking for it: the root directory may be read by everybody, but for a sandbox. */
static bool files_are_refused(void) {
        _cleanup_close_ int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 && errno == EACCES;
}

void hardening_describe_gaps(const struct sandbox *sandbox, const struct sandbox_outcome *outcome, char *ret, size_t size) {
        struct text t = {.at = ret, .left = size};
        const char *before = "; this kernel cannot refuse ";
        unsigned abi = outcome ? outcome->landlock : 0;

        ret[0] = 0;
        if (!sandbox || !outcome || sandbox->mode == SANDBOX_OFF || outcome->sanitizers) {
                add(&t, "; no sandbox%s",
                    !sandbox || !outcome ? "" : outcome->sanitizers ? ": a build with sanitizers" : ": configured so");
                return;
        }
        if (sandbox->mode == SANDBOX_LOG) {
                add(&t, "; sandbox log: nothing is refused, and of files nothing told");
                return;
        }
        if (!outcome->filter) {
                add(&t, "%ssystem calls", before);
                before = ", ";
        }
        if (abi == 0) {
                add(&t, "%sfiles", before);
                before = ", ";
        } else if (abi < ABI_TRUNCATION) {
                add(&t, "%struncation", before);
                before = ", ";
        }
        if (sandbox->tcp && abi < ABI_TCP_PORTS) {
                add(&t, "%sTCP ports", before);
                before = ", ";
        }
        if (sandbox->unix_sockets)
                add(&t, "%s%sUnix sockets", before, abi < ABI_ABSTRACT_SOCKETS ? "" : "named ");
}

void hardening_describe(const struct sandbox *sandbox, const struct sandbox_outcome *outcome, char *ret, size_t size) {
        static const char *const modes[] = {"no", "strict", "filter"};
        int mode = prctl(PR_GET_SECCOMP);
        struct text t = {.at = ret, .left = size};
        char gaps[160];

        hardening_describe_gaps(sandbox, outcome, gaps, sizeof(gaps));
        add(&t, "no_new_privs %s, seccomp %s, ", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? "yes" : "no",
            mode >= 0 && (size_t) mode < ELEMENTSOF(modes) ? modes[mode] : "unknown");
        if (files_are_refused())
                add(&t, "landlock %u, ", outcome ? outcome->landlock : landlock_abi());
        else
                add(&t, "landlock no, ");
        add(&t, "capabilities %s%s", has_capabilities() ? "some" : "none", gaps);
}
