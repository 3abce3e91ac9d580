/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver of lib/http-client.h: libcurl's multi interface on sd-event. */
#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "lib/http-client.h"

/* Longer than anything that is asked for. */
#define ANSWER_MAX (1024U * 1024)
#define CONNECT_MSEC 5000L

struct http {
        sd_event *event;
        CURLM *multi;
        CURL *easy; /* while a request is under way */
        struct curl_slist *headers;
        sd_event_source *timer;
        size_t received, n_kept;
        char kept[HTTP_BODY_KEPT + 1];
        char error[CURL_ERROR_SIZE];
        void (*done)(void *userdata, const struct http_answer *answer);
        void *userdata;
};

static void finish(struct http *h) {
        if (!h->easy)
                return;
        (void) curl_multi_remove_handle(h->multi, h->easy);
        curl_easy_cleanup(h->easy);
        curl_slist_free_all(h->headers);
        h->easy = NULL;
        h->headers = NULL;
}

/* What curl has to say is read to its end, after whatever it was asked to do. */
static void look(struct http *h) {
        const CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(h->multi, &left))) {
                CURLcode code = message->data.result;
                struct http_answer answer = {0};
                char reason[CURL_ERROR_SIZE];
                long status = 0;

                if (message->msg != CURLMSG_DONE || message->easy_handle != h->easy)
                        continue;
                if (code == CURLE_OK)
                        (void) curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
                (void) strcopy(reason, sizeof(reason), *h->error ? h->error : curl_easy_strerror(code));
                answer.status = (unsigned) status;
                answer.reason = reason;
                answer.body = h->kept;
                finish(h);
                /* It may send the next. */
                h->done(h->userdata, &answer);
        }
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct http *h = userdata;
        int running, what = 0;

        if (events & EPOLLIN)
                what |= CURL_CSELECT_IN;
        if (events & EPOLLOUT)
                what |= CURL_CSELECT_OUT;
        if (events & (EPOLLERR | EPOLLHUP))
                what |= CURL_CSELECT_ERR;
        (void) curl_multi_socket_action(h->multi, fd, what, &running);
        look(h);
        return 0;
}

/* The source hangs on curl's socket; a descriptor may be reused in the same turn, so it goes at once. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data) {
        struct http *h = userdata;
        sd_event_source *source = socket_data;
        uint32_t events = (what & CURL_POLL_IN ? (uint32_t) EPOLLIN : 0) | (what & CURL_POLL_OUT ? (uint32_t) EPOLLOUT : 0);

        if (what == CURL_POLL_REMOVE) {
                (void) sd_event_source_disable_unref(source);
                (void) curl_multi_assign(h->multi, fd, NULL);
                return 0;
        }
        if (source)
                return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
        if (sd_event_add_io(h->event, &source, fd, events, on_socket, h) < 0)
                return -1;
        return curl_multi_assign(h->multi, fd, source) == CURLM_OK ? 0 : -1;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct http *h = userdata;
        int running;

        (void) curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        look(h);
        return 0;
}

/* -1: no timer. 0: soon, but not from within. */
static int set_timer(CURLM *multi, long msec, void *userdata) {
        struct http *h = userdata;

        if (msec < 0)
                return sd_event_source_set_enabled(h->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
        if (sd_event_source_set_time_relative(h->timer, (uint64_t) msec * 1000) < 0 ||
            sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT) < 0)
                return -1;
        return 0;
}

static size_t take(char *data, size_t size, size_t n, void *userdata) {
        struct http *h = userdata;
        size_t more = MIN(size * n, HTTP_BODY_KEPT - h->n_kept);

        memcpy(h->kept + h->n_kept, data, more);
        h->n_kept += more;
        h->kept[h->n_kept] = 0;
        h->received += size * n;
        return h->received > ANSWER_MAX ? 0 : size * n;
}

static int add_header(struct http *h, const char *line) {
        struct curl_slist *longer = curl_slist_append(h->headers, line);

        if (!longer)
                return 1;
        h->headers = longer;
        return 0;
}

static int set_headers(struct http *h, const struct http_request *r) {
        int e = 0;

        if (r->body)
                e |= add_header(h, "Content-Type: application/json");
        for (size_t i = 0; r->headers && r->headers[i]; i++)
                e |= add_header(h, r->headers[i]);
        return h->headers ? e | (int) curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers) : e;
}

static int set_trust(CURL *easy, const struct http_request *r) {
        struct stat st;
        int e = 0;

        if (r->unverified) {
                e |= (int) curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
                e |= (int) curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
        }
        /* A path that is not there is an error of the request, as it should be. */
        if (r->ca)
                e |= (int) curl_easy_setopt(
                        easy, stat(r->ca, &st) == 0 && S_ISDIR(st.st_mode) ? CURLOPT_CAPATH : CURLOPT_CAINFO, r->ca);
        return e;
}

static int set_options(struct http *h, const struct http_request *r) {
        CURL *easy = h->easy;
        int e = 0;

        e |= (int) curl_easy_setopt(easy, CURLOPT_URL, r->url);
        e |= (int) curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
        e |= (int) curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        e |= (int) curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        e |= (int) curl_easy_setopt(easy, CURLOPT_PROXY, "");
        e |= (int) curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        e |= (int) curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MSEC);
        e |= (int) curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) r->timeout_msec);
        e |= (int) curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
        e |= (int) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
        e |= (int) curl_easy_setopt(easy, CURLOPT_WRITEDATA, h);
        e |= (int) curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, h->error);
        e |= (int) curl_easy_setopt(easy, CURLOPT_USERAGENT, "wazo-suite");
        e |= set_headers(h, r);
        e |= set_trust(easy, r);
        if (r->body)
                e |= (int) curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, r->body);
        return e ? -ENOMEM : 0;
}

static int curl_send_request(struct http *h, const struct http_request *request, void (*done)(void *, const struct http_answer *),
                             void *userdata) {
        int r = -ENOMEM;

        if (h->easy)
                return -EBUSY;
        h->done = done;
        h->userdata = userdata;
        h->received = h->n_kept = 0;
        *h->kept = *h->error = 0;
        h->easy = curl_easy_init();
        if (h->easy)
                r = set_options(h, request);
        if (r >= 0 && curl_multi_add_handle(h->multi, h->easy) != CURLM_OK)
                r = -ENOMEM;
        if (r < 0)
                finish(h);
        return r;
}

static void curl_free_http(struct http *h) {
        if (!h)
                return;
        finish(h);
        if (h->multi)
                (void) curl_multi_cleanup(h->multi);
        (void) sd_event_source_disable_unref(h->timer);
        free(h);
}

static int curl_new_http(sd_event *event, struct http **ret) {
        struct http *h = calloc(1, sizeof(*h));
        int r = -ENOMEM;

        if (!h)
                return -ENOMEM;
        h->event = event;
        if (curl_global_init(CURL_GLOBAL_NOTHING) == CURLE_OK)
                h->multi = curl_multi_init();
        if (h->multi)
                r = sd_event_add_time(event, &h->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, h);
        if (r >= 0)
                r = sd_event_source_set_enabled(h->timer, SD_EVENT_OFF);
        if (r >= 0 && (curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, watch_socket) != CURLM_OK ||
                       curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) != CURLM_OK ||
                       curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer) != CURLM_OK ||
                       curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) != CURLM_OK))
                r = -ENOMEM;
        if (r < 0) {
                curl_free_http(h);
                return r;
        }
        *ret = h;
        return 0;
}

extern const struct http_driver http_driver;
__attribute__((__visibility__("default"))) const struct http_driver http_driver = {
        .abi = HTTP_DRIVER_ABI,
        .new = curl_new_http,
        .free = curl_free_http,
        .send = curl_send_request,
};
