/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#define OURS "suite"
#define SUPERVISOR "supervisor"
#define DIRECTORY_MODE 0775
#define FILE_MODE 0664
/* Those that could not be removed at once; more of them are left for systemd to remove. */
#define LEFT_MAX 64

enum controller { CONTROLLER_MEMORY, CONTROLLER_PIDS, CONTROLLER_MAX };

static const char *const controller_names[] = {[CONTROLLER_MEMORY] = "memory", [CONTROLLER_PIDS] = "pids"};

struct cgroups {
        int dir;                        /* OURS; -1: there is none */
        bool has[CONTROLLER_MAX];
        unsigned spares;                /* numbers given */
        char left[LEFT_MAX][sizeof(((struct process *) NULL)->cgroup)];
        size_t n_left;
        char why[WIRE_TEXT_MAX];        /* there is none */
};

/* ---- files of the kernel's ---- */

static int write_file(int dir, const char *name, const char *text) {
        _cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
        size_t n = strlen(text);

        if (fd < 0)
                return -errno;
        return write(fd, text, n) == (ssize_t) n ? 0 : -errno;
}

static int write_number(int dir, const char *cgroup, const char *file, uint64_t value) {
        char path[160], text[32];

        (void) snprintf(path, sizeof(path), "%s/%s", cgroup, file);
        (void) snprintf(text, sizeof(text), "%llu", (unsigned long long) value);
        return write_file(dir, path, value > 0 ? text : "max");
}

static int read_file(int dir, const char *name, char *ret, size_t size) {
        _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);

        if (n < 0)
                return -errno;
        ret[n] = 0;
        return 0;
}

int cgroup_parse_own(const char *text, char *ret, size_t size) {
        const char *line = text;

        while (line && strncmp(line, "0::", 3) != 0) {
                line = strchr(line, '\n');
                line = line ? line + 1 : NULL;
        }
        if (!line)
                return -ENOENT;
        line += 3;
        if (strcspn(line, "\n") >= size)
                return -ENAMETOOLONG;
        (void) snprintf(ret, size, "%.*s", (int) strcspn(line, "\n"), line);
        return 0;
}

uint64_t cgroup_parse_event(const char *text, const char *key) {
        size_t n = strlen(key);

        for (const char *line = text; *line;) {
                if (strncmp(line, key, n) == 0 && line[n] == ' ')
                        return strtoull(line + n + 1, NULL, 10);
                line += strcspn(line, "\n");
                line += *line == '\n';
        }
        return 0;
}

/* ---- finding ours ---- */

static int open_root(void) {
        static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                struct statfs fs;
                int fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                if (fd < 0)
                        continue;
                if (fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
                        return fd;
                (void) close(fd);
        }
        return -ENOENT;
}

static int open_own(void) {
        _cleanup_close_ int root = open_root();
        char text[4096], path[1024];
        int r, fd;

        if (root < 0)
                return root;
        r = read_file(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text));
        if (r >= 0)
                r = cgroup_parse_own(text, path, sizeof(path));
        if (r < 0)
                return r;
        fd = openat(root, path[1] ? path + 1 : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* systemd says so by an attribute. It alone decides: as root we could write to any. */
static bool is_delegated(int dir) {
        static const char *const attributes[] = {"user.delegate", "trusted.delegate"};

        for (size_t i = 0; i < ELEMENTSOF(attributes); i++) {
                char value;

                if (fgetxattr(dir, attributes[i], &value, 1) == 1 && value == '1')
                        return true;
        }
        return false;
}

/* ---- making ---- */

static int make(int dir, const char *name) {
        return mkdirat(dir, name, DIRECTORY_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

/* What is made by a group is the group's: so the user can go on with it, and nothing has to be given away. */
static int share(int dir, const char *name) {
        static const char *const files[] = {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control"};
        char path[160];

        if (fchmodat(dir, name, DIRECTORY_MODE, 0) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                (void) snprintf(path, sizeof(path), "%s/%s", name, files[i]);
                if (fchmodat(dir, path, FILE_MODE, 0) < 0)
                        return -errno;
        }
        return 0;
}

static void enable_controllers(struct cgroups *c, int own) {
        for (size_t i = 0; i < CONTROLLER_MAX; i++) {
                char text[32];

                (void) snprintf(text, sizeof(text), "+%s", controller_names[i]);
                c->has[i] = write_file(own, "cgroup.subtree_control", text) == 0 &&
                            write_file(own, OURS "/cgroup.subtree_control", text) == 0;
        }
}

static int lay(struct cgroups *c, int own, const struct identity *who) {
        int r;

        if (who)
                (void) setfsgid(who->gid);
        r = make(own, OURS);
        if (r >= 0)
                r = make(own, OURS "/" SUPERVISOR);
        if (r >= 0 && who)
                r = share(own, OURS);
        if (who)
                (void) setfsgid(getegid());
        if (r >= 0)
                r = write_file(own, OURS "/" SUPERVISOR "/cgroup.procs", "0");
        if (r < 0)
                return r;
        enable_controllers(c, own);
        c->dir = openat(own, OURS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return c->dir < 0 ? -errno : 0;
}

/* Of processes that ended in between, and that nobody will ask about. One with a process in it cannot be removed. */
static void remove_empty(int dir) {
        int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);

        if (!d) {
                (void) fd_close(fd);
                return;
        }
        for (struct dirent *e; (e = readdir(d));)
                if (e->d_type == DT_DIR && e->d_name[0] != '.' && !streq(e->d_name, SUPERVISOR))
                        (void) unlinkat(dir, e->d_name, AT_REMOVEDIR);
        (void) closedir(d);
}

void cgroups_sweep(struct service *s) {
        if (s->cgroups && s->cgroups->dir >= 0)
                remove_empty(s->cgroups->dir);
}

/* A supervisor before us laid everything, and was in the same place. */
static void take_over(struct cgroups *c, int dir, uint32_t spares) {
        char text[256];

        c->dir = dir;
        c->spares = spares;
        remove_empty(dir);
        if (read_file(dir, "cgroup.subtree_control", text, sizeof(text)) < 0)
                return;
        for (size_t i = 0; i < CONTROLLER_MAX; i++)
                c->has[i] = strstr(text, controller_names[i]) != NULL;
}

int cgroups_dir(const struct service *s) {
        return s->cgroups ? s->cgroups->dir : -1;
}

uint32_t cgroups_spares(const struct service *s) {
        return s->cgroups ? s->cgroups->spares : 0;
}

void cgroups_prepare(struct service *s, const struct identity *who) {
        _cleanup_close_ int own = -1;
        struct cgroups *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return;
        s->cgroups = c;
        c->dir = -1;
        if (s->cgroups_fd >= 0) {
                take_over(c, s->cgroups_fd, s->first_spare);
                s->cgroups_fd = -1;
                return;
        }
        own = open_own();
        if (own < 0)
                (void) strcopy(c->why, sizeof(c->why), "there is no cgroup v2");
        else if (!is_delegated(own))
                (void) strcopy(c->why, sizeof(c->why), "our cgroup is not delegated to us");
        else {
                r = lay(c, own, who);
                if (r < 0)
                        (void) snprintf(c->why, sizeof(c->why), "our cgroup cannot be used: %s", strerror(-r));
        }
}

bool cgroups_have_memory(const struct service *s) {
        return s->cgroups && s->cgroups->dir >= 0 && s->cgroups->has[CONTROLLER_MEMORY];
}

void cgroups_say(const struct service *s, char *ret, size_t size) {
        const struct cgroups *c = s->cgroups;
        const char *between = " with ";
        size_t n;

        if (!c || c->dir < 0) {
                (void) snprintf(ret, size, "limits by setrlimit: %s", c ? c->why : "no memory");
                return;
        }
        (void) snprintf(ret, size, "cgroup");
        for (size_t i = 0; i < CONTROLLER_MAX; i++) {
                if (!c->has[i])
                        continue;
                n = strlen(ret);
                (void) snprintf(ret + n, size - n, "%s%s", between, controller_names[i]);
                between = ", ";
        }
        n = strlen(ret);
        if (!c->has[CONTROLLER_MEMORY])
                (void) snprintf(ret + n, size - n, ", memory by setrlimit");
}

/* ---- one process ---- */

static bool remove_one(struct cgroups *c, const char *name) {
        return unlinkat(c->dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

static void remove_left(struct cgroups *c) {
        size_t kept = 0;

        for (size_t i = 0; i < c->n_left; i++)
                if (!remove_one(c, c->left[i]))
                        memmove(c->left[kept++], c->left[i], sizeof(c->left[i]));
        c->n_left = kept;
}

/* With whatever a dead worker left behind in it. */
void cgroups_end(struct service *s, const char *name) {
        struct cgroups *c = s->cgroups;
        char path[160];

        if (!c || c->dir < 0 || !name[0])
                return;
        remove_left(c);
        if (remove_one(c, name))
                return;
        (void) snprintf(path, sizeof(path), "%s/cgroup.kill", name);
        (void) write_file(c->dir, path, "1");
        if (!remove_one(c, name) && c->n_left < LEFT_MAX)
                (void) strcopy(c->left[c->n_left++], sizeof(c->left[0]), name);
}

void cgroups_done(struct service *s) {
        if (!s->cgroups)
                return;
        if (s->cgroups->dir >= 0)
                remove_left(s->cgroups);
        (void) fd_close(s->cgroups->dir);
        free(s->cgroups);
        s->cgroups = NULL;
}

static void choose_name(struct cgroups *c, struct process *p) {
        const struct policy_slot *slot = policy_slot(&p->service->policy, p->slot);

        if (p->generation == 0)
                (void) snprintf(p->cgroup, sizeof(p->cgroup), "spare.%u", ++c->spares);
        else
                (void) snprintf(p->cgroup, sizeof(p->cgroup), "%s.%u", slot->name, p->generation);
}

void cgroups_enter(struct process *p) {
        struct cgroups *c = p->service->cgroups;
        char path[160], pid[16];
        int r;

        if (!c || c->dir < 0)
                return;
        choose_name(c, p);
        r = make(c->dir, p->cgroup);
        (void) snprintf(path, sizeof(path), "%s/cgroup.procs", p->cgroup);
        (void) snprintf(pid, sizeof(pid), "%d", (int) p->pid);
        if (r >= 0)
                r = write_file(c->dir, path, pid);
        /* -ESRCH: it is dead already, which is dealt with elsewhere. */
        if (r < 0 && r != -ESRCH)
                log_warning("pid %d has no cgroup of its own: %s: %s", (int) p->pid, p->cgroup, strerror(-r));
        if (r < 0) {
                (void) remove_one(c, p->cgroup);
                p->cgroup[0] = 0;
        }
}

void cgroups_limit(struct process *p, const struct plan_worker *worker) {
        const struct cgroups *c = p->service->cgroups;
        int r = 0;

        if (!p->cgroup[0])
                return;
        if (c->has[CONTROLLER_MEMORY]) {
                r = write_number(c->dir, p->cgroup, "memory.high", worker->memory_high);
                if (r >= 0)
                        r = write_number(c->dir, p->cgroup, "memory.max", worker->memory_max);
                /* All of it or nothing: half a worker is of no use. */
                if (r >= 0)
                        r = write_number(c->dir, p->cgroup, "memory.oom.group", 1);
        }
        if (r >= 0 && c->has[CONTROLLER_PIDS])
                r = write_number(c->dir, p->cgroup, "pids.max", worker->processes_max);
        if (r < 0)
                log_warning("worker '%s': the limits of its cgroup cannot be set: %s", worker->name, strerror(-r));
}

bool cgroups_out_of_memory(const struct process *p) {
        char path[160], text[1024];

        if (!p->cgroup[0] || !cgroups_have_memory(p->service))
                return false;
        (void) snprintf(path, sizeof(path), "%s/memory.events", p->cgroup);
        return read_file(p->service->cgroups->dir, path, text, sizeof(text)) == 0 && cgroup_parse_event(text, "oom_kill") > 0;
}

void cgroups_leave(struct process *p) {
        cgroups_end(p->service, p->cgroup);
        p->cgroup[0] = 0;
}
