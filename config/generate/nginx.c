/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Locations: https://HOST/api/NAME/... is the service's /..., and X-Script-Name tells it of the part that was cut
 * off.
 */
#include "config/generate/generate.h"

/* Where nginx reaches it: an address that listens for everybody is nobody's to connect to. */
static void write_upstream(const struct manifest *m, FILE *to) {
        const char *address = m->facts.listen;

        if (streq(address, "0.0.0.0") || m->facts.nginx.port != m->port)
                address = "127.0.0.1";
        else if (streq(address, "::"))
                address = "::1";
        (void) fprintf(to, strchr(address, ':') ? "http://[%s]:%d" : "http://%s:%d", address,
                       (int) m->facts.nginx.port);
}

static void write_location(const struct manifest *m, const struct facts_location *l, FILE *to) {
        const struct facts_nginx *n = &m->facts.nginx;

        (void) fprintf(to, "location ^~ /api/%s%s {\n        proxy_pass ", m->facts.api, l->path);
        write_upstream(m, to);
        (void) fprintf(to, "%s;\n"
                           "        proxy_set_header Host $http_host;\n"
                           "        proxy_set_header X-Script-Name /api/%s;\n"
                           "        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
                           "        proxy_set_header X-Forwarded-Proto $scheme;\n", l->to, m->facts.api);
        if (l->websocket)
                (void) fputs("        proxy_http_version 1.1;\n"
                             "        proxy_set_header Upgrade $http_upgrade;\n"
                             "        proxy_set_header Connection \"upgrade\";\n", to);
        if (l->timeout)
                (void) fprintf(to, "        proxy_read_timeout %ds;\n", (int) (l->timeout / 1000));
        if (n->body)
                (void) fprintf(to, "        client_max_body_size %s;\n", n->body);
        if (n->powered_by)
                (void) fprintf(to, "        add_header X-Powered-By \"%s\" always;\n", n->powered_by);
        /* In nginx's own folder. A pattern may fit nothing: the file is the host's, and limits the rate. */
        if (l->no_auth)
                (void) fputs("        include wazo-no-auth-shared[.]conf;\n", to);
        (void) fputs("}\n", to);
}

void generate_nginx(const struct generator *g, const struct manifest *m, FILE *to) {
        (void) fputs("# SPDX-License-Identifier: GPL-3.0-or-later\n", to);
        for (size_t i = 0; i < m->facts.nginx.n_locations; i++) {
                (void) fputs(i ? "\n" : "", to);
                write_location(m, &m->facts.nginx.locations[i], to);
        }
}
