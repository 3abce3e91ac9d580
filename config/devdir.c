/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/devdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "lib/memfd.h"

#define UUID_SIZE 37

static const char *const directories[] = {"", "/etc", "/state", "/state/db", "/run", "/log"};
static const char *const files[] = {"/token", "/state/tokens.yml"};

static int path_in(char *path, size_t size, const char *dir, const char *rest) {
        int n = snprintf(path, size, "%s%s", dir, rest);

        return n < 0 || (size_t) n >= size ? -ENAMETOOLONG : 0;
}

static int random_uuid(char ret[UUID_SIZE]) {
        uint8_t b[16];

        if (getrandom(b, sizeof(b), 0) != (ssize_t) sizeof(b))
                return -EIO;
        b[6] = (uint8_t) ((b[6] & 0x0f) | 0x40);
        b[8] = (uint8_t) ((b[8] & 0x3f) | 0x80);
        (void) snprintf(ret, UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                        b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
                        b[15]);
        return 0;
}

/* Whole or not at all: written under another name first. */
static int write_file(const char *path, const char *text) {
        char temporary[4096];
        int fd, r;

        r = path_in(temporary, sizeof(temporary), path, ".new");
        if (r < 0)
                return r;
        fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, text, strlen(text));
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        (void) close(fd);
        if (r >= 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(temporary);
        return r;
}

static int read_token(const char *path, char ret[UUID_SIZE]) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read(fd, ret, UUID_SIZE - 1);
        if (n < 0)
                return -errno;
        ret[n] = 0;
        ret[strspn(ret, "0123456789abcdefABCDEF-")] = 0;
        return ret[0] ? 0 : -EINVAL;
}

static int prepare_tokens(const char *dir) {
        char token_path[4096], tokens_path[4096], token[UUID_SIZE], tenant[UUID_SIZE], auth_id[UUID_SIZE], text[1024];
        int r;

        r = path_in(token_path, sizeof(token_path), dir, "/token");
        if (r >= 0)
                r = path_in(tokens_path, sizeof(tokens_path), dir, "/state/tokens.yml");
        if (r < 0 || access(tokens_path, F_OK) == 0)
                return r;

        r = read_token(token_path, token);
        if (r == -ENOENT) {
                r = random_uuid(token);
                if (r >= 0) {
                        (void) snprintf(text, sizeof(text), "%s\n", token);
                        r = write_file(token_path, text);
                }
        }
        if (r >= 0)
                r = random_uuid(tenant);
        if (r >= 0)
                r = random_uuid(auth_id);
        if (r < 0)
                return r;
        (void) snprintf(text, sizeof(text),
                        "# The local tokens: see docs/slices.md.\n"
                        "master_tenant: %s\n"
                        "tenants:\n"
                        "  - uuid: %s\n"
                        "tokens:\n"
                        "  - token: %s\n"
                        "    auth_id: %s\n"
                        "    tenant_uuid: %s\n"
                        "    acl: [\"#\"]\n",
                        tenant, tenant, token, auth_id, tenant);
        return write_file(tokens_path, text);
}

int devdir_prepare(const char *dir) {
        char path[4096];
        int r;

        for (unsigned i = 0; i < ELEMENTSOF(directories); i++) {
                r = path_in(path, sizeof(path), dir, directories[i]);
                if (r < 0)
                        return r;
                if (mkdir(path, i == 0 ? 0755 : 0750) < 0 && errno != EEXIST)
                        return -errno;
        }
        return prepare_tokens(dir);
}

int devdir_give(const char *dir, uid_t uid, gid_t gid) {
        char path[4096];
        int r;

        for (unsigned i = 0; i < ELEMENTSOF(directories) + ELEMENTSOF(files); i++) {
                r = path_in(path, sizeof(path), dir,
                            i < ELEMENTSOF(directories) ? directories[i] : files[i - ELEMENTSOF(directories)]);
                if (r < 0)
                        return r;
                /* Never through a link that somebody else left there. */
                if (lchown(path, uid, gid) < 0 && errno != ENOENT)
                        return -errno;
        }
        return 0;
}
