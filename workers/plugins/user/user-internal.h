/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the user's service share. */
#pragma once

#include "workers/kit/wazo-plugin.h"

/* user-model.c */
extern const struct wazo_model user_model;
/* The SQL of a list column that no field has, or NULL. */
const char *user_column_expression(const char *name);

/* user-dao.c */
extern const struct wazo_dao user_dao;
