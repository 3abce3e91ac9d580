/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/survey/reader.h"

#include <signal.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static int send_all(int fd, const void *data, size_t size) {
        const char *at = data;

        while (size > 0) {
                ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                at += n;
                size -= (size_t) n;
        }
        return 0;
}

static int answer(struct survey *survey, int fd) {
        json_t *document = survey_look(survey);
        _cleanup_free_ char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
        uint32_t size;
        int r;

        json_decref(document);
        if (!text)
                return -ENOMEM;
        size = (uint32_t) MIN(strlen(text), (size_t) READER_ANSWER_MAX);
        r = send_all(fd, &size, sizeof(size));
        return r < 0 ? r : send_all(fd, text, size);
}

/* Several questions that wait are one. */
static int serve(struct survey *survey, int fd) {
        for (;;) {
                char questions[64];
                ssize_t n = recv(fd, questions, sizeof(questions), 0);
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                r = answer(survey, fd);
                if (r < 0)
                        return r;
        }
}

void reader_drop_capabilities(void) {
        cap_t none = cap_init();

        if (none)
                (void) cap_set_proc(none);
        (void) cap_free(none);
}

int reader_start(struct survey *survey, int *ret_fd, pid_t *ret_pid) {
        int pair[2], r;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        pid = fork();
        if (pid < 0) {
                r = -errno;
                (void) close(pair[0]);
                (void) close(pair[1]);
                return r;
        }
        if (pid == 0) {
                (void) close(pair[0]);
                /* Of the same user, the other half could look into this one otherwise. */
                (void) prctl(PR_SET_DUMPABLE, 0);
                (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
                if (geteuid() != 0)
                        reader_drop_capabilities();
                r = serve(survey, pair[1]);
                survey_free(survey);
                exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        }
        (void) close(pair[1]);
        *ret_fd = pair[0];
        *ret_pid = pid;
        return 0;
}

int reader_receive(int fd, struct reader_answer *a) {
        for (;;) {
                bool in_head = a->received < sizeof(a->head);
                char *to = in_head ? (char *) &a->head + a->received : a->data + (a->received - sizeof(a->head));
                size_t wanted = in_head ? sizeof(a->head) - a->received : a->size + sizeof(a->head) - a->received;
                ssize_t n = recv(fd, to, wanted, MSG_DONTWAIT);

                if (n < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                if (n == 0)
                        return -ECONNRESET;
                a->received += (size_t) n;
                if (a->received == sizeof(a->head)) {
                        if (a->head == 0 || a->head > READER_ANSWER_MAX)
                                return -EBADMSG;
                        a->size = a->head;
                        a->data = malloc(a->size);
                        if (!a->data)
                                return -ENOMEM;
                }
                if (a->received == a->size + sizeof(a->head)) {
                        a->received = 0;
                        return 1;
                }
        }
}
