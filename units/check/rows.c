/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>

#include "units/check/check.h"
#include "units/check/unit.h"

const struct check_row check_rows[] = {
        {"1", "it does not run as root", "/proc/PID/status of all its processes", check_row_user},
        {"2", "its user cannot log in", "passwd and shadow", check_row_shell},
        {"3", "its user has no home in /home", "passwd, /home", check_row_home},
        {"3b", "its user is a system account", "passwd, group", check_row_account},
        {"3c", "its user is in the groups that it needs", "group", check_row_groups},
        {"4", "it can write its log", "owner and mode of the log file", check_row_log},
        {"4b", "its log is rotated", "/etc/logrotate.d", check_row_rotation},
        {"5", "it can write its PID file", "the directory in /run, and who makes it at boot", check_row_pid_file},
        {"6", "it can read consul's token", "its configuration, groups, modes", check_row_consul_token},
        {"7", "wazo-service knows it", "/usr/bin/wazo-service, the unit's state", check_row_service_list},
        {"7b", "wazo-service starts it after what it needs", "the manifests, After=", check_row_order},
        {"8", "somebody starts it again", "/etc/monit/conf.d, Restart=", check_row_monit},
        {"8b", "its check outlives wazo-monitoring-update", "/etc/monit/conf.d", check_row_monit_update},
        {"9", "it is installed and runs", "dpkg's status and digests, the unit's state", check_row_installed},
        {"10", "it starts with the host, after what it needs", "UnitFileState=, After=", check_row_boot},
        {"10b", "a late database does not make systemd give it up", "StartLimit...=, RestartSec=", check_row_start_limit},
        {"12", "it heeds /var/lib/wazo/disabled as it should", "the unit's files and state", check_row_disabled},
        {"14", "its configuration is backed up", "/usr/sbin/wazo-backup, the manifests", check_row_backup},
        {"14b", "its key and data are backed up", "/usr/sbin/wazo-backup, the manifests", check_row_backup_data},
        {"16", "it is registered with consul, once", "consul's agent", check_row_consul},
        {"17", "it listens where its manifest says, and nowhere else", "/proc/net, /proc/PID/fd", check_row_ports},
        {"18", "it offers its OpenAPI document", "GET .../api/api.yml", check_row_openapi},
        {"19", "it is reachable by https://HOST/api/NAME", "nginx's links, a request", check_row_nginx},
        {"19c", "browsers of other origins may ask it", "a preflight request", check_row_cors},
        {"G4", "its configuration is there and good", "the file; wazo-supervisord --check-config", check_row_config},
        {"G9", "it has no capability", "CapEff of all its processes", check_row_capabilities},
        {"M1", "its unit is as its manifest says", "systemctl show", check_row_unit},
        {"M2", "it can write its own directory, and not everybody", "owner and mode", check_row_state},
        {"M3", "its key for wazo-auth is its own", "owner and mode", check_row_key},
        {0},
};

static _printf_(3, 0) void end_row(struct check *c, enum check_outcome outcome, const char *format, va_list ap) {
        c->result->outcome = outcome;
        (void) vsnprintf(c->result->found, sizeof(c->result->found), format, ap);
}

#define ENDING(function, outcome)                        \
        void function(struct check *c, const char *format, ...) { \
                va_list ap;                              \
                                                         \
                va_start(ap, format);                    \
                end_row(c, outcome, format, ap);         \
                va_end(ap);                              \
        }

ENDING(check_pass, CHECK_PASS)
ENDING(check_skip, CHECK_NOT_APPLICABLE)
ENDING(check_fail, CHECK_FAIL)
ENDING(check_undecided, CHECK_UNDECIDED)

void check_remedy(struct check *c, const char *remedy, ...) {
        va_list ap;

        va_start(ap, remedy);
        (void) vsnprintf(c->result->remedy, sizeof(c->result->remedy), remedy, ap);
        va_end(ap);
}

bool check_path(struct check *c, const char *path, char to[CHECK_PATH_MAX]) {
        int n = snprintf(to, CHECK_PATH_MAX, "%s%s", c->root, path);

        if (n >= 0 && n < CHECK_PATH_MAX)
                return true;
        check_undecided(c, "the path is too long");
        return false;
}

bool check_runs(struct check *c) {
        if (c->processes)
                return true;
        if (c->held_back)
                check_skip(c, "it is held back by /var/lib/wazo/disabled");
        else if (!c->unit)
                check_undecided(c, "no systemd tells here which processes it has");
        else
                check_undecided(c, "it has no process: its unit is %s", check_unit_get(c->unit, "ActiveState"));
        return false;
}
