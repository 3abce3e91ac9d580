/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/wait.h"

int wait_for(int fd, short events, uint64_t deadline) {
        for (;;) {
                struct pollfd p = {.fd = fd, .events = events};
                uint64_t now = now_monotonic();
                int n;

                if (now >= deadline)
                        return -ETIMEDOUT;
                n = poll(&p, 1, (int) MIN((deadline - now) / NSEC_PER_MSEC + 1, (uint64_t) INT32_MAX));
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
        }
}
