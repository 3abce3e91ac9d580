/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a packet, over a real channel: refused, or of the catalogue. The first byte says who may send, the second
 * how many descriptors come with it. What carries a request or a reply is decoded, too.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "lib/channel.h"
#include "lib/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int pair[2] = {-1, -1}, null_fd = -1;

static void open_once(void) {
        if (pair[0] >= 0)
                return;
        null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (channel_pair(pair) < 0 || null_fd < 0)
                (void) raise(SIGABRT);
}

static bool send_packet(const uint8_t *data, size_t size, unsigned n_fds) {
        struct iovec iov = {.iov_base = (void *) data, .iov_len = size};
        union {
                struct cmsghdr header;
                uint8_t space[CMSG_SPACE(64 * sizeof(int))];
        } control = {0};
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

        if (n_fds > 0) {
                m.msg_control = &control;
                m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                for (unsigned i = 0; i < n_fds; i++)
                        memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &null_fd, sizeof(int));
        }
        return sendmsg(pair[0], &m, MSG_NOSIGNAL) >= 0;
}

static void decode(const struct channel_message *message) {
        struct request request;
        struct reply reply;

        if (message->header.type == WIRE_REQUEST && request_decode(message->body, message->header.size, -1, &request) == 0) {
                (void) request_query(&request, "search");
                (void) request_param(&request, "user_id");
                request_done(&request);
        }
        if (message->header.type == WIRE_REPLY && reply_decode(message->body, message->header.size, -1, &reply) == 0)
                reply_done(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct channel_message message;
        const struct wire_message_info *info;
        int r;

        if (size < 3)
                return 0;
        open_once();
        if (!send_packet(data + 2, size - 2, data[1] % 32))
                return 0;
        r = channel_receive(pair[1], data[0] & 15, &message);
        if (r == 1) {
                info = wire_message_info(message.header.type);
                if (!info || !(info->direction & data[0]) || message.n_fds > info->fds_max || message.n_fds != data[1] % 32)
                        (void) raise(SIGABRT);
                decode(&message);
                channel_message_done(&message);
        } else if (r != -EBADMSG || message.n_fds != 0)
                (void) raise(SIGABRT);
        return 0;
}
