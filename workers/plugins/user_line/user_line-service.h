/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Users and their lines. The first user of a line is its main user, the first line of a user his main line.
 */
#pragma once

#include "workers/kit/wazo-plugin.h"

/* /users/{user}/lines/{line}: wazo_associate() and wazo_dissociate() with objects of user_service and line_service. */
extern const struct wazo_association user_line_association;

/* /users/{user}/lines, the list form: wazo_associate_list(); the first line becomes the main line. */
extern const struct wazo_association user_lines_association;

/*
 * For the deletion of a line: dissociates each of its users, the main user first, with rules (a main user stays while there
 * are secondary users), events and derived values. @line: as loaded by line_service.
 */
int user_line_dissociate_all(struct wazo_context *ctx, json_t *line) WAZO_MUST_CHECK;
