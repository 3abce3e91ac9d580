/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/take-over/change.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "units/take-over/disk.h"

#define NONE "-"
#define CALL_SECONDS 60U
/* Above TimeoutStartSec= and TimeoutStopSec= of our unit. */
#define JOB_SECONDS 420U

#define CALL(site, seconds, ...) call(site, seconds, (const char *const[]) {__VA_ARGS__, NULL})

struct kind {
        const char *name;
        int (*look)(const struct site *site, struct journal_record *record);
        int (*make)(const struct site *site, const struct journal_record *record);
        int (*undo)(const struct site *site, const struct journal_record *record);
        void (*describe)(const struct journal_record *record, char *to, size_t size);
};

static int at(const struct site *site, const char *path, char to[DISK_PATH_MAX]) {
        return snprintf(to, DISK_PATH_MAX, "%s%s", site->root, path) < DISK_PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int put(char to[JOURNAL_FIELD_MAX], const char *text) {
        return strcopy(to, JOURNAL_FIELD_MAX, text) ? 0 : -ENAMETOOLONG;
}

static int call(const struct site *site, unsigned seconds, const char *const *argv) {
        _cleanup_free_ char *output = NULL;

        return site->read(argv, seconds, &output);
}

static const char *base(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* ---- aside ---- */

static int aside_paths(const struct site *site, const struct journal_record *r, char path[DISK_PATH_MAX],
                       char away[DISK_PATH_MAX]) {
        int n = at(site, r->path, path);

        return n < 0 ? n : snprintf(away, DISK_PATH_MAX, "%s" CHANGE_ASIDE_SUFFIX, path) < DISK_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Something that is not what we put there. */
static bool is_foreign(const char *path, const char *ours) {
        char target[DISK_PATH_MAX];

        return disk_is_there(path) && !(disk_read_link(path, target, sizeof(target)) == 0 && streq(base(target), ours));
}

static int look_aside(const struct site *site, struct journal_record *r) {
        char path[DISK_PATH_MAX];
        int n = at(site, r->path, path);

        return n < 0 ? n : put(r->before, is_foreign(path, r->wanted) ? "there" : NONE);
}

static int make_aside(const struct site *site, const struct journal_record *r) {
        char path[DISK_PATH_MAX], away[DISK_PATH_MAX];
        int n = aside_paths(site, r, path, away);

        return n < 0 || !is_foreign(path, r->wanted) ? n : disk_rename(path, away);
}

/* What has come in its place since is newer, and stays. */
static int undo_aside(const struct site *site, const struct journal_record *r) {
        char path[DISK_PATH_MAX], away[DISK_PATH_MAX];
        int n = aside_paths(site, r, path, away);

        return n < 0 || !disk_is_there(away) || is_foreign(path, r->wanted) ? n : disk_rename(away, path);
}

static void describe_aside(const struct journal_record *r, char *to, size_t size) {
        (void) snprintf(to, size, "put %s aside", r->path);
}

/* ---- link ---- */

static int look_link(const struct site *site, struct journal_record *r) {
        char path[DISK_PATH_MAX];
        int n = at(site, r->path, path);

        if (n >= 0)
                n = disk_read_link(path, r->before, sizeof(r->before));
        return n == -ENOENT ? put(r->before, NONE) : n == -EINVAL ? put(r->before, "file") : n;
}

static int set_link(const struct site *site, const char *path, const char *target) {
        char whole[DISK_PATH_MAX];
        int n = at(site, path, whole);

        if (n < 0)
                return n;
        return streq(target, NONE) ? disk_remove(whole) : disk_link(whole, target);
}

static int make_link(const struct site *site, const struct journal_record *r) {
        return streq(r->before, "file") ? 0 : set_link(site, r->path, r->wanted);
}

static int undo_link(const struct site *site, const struct journal_record *r) {
        return streq(r->before, "file") ? 0 : set_link(site, r->path, r->before);
}

static void describe_link(const struct journal_record *r, char *to, size_t size) {
        if (streq(r->wanted, NONE))
                (void) snprintf(to, size, "remove the link %s", r->path);
        else
                (void) snprintf(to, size, "link %s to %s", r->path, r->wanted);
}

/* ---- keep ---- */

static int copy_at(const struct site *site, const char *from, const char *to) {
        char a[DISK_PATH_MAX], b[DISK_PATH_MAX];
        int n = at(site, from, a);

        if (n >= 0)
                n = at(site, to, b);
        if (n >= 0)
                n = disk_copy(a, b);
        return n == -ENOENT ? 0 : n;
}

static int look_keep(const struct site *site, struct journal_record *r) {
        return put(r->before, NONE);
}

static int make_keep(const struct site *site, const struct journal_record *r) {
        return copy_at(site, r->path, r->wanted);
}

static int undo_keep(const struct site *site, const struct journal_record *r) {
        return set_link(site, r->wanted, NONE);
}

static void describe_keep(const struct journal_record *r, char *to, size_t size) {
        (void) snprintf(to, size, "keep a copy of %s", r->path);
}

/* ---- owner ---- */

static int look_owner(const struct site *site, struct journal_record *r) {
        char path[DISK_PATH_MAX];
        struct stat st;
        int n = at(site, r->path, path);

        if (n < 0)
                return n;
        if (lstat(path, &st) < 0)
                return errno == ENOENT ? put(r->before, NONE) : -errno;
        (void) snprintf(r->before, sizeof(r->before), "%u:%u:%o", st.st_uid, st.st_gid, (unsigned) st.st_mode & 07777);
        return 0;
}

/* Through a descriptor, and never a link's target. */
static int set_owner(const struct site *site, const char *path, const char *owner) {
        unsigned uid, gid, mode = 0;
        char whole[DISK_PATH_MAX];
        _cleanup_close_ int fd = -1;
        int n = at(site, path, whole), fields;

        if (n < 0)
                return n;
        fields = sscanf(owner, "%u:%u:%o", &uid, &gid, &mode);
        if (fields < 2)
                return streq(owner, NONE) ? 0 : -EBADMSG;
        fd = open(whole, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fchown(fd, uid, gid) < 0 || (fields == 3 && fchmod(fd, mode) < 0) || fsync(fd) < 0)
                return -errno;
        return 0;
}

static int make_owner(const struct site *site, const struct journal_record *r) {
        return set_owner(site, r->path, r->wanted);
}

static int undo_owner(const struct site *site, const struct journal_record *r) {
        return set_owner(site, r->path, r->before);
}

static void describe_owner(const struct journal_record *r, char *to, size_t size) {
        (void) snprintf(to, size, "give %s to %s", r->path, r->wanted);
}

/* ---- units ---- */

/* "systemctl show -P": one property, without its newline. */
static int ask(const struct site *site, const char *unit, const char *property, char *ret, size_t size) {
        _cleanup_free_ char *output = NULL;
        int r = site->read((const char *const[]) {"systemctl", "show", "-P", property, unit, NULL}, CALL_SECONDS, &output);

        if (r < 0)
                return r;
        output[strcspn(output, "\n")] = 0;
        return strcopy(ret, size, output) ? 0 : -ENAMETOOLONG;
}

/* Whether it is there and up, or on its way, and is called so: an alias is somebody else. */
static int is_up(const struct site *site, const char *unit, bool *ret) {
        char id[256], state[32];
        int r = ask(site, unit, "Id", id, sizeof(id));

        if (r >= 0)
                r = ask(site, unit, "ActiveState", state, sizeof(state));
        if (r >= 0)
                *ret = streq(id, unit) && (streq(state, "active") || streq(state, "activating") || streq(state, "reloading"));
        return r;
}

static int daemon_reload(const struct site *site) {
        return CALL(site, CALL_SECONDS, "systemctl", "daemon-reload");
}

static int look_stop(const struct site *site, struct journal_record *r) {
        bool up;
        int n = is_up(site, r->path, &up);

        return n < 0 ? n : put(r->before, up ? "active" : NONE);
}

static int make_stop(const struct site *site, const struct journal_record *r) {
        bool up;
        int n = is_up(site, r->path, &up);

        return n < 0 || !up ? n : CALL(site, JOB_SECONDS, "systemctl", "stop", r->path);
}

static int undo_stop(const struct site *site, const struct journal_record *r) {
        char load[32], id[256];
        int n = daemon_reload(site);

        if (n >= 0)
                n = ask(site, r->path, "LoadState", load, sizeof(load));
        if (n >= 0)
                n = ask(site, r->path, "Id", id, sizeof(id));
        if (n < 0 || !streq(r->before, "active") || !streq(load, "loaded") || !streq(id, r->path))
                return n;
        return CALL(site, JOB_SECONDS, "systemctl", "start", r->path);
}

static void describe_stop(const struct journal_record *r, char *to, size_t size) {
        (void) snprintf(to, size, "stop %s", r->path);
}

static int look_run(const struct site *site, struct journal_record *r) {
        char enabled[32];
        bool up;
        int n = is_up(site, r->path, &up);

        if (n >= 0)
                n = ask(site, r->path, "UnitFileState", enabled, sizeof(enabled));
        if (n >= 0)
                (void) snprintf(r->before, sizeof(r->before), "%s %s", streq(enabled, "enabled") ? "enabled" : NONE,
                                up ? "active" : NONE);
        return n;
}

/* The socket unit is a word more, or none. */
static int systemctl(const struct site *site, const char *verb, const struct journal_record *r) {
        return CALL(site, JOB_SECONDS, "systemctl", verb, r->path, streq(r->wanted, NONE) ? NULL : r->wanted);
}

/*
 * At its next reload systemd makes one unit of ours and of what it has in memory of the other name. Which of the two
 * states it keeps depends on their order, so that a running service may count as stopped: that must not be one.
 */
static int stop_before_alias(const struct site *site, const char *unit) {
        char names[DISK_PATH_MAX];
        bool up;
        int r = is_up(site, unit, &up);

        if (r >= 0 && up)
                r = ask(site, unit, "Names", names, sizeof(names));
        return r < 0 || !up || strchr(names, ' ') ? r : CALL(site, JOB_SECONDS, "systemctl", "stop", unit);
}

static int make_run(const struct site *site, const struct journal_record *r) {
        int n = stop_before_alias(site, r->path);

        if (n >= 0)
                n = systemctl(site, "enable", r);
        if (n >= 0)
                n = daemon_reload(site);
        return n < 0 ? n : systemctl(site, "start", r);
}

static int undo_run(const struct site *site, const struct journal_record *r) {
        bool active = strstr(r->before, "active");
        int n = active ? 0 : systemctl(site, "stop", r);

        if (n >= 0 && !strstr(r->before, "enabled"))
                n = systemctl(site, "disable", r);
        return n < 0 || !active ? n : systemctl(site, "start", r);
}

static void describe_run(const struct journal_record *r, char *to, size_t size) {
        (void) snprintf(to, size, "enable and start %s", r->path);
}

/* ---- nginx ---- */

/* Where the link to @available is, in the directory of the link @enabled. */
static int beside(const char *enabled, const char *available, char to[JOURNAL_FIELD_MAX]) {
        int n = snprintf(to, JOURNAL_FIELD_MAX, "%.*s/%s", (int) (base(enabled) - enabled - 1), enabled, base(available));

        return n < JOURNAL_FIELD_MAX ? 0 : -ENAMETOOLONG;
}

/* A running one takes what has been proven right. */
static int reload_nginx(const struct site *site) {
        bool up = false;
        int r = CALL(site, CALL_SECONDS, "nginx", "-t", "-q");

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = is_up(site, "nginx.service", &up);
        return r < 0 || !up ? r : CALL(site, CALL_SECONDS, "systemctl", "reload", "nginx.service");
}

static bool is_enabled(const struct journal_record *r) {
        return !streq(r->before, NONE) && !streq(r->before, "file");
}

static int switch_locations(const struct site *site, const struct journal_record *r, const char *theirs, const char *ours) {
        char path[JOURNAL_FIELD_MAX];
        int n = beside(r->path, r->wanted, path);

        if (n < 0 || !is_enabled(r))
                return n;
        n = set_link(site, path, ours);
        if (n >= 0)
                n = set_link(site, r->path, theirs);
        return n < 0 ? n : reload_nginx(site);
}

static int make_nginx(const struct site *site, const struct journal_record *r) {
        return switch_locations(site, r, NONE, r->wanted);
}

static int undo_nginx(const struct site *site, const struct journal_record *r) {
        return switch_locations(site, r, r->before, NONE);
}

static void describe_nginx(const struct journal_record *r, char *to, size_t size) {
        (void) snprintf(to, size, "link %s in place of %s, nginx -t, reload nginx", r->wanted, r->path);
}

/* ---- all ---- */

static const struct kind kinds[] = {
        {"aside", look_aside, make_aside, undo_aside, describe_aside},
        {"link", look_link, make_link, undo_link, describe_link},
        {"keep", look_keep, make_keep, undo_keep, describe_keep},
        {"owner", look_owner, make_owner, undo_owner, describe_owner},
        {"stop", look_stop, make_stop, undo_stop, describe_stop},
        {"run", look_run, make_run, undo_run, describe_run},
        {"nginx", look_link, make_nginx, undo_nginx, describe_nginx},
};

static const struct kind *kind_of(const struct journal_record *r) {
        for (unsigned i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(r->what, kinds[i].name))
                        return &kinds[i];
        return NULL;
}

int change_look(const struct site *site, struct journal_record *r) {
        const struct kind *kind = kind_of(r);

        return kind ? kind->look(site, r) : -EBADMSG;
}

int change_make(const struct site *site, const struct journal_record *r) {
        const struct kind *kind = kind_of(r);

        return kind ? kind->make(site, r) : -EBADMSG;
}

int change_undo(const struct site *site, const struct journal_record *r) {
        const struct kind *kind = kind_of(r);

        return kind ? kind->undo(site, r) : -EBADMSG;
}

void change_describe(const struct journal_record *r, char *to, size_t size) {
        const struct kind *kind = kind_of(r);

        if (kind)
                kind->describe(r, to, size);
        else
                (void) strcopy(to, size, r->what);
}
