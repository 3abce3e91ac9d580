/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "monit/workers.h"

#include <stdio.h>

#include "workers/control/client/call.h"

#define REACH_NSEC (3 * NSEC_PER_SEC)
#define ANSWER_NSEC (10 * NSEC_PER_SEC)

static const char *get_text(const json_t *object, const char *name) {
        return strempty(json_string_value(json_object_get(object, name)));
}

static bool is_true(const json_t *object, const char *name) {
        return json_is_true(json_object_get(object, name));
}

/* What a worker's state makes of its service, when it is worth a word; the later one counts more. */
enum weight { WEIGHT_NONE, WEIGHT_HELD, WEIGHT_BLOCKED, WEIGHT_DEGRADED };

static enum weight weigh(const char *state) {
        static const struct {
                const char *state;
                enum weight weight;
        } weights[] = {
                {"held", WEIGHT_HELD},         {"blocked", WEIGHT_BLOCKED}, {"failed", WEIGHT_DEGRADED},
                {"backoff", WEIGHT_DEGRADED}, {"undead", WEIGHT_DEGRADED},
        };

        for (unsigned i = 0; i < ELEMENTSOF(weights); i++)
                if (streq(weights[i].state, state))
                        return weights[i].weight;
        return WEIGHT_NONE;
}

static void name_one(char *text, size_t size, const char *name, const char *what, const char *why) {
        size_t used = strlen(text);

        (void) snprintf(text + used, size - used, "%s%s is %s%s%s", used > 0 ? "; " : "", name, what, *why ? ": " : "", why);
}

/* Names all that are not as they should be. */
static enum weight name_workers(const json_t *answer, char *text, size_t size) {
        enum weight heaviest = WEIGHT_NONE;
        const json_t *one;
        size_t i;

        json_array_foreach(json_object_get(answer, "problems"), i, one) {
                name_one(text, size, get_text(one, "plugin"), "not there", get_text(one, "text"));
                heaviest = WEIGHT_DEGRADED;
        }
        json_array_foreach(json_object_get(answer, "workers"), i, one) {
                enum weight weight = weigh(get_text(one, "state"));

                if (weight == WEIGHT_NONE)
                        continue;
                name_one(text, size, get_text(one, "name"), get_text(one, "state"), get_text(one, "reason"));
                heaviest = MAX(heaviest, weight);
        }
        return heaviest;
}

static void judge(const json_t *answer, struct verdict *v) {
        static const enum monit_state states[] = {[WEIGHT_NONE] = MONIT_RUNNING, [WEIGHT_HELD] = MONIT_HELD,
                                                  [WEIGHT_BLOCKED] = MONIT_BLOCKED, [WEIGHT_DEGRADED] = MONIT_DEGRADED};
        const json_t *service = json_object_get(answer, "service");
        const char *status = get_text(service, "status");
        char text[VERDICT_TEXT_SIZE] = "";
        enum weight weight = name_workers(answer, text, sizeof(text));

        if (is_true(service, "stopping"))
                verdict_set(v, MONIT_STOPPING, "%s", status);
        else if (!is_true(service, "ready"))
                verdict_set(v, MONIT_STARTING, "%s", *text ? text : status);
        else if (weight == WEIGHT_NONE && is_true(service, "degraded"))
                verdict_set(v, MONIT_DEGRADED, "%s", status);
        else
                verdict_set(v, states[weight], "%s", *text ? text : status);
}

static int reach(const char *path, struct call *c) {
        static const struct timespec tenth = {.tv_nsec = 100000000};
        uint64_t deadline = now_monotonic() + REACH_NSEC;
        int r;

        while ((r = call_open(c, path)) < 0 && r != -EACCES && r != -EPERM && now_monotonic() < deadline)
                (void) nanosleep(&tenth, NULL);
        return r;
}

int workers_ask(const char *root, const struct manifest *m, struct verdict *ret) {
        _cleanup_(call_done) struct call c = CALL_NULL;
        uint64_t deadline = now_monotonic() + ANSWER_NSEC;
        json_t *message = NULL, *parameters = NULL;
        const char *error = "";
        char path[256];
        int r;

        if (!m->run || snprintf(path, sizeof(path), "%s%s/control.sock", root, m->run) >= (int) sizeof(path))
                return -ENAMETOOLONG;
        r = reach(path, &c);
        if (r == -EACCES || r == -EPERM) {
                verdict_set(ret, MONIT_UNKNOWN, "%s may not be asked: whoever asks must be in group wazo-suite", path);
                return 0;
        }
        if (r >= 0)
                r = call_send(&c, "io.wazo.suite.Status", NULL, false, deadline);
        if (r >= 0)
                r = call_receive(&c, deadline, &message, &error, &parameters);
        if (r < 0)
                return r;
        if (*error)
                verdict_set(ret, MONIT_UNKNOWN, "it refuses to tell its state: %s", error);
        else
                judge(parameters, ret);
        json_decref(message);
        return 0;
}
