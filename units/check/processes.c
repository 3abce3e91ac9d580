/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/check/processes.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>

#include "units/check/host.h"

#define DEPTH_MAX 16
#define PATH_SIZE 1024
#define INODES_MAX 65536

struct inodes {
        uint64_t *list;
        size_t n;
};

static int add_process(const char *root, pid_t pid, struct check_processes *p) {
        struct check_process *grown, new = {.pid = pid};
        _cleanup_free_ char *status = NULL;
        char path[PATH_SIZE];
        const char *line;

        if (snprintf(path, sizeof(path), "%s/proc/%d/status", root, (int) pid) >= PATH_SIZE ||
            host_read(path, &status) < 0)
                return 0; /* it has ended since */
        line = strstr(status, "\nUid:");
        if (!line || sscanf(line, "\nUid: %u %u %u %u", &new.uids[0], &new.uids[1], &new.uids[2], &new.uids[3]) != 4)
                return 0;
        line = strstr(status, "\nCapEff:");
        new.capabilities = line ? strtoull(line + strlen("\nCapEff:"), NULL, 16) : 0;
        if (p->n == CHECK_PROCESSES_MAX)
                return -E2BIG;
        grown = realloc(p->list, (p->n + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        p->list = grown;
        p->list[p->n++] = new;
        return 0;
}

/* The group at @path, and those below it: a service that was given its group makes some for its workers. */
static int read_group(const char *root, const char *path, unsigned depth, struct check_processes *p) {
        _cleanup_free_ char *text = NULL;
        char below[PATH_SIZE];
        int r = 0;
        DIR *dir;

        if (depth > DEPTH_MAX)
                return -ELOOP;
        if (snprintf(below, sizeof(below), "%s/cgroup.procs", path) < PATH_SIZE && host_read(below, &text) == 0)
                for (char *at = text, *end; r == 0 && *at; at = end) {
                        long pid = strtol(at, &end, 10);

                        if (end == at)
                                break;
                        r = add_process(root, (pid_t) pid, p);
                }
        dir = opendir(path);
        if (!dir)
                return r;
        for (const struct dirent *entry = readdir(dir); r == 0 && entry; entry = readdir(dir))
                if (*entry->d_name != '.' && entry->d_type == DT_DIR &&
                    snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) < PATH_SIZE)
                        r = read_group(root, below, depth + 1, p);
        (void) closedir(dir);
        return r;
}

static int add_inode(struct inodes *inodes, uint64_t inode) {
        uint64_t *grown;

        if (inodes->n == INODES_MAX)
                return -E2BIG;
        grown = realloc(inodes->list, (inodes->n + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        inodes->list = grown;
        inodes->list[inodes->n++] = inode;
        return 0;
}

/* The sockets among a process's descriptors. */
static int read_descriptors(const char *root, pid_t pid, struct inodes *inodes) {
        char path[PATH_SIZE], target[64];
        int r = 0;
        DIR *dir;

        if (snprintf(path, sizeof(path), "%s/proc/%d/fd", root, (int) pid) >= PATH_SIZE)
                return -ENAMETOOLONG;
        dir = opendir(path);
        if (!dir)
                return -errno;
        for (const struct dirent *entry = readdir(dir); r == 0 && entry; entry = readdir(dir)) {
                ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

                if (n <= 0)
                        continue;
                target[n] = 0;
                if (strncmp(target, "socket:[", 8) == 0)
                        r = add_inode(inodes, strtoull(target + 8, NULL, 10));
        }
        (void) closedir(dir);
        return r;
}

static bool has_inode(const struct inodes *inodes, uint64_t inode) {
        for (size_t i = 0; i < inodes->n; i++)
                if (inodes->list[i] == inode)
                        return true;
        return false;
}

/* The kernel writes an address as hexadecimal words in the machine's order. */
static void read_address(const char *hex, char *to, size_t size) {
        uint32_t words[4] = {0};
        unsigned n = 0;

        for (; n < 4 && strspn(hex + n * 8, "0123456789ABCDEFabcdef") >= 8; n++) {
                char word[9];

                memcpy(word, hex + n * 8, 8);
                word[8] = 0;
                words[n] = (uint32_t) strtoul(word, NULL, 16);
        }
        if (!inet_ntop(n == 4 ? AF_INET6 : AF_INET, words, to, (socklen_t) size))
                *to = 0;
}

/* Those of the kernel that list sockets. It looks through all that there could be for each of them: read once for all services. */
static struct table {
        const char *name;
        int64_t protocol;
        char *text; /* NULL: not read yet; "": cannot be read */
} tables[] = {{"tcp", FACTS_TCP, NULL}, {"tcp6", FACTS_TCP, NULL}, {"udp", FACTS_UDP, NULL}, {"udp6", FACTS_UDP, NULL}};

static const char *table_text(const char *root, struct table *t) {
        static char nothing[] = "";
        char path[PATH_SIZE];

        if (!t->text && (snprintf(path, sizeof(path), "%s/proc/net/%s", root, t->name) >= PATH_SIZE ||
                         host_read(path, &t->text) < 0))
                t->text = nothing;
        return t->text;
}

/* Lines: "  0: 0100007F:250E 00000000:0000 0A ... inode ...". */
static void read_table(const char *root, struct table *t, const struct inodes *inodes, struct check_processes *p) {
        enum { TCP_LISTEN_STATE = 0x0A, UDP_UNCONNECTED_STATE = 0x07 };

        for (const char *line = strchr(table_text(root, t), '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
                char local[64], remote[64];
                unsigned state;
                unsigned long long inode;
                struct check_socket *s = &p->sockets[p->n_sockets];

                if (sscanf(line + 1, " %*d: %63s %63s %x %*s %*s %*s %*u %*u %llu", local, remote, &state, &inode) !=
                            4 ||
                    !strchr(local, ':'))
                        continue;
                if (state != (t->protocol == FACTS_TCP ? TCP_LISTEN_STATE : UDP_UNCONNECTED_STATE) ||
                    !has_inode(inodes, inode))
                        continue;
                if (p->n_sockets == CHECK_SOCKETS_MAX)
                        return;
                s->protocol = t->protocol;
                s->port = (int64_t) strtol(strchr(local, ':') + 1, NULL, 16);
                read_address(local, s->address, sizeof(s->address));
                p->n_sockets++;
        }
}

static int read_sockets(const char *root, struct check_processes *p) {
        struct inodes inodes = {0};
        int r = 0;

        p->sockets_known = true;
        for (size_t i = 0; r == 0 && i < p->n; i++) {
                r = read_descriptors(root, p->list[i].pid, &inodes);
                if (r == -EACCES || r == -ENOENT) {
                        p->sockets_known &= r == -ENOENT;
                        r = 0;
                }
        }
        for (unsigned i = 0; r == 0 && i < ELEMENTSOF(tables); i++)
                read_table(root, &tables[i], &inodes, p);
        free(inodes.list);
        return r;
}

int check_processes_read(const char *root, const char *control_group, pid_t main, struct check_processes *ret) {
        static const char *const hierarchies[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/systemd",
                                                  "/sys/fs/cgroup/unified"};
        struct check_processes p = {0};
        int r = 0;

        for (unsigned i = 0; r == 0 && *control_group && p.n == 0 && i < ELEMENTSOF(hierarchies); i++) {
                char path[PATH_SIZE];

                if (snprintf(path, sizeof(path), "%s%s%s", root, hierarchies[i], control_group) < PATH_SIZE)
                        r = read_group(root, path, 0, &p);
        }
        if (r == 0 && p.n == 0 && main > 0)
                r = add_process(root, main, &p);
        if (r == 0)
                r = p.n == 0 ? -ENOENT : read_sockets(root, &p);
        if (r < 0) {
                check_processes_done(&p);
                return r;
        }
        *ret = p;
        return 0;
}

void check_processes_done(struct check_processes *p) {
        free(p->list);
        *p = (struct check_processes) {0};
}
