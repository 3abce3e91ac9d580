/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/varlink.h"

#include "workers/control/text.h"

#define ECHO_MAX 256

/* jansson recurses as deep as its input does: so the depth is known before it looks. */
static bool is_too_deep(const char *data, size_t size) {
        bool in_string = false;
        unsigned depth = 0;

        for (size_t i = 0; i < size; i++) {
                if (in_string) {
                        if (data[i] == '\\')
                                i++;
                        else if (data[i] == '"')
                                in_string = false;
                } else if (data[i] == '"')
                        in_string = true;
                else if (data[i] == '{' || data[i] == '[') {
                        if (++depth > VARLINK_DEPTH_MAX)
                                return true;
                } else if ((data[i] == '}' || data[i] == ']') && depth > 0)
                        depth--;
        }
        return false;
}

/* An optional boolean member; anything else is no call. */
static int take_flag(const json_t *message, const char *name, bool *ret) {
        const json_t *value = json_object_get(message, name);

        if (value && !json_is_boolean(value) && !json_is_null(value))
                return -EBADMSG;
        *ret = json_is_true(value);
        return 0;
}

static int take_members(json_t *message, struct varlink_call *call) {
        json_t *parameters;

        if (!json_is_object(message))
                return -EBADMSG;
        call->method = json_string_value(json_object_get(message, "method"));
        if (!call->method)
                return -EBADMSG;
        if (take_flag(message, "oneway", &call->oneway) < 0 || take_flag(message, "more", &call->more) < 0 ||
            take_flag(message, "upgrade", &call->upgrade) < 0)
                return -EBADMSG;
        /* Two ways to answer at once contradict each other. */
        if (call->oneway + call->more + call->upgrade > 1)
                return -EBADMSG;

        parameters = json_object_get(message, "parameters");
        if (!parameters || json_is_null(parameters)) {
                parameters = json_object();
                if (!parameters || json_object_set_new(message, "parameters", parameters) < 0)
                        return -ENOMEM;
        }
        if (!json_is_object(parameters))
                return -EBADMSG;
        call->parameters = parameters;
        return 0;
}

int varlink_call_decode(const char *data, size_t size, struct varlink_call *ret) {
        struct varlink_call call = {0};
        int r;

        if (size > VARLINK_CALL_MAX || is_too_deep(data, size))
                return -EBADMSG;
        call.message = json_loadb(data, size, JSON_REJECT_DUPLICATES, NULL);
        if (!call.message)
                return -EBADMSG;
        r = take_members(call.message, &call);
        if (r < 0) {
                varlink_call_done(&call);
                return r;
        }
        *ret = call;
        return 0;
}

void varlink_call_done(struct varlink_call *call) {
        json_decref(call->message);
        *call = (struct varlink_call) {0};
}

int varlink_answer_encode(const struct varlink_answer *answer, char **ret, size_t *ret_size) {
        json_t *message = json_object();
        char *text = NULL;
        int r = 0;

        if (!message)
                return -ENOMEM;
        if (answer->error)
                r |= json_object_set_new(message, "error", json_string(answer->error));
        if (answer->parameters)
                r |= json_object_set(message, "parameters", answer->parameters);
        else
                r |= json_object_set_new(message, "parameters", json_object());
        if (answer->continues)
                r |= json_object_set_new(message, "continues", json_true());
        if (r == 0)
                text = json_dumps(message, JSON_COMPACT);
        json_decref(message);
        if (!text)
                return -ENOMEM;
        *ret_size = strlen(text) + 1;
        *ret = text;
        return 0;
}

void varlink_answer_done(struct varlink_answer *answer) {
        json_decref(answer->parameters);
        *answer = VARLINK_ANSWER_NULL;
}

void varlink_answer_error(struct varlink_answer *answer, const char *error, const char *member, const char *value) {
        varlink_answer_done(answer);
        answer->error = error;
        if (member)
                /* What a client sent may be of any length. */
                answer->parameters = json_pack("{s:o}", member, text_json_n(value, strnlen(value, ECHO_MAX)));
}
