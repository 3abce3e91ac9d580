/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/survey/survey.h"

#include <math.h>
#include <stdio.h>

#include "workers/control/client/format.h"
#include "workers/control/survey/ask.h"
#include "workers/control/survey/process.h"
#include "workers/control/survey/units.h"

/* Then what was not looked at yet is left out, and said to be. */
#define LOOK_NSEC (5 * NSEC_PER_SEC)
#define ALONE "wazo-confd"

struct used {
        pid_t pid;
        uint64_t cpu_nsec;
};

struct survey {
        const struct survey_options *options;
        struct suite suite;
        struct ask_memory *memories; /* of each of the suite's services; of the one that is asked alone, the first */
        struct findings findings;
        char path[512];              /* of the control socket of that one; "" */
        sd_bus *bus;
        uint64_t at;                 /* the look before; 0 */
        struct used *used, *used_before;
        size_t n_used, n_used_before, allocated;
};

/* ----- whom to ask ----- */

static int choose_socket(struct survey *s) {
        const struct survey_options *o = s->options;
        const char *environment = getenv("WAZO_SUITE_SOCKET");
        int n = 0;

        if (o->socket)
                n = snprintf(s->path, sizeof(s->path), "%s", o->socket);
        else if (o->dev)
                n = snprintf(s->path, sizeof(s->path), "%s/run/control.sock", o->dev);
        else if (o->service)
                n = snprintf(s->path, sizeof(s->path), "/run/%s/control.sock", o->service);
        else if (environment && *environment)
                n = snprintf(s->path, sizeof(s->path), "%s", environment);
        return n < (int) sizeof(s->path) ? 0 : -ENAMETOOLONG;
}

int survey_new(const struct survey_options *options, struct survey **ret) {
        struct survey *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->options = options;
        r = choose_socket(s);
        if (r >= 0 && !s->path[0]) {
                r = suite_load("", options->services_dirs.at, &s->findings, &s->suite);
                findings_print(&s->findings, stderr);
                if (r >= 0 && !findings_pass(&s->findings))
                        r = -EINVAL;
        }
        if (r >= 0) {
                s->memories = calloc(s->suite.n + 1, sizeof(*s->memories));
                if (!s->memories)
                        r = -ENOMEM;
        }
        if (r < 0) {
                survey_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

struct survey *survey_free(struct survey *s) {
        if (!s)
                return NULL;
        suite_done(&s->suite);
        findings_done(&s->findings);
        free(s->memories);
        sd_bus_unref(s->bus);
        free(s->used);
        free(s->used_before);
        free(s);
        return NULL;
}

/* ----- what processes use ----- */

static const struct used *used_before(const struct survey *s, pid_t pid) {
        for (size_t i = 0; i < s->n_used_before; i++)
                if (s->used_before[i].pid == pid)
                        return &s->used_before[i];
        return NULL;
}

static void remember(struct survey *s, pid_t pid, uint64_t cpu_nsec) {
        if (s->n_used == s->allocated) {
                size_t n = MAX(s->allocated * 2, (size_t) 64);
                struct used *more = reallocarray(s->used, n, sizeof(*more));

                if (!more)
                        return;
                s->used = more;
                s->allocated = n;
        }
        s->used[s->n_used++] = (struct used) {pid, cpu_nsec};
}

static double percent_of(const struct survey *s, const struct process_usage *usage, pid_t pid, uint64_t now) {
        const struct used *before = used_before(s, pid);

        if (!before || now <= s->at || usage->cpu_nsec < before->cpu_nsec)
                return -1;
        return 100.0 * (double) (usage->cpu_nsec - before->cpu_nsec) / (double) (now - s->at);
}

struct sum {
        uint64_t memory_kib;
        double percent;
        bool any, shared_once, any_percent;
};

/* At the entry of a service or worker that has a process. */
static void add_usage(struct survey *s, json_t *entry, uint64_t now, struct sum *sum) {
        pid_t pid = (pid_t) get_int(entry, "pid");
        struct process_usage usage;
        double percent;

        if (pid <= 0 || process_usage(pid, &usage) < 0)
                return;
        percent = percent_of(s, &usage, pid, now);
        remember(s, pid, usage.cpu_nsec);
        if (percent >= 0) {
                (void) json_object_set_new(entry, "cpu_percent", json_real(round(percent * 10) / 10));
                sum->percent += percent;
                sum->any_percent = true;
        }
        /* What systemd knows is of all its processes. */
        if (!json_object_get(entry, "memory_kib"))
                (void) json_object_set_new(entry, "memory_kib", json_integer((json_int_t) usage.memory_kib));
        sum->memory_kib += usage.memory_kib;
        sum->shared_once = usage.shared_once && (sum->shared_once || !sum->any);
        sum->any = true;
}

/* Of a service of workers, what all of them use together with their supervisor. */
static void add_usages(struct survey *s, json_t *entry) {
        json_t *workers = json_object_get(entry, "workers"), *worker;
        uint64_t now = now_monotonic();
        struct sum sum = {0};
        size_t i;

        add_usage(s, entry, now, &sum);
        json_array_foreach(workers, i, worker)
                add_usage(s, worker, now, &sum);
        if (!workers || !sum.any)
                return;
        (void) json_object_set_new(entry, "memory_kib", json_integer((json_int_t) sum.memory_kib));
        (void) json_object_set_new(entry, "memory_shared_once", json_boolean(sum.shared_once));
        if (sum.any_percent)
                (void) json_object_set_new(entry, "cpu_percent", json_real(round(sum.percent * 10) / 10));
}

/* ----- one look ----- */

static const char *why_silent(int error) {
        switch (error) {
        case -EACCES:
                return "only root and the group wazo-suite may ask it";
        case -ENOENT:
        case -ECONNREFUSED:
                return "nobody listens: is the service running?";
        case -ETIMEDOUT:
                return "it does not answer in time";
        default:
                return strerror(-error);
        }
}

static void set_silent(json_t *entry, int error) {
        (void) json_object_set_new(entry, "state", json_string("unknown"));
        (void) json_object_set_new(entry, "text", json_string(why_silent(error)));
}

/* The service that is asked alone. */
static json_t *look_at_one(struct survey *s) {
        json_t *entry = json_object();
        int r = ask_service(s->path, s->options->history, s->memories, entry);

        if (r < 0) {
                (void) json_object_set_new(entry, "name", json_string(s->options->service ?: ALONE));
                set_silent(entry, r);
        }
        (void) json_object_set_new(entry, "kind", json_string("native"));
        (void) json_object_set_new(entry, "socket", json_string(s->path));
        return entry;
}

static bool is_ours(const struct manifest *m) {
        return (m->kind == MANIFEST_NATIVE || m->kind == MANIFEST_EXEC) && m->run;
}

/* Whether systemd knows it; and what. */
static bool look_at_unit(struct survey *s, const struct manifest *m, json_t *entry) {
        int r = s->bus ? units_ask(s->bus, m, entry) : 0;

        if (r < 0)
                s->bus = sd_bus_unref(s->bus);
        return r > 0;
}

/* NULL: it is not on this host, as far as can be seen. */
static json_t *look_at(struct survey *s, const struct manifest *m, struct ask_memory *memory) {
        json_t *entry = json_object();
        char path[512] = "";
        bool told;
        int r = -ENOENT;

        (void) json_object_set_new(entry, "name", json_string(m->service));
        (void) json_object_set_new(entry, "kind", json_string(manifest_kind_to_string(m->kind)));
        (void) json_object_set_new(entry, "description", json_string(strempty(m->description)));
        if (is_ours(m) && snprintf(path, sizeof(path), "%s/control.sock", m->run) < (int) sizeof(path))
                r = ask_service(path, s->options->history, memory, entry);
        if (r >= 0)
                return entry;

        told = look_at_unit(s, m, entry);
        if (!told && r == -ENOENT) {
                json_decref(entry);
                return NULL;
        }
        /* There is a socket, and nobody says how it is: that it runs is not enough. */
        if (!told || (r != -ENOENT && streq(get_string(entry, "state"), "running")))
                set_silent(entry, r);
        return entry;
}

/* False: it took too long. */
static bool look_at_kind(struct survey *s, bool ours, uint64_t deadline, json_t *services) {
        for (size_t i = 0; i < s->suite.n; i++) {
                const struct manifest *m = &s->suite.services[i];
                json_t *entry;

                if (m->kind == MANIFEST_OTHER || is_ours(m) != ours)
                        continue;
                if (now_monotonic() > deadline)
                        return false;
                entry = look_at(s, m, &s->memories[i]);
                if (entry)
                        (void) json_array_append_new(services, entry);
        }
        return true;
}

static void look_at_all(struct survey *s, json_t *services, const char **reason) {
        uint64_t deadline = now_monotonic() + LOOK_NSEC;

        if (!s->bus && systemd_open(&s->bus) < 0)
                *reason = "systemd does not answer: only services of wazo-supervisord are seen";
        if (!look_at_kind(s, true, deadline, services) || !look_at_kind(s, false, deadline, services))
                *reason = "some services take long to answer: not all were asked";
}

static void set_moment(json_t *document) {
        char text[32] = "", host[256] = "";
        time_t now = time(NULL);
        struct tm tm;

        if (gmtime_r(&now, &tm))
                (void) strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
        (void) gethostname(host, sizeof(host) - 1);
        (void) json_object_set_new(document, "host", json_string(host));
        (void) json_object_set_new(document, "at", json_string(text));
}

json_t *survey_look(struct survey *s) {
        json_t *document = json_object(), *services = json_array(), *entry;
        const char *reason = "";
        size_t i;

        if (!document || !services) {
                json_decref(document);
                json_decref(services);
                return NULL;
        }
        (void) json_object_set_new(document, "version", json_integer(1));
        set_moment(document);
        if (s->path[0])
                (void) json_array_append_new(services, look_at_one(s));
        else
                look_at_all(s, services, &reason);
        json_array_foreach(services, i, entry)
                add_usages(s, entry);
        (void) json_object_set_new(document, "reason", json_string(reason));
        (void) json_object_set_new(document, "services", services);
        format_harmless(document);

        free(s->used_before);
        s->used_before = s->used;
        s->n_used_before = s->n_used;
        s->used = NULL;
        s->n_used = s->allocated = 0;
        s->at = now_monotonic();
        return document;
}
