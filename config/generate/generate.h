/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is made from manifests: one table of kinds, and for each kind a function that writes one file of it. The same
 * manifests always give the same bytes.
 */
#pragma once

#include <stdio.h>

#include "config/suite.h"

#define GENERATE_PATH_MAX 512

struct generator {
        const struct suite *suite;
        const char *prefix;     /* where the programs are installed: "/usr" */
        unsigned systemd;       /* the version whose settings may be used */
};

enum generate_for {
        GENERATE_NOT,        /* there is no such file of this service */
        GENERATE_ON_REQUEST, /* it could be made, and another package ships the file */
        GENERATE_OURS,       /* our packages install it, and no other does */
};

struct generate_kind {
        const char *name;
        const char *doc;
        bool whole; /* one file of the whole suite: @service is NULL in what follows */
        enum generate_for (*wanted)(const struct manifest *service);
        /* Where it is installed; absolute. */
        void (*path)(const struct manifest *service, char *to, size_t size);
        void (*write)(const struct generator *g, const struct manifest *service, FILE *to);
};

extern const struct generate_kind generate_kinds[]; /* up to one without a name */

/* NULL when there is none of this name. */
const struct generate_kind *generate_kind_find(const char *name);

/* What its files are called by, for "%.*s": the name of its unit without ".service", or of what is no daemon. It has
 * no '*' for what is ours. */
int generate_base_length(const struct manifest *m);
#define GENERATE_BASE(m) generate_base_length(m), ((m)->facts.unit.name ?: (m)->service)

struct generate_variable {
        const char *name, *value;
};

/* Writes @text with each @NAME@ replaced by its value; @variables ends with one without a name. A line that holds
 * nothing but variables whose values are empty is left out. */
void generate_template(FILE *to, const char *text, const struct generate_variable *variables);

/* units/service.in and units/socket.in. */
extern const char generate_template_service[], generate_template_socket[];

/* The functions of generate_kinds, by file. */
void generate_unit(const struct generator *g, const struct manifest *m, FILE *to);      /* systemd.c */
void generate_socket(const struct generator *g, const struct manifest *m, FILE *to);
void generate_sysusers(const struct generator *g, const struct manifest *m, FILE *to);
void generate_tmpfiles(const struct generator *g, const struct manifest *m, FILE *to);
void generate_logrotate(const struct generator *g, const struct manifest *m, FILE *to); /* host.c */
void generate_rsyslog(const struct generator *g, const struct manifest *m, FILE *to);
void generate_cron(const struct generator *g, const struct manifest *m, FILE *to);
void generate_monit(const struct generator *g, const struct manifest *m, FILE *to);
void generate_nginx(const struct generator *g, const struct manifest *m, FILE *to);     /* nginx.c */
void generate_backup(const struct generator *g, const struct manifest *m, FILE *to);    /* lists.c */
void generate_consul(const struct generator *g, const struct manifest *m, FILE *to);
void generate_auth_keys(const struct generator *g, const struct manifest *m, FILE *to);
void generate_http_rows(const struct generator *g, const struct manifest *m, FILE *to);
void generate_discovery_rows(const struct generator *g, const struct manifest *m, FILE *to);
void generate_ports(const struct generator *g, const struct manifest *m, FILE *to);     /* documents.c */
void generate_files(const struct generator *g, const struct manifest *m, FILE *to);
void generate_page(const struct generator *g, const struct manifest *m, FILE *to);
