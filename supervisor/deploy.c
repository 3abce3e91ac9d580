/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/deploy.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/memfd.h"
#include "supervisor/spawn.h"

#define DESCRIPTIONS_MAX (32U * 1024 * 1024)
#define STEP_NSEC (20 * NSEC_PER_MSEC)

int deploy_begin(struct service *s, struct deploy *d) {
        const struct options *o = s->options;
        int channel[2] = {-1, -1}, findings[2] = {-1, -1}, r;
        char **argv, program[1024];
        const char *step;
        struct spawn spawn = {
                .program = -1,
                .environment = s->environment,
                .parent_death_signal = SIGKILL,
                .stay = true, /* the words of the command line may name what is relative to it */
                .core = 0,
                .memory = RLIM_INFINITY,
                .files = RLIM_INFINITY,
                .processes = RLIM_INFINITY,
                .n_fds = 4,
        };

        *d = DEPLOY_NULL;
        r = paths_program(&s->paths, "wazo-config", program, sizeof(program));
        if (r < 0)
                return r;
        argv = calloc((size_t) o->argc + 3, sizeof(*argv));
        if (!argv)
                return -ENOMEM;
        /* The same words as ours, so that the same settings come out of them. */
        memcpy(argv, o->argv, (size_t) o->argc * sizeof(*argv));
        argv[0] = program;
        argv[o->argc] = (char *) "--emit";

        r = channel_pair(channel);
        if (r >= 0 && pipe2(findings, O_CLOEXEC) < 0)
                r = -errno;
        if (r >= 0) {
                spawn.argv = argv;
                spawn.fds[0] = s->null_fd;
                spawn.fds[1] = spawn.fds[2] = findings[1];
                spawn.fds[3] = channel[1];
                r = spawn_exec(&spawn, &d->pid, &d->pidfd, &step);
                if (r < 0)
                        log_error("cannot %s the configuration child %s: %s", step, program, strerror(-r));
        }
        free(argv);
        (void) fd_close(channel[1]);
        (void) fd_close(findings[1]);
        d->channel = channel[0];
        d->findings_fd = findings[0];
        if (d->findings_fd >= 0)
                (void) fcntl(d->findings_fd, F_SETFL, O_NONBLOCK);
        if (r < 0)
                deploy_done(d);
        return r;
}

static void read_findings(struct deploy *d) {
        char text[4096];
        ssize_t n;

        while (d->findings_fd >= 0 && (n = read(d->findings_fd, text, sizeof(text))) > 0) {
                size_t keep = MIN((size_t) n, DEPLOY_FINDINGS_MAX - d->findings_size);
                char *findings = realloc(d->findings, d->findings_size + keep + 1);

                if (!findings)
                        return;
                memcpy(findings + d->findings_size, text, keep);
                d->findings = findings;
                d->findings_size += keep;
                d->findings[d->findings_size] = 0;
        }
}

static void read_channel(struct deploy *d) {
        struct channel_message m;

        if (channel_receive(d->channel, WIRE_UP, &m) != 1)
                return;
        if (m.header.type == WIRE_DEPLOY && m.n_fds == 2 && d->plan_fd < 0) {
                d->plan_fd = channel_message_take_fd(&m, 0);
                d->descriptions_fd = channel_message_take_fd(&m, 1);
        }
        channel_message_done(&m);
}

void deploy_read(struct deploy *d) {
        read_findings(d);
        read_channel(d);
}

int deploy_wait(struct deploy *d, uint64_t deadline) {
        siginfo_t info = {0};

        for (;;) {
                int r = channel_wait(d->pidfd, MIN(deadline, now_monotonic() + STEP_NSEC));

                if (r < 0)
                        return r;
                deploy_read(d);
                if (r > 0)
                        break;
                if (now_monotonic() >= deadline) {
                        (void) pidfd_send_signal(d->pidfd, SIGKILL, NULL, 0);
                        (void) waitid(P_PIDFD, (id_t) d->pidfd, &info, WEXITED);
                        return -ETIMEDOUT;
                }
        }
        if (waitid(P_PIDFD, (id_t) d->pidfd, &info, WEXITED | WNOHANG) < 0)
                return -errno;
        deploy_read(d);
        return info.si_code == CLD_EXITED ? info.si_status : -ECHILD;
}

int deploy_decode(int plan_fd, int descriptions_fd, struct plan *ret_plan, char **ret_data, size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        size_t size, ignored;
        int r;

        r = memfd_check(descriptions_fd, DESCRIPTIONS_MAX, &ignored);
        if (r >= 0)
                r = memfd_read(plan_fd, PLAN_SIZE_MAX, &data, &size);
        if (r >= 0)
                r = plan_decode(data, size, ret_plan);
        if (r < 0)
                return r;
        *ret_data = STEAL(data);
        *ret_size = size;
        return 0;
}

int deploy_take(struct deploy *d, struct plan *ret_plan, char **ret_data, size_t *ret_size, int *ret_plan_fd,
                int *ret_descriptions_fd) {
        int r = d->plan_fd < 0 ? -EBADMSG : deploy_decode(d->plan_fd, d->descriptions_fd, ret_plan, ret_data, ret_size);

        if (r < 0)
                return r;
        *ret_plan_fd = fd_steal(&d->plan_fd);
        *ret_descriptions_fd = fd_steal(&d->descriptions_fd);
        return 0;
}

void deploy_done(struct deploy *d) {
        if (d->pidfd >= 0) {
                siginfo_t info;

                (void) pidfd_send_signal(d->pidfd, SIGKILL, NULL, 0);
                (void) waitid(P_PIDFD, (id_t) d->pidfd, &info, WEXITED);
        }
        (void) fd_close(d->pidfd);
        (void) fd_close(d->channel);
        (void) fd_close(d->findings_fd);
        (void) fd_close(d->plan_fd);
        (void) fd_close(d->descriptions_fd);
        free(d->findings);
        *d = DEPLOY_NULL;
}
