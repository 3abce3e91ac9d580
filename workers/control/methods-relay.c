/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods that the relay is asked for: what becomes of events. */
#include <stdio.h>

#include "workers/control/answers.h"
#include "workers/control/methods-internal.h"
#include "workers/control/metrics.h"
#include "workers/control/text.h"

#define LIMIT_MAX 1000
/* A stream's, each half second. */
#define STREAM_LIMIT 1000

/* How long the relay may take: a gateway gives all of /metrics a second. */
#define METRICS_NSEC (NSEC_PER_SEC / 2)
#define STATUS_NSEC (2 * NSEC_PER_SEC)
#define ROWS_NSEC (8 * NSEC_PER_SEC)

static int answered(struct varlink_answer *answer, json_t *parameters) {
        answer->parameters = parameters;
        return parameters ? 0 : -ENOMEM;
}

static json_t *versioned(void) {
        json_t *answer = json_object();

        return answers_finish(answer, answers_set(answer, "version", json_integer(ANSWERS_VERSION)));
}

static bool is_good(const struct relay_result *result) {
        return result->error == 0 && result->status >= 200 && result->status < 300;
}

/* ----- status and metrics ----- */

int methods_run_status(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish) {
        wish->question = (struct relay_question) {.method = "GET", .path = "/status"};
        wish->nsec = STATUS_NSEC;
        wish->stream = c->call->more ? STREAM_STATUS : STREAM_NONE;
        return METHOD_RELAY;
}

/* A copy whose texts are safe, like all that leaves here. */
static json_t *made_safe(const json_t *value) {
        json_t *copy, *member;
        const char *name;
        int r = 0;

        if (json_is_string(value))
                return text_json(json_string_value(value));
        if (!json_is_object(value))
                return json_deep_copy(value);
        copy = json_object();
        json_object_foreach((json_t *) value, name, member)
                r |= answers_set(copy, name, made_safe(member));
        return answers_finish(copy, r);
}

/* The relay's own words, and whether it said any. */
static json_t *make_relay(const struct relay_result *result) {
        bool good = is_good(result) && result->body;
        json_t *relay = good ? made_safe(result->body) : json_object();
        int r = 0;

        r |= answers_set(relay, "answers", json_boolean(good));
        r |= answers_set(relay, "reason", text_json(good ? "" : result->text));
        return answers_finish(relay, r);
}

/* Its silence is part of the truth, and no reason to say nothing of the rest. */
int methods_relayed_status(const struct methods *methods, struct method_wish *wish, const struct relay_result *result,
                           struct varlink_answer *answer) {
        json_t *status = answers_status(methods->model, now_monotonic());
        int r = 0;

        if (result->error != -ENOENT)
                r = answers_set(status, "relay", make_relay(result));
        answer->continues = wish->stream != STREAM_NONE;
        return answered(answer, answers_finish(status, r));
}

int methods_run_metrics(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish) {
        wish->question = (struct relay_question) {.method = "GET", .path = "/status"};
        wish->nsec = METRICS_NSEC;
        return METHOD_RELAY;
}

int methods_relayed_metrics(const struct methods *methods, struct method_wish *wish, const struct relay_result *result,
                            struct varlink_answer *answer) {
        _cleanup_free_ char *text = NULL;
        json_t *metrics;
        size_t size;

        if (metrics_render(methods->model, result, now_monotonic(), &text, &size) < 0)
                return -ENOMEM;
        metrics = versioned();
        return answered(answer, answers_finish(metrics, answers_set(metrics, "text", json_stringn(text, size))));
}

/* ----- rows ----- */

/* Sets "limit" and "after", where the call has them. */
static int ask_rows(const struct checked_call *c, const char *path, struct varlink_answer *answer, struct method_wish *wish) {
        static const json_int_t least[] = {1, 0}, most[] = {LIMIT_MAX, INT64_MAX};

        wish->question = (struct relay_question) {.method = "GET"};
        wish->nsec = ROWS_NSEC;
        (void) strcopy(wish->question.path, sizeof(wish->question.path), path);
        for (unsigned i = 0; i < ELEMENTSOF(most); i++) {
                json_int_t value = json_integer_value(c->values[i]);

                if (!c->values[i])
                        continue;
                if (value < least[i] || value > most[i])
                        return methods_refused(answer, VARLINK_INVALID_PARAMETER, "parameter", c->method->parameters[i].name);
                relay_query(&wish->question, c->method->parameters[i].name, "%" JSON_INTEGER_FORMAT, value);
        }
        return METHOD_RELAY;
}

/* The relay did not do it. */
static int relay_failed(const struct method_wish *wish, const struct relay_result *result, struct varlink_answer *answer) {
        if (result->error == 0 && result->status == 404 && wish->id > 0) {
                answer->error = VARLINK_NOT_PARKED;
                return answered(answer, json_pack("{s:I}", "id", wish->id));
        }
        varlink_answer_error(answer, VARLINK_RELAY_UNAVAILABLE, "text",
                             result->text && result->text[0] ? result->text : "the relay refused");
        return answer->parameters ? 0 : -ENOMEM;
}

/* The relay's answer is the method's. */
static int pass_on(const struct relay_result *result, struct varlink_answer *answer) {
        json_t *parameters = versioned();
        int r = parameters && result->body ? json_object_update_missing(parameters, result->body) : 0;

        return answered(answer, answers_finish(parameters, r));
}

int methods_run_events(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish) {
        wish->stream = c->call->more ? STREAM_EVENTS : STREAM_NONE;
        wish->after = json_integer_value(c->values[1]);
        return ask_rows(c, "/events", answer, wish);
}

int methods_relayed_events(const struct methods *methods, struct method_wish *wish, const struct relay_result *result,
                           struct varlink_answer *answer) {
        const json_t *events = json_object_get(result->body, "events");
        size_t n = json_array_size(events);

        /* Who follows is patient: the relay comes back. */
        if (wish->begun && (!is_good(result) || n == 0))
                return 1;
        if (!is_good(result))
                return relay_failed(wish, result, answer);
        if (wish->stream == STREAM_EVENTS) {
                json_int_t last = json_integer_value(json_object_get(json_array_get(events, n - 1), "id"));

                wish->begun = true;
                wish->after = MAX(wish->after, last);
                wish->question.n_query = 0;
                relay_query(&wish->question, "after", "%" JSON_INTEGER_FORMAT, wish->after);
                relay_query(&wish->question, "limit", "%d", STREAM_LIMIT);
                answer->continues = true;
        }
        return pass_on(result, answer);
}

int methods_run_parked(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish) {
        return ask_rows(c, "/parked", answer, wish);
}

int methods_relayed_parked(const struct methods *methods, struct method_wish *wish, const struct relay_result *result,
                           struct varlink_answer *answer) {
        return is_good(result) ? pass_on(result, answer) : relay_failed(wish, result, answer);
}

/* Retry and Drop: "id" or "all", of one of the two queues. */
static int ask_about(const struct checked_call *c, const char *method, const char *verb, struct varlink_answer *answer,
                     struct method_wish *wish) {
        const char *queue = strempty(json_string_value(c->values[1]));
        bool all = json_is_true(c->values[2]);

        wish->question = (struct relay_question) {.method = method};
        wish->nsec = ROWS_NSEC;
        wish->id = json_integer_value(c->values[0]);
        if (c->values[0] ? wish->id < 1 || all : !all)
                return methods_refused(answer, VARLINK_INVALID_PARAMETER, "parameter", "id");
        if (c->values[1] && !streq(queue, "outbox") && !streq(queue, "inbox"))
                return methods_refused(answer, VARLINK_INVALID_PARAMETER, "parameter", "queue");
        if (all)
                (void) snprintf(wish->question.path, sizeof(wish->question.path), "/parked%s", verb);
        else
                (void) snprintf(wish->question.path, sizeof(wish->question.path),
                                "/parked/%" JSON_INTEGER_FORMAT "%s", wish->id, verb);
        if (c->values[1])
                relay_query(&wish->question, "queue", "%s", queue);
        return METHOD_RELAY;
}

int methods_run_retry(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish) {
        return ask_about(c, "POST", "/retry", answer, wish);
}

int methods_run_drop(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish) {
        return ask_about(c, "DELETE", "", answer, wish);
}

int methods_relayed_rows(const struct methods *methods, struct method_wish *wish, const struct relay_result *result,
                         struct varlink_answer *answer) {
        json_t *rows = json_object_get(result->body, "rows"), *parameters;

        if (!is_good(result))
                return relay_failed(wish, result, answer);
        parameters = versioned();
        return answered(answer, answers_finish(parameters, answers_set(parameters, "rows",
                                                                       rows ? json_incref(rows) : json_integer(1))));
}
