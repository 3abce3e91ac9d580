/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the programs that look at one service have in common: their arguments, and the look.
 */
#pragma once

#include "monit/look.h"

struct command {
        const char *root, *service;
        struct suite_dirs services_dirs;
};

/* What was seen of whom. */
struct seen {
        struct verdict verdict;
        char unit[SYSTEMD_UNIT_MAX]; /* the one of this host, or "" */
        const char *left_to;         /* who else starts it again, in words; NULL: nobody */
};

/* 1: go on. 0: @help was wanted, and has been called. -EINVAL: *ret_why says what is wrong. */
int command_parse(int argc, char **argv, void (*help)(void), struct command *ret, const char **ret_why) _must_check_;

/* Always tells something. */
void command_look(const struct command *c, struct seen *ret);

/* "SERVICE: STATE: WHY", for people and for the hook. */
void command_print(const struct command *c, const struct verdict *v);

/* The options, for the help. */
extern const char command_options[];
