/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows about ports and what answers there.
 */
#include <fcntl.h>

#include "units/check/check.h"
#include "units/check/http.h"
#include "units/check/openapi.h"
#include "units/check/processes.h"

#define NGINX_ENABLED "/etc/nginx/locations/https-enabled"
#define URL_MAX 640

static bool same_address(const char *is, const char *said) {
        return streq(is, said) || (streq(said, "0.0.0.0") && streq(is, "::")) ||
               (streq(said, "127.0.0.1") && streq(is, "::ffff:127.0.0.1"));
}

/* Ports that everybody's test servers take. */
static bool is_common(int64_t port) {
        static const int64_t common[] = {3000, 5000, 8443};

        for (unsigned i = 0; i < ELEMENTSOF(common); i++)
                if (port == common[i])
                        return true;
        return port >= 8000 && port <= 8099;
}

/* A socket that its manifest does not have; NULL when all are there. */
static const struct check_socket *find_stranger(const struct check *c, const struct manifest *m) {
        for (size_t i = 0; i < c->processes->n_sockets; i++) {
                const struct check_socket *s = &c->processes->sockets[i];
                bool known = false;

                for (size_t j = 0; j < m->facts.n_ports; j++) {
                        const struct facts_port *p = &m->facts.ports[j];

                        known |= p->port == s->port && p->protocol == s->protocol &&
                                 (same_address(s->address, p->address) || strncmp(s->address, "127.", 4) == 0 ||
                                  streq(s->address, "::1"));
                }
                /* A port that the kernel chose, of a client's UDP socket, is nobody's door. */
                if (!known && !(s->protocol == FACTS_UDP && s->port >= 32768))
                        return s;
        }
        return NULL;
}

static const struct facts_port *find_closed(const struct check *c, const struct manifest *m) {
        for (size_t i = 0; i < m->facts.n_ports; i++) {
                const struct facts_port *p = &m->facts.ports[i];
                bool open = p->optional;

                for (size_t j = 0; j < c->processes->n_sockets; j++)
                        open |= c->processes->sockets[j].port == p->port &&
                                c->processes->sockets[j].protocol == p->protocol;
                if (!open)
                        return p;
        }
        return NULL;
}

void check_row_ports(struct check *c, const struct manifest *m) {
        const struct check_socket *stranger;
        const struct facts_port *closed;

        for (size_t i = 0; i < m->facts.n_ports; i++)
                if (is_common(m->facts.ports[i].port)) {
                        check_fail(c, "port %d is one that everybody's test servers take",
                                   (int) m->facts.ports[i].port);
                        check_remedy(c, "choose the next free one from 9486 upward: wazo-suite generate ports");
                        return;
                }
        if (!check_runs(c))
                return;
        stranger = find_stranger(c, m);
        closed = find_closed(c, m);
        if (stranger) {
                check_fail(c, "it listens on %s port %d/%s, which its manifest does not have", stranger->address,
                           (int) stranger->port, facts_protocol_to_string(stranger->protocol));
                check_remedy(c,
                             "have it listen on 127.0.0.1, or nowhere, there; or add the port to the manifest of %s",
                             m->service);
        } else if (!c->processes->sockets_known)
                check_undecided(c, "not all of its descriptors may be looked at: ask as root");
        else if (closed) {
                check_fail(c, "it does not listen on port %d/%s (%s)", (int) closed->port,
                           facts_protocol_to_string(closed->protocol), closed->purpose);
                check_remedy(
                        c, "see its log%s%s; if the port is wrong or not always open, mend \"ports\" in the manifest",
                        m->log ? ": " : "", strempty(m->log));
        } else
                check_pass(c, "%zu ports, all as its manifest says", m->facts.n_ports);
}

/* "http://127.0.0.1:9486": where its REST API is for who is on the host. */
static void service_url(const struct manifest *m, const char *path, char url[URL_MAX]) {
        const char *address = streq(m->facts.listen, "0.0.0.0") ? "127.0.0.1" :
                              streq(m->facts.listen, "::")      ? "::1" :
                                                                  m->facts.listen;

        (void) snprintf(url, URL_MAX, strchr(address, ':') ? "http://[%s]:%d%s" : "http://%s:%d%s", address,
                        (int) m->port, path);
}

static bool ask(struct check *c, const char *method, const char *url, const char *const *headers,
                struct http_answer *ret) {
        int r = http_ask(method, url, headers, ret);

        if (r == 0)
                return true;
        check_fail(c, "%s %s: %s", method, url, strerror(-r));
        check_remedy(c, "see whether it runs and answers: systemctl status %s; ss -ltnp",
                     c->service->facts.unit.name);
        return false;
}

/* Whether there is somebody to ask; else the row has been ended. */
static bool can_be_asked(struct check *c) {
        if (!c->live)
                check_undecided(c, "these are a host's files, and no host that could be asked");
        else if (c->held_back)
                check_skip(c, "it is held back by /var/lib/wazo/disabled");
        else
                return true;
        return false;
}

void check_row_openapi(struct check *c, const struct manifest *m) {
        _cleanup_(http_answer_done) struct http_answer answer = HTTP_ANSWER_NULL;
        char url[URL_MAX], path[256], name[160];
        const char *const headers[] = {name, NULL};
        struct openapi api;

        if (!m->port || !*m->prefix) {
                check_skip(c, "it has no REST API");
                return;
        }
        if (!can_be_asked(c))
                return;
        (void) snprintf(path, sizeof(path), "%s/api/api.yml", m->prefix);
        (void) snprintf(name, sizeof(name), "X-Script-Name: /api/%s", m->facts.api);
        service_url(m, path, url);
        if (!ask(c, "GET", url, headers, &answer))
                return;
        check_remedy(c, "mend its API document: curl -H '%s' %s", name, url);
        if (answer.status != 200)
                check_fail(c, "GET %s answers %ld", url, answer.status);
        else if (openapi_read(strempty(answer.body), answer.size, &api) < 0)
                check_fail(c, "%s is no YAML", url);
        else if (strncmp(api.version, "2.0", 3) != 0 && strncmp(api.version, "3.", 2) != 0)
                check_fail(c, "%s is of no version 2.0 or 3 of OpenAPI", url);
        else if (!*api.info_version || api.n_paths == 0)
                check_fail(c, "%s has no %s", url, *api.info_version ? "paths" : "info.version");
        else if (strncmp(api.version, "2.0", 3) == 0 && strncmp(api.base_path, name + strlen("X-Script-Name: "),
                                                                strlen(name) - strlen("X-Script-Name: ")) != 0)
                check_fail(c, "behind nginx, its basePath is \"%s\", which does not begin with /api/%s",
                           api.base_path, m->facts.api);
        else if (strncmp(api.version, "2.0", 3) == 0 && !streq(api.scheme, "https"))
                check_fail(c, "behind nginx, the first of its schemes is \"%s\", and not https", api.scheme);
        else {
                for (size_t i = 0; i < api.n_kept; i++) {
                        _cleanup_(http_answer_done) struct http_answer one = HTTP_ANSWER_NULL;

                        if (snprintf(path, sizeof(path), "%s%s", m->prefix, api.paths[i]) >= (int) sizeof(path))
                                continue;
                        service_url(m, path, url);
                        if (!ask(c, "GET", url, NULL, &one))
                                return;
                        if (one.status == 404) {
                                check_fail(c, "its API document has %s, and GET %s answers 404", api.paths[i], url);
                                return;
                        }
                }
                *c->result->remedy = 0;
                check_pass(c, "OpenAPI %s, version %s, %zu paths", api.version, api.info_version, api.n_paths);
        }
}

void check_row_nginx(struct check *c, const struct manifest *m) {
        _cleanup_(http_answer_done) struct http_answer answer = HTTP_ANSWER_NULL;
        char path[CHECK_PATH_MAX], link[CHECK_PATH_MAX / 2], url[URL_MAX];
        int length = (int) (strlen(m->facts.unit.name) - strlen(".service"));

        if (!m->facts.nginx.enabled) {
                check_skip(c, "by its manifest it is not behind nginx");
                return;
        }
        if (!check_path(c, "/usr/sbin/nginx", path))
                return;
        if (access(path, F_OK) < 0) {
                check_skip(c, "there is no nginx on this host");
                return;
        }
        /* Ours may have taken the place of another package's, under its name. */
        (void) snprintf(link, sizeof(link), NGINX_ENABLED "/%.*s", length, m->facts.unit.name);
        if (!check_path(c, link, path))
                return;
        if (access(path, F_OK) < 0) {
                char other[CHECK_PATH_MAX];

                (void) snprintf(other, sizeof(other), "%s" NGINX_ENABLED "/%s", c->root, m->service);
                if (access(other, F_OK) < 0) {
                        check_fail(c, "%s %s", link,
                                   faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? "leads nowhere" :
                                                                                               "is not there");
                        check_remedy(c, "ln -s ../https-available/%.*s %s; systemctl reload nginx", length,
                                     m->facts.unit.name, link);
                        return;
                }
        }
        if (!m->facts.reach.path) {
                check_undecided(c, "its location is there; its manifest has no \"reach\" that could be asked for");
                return;
        }
        if (!can_be_asked(c))
                return;
        if (snprintf(url, sizeof(url), "%s/api/%s%s", c->nginx_url, m->facts.api, m->facts.reach.path) >=
                    (int) sizeof(url) ||
            !ask(c, m->facts.reach.method, url, NULL, &answer))
                return;
        if (answer.status == 404 || answer.status == 502 || answer.status == 504) {
                check_fail(c, "%s %s answers %ld", m->facts.reach.method, url, answer.status);
                check_remedy(
                        c,
                        answer.status == 404 ?
                                "nginx -t; systemctl reload nginx; compare: wazo-suite generate --diff nginx %s" :
                                "see whether it runs: systemctl status %s",
                        answer.status == 404 ? m->service : m->facts.unit.name);
        } else
                check_pass(c, "%s %s answers %ld", m->facts.reach.method, url, answer.status);
}

void check_row_cors(struct check *c, const struct manifest *m) {
        static const char *const headers[] = {"Origin: https://a.example", "Access-Control-Request-Method: GET",
                                              "Access-Control-Request-Headers: X-Auth-Token", NULL};
        _cleanup_(http_answer_done) struct http_answer answer = HTTP_ANSWER_NULL;
        char url[URL_MAX];

        if (!m->port || !*m->prefix || !m->facts.nginx.enabled || !m->facts.reach.path) {
                check_skip(c, "no browser asks it");
                return;
        }
        if (!can_be_asked(c))
                return;
        service_url(m, m->facts.reach.path, url);
        if (!ask(c, "OPTIONS", url, headers, &answer))
                return;
        if (answer.status == 200 &&
            (streq(answer.allow_origin, "https://a.example") || streq(answer.allow_origin, "*")) &&
            strcasestr(answer.allow_headers, "X-Auth-Token"))
                check_pass(c, "other origins may ask, with X-Auth-Token");
        else {
                check_fail(c, "OPTIONS %s answers %ld, allows the origin \"%s\" and the headers \"%s\"", url,
                           answer.status, answer.allow_origin, answer.allow_headers);
                check_remedy(
                        c,
                        "set rest_api.cors.enabled: true and have X-Auth-Token in rest_api.cors.allow_headers in %s",
                        strempty(m->config));
        }
}
