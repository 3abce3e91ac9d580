/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Core dumps of a worker that is to leave some: in a folder of its own, which nobody else can read and which is bounded: the newest
 * of those that lie there is kept, and this process can add one.
 */
#pragma once

#include "lib/util.h"

/*
 * Makes @dir and what is above it by one, removes all files in it but the newest, makes it the working directory,
 * where the kernel's plain pattern "core" leads, and lets a core be @max bytes long. A pattern that is a program or a
 * path is the host's own choice, and leads there. Before the sandbox is applied. A negative errno.
 */
int cores_prepare(const char *dir, uint64_t max) _must_check_;
