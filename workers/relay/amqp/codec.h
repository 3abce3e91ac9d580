/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rabbitmq-c as this folder uses it: methods, properties, tables and pools; nothing that has a socket. */
#pragma once

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#endif

#include <string.h>

/* Borrowed. */
static inline amqp_bytes_t codec_bytes(const void *data, size_t size) {
        return (amqp_bytes_t) {.len = size, .bytes = (void *) data};
}

static inline amqp_bytes_t codec_string(const char *s) {
        return codec_bytes(s, strlen(s));
}
