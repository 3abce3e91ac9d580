/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The smallest plugin there is, built several times, each time wrong in another way: see meson.build. */
#include <sys/socket.h>
#include <unistd.h>

#include "workers/kit/wazo-plugin.h"

#ifndef VARIANT_ABI
#define VARIANT_ABI WAZO_PLUGIN_ABI
#endif
#ifndef VARIANT_SIZE
#define VARIANT_SIZE sizeof(struct wazo_plugin)
#endif

#ifdef VARIANT_UNDEFINED
int a_function_that_nobody_has(void);
#endif

#ifdef VARIANT_LOADING
/* Runs before anybody has asked it anything. */
__attribute__((__constructor__)) static void loading(void) {
        (void) close(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}
#endif

static long ticks;

static int get(struct wazo_context *ctx) {
#ifdef VARIANT_UNDEFINED
        ticks += a_function_that_nobody_has();
#endif
        return wazo_reply_json(ctx, 200, json_pack("{s:I}", "ticks", (json_int_t) ticks));
}

static const struct wazo_route routes[] = {
        {"/variant", "GET", "confd.variant.read", .handler = get, .terms = {.tenant = WAZO_TENANT_NONE}},
        {},
};

#ifdef VARIANT_JOB
static int tick(struct wazo_context *ctx) {
        ticks++;
        return 0;
}

static const struct wazo_job jobs[] = {{"tick", 1, tick}, {}};
#endif

#ifdef VARIANT_NO_SYMBOL
extern const struct wazo_plugin not_a_plugin;
const struct wazo_plugin not_a_plugin = {
#else
const struct wazo_plugin wazo_plugin = {
#endif
        .abi = VARIANT_ABI,
        .size = VARIANT_SIZE,
        .name = "variant",
        .version = "1.0",
        .routes = routes,
#ifdef VARIANT_JOB
        .jobs = jobs,
#endif
};
