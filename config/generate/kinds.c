/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/generate/generate.h"

int generate_base_length(const struct manifest *m) {
        return (int) (m->facts.unit.name ? strlen(m->facts.unit.name) - strlen(".service") : strlen(m->service));
}

static bool is_ours(const struct manifest *m) {
        return m->kind == MANIFEST_NATIVE || m->kind == MANIFEST_EXEC;
}

static enum generate_for ours(const struct manifest *m) {
        return is_ours(m) ? GENERATE_OURS : GENERATE_NOT;
}

static enum generate_for with_socket(const struct manifest *m) {
        return is_ours(m) && m->port ? GENERATE_OURS : GENERATE_NOT;
}

/* Other daemons come with their own files, which ours can be compared to. */
static enum generate_for with_log(const struct manifest *m) {
        return !m->log || m->kind == MANIFEST_OTHER ? GENERATE_NOT : is_ours(m) ? GENERATE_OURS : GENERATE_ON_REQUEST;
}

static enum generate_for with_jobs(const struct manifest *m) {
        return m->facts.n_jobs == 0 ? GENERATE_NOT : is_ours(m) ? GENERATE_OURS : GENERATE_ON_REQUEST;
}

static enum generate_for with_check(const struct manifest *m) {
        return m->facts.monit.check ? GENERATE_OURS : GENERATE_NOT;
}

static enum generate_for with_locations(const struct manifest *m) {
        return !m->facts.nginx.enabled ? GENERATE_NOT : is_ours(m) ? GENERATE_OURS : GENERATE_ON_REQUEST;
}

static enum generate_for with_discovery(const struct manifest *m) {
        return m->facts.discovery.by == FACTS_DISCOVERY_NONE ? GENERATE_NOT : GENERATE_ON_REQUEST;
}

static enum generate_for with_key(const struct manifest *m) {
        return !m->facts.key.file ? GENERATE_NOT : is_ours(m) ? GENERATE_OURS : GENERATE_ON_REQUEST;
}

static enum generate_for documented(const struct manifest *m) {
        return m->kind == MANIFEST_OTHER ? GENERATE_NOT : GENERATE_ON_REQUEST;
}

static enum generate_for on_request(const struct manifest *m) {
        return GENERATE_ON_REQUEST;
}

#define PATH(function, format, ...)                                                       \
        static void function(const struct manifest *m, char *to, size_t size) {           \
                (void) snprintf(to, size, format, __VA_ARGS__);                           \
        }
#define WHOLE_PATH(function, text)                                                        \
        static void function(const struct manifest *m, char *to, size_t size) {           \
                (void) strcopy(to, size, text);                                           \
        }

PATH(unit_path, "/usr/lib/systemd/system/%s", m->facts.unit.name)
PATH(socket_path, "/usr/lib/systemd/system/%.*s.socket", GENERATE_BASE(m))
PATH(sysusers_path, "/usr/lib/sysusers.d/%.*s.conf", GENERATE_BASE(m))
PATH(tmpfiles_path, "/usr/lib/tmpfiles.d/%.*s.conf", GENERATE_BASE(m))
PATH(logrotate_path, "/etc/logrotate.d/%s%.*s", m->facts.unit.replaces ? "00-" : "", GENERATE_BASE(m))
PATH(rsyslog_path, "/etc/rsyslog.d/99-%.*s.conf", GENERATE_BASE(m))
PATH(cron_path, "/etc/cron.d/%.*s", GENERATE_BASE(m))
PATH(monit_path, "/etc/monit/conf.d/suite-%s", m->service)
PATH(nginx_path, "/etc/nginx/locations/https-available/%.*s", GENERATE_BASE(m))
PATH(consul_path, "/usr/share/wazo-suite/consul/%s.json", m->service)
PATH(auth_keys_path, "/usr/share/wazo-suite/%s/auth-keys.yml", m->service)
PATH(page_path, "/usr/share/doc/wazo-suite/services/%s.md", m->service)
WHOLE_PATH(backup_path, "/usr/share/wazo-suite/backup.list")
WHOLE_PATH(ports_path, "/usr/share/doc/wazo-suite/ports.md")
WHOLE_PATH(files_path, "/usr/share/doc/wazo-suite/backed-up-files.md")
WHOLE_PATH(http_path, "/usr/share/doc/wazo-suite/acceptance/http.feature")
WHOLE_PATH(discovery_path, "/usr/share/doc/wazo-suite/acceptance/service_discovery.feature")

const struct generate_kind generate_kinds[] = {
        {"unit", "systemd unit", false, ours, unit_path, generate_unit},
        {"socket", "systemd socket", false, with_socket, socket_path, generate_socket},
        {"sysusers", "user and group", false, ours, sysusers_path, generate_sysusers},
        {"tmpfiles", "directories and log file", false, ours, tmpfiles_path, generate_tmpfiles},
        {"logrotate", "rotation of its log", false, with_log, logrotate_path, generate_logrotate},
        {"rsyslog", "rule that keeps its lines out of syslog", false, with_log, rsyslog_path, generate_rsyslog},
        {"cron", "jobs", false, with_jobs, cron_path, generate_cron},
        {"monit", "monit check", false, with_check, monit_path, generate_monit},
        {"nginx", "locations", false, with_locations, nginx_path, generate_nginx},
        {"consul", "registration", false, with_discovery, consul_path, generate_consul},
        {"auth-keys", "fragment of wazo-auth-keys", false, with_key, auth_keys_path, generate_auth_keys},
        {"page", "page of the documentation", false, documented, page_path, generate_page},
        {"backup", "what is backed up", true, on_request, backup_path, generate_backup},
        {"ports", "the documentation's table of ports", true, on_request, ports_path, generate_ports},
        {"files", "the documentation's table of backed-up files", true, on_request, files_path, generate_files},
        {"http", "acceptance rows: what is reachable by HTTPS", true, on_request, http_path, generate_http_rows},
        {"discovery", "acceptance rows: what consul knows", true, on_request, discovery_path, generate_discovery_rows},
        {0},
};

const struct generate_kind *generate_kind_find(const char *name) {
        for (const struct generate_kind *k = generate_kinds; k->name; k++)
                if (streq(k->name, name))
                        return k;
        return NULL;
}
