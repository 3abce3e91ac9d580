/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/wazo-service/firewall.h"

#include <ctype.h>
#include <stdio.h>

#include "units/wazo-service/command.h"

#define IPTABLES "iptables"
#define WAIT "--wait=5" /* for whoever else holds the packet filter's lock */
#define PORT "5060"
#define OURS "-A INPUT -p udp -m udp --dport " PORT " -j DROP\n" /* as it is listed */
#define COMMAND_SECONDS 15
#define WORDS_MAX 48
#define RULES_MAX 1000

/* Splits a line of "iptables -S" in place: words, some of them in double quotes with backslashes. More than fit: no words. */
static size_t split(char *line, const char **words) {
        size_t n = 0;

        for (char *at = line;;) {
                char *to;
                bool quoted;

                while (isspace((unsigned char) *at))
                        at++;
                if (!*at)
                        return n;
                if (n == WORDS_MAX)
                        return 0;
                words[n++] = to = at;
                quoted = *at == '"';
                at += quoted;
                while (*at && (quoted ? *at != '"' : !isspace((unsigned char) *at))) {
                        if (quoted && *at == '\\' && at[1])
                                at++;
                        *to++ = *at++;
                }
                if (*at)
                        at++;
                *to = 0;
        }
}

/*
 * Whether a rule drops UDP 5060 from everywhere. One that drops it from a few addresses only is somebody's protection against
 * them, not a closed port.
 */
static bool drops_sip(const char *const *words, size_t n) {
        bool udp = false, port = false, drop = false;

        if (n < 2 || !streq(words[0], "-A") || !streq(words[1], "INPUT"))
                return false;
        for (size_t i = 2; i + 1 < n; i += 2) {
                const char *option = words[i], *value = words[i + 1];

                if (streq(option, "-p"))
                        udp = streq(value, "udp");
                else if (streq(option, "--dport") || streq(option, "--dports"))
                        port = streq(value, PORT);
                else if (streq(option, "-j"))
                        drop = streq(value, "DROP");
                else if (!streq(option, "-m") && !streq(option, "--comment"))
                        return false;
        }
        return udp && port && drop && n % 2 == 0;
}

static int list(char **ret) {
        return command_read((const char *const[]) {IPTABLES, WAIT, "-S", "INPUT", NULL}, COMMAND_SECONDS, ret);
}

/* Calls @act on each rule that drops the port, until it gives an error. The number of them; 0 without iptables. */
static int for_drops(int (*act)(const char **words, size_t n)) {
        _cleanup_free_ char *rules = NULL;
        char *line, *next;
        int found = 0, r;

        r = list(&rules);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (line = rules; line && *line; line = next) {
                const char *words[WORDS_MAX + 1];
                size_t n;

                next = strchr(line, '\n');
                if (next)
                        *next++ = 0;
                n = split(line, words);
                if (!drops_sip(words, n))
                        continue;
                words[n] = NULL;
                found++;
                r = act ? act(words, n) : 0;
                if (r < 0)
                        return r;
        }
        return found;
}

int firewall_drops(void) {
        return for_drops(NULL);
}

static int delete_rule(const char **words, size_t n) {
        const char *call[WORDS_MAX + 4] = {IPTABLES, WAIT, "-D"};

        memcpy(call + 3, words + 1, n * sizeof(*words)); /* with the NULL behind them */
        return command_run(call, COMMAND_SECONDS);
}

int firewall_open(void) {
        int n;

        /* Again and again: another may be inserted meanwhile, by whoever does not know of our lock. */
        for (unsigned i = 0; i < RULES_MAX; i++) {
                n = for_drops(delete_rule);
                if (n <= 0)
                        return n;
        }
        return -ELOOP;
}

/* A rule further down may be behind one that accepts, and one of another form is none that the documented rescue removes. */
int firewall_close(void) {
        _cleanup_free_ char *rules = NULL;
        const char *head;
        int r;

        r = list(&rules);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        head = strstr(rules, "-A INPUT ");
        if (head && strncmp(head, OURS, strlen(OURS)) == 0)
                return 0;
        return command_run((const char *const[]) {IPTABLES, WAIT, "-I", "INPUT", "-p", "udp", "--dport", PORT, "-j",
                                                  "DROP", NULL},
                           COMMAND_SECONDS);
}
