/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The real iptables, in a network namespace of each test's own: check forks for each. Skipped where there is no root.
 */
#include <check.h>
#include <sched.h>

#include "tests/unit/run.h"
#include "units/wazo-service/command.h"
#include "units/wazo-service/firewall.h"

#define SKIPPED 77
#define SECONDS 10
#define IPTABLES(...) ck_assert_int_eq(command_run((const char *const[]) {"iptables", __VA_ARGS__, NULL}, SECONDS), 0)

static void setup(void) {
        ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
}

static void rules_are(const char *expected) {
        _cleanup_free_ char *rules = NULL;

        ck_assert_int_eq(command_read((const char *const[]) {"iptables", "-S", "INPUT", NULL}, SECONDS, &rules), 0);
        ck_assert_str_eq(rules, expected);
}

#define NONE "-P INPUT ACCEPT\n"
#define DROP "-A INPUT -p udp -m udp --dport 5060 -j DROP\n"

START_TEST(closed_and_opened) {
        ck_assert_int_eq(firewall_drops(), 0);
        ck_assert_int_eq(firewall_close(), 0);
        rules_are(NONE DROP);
        ck_assert_int_eq(firewall_drops(), 1);
        ck_assert_int_eq(firewall_close(), 0);
        rules_are(NONE DROP);
        ck_assert_int_eq(firewall_open(), 0);
        rules_are(NONE);
        ck_assert_int_eq(firewall_open(), 0);
}
END_TEST

/* At the head, where no rule that accepts is before it; and the documented rescue removes it. */
START_TEST(the_rescue_removes_it) {
        IPTABLES("-A", "INPUT", "-p", "udp", "-j", "ACCEPT");
        ck_assert_int_eq(firewall_close(), 0);
        rules_are(NONE DROP "-A INPUT -p udp -j ACCEPT\n");
        IPTABLES("-D", "INPUT", "-p", "udp", "--dport", "5060", "-j", "DROP");
        rules_are(NONE "-A INPUT -p udp -j ACCEPT\n");
}
END_TEST

/* A drop that is there already, but behind who accepts, or of a form that the rescue does not remove, closes nothing. */
START_TEST(a_drop_further_down_is_none) {
        IPTABLES("-A", "INPUT", "-p", "udp", "--dport", "5060", "-m", "comment", "--comment", "mine", "-j", "DROP");
        IPTABLES("-I", "INPUT", "-p", "udp", "-j", "ACCEPT");
        ck_assert_int_eq(firewall_close(), 0);
        rules_are(NONE DROP "-A INPUT -p udp -j ACCEPT\n"
                            "-A INPUT -p udp -m udp --dport 5060 -m comment --comment mine -j DROP\n");
        ck_assert_int_eq(firewall_close(), 0);
        ck_assert_int_eq(firewall_drops(), 2);
        ck_assert_int_eq(firewall_open(), 0);
        rules_are(NONE "-A INPUT -p udp -j ACCEPT\n");
}
END_TEST

/* Made by the tool that this one replaces, several times over, or by hand. */
START_TEST(whoever_made_it) {
        for (int i = 0; i < 3; i++)
                IPTABLES("-I", "INPUT", "-p", "udp", "--dport", "5060", "-j", "DROP");
        IPTABLES("-A", "INPUT", "-p", "udp", "--dport", "5060", "-m", "comment", "--comment", "by \"hand\" it is", "-j", "DROP");
        IPTABLES("-A", "INPUT", "-p", "udp", "-m", "multiport", "--dports", "5060", "-j", "DROP");
        ck_assert_int_eq(firewall_drops(), 5);
        ck_assert_int_eq(firewall_open(), 0);
        rules_are(NONE);
}
END_TEST

START_TEST(what_is_not_ours_stays) {
        IPTABLES("-A", "INPUT", "-s", "192.0.2.1", "-p", "udp", "--dport", "5060", "-j", "DROP");
        IPTABLES("-A", "INPUT", "-p", "tcp", "--dport", "5060", "-j", "DROP");
        IPTABLES("-A", "INPUT", "-p", "udp", "--dport", "5061", "-j", "DROP");
        IPTABLES("-A", "INPUT", "-p", "udp", "--dport", "5060", "-j", "ACCEPT");
        IPTABLES("-A", "INPUT", "-p", "udp", "!", "--dport", "5060", "-j", "DROP");
        ck_assert_int_eq(firewall_drops(), 0);
        ck_assert_int_eq(firewall_open(), 0);
        rules_are(NONE "-A INPUT -s 192.0.2.1/32 -p udp -m udp --dport 5060 -j DROP\n"
                       "-A INPUT -p tcp -m tcp --dport 5060 -j DROP\n"
                       "-A INPUT -p udp -m udp --dport 5061 -j DROP\n"
                       "-A INPUT -p udp -m udp --dport 5060 -j ACCEPT\n"
                       "-A INPUT -p udp -m udp ! --dport 5060 -j DROP\n");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("service-firewall");
        TCase *tcase = tcase_create("sip");

        if (geteuid() != 0 || access("/usr/sbin/iptables", X_OK) < 0)
                return SKIPPED;
        tcase_add_checked_fixture(tcase, setup, NULL);
        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, closed_and_opened);
        tcase_add_test(tcase, the_rescue_removes_it);
        tcase_add_test(tcase, a_drop_further_down_is_none);
        tcase_add_test(tcase, whoever_made_it);
        tcase_add_test(tcase, what_is_not_ours_stays);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}
