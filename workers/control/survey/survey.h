/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A look at the whole suite: each service of this host, its workers, what they use, how long requests took, what became
 * of events. What people are shown, on a terminal (top.c) or in a browser (page.c), is one JSON object made here:
 *
 *     {"version": 1, "host": "...", "at": "2026-11-22T09:00:00Z", "reason": "why something may be missing, or ''",
 * "services": [
 *      {"name", "kind", "description", "state", "text", "pid", "uptime_ms", "restarts", "memory_kib",
 * "memory_shared_once", "cpu_percent", "listeners", "problems", "relay": as in docs/relay.md, "requests": {"since_ms",
 * "count", "per_second", "errors", "p50_ms", "p95_ms", "p99_ms", "waited_p95_ms", "executing", "connections",
 * "refused"}, "workers": [{"name", "kind", "plugin", "state", "reason", "pid", "since_ms", "restarts", "retry_in_ms",
 * "memory_kib", "cpu_percent", "requests", "errors"}], "events": [{"id", "at", "name", "resource", "sent"}], "crashes":
 * [{"at", "worker", "cause", "reason"}]}]}
 *
 * What is not known is not there. Texts are safe for terminals and hold no secrets: events are told without their
 * payload. A state is ready, degraded, starting, stopping; of what is asked of systemd running, starting, stopping,
 * stopped or failed; or unknown.
 */
#pragma once

#include <jansson.h>

#include "config/suite.h"

struct survey;

struct survey_options {
        struct suite_dirs services_dirs;
        const char *service, *socket, *dev; /* one service only, by at most one of these */
        bool history;                       /* with events and crashes */
};

/* @options must outlive it. -EINVAL: a manifest is wrong, which was told on standard error. */
int survey_new(const struct survey_options *options, struct survey **ret) _must_check_;
struct survey *survey_free(struct survey *survey);

/*
 * Takes some 5 s at most where services hang, and 10 more where systemd does. What happened since the look before is in
 * "requests" and "cpu_percent". NULL: -ENOMEM.
 */
json_t *survey_look(struct survey *survey) _must_check_;
