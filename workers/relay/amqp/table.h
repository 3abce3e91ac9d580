/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AMQP's tables from JSON objects and back. */
#pragma once

#include <jansson.h>

#include "workers/relay/amqp/codec.h"

#define TABLE_NAME_MAX 255

/*
 * A table in the pool that borrows the object's texts. Integers become I or l, as py-amqp sends them, numbers d, null
 * V. -EINVAL when it is no object or nested deeper than frame.h allows, -ENAMETOOLONG for a name of more than
 * TABLE_NAME_MAX bytes, -ENOMEM.
 */
int table_from_json(const json_t *object, amqp_pool_t *pool, amqp_table_t *ret);

/* A new reference; NULL when out of memory. What JSON has no type for, and what is no UTF-8, is null. */
json_t *table_to_json(const amqp_table_t *table);
