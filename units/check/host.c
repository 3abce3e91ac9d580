/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/check/host.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <shadow.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#define FILE_MAX (32U * 1024 * 1024)
#define FILE_STEP (64U * 1024)

/* Of another host's root: nothing there can keep us waiting. */
static FILE *open_below(const char *root, const char *path) {
        _cleanup_close_ int fd = -1;
        char whole[1024];
        struct stat st;
        FILE *file;

        if (snprintf(whole, sizeof(whole), "%s%s", root, path) >= (int) sizeof(whole)) {
                errno = ENAMETOOLONG;
                return NULL;
        }
        fd = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0)
                return NULL;
        if (!S_ISREG(st.st_mode)) {
                errno = EINVAL;
                return NULL;
        }
        file = fdopen(fd, "r");
        if (file)
                (void) fd_steal(&fd);
        return file;
}

static void fclosep(FILE **f) {
        if (*f)
                (void) fclose(*f);
}

static void take_user(const struct passwd *from, struct host_user *to) {
        *to = (struct host_user) {.uid = from->pw_uid, .groups = {from->pw_gid}, .n_groups = 1};
        (void) strcopy(to->name, sizeof(to->name), from->pw_name);
        (void) strcopy(to->home, sizeof(to->home), from->pw_dir);
        (void) strcopy(to->shell, sizeof(to->shell), from->pw_shell);
}

static bool has_member(const struct group *g, const char *name) {
        for (char *const *member = g->gr_mem; *member; member++)
                if (streq(*member, name))
                        return true;
        return false;
}

static int read_groups(const char *root, struct host_user *user) {
        _cleanup_(fclosep) FILE *file = open_below(root, "/etc/group");
        const struct group *g;

        if (!file)
                return -errno;
        while ((g = fgetgrent(file)))
                if (g->gr_gid != user->groups[0] && has_member(g, user->name) && user->n_groups < HOST_GROUPS_MAX)
                        user->groups[user->n_groups++] = g->gr_gid;
        return 0;
}

/* Another host's users are in its files; this one's may be anywhere. */
static int find_below(const char *root, const char *name, struct host_user *ret) {
        _cleanup_(fclosep) FILE *file = open_below(root, "/etc/passwd");
        const struct passwd *p;

        if (!file)
                return -errno;
        while ((p = fgetpwent(file)))
                if (streq(p->pw_name, name)) {
                        take_user(p, ret);
                        return read_groups(root, ret);
                }
        return -ENOENT;
}

int host_user(const char *root, const char *name, struct host_user *ret) {
        const struct passwd *p;
        int n = HOST_GROUPS_MAX;

        if (*root)
                return find_below(root, name, ret);
        errno = 0;
        p = getpwnam(name);
        if (!p)
                return errno == 0 ? -ENOENT : -errno;
        take_user(p, ret);
        if (getgrouplist(name, p->pw_gid, ret->groups, &n) < 0)
                n = HOST_GROUPS_MAX;
        ret->n_groups = (size_t) n;
        return 0;
}

int host_password(const char *root, const char *name) {
        _cleanup_(fclosep) FILE *file = open_below(root, "/etc/shadow");
        const struct spwd *s;

        if (!file)
                return -errno;
        while ((s = fgetspent(file)))
                if (streq(s->sp_namp, name))
                        return !*s->sp_pwdp                             ? HOST_PASSWORD_NONE :
                               *s->sp_pwdp == '!' || *s->sp_pwdp == '*' ? HOST_PASSWORD_LOCKED :
                                                                          HOST_PASSWORD_SET;
        return -ENOENT;
}

int host_group(const char *root, const char *name, gid_t *ret) {
        _cleanup_(fclosep) FILE *file = NULL;
        const struct group *g;

        if (!*root) {
                errno = 0;
                g = getgrnam(name);
                if (!g)
                        return errno == 0 ? -ENOENT : -errno;
                *ret = g->gr_gid;
                return 0;
        }
        file = open_below(root, "/etc/group");
        if (!file)
                return -errno;
        while ((g = fgetgrent(file)))
                if (streq(g->gr_name, name)) {
                        *ret = g->gr_gid;
                        return 0;
                }
        return -ENOENT;
}

bool host_in_group(const struct host_user *user, gid_t group) {
        for (size_t i = 0; i < user->n_groups; i++)
                if (user->groups[i] == group)
                        return true;
        return false;
}

bool host_may(const struct host_user *user, const struct stat *file, unsigned mode) {
        unsigned shift = file->st_uid == user->uid ? 6 : host_in_group(user, file->st_gid) ? 3 : 0;

        return user->uid == 0 || ((file->st_mode >> shift) & mode) == mode;
}

int host_read(const char *path, char **ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        _cleanup_free_ char *text = NULL;
        size_t size = 0, room = 0;
        ssize_t n;

        if (fd < 0)
                return -errno;
        do {
                if (size == room) {
                        char *grown = room < FILE_MAX ? realloc(text, MAX(2 * room, (size_t) FILE_STEP) + 1) : NULL;

                        if (!grown)
                                return room < FILE_MAX ? -ENOMEM : -EFBIG;
                        text = grown;
                        room = MAX(2 * room, (size_t) FILE_STEP);
                }
                n = read(fd, text + size, room - size);
                if (n < 0)
                        return -errno;
                size += (size_t) n;
        } while (n > 0);
        text[size] = 0;
        *ret = STEAL(text);
        return 0;
}

int host_run(const char *const *argv) {
        posix_spawn_file_actions_t actions;
        int status, r;
        pid_t pid;

        r = -posix_spawn_file_actions_init(&actions);
        if (r < 0)
                return r;
        for (int fd = STDIN_FILENO; r == 0 && fd <= STDERR_FILENO; fd++)
                r = -posix_spawn_file_actions_addopen(&actions, fd, "/dev/null",
                                                      fd == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0);
        if (r == 0)
                r = -posix_spawn(&pid, argv[0], &actions, NULL, (char *const *) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        if (r < 0)
                return r;
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}
