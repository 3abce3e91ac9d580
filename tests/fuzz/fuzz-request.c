/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a request and as a reply: refused, or something that can be packed again to the same bytes. The first byte
 * says whether the rest comes in a memory file, too.
 */
#include <signal.h>

#include "lib/memfd.h"
#include "lib/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_request(const uint8_t *data, size_t size, int fd) {
        _cleanup_(pack_done) struct pack again = PACK_NULL;
        _cleanup_(request_done) struct request request = {.body_fd = -1};

        if (request_decode(data, size, fd, &request) < 0)
                return;
        /* What was in the memory file is packed otherwise. */
        if (request_encode(&request, &again) < 0 ||
            (fd < 0 && (again.size != size || memcmp(again.data, data, size) != 0)))
                (void) raise(SIGABRT);
}

static void try_reply(const uint8_t *data, size_t size) {
        _cleanup_(pack_done) struct pack again = PACK_NULL;
        _cleanup_(reply_done) struct reply reply = REPLY_NULL;

        if (reply_decode(data, size, -1, &reply) < 0)
                return;
        if (reply_encode(&reply, &again) < 0 || again.size != size || memcmp(again.data, data, size) != 0)
                (void) raise(SIGABRT);
}

/* A split request: a head that announces as much body as the input's second byte says, the rest in the memory file. */
static void try_split(const uint8_t *data, size_t size) {
        struct request head = {.body_fd = -1};
        struct pack p = PACK_NULL, tail = PACK_NULL;
        int fd = memfd_sealed("fuzz", data, size);

        head.body_size = size > 0 ? data[0] : 0;
        if (fd >= 0 && request_encode_split(&head, &p, &tail) == 0)
                try_request(p.data, p.size, fd);
        pack_done(&p);
        pack_done(&tail);
        (void) fd_close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size == 0)
                return 0;
        if (data[0] & 1)
                try_split(data + 1, size - 1);
        else {
                try_request(data + 1, size - 1, -1);
                try_reply(data + 1, size - 1);
        }
        return 0;
}
