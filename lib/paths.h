/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the parts of the suite are: found from the running program, so that a build folder and any prefix work alike.
 */
#pragma once

#include "lib/util.h"

struct paths {
        char supervisord[512];   /* the program wazo-supervisord */
        char libexec[512];       /* our programs that nobody calls by hand: see paths_program() */
        char plugins[512];       /* PLUGINS/<service>/<plugin>.so and .json; in a build folder PLUGINS/<plugin>/<plugin>.so */
        char drivers[512];       /* db-sqlite.so */
        char services[512];      /* shipped manifests: <service>.yml */
        char shipped[512];       /* shipped configurations: <service>/config.yml */
        char migrations[512];    /* 001-….sql */
        char templates[512];     /* what new plugins and services are made from */
        bool build_tree;
};

/*
 * A build folder is known by the file wazo-suite.paths in it, which meson writes and which is never installed; otherwise the
 * prefix is what stands before the program's own sbin/, bin/ or libexec/wazo-suite/. -ENOENT when neither fits.
 */
int paths_find(struct paths *ret) _must_check_;

/* The path of wazo-gateway, wazo-control, wazo-host, wazo-migrate, wazo-relay, wazo-plugin-describe or wazo-config.
 * -ENOENT for any other name. */
int paths_program(const struct paths *paths, const char *name, char *ret, size_t size) _must_check_;
