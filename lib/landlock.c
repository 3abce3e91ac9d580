/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* What headers of Linux 6.1 lack. */
#define ACCESS_FS_TRUNCATE (1ULL << 14)
#define ACCESS_FS_IOCTL_DEV (1ULL << 15)
#define ACCESS_NET_BIND_TCP (1ULL << 0)
#define ACCESS_NET_CONNECT_TCP (1ULL << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)
#define RULE_NET_PORT 2

/* The kernel's structures with all of their members: it takes a larger one than it knows when the rest is zero. */
struct ruleset_attr {
        uint64_t handled_access_fs, handled_access_net, scoped;
};

struct net_port_attr {
        uint64_t allowed_access, port;
};

#define READ_RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_RIGHTS                                                                                              \
        (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |         \
         LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM |                \
         LANDLOCK_ACCESS_FS_REFER | ACCESS_FS_TRUNCATE)
#define EXECUTE_RIGHTS (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE)
/* Nobody is ever granted these. */
#define OTHER_RIGHTS                                                                                              \
        (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |             \
         LANDLOCK_ACCESS_FS_MAKE_BLOCK | ACCESS_FS_IOCTL_DEV)
/* Those that make sense of what is no directory; the kernel refuses the others there. */
#define FILE_RIGHTS \
        (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | ACCESS_FS_TRUNCATE)

unsigned landlock_abi(void) {
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        return abi < 0 ? 0 : (unsigned) abi;
}

static uint64_t known_rights(unsigned abi) {
        uint64_t rights = READ_RIGHTS | WRITE_RIGHTS | EXECUTE_RIGHTS | OTHER_RIGHTS;

        if (abi < 2)
                rights &= ~(uint64_t) LANDLOCK_ACCESS_FS_REFER;
        if (abi < 3)
                rights &= ~ACCESS_FS_TRUNCATE;
        if (abi < 5)
                rights &= ~ACCESS_FS_IOCTL_DEV;
        return rights;
}

int landlock_begin(unsigned abi, bool scoped) {
        const struct ruleset_attr attr = {
                .handled_access_fs = known_rights(abi),
                .handled_access_net = abi >= 4 ? ACCESS_NET_BIND_TCP | ACCESS_NET_CONNECT_TCP : 0,
                .scoped = abi >= 6 && scoped ? SCOPE_SIGNAL | SCOPE_ABSTRACT_UNIX_SOCKET : 0,
        };
        long fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

        return fd < 0 ? -errno : (int) fd;
}

int landlock_grant_path(int ruleset, unsigned abi, const char *path, unsigned grant) {
        struct landlock_path_beneath_attr rule = {0};
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
        uint64_t rights = 0;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (grant & LANDLOCK_GRANT_READ)
                rights |= READ_RIGHTS;
        if (grant & LANDLOCK_GRANT_WRITE)
                rights |= WRITE_RIGHTS;
        if (grant & LANDLOCK_GRANT_EXECUTE)
                rights |= EXECUTE_RIGHTS;
        rights &= known_rights(abi);
        if (!S_ISDIR(st.st_mode))
                rights &= FILE_RIGHTS;
        rule.allowed_access = rights;
        rule.parent_fd = fd;
        return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

int landlock_grant_connect(int ruleset, unsigned abi, uint16_t port) {
        const struct net_port_attr rule = {.allowed_access = ACCESS_NET_CONNECT_TCP, .port = port};

        if (abi < 4)
                return 0;
        return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) < 0 ? -errno : 0;
}

int landlock_enforce(int ruleset) {
        return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}
