/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The methods of io.wazo.suite and org.varlink.service: from a call to an answer, or to a command for the supervisor. No
 * socket is touched here.
 */
#pragma once

#include "workers/control/crash.h"
#include "workers/control/model.h"
#include "workers/control/varlink.h"

/* What a client may do. */
enum access {
        ACCESS_NONE,    /* org.varlink.service only */
        ACCESS_READ,    /* and what changes nothing */
        ACCESS_COMMAND, /* everything */
};

/* What becomes of a call. */
enum method_outcome {
        METHOD_ANSWERED = 1, /* the answer is whole */
        METHOD_STREAM,       /* the answer is the first of a status stream */
        METHOD_COMMAND,      /* the supervisor is to be asked */
};

/* What the methods know. */
struct methods {
        struct model *model;
        const struct crash_store *crashes;
};

/* Fills @answer, or *ret_command for METHOD_COMMAND. -ENOMEM. */
int methods_call(const struct methods *methods, enum access access, const struct varlink_call *call,
                 struct varlink_answer *answer, struct wire_command *ret_command) _must_check_;

/* The answer to a command: the supervisor's result, with the text that came with it, or NULL. -ENOMEM. */
int methods_result(uint32_t verb, int error, const char *text, const char *lines, struct varlink_answer *answer) _must_check_;

/* One more answer of a status stream. -ENOMEM. */
int methods_status(const struct methods *methods, struct varlink_answer *answer) _must_check_;
