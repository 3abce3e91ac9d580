/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/metrics.h"

#include <inttypes.h>
#include <stdio.h>

/* A label. All are names, so ASCII. */
void metrics_put_label(FILE *out, const char *name, const char *value) {
        (void) fprintf(out, "%s=\"", name);
        for (const char *c = value; *c; c++) {
                if (*c == '"' || *c == '\\')
                        (void) fputc('\\', out);
                (void) fputc(*c >= ' ' && *c < 0x7f ? *c : '?', out);
        }
        (void) fputc('"', out);
}

void metrics_put_help(FILE *out, const char *name, const char *type, const char *help) {
        (void) fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* One figure of the service. */
static void put_service(FILE *out, const struct model *m, const char *name, const char *type, const char *help, double value) {
        metrics_put_help(out, name, type, help);
        (void) fprintf(out, "%s{", name);
        metrics_put_label(out, "service", m->service.name);
        (void) fprintf(out, "} %.15g\n", value);
}

static void put_worker_labels(FILE *out, const struct model *m, const struct wire_slot *slot, const char *name) {
        (void) fprintf(out, "%s{", name);
        metrics_put_label(out, "service", m->service.name);
        (void) fputc(',', out);
        metrics_put_label(out, "worker", slot->name);
        (void) fputc(',', out);
        metrics_put_label(out, "plugin", slot->plugin);
}

static double seconds(uint64_t nsec) {
        return (double) nsec / (double) NSEC_PER_SEC;
}

static double uptime_of(const struct wire_slot *slot, uint64_t now) {
        return slot->state == WIRE_STATE_READY && now > slot->since ? seconds(now - slot->since) : 0;
}

static double ready_seconds_of(const struct wire_slot *slot, uint64_t now) {
        return seconds(slot->ready_nsec);
}

static double restarts_of(const struct wire_slot *slot, uint64_t now) {
        return slot->restarts;
}

static double failures_of(const struct wire_slot *slot, uint64_t now) {
        return slot->failures;
}

static double draining_of(const struct wire_slot *slot, uint64_t now) {
        return slot->draining;
}

static double retry_of(const struct wire_slot *slot, uint64_t now) {
        return slot->retry_at != NSEC_NEVER && slot->retry_at > now ? seconds(slot->retry_at - now) : 0;
}

/* What is one figure a worker. */
static const struct {
        const char *name, *type, *help;
        double (*value)(const struct wire_slot *slot, uint64_t now);
} worker_metrics[] = {
        {"wazo_suite_worker_uptime_seconds", "gauge", "How long the worker has been ready; 0 when it is not.", uptime_of},
        {"wazo_suite_worker_ready_seconds", "gauge", "How long its last start took, from spawning to ready.", ready_seconds_of},
        {"wazo_suite_worker_respawns_total", "counter", "Starts after the first one.", restarts_of},
        {"wazo_suite_worker_failures", "gauge", "Failures within the window that counts.", failures_of},
        {"wazo_suite_worker_draining", "gauge", "Processes of it on their way out.", draining_of},
        {"wazo_suite_worker_retry_seconds", "gauge", "Until its planned restart; 0 when none is planned.", retry_of},
};

static void put_workers(FILE *out, const struct model *m, uint64_t now) {
        for (unsigned i = 0; i < ELEMENTSOF(worker_metrics); i++) {
                metrics_put_help(out, worker_metrics[i].name, worker_metrics[i].type, worker_metrics[i].help);
                for (size_t j = 0; j < m->n_slots; j++) {
                        put_worker_labels(out, m, m->slots[j], worker_metrics[i].name);
                        (void) fprintf(out, "} %.9g\n", worker_metrics[i].value(m->slots[j], now));
                }
        }
}

static void put_states(FILE *out, const struct model *m) {
        static const char name[] = "wazo_suite_worker_state";

        metrics_put_help(out, name, "gauge", "1 for the state that the worker is in.");
        for (size_t i = 0; i < m->n_slots; i++) {
                put_worker_labels(out, m, m->slots[i], name);
                (void) fprintf(out, ",state=\"%s\"} 1\n", wire_state_to_string(m->slots[i]->state));
        }
}

static void put_restarts(FILE *out, const struct model *m) {
        static const char name[] = "wazo_suite_worker_restarts_total";

        metrics_put_help(out, name, "counter", "Ends of the worker's processes, by cause.");
        for (size_t i = 0; i < m->n_slots; i++)
                for (unsigned cause = 0; cause < WIRE_CAUSE_MAX; cause++)
                        if (m->slots[i]->deaths[cause] > 0) {
                                put_worker_labels(out, m, m->slots[i], name);
                                (void) fprintf(out, ",cause=\"%s\"} %" PRIu32 "\n", wire_cause_to_string(cause),
                                               m->slots[i]->deaths[cause]);
                        }
}

/* What discovery tells (lib/wire.h). A service without it has no line. */
static const struct {
        unsigned figure;
        const char *name, *type, *help;
} discovery_metrics[] = {
        {WIRE_FIGURE_REGISTERED, "wazo_suite_discovery_registered", "gauge", "1 when consul knows the service."},
        {WIRE_FIGURE_REGISTRATIONS, "wazo_suite_discovery_registrations_total", "counter",
         "How often it was registered with consul."},
        {WIRE_FIGURE_REFUSALS, "wazo_suite_discovery_failures_total", "counter",
         "Requests to consul without a good answer."},
};

static void put_discovery(FILE *out, const struct model *m) {
        for (size_t i = 0; i < m->n_slots; i++)
                for (unsigned j = 0; j < ELEMENTSOF(discovery_metrics) && m->slots[i]->kind == WIRE_KIND_DISCOVERY; j++)
                        put_service(out, m, discovery_metrics[j].name, discovery_metrics[j].type, discovery_metrics[j].help,
                                    (double) m->slots[i]->figures[discovery_metrics[j].figure]);
}

static void put_reloads(FILE *out, const struct model *m) {
        static const char name[] = "wazo_suite_reloads_total";
        const struct {
                const char *result;
                uint64_t n;
        } reloads[] = {{"applied", m->reloads_applied}, {"refused", m->reloads_refused}};

        metrics_put_help(out, name, "counter", "Reloads since the control worker began.");
        for (unsigned i = 0; i < ELEMENTSOF(reloads); i++) {
                (void) fprintf(out, "%s{", name);
                metrics_put_label(out, "service", m->service.name);
                (void) fprintf(out, ",result=\"%s\"} %" PRIu64 "\n", reloads[i].result, reloads[i].n);
        }
}

static void put_info(FILE *out, const struct model *m) {
        metrics_put_help(out, "wazo_suite_service_info", "gauge", "1, with the version.");
        (void) fputs("wazo_suite_service_info{", out);
        metrics_put_label(out, "service", m->service.name);
        (void) fputc(',', out);
        metrics_put_label(out, "version", m->service.version);
        (void) fputs("} 1\n", out);
}

int metrics_render(const struct model *m, const struct relay_result *relay, uint64_t now, char **ret, size_t *ret_size) {
        const struct wire_service *s = &m->service;
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                return -ENOMEM;
        put_info(out, m);
        put_service(out, m, "wazo_suite_service_ready", "gauge", "1 when the service is ready.", s->ready != 0);
        put_service(out, m, "wazo_suite_service_degraded", "gauge",
                    "1 when a worker is not well, or a plugin cannot run.", model_is_degraded(m));
        put_service(out, m, "wazo_suite_service_start_time_seconds", "gauge", "When the supervisor began, since the epoch.",
                    seconds(s->started_wall));
        put_service(out, m, "wazo_suite_plan_serial", "gauge", "Grows with each reload that was applied.", (double) s->plan_serial);
        put_reloads(out, m);
        put_states(out, m);
        put_restarts(out, m);
        put_workers(out, m, now);
        put_discovery(out, m);
        metrics_put_relay(out, s->name, relay);
        if (ferror(out) | (fclose(out) != 0)) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        *ret_size = size;
        return 0;
}
