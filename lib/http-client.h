/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An HTTP client on the loop, one request at a time. Behind a driver, because libcurl brings thirty libraries along: a
 * service that asks nobody loads none of them.
 */
#pragma once

#include <systemd/sd-event.h>

#include "lib/util.h"

#define HTTP_DRIVER_ABI 2
/* Of an answer's body so much is kept. */
#define HTTP_BODY_KEPT 4096

struct http_request {
        const char *method, *url;
        const char *body;           /* JSON, or NULL */
        const char *const *headers; /* "Name: value", at the end NULL; or NULL */
        uint64_t timeout_msec;      /* from the first step to the last byte */
        const char *ca;             /* https: a file, or a directory of hashed files; NULL: the system's */
        bool unverified;            /* https: whoever answers is believed */
};

struct http_answer {
        unsigned status;    /* 0: nobody is there, or gives no answer in time, or none that is HTTP */
        const char *reason; /* ... for people */
        const char *body;   /* its beginning, with a NUL behind it; whoever sent it is not to be trusted */
};

struct http;

struct http_driver {
        unsigned abi;
        int (*new)(sd_event *event, struct http **ret);
        /* Accepts NULL; ends what is under way without a word. */
        void (*free)(struct http *h);
        /* Copies what it needs. @done is called once, in a later turn of the loop; what it is given lives until it returns. -EBUSY
         * while another is under way. */
        int (*send)(struct http *h, const struct http_request *request,
                    void (*done)(void *userdata, const struct http_answer *answer), void *userdata);
};

/* Loads <driver_dir>/http-curl.so. @error then has a sentence for people. -ELIBBAD. */
int http_load(const char *driver_dir, const struct http_driver **ret, char *error, size_t error_size) _must_check_;
