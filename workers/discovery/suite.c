/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-suite-discovery: tells consul of those daemons of the suite that do not do it themselves. Run by its own unit,
 * and only where /etc/wazo-suite/discovery.yml says so.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>

#include "config/consul.h"
#include "config/suite.h"
#include "lib/log.h"
#include "lib/paths.h"
#include "workers/discovery/watched.h"

#define FILE_PATH "/etc/wazo-suite/discovery.yml"
#define EXIT_CONFIG 78
/* How often units are looked at where no signal of systemd's comes. */
#define LOOK_MSEC 5000
/* All together, on the way out. */
#define LEAVE_USEC (4U * 1000 * 1000)

struct file {
        struct consul_settings consul;
        struct discovery_settings discovery;
};

static const struct keyword file_keys[] = {
        {.name = "consul", .type = KEYWORD_SECTION, .section = consul_keys, .offset = offsetof(struct file, consul),
         .doc = "where it is"},
        {.name = "service_discovery", .type = KEYWORD_SECTION, .section = discovery_keys,
         .offset = offsetof(struct file, discovery),
         .doc = "how services are registered"},
        {0},
};

struct program {
        const char *root;
        struct paths paths;
        struct findings findings;
        struct yaml_node *map; /* holds the file's texts */
        struct file file;
        json_t *slice;
        const char *uuid;
        struct suite suite;
        sd_event *event;
        sd_event_source *deadline;
        struct registrar registrar;
        struct watch watch;
        bool leaving;
};

/* ---- configuration ---- */

/* 1: it is not enabled; -EINVAL: it is wrong, which has been told. */
static int read_file(struct program *p) {
        const struct keyword_reader reader = {.findings = &p->findings, .unknown = FINDING_WARNING};
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");
        char path[512];
        int r;

        if (credentials)
                (void) snprintf(path, sizeof(path), "%s/discovery.yml", credentials);
        if (!credentials || access(path, F_OK) < 0)
                (void) snprintf(path, sizeof(path), "%s" FILE_PATH, p->root);
        r = yaml_load(path, FINDING_ERROR, &p->findings, &p->map);
        if (r == -ENOENT)
                return 1;
        if (r < 0 && r != -EINVAL) {
                (void) fprintf(stderr, "wazo-suite-discovery: %s: %s\n", path, strerror(-r));
                return r;
        }
        if (r >= 0) {
                keyword_read(&reader, file_keys, "", p->map, &p->file);
                consul_check(p->map, &p->file.consul, &p->file.discovery, &p->findings);
        }
        findings_print(&p->findings, stderr);
        if (!findings_pass(&p->findings))
                return -EINVAL;
        p->slice = consul_json(&p->file.consul, &p->file.discovery);
        return !p->slice ? -ENOMEM : p->file.discovery.enabled ? 0 : 1;
}

/* A manifest that is wrong is told, and the others are gone by. */
static int read_suite(struct program *p) {
        struct findings findings = {0};
        int r = suite_load(p->root, NULL, &findings, &p->suite);

        if (r >= 0)
                findings_print(&findings, stderr);
        /* Names of files in the manifests' places are not used any more. */
        findings_done(&findings);
        return r;
}

static json_t *tags_of(void *userdata, const char *name) {
        const struct program *p = userdata;
        const json_t *extra = json_object_get(p->slice, "extra_tags");
        json_t *tags = json_array();
        int e = p->uuid ? json_array_append_new(tags, json_string(p->uuid)) : 0;

        e |= json_array_append_new(tags, json_string(name));
        e |= json_array_extend(tags, (json_t *) extra);
        if (e == 0)
                return tags;
        json_decref(tags);
        return NULL;
}

/* ---- life ---- */

static void say(void *userdata) {
        struct program *p = userdata;
        const struct registrar_status *s = &p->registrar.status;

        (void) sd_notifyf(false, "STATUS=%u of %u services registered with consul%s%s", s->n_known, s->n_wanted,
                          *s->reason ? "; " : "", s->reason);
}

static void leave(void *userdata) {
        struct program *p = userdata;

        (void) sd_event_exit(p->event, 0);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        struct program *p = userdata;

        if (p->leaving)
                return 0;
        p->leaving = true;
        (void) sd_notify(false, "STOPPING=1");
        watch_done(&p->watch);
        registrar_leave(&p->registrar);
        return sd_event_add_time_relative(p->event, &p->deadline, CLOCK_MONOTONIC, LEAVE_USEC, 0, on_deadline, NULL);
}

static int start(struct program *p) {
        static const int signals[] = {SIGTERM, SIGINT};
        struct registrar_settings settings;
        sigset_t mask;
        int r;

        (void) sigemptyset(&mask);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void) sigaddset(&mask, signals[i]);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        r = sd_event_default(&p->event);
        for (size_t i = 0; i < ELEMENTSOF(signals) && r >= 0; i++)
                r = sd_event_add_signal(p->event, NULL, signals[i], on_signal, p);
        if (r >= 0)
                r = sd_event_set_watchdog(p->event, true);
        if (r >= 0)
                r = registrar_settings_read(p->slice, &settings);
        if (r < 0)
                return r;
        settings.driver_dir = p->paths.drivers;
        r = registrar_init(&p->registrar, p->event, &settings, say, leave, p);
        return r < 0 ? r : watch_init(&p->watch, p->event, &p->registrar, &p->suite, p->root, p->file.discovery.advertise_address,
                                      p->file.discovery.advertise_address_interface, p->uuid, tags_of, p,
                                      MIN((uint64_t) p->file.discovery.refresh, (uint64_t) LOOK_MSEC));
}

static int run(struct program *p) {
        int r = paths_find(&p->paths);

        if (r >= 0)
                r = read_file(p);
        if (r == 1) {
                log_info("not enabled: %s" FILE_PATH " does not say service_discovery.enabled: true", p->root);
                return EXIT_SUCCESS;
        }
        if (r == -EINVAL)
                return EXIT_CONFIG;
        if (r >= 0)
                r = read_suite(p);
        if (r >= 0)
                r = start(p);
        if (r >= 0) {
                log_info("%zu services are looked after", p->watch.n);
                (void) sd_notify(false, "READY=1");
                r = sd_event_loop(p->event);
        }
        if (r < 0)
                log_error("it ended: %s", strerror(-r));
        return r < 0 ? EXIT_FAILURE : r;
}

static void program_done(struct program *p) {
        watch_done(&p->watch);
        registrar_done(&p->registrar);
        suite_done(&p->suite);
        json_decref(p->slice);
        yaml_node_free(p->map);
        findings_done(&p->findings);
        p->deadline = sd_event_source_disable_unref(p->deadline);
        p->event = sd_event_unref(p->event);
}

static int usage(FILE *to, int code) {
        (void) fputs("Usage: wazo-suite-discovery [--root DIR]\n\n"
                     "Registers with consul those daemons of this host that do not do it themselves, as /etc/wazo-suite/discovery.yml says.\n\n"
                     "  --root DIR   manifests and configurations are below DIR, not below /\n",
                     to);
        return code;
}

int main(int argc, char **argv) {
        static const struct option options[] = {{"root", required_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'}, {0}};
        static struct program p = {.root = ""};
        int c, code;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                if (c == 'r')
                        p.root = optarg;
                else
                        return usage(c == 'h' ? stdout : stderr, c == 'h' ? EXIT_SUCCESS : 2);
        if (optind < argc)
                return usage(stderr, 2);
        (void) signal(SIGPIPE, SIG_IGN);
        json_object_seed(0);
        /* To the journal, by way of its unit. */
        log_setup(-1, STDERR_FILENO, "wazo_suite_discovery", LOG_LEVEL_INFO);
        p.uuid = getenv("XIVO_UUID");
        if (p.uuid && !*p.uuid)
                p.uuid = NULL;
        code = run(&p);
        program_done(&p);
        return code;
}
