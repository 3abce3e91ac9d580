/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-suite events --follow: prints events as they come, over whatever happens to control and relay meanwhile.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct follow {
        const char *path; /* of the control socket */
        long limit;       /* how many of the past to begin with */
        bool json;        /* one event a line, as it came */
        json_int_t last;  /* id of the last one that was printed; 0 before */
};

/*
 * Until nobody can be reached for ten seconds: a negative errno. 1: refused; then *ret_error is the error's name within
 * *ret_message, which the caller drops, and *ret_parameters its members.
 */
int follow_events(struct follow *f, json_t **ret_message, const char **ret_error, json_t **ret_parameters);
