/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The Varlink protocol without its socket: a call decoded strictly, an answer encoded. A message is one JSON object with a
 * NUL behind it; whoever sends anything else is disconnected.
 */
#pragma once

#include <jansson.h>

#include "lib/util.h"

/* A call is never larger, without its NUL. */
#define VARLINK_CALL_MAX (64U * 1024)
/* Brackets within brackets. */
#define VARLINK_DEPTH_MAX 16

#define VARLINK_INTERFACE "io.wazo.suite"
#define VARLINK_SERVICE "org.varlink.service"

#define VARLINK_INTERFACE_NOT_FOUND VARLINK_SERVICE ".InterfaceNotFound"
#define VARLINK_METHOD_NOT_FOUND VARLINK_SERVICE ".MethodNotFound"
#define VARLINK_INVALID_PARAMETER VARLINK_SERVICE ".InvalidParameter"
#define VARLINK_PERMISSION_DENIED VARLINK_SERVICE ".PermissionDenied"
#define VARLINK_NO_SUCH_WORKER VARLINK_INTERFACE ".NoSuchWorker"
#define VARLINK_COMMAND_FAILED VARLINK_INTERFACE ".CommandFailed"
#define VARLINK_SUPERVISOR_BUSY VARLINK_INTERFACE ".SupervisorBusy"
#define VARLINK_RELAY_UNAVAILABLE VARLINK_INTERFACE ".RelayUnavailable"
#define VARLINK_NOT_PARKED VARLINK_INTERFACE ".NotParked"

/* The interface descriptions, from the .varlink files beside this one. */
extern const char varlink_description_suite[];
extern const char varlink_description_service[];

struct varlink_call {
        json_t *message;    /* owns everything below */
        const char *method; /* io.wazo.suite.Status */
        json_t *parameters; /* an object, empty when the call had none */
        bool oneway, more, upgrade;
};

/* @data is @size bytes, without the NUL that ended them. -EBADMSG for anything but a well-formed call; -ENOMEM. */
int varlink_call_decode(const char *data, size_t size, struct varlink_call *ret) _must_check_;
void varlink_call_done(struct varlink_call *call);

struct varlink_answer {
        const char *error;  /* a full name, NULL for success; a constant */
        json_t *parameters; /* owned; NULL for none */
        bool continues;
};

#define VARLINK_ANSWER_NULL ((struct varlink_answer) {0})

/* With the NUL, which *ret_size counts. Freed by the caller. */
int varlink_answer_encode(const struct varlink_answer *answer, char **ret, size_t *ret_size) _must_check_;
void varlink_answer_done(struct varlink_answer *answer);

/* Makes the answer an error with one string member, e.g. InvalidParameter of "parameter". */
void varlink_answer_error(struct varlink_answer *answer, const char *error, const char *member, const char *value);
