/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/command.h"

#include <stdio.h>

#include "supervisor/feed.h"
#include "supervisor/process.h"
#include "supervisor/reload.h"

void command_answer(struct process *control, uint64_t id, int error, int text_fd, const char *format, ...) {
        struct wire_result result = {.error = error};
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(result.text, sizeof(result.text), format, ap);
        va_end(ap);
        process_send(control, WIRE_RESULT, id, &result, sizeof(result), &text_fd, text_fd >= 0);
}

/* Whether @name is that of the instance @of, without its number: sleeper of sleeper#2. */
static bool is_base(const char *name, const char *of) {
        size_t n = strlen(name);

        return strncmp(of, name, n) == 0 && of[n] == '#';
}

/* A name means a slot, or every instance of one, or of a plugin; "" means all workers but control, which carries the answer. */
static bool matches(struct service *s, uint32_t slot, const char *name) {
        const struct policy_slot *p = policy_slot(&s->policy, slot);
        const struct unit *unit = service_unit(s, slot);

        if (!p || p->removed)
                return false;
        if (!name[0])
                return p->rules.kind != WIRE_KIND_ONCE && p->rules.kind != WIRE_KIND_CONTROL;
        return streq(p->name, name) || is_base(name, p->name) ||
               (unit->plan && unit->plan->plugin[0] && streq(unit->plan->plugin, name));
}

static bool names_control(struct service *s, const char *name) {
        for (uint32_t slot = 0; slot < s->policy.n_slots; slot++)
                if (matches(s, slot, name) && policy_slot(&s->policy, slot)->rules.kind == WIRE_KIND_CONTROL)
                        return true;
        return false;
}

static void for_workers(struct process *control, uint64_t id, const struct wire_command *command, enum policy_event_type event,
                        const char *done) {
        struct service *s = control->service;
        unsigned n = 0;

        for (uint32_t slot = 0; slot < s->policy.n_slots; slot++)
                n += matches(s, slot, command->worker);
        if (n == 0) {
                command_answer(control, id, -ENOENT, -1, "there is no worker or plugin '%s'", command->worker);
                return;
        }
        /* First the answer: the worker that it concerns may be control. */
        command_answer(control, id, 0, -1, "%u worker%s: %s", n, n == 1 ? "" : "s", done);
        for (uint32_t slot = 0; slot < s->policy.n_slots; slot++)
                if (matches(s, slot, command->worker))
                        /* Only an operator ends what an operator began: a held one that he wants restarted is held no longer. */
                        service_event(
                                s, .type = event == EVENT_RESTART && policy_slot(&s->policy, slot)->held ? EVENT_RESET : event,
                                .slot = slot);
}

static void restart(struct process *control, uint64_t id, const struct wire_command *command) {
        for_workers(control, id, command, EVENT_RESTART, "restarting");
}

static void roll(struct process *control, uint64_t id, const struct wire_command *command) {
        for_workers(control, id, command, EVENT_REPLACE, "being replaced, new before old");
}

static void hold(struct process *control, uint64_t id, const struct wire_command *command) {
        if (!command->worker[0]) {
                command_answer(control, id, -EINVAL, -1, "say which worker is to be held");
                return;
        }
        if (names_control(control->service, command->worker)) {
                command_answer(control, id, -EPERM, -1, "control is not held: nobody could reset it; restart it instead");
                return;
        }
        for_workers(control, id, command, EVENT_HOLD, "held until reset");
}

static void reset(struct process *control, uint64_t id, const struct wire_command *command) {
        for_workers(control, id, command, EVENT_RESET, "failures forgotten, started");
}

static void reload(struct process *control, uint64_t id, const struct wire_command *command) {
        reload_begin(control->service, command->verb == WIRE_VERB_RELOAD_DRY, control, id);
}

void command_set_log_level(struct service *s, enum log_level level) {
        struct wire_log_level body = {.level = level};

        s->log_level = level;
        log_set_level(level);
        for (size_t i = 0; i < s->n_units; i++)
                for (struct process *p = s->units[i].processes; p; p = p->next)
                        if (p->set_up)
                                process_send(p, WIRE_LOG_LEVEL, 0, &body, sizeof(body), NULL, 0);
        feed_service_changed(s);
}

static void set_log_level(struct process *control, uint64_t id, const struct wire_command *command) {
        if (command->argument >= LOG_LEVEL_MAX) {
                command_answer(control, id, -EINVAL, -1, "there is no such log level");
                return;
        }
        command_set_log_level(control->service, (enum log_level) command->argument);
        command_answer(control, id, 0, -1, "the log level is %s until the next start", log_level_to_string(command->argument));
}

static void stop(struct process *control, uint64_t id, const struct wire_command *command) {
        command_answer(control, id, 0, -1, "stopping");
        service_stop(control->service);
}

void command_run(struct process *control, uint64_t id, const struct wire_command *command) {
        static void (*const handlers[WIRE_VERB_MAX])(struct process *control, uint64_t id, const struct wire_command *command) = {
                [WIRE_VERB_RELOAD] = reload,     [WIRE_VERB_RELOAD_DRY] = reload, [WIRE_VERB_RESTART] = restart,
                [WIRE_VERB_ROLL] = roll,         [WIRE_VERB_HOLD] = hold,         [WIRE_VERB_RESET] = reset,
                [WIRE_VERB_LOG_LEVEL] = set_log_level, [WIRE_VERB_STOP] = stop,
        };

        if (control->service->stopping) {
                command_answer(control, id, -ESHUTDOWN, -1, "the service is stopping");
                return;
        }
        log_info("operator's command: %s %s", wire_verb_to_string(command->verb),
                 command->verb == WIRE_VERB_LOG_LEVEL ? strempty(log_level_to_string(command->argument)) : command->worker);
        handlers[command->verb](control, id, command);
}
