/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/methods-internal.h"

#include "lib/log.h"
#include "workers/control/answers.h"

#define WHY_LIMIT_DEFAULT 1
#define WHY_ALL_LIMIT_DEFAULT 10
#define WHY_LIMIT_MAX 100
/* A method's last line: without memory there is no answer. */
static int answered(struct varlink_answer *answer, json_t *parameters) {
        answer->parameters = parameters;
        return parameters ? METHOD_ANSWERED : -ENOMEM;
}

int methods_refused(struct varlink_answer *answer, const char *error, const char *member, const char *value) {
        varlink_answer_error(answer, error, member, value);
        return METHOD_ANSWERED;
}

static int no_such_worker(const struct checked_call *c, struct varlink_answer *answer, const char *worker) {
        answer->error = VARLINK_NO_SUCH_WORKER;
        return answered(answer, answers_no_such_worker(c->methods->model, worker));
}

/* Whether something is known of a worker, living or dead. */
static bool has_history(const struct checked_call *c, const char *worker) {
        return model_knows(c->methods->model, worker) || crash_store_has(c->methods->crashes, worker);
}

/* The records of each instance that matches, else of a worker that is no more. */
static int read_records(const struct checked_call *c, const char *worker, size_t limit, json_t *records) {
        const struct model *m = c->methods->model;
        bool found = false;
        int r = 0;

        for (size_t i = 0; i < m->n_slots && r >= 0; i++)
                if (model_matches(m->slots[i], worker)) {
                        found = true;
                        r = crash_store_read(c->methods->crashes, m->slots[i]->name, limit, records);
                }
        if (!found)
                r = crash_store_read(c->methods->crashes, worker, limit, records);
        if (r < 0 && r != -ENOMEM) {
                log_warning("cannot read the crash records of %s: %s", worker, strerror(-r));
                return 0;
        }
        return r;
}

static int run_why(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish) {
        const char *worker = json_string_value(c->values[0]);
        json_int_t limit = worker ? WHY_LIMIT_DEFAULT : WHY_ALL_LIMIT_DEFAULT;
        json_t *records, *why;
        int r = 0;

        if (c->values[1])
                limit = json_integer_value(c->values[1]);
        if (limit < 1 || limit > WHY_LIMIT_MAX)
                return methods_refused(answer, VARLINK_INVALID_PARAMETER, "parameter", "limit");
        if (worker && !has_history(c, worker))
                return no_such_worker(c, answer, worker);

        if (worker) {
                records = json_array();
                if (!records || read_records(c, worker, (size_t) limit, records) < 0) {
                        json_decref(records);
                        return -ENOMEM;
                }
        } else
                records = crash_store_newest(c->methods->crashes, (size_t) limit);

        why = json_object();
        r |= answers_set(why, "version", json_integer(ANSWERS_VERSION));
        r |= answers_set(why, "workers", answers_workers(c->methods->model, worker, now_monotonic()));
        r |= answers_set(why, "records", records);
        return answered(answer, answers_finish(why, r));
}

static int run_explain(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish) {
        const char *worker = json_string_value(c->values[0]);

        if (!model_knows(c->methods->model, worker))
                return no_such_worker(c, answer, worker);
        return answered(answer, answers_explain(c->methods->model, worker, now_monotonic()));
}

/* Restart, Roll, Hold and Reset: a verb and a worker. */
static int run_worker_verb(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish) {
        const char *worker = strempty(json_string_value(c->values[0]));
        struct wire_command command = {.verb = c->method->verb};

        if (c->values[0] && !model_knows(c->methods->model, worker))
                return no_such_worker(c, answer, worker);
        if (!strcopy(command.worker, sizeof(command.worker), worker))
                return no_such_worker(c, answer, worker);
        wish->command = command;
        return METHOD_COMMAND;
}

static int run_reload(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish) {
        wish->command = (struct wire_command) {
                .verb = json_is_true(c->values[0]) ? WIRE_VERB_RELOAD_DRY : WIRE_VERB_RELOAD,
        };
        return METHOD_COMMAND;
}

static int run_log_level(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish) {
        int level = log_level_from_string(json_string_value(c->values[0]));

        if (level < 0)
                return methods_refused(answer, VARLINK_INVALID_PARAMETER, "parameter", "level");
        wish->command = (struct wire_command) {.verb = WIRE_VERB_LOG_LEVEL, .argument = (uint32_t) level};
        return METHOD_COMMAND;
}

static int run_get_info(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish) {
        return answered(answer, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "Wazo", "product", "wazo-suite",
                                          "version", c->methods->model->service.version, "url", "https://wazo-platform.org",
                                          "interfaces", VARLINK_SERVICE, VARLINK_INTERFACE));
}

static int run_get_description(const struct checked_call *c, struct varlink_answer *answer, struct method_wish *wish) {
        static const struct {
                const char *interface, *description;
        } interfaces[] = {{VARLINK_INTERFACE, varlink_description_suite}, {VARLINK_SERVICE, varlink_description_service}};
        const char *wanted = json_string_value(c->values[0]);

        for (unsigned i = 0; i < ELEMENTSOF(interfaces); i++)
                if (streq(interfaces[i].interface, wanted))
                        return answered(answer, json_pack("{s:s}", "description", interfaces[i].description));
        return methods_refused(answer, VARLINK_INTERFACE_NOT_FOUND, "interface", wanted);
}

#define WORKER {"worker", PARAMETER_STRING, true}
#define WORKER_OPTIONAL {"worker", PARAMETER_STRING, false}
#define ROW_ID {"id", PARAMETER_INT, false}
#define ROW_QUEUE {"queue", PARAMETER_STRING, false}
#define ROW_ALL {"all", PARAMETER_BOOL, false}

static const struct method method_table[] = {
        {VARLINK_SERVICE ".GetInfo", ACCESS_NONE, WIRE_VERB_MAX, run_get_info, {{0}}},
        {VARLINK_SERVICE ".GetInterfaceDescription", ACCESS_NONE, WIRE_VERB_MAX, run_get_description,
         {{"interface", PARAMETER_STRING, true}}},
        {VARLINK_INTERFACE ".Status", ACCESS_READ, WIRE_VERB_MAX, methods_run_status, {{0}}, methods_relayed_status},
        {VARLINK_INTERFACE ".Why", ACCESS_READ, WIRE_VERB_MAX, run_why, {WORKER_OPTIONAL, {"limit", PARAMETER_INT, false}}},
        {VARLINK_INTERFACE ".Explain", ACCESS_READ, WIRE_VERB_MAX, run_explain, {WORKER}},
        {VARLINK_INTERFACE ".Metrics", ACCESS_READ, WIRE_VERB_MAX, methods_run_metrics, {{0}}, methods_relayed_metrics},
        {VARLINK_INTERFACE ".Events", ACCESS_COMMAND, WIRE_VERB_MAX, methods_run_events,
         {{"limit", PARAMETER_INT, false}, {"after", PARAMETER_INT, false}}, methods_relayed_events},
        {VARLINK_INTERFACE ".Parked", ACCESS_COMMAND, WIRE_VERB_MAX, methods_run_parked,
         {{"limit", PARAMETER_INT, false}, {"after", PARAMETER_INT, false}}, methods_relayed_parked},
        {VARLINK_INTERFACE ".Retry", ACCESS_COMMAND, WIRE_VERB_MAX, methods_run_retry, {ROW_ID, ROW_QUEUE, ROW_ALL},
         methods_relayed_rows},
        {VARLINK_INTERFACE ".Drop", ACCESS_COMMAND, WIRE_VERB_MAX, methods_run_drop, {ROW_ID, ROW_QUEUE, ROW_ALL},
         methods_relayed_rows},
        {VARLINK_INTERFACE ".Restart", ACCESS_COMMAND, WIRE_VERB_RESTART, run_worker_verb, {WORKER}},
        {VARLINK_INTERFACE ".Roll", ACCESS_COMMAND, WIRE_VERB_ROLL, run_worker_verb, {WORKER_OPTIONAL}},
        {VARLINK_INTERFACE ".Hold", ACCESS_COMMAND, WIRE_VERB_HOLD, run_worker_verb, {WORKER}},
        {VARLINK_INTERFACE ".Reset", ACCESS_COMMAND, WIRE_VERB_RESET, run_worker_verb, {WORKER}},
        {VARLINK_INTERFACE ".Reload", ACCESS_COMMAND, WIRE_VERB_MAX, run_reload, {{"dry_run", PARAMETER_BOOL, false}}},
        {VARLINK_INTERFACE ".LogLevel", ACCESS_COMMAND, WIRE_VERB_LOG_LEVEL, run_log_level,
         {{"level", PARAMETER_STRING, true}}},
};

static const struct method *find_method(const char *name) {
        for (unsigned i = 0; i < ELEMENTSOF(method_table); i++)
                if (streq(method_table[i].name, name))
                        return &method_table[i];
        return NULL;
}

static bool has_type(const json_t *value, enum parameter_type type) {
        switch (type) {
        case PARAMETER_STRING: return json_is_string(value);
        case PARAMETER_BOOL: return json_is_boolean(value);
        case PARAMETER_INT: return json_is_integer(value);
        }
        return false;
}

static bool is_declared(const struct method *method, const char *name) {
        for (unsigned i = 0; i < PARAMETERS_MAX && method->parameters[i].name; i++)
                if (streq(method->parameters[i].name, name))
                        return true;
        return false;
}

/* NULL, or the name of the parameter that is missing, unknown or of another type. */
static const char *check_parameters(struct checked_call *c) {
        const char *name;
        json_t *value;

        json_object_foreach(c->call->parameters, name, value)
                if (!is_declared(c->method, name))
                        return name;
        for (unsigned i = 0; i < PARAMETERS_MAX && c->method->parameters[i].name; i++) {
                const struct parameter *p = &c->method->parameters[i];

                value = json_object_get(c->call->parameters, p->name);
                if (json_is_null(value))
                        value = NULL;
                if (value ? !has_type(value, p->type) : p->required)
                        return p->name;
                c->values[i] = value;
        }
        return NULL;
}

/* The interface's name is what stands before the last dot. */
static int method_not_found(const char *name, struct varlink_answer *answer) {
        const char *dot = strrchr(name, '.');
        size_t size = dot ? (size_t) (dot - name) : 0;
        char interface[256];

        if ((size == strlen(VARLINK_SERVICE) && strncmp(name, VARLINK_SERVICE, size) == 0) ||
            (size == strlen(VARLINK_INTERFACE) && strncmp(name, VARLINK_INTERFACE, size) == 0))
                return methods_refused(answer, VARLINK_METHOD_NOT_FOUND, "method", name);
        if (size >= sizeof(interface))
                return methods_refused(answer, VARLINK_INTERFACE_NOT_FOUND, "interface", name);
        memcpy(interface, name, size);
        interface[size] = 0;
        return methods_refused(answer, VARLINK_INTERFACE_NOT_FOUND, "interface", interface);
}

int methods_call(const struct methods *methods, enum access access, const struct varlink_call *call,
                 struct varlink_answer *answer, struct method_wish *wish) {
        struct checked_call c = {.methods = methods, .method = find_method(call->method), .call = call};
        const char *bad;

        if (!c.method)
                return method_not_found(call->method, answer);
        if (access < c.method->access)
                return methods_refused(answer, VARLINK_PERMISSION_DENIED, NULL, NULL);
        /* There is no other protocol to change to. */
        if (call->upgrade)
                return methods_refused(answer, VARLINK_INVALID_PARAMETER, "parameter", "upgrade");
        bad = check_parameters(&c);
        if (bad)
                return methods_refused(answer, VARLINK_INVALID_PARAMETER, "parameter", bad);
        wish->method = c.method;
        return c.method->run(&c, answer, wish);
}

int methods_relayed(const struct methods *methods, struct method_wish *wish, const struct relay_result *result,
                    struct varlink_answer *answer) {
        return wish->method->relayed(methods, wish, result, answer);
}

int methods_result(uint32_t verb, int error, const char *text, const char *lines, struct varlink_answer *answer) {
        bool reload = verb == WIRE_VERB_RELOAD || verb == WIRE_VERB_RELOAD_DRY;

        if (error != 0) {
                answer->error = VARLINK_COMMAND_FAILED;
                answer->parameters = answers_command_failed(error, text, lines);
        } else
                answer->parameters = answers_command(text, reload ? strempty(lines) : NULL);
        return answer->parameters ? 0 : -ENOMEM;
}
