/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/init.h"

#include <fcntl.h>
#include <signal.h>

#include "supervisor/process.h"

void init_pass_on(struct service *s, int signo) {
        for (size_t i = 0; s->options->init && i < s->n_units; i++)
                for (struct process *p = s->units[i].processes; p; p = p->next)
                        if (p->kind == WIRE_KIND_EXEC)
                                process_signal(p, signo);
}

int init_output(const struct service *s, int otherwise) {
        return s->options->init ? STDERR_FILENO : otherwise;
}

int init_open_log(const struct service *s, const char *path) {
        int fd;

        if (!s->options->init && strcmp(path, "/dev/stderr") != 0)
                return -ENOENT;
        fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        return fd < 0 ? -errno : fd;
}
