/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/origin.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>

#include "backup/lists.h"
#include "backup/tree.h"

/* What is installed where there is no WAZO-VERSION: the suite alone. */
#define SUITE_VERSION "wazo-suite " WAZO_SUITE_VERSION

/* The first line, without blanks around it. */
static void first_line(const char *text, char *ret, size_t size) {
        size_t n;

        text += strspn(text, " \t\r\n");
        n = strcspn(text, "\r\n");
        while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
                n--;
        n = MIN(n, size - 1);
        memcpy(ret, text, n);
        ret[n] = 0;
        for (char *p = ret; *p; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        *p = '?';
}

static void learn_address(struct index_origin *o, const char *content) {
        if (o->n_addresses < INDEX_ADDRESSES_MAX &&
            lists_variable(content, "XIVO_NET4_IP", o->addresses[o->n_addresses], INDEX_TEXT_MAX) &&
            o->addresses[o->n_addresses][0])
                o->n_addresses++;
}

void origin_learn(struct index_origin *o, const char *path, const char *content) {
        if (streq(path, ORIGIN_VERSION_FILE))
                first_line(content, o->version, sizeof(o->version));
        else if (streq(path, ORIGIN_HOSTNAME_FILE))
                first_line(content, o->host, sizeof(o->host));
        else if (streq(path, ORIGIN_ADDRESS_FILE))
                learn_address(o, content);
}

static void learn_file(struct index_origin *o, int root_fd, const char *path) {
        _cleanup_free_ char *content = NULL;

        if (tree_read(root_fd, path, ORIGIN_FILE_MAX, &content) >= 0)
                origin_learn(o, path, content);
}

static void learn_interfaces(struct index_origin *o) {
        struct ifaddrs *all;

        if (getifaddrs(&all) < 0)
                return;
        for (const struct ifaddrs *i = all; i && o->n_addresses < INDEX_ADDRESSES_MAX; i = i->ifa_next) {
                const struct sockaddr_in *address = (const struct sockaddr_in *) (const void *) i->ifa_addr;

                if (address && address->sin_family == AF_INET && !(i->ifa_flags & IFF_LOOPBACK) &&
                    inet_ntop(AF_INET, &address->sin_addr, o->addresses[o->n_addresses], INDEX_TEXT_MAX))
                        o->n_addresses++;
        }
        freeifaddrs(all);
}

void origin_of_host(const char *root, int root_fd, enum index_type type, struct index_origin *ret) {
        static const char *const files[] = {ORIGIN_VERSION_FILE, ORIGIN_HOSTNAME_FILE, ORIGIN_ADDRESS_FILE};
        struct index_origin o = {.type = type};
        time_t now = time(NULL);
        struct tm tm;

        for (unsigned i = 0; i < ELEMENTSOF(files); i++)
                learn_file(&o, root_fd, files[i]);
        if (!o.version[0])
                (void) strcopy(o.version, sizeof(o.version), SUITE_VERSION);
        if (!root[0]) {
                if (!o.host[0] && gethostname(o.host, sizeof(o.host) - 1) < 0)
                        o.host[0] = 0;
                learn_interfaces(&o);
        }
        if (gmtime_r(&now, &tm))
                (void) strftime(o.made, sizeof(o.made), "%Y-%m-%dT%H:%M:%SZ", &tm);
        *ret = o;
}

bool origin_other_version(const struct index_origin *archive, const struct index_origin *host) {
        return archive->version[0] && host->version[0] && !streq(archive->version, host->version);
}

bool origin_other_host(const struct index_origin *archive, const struct index_origin *host, char *ret_why, size_t size) {
        if (archive->host[0] && host->host[0] && !streq(archive->host, host->host)) {
                (void) snprintf(ret_why, size, "it is of %s, and this is %s", archive->host, host->host);
                return true;
        }
        if (archive->n_addresses == 0 || host->n_addresses == 0)
                return false;
        for (size_t i = 0; i < archive->n_addresses; i++)
                for (size_t j = 0; j < host->n_addresses; j++)
                        if (streq(archive->addresses[i], host->addresses[j]))
                                return false;
        (void) snprintf(ret_why, size, "it is of a host with address %s, and this one has %s", archive->addresses[0],
                        host->addresses[0]);
        return true;
}
