/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request of a gateway, or event of relay: decoded, run by the plugin, answered. */
#pragma once

#include "lib/channel.h"
#include "workers/kit/host.h"

/*
 * Answers the REQUEST @m, which came on @channel. The answer is sent before the request's deadline or not at all. 0, or an
 * error after which the channel is of no more use: -EBADMSG what came is no request, -ETIMEDOUT the gateway does not read,
 * -EPIPE it is gone.
 */
int answer_request(struct wazo_host *host, int channel, struct channel_message *m) _must_check_;

/* The same for relay: method EVENT, the event's name for a path, its JSON for a body. See wazo_plugin_event(). */
int answer_event(struct wazo_host *host, int channel, struct channel_message *m) _must_check_;
