/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of methods share: methods.c has the table, and what is answered from the model alone; methods-relay.c what
 * the relay is asked for.
 */
#pragma once

#include "workers/control/methods.h"

#define PARAMETERS_MAX 3

enum parameter_type { PARAMETER_STRING, PARAMETER_BOOL, PARAMETER_INT };

struct parameter {
        const char *name;
        enum parameter_type type;
        bool required;
};

/* A call whose parameters were checked against its method's table; values in the table's order, NULL where absent. */
struct checked_call {
        const struct methods *methods;
        const struct method *method;
        const struct varlink_call *call;
        json_t *values[PARAMETERS_MAX];
};

struct method {
        const char *name;
        enum access access;
        enum wire_verb verb;
        /* METHOD_ANSWERED and so on, or -ENOMEM. */
        int (*run)(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish);
        struct parameter parameters[PARAMETERS_MAX];
        /* As methods_relayed(), where run() may say METHOD_RELAY. */
        int (*relayed)(const struct methods *methods, struct method_wish *wish, const struct relay_result *result,
                       struct varlink_answer *answer);
};

/* Makes the answer an error, with one member. METHOD_ANSWERED. */
int methods_refused(struct varlink_answer *answer, const char *error, const char *member, const char *value);

int methods_run_status(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish);
int methods_run_metrics(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish);
int methods_run_events(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish);
int methods_run_parked(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish);
int methods_run_retry(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish);
int methods_run_drop(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish);
int methods_relayed_status(const struct methods *methods, struct method_wish *wish, const struct relay_result *result,
                           struct varlink_answer *answer);
int methods_relayed_metrics(const struct methods *methods, struct method_wish *wish, const struct relay_result *result,
                            struct varlink_answer *answer);
int methods_relayed_events(const struct methods *methods, struct method_wish *wish, const struct relay_result *result,
                           struct varlink_answer *answer);
int methods_relayed_parked(const struct methods *methods, struct method_wish *wish, const struct relay_result *result,
                           struct varlink_answer *answer);
int methods_relayed_rows(const struct methods *methods, struct method_wish *wish, const struct relay_result *result,
                         struct varlink_answer *answer);
