/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/check/http.h"

#include <curl/curl.h>
#include <strings.h>

#define BODY_MAX (8U * 1024 * 1024)
#define ANSWER_MSEC 1500L

static size_t take_body(char *data, size_t size, size_t n, void *userdata) {
        struct http_answer *a = userdata;
        char *grown = a->size + n <= BODY_MAX ? realloc(a->body, a->size + n + 1) : NULL;

        if (!grown)
                return 0;
        a->body = grown;
        memcpy(a->body + a->size, data, n);
        a->size += n;
        a->body[a->size] = 0;
        return n;
}

/* "Name: value\r\n". */
static bool take_value(const char *line, size_t length, const char *name, char *to, size_t size) {
        size_t n = strlen(name);

        if (length <= n || strncasecmp(line, name, n) != 0)
                return false;
        while (n < length && line[n] == ' ')
                n++;
        while (length > n && (line[length - 1] == '\r' || line[length - 1] == '\n'))
                length--;
        length = MIN(length - n, size - 1);
        memcpy(to, line + n, length);
        to[length] = 0;
        return true;
}

static size_t take_header(char *line, size_t size, size_t n, void *userdata) {
        struct http_answer *a = userdata;

        if (!take_value(line, n, "access-control-allow-origin:", a->allow_origin, sizeof(a->allow_origin)))
                (void) take_value(line, n, "access-control-allow-headers:", a->allow_headers,
                                  sizeof(a->allow_headers));
        return n;
}

static int error_of(CURLcode code) {
        switch (code) {
        case CURLE_OK:
                return 0;
        case CURLE_COULDNT_CONNECT:
                return -ECONNREFUSED;
        case CURLE_OPERATION_TIMEDOUT:
                return -ETIMEDOUT;
        case CURLE_OUT_OF_MEMORY:
                return -ENOMEM;
        default:
                return -EIO;
        }
}

int http_ask(const char *method, const char *url, const char *const *headers, struct http_answer *ret) {
        struct http_answer answer = HTTP_ANSWER_NULL;
        struct curl_slist *list = NULL;
        CURL *curl = curl_easy_init();
        int r;

        if (!curl)
                return -ENOMEM;
        for (; headers && *headers; headers++) {
                struct curl_slist *longer = curl_slist_append(list, *headers);

                if (longer)
                        list = longer;
        }
        (void) curl_easy_setopt(curl, CURLOPT_URL, url);
        (void) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
        (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ANSWER_MSEC);
        (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        (void) curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
        (void) curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        (void) curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
        (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
        (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
        (void) curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
        (void) curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer);
        r = error_of(curl_easy_perform(curl));
        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
        /* A connection that was upgraded does not end, and has answered all the same. */
        if (r == -ETIMEDOUT && answer.status > 0)
                r = 0;
        curl_slist_free_all(list);
        curl_easy_cleanup(curl);
        if (r < 0) {
                http_answer_done(&answer);
                return r;
        }
        *ret = answer;
        return 0;
}

void http_answer_done(struct http_answer *a) {
        free(a->body);
        *a = HTTP_ANSWER_NULL;
}
