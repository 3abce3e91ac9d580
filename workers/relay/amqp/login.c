/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Channel 0: from the protocol's name to the open connection, and what the server says about the whole of it. */
#include <stdio.h>

#include "workers/relay/amqp/amqp.h"
#include "workers/relay/amqp/table.h"

#define CHANNELS_MAX 8
#define PLAIN_MAX 2048

/* ----- texts ----- */

char *amqp_text(amqp_bytes_t bytes) {
        return strndup(bytes.bytes ? bytes.bytes : "", bytes.len);
}

void amqp_close_text(unsigned code, amqp_bytes_t text, char *ret, size_t size) {
        (void) snprintf(ret, size, "%u %.*s", code, (int) MIN(text.len, (size_t) 255), text.bytes ? (const char *) text.bytes : "");
}

bool amqp_is_our_fault(unsigned code) {
        /* The others are of the server's state, whatever is sent: an operator closed it, there is no such exchange, we may not
         * write there, it has no resources. */
        static const unsigned faults[] = {AMQP_CONTENT_TOO_LARGE, AMQP_PRECONDITION_FAILED, AMQP_FRAME_ERROR, AMQP_SYNTAX_ERROR,
                                          AMQP_COMMAND_INVALID, AMQP_UNEXPECTED_FRAME, AMQP_NOT_IMPLEMENTED};

        for (size_t i = 0; i < ELEMENTSOF(faults); i++)
                if (faults[i] == code)
                        return true;
        return false;
}

/* ----- login ----- */

void login_begin(struct amqp *a) {
        a->stage = STAGE_START;
        if (frame_add_protocol(&a->out) < 0 || connection_flush_soon(a) < 0)
                connection_fail(a, BROKER_LOSS_CONNECTION, "out of memory");
}

static bool has_word(amqp_bytes_t list, const char *word) {
        const char *at = list.bytes, *end = at + list.len;
        size_t n = strlen(word);

        while (at < end) {
                const char *space = memchr(at, ' ', (size_t) (end - at));
                size_t length = (size_t) ((space ? space : end) - at);

                if (length == n && memcmp(at, word, n) == 0)
                        return true;
                at += length + 1;
        }
        return false;
}

static void note_server(struct amqp *a, const amqp_table_t *properties) {
        json_t *json = table_to_json(properties);

        (void) snprintf(a->server, sizeof(a->server), "%.40s %.20s", strempty(json_string_value(json_object_get(json, "product"))),
                        strempty(json_string_value(json_object_get(json, "version"))));
        json_decref(json);
}

static json_t *client_properties(const struct amqp *a) {
        return json_pack("{s:s, s:s, s:s, s:{s:b, s:b, s:b, s:b, s:b}}",
                         "product", "wazo-suite", "platform", "C", "connection_name", a->settings->name,
                         "capabilities",
                         "publisher_confirms", 1, "basic.nack", 1, "consumer_cancel_notify", 1, "connection.blocked", 1,
                         "authentication_failure_close", 1);
}

static void take_start(struct amqp *a, void *method) {
        const amqp_connection_start_t *start = method;
        const struct broker_settings *s = a->settings;
        json_t *properties = client_properties(a);
        amqp_connection_start_ok_t ok = {.mechanism = codec_string("PLAIN"), .locale = codec_string("en_US")};
        char plain[PLAIN_MAX];
        size_t name = strlen(s->username), password = strlen(s->password);
        int r = properties ? 0 : -ENOMEM;

        note_server(a, &start->server_properties);
        if (!has_word(start->mechanisms, "PLAIN"))
                connection_fail(a, BROKER_LOSS_CONNECTION, "the server takes no name and password (PLAIN)");
        else if (name + password + 2 > sizeof(plain))
                connection_fail(a, BROKER_LOSS_CONNECTION, "name and password are too long");
        else if (r < 0 || (r = table_from_json(properties, &a->pool, &ok.client_properties)) < 0)
                connection_fail(a, BROKER_LOSS_CONNECTION, "%s", strerror(-r));
        else {
                plain[0] = plain[name + 1] = 0;
                memcpy(plain + 1, s->username, name);
                memcpy(plain + name + 2, s->password, password);
                ok.response = codec_bytes(plain, name + password + 2);
                a->stage = STAGE_TUNE;
                connection_send(a, 0, AMQP_CONNECTION_START_OK_METHOD, &ok);
                explicit_bzero(plain, sizeof(plain));
        }
        json_decref(properties);
}

/* The lower of the two wishes; of none is none. */
static uint32_t lower(uint32_t a, uint32_t b) {
        return a == 0 ? b : b == 0 ? a : MIN(a, b);
}

static void take_tune(struct amqp *a, void *method) {
        const amqp_connection_tune_t *tune = method;
        uint32_t frame_max = lower(tune->frame_max, FRAME_SIZE_MAX);
        amqp_connection_tune_ok_t ok = {.channel_max = (uint16_t) lower(tune->channel_max, CHANNELS_MAX), .frame_max = frame_max};
        amqp_connection_open_t open = {.virtual_host = codec_string(a->settings->vhost)};

        if (frame_max < FRAME_SIZE_LEAST || ok.channel_max < BROKER_CHANNEL_MAX) {
                connection_fail(a, BROKER_LOSS_CONNECTION,
                                "the server's limits are too low: frames of %u bytes, %u channels", frame_max,
                                ok.channel_max);
                return;
        }
        a->frame_max = frame_max;
        /* Who wants none here gets none, whatever the server would like. */
        a->heartbeat = a->settings->heartbeat == 0 ? 0 : lower(tune->heartbeat, a->settings->heartbeat);
        ok.heartbeat = (uint16_t) MIN(a->heartbeat, (unsigned) UINT16_MAX);
        a->stage = STAGE_OPEN;
        connection_send(a, 0, AMQP_CONNECTION_TUNE_OK_METHOD, &ok);
        connection_send(a, 0, AMQP_CONNECTION_OPEN_METHOD, &open);
        if (connection_beat(a) < 0)
                connection_fail(a, BROKER_LOSS_CONNECTION, "out of memory");
}

static void take_open_ok(struct amqp *a, void *method) {
        a->stage = STAGE_CHANNELS;
        channels_open(a);
}

/* ----- later ----- */

static void take_close(struct amqp *a, void *method) {
        const amqp_connection_close_t *close = method;
        amqp_connection_close_ok_t ok = {0};
        bool logging_in = a->stage < STAGE_CHANNELS;
        char text[300];

        amqp_close_text(close->reply_code, close->reply_text, text, sizeof(text));
        connection_send(a, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
        /* There is no end of this turn for it. */
        connection_push(a);
        connection_fail(a,
                        !logging_in && amqp_is_our_fault(close->reply_code) ? BROKER_LOSS_REFUSED
                                                                            : BROKER_LOSS_CONNECTION,
                        "%s: %s", logging_in ? "the server refused us" : "the server closed the connection", text);
}

static void take_close_ok(struct amqp *a, void *method) {
        connection_fail(a, BROKER_LOSS_CONNECTION, "goodbye");
}

static void take_blocked(struct amqp *a, void *method) {
        const amqp_connection_blocked_t *blocked = method;
        char reason[300];

        (void) snprintf(reason, sizeof(reason), "the server asked to wait: %.*s", (int) MIN(blocked->reason.len, (size_t) 255),
                        blocked->reason.bytes ? (const char *) blocked->reason.bytes : "");
        a->blocked = true;
        if (a->state == BROKER_READY)
                connection_state(a, BROKER_BLOCKED, reason);
}

static void take_unblocked(struct amqp *a, void *method) {
        a->blocked = false;
        if (a->state == BROKER_BLOCKED)
                connection_state(a, BROKER_READY, "");
        a->room_wanted = false;
        if (a->callbacks->room)
                a->callbacks->room(a->userdata);
}

static void take_secure(struct amqp *a, void *method) {
        connection_fail(a, BROKER_LOSS_CONNECTION, "the server wants more than a name and a password");
}

void login_method(struct amqp *a, amqp_method_number_t number, void *method) {
        static const struct {
                amqp_method_number_t number;
                unsigned from, to; /* the stages in which it may come */
                void (*take)(struct amqp *a, void *method);
        } methods[] = {
                {AMQP_CONNECTION_START_METHOD, STAGE_START, STAGE_START, take_start},
                {AMQP_CONNECTION_SECURE_METHOD, STAGE_TUNE, STAGE_TUNE, take_secure},
                {AMQP_CONNECTION_TUNE_METHOD, STAGE_TUNE, STAGE_TUNE, take_tune},
                {AMQP_CONNECTION_OPEN_OK_METHOD, STAGE_OPEN, STAGE_OPEN, take_open_ok},
                {AMQP_CONNECTION_CLOSE_METHOD, STAGE_TUNE, STAGE_GOODBYE, take_close},
                {AMQP_CONNECTION_CLOSE_OK_METHOD, STAGE_GOODBYE, STAGE_GOODBYE, take_close_ok},
                {AMQP_CONNECTION_BLOCKED_METHOD, STAGE_OPEN, STAGE_GOODBYE, take_blocked},
                {AMQP_CONNECTION_UNBLOCKED_METHOD, STAGE_OPEN, STAGE_GOODBYE, take_unblocked},
        };

        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (methods[i].number == number && a->stage >= methods[i].from && a->stage <= methods[i].to) {
                        methods[i].take(a, method);
                        return;
                }
        connection_fail(a, BROKER_LOSS_CONNECTION, "the server sent %s where nobody expects it",
                        strempty(amqp_method_name(number)));
}
