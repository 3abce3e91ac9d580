/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A TLS certificate and its key: whether they can be used, and when they are others than before.
 */
#pragma once

#include "lib/util.h"

/* The hex digest of both files' contents: on reload it is how a renewed certificate is seen. */
#define CERTIFICATE_DIGEST_SIZE 65

/*
 * Reads both files, in PEM. 0, or 1 when no server could use them together: @ret_problem says why, and the digest is made all
 * the same. A negative errno when they cannot be read. Where the TLS library is not installed, they are not looked into.
 */
int certificate_check(const char *certificate, const char *key, char ret_digest[CERTIFICATE_DIGEST_SIZE], char *ret_problem,
                      size_t problem_size) _must_check_;
