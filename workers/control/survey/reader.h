/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The half of wazo-page that may ask services. The other half speaks with browsers, may do nothing else, and has one thing to say
 * here: "look". So whoever takes that one over can look, and command nothing.
 */
#pragma once

#include <sys/types.h>

#include "workers/control/survey/survey.h"

#define READER_ANSWER_MAX (16U * 1024 * 1024)

/*
 * Starts the process; *ret_fd is the line to it: a byte is a question, an answer is four bytes of its size, in the
 * host's order, and so much JSON. It ends when the line does.
 */
int reader_start(struct survey *survey, int *ret_fd, pid_t *ret_pid) _must_check_;

/* The unit starts us with the one by which a process leaves its groups. */
void reader_drop_capabilities(void);

/* An answer that comes in pieces. */
struct reader_answer {
        char *data;
        size_t size, received; /* of the answer; with its four bytes */
        uint32_t head;
};

/* Reads what is there: 1 when the answer is whole, and taken by who sets data to NULL; 0 when more must come.
 * -ECONNRESET: it is gone. */
int reader_receive(int fd, struct reader_answer *a) _must_check_;
