/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <sys/stat.h>

#include "config/settings.h"
#include "config/text.h"
#include "tests/unit/config-files.h"
#include "tests/unit/run.h"

static struct findings findings;
static struct settings settings;

static void begin(void) {
        (void) files_begin();
        findings = (struct findings) {0};
}

static void end(void) {
        settings_done(&settings);
        findings_done(&findings);
        files_end();
}

static void read_settings(bool explicit) {
        ck_assert_int_eq(settings_read(files_path("config.yml"), explicit, files_path("conf.d"), &findings, &settings), 0);
}

static const char *read_text(const char *text) {
        files_write("config.yml", text);
        read_settings(false);
        return files_findings(&findings);
}

START_TEST(defaults) {
        read_settings(false);
        ck_assert_str_eq(files_findings(&findings), "");
        ck_assert(!settings.debug);
        ck_assert_int_eq(settings.log_level, 3);
        ck_assert_str_eq(settings.rest_api.listen, "127.0.0.1");
        ck_assert_int_eq(settings.rest_api.port, 0);
        ck_assert(settings.rest_api.cors.enabled);
        ck_assert_ptr_null(settings.db_uri);
        ck_assert_int_eq(settings.limits.body, 40 << 20);
        ck_assert_int_eq(settings.deadlines.queue, 2000);
        ck_assert_int_eq(settings.deadlines.total, 30000);
}
END_TEST

START_TEST(what_is_outside) {
        read_settings(false);
        ck_assert_str_eq(settings.bus.exchange_name, "wazo-headers");
        ck_assert(settings.bus.ssl.verify);
        ck_assert(!settings_in_use(&settings, "bus", settings.bus.enabled));
        ck_assert(!settings_in_use(&settings, "sysconfd", settings.sysconfd.enabled));
        settings_done(&settings);
        ck_assert_str_eq(read_text("bus: {password: x}\nsysconfd: {enabled: no, port: 1}\noutbox: {keep: 5}\n"), "");
        ck_assert(settings_in_use(&settings, "bus", settings.bus.enabled));
        ck_assert(!settings_in_use(&settings, "sysconfd", settings.sysconfd.enabled));
        ck_assert_int_eq(settings.outbox.keep, 5);
        settings_done(&settings);
        ck_assert_ptr_nonnull(strstr(read_text("bus: {enabled: perhaps, ssl: {certificate: /x}}\n"),
                                     "bus.enabled must be true or false"));
        ck_assert_ptr_nonnull(strstr(files_findings(&findings), "bus.ssl.certificate and bus.ssl.key belong together"));
}
END_TEST

START_TEST(first_file_wins) {
        files_write(
                "config.yml",
                "log_level: error\nuser: main\nenabled_plugins: {a: true, b: true}\nrest_api: {port: 1, listen: '::1'}\n");
        files_write("conf.d/010-first.yml", "user: first\nenabled_plugins: {a: false}\nrest_api: {cors: {allow_headers: [A]}}\n");
        files_write("conf.d/050-second.yml",
                    "user: second\nlog_level: debug\nrest_api: {port: 50, cors: {allow_headers: [B, C], enabled: no}}\n");
        files_write("conf.d/.hidden.yml", "user: hidden\n");
        files_write("conf.d/000.yaml", "user: yaml\n");
        files_write("conf.d/000.yml~", "user: backup\n");
        read_settings(true);
        ck_assert_str_eq(files_findings(&findings), "");
        ck_assert_str_eq(settings.user, "first");
        ck_assert_int_eq(settings.log_level, 4);
        ck_assert_int_eq(settings.rest_api.port, 50);
        ck_assert_str_eq(settings.rest_api.listen, "::1");
        ck_assert(!settings.rest_api.cors.enabled);
        ck_assert_uint_eq(settings.rest_api.cors.allow_headers->n, 1);
        ck_assert(!settings_switch(yaml_at(settings.enabled_plugins, "a"), true));
        ck_assert(settings_switch(yaml_at(settings.enabled_plugins, "b"), false));
}
END_TEST

START_TEST(main_file_names_the_directory) {
        char text[256];

        (void) snprintf(text, sizeof(text), "extra_config_files: %s\nuser: main\n", files_path("elsewhere"));
        files_write("config.yml", text);
        files_write("elsewhere/a.yml", "user: elsewhere\n");
        files_write("conf.d/a.yml", "user: usual\n");
        read_settings(false);
        ck_assert_str_eq(settings.user, "elsewhere");
}
END_TEST

START_TEST(broken_extra_file_is_skipped) {
        files_write("config.yml", "user: main\n");
        files_write("conf.d/a.yml", "user: [broken\n");
        files_write("conf.d/b.yml/x", "");
        files_write("conf.d/c.yml", "debug: true\ndebug: false\n");
        read_settings(false);
        ck_assert_str_eq(settings.user, "main");
        ck_assert_str_eq(files_findings(&findings),
                         "/conf.d/a.yml: warning: not understood: the file is skipped\n"
                         "/conf.d/a.yml:2:1: warning: did not find expected ',' or ']', while parsing a flow sequence that began in line 1\n"
                         "/conf.d/b.yml: warning: not a regular file\n"
                         "/conf.d/b.yml: warning: not understood: the file is skipped\n"
                         "/conf.d/c.yml: warning: not understood: the file is skipped\n"
                         "/conf.d/c.yml:2:1: warning: this key is here twice; it was in line 1 already\n");
        ck_assert(findings_pass(&findings));
        findings.strict = true;
        ck_assert(!findings_pass(&findings));
}
END_TEST

START_TEST(broken_main_file_is_an_error) {
        ck_assert_str_eq(read_text("user: {\n"),
                         "/config.yml:2:1: error: did not find expected node content, while parsing a flow node\n");
        ck_assert(!findings_pass(&findings));
        ck_assert_str_eq(settings.rest_api.listen, "127.0.0.1");
}
END_TEST

START_TEST(named_main_file_must_exist) {
        read_settings(true);
        ck_assert_str_eq(files_findings(&findings), "/config.yml: error: cannot read it: No such file or directory\n");
}
END_TEST

START_TEST(foreign_keys_are_accepted) {
        ck_assert_str_eq(read_text("bus: {username: x, password: y, exchange_durable: [1]}\nari: 5\nprovd: {}\nwizard: true\nmin_threads: many\n"
                                   "pjsip_config_doc_filename: x\nrest_api: {min_threads: 5, max_threads: 10}\nauth: {username: u, password: p}\n"
                                   "consul:\n"),
                         "");
}
END_TEST

static const struct {
        const char *text, *finding;
} cases[] = {
        {"debgu: true\n", "1:1: warning: debgu is not known here; did you mean \"debug\"?"},
        {"completely_else: 1\n", "1:1: warning: completely_else is not known here"},
        {"rest_api:\n  prot: 1\n", "2:3: warning: rest_api.prot is not known here; did you mean \"port\"?"},
        {"debug: maybe\n", "1:8: error: debug must be true or false (yes, no, on, off), not \"maybe\""},
        {"debug: 'true'\n", "1:8: error: debug must be true or false (yes, no, on, off), not the text \"true\""},
        {"debug: [1]\n", "1:8: error: debug must be true or false (yes, no, on, off), not a list"},
        {"log_level: loud\n", "1:12: error: log_level must be one of critical, error, warning, info, debug, not \"loud\""},
        {"rest_api: {port: 70000}\n", "1:18: error: rest_api.port must be a whole number, from 1 to 65535, not \"70000\""},
        {"rest_api: {port: '9486'}\n", "1:18: error: rest_api.port must be a whole number, from 1 to 65535, not the text \"9486\""},
        {"rest_api: {port: 0777}\n", "1:18: error: rest_api.port must be a whole number, from 1 to 65535, not \"0777\""},
        {"rest_api: {port: 9_486}\n", "1:18: error: rest_api.port must be a whole number, from 1 to 65535, not \"9_486\""},
        {"rest_api: {port: 99999999999999999999}\n",
         "1:18: error: rest_api.port must be a whole number, from 1 to 65535, not \"99999999999999999999\""},
        {"rest_api: text\n", "1:11: error: rest_api must be a map, not a text"},
        {"rest_api: {cors: {allow_headers: X}}\n",
         "1:34: error: rest_api.cors.allow_headers must be a list of texts, not a text"},
        {"rest_api: {cors: {allow_headers: [a, {b: c}]}}\n",
         "1:38: error: rest_api.cors.allow_headers.each item must be a text, not a map"},
        {"enabled_plugins: [user]\n",
         "1:18: error: enabled_plugins must be a map of names to true or false, not a list"},
        {"enabled_plugins: {user: perhaps}\n",
         "1:25: error: enabled_plugins.user must be true or false (yes, no, on, off), not \"perhaps\""},
        {"deadlines: {queue: fast}\n",
         "1:20: error: deadlines.queue must be a duration such as 500ms, 10s or 5m, from 10ms to 1h, not \"fast\""},
        {"deadlines: {queue: 2d}\n",
         "1:20: error: deadlines.queue must be a duration such as 500ms, 10s or 5m, from 10ms to 1h, not \"2d\""},
        {"deadlines: {attempt: 1m}\n", "1:22: error: deadlines.attempt must not be longer than deadlines.total"},
        {"limits: {body: 2T}\n", "1:16: error: limits.body must be a size such as 64K, 64M or 2G, from 1K to 1G, not \"2T\""},
        {"rest_api: {certificate: /x}\n", "1:25: error: rest_api.certificate and rest_api.private_key belong together: one of them is missing"},
        {"rest_api: {certificate: x, private_key: /y}\n", "1:25: error: rest_api.certificate must be an absolute path, not \"x\""},
        {"rest_api: {profile: /tmp}\n", "1:21: warning: rest_api.profile has no effect: there is no profiling yet"},
        {"db_uri: postgresql://asterisk:proformatique@localhost/asterisk\n",
         "1:9: error: db_uri must be sqlite:/// and an absolute path: this version has no driver for another database"},
        {"db_uri: [1, 2]\n", "1:9: error: db_uri must be a text, not a list"},
};

START_TEST(each_wrong_value_with_its_place) {
        char wanted[512];
        const char *got = read_text(cases[_i].text);

        (void) snprintf(wanted, sizeof(wanted), "/config.yml:%s\n", cases[_i].finding);
        /* The certificate without its key is a second finding of a wrong path. */
        if (!strstr(cases[_i].text, "certificate: x,"))
                ck_assert_str_eq(got, wanted);
        else
                ck_assert_ptr_nonnull(strstr(got, wanted));
}
END_TEST

/* Whatever is a secret, or stands where one could stand, is in no finding. */
START_TEST(no_secret_in_findings) {
        const char *got = read_text(
                "db_uri: {hunter2: hunter2}\nrest_api: {private_key: 'hunter2 BEGIN', certificate: /x}\nuser: [hunter2]\n"
                "auth: {token_file: [hunter2], password: hunter2}\nlog_file: {x: hunter2}\nextra_config_files: [hunter2]\n");

        ck_assert_ptr_nonnull(strstr(got, "db_uri must be a text"));
        ck_assert_ptr_nonnull(strstr(got, "rest_api.private_key must be an absolute path\n"));
        ck_assert_ptr_null(strstr(got, "hunter2"));
}
END_TEST

START_TEST(units) {
        static const struct {
                const char *text;
                int64_t msec;
        } durations[] = {{"500ms", 500}, {"10s", 10000}, {"5m", 300000}, {"2", 2000}, {"1h", 3600000}, {"'3s'", 3000}};
        char text[128];

        (void) snprintf(text, sizeof(text), "deadlines: {queue: %s, total: 1h}\nlimits: {body: 2M, header: 64KiB}\n",
                        durations[_i].text);
        ck_assert_str_eq(read_text(text), "");
        ck_assert_int_eq(settings.deadlines.queue, durations[_i].msec);
        ck_assert_int_eq(settings.limits.body, 2 << 20);
        ck_assert_int_eq(settings.limits.header, 64 << 10);
}
END_TEST

START_TEST(booleans_of_yaml_1_1) {
        static const char *const words[2][9] = {{"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"},
                                                {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"}};
        bool wanted = _i >= 9;
        char text[128];

        (void) snprintf(text, sizeof(text), "debug: %s\nenabled_plugins: {x: %s}\n", words[wanted][_i % 9], words[wanted][_i % 9]);
        ck_assert_str_eq(read_text(text), "");
        ck_assert_int_eq(settings.debug, wanted);
        ck_assert_int_eq(settings_switch(yaml_at(settings.enabled_plugins, "x"), !wanted), wanted);
}
END_TEST

START_TEST(worker_sections) {
        struct settings_worker worker;

        ck_assert_str_eq(read_text("workers:\n  user: {instances: 3, on_demand: yes, idle: 5s, memory: {high: 1M, max: 2M}}\n"
                                   "  line: {on_demand: sometimes}\n  info: {memory: {high: 3M, max: 2M}, instnaces: 2}\n  context: 5\n"),
                         "");
        settings_worker(&settings, "user", &findings, &worker);
        ck_assert_int_eq(worker.instances, 3);
        ck_assert(settings_switch(worker.on_demand, false));
        ck_assert_int_eq(worker.idle, 5000);
        ck_assert_int_eq(worker.memory.max, 2 << 20);
        settings_worker(&settings, "nobody", &findings, &worker);
        ck_assert_int_eq(worker.instances, 0);
        ck_assert_str_eq(files_findings(&findings), "");
        settings_worker(&settings, "line", &findings, &worker);
        ck_assert_ptr_null(worker.on_demand);
        settings_worker(&settings, "info", &findings, &worker);
        settings_worker(&settings, "context", &findings, &worker);
        ck_assert_str_eq(files_findings(&findings),
                         "/config.yml:3:21: error: workers.line.on_demand must be true or false (yes, no, on, off), not \"sometimes\"\n"
                         "/config.yml:4:3: error: workers.info.memory.high must not be above workers.info.memory.max\n"
                         "/config.yml:4:39: warning: workers.info.instnaces is not known here; did you mean \"instances\"?\n"
                         "/config.yml:5:12: error: workers.context must be a map, not a text\n");
}
END_TEST

START_TEST(names_and_shapes) {
        static const char *const words[] = {"listen", "port", "private_key", NULL};

        ck_assert(text_is_name("user_line") && text_is_name("a") && text_is_name("wazo-confd"));
        ck_assert(!text_is_name("") && !text_is_name("1a") && !text_is_name("a/b") && !text_is_name("a.b") && !text_is_name("é"));
        ck_assert(text_is_uuid("2f4b6d1e-0000-4000-8000-00000000000A"));
        ck_assert(!text_is_uuid("2f4b6d1e-0000-4000-8000-00000000000") && !text_is_uuid("2f4b6d1e-0000-4000-8000-00000000000ab"));
        ck_assert(text_is_moment("2026-01-02T03:04:05") && text_is_moment("2026-01-02T03:04:05.678901"));
        ck_assert(!text_is_moment("2026-01-02") && !text_is_moment("2026-01-02T03:04:05Z") &&
                  !text_is_moment("2026-01-02T03:04:05."));
        ck_assert(text_is_path("/") && text_is_path("/a/b") && text_is_path("/a/"));
        ck_assert(!text_is_path("a") && !text_is_path("") && !text_is_path("/a/../b") && !text_is_path("/a//b") &&
                  !text_is_path("/."));
        ck_assert(text_is_hex("00fF", 4) && !text_is_hex("00f", 4) && !text_is_hex("00fg", 4) && !text_is_hex("00fff", 4));
        ck_assert_str_eq(text_nearest("lisetn", words), "listen");
        ck_assert_str_eq(text_nearest("privat_key", words), "private_key");
        ck_assert_ptr_null(text_nearest("x", words));
        ck_assert_ptr_null(text_nearest("certificate", words));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("config-settings");
        TCase *tcase = tcase_create("settings");

        tcase_add_checked_fixture(tcase, begin, end);
        tcase_add_test(tcase, defaults);
        tcase_add_test(tcase, what_is_outside);
        tcase_add_test(tcase, first_file_wins);
        tcase_add_test(tcase, main_file_names_the_directory);
        tcase_add_test(tcase, broken_extra_file_is_skipped);
        tcase_add_test(tcase, broken_main_file_is_an_error);
        tcase_add_test(tcase, named_main_file_must_exist);
        tcase_add_test(tcase, foreign_keys_are_accepted);
        tcase_add_loop_test(tcase, each_wrong_value_with_its_place, 0, (int) ELEMENTSOF(cases));
        tcase_add_test(tcase, no_secret_in_findings);
        tcase_add_loop_test(tcase, units, 0, 6);
        tcase_add_loop_test(tcase, booleans_of_yaml_1_1, 0, 18);
        tcase_add_test(tcase, worker_sections);
        tcase_add_test(tcase, names_and_shapes);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
