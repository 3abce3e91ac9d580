/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/survey/guard.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

int guard_read_token(struct guard *guard, const char *path) {
        FILE *file = fopen(path, "re");
        struct stat st;
        size_t n;
        int r = 0;

        if (!file)
                return -errno;
        if (fstat(fileno(file), &st) < 0)
                r = -errno;
        else if (st.st_mode & 07)
                r = -EPERM;
        else if (!fgets(guard->token, sizeof(guard->token), file))
                r = -EINVAL;
        (void) fclose(file);
        if (r < 0)
                return r;
        n = strcspn(guard->token, "\r\n");
        if (n < GUARD_TOKEN_MIN || n >= sizeof(guard->token) - 1) {
                explicit_bzero(guard->token, sizeof(guard->token));
                return -EINVAL;
        }
        guard->token[n] = 0;
        return 0;
}

/* In a time that does not tell how much of it is right. */
static bool is_token(const char *token, const char *said) {
        size_t n = strlen(token), m = strlen(said);
        unsigned char differs = n != m;

        for (size_t i = 0; i < m; i++)
                differs |= (unsigned char) (said[i] ^ token[i % n]);
        return differs == 0;
}

bool guard_is_loopback(const char *address) {
        struct in6_addr six;
        struct in_addr four;

        if (inet_pton(AF_INET, address, &four) == 1)
                return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
        return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

/* "localhost:9480", "127.0.0.1", "[::1]:9480". */
static bool is_here(const char *host) {
        char name[64];
        size_t n;

        if (*host == '[') {
                n = strcspn(++host, "]");
        } else
                n = strcspn(host, ":");
        if (n == 0 || n >= sizeof(name))
                return false;
        memcpy(name, host, n);
        name[n] = 0;
        return strcasecmp(name, "localhost") == 0 || guard_is_loopback(name);
}

enum guard_answer guard_ask(const struct guard *guard, const char *token, const char *host, bool forwarded) {
        if (guard->token[0])
                return token && is_token(guard->token, token) ? GUARD_LET_IN : GUARD_TOKEN;
        return host && is_here(host) && !forwarded ? GUARD_LET_IN : GUARD_STRANGER;
}
