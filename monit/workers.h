/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "monit/look.h"

/*
 * What a native service says of itself and its workers, over its control socket. A negative errno when it does not answer: that is
 * tried for some seconds, since the worker that answers may just be replaced.
 */
int workers_ask(const char *root, const struct manifest *m, struct verdict *ret) _must_check_;
