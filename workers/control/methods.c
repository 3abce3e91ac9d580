/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/methods.h"

#include "lib/log.h"
#include "workers/control/answers.h"
#include "workers/control/metrics.h"

#define WHY_LIMIT_DEFAULT 1
#define WHY_ALL_LIMIT_DEFAULT 10
#define WHY_LIMIT_MAX 100
#define PARAMETERS_MAX 2

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
        int (*run)(const struct checked_call *c, struct varlink_answer *answer, struct wire_command *ret_command);
        struct parameter parameters[PARAMETERS_MAX];
};

/* A method's last line: without memory there is no answer. */
static int answered(struct varlink_answer *answer, json_t *parameters) {
        answer->parameters = parameters;
        return parameters ? METHOD_ANSWERED : -ENOMEM;
}

static int refused(struct varlink_answer *answer, const char *error, const char *member, const char *value) {
        varlink_answer_error(answer, error, member, value);
        return METHOD_ANSWERED;
}

static int no_such_worker(const struct checked_call *c, struct varlink_answer *answer, const char *worker) {
        answer->error = VARLINK_NO_SUCH_WORKER;
        return answered(answer, answers_no_such_worker(c->methods->model, worker));
}

int methods_status(const struct methods *methods, struct varlink_answer *answer) {
        answer->continues = true;
        answer->parameters = answers_status(methods->model, now_monotonic());
        return answer->parameters ? 0 : -ENOMEM;
}

static int run_status(const struct checked_call *c, struct varlink_answer *answer, struct wire_command *ret_command) {
        answer->continues = c->call->more;
        answer->parameters = answers_status(c->methods->model, now_monotonic());
        if (!answer->parameters)
                return -ENOMEM;
        return c->call->more ? METHOD_STREAM : METHOD_ANSWERED;
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

static int run_why(const struct checked_call *c, struct varlink_answer *answer, struct wire_command *ret_command) {
        const char *worker = json_string_value(c->values[0]);
        json_int_t limit = worker ? WHY_LIMIT_DEFAULT : WHY_ALL_LIMIT_DEFAULT;
        json_t *records, *why;
        int r = 0;

        if (c->values[1])
                limit = json_integer_value(c->values[1]);
        if (limit < 1 || limit > WHY_LIMIT_MAX)
                return refused(answer, VARLINK_INVALID_PARAMETER, "parameter", "limit");
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

static int run_explain(const struct checked_call *c, struct varlink_answer *answer, struct wire_command *ret_command) {
        const char *worker = json_string_value(c->values[0]);

        if (!model_knows(c->methods->model, worker))
                return no_such_worker(c, answer, worker);
        return answered(answer, answers_explain(c->methods->model, worker, now_monotonic()));
}

static int run_metrics(const struct checked_call *c, struct varlink_answer *answer, struct wire_command *ret_command) {
        _cleanup_free_ char *text = NULL;
        json_t *metrics = json_object();
        size_t size;
        int r = 0;

        if (metrics_render(c->methods->model, now_monotonic(), &text, &size) < 0) {
                json_decref(metrics);
                return -ENOMEM;
        }
        r |= answers_set(metrics, "version", json_integer(ANSWERS_VERSION));
        r |= answers_set(metrics, "text", json_stringn(text, size));
        return answered(answer, answers_finish(metrics, r));
}

/* Restart, Roll, Hold and Reset: a verb and a worker. */
static int run_worker_verb(const struct checked_call *c, struct varlink_answer *answer, struct wire_command *ret_command) {
        const char *worker = strempty(json_string_value(c->values[0]));
        struct wire_command command = {.verb = c->method->verb};

        if (c->values[0] && !model_knows(c->methods->model, worker))
                return no_such_worker(c, answer, worker);
        if (!strcopy(command.worker, sizeof(command.worker), worker))
                return no_such_worker(c, answer, worker);
        *ret_command = command;
        return METHOD_COMMAND;
}

static int run_reload(const struct checked_call *c, struct varlink_answer *answer, struct wire_command *ret_command) {
        *ret_command = (struct wire_command) {
                .verb = json_is_true(c->values[0]) ? WIRE_VERB_RELOAD_DRY : WIRE_VERB_RELOAD,
        };
        return METHOD_COMMAND;
}

static int run_log_level(const struct checked_call *c, struct varlink_answer *answer, struct wire_command *ret_command) {
        int level = log_level_from_string(json_string_value(c->values[0]));

        if (level < 0)
                return refused(answer, VARLINK_INVALID_PARAMETER, "parameter", "level");
        *ret_command = (struct wire_command) {.verb = WIRE_VERB_LOG_LEVEL, .argument = (uint32_t) level};
        return METHOD_COMMAND;
}

static int run_get_info(const struct checked_call *c, struct varlink_answer *answer, struct wire_command *ret_command) {
        return answered(answer, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "Wazo", "product", "wazo-suite",
                                          "version", c->methods->model->service.version, "url", "https://wazo-platform.org",
                                          "interfaces", VARLINK_SERVICE, VARLINK_INTERFACE));
}

static int run_get_description(const struct checked_call *c, struct varlink_answer *answer, struct wire_command *ret_command) {
        static const struct {
                const char *interface, *description;
        } interfaces[] = {{VARLINK_INTERFACE, varlink_description_suite}, {VARLINK_SERVICE, varlink_description_service}};
        const char *wanted = json_string_value(c->values[0]);

        for (unsigned i = 0; i < ELEMENTSOF(interfaces); i++)
                if (streq(interfaces[i].interface, wanted))
                        return answered(answer, json_pack("{s:s}", "description", interfaces[i].description));
        return refused(answer, VARLINK_INTERFACE_NOT_FOUND, "interface", wanted);
}

#define WORKER {"worker", PARAMETER_STRING, true}
#define WORKER_OPTIONAL {"worker", PARAMETER_STRING, false}

static const struct method method_table[] = {
        {VARLINK_SERVICE ".GetInfo", ACCESS_NONE, WIRE_VERB_MAX, run_get_info, {{0}}},
        {VARLINK_SERVICE ".GetInterfaceDescription", ACCESS_NONE, WIRE_VERB_MAX, run_get_description,
         {{"interface", PARAMETER_STRING, true}}},
        {VARLINK_INTERFACE ".Status", ACCESS_READ, WIRE_VERB_MAX, run_status, {{0}}},
        {VARLINK_INTERFACE ".Why", ACCESS_READ, WIRE_VERB_MAX, run_why, {WORKER_OPTIONAL, {"limit", PARAMETER_INT, false}}},
        {VARLINK_INTERFACE ".Explain", ACCESS_READ, WIRE_VERB_MAX, run_explain, {WORKER}},
        {VARLINK_INTERFACE ".Metrics", ACCESS_READ, WIRE_VERB_MAX, run_metrics, {{0}}},
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
                return refused(answer, VARLINK_METHOD_NOT_FOUND, "method", name);
        if (size >= sizeof(interface))
                return refused(answer, VARLINK_INTERFACE_NOT_FOUND, "interface", name);
        memcpy(interface, name, size);
        interface[size] = 0;
        return refused(answer, VARLINK_INTERFACE_NOT_FOUND, "interface", interface);
}

int methods_call(const struct methods *methods, enum access access, const struct varlink_call *call,
                 struct varlink_answer *answer, struct wire_command *ret_command) {
        struct checked_call c = {.methods = methods, .method = find_method(call->method), .call = call};
        const char *bad;

        if (!c.method)
                return method_not_found(call->method, answer);
        if (access < c.method->access)
                return refused(answer, VARLINK_PERMISSION_DENIED, NULL, NULL);
        /* There is no other protocol to change to. */
        if (call->upgrade)
                return refused(answer, VARLINK_INVALID_PARAMETER, "parameter", "upgrade");
        bad = check_parameters(&c);
        if (bad)
                return refused(answer, VARLINK_INVALID_PARAMETER, "parameter", bad);
        return c.method->run(&c, answer, ret_command);
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
