/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A client's TLS over a socket that does not block. By OpenSSL, which librabbitmq brings along anyway, so that no second
 * library of its size is loaded. SIGPIPE must be ignored.
 */
#pragma once

#include "lib/util.h"

struct tls;

struct tls_settings {
        const char *host; /* whose certificate it has to be: a name or an address */
        bool verify;
        const char *ca, *certificate, *key; /* or NULL */
};

/* @fd stays the caller's, and open. The files are read now. */
int tls_new(const struct tls_settings *settings, int fd, struct tls **ret, char *error, size_t error_size) _must_check_;
struct tls *tls_free(struct tls *t);

enum { TLS_WANTS_READ = 1, TLS_WANTS_WRITE = 2 };

/* 0 when it is done, what it waits for, or -EPROTO. */
int tls_handshake(struct tls *t) _must_check_;
/* As recv() and send(); -EAGAIN, -EPROTO. Reading may have to wait for room to write. */
ssize_t tls_read(struct tls *t, void *data, size_t size, bool *ret_wants_write) _must_check_;
ssize_t tls_write(struct tls *t, const void *data, size_t size) _must_check_;
const char *tls_error(const struct tls *t);
