/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The methods of io.wazo.suite and org.varlink.service: from a call to an answer, to a command for the supervisor, or to a
 * question for the relay. No socket is touched here.
 */
#pragma once

#include "workers/control/crash.h"
#include "workers/control/model.h"
#include "workers/control/relay.h"
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
        METHOD_COMMAND,      /* the supervisor is to be asked */
        METHOD_RELAY,        /* the relay is to be asked */
};

/* When a stream has something new to say. */
enum method_stream {
        STREAM_NONE,
        STREAM_STATUS, /* after a change of the model */
        STREAM_EVENTS, /* whenever the relay has some */
};

/* What is left to do for a call. */
struct method_wish {
        struct wire_command command;    /* METHOD_COMMAND */
        struct relay_question question; /* METHOD_RELAY */
        uint64_t nsec;                  /* ... and how long the relay may take */
        enum method_stream stream;      /* ... and whether it is asked again and again */
        const struct method *method;
        json_int_t id;                  /* of the row that Retry or Drop is about, 0 for all */
        json_int_t after;               /* the newest event that a stream has been told */
        bool begun;                     /* it has had an answer */
};

/* What the methods know. */
struct methods {
        struct model *model;
        const struct crash_store *crashes;
};

/* Fills @answer, or @wish. -ENOMEM. */
int methods_call(const struct methods *methods, enum access access, const struct varlink_call *call,
                 struct varlink_answer *answer, struct method_wish *wish) _must_check_;

/* The answer to a command: the supervisor's result, with the text that came with it, or NULL. -ENOMEM. */
int methods_result(uint32_t verb, int error, const char *text, const char *lines, struct varlink_answer *answer) _must_check_;

/*
 * The answer to a call that the relay was asked for, with what became of that. 1: a stream has nothing new to say. The wish of
 * a stream then asks for what comes next. -ENOMEM.
 */
int methods_relayed(const struct methods *methods, struct method_wish *wish, const struct relay_result *result,
                    struct varlink_answer *answer) _must_check_;
