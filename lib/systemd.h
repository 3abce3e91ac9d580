/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tools of the suite ask of this host's service manager, over its bus: states of units, and jobs that start and stop
 * them. Calls wait for their answer, with a limit of some seconds; jobs do not (see systemd_queue()).
 */
#pragma once

#include <systemd/sd-bus.h>

#include "lib/util.h"

#define SYSTEMD_UNIT_MAX 256

/* A unit, in the words of "systemctl show". */
struct systemd_unit {
        char name[SYSTEMD_UNIT_MAX]; /* with its suffix; of an alias: the name of what it stands for */
        char load[24];               /* loaded, not-found, masked, bad-setting, error ... */
        char active[24];             /* active, reloading, inactive, failed, activating, deactivating */
        char sub[32];                /* running, auto-restart ... */
        uint32_t job;                /* of what systemd is about to do with it, or 0 */
};

/* The line of a unit's last process, as systemd has been told it, and what became of the last start. */
struct systemd_details {
        char status[SYSTEMD_UNIT_MAX]; /* STATUS= of a notifying service, or "" */
        char result[32];               /* success, exit-code, signal, timeout, watchdog, start-limit-hit ... */
        bool condition;                /* the conditions of its last start were met */
        uint32_t pid;                  /* of its main process, or 0 */
        uint64_t active_since;         /* CLOCK_MONOTONIC nsec; 0: it has not been since the host started */
};

/* As root by systemd's own socket, which is there while the bus is not; else by the bus, which DBUS_SYSTEM_BUS_ADDRESS may name.
 * -ENOENT, -ECONNREFUSED: none runs here. */
int systemd_open(sd_bus **ret) _must_check_;

/* The states of @n units, loaded as need be; @names have their suffix. */
int systemd_units(sd_bus *bus, const char *const *names, size_t n, struct systemd_unit *ret) _must_check_;

/* Of the units that match @pattern ("postgresql@*-main.service"), active ones before others, the one of the highest version.
 * 0, or -ENOENT. */
int systemd_match(sd_bus *bus, const char *pattern, struct systemd_unit *ret) _must_check_;

int systemd_details(sd_bus *bus, const char *unit, struct systemd_details *ret) _must_check_;

/* How often systemd itself has started it again, and the bytes of memory of all its processes; 0 where that is not known. */
void systemd_usage(sd_bus *bus, const char *unit, uint32_t *ret_restarts, uint64_t *ret_memory);

/* Queues a job, "start" or "stop". @job takes the job's object path; its end is the manager's signal JobRemoved. */
int systemd_queue(sd_bus *bus, const char *verb, const char *unit, char *ret_job, size_t size) _must_check_;

/* enabled, disabled, static, masked ...: "systemctl is-enabled". -ENOENT: there is no such unit. */
int systemd_file_state(sd_bus *bus, const char *unit, char *ret, size_t size) _must_check_;

/* "systemctl enable" and "disable". */
int systemd_enable(sd_bus *bus, const char *unit, bool enable) _must_check_;

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"
