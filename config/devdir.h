/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The folder of wazo-supervisord --dev: everything that a service needs, made where it is missing.
 *
 *   DIR/token              the first token, in clear, 0600
 *   DIR/etc/               config.yml, conf.d/, services.d/: yours, read when present
 *   DIR/state/             tokens.yml, the database, crash records
 *   DIR/run/control.sock
 *   DIR/log/SERVICE.log
 */
#pragma once

#include <sys/types.h>

#include "lib/util.h"

/* Makes what is missing, and touches nothing that is there. A negative errno. */
int devdir_prepare(const char *dir) _must_check_;

/* Gives all that devdir_prepare() makes to a user, for a supervisor that was started as root. */
int devdir_give(const char *dir, uid_t uid, gid_t gid) _must_check_;
