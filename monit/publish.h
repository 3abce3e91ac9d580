/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A connection to RabbitMQ that publishes one message after the other, each confirmed. Everything together takes 10
 * seconds at most.
 */
#pragma once

#include <jansson.h>

#include "lib/util.h"

#define PUBLISH_ERROR_SIZE 200

struct publish_settings {
        bool enabled;
        const char *host, *username, *password, *vhost, *exchange;
        int64_t port;
};

struct publisher;

/* -EIO and others: *reterr says why. */
int publisher_new(const struct publish_settings *s, char reterr[PUBLISH_ERROR_SIZE], struct publisher **ret) _must_check_;
/* Accepts NULL. */
void publisher_free(struct publisher *p);

/* 0 when the broker has it on its disk. -EBADMSG: it is no message. Others: *reterr says why. */
int publisher_send(struct publisher *p, const json_t *message, char reterr[PUBLISH_ERROR_SIZE]) _must_check_;
