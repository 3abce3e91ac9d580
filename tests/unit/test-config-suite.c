/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>

#include "config/suite.h"
#include "tests/unit/config-files.h"
#include "tests/unit/run.h"

static struct findings findings;
static struct suite suite;

static void begin(void) {
        (void) files_begin();
        findings = (struct findings) {0};
        suite = SUITE_NULL;
}

static void end(void) {
        suite_done(&suite);
        findings_done(&findings);
        files_end();
}

static const char *read_suite(void) {
        const char *dirs[] = {files_path("etc"), files_path("shipped"), NULL};

        ck_assert_int_eq(suite_read(dirs, &findings, &suite), 0);
        return files_findings(&findings);
}

/* A unit service with nothing but what it must have, and @more. */
static void write_service(const char *name, const char *more) {
        char file[128], text[2048];

        (void) snprintf(file, sizeof(file), "shipped/%s.yml", name);
        (void) snprintf(text, sizeof(text), "service: %s\nkind: unit\ndescription: d\nuser: u\n%s", name, more);
        files_write(file, text);
}

static const char *names(const struct manifest **list, size_t n) {
        static char text[1024];

        *text = 0;
        for (size_t i = 0; i < n; i++)
                (void) snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "", list[i]->service);
        free(list);
        return text;
}

static const char *started(enum facts_filter filter) {
        const struct manifest **list;
        size_t n;

        ck_assert_int_eq(suite_start_list(&suite, filter, &list, &n), 0);
        return names(list, n);
}

static const char *shown(enum facts_filter filter) {
        const struct manifest **list;
        size_t n;

        ck_assert_int_eq(suite_status_list(&suite, filter, &list, &n), 0);
        return names(list, n);
}

#define TELEPHONY \
        "wazo-dxtora wazo-provd wazo-agid asterisk wazo-amid wazo-call-logd wazo-agentd wazo-phoned wazo-calld wazo-websocketd"
#define OTHERS "wazo-plugind wazo-webhookd wazo-sysconfd wazo-confgend wazo-confd wazo-auth wazo-dird wazo-chatd"

START_TEST(shipped_manifests_are_good_and_in_todays_order) {
        ck_assert_int_eq(suite_load("/nonexistent", NULL, &findings, &suite), 0);
        ck_assert_str_eq(files_findings(&findings), "");

        ck_assert_str_eq(started(FACTS_FILTER_WAZO), TELEPHONY);
        ck_assert_str_eq(started(FACTS_FILTER_DEFAULT), OTHERS " " TELEPHONY);
        ck_assert_str_eq(started(FACTS_FILTER_ALL), "rabbitmq-server postgresql nginx " OTHERS " " TELEPHONY);
        ck_assert_str_eq(shown(FACTS_FILTER_WAZO),
                         "wazo-call-logd wazo-dxtora wazo-provd wazo-agid asterisk wazo-amid wazo-agentd wazo-dird "
                         "wazo-phoned wazo-calld wazo-websocketd wazo-chatd");
}
END_TEST

START_TEST(what_is_not_said_is_derived) {
        const struct manifest *m;

        write_service("wazo-x", "port: 9600\nconfig: /etc/wazo-x/config.yml\nstate: /var/lib/wazo-x/\nnginx: {enabled: true}\n"
                                "auth_key: {acl: ['x.#']}\nwazo_service: {filter: telephony, start: 7}\n"
                                "backup: {paths: [/srv/x, /etc/wazo-x/]}\n");
        ck_assert_str_eq(read_suite(), "");
        m = suite_find(&suite, "wazo-x.service");
        ck_assert_ptr_eq(m, suite_find(&suite, "wazo-x"));
        ck_assert_str_eq(m->facts.unit.name, "wazo-x.service");
        ck_assert_str_eq(m->facts.package, "wazo-x");
        ck_assert_str_eq(m->facts.api, "x");
        ck_assert_uint_eq(m->facts.n_ports, 1);
        ck_assert_str_eq(m->facts.ports[0].address, "127.0.0.1");
        ck_assert_uint_eq(m->facts.nginx.n_locations, 1);
        ck_assert_str_eq(m->facts.nginx.locations[0].to, "/");
        ck_assert_int_eq(m->facts.order.status, 7);
        ck_assert_int_eq(m->facts.order.status_filter, FACTS_FILTER_WAZO);
        ck_assert_uint_eq(m->facts.backup.n_paths, 4);
        ck_assert_str_eq(m->facts.backup.paths[0], "/etc/wazo-x");
        ck_assert_str_eq(m->facts.backup.paths[1], "/srv/x");
        ck_assert_str_eq(m->facts.backup.paths[2], "/var/lib/wazo-auth-keys/wazo-x-key.yml");
        ck_assert_str_eq(m->facts.backup.paths[3], "/var/lib/wazo-x");
        ck_assert(m->facts.monit.check);
}
END_TEST

/* Not all of /etc, which is everybody's. */
START_TEST(a_file_beside_those_of_others_is_saved_alone) {
        write_service("wazo-x", "config: /etc/wazo-x.conf\n");
        ck_assert_str_eq(read_suite(), "");
        ck_assert_uint_eq(suite.services[0].facts.backup.n_paths, 1);
        ck_assert_str_eq(suite.services[0].facts.backup.paths[0], "/etc/wazo-x.conf");
}
END_TEST

START_TEST(the_first_directory_is_taken_whole) {
        write_service("wazo-x", "port: 9600\n");
        files_write("etc/wazo-x.yml", "service: wazo-x\nkind: unit\ndescription: mine\nuser: v\n");
        files_write("etc/.hidden.yml", "service: [");
        files_write("etc/readme.txt", "no manifest");
        ck_assert_str_eq(read_suite(), "");
        ck_assert_uint_eq(suite.n, 1);
        ck_assert_str_eq(suite.services[0].user, "v");
        ck_assert_uint_eq(suite.services[0].facts.n_ports, 0);
}
END_TEST

START_TEST(one_waits_for_another) {
        write_service("a", "wazo_service: {filter: default, start: 1}\n");
        write_service("b", "wazo_service: {filter: default, start: 2}\n");
        write_service("c", "wazo_service: {filter: default, start: 3, independent: {b: they never meet}}\n");
        write_service("d", "after: [b]\nwazo_service: {filter: default, start: 4, independent: {'*': it only needs b}}\n");
        write_service("e", "needs: [d]\n");
        ck_assert_str_eq(read_suite(), "");

        const struct manifest *a = suite_find(&suite, "a"), *b = suite_find(&suite, "b"), *c = suite_find(&suite, "c"),
                              *d = suite_find(&suite, "d"), *e = suite_find(&suite, "e");

        ck_assert(suite_waits_for(b, a) && !suite_waits_for(a, b) && !suite_waits_for(a, a));
        ck_assert(suite_waits_for(c, a) && !suite_waits_for(c, b));
        ck_assert(suite_waits_for(d, b) && !suite_waits_for(d, a) && !suite_waits_for(d, c));
        ck_assert(suite_waits_for(e, d) && !suite_waits_for(e, a) && !suite_waits_for(a, e));
}
END_TEST

/* What is wrong: the text of service "b" (after four lines), beside a service "a", and the finding. */
static const struct {
        const char *text, *found;
} bad[] = {
        {"port: 9486\n", "/shipped/b.yml:5:7: error: port 9486/tcp is that of a, too (*"},
        {"ports: [{port: 9486, address: 0.0.0.0, purpose: p}]\n", "/shipped/b.yml:5:9: error: port 9486/tcp is that of a, too (*"},
        {"ports: [{port: 1, purpose: p}, {port: 1, purpose: q}]\n", "/shipped/b.yml:5:32: error: port 1/tcp is that of b, too (*"},
        {"ports: [{port: 70000, purpose: p}]\n", "/shipped/b.yml:5:16: error: ports.port must be a whole number, from 1 to 65535, not \"70000\""},
        {"ports: [{port: 1}]\n", "/shipped/b.yml:5:9: error: ports.purpose is missing"},
        {"ports: [1]\n", "/shipped/b.yml:5:9: error: ports must be a list of maps: this is a text"},
        {"ports: [{port: 1, purpose: p, address: here}]\n", "/shipped/b.yml:5:9: error: ports: address must be a numeric address"},
        {"listen: localhost\n", "/shipped/b.yml:5:9: error: listen must be a numeric address"},
        {"after: [c]\n", "/shipped/b.yml:5:9: error: after: no service is called \"c\""},
        {"needs: [c]\n", "/shipped/b.yml:5:9: error: needs: no service is called \"c\""},
        {"needs: [x.target]\n", "/shipped/b.yml:5:9: error: no name of a service: \"x.target\""},
        {"after: [b]\n", "/shipped/b.yml:5:9: error: b names itself"},
        {"after: [a]\nbefore: [a]\n",
         "*/shipped/b.yml:1:1: error: it starts after a, whose place in wazo-service (10) is not before its own (1000)*"
         "|/shipped/b.yml:1:1: error: b starts after a, which by way of others starts after it: a circle"
         "|/shipped/a.yml:1:1: error: a starts after b, which by way of others starts after it: a circle"},
        {"after: [a]\nwazo_service: {filter: default, start: 5}\n",
         "/shipped/b.yml:1:1: error: it starts after a, whose place in wazo-service (10) is not before its own (5)"},
        {"after: [a]\nwazo_service: {independent: {a: no}}\n",
         "/shipped/b.yml:6:30: error: it starts after a and cannot be independent of it"},
        {"wazo_service: {independent: {a: ''}}\n",
         "/shipped/b.yml:5:30: error: wazo_service.independent: why \"a\" need not be waited for is missing"},
        {"wazo_service: {independent: {c: x}}\n",
         "/shipped/b.yml:5:30: error: wazo_service.independent: no service is called \"c\""},
        {"wazo_service: {filter: some}\n",
         "/shipped/b.yml:5:24: error: wazo_service.filter must be one of telephony, default, all, none, not \"some\""},
        {"unit: {name: a.service}\n", "/shipped/b.yml:5:14: error: a.service is the unit of a, too"},
        {"unit: {name: \"b;rm.service\"}\n",
         "/shipped/b.yml:5:14: error: unit.name must be the name of a service unit, with .service"},
        {"unit: {name: networking.target}\n",
         "/shipped/b.yml:5:14: error: unit.name must be the name of a service unit, with .service"},
        {"api: a\nport: 1\nnginx: {enabled: true}\n", "/shipped/b.yml:5:6: error: /api/a is the location of a, too"},
        {"nginx: {enabled: true}\n", "/shipped/b.yml:5:8: error: nginx has a location for it, but port is missing"},
        {"port: 1\nnginx: {enabled: true, port: 2}\n", "/shipped/b.yml:6:30: error: nginx.port is none of its ports"},
        {"port: 1\nnginx: {enabled: true, body: 16 m}\n",
         "/shipped/b.yml:6:30: error: nginx.body must be a size as nginx writes it, such as 16m"},
        {"port: 1\nnginx: {enabled: true, locations: [{path: '/;}'}]}\n",
         "/shipped/b.yml:6:36: error: nginx.locations: a path begins with / and has letters, digits and /._- only"},
        {"port: 1\nnginx: {enabled: true, locations: [{path: /}, {path: /}]}\n",
         "/shipped/b.yml:6:47: error: nginx.locations: / is there twice"},
        {"nginx: {locations: [{path: /}]}\n",
         "/shipped/b.yml:5:20: error: nginx.locations without \"enabled: true\""},
        {"discovery: {by: suite}\n", "/shipped/b.yml:5:12: error: consul is told a port, and port is missing"},
        {"backup: {paths: [etc/x]}\n", "/shipped/b.yml:5:18: error: backup.paths: each must be an absolute path below /"},
        {"backup: {paths: [/../x]}\n", "/shipped/b.yml:5:18: error: backup.paths: each must be an absolute path below /"},
        {"backup: {paths: [/]}\n", "/shipped/b.yml:5:18: error: *"},
        {"backup: {databases: [{postgresql: x, sqlite: /x}]}\n",
         "/shipped/b.yml:5:22: error: backup.databases: each has either postgresql or sqlite"},
        {"cron: [{at: daily now, command: c, purpose: p}]\n",
         "/shipped/b.yml:5:8: error: cron: at must be five fields, such as \"24 3 * * *\""},
        {"cron: [{at: 1 2 * * *, command: date +%d, purpose: p}]\n",
         "/shipped/b.yml:5:8: error: cron: a % ends the command in a crontab"},
        {"auth_key: {acl: ['x y']}\n", "/shipped/b.yml:5:18: error: no right: \"x y\""},
        {"log: /var/log/a b.log\n",
         "/shipped/b.yml:5:6: error: log stands in logrotate's configuration as it is: no blanks, quotes, braces or wildcards"},
        {"package: Not_one\n", "/shipped/b.yml:5:10: error: package: no name of a Debian package: \"Not_one\""},
        {"home: \"/a\\n[Service]\"\n",
         "/shipped/b.yml:5:7: error: no line may end and no control character may be within this text"},
        {"reach: {method: FETCH, path: /}\nport: 1\n",
         "/shipped/b.yml:5:17: error: reach.method must be GET, HEAD, POST, PUT, DELETE or OPTIONS"},
        {"prot: 1\n", "/shipped/b.yml:5:1: error: prot is not known here; did you mean \"port\"?"},
};

START_TEST(each_error_has_its_place) {
        const char *found;
        char wanted[1024], *one, *rest = wanted;
        bool matched = false;

        write_service("a", "port: 9486\nnginx: {enabled: true}\nwazo_service: {filter: default, start: 10}\n");
        write_service("b", bad[_i].text);
        found = read_suite();
        (void) snprintf(wanted, sizeof(wanted), "%s", bad[_i].found);
        while ((one = strsep(&rest, "|"))) {
                size_t n = strcspn(one, "*");

                matched |= *one == '*' || (one[n] == '*' ? strncmp(found, one, n) == 0
                                                         : strncmp(found, one, n) == 0 && streq(found + n, "\n"));
        }
        ck_assert_msg(matched, "found: %swanted: %s", found, bad[_i].found);
        ck_assert_uint_ge(findings.n_errors, 1);
}
END_TEST

START_TEST(a_root_without_a_reason_is_an_error) {
        files_write("shipped/b.yml", "service: b\nkind: unit\ndescription: d\nuser: root\n");
        ck_assert_str_eq(read_suite(), "/shipped/b.yml:4:7: error: it runs as root, and \"root\" does not say why\n");
}
END_TEST

START_TEST(a_broken_one_is_left_out_and_the_others_are_there) {
        write_service("a", "after: [b]\n");
        files_write("shipped/b.yml", "service: b\nkind: [\n");
        files_write("shipped/c d.yml", "x: 1\n");
        ck_assert_ptr_nonnull(strstr(read_suite(), "/shipped/b.yml:"));
        ck_assert_ptr_nonnull(strstr(files_findings(&findings), "/shipped/c d.yml: error: no name of a service: \"c d\""));
        ck_assert_ptr_null(strstr(files_findings(&findings), "no service is called"));
        ck_assert_uint_eq(suite.n, 1);
}
END_TEST

START_TEST(a_broken_one_takes_no_shipped_one_away) {
        write_service("wazo-x", "port: 9600\n");
        files_write("etc/wazo-x.yml", "service: wazo-x\nkind: unit\ndescription: mine\nuser: v\nport: many\n");
        files_write("etc/wazo-y.yml", "service: [");
        ck_assert_ptr_nonnull(strstr(read_suite(), "/etc/wazo-x.yml:5:7: error"));
        ck_assert_uint_eq(suite.n, 1);
        ck_assert_str_eq(suite.services[0].user, "u");
        ck_assert_int_eq(suite.services[0].port, 9600);
}
END_TEST

START_TEST(a_circle_of_three_is_found) {
        write_service("a", "after: [c]\n");
        write_service("b", "needs: [a]\n");
        write_service("c", "after: [b]\n");
        ck_assert_str_eq(
                read_suite(),
                "/shipped/b.yml:1:1: error: b starts after a, which by way of others starts after it: a circle\n");
}
END_TEST

START_TEST(other_is_no_daemon) {
        files_write("shipped/o.yml", "service: o\nkind: other\ndescription: d\nconfig: /etc/o/o.conf\n");
        ck_assert_str_eq(read_suite(), "");
        ck_assert_ptr_null(suite.services[0].facts.unit.name);
        ck_assert(!suite.services[0].facts.monit.check);
        ck_assert_str_eq(suite.services[0].facts.backup.paths[0], "/etc/o");
        suite_done(&suite);
        files_write("shipped/o.yml", "service: o\nkind: other\ndescription: d\nunit: {restart: no}\n");
        ck_assert_str_eq(read_suite(), "/shipped/o.yml:4:7: error: unit is for daemons: this is of kind other\n");
}
END_TEST

START_TEST(directories_of_a_command_line_are_bounded) {
        struct suite_dirs dirs = {0};

        ck_assert_ptr_null(dirs.at[0]);
        for (unsigned i = 0; i < SUITE_DIRS_MAX; i++)
                ck_assert_int_eq(suite_dirs_add(&dirs, i == 0 ? files_path("shipped") : "/nonexistent"), 0);
        ck_assert_int_eq(suite_dirs_add(&dirs, "/one/too/many"), -E2BIG);
        ck_assert_uint_eq(dirs.n, SUITE_DIRS_MAX);
        ck_assert_ptr_null(dirs.at[SUITE_DIRS_MAX]);

        /* As many as it takes can be read, and they go before the usual ones. */
        files_write("shipped/wazo-confd.yml", "service: wazo-confd\nkind: other\ndescription: mine\nconfig: /etc/o/o.conf\n");
        ck_assert_int_eq(suite_load("/nonexistent", dirs.at, &findings, &suite), 0);
        ck_assert_str_eq(suite_find(&suite, "wazo-confd")->description, "mine");
}
END_TEST

int main(void) {
        Suite *s = suite_create("config-suite");
        TCase *c = tcase_create("suite");

        tcase_add_checked_fixture(c, begin, end);
        tcase_add_test(c, shipped_manifests_are_good_and_in_todays_order);
        tcase_add_test(c, what_is_not_said_is_derived);
        tcase_add_test(c, a_file_beside_those_of_others_is_saved_alone);
        tcase_add_test(c, the_first_directory_is_taken_whole);
        tcase_add_test(c, one_waits_for_another);
        tcase_add_loop_test(c, each_error_has_its_place, 0, (int) ELEMENTSOF(bad));
        tcase_add_test(c, a_root_without_a_reason_is_an_error);
        tcase_add_test(c, a_broken_one_is_left_out_and_the_others_are_there);
        tcase_add_test(c, a_broken_one_takes_no_shipped_one_away);
        tcase_add_test(c, a_circle_of_three_is_found);
        tcase_add_test(c, other_is_no_daemon);
        tcase_add_test(c, directories_of_a_command_line_are_bounded);
        suite_add_tcase(s, c);
        return check_run(s);
}
