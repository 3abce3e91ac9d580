/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>

#include "config/manifest.h"
#include "config/tokens.h"
#include "tests/unit/config-files.h"
#include "tests/unit/run.h"

static struct findings findings;
static struct manifest manifest;
static struct tokens tokens;

static void begin(void) {
        (void) files_begin();
        findings = (struct findings) {0};
}

static void end(void) {
        manifest_done(&manifest);
        tokens_done(&tokens);
        findings_done(&findings);
        files_end();
}

#define HEAD "service: s\nkind: native\ndescription: d\nstate: /s\nrun: /r\nlog: /l\nport: 1\n"

static int read_one(void) {
        const char *dirs[] = {files_path("mine"), files_path("shipped"), NULL};

        return manifest_read("s", dirs, &findings, &manifest);
}

static const char *read_text(const char *text) {
        files_write("shipped/s.yml", text);
        ck_assert_int_eq(read_one(), 0);
        return files_findings(&findings);
}

START_TEST(everything_is_read) {
        const struct manifest_worker *w;

        ck_assert_str_eq(read_text(HEAD "user: u\nprefix: /1.1\nlimits: {memory: {high: 1M, max: 2M}, files: 100}\n"
                                        "timing: {start: 3s, ping: 0}\nplugins: [a, b]\n"
                                        "workers:\n"
                                        "  plugins: {kind: plugin, requires: [migrate], nursery: true}\n"
                                        "  sleeper: {kind: exec, command: [/bin/sleep, '1'], ready: notify, instances: 3, critical: yes,\n"
                                        "            requires: [migrate], timing: {drain: 1s}}\n"
                                        "  migrate: {kind: once, command: wazo-migrate}\n"),
                         "");
        ck_assert_str_eq(manifest.user, "u");
        ck_assert_int_eq(manifest.limits.memory.max, 2 << 20);
        ck_assert_int_eq(manifest.timing.start, 3000);
        ck_assert_int_eq(manifest.timing.ping, 0);
        ck_assert_int_eq(manifest.timing.slow, -1);
        ck_assert_uint_eq(manifest.plugins->n, 2);
        /* What is required comes first, the rest in the order of the file. */
        ck_assert_uint_eq(manifest.n_workers, 3);
        ck_assert_str_eq(manifest.workers[0].name, "migrate");
        ck_assert_str_eq(manifest.workers[1].name, "plugins");
        ck_assert(manifest.workers[1].nursery && !manifest.workers[1].on_demand);
        w = manifest_worker(&manifest, "sleeper");
        ck_assert_int_eq(w->instances, 3);
        ck_assert_int_eq(w->timing.drain, 1000);
        ck_assert_int_eq(w->timing.start, -1);
        ck_assert(w->critical);
        ck_assert_ptr_null(manifest_worker(&manifest, "gateway"));
}
END_TEST

START_TEST(first_directory_wins_whole) {
        files_write("mine/s.yml", HEAD "workers: {a: {kind: exec, command: [/a]}}\n");
        ck_assert_str_eq(read_text(HEAD "user: shipped\nworkers: {b: {kind: exec, command: [/b]}}\n"), "");
        ck_assert_ptr_null(manifest.user);
        ck_assert_ptr_nonnull(manifest_worker(&manifest, "a"));
        ck_assert_ptr_null(manifest_worker(&manifest, "b"));
}
END_TEST

START_TEST(missing_one_names_those_there_are) {
        files_write("shipped/wazo-confd.yml", "");
        files_write("shipped/README", "");
        ck_assert_int_eq(read_one(), -ENOENT);
        ck_assert_str_eq(files_findings(&findings), "error: no manifest for a service \"s\"; there is: wazo-confd\n");
}
END_TEST

START_TEST(no_way_out_of_the_directory) {
        const char *dirs[] = {files_path("shipped"), NULL};

        files_write("x.yml", HEAD);
        ck_assert_int_eq(manifest_read("../x", dirs, &findings, &manifest), -ENOENT);
}
END_TEST

#define MANY "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"

static const struct {
        const char *text, *finding;
} cases[] = {
        {"service: s\n", "1:1: error: kind is missing"},
        {"service: s\n", "1:1: error: description is missing"},
        {"service: [\n", "2:1: error: did not find expected node content, while parsing a flow node"},
        {"service: s\nkind: native\ndescription: d\n", "1:1: error: state is missing"},
        {"service: s\nkind: daemon\ndescription: d\n", "2:7: error: kind must be one of native, exec, unit, other, not \"daemon\""},
        {"service: s\nkind: native\nport: x\nworkers: {a: {kind: exec}}\n", "4:11: error: workers.a.command is missing"},
        {HEAD "colour: red\nworkers: {a: {kind: exec, command: [/a]}}\n", "8:1: error: colour is not known here"},
        {"service: t\nkind: unit\ndescription: d\n", "1:10: error: the file is named s.yml, the service in it \"t\""},
        {HEAD "prefix: 1.1\nworkers: {a: {kind: exec, command: [/a]}}\n",
         "8:9: error: prefix must begin with a / and not end with one"},
        {HEAD "prefix: /1.1/\nworkers: {a: {kind: exec, command: [/a]}}\n",
         "8:9: error: prefix must begin with a / and not end with one"},
        {HEAD, "1:1: error: workers is missing: there is nothing to run"},
        {HEAD "workers: {a: {kind: robot}}\n",
         "8:21: error: workers.a.kind must be one of gateway, control, plugin, once, exec, nursery, relay, auth, discovery, not \"robot\""},
        {HEAD "workers: {a: {}}\n", "8:14: error: workers.a.kind is missing"},
        {HEAD "workers: {a: 1}\n", "8:11: error: workers.a must be a map, not a text"},
        {HEAD "workers: {a/b: {kind: control}}\n",
         "8:11: error: a worker's name is a letter, then letters, digits, _ and -, at most 48"},
        {HEAD "workers: {" MANY ": {kind: control}}\n",
         "8:11: error: a worker's name is a letter, then letters, digits, _ and -, at most 48"},
        {HEAD "workers: {a: {kind: exec}}\n", "8:11: error: workers.a.command is missing"},
        {HEAD "workers: {a: {kind: exec, command: [sleep, '1']}}\n",
         "8:37: error: workers.a.command must begin with an absolute path"},
        {HEAD "workers: {a: {kind: exec, command: [/a, [b]]}}\n", "8:41: error: workers.a.command must be a list of texts"},
        {HEAD "workers: {a: {kind: exec, command: []}}\n", "8:36: error: workers.a.command must be a list of 1 to 64 texts"},
        {HEAD "workers: {a: {kind: exec, command: /bin/x}}\n",
         "8:36: error: workers.a.command must be a list, or the name of a program of the suite's own"},
        {HEAD "workers: {a: {kind: once, command: [/a]}}\n",
         "8:36: error: workers.a.command must be the name of a program of the suite's own"},
        {HEAD "workers: {a: {kind: control, command: [/a]}}\n", "8:39: error: workers.a.command is for the kinds exec and once"},
        {HEAD "workers: {a: {kind: control, instances: 2}}\n", "8:11: error: workers.a: there is only one of its kind"},
        {HEAD "workers: {a: {kind: control, instances: 0}}\n",
         "8:41: error: workers.a.instances must be a whole number, from 1 to 4096, not \"0\""},
        {HEAD "workers: {a: {kind: plugin}}\n", "8:11: error: the entry \"plugins\", and no other, is of kind plugin"},
        {HEAD "workers: {plugins: {kind: control}}\n", "8:11: error: the entry \"plugins\", and no other, is of kind plugin"},
        {HEAD "workers: {a: {kind: nursery}}\n",
         "8:11: error: there is a nursery where plugins have \"nursery: true\": it has no entry of its own"},
        {HEAD "workers: {a: {kind: control, ready: notify}}\n", "8:30: error: workers.a.ready is for the kind exec"},
        {HEAD "workers: {a: {kind: control, on_demand: true}}\n", "8:30: error: workers.a.on_demand is for \"plugins\""},
        {HEAD "workers: {a: {kind: control, requires: [b]}}\n", "8:41: error: workers.a requires \"b\", which is no worker here"},
        {HEAD "workers: {a: {kind: control, requires: [a]}}\n", "8:41: error: workers.a requires itself"},
        {HEAD "workers: {a: {kind: control, requires: [b]}, b: {kind: exec, command: [/b], requires: [c]}, c: {kind: exec, command: [/c], requires: [a]}}\n",
         "8:11: error: workers.a requires, by way of others, itself"},
        {HEAD "workers: {a: {kind: control, requires: [plugins]}, plugins: {kind: plugin}}\n",
         "8:41: error: workers.a cannot require \"plugins\": a plugin may fail without harm to others"},
        {HEAD "workers: {a: {kind: control, requires: [b]}, b: {kind: exec, command: [/b], instances: 17}}\n",
         "8:40: error: workers.a requires more than 16 workers"},
        {HEAD "workers: {a: {kind: control, timing: {start: soon}}}\n",
         "8:46: error: workers.a.timing.start must be a duration such as 500ms, 10s or 5m, from 0ms to 1d, not \"soon\""},
        {HEAD "workers: {a: {kind: control, limits: {memory: {high: 2M, max: 1M}}}}\n",
         "8:38: error: limits.memory.high must not be above limits.memory.max"},
        {HEAD "plugins: [a, b/c]\nworkers: {a: {kind: control}}\n", "8:14: error: no name of a plugin: \"b/c\""},
        {"service: s\nkind: exec\ndescription: d\nstate: /s\nrun: /r\nlog: /l\nworkers: {g: {kind: gateway}}\n",
         "7:11: error: a service of kind exec has workers of the kinds exec, once and control only"},
        {"service: s\nkind: native\ndescription: d\nstate: /s\nrun: /r\nlog: /l\nworkers: {g: {kind: gateway}}\n",
         "7:11: error: port is missing: a gateway has to listen somewhere"},
};

START_TEST(each_mistake_with_its_place) {
        char wanted[512];
        const char *got = read_text(cases[_i].text);

        (void) snprintf(wanted, sizeof(wanted), "/shipped/s.yml:%s\n", cases[_i].finding);
        if (!strstr(got, wanted))
                ck_assert_str_eq(got, wanted);
        ck_assert(!findings_pass(&findings));
}
END_TEST

START_TEST(unit_services_need_nothing_more) {
        ck_assert_str_eq(read_text("service: s\nkind: unit\ndescription: d\n"), "");
        ck_assert_int_eq(manifest.kind, MANIFEST_UNIT);
}
END_TEST

/* --------------------------------------------------------------------------------------------------------- tokens */

#define MASTER "2f4b6d1e-0000-4000-8000-00000000000a"
#define OTHER "2f4b6d1e-0000-4000-8000-00000000000B"
#define OTHER_SMALL "2f4b6d1e-0000-4000-8000-00000000000b"

static const char *read_tokens(const char *text) {
        files_write("tokens.yml", text);
        ck_assert_int_eq(tokens_read(files_path("tokens.yml"), false, &findings, &tokens), 0);
        return files_findings(&findings);
}

START_TEST(tokens_become_digests) {
        _cleanup_free_ char *text = NULL;

        ck_assert_str_eq(read_tokens("tenants:\n  - uuid: " MASTER "\n  - {uuid: " OTHER "}\n"
                                     "tokens:\n  - {token: 'my-secret-token', auth_id: " OTHER ", tenant_uuid: " OTHER ", acl: ['#', 'a.b'],"
                                     " expires_at: 2026-01-02T03:04:05}\n"
                                     "  - {sha256: 3B7A4E6E3B7A4E6E3B7A4E6E3B7A4E6E3B7A4E6E3B7A4E6E3B7A4E6E3B7A4E6E, auth_id: " MASTER "}\n"),
                         "");
        ck_assert_str_eq(tokens.master_tenant, MASTER);
        text = json_dumps(tokens.tenants, JSON_COMPACT);
        ck_assert_str_eq(text, "[{\"uuid\":\"" MASTER "\",\"parent\":null},{\"uuid\":\"" OTHER_SMALL
                               "\",\"parent\":\"" MASTER "\"}]");
        free(text);
        text = json_dumps(tokens.tokens, JSON_COMPACT);
        ck_assert_str_eq(
                text,
                "[{\"sha256\":\"ea5add57437cbf20af59034d7ed17968dcc56767b41965fcc5b376d45db8b4a3\",\"auth_id\":\"" OTHER_SMALL
                "\",\"session_uuid\":null,\"tenant_uuid\":\"" OTHER_SMALL
                "\",\"acl\":[\"#\",\"a.b\"],\"expires_at\":\"2026-01-02T03:04:05\"},"
                "{\"sha256\":\"3b7a4e6e3b7a4e6e3b7a4e6e3b7a4e6e3b7a4e6e3b7a4e6e3b7a4e6e3b7a4e6e\",\"auth_id\":\"" MASTER
                "\",\"session_uuid\":null,\"tenant_uuid\":\"" MASTER "\",\"acl\":[],\"expires_at\":null}]");
}
END_TEST

START_TEST(no_token_file_is_no_error_unless_named) {
        ck_assert_int_eq(tokens_read(files_path("tokens.yml"), false, &findings, &tokens), 0);
        ck_assert_str_eq(files_findings(&findings), "");
        ck_assert_str_eq(tokens.master_tenant, "");
        tokens_done(&tokens);
        ck_assert_int_eq(tokens_read(files_path("tokens.yml"), true, &findings, &tokens), 0);
        ck_assert_str_eq(files_findings(&findings), "/tokens.yml: error: cannot read it: No such file or directory\n");
}
END_TEST

static const struct {
        const char *text, *finding;
} token_cases[] = {
        {"master_tenant: hunter2\n", "1:16: error: master_tenant must be a UUID"},
        {"tenants: hunter2\n", "1:10: error: tenants must be a list of at most 10000"},
        {"tenants: [hunter2]\n", "1:11: error: each of tenants must be a map"},
        {"tenants: [{uuid: hunter2}]\n", "1:18: error: uuid must be a UUID"},
        {"tenants: [{parent: " MASTER "}]\n", "1:11: error: uuid is missing"},
        {"tenants: [{uuid: " MASTER "}, {uuid: " MASTER "}]\n", "1:57: error: this tenant is here twice"},
        {"tenants: [{uuid: " MASTER "}, {uuid: " OTHER ", parent: 2f4b6d1e-0000-4000-8000-00000000000c}]\n",
         "1:10: error: a tenant's parent is not in the list"},
        {"tenants: [{uuid: " MASTER "}, {uuid: " OTHER ", parent: " OTHER "}]\n",
         "1:10: error: tenants that are each other's parents, or more than 64 above one"},
        {"tokens: [{token: hunter2hunter2, auth_id: " MASTER "}]\n",
         "1:10: error: the token's tenant is not among the tenants"},
        {"tokens: [{token: hunter2hunter2}]\n", "1:10: error: auth_id is missing"},
        {"tokens: [{token: hunter2, auth_id: " MASTER "}]\n", "1:18: error: token must be a text of 8 to 1024 bytes"},
        {"tokens: [{token: [hunter2], auth_id: " MASTER "}]\n", "1:18: error: token must be a text of 8 to 1024 bytes, not a list"},
        {"tokens: [{hunter2hunter2: x, auth_id: " MASTER "}]\n", "1:11: error: a key that is not known here"},
        {"tokens: [{tokne: hunter2hunter2, auth_id: " MASTER "}]\n",
         "1:11: error: a key that is not known here; did you mean \"token\"?"},
        {"master_tenant: " MASTER "\ntokens: [{auth_id: " MASTER "}]\n",
         "2:10: error: one of token and sha256 must be there"},
        {"master_tenant: " MASTER "\ntokens: [{auth_id: " MASTER ", sha256: hunter2}]\n",
         "2:66: error: sha256 must be 64 hex digits"},
        {"master_tenant: " MASTER "\ntokens: [{auth_id: " MASTER ", token: hunter2hunter2, expires_at: never}]\n",
         "2:93: error: expires_at must be like 2026-01-02T03:04:05"},
        {"tokens: [{token: \"hunter2\\nhunter2\", auth_id: &a hunter2}]\n",
         "1:47: error: anchors and aliases are not supported: write the value out"},
};

START_TEST(each_mistake_in_tokens_without_the_secret) {
        char wanted[256];
        const char *got = read_tokens(token_cases[_i].text);

        (void) snprintf(wanted, sizeof(wanted), "/tokens.yml:%s\n", token_cases[_i].finding);
        ck_assert_ptr_null(strstr(got, "hunter2"));
        if (!strstr(got, wanted))
                ck_assert_str_eq(got, wanted);
        ck_assert(!findings_pass(&findings));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("config-manifest");
        TCase *tcase = tcase_create("manifest");

        tcase_add_checked_fixture(tcase, begin, end);
        tcase_add_test(tcase, everything_is_read);
        tcase_add_test(tcase, first_directory_wins_whole);
        tcase_add_test(tcase, missing_one_names_those_there_are);
        tcase_add_test(tcase, no_way_out_of_the_directory);
        tcase_add_loop_test(tcase, each_mistake_with_its_place, 0, (int) ELEMENTSOF(cases));
        tcase_add_test(tcase, unit_services_need_nothing_more);
        tcase_add_test(tcase, tokens_become_digests);
        tcase_add_test(tcase, no_token_file_is_no_error_unless_named);
        tcase_add_loop_test(tcase, each_mistake_in_tokens_without_the_secret, 0, (int) ELEMENTSOF(token_cases));
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
