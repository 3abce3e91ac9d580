/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/access.h"

#include <sys/socket.h>
#include <sys/stat.h>

/* More groups than this nobody is in. */
#define GROUPS_MAX 1024

int access_rules_init(struct access_rules *rules, gid_t group, bool owner_commands, int listener) {
        struct stat st;

        if (fstat(listener, &st) < 0)
                return -errno;
        *rules = (struct access_rules) {
                .own_uid = geteuid(), .socket_owner = st.st_uid, .group = group, .owner_commands = owner_commands,
        };
        return 0;
}

enum access access_decide(const struct access_rules *rules, uid_t uid, const gid_t *groups, size_t n_groups) {
        if (uid == 0)
                return ACCESS_COMMAND;
        for (size_t i = 0; i < n_groups && rules->group != (gid_t) -1; i++)
                if (groups[i] == rules->group)
                        return ACCESS_COMMAND;
        if (rules->owner_commands && uid == rules->socket_owner && uid == rules->own_uid)
                return ACCESS_COMMAND;
        return uid == rules->own_uid ? ACCESS_READ : ACCESS_NONE;
}

/* What the kernel says for an id that our user namespace has no name for. */
#define UNKNOWN_ID 65534

/* Groups that are somebody's in particular. */
static size_t keep_known(gid_t *groups, size_t n) {
        size_t kept = 0;

        for (size_t i = 0; i < n; i++)
                if (groups[i] != UNKNOWN_ID)
                        groups[kept++] = groups[i];
        return kept;
}

enum access access_of_peer(const struct access_rules *rules, int fd) {
        gid_t groups[GROUPS_MAX + 1];
        socklen_t size = sizeof(struct ucred);
        struct ucred peer;
        size_t n = 0;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || size != sizeof(peer) || peer.pid < 0 ||
            peer.uid == (uid_t) -1)
                return ACCESS_NONE;
        groups[n++] = peer.gid;
        size = (socklen_t) (GROUPS_MAX * sizeof(gid_t));
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups + 1, &size) >= 0)
                n += size / sizeof(gid_t);
        /*
         * A peer without a number is of another PID namespace: on the host of the container that we are in. Its user
         * and groups are as true as anybody's, but for those that stand for all that we have no name for.
         */
        if (peer.pid == 0) {
                if (peer.uid == UNKNOWN_ID)
                        return ACCESS_NONE;
                n = keep_known(groups, n);
        }
        return access_decide(rules, peer.uid, groups, n);
}
