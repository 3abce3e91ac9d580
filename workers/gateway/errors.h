/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bodies of the gateway's own errors, to the letter as wazo-confd's clients know them. Each returns an allocated text,
 * or NULL when there is no memory.
 */
#pragma once

#include "lib/util.h"

/* What the body says to whom sent something that cannot be understood. */
#define ERROR_BROWSER "The browser (or proxy) sent a request that this server could not understand."

struct error_body {
        char *data;
        size_t size;
};

/* ["message"] */
struct error_body error_list(const char *message);
/* An unknown or expired token: ["('<token>', '<acl>')"]. Of an access right that is "": None. */
struct error_body error_token(const char *token, const char *right);
/* One that may not: ["('<token>', '<acl>', <tenant or None>)"]. */
struct error_body error_access(const char *token, const char *right, const char *tenant);
/* Not the master tenant's: ["<token>"]. */
struct error_body error_master_only(const char *token);
/* {"message": "The method is not allowed for the requested URL."} */
struct error_body error_method(void);
/* The page for a URL that is not there. */
struct error_body error_not_found_page(void);
struct error_body error_plain(const char *text);
/* ["Service Unavailable - plugin 'user' is failed"], with ": reason" behind where there is one. */
struct error_body error_unavailable(const char *plugin, const char *state, const char *reason);
