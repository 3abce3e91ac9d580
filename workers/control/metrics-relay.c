/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of events, of the numbers that the relay tells (docs/relay.md). */
#include "workers/control/metrics.h"

/* Each is a member of the relay's status, with a state of its own. */
static const char *const parts[] = {"publisher", "consumer", "sysconfd"};

/* A number of one part or several. Who does not have it has no line, as has one that is null. */
static const struct {
        const char *name, *type, *help, *member;
        double scale;
} figures[] = {
        {"wazo_suite_relay_state_seconds", "gauge", "How long the part has been in its state.", "since_ms", 1e-3},
        {"wazo_suite_relay_backlog", "gauge", "What is owed and not done yet.", "backlog", 1},
        {"wazo_suite_relay_oldest_age_seconds", "gauge", "Age of the oldest that is owed.", "oldest_age_ms", 1e-3},
        {"wazo_suite_relay_in_flight", "gauge", "Events without a confirm yet.", "in_flight", 1},
        {"wazo_suite_relay_parked", "gauge", "What was given up until an operator decides.", "parked", 1},
        {"wazo_suite_relay_connects_total", "counter", "Connections that became ready.", "connects", 1},
        {"wazo_suite_relay_published_total", "counter", "Events sent, those that were sent again included.", "published", 1},
        {"wazo_suite_relay_confirmed_total", "counter", "Events that RabbitMQ has taken.", "confirmed", 1},
        {"wazo_suite_relay_nacked_total", "counter", "Events that RabbitMQ has refused.", "nacked", 1},
        {"wazo_suite_relay_returned_total", "counter", "Events that RabbitMQ has sent back.", "returned", 1},
        {"wazo_suite_relay_retried_total", "counter", "What was sent again.", "retried", 1},
        {"wazo_suite_relay_sent_total", "counter", "Requests that were answered well.", "sent", 1},
        {"wazo_suite_relay_dropped_total", "counter", "Requests that nobody was there for.", "dropped", 1},
        {"wazo_suite_relay_received_total", "counter", "Events of others that came.", "received", 1},
        {"wazo_suite_relay_handled_total", "counter", "Events of others that plugins took.", "handled", 1},
        {"wazo_suite_relay_rejected_total", "counter", "Events of others that are none.", "rejected", 1},
        {"wazo_suite_relay_lost_total", "counter", "Events of others that had to be forgotten.", "lost", 1},
        {"wazo_suite_relay_held", "gauge", "Events of others that the relay has now.", "held", 1},
};

static void put_part(FILE *out, const char *name, const char *service, const char *part) {
        (void) fprintf(out, "%s{", name);
        metrics_put_label(out, "service", service);
        (void) fputc(',', out);
        metrics_put_label(out, "part", part);
}

static void put_states(FILE *out, const char *service, const json_t *status) {
        static const char name[] = "wazo_suite_relay_state";

        metrics_put_help(out, name, "gauge", "1 for the state that the part is in.");
        for (unsigned i = 0; i < ELEMENTSOF(parts); i++) {
                const char *state = json_string_value(json_object_get(json_object_get(status, parts[i]), "state"));

                if (!state)
                        continue;
                put_part(out, name, service, parts[i]);
                (void) fputc(',', out);
                metrics_put_label(out, "state", state);
                (void) fputs("} 1\n", out);
        }
}

static void put_figure(FILE *out, unsigned figure, const char *service, const json_t *status) {
        metrics_put_help(out, figures[figure].name, figures[figure].type, figures[figure].help);
        for (unsigned i = 0; i < ELEMENTSOF(parts); i++) {
                const json_t *value = json_object_get(json_object_get(status, parts[i]), figures[figure].member);

                if (!json_is_number(value))
                        continue;
                put_part(out, figures[figure].name, service, parts[i]);
                (void) fprintf(out, "} %.15g\n", json_number_value(value) * figures[figure].scale);
        }
}

static void put_one(FILE *out, const char *name, const char *help, const char *service, double value) {
        metrics_put_help(out, name, "gauge", help);
        (void) fprintf(out, "%s{", name);
        metrics_put_label(out, "service", service);
        (void) fprintf(out, "} %.15g\n", value);
}

void metrics_put_relay(FILE *out, const char *service, const struct relay_result *relay) {
        bool good = relay && relay->error == 0 && relay->status == 200;
        const json_t *kept;

        if (!relay || relay->error == -ENOENT)
                return;
        put_one(out, "wazo_suite_relay_up", "1 when the relay answers.", service, good);
        if (!good)
                return;
        put_states(out, service, relay->body);
        for (unsigned i = 0; i < ELEMENTSOF(figures); i++)
                put_figure(out, i, service, relay->body);
        kept = json_object_get(json_object_get(relay->body, "events"), "kept");
        if (json_is_integer(kept))
                put_one(out, "wazo_suite_relay_events_kept", "Events that can be read again.", service,
                        (double) json_integer_value(kept));
}
