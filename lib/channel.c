/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

struct channel_queued {
        struct channel_queued *next;
        enum wire_type type;
        uint64_t id;
        size_t n_fds;
        int fds[WIRE_FDS_MAX];
        size_t size;
        uint8_t body[];
};

int channel_pair(int ret[2]) {
        return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret) < 0 ? -errno : 0;
}

int channel_send(int fd, enum wire_type type, uint64_t id, const void *body, size_t size, const int *fds, size_t n_fds) {
        struct wire_header header = {.type = (uint16_t) type, .fds = (uint16_t) n_fds, .size = (uint32_t) size, .id = id};
        struct iovec iov[] = {
                {.iov_base = &header, .iov_len = sizeof(header)},
                {.iov_base = (void *) body, .iov_len = size},
        };
        union {
                struct cmsghdr header;
                uint8_t space[CMSG_SPACE(WIRE_FDS_MAX * sizeof(int))];
        } control;
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = size > 0 ? 2 : 1};

        if (size > WIRE_INLINE_MAX)
                return -EMSGSIZE;
        if (n_fds > WIRE_FDS_MAX)
                return -EINVAL;

        if (n_fds > 0) {
                memset(&control, 0, sizeof(control));
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
        }

        for (;;) {
                if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
                        return 0;
                if (errno != EINTR)
                        return -errno;
        }
}

static void collect_fds(struct msghdr *message, struct channel_message *m) {
        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                size_t n;

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        if (m->n_fds < WIRE_FDS_MAX)
                                m->fds[m->n_fds++] = fd;
                        else
                                (void) close(fd);
                }
        }
}

int channel_receive(int fd, unsigned direction, struct channel_message *ret) {
        union {
                struct cmsghdr header;
                uint8_t space[CMSG_SPACE(WIRE_FDS_MAX * sizeof(int))];
        } control;
        struct iovec iov = {.iov_base = ret->packet, .iov_len = sizeof(ret->packet)};
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        ssize_t n;

        ret->n_fds = 0;

        for (;;) {
                n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
                if (n >= 0)
                        break;
                if (errno == EINTR)
                        continue;
                /* A peer that died with unread messages of ours says this once, in front of what it had sent. */
                if (errno == ECONNRESET)
                        continue;
                return -errno;
        }

        collect_fds(&message, ret);
        if (n == 0) {
                /* An empty packet looks like the end, but may have brought descriptors. */
                channel_message_done(ret);
                return 0;
        }
        if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
            wire_check(ret->packet, (size_t) n, (unsigned) ret->n_fds, direction, &ret->header) < 0) {
                channel_message_done(ret);
                return -EBADMSG;
        }
        ret->body = ret->packet + sizeof(struct wire_header);
        return 1;
}

void channel_message_done(struct channel_message *m) {
        for (size_t i = 0; i < m->n_fds; i++)
                m->fds[i] = fd_close(m->fds[i]);
        m->n_fds = 0;
}

int channel_message_take_fd(struct channel_message *m, size_t i) {
        return i < m->n_fds ? fd_steal(&m->fds[i]) : -1;
}

int channel_wait(int fd, uint64_t deadline) {
        struct pollfd pollfd = {.fd = fd, .events = POLLIN};

        for (;;) {
                struct timespec timeout, *wait = NULL;
                int r;

                if (deadline != NSEC_NEVER) {
                        uint64_t now = now_monotonic(), left = deadline > now ? deadline - now : 0;

                        timeout = (struct timespec) {
                                .tv_sec = (time_t) (left / NSEC_PER_SEC),
                                .tv_nsec = (long) (left % NSEC_PER_SEC),
                        };
                        wait = &timeout;
                }
                r = ppoll(&pollfd, 1, wait, NULL);
                if (r >= 0)
                        return r > 0;
                if (errno != EINTR)
                        return -errno;
        }
}

static void queued_free(struct channel_queued *item) {
        for (size_t i = 0; i < item->n_fds; i++)
                (void) close(item->fds[i]);
        free(item);
}

int channel_queue_send(struct channel_queue *q, int fd, enum wire_type type, uint64_t id, const void *body, size_t size,
                       const int *fds, size_t n_fds) {
        struct channel_queued *item;
        int r;

        if (!q->first) {
                r = channel_send(fd, type, id, body, size, fds, n_fds);
                if (r != -EAGAIN)
                        return r;
        }
        /* What can never be sent must not get into the queue: nothing behind it would be sent either. */
        if (size > WIRE_INLINE_MAX)
                return -EMSGSIZE;
        if (n_fds > WIRE_FDS_MAX)
                return -EINVAL;
        if (q->n >= q->max)
                return -ENOBUFS;

        item = malloc(sizeof(*item) + size);
        if (!item)
                return -ENOMEM;
        item->next = NULL;
        item->type = type;
        item->id = id;
        item->size = size;
        item->n_fds = 0;
        if (size > 0)
                memcpy(item->body, body, size);
        for (size_t i = 0; i < n_fds; i++) {
                int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);

                if (copy < 0) {
                        r = -errno;
                        queued_free(item);
                        return r;
                }
                item->fds[item->n_fds++] = copy;
        }

        if (q->last)
                q->last->next = item;
        else
                q->first = item;
        q->last = item;
        q->n++;
        return 1;
}

static void queue_pop(struct channel_queue *q) {
        struct channel_queued *item = q->first;

        q->first = item->next;
        if (!q->first)
                q->last = NULL;
        q->n--;
        queued_free(item);
}

int channel_queue_flush(struct channel_queue *q, int fd) {
        while (q->first) {
                struct channel_queued *item = q->first;
                int r = channel_send(fd, item->type, item->id, item->body, item->size, item->fds, item->n_fds);

                if (r == -EAGAIN)
                        return 1;
                if (r < 0)
                        return r;
                queue_pop(q);
        }
        return 0;
}

void channel_queue_done(struct channel_queue *q) {
        while (q->first)
                queue_pop(q);
}
