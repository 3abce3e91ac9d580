/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Table inbox_parked: events of others that their plugin could not take. All return what the database said: see store.h. */
#pragma once

#include "workers/relay/deliver.h"
#include "workers/relay/store.h"

/* Oldest rows make room for new ones beyond this. */
#define INBOX_PARKED_MAX 1000

/* A new row; or of an event that came from one, that row with another error. */
int inbox_park(struct store *store, const char *plugin, const struct event *e, unsigned tries, const char *error) _must_check_;
/* *ret_plugin is to be freed. -ENOENT. */
int inbox_read(struct store *store, int64_t id, char **ret_plugin, struct event **ret) _must_check_;
int inbox_delete(struct store *store, int64_t id) _must_check_;
int inbox_count(struct store *store, int64_t *ret) _must_check_;
