/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/discovery/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define INTERFACES_MAX 256

static bool begins_with(const char *s, const char *prefix) {
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Smaller is better; 0: not this one. */
static unsigned rank(const char *name, const char *interface) {
        if (streq(name, interface))
                return 1;
        if (begins_with(name, "eth") || begins_with(name, "en"))
                return 2;
        return streq(name, "lo") ? 3 : 0;
}

void address_find(const char *interface, char *ret, size_t size) {
        static struct ifreq list[INTERFACES_MAX];
        struct ifconf found = {.ifc_len = sizeof(list), .ifc_req = list};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        unsigned best = UINT32_MAX;

        (void) snprintf(ret, size, "127.0.0.1");
        if (fd < 0)
                return;
        if (ioctl(fd, SIOCGIFCONF, &found) < 0)
                found.ifc_len = 0;
        for (size_t i = 0; i < (size_t) found.ifc_len / sizeof(*list); i++) {
                struct sockaddr_in address;
                char name[IFNAMSIZ + 1];
                unsigned is;

                memcpy(name, list[i].ifr_name, IFNAMSIZ);
                name[IFNAMSIZ] = 0;
                is = rank(name, interface);
                memcpy(&address, &list[i].ifr_addr, sizeof(address));
                if (is == 0 || is >= best || address.sin_family != AF_INET)
                        continue;
                if (inet_ntop(AF_INET, &address.sin_addr, ret, (socklen_t) size))
                        best = is;
        }
        (void) fd_close(fd);
}
