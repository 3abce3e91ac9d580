/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the database holds twice, because the dialplan and the generated configuration read it there, is written here
 * and nowhere else:
 *
 *     linefeatures.name                    the endpoint's name, or a custom endpoint's interface; NULL without
 *     linefeatures.number, .context        of the line's main extension; without one NULL, and the context stays
 *     extensions.typeval                   the main user's id, where .type is 'user'; '0' when nobody is reached
 *     the SIP option "callerid",           "<name>" <number>, from the main user's caller_id and the extension
 *     sccpline.cid_name, .cid_num
 *     sccpline.context, usercustom.context the line's
 *     queuemember.interface                of the users whose main line this is
 *
 * Call these after the rows of an association have changed. They send no event and ask for no reload: the caller does.
 */
#pragma once

#include <stdint.h>

#include "workers/kit/wazo-plugin.h"

/* All of the above for one line: after an association with an extension or a user came or went. */
int line_refresh(struct wazo_context *ctx, int64_t line_id) WAZO_MUST_CHECK;

/* All but the caller id, which may have been chosen for the line or its endpoint itself: after an edit of either, and
 * after an association with an endpoint came or went. */
int line_refresh_names(struct wazo_context *ctx, int64_t line_id) WAZO_MUST_CHECK;

/* line_refresh() for every line of which this user is the main user: after an edit of the user's caller_id. */
int line_refresh_user(struct wazo_context *ctx, int64_t user_id) WAZO_MUST_CHECK;

/* line_refresh() for every line with this extension: after an edit of it. */
int line_refresh_extension(struct wazo_context *ctx, int64_t extension_id) WAZO_MUST_CHECK;

/* line_refresh_names() for the line with this SIP endpoint: after an edit of it. */
int line_refresh_endpoint_sip(struct wazo_context *ctx, const char *uuid) WAZO_MUST_CHECK;

/* extensions.typeval of one extension: after it was taken from a line. */
int line_refresh_typeval(struct wazo_context *ctx, int64_t extension_id) WAZO_MUST_CHECK;

/* Takes the user out of the queues and groups that ring him by this line: before or after user_line's row goes, while
 * the line still has its name. */
int line_leave_queues(struct wazo_context *ctx, int64_t line_id, int64_t user_id) WAZO_MUST_CHECK;

/* Stores a caller id that was chosen for the line: on its SIP endpoint's option, or its SCCP endpoint; a NULL number
 * is none. @line: as loaded. */
int line_store_caller_id(struct wazo_context *ctx, const json_t *line, const char *name,
                         const char *number) WAZO_MUST_CHECK;
