/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The absolute URL that a client reached us by, for links and Location, through at most one trusted proxy.
 */
#pragma once

#include "workers/gateway/headers.h"

#define BASE_URL_MAX 512
#define SCRIPT_NAME_MAX 128

struct links {
        char base_url[BASE_URL_MAX];       /* scheme://host[/script-name]/1.1 */
        char origin[BASE_URL_MAX];         /* scheme://host */
        char script_name[SCRIPT_NAME_MAX]; /* /api/confd, or "" */
};

/*
 * @authority: of an absolute request URL, or NULL; @fallback_host: where there is no Host header. Whatever could not stand
 * in a URL is left out. -EINVAL when the host is malformed.
 */
int links_make(const struct headers *h, bool tls, const char *authority, size_t authority_size, const char *fallback_host,
               const char *prefix, struct links *ret) _must_check_;

/* The address for the log: the last of X-Forwarded-For when there is one that looks like an address, else @peer. */
void links_remote(const struct headers *h, const char *peer, char *ret, size_t size);
