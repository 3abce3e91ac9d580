/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/gateway/errors.h"

#include "workers/gateway/text.h"

static struct error_body finish(struct text *t) {
        struct error_body body = {0};

        body.data = text_steal(t, &body.size);
        return body;
}

struct error_body error_plain(const char *text) {
        struct text t = TEXT_NULL;

        text_add_string(&t, text);
        return finish(&t);
}

/* A list of one string, which may hold anything. */
static struct error_body list_of(const char *message, size_t size) {
        struct text t = TEXT_NULL;

        text_add_string(&t, "[\"");
        text_add_json(&t, message, size);
        text_add_string(&t, "\"]\n");
        return finish(&t);
}

struct error_body error_list(const char *message) {
        return list_of(message, strlen(message));
}

static void add_right(struct text *t, const char *right) {
        if (*right)
                text_add_repr(t, right);
        else
                text_add_string(t, "None");
}

static struct error_body list_of_text(struct text *t) {
        struct error_body body = {0};

        if (!t->failed)
                body = list_of(t->data, t->size);
        text_done(t);
        return body;
}

struct error_body error_token(const char *token, const char *right) {
        struct text t = TEXT_NULL;

        text_add_string(&t, "(");
        text_add_repr(&t, token);
        text_add_string(&t, ", ");
        add_right(&t, right);
        text_add_string(&t, ")");
        return list_of_text(&t);
}

struct error_body error_access(const char *token, const char *right, const char *tenant) {
        struct text t = TEXT_NULL;

        text_add_string(&t, "(");
        text_add_repr(&t, token);
        text_add_string(&t, ", ");
        add_right(&t, right);
        text_add_string(&t, ", ");
        add_right(&t, tenant);
        text_add_string(&t, ")");
        return list_of_text(&t);
}

struct error_body error_master_only(const char *token) {
        return error_list(token);
}

struct error_body error_method(void) {
        return error_plain("{\"message\": \"The method is not allowed for the requested URL.\"}\n");
}

struct error_body error_not_found_page(void) {
        return error_plain("<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
                           "<p>The requested URL was not found on the server. If you entered the URL manually please check "
                           "your spelling and try again.</p>\n");
}

struct error_body error_unavailable(const char *plugin, const char *state, const char *reason) {
        struct text t = TEXT_NULL;

        text_printf(&t, "Service Unavailable - plugin '%s' is %s", plugin, state);
        if (*reason)
                text_printf(&t, ": %s", reason);
        return list_of_text(&t);
}
