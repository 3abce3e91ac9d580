/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/client/call.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "lib/wait.h"

/* The status of thousands of workers fits. */
#define ANSWER_MAX (32U * 1024 * 1024)
#define READ_SIZE (64U * 1024)

int call_open(struct call *c, const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -1;

        if (!strcopy(address.sun_path, sizeof(address.sun_path), path))
                return -ENAMETOOLONG;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        *c = (struct call) {.fd = fd_steal(&fd)};
        return 0;
}

void call_done(struct call *c) {
        c->fd = fd_close(c->fd);
        free(c->buffer);
        *c = CALL_NULL;
}

static int send_text(int fd, const char *text, size_t size, uint64_t deadline) {
        while (size > 0) {
                ssize_t n = send(fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
                int r;

                if (n >= 0) {
                        text += n;
                        size -= (size_t) n;
                        continue;
                }
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
                r = wait_for(fd, POLLOUT, deadline);
                if (r < 0)
                        return r;
        }
        return 0;
}

int call_send(struct call *c, const char *method, json_t *parameters, bool more, uint64_t deadline) {
        _cleanup_free_ char *text = NULL;
        json_t *message = json_pack("{s:s, s:o}", "method", method, "parameters", parameters ?: json_object());

        if (message && more && json_object_set_new(message, "more", json_true()) < 0) {
                json_decref(message);
                return -ENOMEM;
        }
        text = message ? json_dumps(message, JSON_COMPACT) : NULL;
        json_decref(message);
        if (!text)
                return -ENOMEM;
        return send_text(c->fd, text, strlen(text) + 1, deadline);
}

static int receive_some(struct call *c, uint64_t deadline) {
        ssize_t n;
        int r;

        if (c->allocated - c->size < READ_SIZE) {
                size_t size = MAX(c->allocated * 2, (size_t) READ_SIZE * 2);
                char *bigger;

                if (size > ANSWER_MAX)
                        return -EMSGSIZE;
                bigger = realloc(c->buffer, size);
                if (!bigger)
                        return -ENOMEM;
                c->buffer = bigger;
                c->allocated = size;
        }
        r = wait_for(c->fd, POLLIN, deadline);
        if (r < 0)
                return r;
        n = recv(c->fd, c->buffer + c->size, READ_SIZE, MSG_DONTWAIT);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        c->size += (size_t) n;
        return 0;
}

static int parse(const char *text, size_t size, json_t **ret_message, const char **ret_error, json_t **ret_parameters) {
        json_t *message = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL), *error, *parameters;

        error = json_object_get(message, "error");
        parameters = json_object_get(message, "parameters");
        if (!json_is_object(message) || (error && !json_is_string(error)) || (parameters && !json_is_object(parameters)) ||
            (!parameters && json_object_set_new(message, "parameters", json_object()) < 0)) {
                json_decref(message);
                return -EBADMSG;
        }
        *ret_error = strempty(json_string_value(error));
        *ret_parameters = json_object_get(message, "parameters");
        *ret_message = message;
        return 0;
}

int call_receive(struct call *c, uint64_t deadline, json_t **ret_message, const char **ret_error, json_t **ret_parameters) {
        size_t seen = 0;
        char *end;
        int r;

        while (!(end = c->size > seen ? memchr(c->buffer + seen, 0, c->size - seen) : NULL)) {
                seen = c->size;
                r = receive_some(c, deadline);
                if (r < 0)
                        return r;
        }
        r = parse(c->buffer, (size_t) (end - c->buffer), ret_message, ret_error, ret_parameters);
        c->size -= (size_t) (end + 1 - c->buffer);
        memmove(c->buffer, end + 1, c->size);
        return r;
}
