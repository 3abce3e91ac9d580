/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

int privileges_find_user(const char *name, struct identity *ret) {
        struct passwd *entry;

        errno = 0;
        entry = getpwnam(name);
        if (!entry)
                return errno > 0 && errno != ENOENT ? -errno : -ESRCH;
        if (entry->pw_uid == 0)
                return -EPERM;
        *ret = (struct identity) {.uid = entry->pw_uid, .gid = entry->pw_gid};
        (void) strcopy(ret->name, sizeof(ret->name), entry->pw_name);
        return 0;
}

/* Needs CAP_SETPCAP, so it comes before the uid changes. */
static int drop_bounding_set(void) {
        for (cap_value_t cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
                if (prctl(PR_CAPBSET_READ, cap) > 0 && prctl(PR_CAPBSET_DROP, cap) < 0)
                        return -errno;
        return 0;
}

static int clear_capabilities(void) {
        cap_t none = cap_init();
        int r = 0;

        if (!none)
                return -ENOMEM;
        if (cap_set_proc(none) < 0)
                r = -errno;
        (void) cap_free(none);
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && r >= 0)
                r = -errno;
        return r;
}

static int verify_ids(const struct identity *who) {
        uid_t uid[3];
        gid_t gid[3];

        if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0)
                return -errno;
        for (unsigned i = 0; i < 3; i++)
                if (uid[i] != who->uid || gid[i] != who->gid)
                        return -EPERM;
        /* An impossible id changes nothing and answers with the one in force. */
        if ((uid_t) setfsuid((uid_t) -1) != who->uid || (gid_t) setfsgid((gid_t) -1) != who->gid)
                return -EPERM;
        if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
                return -EPERM;
        return 0;
}

static int verify_capabilities(bool bounding_too) {
        static const cap_flag_t sets[] = {CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE};
        cap_t now = cap_get_proc();
        int r = 0;

        if (!now)
                return -errno;
        for (cap_value_t cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0 && r >= 0; cap++) {
                if (bounding_too && prctl(PR_CAPBSET_READ, cap) != 0)
                        r = -EPERM;
                if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) != 0)
                        r = -EPERM;
                for (unsigned i = 0; i < ELEMENTSOF(sets); i++) {
                        cap_flag_value_t value;

                        if (cap_get_flag(now, cap, sets[i], &value) < 0 || value != CAP_CLEAR)
                                r = -EPERM;
                }
        }
        (void) cap_free(now);
        return r;
}

#define STEP(name, call)           \
        do {                       \
                *ret_step = (name); \
                r = (call);        \
                if (r < 0)         \
                        return r;  \
        } while (0)

int privileges_drop(const struct identity *who, const char **ret_step) {
        int r;

        STEP("drop the bounding set", drop_bounding_set());
        STEP("set the groups", initgroups(who->name, who->gid) < 0 ? -errno : 0);
        STEP("set the group", setresgid(who->gid, who->gid, who->gid) < 0 ? -errno : 0);
        STEP("set the user", setresuid(who->uid, who->uid, who->uid) < 0 ? -errno : 0);
        STEP("clear the capabilities", clear_capabilities());
        STEP("verify the ids", verify_ids(who));
        STEP("verify the capabilities", verify_capabilities(true));
        /* A process that changed its ids is not dumpable, and /proc/self would belong to root. */
        STEP("become dumpable again", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 ? -errno : 0);
        return 0;
}

int privileges_lock(const char **ret_step) {
        int r;

        STEP("set no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0);
        if (geteuid() != 0) {
                (void) drop_bounding_set(); /* only with CAP_SETPCAP, which a User= unit does not have */
                (void) clear_capabilities(); /* a filter may refuse the call where there is nothing to clear */
                STEP("verify the capabilities", verify_capabilities(false));
        }
        return 0;
}
