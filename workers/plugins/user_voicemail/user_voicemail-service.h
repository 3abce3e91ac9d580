/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The voicemail box of a user: at most one; a box may have several users.
 */
#pragma once

#include "workers/kit/wazo-plugin.h"

/* /users/{user}/voicemails/{voicemail}: wazo_associate() and wazo_dissociate() with objects of user_service and
 * voicemail_service. */
extern const struct wazo_association user_voicemail_association;
