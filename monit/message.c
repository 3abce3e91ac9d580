/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "monit/message.h"

#include <inttypes.h>
#include <stdio.h>

#define NAME "suite_service_state_changed"

/* As Wazo's daemons write it: local time, microseconds, no zone. */
static void stamp(char *ret, size_t size) {
        uint64_t now = now_realtime();
        time_t seconds = (time_t) (now / NSEC_PER_SEC);
        char text[32] = "";
        struct tm tm;

        if (localtime_r(&seconds, &tm))
                (void) strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
        (void) snprintf(ret, size, "%s.%06" PRIu64, text, now % NSEC_PER_SEC / NSEC_PER_USEC);
}

/* What is no UTF-8, cut off in the middle of a letter for instance, is told as far as it is ASCII. */
static json_t *make_text(const char *text) {
        json_t *made = json_string(text);
        _cleanup_free_ char *ascii = made ? NULL : strdup(text);

        for (char *c = ascii; c && *c; c++)
                if ((unsigned char) *c >= 0x80)
                        *c = '?';
        return made ?: ascii ? json_string(ascii) : NULL;
}

json_t *message_new(const struct change *c, const char *previous, const char *id) {
        char key[128], acl[160], now[64];
        json_t *headers, *body, *data;

        (void) snprintf(key, sizeof(key), "suite.services.%s.state", c->service);
        (void) snprintf(acl, sizeof(acl), "events.%s", key);
        stamp(now, sizeof(now));
        headers = json_pack("{s:s,s:s,s:s,s:s,s:s*}", "name", NAME, "timestamp", now, "required_access",
                            "event." NAME, "required_acl", acl, "origin_uuid", c->uuid);
        data = json_pack("{s:s,s:s,s:s?,s:i,s:o,s:s}", "service", c->service, "state",
                         monit_state_to_string(c->state), "previous", previous, "exit_code",
                         (int) monit_state_exit_code(c->state), "text", make_text(c->text), "host", c->host);
        body = json_copy(headers);
        if (!body || !data || json_object_set(body, "data", data) < 0) {
                json_decref(headers);
                headers = NULL;
        }
        json_decref(data);
        if (!headers) {
                json_decref(body);
                return NULL;
        }
        return json_pack("{s:s,s:s,s:o,s:o}", "routing_key", key, "message_id", id, "headers", headers, "body", body);
}
