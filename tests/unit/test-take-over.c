/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Take-overs of a host that is a directory, with a systemctl that keeps its units there as files: made, undone,
 * failing, and cut off at every point.
 */
#include <check.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/run.h"
#include "units/take-over/disk.h"
#include "units/take-over/engine.h"
#include "units/take-over/package.h"

#define OURS "wazo-suite-confd.service"
#define THEIRS "wazo-confd.service"
#define STATE "/var/lib/wazo-suite/take-over/wazo-confd"
#define PROGRAM "/usr/libexec/wazo-suite/wazo-take-over"
#define ALIAS "/etc/systemd/system/" THEIRS

static char root[64];
static char state_dir[128];
static struct manifest manifest;
static struct site site;
static struct steps steps;
static int cut_at;          /* the process ends at this point, as a crash would have it; -1: never */
static const char *fails;   /* this call of systemctl or nginx fails */

static void cut(void) {
        if (cut_at >= 0 && cut_at-- == 0)
                _exit(99);
}

static const char *in(const char *path) {
        static char whole[4][512];
        static unsigned turn;
        char *to = whole[turn++ % ELEMENTSOF(whole)];

        (void) snprintf(to, sizeof(whole[0]), "%s%s", root, path);
        return to;
}

static void shell(const char *command) {
        char text[1024];

        (void) snprintf(text, sizeof(text), "cd %s && %s", root, command);
        ck_assert_int_eq(system(text), 0); /* NOLINT(cert-env33-c) */
}

static void put(const char *path, const char *text) {
        char command[1024];

        (void) snprintf(command, sizeof(command), "mkdir -p .%.*s && printf '%s' >.%s",
                        (int) (strrchr(path, '/') - path), path, text, path);
        shell(command);
}

static bool is_there(const char *path) {
        return disk_is_there(in(path));
}

/* ---- a systemctl: /fake/UNIT is there while the unit is active ---- */

static bool is_alias(void) {
        char target[256];

        return disk_read_link(in(ALIAS), target, sizeof(target)) == 0 && !streq(target, "/dev/null");
}

static const char *meant(const char *unit) {
        return streq(unit, THEIRS) && is_alias() && is_there("/fake/reloaded") ? OURS : unit;
}

static const char *fake(const char *unit) {
        static char path[256];

        (void) snprintf(path, sizeof(path), "/fake/%s", meant(unit));
        return in(path);
}

static const char *property(const char *name, const char *unit) {
        if (streq(name, "Id"))
                return meant(unit);
        if (streq(name, "ActiveState"))
                return disk_is_there(fake(unit)) ? "active" : "inactive";
        if (streq(name, "Names"))
                return streq(meant(THEIRS), OURS) ? OURS " " THEIRS : OURS;
        if (streq(name, "LoadState"))
                return "loaded";
        return streq(unit, OURS) && is_alias() ? "enabled" : "disabled";
}

static int systemctl(const char *const *argv) {
        for (unsigned i = 2; argv[1] && argv[i]; i++) {
                if (streq(argv[1], "start"))
                        (void) close(open(fake(argv[i]), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
                else if (streq(argv[1], "stop"))
                        (void) unlink(fake(argv[i]));
                else if (streq(argv[1], "enable") && streq(argv[i], OURS))
                        ck_assert_int_eq(disk_link(in(ALIAS), "/usr/lib/systemd/system/" OURS), 0);
                else if (streq(argv[1], "disable") && streq(argv[i], OURS))
                        ck_assert_int_eq(disk_remove(in(ALIAS)), 0);
        }
        /* What it knows of aliases is as old as the last of these. */
        if (streq(argv[1], "daemon-reload") || streq(argv[1], "enable") || streq(argv[1], "disable")) {
                if (is_alias())
                        (void) close(open(in("/fake/reloaded"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
                else
                        (void) unlink(in("/fake/reloaded"));
        }
        return 0;
}

static int fake_read(const char *const *argv, unsigned seconds, char **ret) {
        char call[256];
        int r = 0;

        (void) snprintf(call, sizeof(call), "%s %s %s", argv[0], argv[1], strempty(argv[2]));
        cut();
        if (fails && strncmp(call, fails, strlen(fails)) == 0)
                return -EIO;
        if (streq(argv[0], "systemctl") && !streq(argv[1], "show"))
                r = systemctl(argv);
        cut();
        *ret = strdup(streq(argv[1], "show") ? property(argv[3], argv[4]) : "");
        return *ret ? r : -ENOMEM;
}

static void on_change(const char *verb, const struct journal_record *record, int error) {
        cut();
}

/* ---- the host ---- */

static void setup(void) {
        const struct passwd *me = getpwuid(geteuid());

        /* In memory, where there is such a place: everything is synced, a thousand times. */
        (void) snprintf(root, sizeof(root), "%s/take-over-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        ck_assert_ptr_nonnull(mkdtemp(root));
        ck_assert_ptr_nonnull(me);
        (void) snprintf(state_dir, sizeof(state_dir), "%s" STATE, root);
        site = (struct site) {.root = root, .read = fake_read};
        manifest = (struct manifest) {
                .service = "wazo-confd", .config = "/etc/wazo-confd/config.yml", .log = "/var/log/wazo-confd.log",
                .user = geteuid() == 0 ? "daemon" : me->pw_name,
                .facts = {.unit = {.name = OURS, .replaces = THEIRS},
                          .key = {.file = "/var/lib/wazo-auth-keys/wazo-confd-key.yml"}},
        };
        cut_at = -1;
        fails = NULL;
        put("/etc/wazo-confd/config.yml", "# the host\n");
        put("/etc/cron.d/wazo-confd", "42 3 * * * root /usr/bin/wazo-confd-sync-db --quiet\n");
        put("/etc/logrotate.d/wazo-confd", "x\n");
        put("/usr/lib/systemd/system/" THEIRS, "x\n");
        put("/usr/lib/systemd/system/" OURS, "x\n");
        put("/usr/lib/systemd/system/wazo-suite-confd.socket", "x\n");
        put(ALIAS ".d/administrator.conf", "x\n");
        put("/etc/wazo-auth-keys/conf.d/mine.yml", "x\n");
        put("/var/lib/wazo-auth-keys/wazo-confd-key.yml", "secret\n");
        put("/var/log/wazo-confd.log", "x\n");
        put("/etc/nginx/locations/https-available/wazo-suite-confd", "x\n");
        put("/etc/nginx/locations/https-available/wazo-confd", "x\n");
        put("/var/lib/dpkg/info/wazo-confd.list", "/usr/bin/wazo-confd\n/usr/bin/wazo-confd-wait\n");
        put("/fake/" THEIRS, "");
        shell("mkdir -p usr/local/bin etc/nginx/locations/https-enabled etc/systemd/system/multi-user.target.wants");
        shell("ln -s ../https-available/wazo-confd etc/nginx/locations/https-enabled/wazo-confd");
        shell("ln -s /lib/systemd/system/" THEIRS " etc/systemd/system/multi-user.target.wants/" THEIRS);
        shell("chmod 600 var/lib/wazo-auth-keys/wazo-confd-key.yml");
}

static void teardown(void) {
        char command[128];

        (void) snprintf(command, sizeof(command), "rm -rf %s", root);
        ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c) */
}

/* All of it but the journal: names, links, owners, modes, what is in the files. */
static char *picture(void) {
        static const char find[] =
                "cd %s && find . -path ./var/lib/wazo-suite -prune -o -type l -printf '%%p -> %%l\\n' -o -type f "
                "-printf '%%p %%U:%%G %%m ' -exec cksum {} \\; | sort";
        char command[512], *text = calloc(1, 65536);
        FILE *from;

        (void) snprintf(command, sizeof(command), find, root);
        from = popen(command, "re"); /* NOLINT(cert-env33-c) */
        ck_assert(from && text);
        ck_assert_uint_gt(fread(text, 1, 65535, from), 0);
        ck_assert_int_eq(pclose(from), 0);
        return text;
}

static int take(void) {
        _cleanup_(journal_done) struct journal j = JOURNAL_NULL;
        int r;

        ck_assert_int_eq(journal_open(state_dir, true, &j), 0);
        ck_assert_int_eq(steps_make(&site, &manifest, STATE, PROGRAM, &steps), 0);
        r = engine_take(&site, &j, &steps, on_change);
        ck_assert_int_eq(j.phase, r < 0 ? JOURNAL_NONE : JOURNAL_TAKEN);
        return r;
}

static int give(void) {
        _cleanup_(journal_done) struct journal j = JOURNAL_NULL;

        ck_assert_int_eq(journal_open(state_dir, true, &j), 0);
        return engine_give(&site, &j, on_change);
}

/* In a process that ends at a point of its way. Returns whether it came through. */
static bool runs_through(int (*what)(void), int point) {
        int status;
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                cut_at = point;
                _exit(what() < 0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 99));
        return WEXITSTATUS(status) == 0;
}

static void is_as(const char *before) {
        _cleanup_free_ char *now = picture();

        ck_assert_str_eq(now, before);
}

/* ---- tests ---- */

START_TEST(taken_over) {
        char target[256];
        struct stat st;

        ck_assert_int_eq(take(), 0);
        ck_assert(is_there("/fake/" OURS) && is_there("/fake/wazo-suite-confd.socket") && !is_there("/fake/" THEIRS));
        ck_assert(!is_there("/etc/cron.d/wazo-confd") && is_there("/etc/cron.d/wazo-confd" CHANGE_ASIDE_SUFFIX));
        ck_assert(!is_there("/etc/logrotate.d/wazo-confd") && !is_there(ALIAS ".d"));
        ck_assert(!is_there("/etc/systemd/system/multi-user.target.wants/" THEIRS));
        ck_assert_int_eq(disk_read_link(in("/usr/local/bin/wazo-confd-sync-db"), target, sizeof(target)), 0);
        ck_assert_str_eq(target, PROGRAM);
        ck_assert(is_there("/usr/local/bin/wazo-confd-wait") && !is_there("/usr/local/bin/wazo-confd"));
        ck_assert_int_eq(disk_read_link(in("/etc/wazo-auth-keys/conf.d/50-wazo-suite-confd.yml"), target, sizeof(target)), 0);
        ck_assert_str_eq(target, "/usr/share/wazo-suite/wazo-confd/auth-keys.yml");
        ck_assert_int_eq(stat(in("/var/lib/wazo-auth-keys/wazo-confd-key.yml"), &st), 0);
        ck_assert_uint_eq(st.st_uid, getpwnam(manifest.user)->pw_uid);
        ck_assert_uint_eq(st.st_mode & 07777, 0600);
        ck_assert(is_there("/etc/nginx/locations/https-enabled/wazo-suite-confd") &&
                  !is_there("/etc/nginx/locations/https-enabled/wazo-confd"));
}
END_TEST

START_TEST(given_back) {
        _cleanup_free_ char *before = picture();

        ck_assert_int_eq(take(), 0);
        ck_assert_int_eq(give(), 0);
        is_as(before);
        ck_assert(!is_there("/var/lib/wazo-suite"));
        /* As often as one likes. */
        ck_assert_int_eq(give(), 0);
        is_as(before);
}
END_TEST

/* Where nothing of the sort is, nothing of it is made; what an administrator has is left to him. */
START_TEST(what_is_not_there) {
        shell("rm etc/nginx/locations/https-enabled/wazo-confd etc/logrotate.d/wazo-confd var/log/wazo-confd.log");
        put("/usr/local/bin/wazo-confd-sync-db", "my own\n");
        ck_assert_int_eq(take(), 0);
        ck_assert(!is_there("/etc/nginx/locations/https-enabled/wazo-suite-confd") && !is_there("/var/log/wazo-confd.log"));
        shell("grep -q own usr/local/bin/wazo-confd-sync-db");
        ck_assert_int_eq(give(), 0);
        shell("grep -q own usr/local/bin/wazo-confd-sync-db");
}
END_TEST

START_TEST(a_failure_undoes_all) {
        static const char *const calls[] = {"systemctl start " OURS, "systemctl enable", "systemctl stop " THEIRS};
        _cleanup_free_ char *before = picture();

        for (unsigned i = 0; i < ELEMENTSOF(calls); i++) {
                fails = calls[i];
                ck_assert_int_eq(take(), -EIO);
                fails = NULL;
                is_as(before);
        }
}
END_TEST

/* nginx refuses ours, and then its own: what can be undone is, and the rest when it is called again. */
START_TEST(nginx_refuses) {
        _cleanup_(journal_done) struct journal j = JOURNAL_NULL;
        _cleanup_free_ char *before = picture();

        fails = "nginx -t";
        ck_assert_int_eq(journal_open(state_dir, true, &j), 0);
        ck_assert_int_eq(steps_make(&site, &manifest, STATE, PROGRAM, &steps), 0);
        ck_assert_int_eq(engine_take(&site, &j, &steps, NULL), -EIO);
        ck_assert_int_eq(j.phase, JOURNAL_GIVING);
        journal_done(&j);
        is_as(before);
        fails = NULL;
        ck_assert_int_eq(give(), 0);
        is_as(before);
        ck_assert(!is_there("/var/lib/wazo-suite"));
}
END_TEST

START_TEST(cut_off_and_continued) {
        _cleanup_free_ char *taken = NULL, *before = picture();
        int point = 0;

        ck_assert_int_eq(take(), 0);
        taken = picture();
        ck_assert_int_eq(give(), 0);
        for (; !runs_through(take, point); point++) {
                ck_assert_int_eq(take(), 0);
                is_as(taken);
                ck_assert_int_eq(give(), 0);
                is_as(before);
        }
        ck_assert_int_gt(point, 20);
}
END_TEST

START_TEST(cut_off_and_undone) {
        _cleanup_free_ char *before = picture();

        for (int point = 0; !runs_through(take, point); point++) {
                ck_assert_int_eq(give(), 0);
                is_as(before);
        }
}
END_TEST

START_TEST(give_back_cut_off) {
        _cleanup_free_ char *taken = NULL, *before = picture();
        bool through = false;

        ck_assert_int_eq(take(), 0);
        taken = picture();
        for (int point = 0; !through; point++) {
                through = runs_through(give, point);
                if (point % 2 == 0)
                        ck_assert_int_eq(give(), 0);
                if (point % 2 == 0 || through)
                        is_as(before);
                ck_assert_int_eq(take(), 0);
                is_as(taken);
        }
}
END_TEST

static void settle(bool purged) {
        _cleanup_(journal_done) struct journal j = JOURNAL_NULL;

        ck_assert_int_eq(journal_open(state_dir, true, &j), 0);
        ck_assert_int_eq(j.phase, JOURNAL_TAKEN);
        ck_assert_int_eq(engine_settle(&site, &j, purged), 0);
}

START_TEST(settled_after_an_upgrade) {
        _cleanup_free_ char *taken = NULL, *before = picture();

        ck_assert_int_eq(take(), 0);
        taken = picture();
        put("/etc/cron.d/wazo-confd", "42 3 * * * root /usr/bin/wazo-confd-sync-db --quiet\n");
        shell("rm fake/" OURS);
        settle(false);
        is_as(taken);
        ck_assert_int_eq(give(), 0);
        is_as(before);
}
END_TEST

START_TEST(settled_after_a_purge) {
        ck_assert_int_eq(take(), 0);
        shell("rm -r etc/wazo-confd fake/" OURS " etc/nginx/locations/https-available/wazo-confd");
        settle(true);
        shell("grep -q host etc/wazo-confd/config.yml");
        ck_assert(is_there("/fake/" OURS) && !is_there("/etc/cron.d/wazo-confd" CHANGE_ASIDE_SUFFIX));
        ck_assert(is_there("/usr/local/bin/wazo-confd-sync-db") && is_there(ALIAS));
}
END_TEST

/* The package was removed, its unit is masked, and ours runs already. */
START_TEST(taken_from_one_that_is_gone) {
        _cleanup_free_ char *before = NULL;

        shell("ln -s /dev/null ." ALIAS " && mv fake/" THEIRS " fake/" OURS " && touch fake/wazo-suite-confd.socket");
        before = picture();
        ck_assert_int_eq(take(), 0);
        ck_assert(is_there(ALIAS CHANGE_ASIDE_SUFFIX) && is_there("/fake/" OURS));
        ck_assert_int_eq(give(), 0);
        is_as(before);
        ck_assert_int_eq(take(), 0);
        settle(true);
        ck_assert(!is_there(ALIAS CHANGE_ASIDE_SUFFIX) && is_there(ALIAS));
}
END_TEST

START_TEST(a_cut_off_line) {
        _cleanup_(journal_done) struct journal j = JOURNAL_NULL, other = JOURNAL_NULL;
        const struct journal_record record = {.what = "aside", .path = "/etc/a b", .wanted = "-", .before = "there"};

        ck_assert_int_eq(journal_open(state_dir, false, &j), 0);
        ck_assert_int_eq(j.phase, JOURNAL_NONE);
        journal_done(&j);
        put(STATE "/journal", "wazo-take-");
        ck_assert_int_eq(journal_open(state_dir, true, &j), 0);
        ck_assert_int_eq(journal_open(state_dir, true, &other), -EBUSY);
        ck_assert_int_eq(j.phase, JOURNAL_NONE);
        ck_assert_int_eq(journal_set_phase(&j, JOURNAL_TAKING), 0);
        ck_assert_int_eq(journal_add(&j, &record), 0);
        ck_assert_int_eq(journal_add(&j, &(struct journal_record) {.what = "a\tb"}), -EINVAL);
        journal_done(&j);
        shell("printf 'owner\\t/etc/c\\t1:' >>." STATE "/journal");
        for (unsigned i = 0; i < 2; i++) {
                ck_assert_int_eq(journal_open(state_dir, true, &j), 0);
                ck_assert(j.phase == JOURNAL_TAKING && j.n == 1 && journal_find(&j, "aside", "/etc/a b") &&
                          !journal_find(&j, "owner", "/etc/c"));
                ck_assert_int_eq(journal_set_phase(&j, JOURNAL_TAKING), 0);
                journal_done(&j);
        }
        put(STATE "/journal", "wazo-take-over 2\\n");
        ck_assert_int_eq(journal_open(state_dir, true, &j), -EBADMSG);
        put(STATE "/journal", "wazo-take-over 1\\nphase\\tsleeping\\n");
        ck_assert_int_eq(journal_open(state_dir, true, &j), -EBADMSG);
}
END_TEST

START_TEST(what_a_package_has) {
        struct package_names *names = calloc(1, sizeof(*names));
        enum package_state state;

        ck_assert_ptr_nonnull(names);
        put("/var/lib/dpkg/status", "Package: wazo-confd-doc\\nStatus: install ok installed\\n\\n"
                                    "Package: wazo-confd\\nStatus: deinstall ok config-files\\n\\n"
                                    "Package: wazo-auth\\nStatus: purge ok not-installed\\n");
        ck_assert_int_eq(package_state(&site, "wazo-confd", &state), 0);
        ck_assert_int_eq(state, PACKAGE_CONFIG_FILES);
        ck_assert_int_eq(package_state(&site, "wazo-confd-doc", &state), 0);
        ck_assert_int_eq(state, PACKAGE_INSTALLED);
        ck_assert_int_eq(package_state(&site, "wazo-auth", &state), 0);
        ck_assert_int_eq(state, PACKAGE_NONE);
        put("/usr/lib/python3/dist-packages/wazo_confd-26.1.egg-info/entry_points.txt",
            "[console_scripts]\\nwazo-confd = x:main\\n\\n[wazo_confd.plugins]\\nuser = a.b:Plugin\\nqueue= c.d:Plugin\\n[z]\\nno = e\\n");
        ck_assert_int_eq(package_plugins(&site, "wazo-confd", names), 0);
        ck_assert(names->n == 2 && package_names_have(names, "user") && package_names_have(names, "queue"));
        ck_assert_int_eq(package_commands(&site, "wazo-confd", names), 0);
        ck_assert(names->n == 2 && package_names_have(names, "wazo-confd-wait") && package_names_have(names, "wazo-confd-sync-db"));
        free(names);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("take-over");
        TCase *tests = tcase_create("take-over");

        tcase_add_checked_fixture(tests, setup, teardown);
        tcase_set_timeout(tests, 280);
        tcase_add_test(tests, taken_over);
        tcase_add_test(tests, given_back);
        tcase_add_test(tests, what_is_not_there);
        tcase_add_test(tests, a_failure_undoes_all);
        tcase_add_test(tests, nginx_refuses);
        tcase_add_test(tests, cut_off_and_continued);
        tcase_add_test(tests, cut_off_and_undone);
        tcase_add_test(tests, give_back_cut_off);
        tcase_add_test(tests, settled_after_an_upgrade);
        tcase_add_test(tests, settled_after_a_purge);
        tcase_add_test(tests, taken_from_one_that_is_gone);
        tcase_add_test(tests, a_cut_off_line);
        tcase_add_test(tests, what_a_package_has);
        suite_add_tcase(suite, tests);
        return check_run(suite);
}
