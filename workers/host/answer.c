/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/host/answer.h"

#include <poll.h>

#include "lib/log.h"
#include "lib/memfd.h"

/* Room for what a packed reply holds besides its strings and its body. */
#define REPLY_OVERHEAD 64

/* However far a gateway sets the deadline: a reply is not waited with for longer. */
#define SEND_MAX (30 * NSEC_PER_SEC)

static int wait_writable(int fd, uint64_t deadline) {
        uint64_t now = now_monotonic();
        struct timespec left;
        struct pollfd pollfd = {.fd = fd, .events = POLLOUT};

        if (now >= deadline)
                return -ETIMEDOUT;
        left = (struct timespec) {
                .tv_sec = (time_t) ((deadline - now) / NSEC_PER_SEC),
                .tv_nsec = (long) ((deadline - now) % NSEC_PER_SEC),
        };
        return ppoll(&pollfd, 1, &left, NULL) < 0 && errno != EINTR ? -errno : 0;
}

static int send_reply(int channel, uint64_t id, const struct reply *reply, uint64_t deadline) {
        struct pack p = PACK_NULL;
        int r;

        deadline = MIN(deadline, now_monotonic() + SEND_MAX);
        r = reply_encode(reply, &p);
        while (r >= 0) {
                r = channel_send(channel, WIRE_REPLY, id, p.data, p.size, &reply->body_fd, reply->body_fd >= 0 ? 1 : 0);
                if (r != -EAGAIN)
                        break;
                r = wait_writable(channel, deadline);
        }
        pack_done(&p);
        return r;
}

/* Replaces whatever is in @reply. */
static void reply_error(struct reply *reply, unsigned status, const char *body) {
        reply_done(reply);
        reply->status = status;
        reply->body = strdup(body);
        reply->body_size = reply->body ? strlen(body) : 0;
}

/* A body that is too large for a packet goes into a memory file of its own. */
static int make_sendable(struct reply *reply) {
        size_t size = REPLY_OVERHEAD + strlen(strempty(reply->content_type)) + strlen(strempty(reply->location));
        int fd;

        if (reply->body_fd >= 0)
                return memfd_check(reply->body_fd, PACK_MAX, &reply->body_size);
        if (reply->body_size <= WIRE_INLINE_MAX && size + reply->body_size <= WIRE_INLINE_MAX)
                return 0;
        if (reply->body_size > PACK_MAX)
                return -EMSGSIZE;
        fd = memfd_sealed("reply", reply->body, reply->body_size);
        if (fd < 0)
                return fd;
        reply->body_fd = fd;
        free(reply->body);
        reply->body = NULL;
        return 0;
}

typedef int (*plugin_call)(struct wazo_host *host, const struct request *request, struct reply *reply);

/* Fills @reply with something that who asked takes, whatever the plugin did. */
static void run(struct wazo_host *host, plugin_call call, const struct request *request, struct reply *reply) {
        int r;

        if (request->deadline <= now_monotonic()) {
                /* Stopped, or swapped out, for so long that nobody waits any more: what is not begun is not done. */
                log_warning("%s %s came after its deadline and was not begun", request->method, request->path);
                reply_error(reply, 503, "[\"Deadline exceeded\"]\n");
                reply->retry_after = 1;
                return;
        }

        r = call(host, request, reply);
        if (r < 0) {
                log_error("no answer to %s %s: %s", request->method, request->path, strerror(-r));
                reply_error(reply, 500, "[\"Unexpected error: the plugin gave no answer\"]\n");
                return;
        }
        r = reply->status >= 200 && reply->status <= 599 ? make_sendable(reply) : -EINVAL;
        if (r < 0) {
                log_error("the answer to %s %s cannot be sent (status %u, %zu bytes): %s", request->method, request->path,
                          reply->status, reply->body_size, strerror(-r));
                reply_error(reply, 500, "[\"Unexpected error: the plugin's answer cannot be sent\"]\n");
        }
}

/* @method: the only one that may be asked for; NULL: whichever the plugin has. */
static int answer(struct wazo_host *host, plugin_call call, const char *method, int channel, struct channel_message *m) {
        _cleanup_close_ int body_fd = channel_message_take_fd(m, 0);
        struct reply reply = REPLY_NULL;
        struct request request;
        int r;

        r = request_decode(m->body, m->header.size, body_fd, &request);
        if (r < 0)
                return r;
        if (method && !streq(request.method, method)) {
                request_done(&request);
                return -EBADMSG;
        }

        log_set_request(request.id);
        run(host, call, &request, &reply);
        r = send_reply(channel, m->header.id, &reply, request.deadline);
        log_set_request(NULL);

        reply_done(&reply);
        request_done(&request);
        return r;
}

int answer_request(struct wazo_host *host, int channel, struct channel_message *m) {
        return answer(host, wazo_plugin_run, NULL, channel, m);
}

int answer_event(struct wazo_host *host, int channel, struct channel_message *m) {
        return answer(host, wazo_plugin_event, "EVENT", channel, m);
}
