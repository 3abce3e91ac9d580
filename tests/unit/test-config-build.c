/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "config/build.h"
#include "config/child.h"
#include "config/description.h"
#include "config/json.h"
#include "config/oneshot.h"
#include "config/plan.h"
#include "lib/channel.h"
#include "lib/elf.h"
#include "lib/memfd.h"
#include "tests/unit/config-files.h"
#include "tests/unit/run.h"

#define MASTER "2f4b6d1e-0000-4000-8000-00000000000a"

static struct findings findings;
static struct config_request request;
static struct paths paths;
static struct pack packed;
static char *document;
static size_t document_size;
static struct plan plan;

static void copy_path(char to[512], const char *name) {
        (void) snprintf(to, 512, "%s", files_path(name));
}

static void begin(void) {
        (void) files_begin();
        findings = (struct findings) {0};
        request = (struct config_request) {.service = "wazo-confd", .log_level = -1};
        copy_path(paths.libexec, "libexec");
        copy_path(paths.plugins, "plugins");
        copy_path(paths.drivers, "drivers");
        copy_path(paths.services, "services.d");
        copy_path(paths.migrations, "migrations");
        files_write("dev/etc/x", "");
        static char dev[512];
        copy_path(dev, "dev");
        request.dev_dir = dev;
        files_write("services.d/wazo-confd.yml",
                    "service: wazo-confd\nkind: native\ndescription: d\nuser: wazo-confd\nport: 9486\nprefix: /1.1\nconfig: /etc/wazo-confd/config.yml\n"
                    "state: /var/lib/wazo-confd\nrun: /run/wazo-confd\nlog: /var/log/wazo-confd.log\n"
                    "workers:\n"
                    "  migrate: {kind: once, command: wazo-migrate, timing: {start: 5m}}\n"
                    "  control: {kind: control}\n"
                    "  gateway: {kind: gateway}\n"
                    "  plugins: {kind: plugin, requires: [migrate], nursery: true, limits: {files: 64}}\n"
                    "plugins: [user, line]\n");
        (void) unsetenv("XIVO_UUID");
}

static void forget_result(void) {
        plan_done(&plan);
        pack_done(&packed);
        free(document);
        document = NULL;
}

static void end(void) {
        forget_result();
        findings_done(&findings);
        files_end();
}

static void add_plugin(const char *name, uint8_t byte, const char *routes, const char *more) {
        char path[128];

        (void) snprintf(path, sizeof(path), "plugins/wazo-confd/%s.so", name);
        files_write_object(path, byte);
        (void) snprintf(path, sizeof(path), "plugins/wazo-confd/%s.json", name);
        files_write_description(path, name, byte, routes, more);
}

#define ROUTE(path, method) \
        "[{\"path\": \"" path "\", \"operations\": [{\"method\": \"" method "\", \"operation\": 0, \"acl\": null}]}]"

static void add_usual(void) {
        add_plugin("user", 1, ROUTE("/users/{id:int_or_uuid}", "GET"),
                   ", \"config\": [{\"key\": \"quota\", \"type\": \"integer\", \"min\": 0, \"max\": 10, \"default\": 3, \"doc\": \"\"},"
                   " {\"key\": \"word\", \"type\": \"string\", \"default\": \"x\", \"secret\": true}]");
        add_plugin("line", 2, ROUTE("/lines", "GET"), "");
}

static int build(void) {
        int r = config_build_at(&paths, &request, &findings, &packed, &document, &document_size);

        ck_assert_int_ge(r, 0);
        if (r == 0)
                ck_assert_int_eq(plan_decode(packed.data, packed.size, &plan), 0);
        return r;
}

static json_t *slice_of(const char *name) {
        const struct plan_worker *w = plan_find(&plan, name);
        char error[256];
        json_t *json;

        ck_assert_ptr_nonnull(w);
        ck_assert_int_eq(json_read_object((const char *) w->slice, w->slice_size, error, sizeof(error), &json), 0);
        return json;
}

static const char *string_at(const json_t *json, const char *key) {
        return json_string_value(json_object_get(json, key));
}

START_TEST(a_whole_plan) {
        static const char *const order[] = {"migrate", "control", "gateway", "user", "line"};
        const struct plan_worker *w;
        json_t *slice;

        add_usual();
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(files_findings(&findings), "");
        ck_assert_str_eq(plan.service, "wazo-confd");
        ck_assert_str_eq(plan.version, "26.08");
        ck_assert_str_eq(plan.user, "");
        ck_assert_str_eq(plan.run_dir, files_path("dev/run"));
        ck_assert_str_eq(plan.log_path, files_path("dev/log/wazo-confd.log"));
        ck_assert_str_eq(plan.control_path, files_path("dev/run/control.sock"));
        ck_assert_uint_eq(plan.log_level, 3);
        ck_assert_uint_eq(plan.n_listeners, 1);
        ck_assert_str_eq(plan.listeners[0].address, "127.0.0.1");
        ck_assert_uint_eq(plan.listeners[0].port, 9486);
        ck_assert_uint_eq(plan.n_workers, ELEMENTSOF(order));
        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                ck_assert_str_eq(plan.workers[i].name, order[i]);

        w = plan_find(&plan, "user");
        ck_assert_uint_eq(w->kind, WIRE_KIND_PLUGIN);
        ck_assert_str_eq(w->plugin, "user");
        ck_assert_str_eq(w->class, "default");
        ck_assert_str_eq(w->plugin_path, files_path("plugins/wazo-confd/user.so"));
        ck_assert_uint_eq(w->plugin_build_id[19], 1);
        ck_assert_str_eq(w->argv[0], files_path("libexec/wazo-host"));
        ck_assert_str_eq(w->requires[0], "migrate");
        ck_assert_ptr_null(w->requires[1]);
        ck_assert(w->nursery && !w->on_demand && !w->critical);
        ck_assert_uint_eq(w->files_max, 64);
        ck_assert_uint_eq(w->timing.ping_msec, 0);
        ck_assert_uint_eq(w->timing.drain_msec, 15000);
        ck_assert_uint_eq(w->timing.attempt_msec, 10000);
        ck_assert_uint_eq(w->timing.intensity, 5);

        w = plan_find(&plan, "gateway");
        ck_assert_str_eq(w->argv[0], files_path("libexec/wazo-gateway"));
        ck_assert_ptr_null(w->requires[0]);
        ck_assert_uint_eq(w->timing.ping_msec, 30000);
        ck_assert_uint_eq(w->timing.drain_msec, 75000);
        ck_assert_uint_eq(plan_find(&plan, "migrate")->timing.start_msec, 300000);
        ck_assert_uint_eq(plan_find(&plan, "control")->timing.backoff_cap_msec, 1000);

        slice = slice_of("user");
        ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(slice, "config"), "quota")), 3);
        ck_assert_str_eq(string_at(json_object_get(slice, "config"), "word"), "x");
        ck_assert_str_eq(string_at(json_object_get(slice, "db"), "uri") + strlen("sqlite://"),
                         files_path("dev/state/db/confd.sqlite"));
        ck_assert(json_is_null(json_object_get(slice, "uuid")));
        ck_assert(json_is_null(json_object_get(slice, "master_tenant")));
        json_decref(slice);
        slice = slice_of("control");
        ck_assert_str_eq(string_at(json_object_get(slice, "crashes"), "dir"), files_path("dev/state/crashes"));
        ck_assert(json_is_true(json_object_get(slice, "owner_commands")));
        json_decref(slice);
        slice = slice_of("migrate");
        ck_assert_str_eq(string_at(slice, "migrations"), files_path("migrations"));
        json_decref(slice);
}
END_TEST

START_TEST(gateway_slice) {
        json_t *slice;

        add_usual();
        files_write("dev/state/tokens.yml", "tenants: [{uuid: " MASTER "}]\ntokens: [{token: hunter2hunter2, auth_id: " MASTER ", acl: ['#']}]\n");
        files_write("dev/etc/config.yml", "rest_api: {listen: '::1', port: 1234, cors: {allow_headers: [X-Mine]}}\nlimits: {body: 1M}\ndeadlines: {queue: 1s}\n");
        ck_assert_int_eq(setenv("XIVO_UUID", MASTER, 1), 0);
        ck_assert_int_eq(build(), 0);
        slice = slice_of("gateway");
        ck_assert_str_eq(string_at(slice, "uuid"), MASTER);
        ck_assert_str_eq(string_at(slice, "prefix"), "/1.1");
        ck_assert_str_eq(string_at(slice, "master_tenant"), MASTER);
        ck_assert_str_eq(string_at(json_array_get(json_object_get(slice, "listeners"), 0), "address"), "::1");
        ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(json_object_get(slice, "listeners"), 0), "port")), 1234);
        ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(slice, "limits"), "body_bytes")), 1 << 20);
        ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(slice, "limits"), "connections_idle_seconds")), 75);
        ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(slice, "deadlines"), "queue_ms")), 1000);
        ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(slice, "deadlines"), "drain_ms")), 75000);
        ck_assert_uint_eq(json_array_size(json_object_get(slice, "tokens")), 1);
        ck_assert_uint_eq(json_array_size(json_object_get(slice, "tenants")), 1);
        ck_assert(json_is_false(json_object_get(slice, "on_demand")));
        json_decref(slice);
        /* Nobody's slice holds the token itself. */
        ck_assert_ptr_null(memmem(packed.data, packed.size, "hunter2", 7));
}
END_TEST

START_TEST(command_line_goes_first) {
        add_usual();
        files_write("dev/etc/config.yml", "log_level: error\nuser: configured\nrest_api: {port: 1}\nlog_file: /var/log/x.log\n");
        request.port = 7777;
        request.user = "somebody";
        request.log_level = 2;
        ck_assert_int_eq(build(), 0);
        ck_assert_uint_eq(plan.listeners[0].port, 7777);
        ck_assert_str_eq(plan.user, "somebody");
        ck_assert_uint_eq(plan.log_level, 2);
        ck_assert_str_eq(plan.log_path, files_path("dev/log/wazo-confd.log"));
        forget_result();
        request.debug = true;
        ck_assert_int_eq(build(), 0);
        ck_assert_uint_eq(plan.log_level, 4);
}
END_TEST

START_TEST(installed_places) {
        static char config[512];

        add_usual();
        files_write("mine.yml", "user: configured\n");
        copy_path(config, "mine.yml");
        request.dev_dir = NULL;
        request.config_file = config;
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(plan.user, "configured");
        ck_assert_str_eq(plan.state_dir, "/var/lib/wazo-confd");
        ck_assert_str_eq(plan.control_path, "/run/wazo-confd/control.sock");
        ck_assert_str_eq(plan.control_group, "wazo-suite");
        ck_assert_str_eq(plan.log_path, "/var/log/wazo-confd.log");
}
END_TEST

START_TEST(instances_and_limits) {
        const struct plan_worker *w;

        add_usual();
        files_write("dev/etc/config.yml", "workers:\n  plugins: {memory: {max: 64M}, on_demand: true}\n  user: {instances: 3, on_demand: false, files: 99}\n"
                                          "  gateway: {instances: 2}\n  usr: {instances: 2}\n");
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(
                files_findings(&findings),
                "/dev/etc/config.yml:5:3: warning: workers.usr: nothing of this name runs here; did you mean \"user\"?\n");
        ck_assert_ptr_nonnull(plan_find(&plan, "user"));
        ck_assert_ptr_nonnull(plan_find(&plan, "user#2"));
        w = plan_find(&plan, "user#3");
        ck_assert_str_eq(w->plugin, "user");
        ck_assert(!w->on_demand);
        ck_assert_uint_eq(w->files_max, 99);
        ck_assert_uint_eq(w->memory_max, 64 << 20);
        w = plan_find(&plan, "line");
        ck_assert(w->on_demand);
        ck_assert_uint_eq(w->idle_msec, 60000);
        ck_assert_uint_eq(w->files_max, 64);
        ck_assert_ptr_nonnull(plan_find(&plan, "gateway#2"));
        ck_assert_ptr_null(plan_find(&plan, "gateway#3"));
}
END_TEST

START_TEST(only_what_changed_differs) {
        _cleanup_(pack_done) struct pack before_packed = PACK_NULL;
        _cleanup_(plan_done) struct plan before = {0};

        add_usual();
        ck_assert_int_eq(build(), 0);
        before_packed = packed;
        before = plan;
        packed = PACK_NULL;
        plan = (struct plan) {0};
        free(document);
        files_write("dev/etc/config.yml", "plugins: {user: {quota: 5}}\n");
        ck_assert_int_eq(build(), 0);
        for (size_t i = 0; i < plan.n_workers; i++) {
                const struct plan_worker *a = &before.workers[i], *b = &plan.workers[i];
                bool same = a->inputs_size == b->inputs_size && memcmp(a->inputs, b->inputs, a->inputs_size) == 0;

                ck_assert_int_eq(same, !streq(b->name, "user"));
        }
}
END_TEST

START_TEST(classes_of_instances) {
        const struct plan_worker *w;
        json_t *slice;

        add_usual();
        add_plugin("line", 2, "[{\"path\": \"/lines\", \"operations\": [{\"method\": \"POST\", \"operation\": 0, \"acl\": null, \"class\": \"import\"}]}]", "");
        ck_assert_int_eq(build(), 0);
        w = plan_find(&plan, "line.import");
        ck_assert_ptr_nonnull(w);
        ck_assert_str_eq(w->class, "import");
        ck_assert(w->on_demand);
        ck_assert(!plan_find(&plan, "line")->on_demand);
        slice = slice_of("gateway");
        ck_assert(json_is_true(json_object_get(slice, "on_demand")));
        ck_assert_uint_eq(json_object_size(json_object_get(slice, "idle_ms")), 1);
        ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(slice, "idle_ms"), "line.import")), 60000);
        json_decref(slice);
}
END_TEST

START_TEST(plugin_sections_are_checked) {
        add_usual();
        files_write("dev/etc/config.yml", "plugins:\n  user: {quota: 11, word: [hunter2], qouta: 1}\n  lien: {}\n  line: {x: 1}\n");
        ck_assert_int_eq(build(), 1);
        ck_assert_ptr_null(strstr(files_findings(&findings), "hunter2"));
        ck_assert_str_eq(files_findings(&findings),
                         "/dev/etc/config.yml:2:17: error: plugins.user.quota must be a whole number, from 0 to 10, not \"11\"\n"
                         "/dev/etc/config.yml:2:27: error: plugins.user.word must be a text, not a list\n"
                         "/dev/etc/config.yml:2:38: warning: plugins.user.qouta is not known here; did you mean \"quota\"?\n"
                         "/dev/etc/config.yml:3:3: warning: plugins.lien: nothing of this name runs here; did you mean \"line\"?\n"
                         "/dev/etc/config.yml:4:10: warning: plugins.line.x is not known here\n");
}
END_TEST

START_TEST(enabled_plugins) {
        add_usual();
        add_plugin("agent", 4, ROUTE("/agents", "GET"), "");
        files_write("dev/etc/config.yml", "enabled_plugins:\n  user: false\n  call_logs: true\n  agent: true\n  parking: no\n");
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(files_findings(&findings),
                         "/dev/etc/config.yml:3:3: warning: there is no plugin \"call_logs\" here: it is left out\n");
        ck_assert_ptr_null(plan_find(&plan, "user"));
        ck_assert_ptr_nonnull(plan_find(&plan, "agent"));
        ck_assert_ptr_null(strstr(document, "call_logs"));
        forget_result();
        findings.strict = true;
        ck_assert_int_eq(build(), 1);
}
END_TEST

/* What a test breaks about the plugin "user", and what is said about it; whether its routes stay in the document. */
static void break_object(void) { files_write("plugins/wazo-confd/user.so", "no object"); }
static void remove_object(void) { (void) unlink(files_path("plugins/wazo-confd/user.so")); }
static void remove_description(void) { (void) unlink(files_path("plugins/wazo-confd/user.json")); }
static void remove_both(void) { remove_object(); remove_description(); }
static void other_build(void) { files_write_object("plugins/wazo-confd/user.so", 9); }
static void no_json(void) { files_write("plugins/wazo-confd/user.json", "{\"plugin\": "); }
static void other_plugin(void) { files_write_description("plugins/wazo-confd/user.json", "line", 1, ROUTE("/users/{id:int_or_uuid}", "GET"), ""); }
static void other_abi(void) {
        files_write("plugins/wazo-confd/user.json",
                    "{\"plugin\": \"user\", \"abi\": 2, \"routes\": " ROUTE("/users/{id:int_or_uuid}", "GET") "}");
}
static void claimed_route(void) { add_plugin("user", 1, ROUTE("/lines", "GET"), ""); files_write("dev/etc/config.yml", ""); }
static void bad_path(void) { add_plugin("user", 1, ROUTE("/users/{id:number}", "GET"), ""); }
static void bad_config(void) { add_plugin("user", 1, ROUTE("/users/{id:int_or_uuid}", "GET"), ", \"config\": [{\"key\": \"a\", \"type\": \"colour\"}]"); }
static void deep_json(void) {
        char text[4096] = "{\"a\": ";

        memset(text + 6, '[', 4000);
        files_write("plugins/wazo-confd/user.json", text);
}

static const struct {
        void (*spoil)(void);
        const char *finding;
        bool routes;
} problems[] = {
        {break_object, "plugins/wazo-confd/user.so: no shared object of this machine", true},
        {remove_object, "plugins/wazo-confd/user.so: No such file or directory", true},
        {remove_description, "user.json: No such file or directory", false},
        {remove_both, "there is no user.so", false},
        {other_build, "user.json is not the description of this build of it", true},
        {no_json, "its description is no JSON: 1:11: ", false},
        {other_plugin, "it describes a plugin \"line\"", true},
        {other_abi, "it is made for version 2 of the plugin interface, this is version 1", true},
        {bad_path, "routes[0]: \"/users/{id:number}\" is no path", false},
        {bad_config, "config[0] has no key, no type that is known", true},
        {deep_json, "nested more than 64 deep", false},
};

START_TEST(a_plugin_with_a_problem_is_left_out) {
        json_t *root, *plugins, *last, *problem;
        char error[256], wanted[512];

        add_usual();
        problems[_i].spoil();
        ck_assert_int_eq(build(), 0);
        (void) snprintf(wanted, sizeof(wanted), "/services.d/wazo-confd.yml:16:11: warning: plugin user does not run: ");
        ck_assert_ptr_nonnull(strstr(files_findings(&findings), wanted));
        ck_assert_ptr_nonnull(strstr(files_findings(&findings), problems[_i].finding));
        ck_assert_ptr_null(plan_find(&plan, "user"));
        ck_assert_ptr_nonnull(plan_find(&plan, "line"));

        ck_assert_int_eq(json_read_object(document, document_size, error, sizeof(error), &root), 0);
        plugins = json_object_get(root, "plugins");
        ck_assert_uint_eq(json_array_size(plugins), 2);
        ck_assert_str_eq(string_at(json_array_get(plugins, 0), "plugin"), "line");
        last = json_array_get(plugins, 1);
        ck_assert_ptr_nonnull(strstr(string_at(last, "problem"), problems[_i].finding));
        ck_assert_uint_eq(json_array_size(json_object_get(last, "routes")), problems[_i].routes ? 1 : 0);
        problem = json_array_get(json_object_get(root, "problems"), 0);
        ck_assert_str_eq(string_at(problem, "plugin"), "user");
        ck_assert_str_eq(string_at(problem, "text"), string_at(last, "problem"));
        json_decref(root);

        forget_result();
        findings.strict = true;
        ck_assert_int_eq(build(), 1);
}
END_TEST

START_TEST(the_second_claim_of_a_route_loses) {
        add_usual();
        claimed_route();
        add_plugin("line", 2, ROUTE("/lines", "GET"), "");
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(files_findings(&findings),
                         "/services.d/wazo-confd.yml:16:17: warning: plugin line does not run: the route GET /lines is plugin user's\n");
        ck_assert_ptr_nonnull(plan_find(&plan, "user"));
        ck_assert_ptr_null(plan_find(&plan, "line"));
}
END_TEST

START_TEST(a_plugin_named_as_a_worker) {
        add_usual();
        add_plugin("gateway", 7, ROUTE("/x", "GET"), "");
        files_write("dev/etc/config.yml", "enabled_plugins: {gateway: true}\n");
        ck_assert_int_eq(build(), 0);
        ck_assert_ptr_nonnull(strstr(files_findings(&findings), "its name is that of a worker of the service"));
        ck_assert_uint_eq(plan_find(&plan, "gateway")->kind, WIRE_KIND_GATEWAY);
}
END_TEST

static void add_describe(const char *script) {
        files_write("libexec/wazo-plugin-describe", script);
        ck_assert_int_eq(chmod(files_path("libexec/wazo-plugin-describe"), 0755), 0);
}

START_TEST(plugin_directory) {
        static char dir[512];

        add_usual();
        copy_path(dir, "own");
        request.plugin_dir = dir;
        files_write_object("own/mine.so", 8);
        files_write_description("own/described.json", "mine", 8, ROUTE("/mine", "GET"), "");
        add_describe("#!/bin/sh\n[ \"$1\" = --sandbox ] || exit 9\n[ -e /proc/self/fd/5 ] && exit 8\n"
                     "case $(readlink /proc/$$/fd/0) in /memfd:sandbox*) ;; *) exit 7;; esac\ncat \"${2%/*}/described.json\"\n");
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(files_findings(&findings), "");
        ck_assert_str_eq(plan_find(&plan, "mine")->plugin_path, files_path("own/mine.so"));
        forget_result();

        /* With a description of this build beside it, nobody is asked. */
        add_describe("#!/bin/sh\nexit 1\n");
        files_write_description("own/mine.json", "mine", 8, ROUTE("/mine", "GET"), "");
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(files_findings(&findings), "");
        forget_result();

        /* One of another build is not believed. */
        files_write_description("own/mine.json", "mine", 7, ROUTE("/mine", "GET"), "");
        add_describe("#!/bin/sh\necho 'no symbol wazo_plugin' >&2\nexit 1\n");
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(files_findings(&findings),
                         "/own: warning: plugin mine does not run: it cannot be described: no symbol wazo_plugin\n");
        ck_assert_ptr_null(plan_find(&plan, "mine"));
        forget_result();

        files_write("dev/etc/config.yml", "enabled_plugins: {mine: false}\n");
        findings_done(&findings);
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(files_findings(&findings), "");
}
END_TEST

START_TEST(a_plugin_directory_goes_before_the_installed) {
        static char dir[512];

        add_usual();
        copy_path(dir, "own");
        request.plugin_dir = dir;
        files_write_object("own/user.so", 8);
        files_write_description("own/user.json", "user", 8, ROUTE("/users/{id:int_or_uuid}", "GET"), "");
        ck_assert_int_eq(build(), 0);
        ck_assert_str_eq(plan_find(&plan, "user")->plugin_path, files_path("own/user.so"));
        ck_assert_uint_eq(plan_find(&plan, "user")->plugin_build_id[0], 8);
}
END_TEST

START_TEST(what_a_service_needs_is_said_at_once) {
        add_usual();
        files_write(
                "dev/etc/config.yml",
                "rest_api: {listen: nowhere, certificate: /nonexistent/a, private_key: /nonexistent/b}\ndebug: perhaps\n");
        files_write("dev/state/tokens.yml", "tokens: [{}]\n");
        request.profile = "/tmp";
        ck_assert_int_eq(setenv("XIVO_UUID", "not-a-uuid", 1), 0);
        ck_assert_int_eq(build(), 1);
        ck_assert_str_eq(files_findings(&findings),
                         "warning: -p has no effect: there is no profiling yet\n"
                         "warning: the environment variable XIVO_UUID is no UUID: it is left out\n"
                         "/dev/etc/config.yml:1:20: error: rest_api.listen must be a numeric address such as 127.0.0.1 or ::1, or localhost\n"
                         "/dev/etc/config.yml:1:42: error: rest_api.certificate: cannot read the file: No such file or directory\n"
                         "/dev/etc/config.yml:1:71: error: rest_api.private_key: cannot read the file: No such file or directory\n"
                         "/dev/etc/config.yml:2:8: error: debug must be true or false (yes, no, on, off), not \"perhaps\"\n"
                         "/dev/state/tokens.yml:1:10: error: auth_id is missing\n");
        ck_assert_ptr_null(document);
}
END_TEST

START_TEST(a_path_too_long_for_a_socket) {
        static char dev[512];
        char name[128];

        add_usual();
        (void) snprintf(name, sizeof(name), "dev/%0100d", 1);
        copy_path(dev, name);
        request.dev_dir = dev;
        ck_assert_int_eq(build(), 1);
        ck_assert_ptr_nonnull(strstr(files_findings(&findings), "too long a path for a socket, which may have 107 letters"));
}
END_TEST

START_TEST(foreign_commands) {
        const struct plan_worker *w;

        files_write("services.d/wazo-confd.yml",
                    "service: wazo-confd\nkind: exec\ndescription: d\nstate: /s\nrun: /r\nlog: /l\n"
                    "workers:\n  sleeper: {kind: exec, command: [/bin/sleep, '1000'], instances: 1000, requires: [first]}\n"
                    "  first: {kind: exec, command: [/bin/true], ready: notify}\n");
        ck_assert_int_eq(build(), 0);
        ck_assert_uint_eq(plan.n_workers, 1001);
        ck_assert_uint_eq(plan.n_listeners, 0);
        ck_assert_str_eq(plan.workers[0].name, "first");
        ck_assert_uint_eq(plan.workers[0].ready, PLAN_READY_NOTIFY);
        w = plan_find(&plan, "sleeper#1000");
        ck_assert_str_eq(w->argv[1], "1000");
        ck_assert_str_eq(w->requires[0], "first");
        ck_assert_uint_eq(w->ready, PLAN_READY_AT_ONCE);
        ck_assert_uint_eq(w->slice_size, 0);
        ck_assert_ptr_nonnull(plan_find(&plan, "sleeper#1"));
        ck_assert_ptr_null(plan_find(&plan, "sleeper"));
}
END_TEST

START_TEST(services_that_are_not_ours_to_run) {
        files_write("services.d/wazo-auth.yml", "service: wazo-auth\nkind: unit\ndescription: d\n");
        request.service = "wazo-auth";
        ck_assert_int_eq(build(), 1);
        ck_assert_str_eq(files_findings(&findings),
                         "/services.d/wazo-auth.yml:1:1: error: wazo-auth is not run by wazo-supervisord: its manifest is of kind unit\n");
        findings_done(&findings);
        request.service = "wazo-what";
        ck_assert_int_eq(build(), 1);
        ck_assert_ptr_nonnull(strstr(files_findings(&findings), "no manifest for a service \"wazo-what\"; there is: "));
}
END_TEST

START_TEST(a_program_that_the_suite_has_not) {
        files_write("services.d/wazo-confd.yml", "service: wazo-confd\nkind: native\ndescription: d\nstate: /s\nrun: /r\nlog: /l\n"
                                                 "workers: {x: {kind: once, command: wazo-nothing}}\n");
        ck_assert_int_eq(build(), 1);
        ck_assert_str_eq(files_findings(&findings),
                         "/services.d/wazo-confd.yml:7:11: error: workers.x: the suite has no program wazo-nothing\n");
}
END_TEST

START_TEST(path_shapes) {
        static const struct {
                const char *path, *shape;
        } good[] = {{"/users", "/users"}, {"/users/{id:int}/lines/{l:text}", "/users/{}/lines/{}"}, {"/a/b-c_d.e", "/a/b-c_d.e"}};
        static const char *const bad[] = {"", "users", "/", "/users/", "//users", "/users/{id}", "/users/{:int}", "/users/{id:x}",
                                          "/users/{id:int}x", "/users/x{id:int}", "/a b", "/a?b", "/%41"};
        char shape[64];

        for (unsigned i = 0; i < ELEMENTSOF(good); i++) {
                ck_assert_int_eq(description_path_shape(good[i].path, shape, sizeof(shape)), 0);
                ck_assert_str_eq(shape, good[i].shape);
        }
        for (unsigned i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_int_eq(description_path_shape(bad[i], shape, sizeof(shape)), -EINVAL);
        ck_assert_int_eq(description_path_shape("/users", shape, 6), -ENAMETOOLONG);
}
END_TEST

START_TEST(build_ids) {
        static const struct {
                const char *path;
                int outcome;
        } others[] = {{"/proc/self/exe", 0}, {"/dev/null", -ENOEXEC}};
        uint8_t id[BUILD_ID_SIZE];
        char text[BUILD_ID_TEXT];
        int fd;

        files_write_object("x.so", 0xab);
        fd = open(files_path("x.so"), O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(elf_build_id(fd, id), 0);
        (void) close(fd);
        build_id_to_text(id, text);
        ck_assert_str_eq(text, "abababababababababababababababababababab");
        ck_assert_int_eq(build_id_from_text(text, id), 0);
        ck_assert_int_eq(build_id_from_text("ab", id), -EINVAL);
        for (unsigned i = 0; i < ELEMENTSOF(others); i++) {
                fd = open(others[i].path, O_RDONLY | O_CLOEXEC);
                ck_assert_int_eq(elf_build_id(fd, id), others[i].outcome);
                (void) close(fd);
        }
}
END_TEST

START_TEST(one_shot_children) {
        const char *hang[] = {"/bin/sleep", "1000", NULL}, *flood[] = {"/usr/bin/yes", NULL}, *none[] = {"/nonexistent", NULL};
        const char *killed[] = {"/bin/sh", "-c", "kill -9 $$", NULL},
                   *noisy[] = {"/bin/sh", "-c", "yes >&2 | head -c 1; exit 3", NULL};
        const char *said[] = {"/bin/sh", "-c", "echo out; echo err >&2; env | sort", NULL};
        char *output;
        size_t size;

        ck_assert_int_eq(oneshot_run(hang, 100, now_monotonic() + 50 * NSEC_PER_MSEC, &output, &size), -ETIMEDOUT);
        ck_assert_int_eq(oneshot_run(flood, 10000, now_monotonic() + 30 * NSEC_PER_SEC, &output, &size), -EFBIG);
        ck_assert_int_eq(oneshot_run(none, 100, now_monotonic() + 30 * NSEC_PER_SEC, &output, &size), -ENOENT);
        ck_assert_int_eq(oneshot_run(killed, 100, now_monotonic() + 30 * NSEC_PER_SEC, &output, &size), 1);
        ck_assert_str_eq(output, "it died of Killed");
        free(output);
        ck_assert_int_eq(oneshot_run(said, 1000, now_monotonic() + 30 * NSEC_PER_SEC, &output, &size), 0);
        ck_assert_ptr_nonnull(strstr(output, "out\nLC_ALL=C.UTF-8\n"));
        ck_assert_ptr_null(strstr(output, "HOME="));
        free(output);
        ck_assert_int_eq(oneshot_run(noisy, 1000, now_monotonic() + 100 * NSEC_PER_MSEC, &output, &size), -ETIMEDOUT);
}
END_TEST

/* The child as the supervisor runs it: with the parts of this build folder, and a channel. */
START_TEST(the_plan_is_handed_over) {
        _cleanup_free_ char *data = NULL, *descriptions = NULL;
        struct channel_message m;
        int channel[2];
        size_t size;

        files_write("services.d/wazo-confd.yml", "service: wazo-confd\nkind: exec\ndescription: d\nstate: /s\nrun: /r\nlog: /l\n"
                                                 "workers: {x: {kind: exec, command: [/bin/true]}}\n");
        request.services_dirs[0] = files_path("services.d");
        ck_assert_int_eq(channel_pair(channel), 0);
        ck_assert_int_eq(config_check_main(&request, channel[1]), 0);
        ck_assert_int_eq(channel_receive(channel[0], WIRE_UP, &m), 1);
        ck_assert_int_eq(m.header.type, WIRE_DEPLOY);
        ck_assert_uint_eq(m.n_fds, 2);
        ck_assert_int_eq(memfd_read(m.fds[0], PLAN_SIZE_MAX, &data, &size), 0);
        ck_assert_int_eq(plan_decode(data, size, &plan), 0);
        ck_assert_str_eq(plan.workers[0].name, "x");
        ck_assert_int_eq(memfd_read(m.fds[1], PLAN_SIZE_MAX, &descriptions, &size), 0);
        ck_assert_str_eq(descriptions, "{\"plugins\": [],\n\"problems\": []}\n");
        channel_message_done(&m);
        plan_done(&plan);

        /* A wrong configuration hands nothing over. */
        files_write("dev/etc/config.yml", "debug: perhaps\n");
        ck_assert_int_eq(config_check_main(&request, channel[1]), 1);
        ck_assert_int_eq(channel_receive(channel[0], WIRE_UP, &m), -EAGAIN);
        (void) close(channel[0]);
        (void) close(channel[1]);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("config-build");
        TCase *tcase = tcase_create("build");

        tcase_add_checked_fixture(tcase, begin, end);
        tcase_add_test(tcase, a_whole_plan);
        tcase_add_test(tcase, gateway_slice);
        tcase_add_test(tcase, command_line_goes_first);
        tcase_add_test(tcase, installed_places);
        tcase_add_test(tcase, instances_and_limits);
        tcase_add_test(tcase, only_what_changed_differs);
        tcase_add_test(tcase, classes_of_instances);
        tcase_add_test(tcase, plugin_sections_are_checked);
        tcase_add_test(tcase, enabled_plugins);
        tcase_add_loop_test(tcase, a_plugin_with_a_problem_is_left_out, 0, (int) ELEMENTSOF(problems));
        tcase_add_test(tcase, the_second_claim_of_a_route_loses);
        tcase_add_test(tcase, a_plugin_named_as_a_worker);
        tcase_add_test(tcase, plugin_directory);
        tcase_add_test(tcase, a_plugin_directory_goes_before_the_installed);
        tcase_add_test(tcase, what_a_service_needs_is_said_at_once);
        tcase_add_test(tcase, a_path_too_long_for_a_socket);
        tcase_add_test(tcase, foreign_commands);
        tcase_add_test(tcase, services_that_are_not_ours_to_run);
        tcase_add_test(tcase, a_program_that_the_suite_has_not);
        tcase_add_test(tcase, the_plan_is_handed_over);
        tcase_add_test(tcase, path_shapes);
        tcase_add_test(tcase, build_ids);
        tcase_add_test(tcase, one_shot_children);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
