/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/ground.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include "supervisor/binaries.h"
#include "supervisor/init.h"
#include "supervisor/listeners.h"

#define DIRECTORY_MODE 0750
#define LOG_MODE 0640

static int refuse(char *text, size_t size, int error, const char *what, const char *path) {
        (void) snprintf(text, size, "cannot %s %s: %s", what, path, strerror(-error));
        return error;
}

int ground_find_identity(const struct service *s, struct identity *ret, char *ret_text, size_t text_size) {
        const char *dev_dir = s->options->request.dev_dir;
        const char *user = s->plan.user;
        struct stat st;
        int r;

        if (geteuid() != 0)
                return 1;
        /* In development the directory's owner is as good a user as any. */
        if (dev_dir && !s->options->request.user && stat(dev_dir, &st) == 0 && st.st_uid != 0) {
                *ret = (struct identity) {.uid = st.st_uid, .gid = st.st_gid};
                (void) snprintf(ret->name, sizeof(ret->name), "#%u", (unsigned) st.st_uid);
                return 0;
        }
        if (!user[0]) {
                (void) snprintf(ret_text, text_size, "started as root without a user to become: give --user");
                return -EPERM;
        }
        r = privileges_find_user(user, ret);
        if (r == -ESRCH)
                (void) snprintf(ret_text, text_size, "there is no user '%s': create it, or give another with --user", user);
        else if (r == -EPERM)
                (void) snprintf(ret_text, text_size, "the user '%s' is root: give another with --user", user);
        else if (r < 0)
                (void) snprintf(ret_text, text_size, "cannot look up the user '%s': %s", user, strerror(-r));
        return r;
}

static int make_directory(const char *path, const struct identity *who, char *text, size_t size) {
        if (!path[0])
                return 0;
        if (mkdir(path, DIRECTORY_MODE) < 0) {
                if (errno != EEXIST)
                        return refuse(text, size, -errno, "make the directory", path);
                return 0; /* whose it is was somebody's decision */
        }
        if (who && chown(path, who->uid, who->gid) < 0)
                return refuse(text, size, -errno, "give away the directory", path);
        return 0;
}

/*
 * Files of the user are opened as the user: that needs no right over the files of others, which root may not have been left
 * with, and what is made is the user's. Where the user is not let in, root tries.
 */
static void borrow(const struct identity *who, gid_t group) {
        if (!who)
                return;
        (void) setfsgid(group != (gid_t) -1 ? group : who->gid);
        (void) setfsuid(who->uid);
}

static void give_back(const struct identity *who) {
        if (!who)
                return;
        (void) setfsuid(geteuid());
        (void) setfsgid(getegid());
}

static int open_log(struct service *s, const struct identity *who, char *text, size_t size) {
        const char *path = s->plan.log_path[0] ? s->plan.log_path : "/dev/null";
        const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;

        if (s->log_fd < 0)
                s->log_fd = init_open_log(s, path);
        if (s->log_fd >= 0)
                return 0;
        borrow(who, (gid_t) -1);
        s->log_fd = open(path, flags, LOG_MODE);
        give_back(who);
        if (s->log_fd >= 0)
                return 0;
        if (who && errno == EACCES)
                s->log_fd = open(path, flags, LOG_MODE);
        if (s->log_fd < 0)
                return refuse(text, size, -errno, "open the log file", path);
        if (who && s->plan.log_path[0] && fchown(s->log_fd, who->uid, who->gid) < 0)
                return refuse(text, size, -errno, "give away the log file", path);
        return 0;
}

static int open_control(struct service *s, const struct identity *who, char *text, size_t size) {
        const char *path = s->plan.control_path;
        struct group *group = s->plan.control_group[0] ? getgrnam(s->plan.control_group) : NULL;
        mode_t mode = group ? 0660 : 0600;

        if (!path[0] || s->control_fd >= 0) /* a supervisor before us opened it */
                return 0;
        borrow(who, group ? group->gr_gid : (gid_t) -1);
        s->control_fd = listeners_open_control(path, mode);
        give_back(who);
        if (s->control_fd >= 0)
                return 0;
        if (who && s->control_fd == -EACCES)
                s->control_fd = listeners_open_control(path, mode);
        if (s->control_fd < 0)
                return refuse(text, size, s->control_fd, "listen on the control socket", path);
        if (who && chown(path, who->uid, group ? group->gr_gid : (gid_t) -1) < 0)
                return refuse(text, size, -errno, "give away the control socket", path);
        return 0;
}

/*
 * What workers keep is in directories of its own, since a sandbox grants directories, and nobody in one could make
 * them. What cannot be made is said by the worker that misses it.
 */
static void make_state_directories(const struct service *s, const struct identity *who) {
        static const char *const names[] = {"crashes", "db"};

        borrow(who, (gid_t) -1);
        for (unsigned i = 0; i < ELEMENTSOF(names) && s->plan.state_dir[0]; i++) {
                char path[1024];

                if (snprintf(path, sizeof(path), "%s/%s", s->plan.state_dir, names[i]) < (int) sizeof(path))
                        (void) mkdir(path, DIRECTORY_MODE);
        }
        give_back(who);
}

int ground_lay(struct service *s, const struct identity *who, char *ret_text, size_t text_size) {
        struct listener listeners[PLAN_LISTENERS_MAX];
        size_t n_listeners;
        int r;

        r = make_directory(s->plan.state_dir, who, ret_text, text_size);
        if (r >= 0)
                r = make_directory(s->plan.run_dir, who, ret_text, text_size);
        if (r >= 0)
                make_state_directories(s, who);
        /* First of all what another instance would have: nothing of its own is touched then. */
        if (r >= 0)
                r = listeners_open(&s->plan, s->listeners, s->n_listeners, listeners, &n_listeners, ret_text, text_size);
        if (r < 0)
                return r;
        listeners_adopt(s, listeners, n_listeners);
        r = open_control(s, who, ret_text, text_size);
        if (r >= 0)
                r = open_log(s, who, ret_text, text_size);
        if (r < 0)
                return r;
        binaries_open(s, s->binaries, &s->n_binaries);
        return 0;
}

void ground_leave(struct service *s) {
        listeners_adopt(s, NULL, 0);
        binaries_close(s->binaries, s->n_binaries);
        /* Whoever asks later is told that nobody is there, not kept waiting by a name without a listener. */
        if (s->control_fd >= 0 && unlink(s->plan.control_path) < 0 && errno != ENOENT)
                log_warning("cannot remove %s: %m", s->plan.control_path);
        s->control_fd = fd_close(s->control_fd);
        s->log_fd = fd_close(s->log_fd);
        s->null_fd = fd_close(s->null_fd);
}
