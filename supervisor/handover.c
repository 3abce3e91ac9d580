/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/handover.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/memfd.h"
#include "lib/pack.h"
#include "supervisor/cgroup.h"
#include "supervisor/environment.h"
#include "supervisor/former.h"
#include "supervisor/passed.h"
#include "supervisor/spawn.h"

/* Descriptors that go with it. */
#define FDS_MAX 4096
/* The loop stands still for a rehearsal: a few milliseconds, and no longer than this when the program hangs. */
#define REHEARSAL_NSEC (5 * NSEC_PER_SEC)

struct parcel {
        struct pack text;
        int fds[FDS_MAX];
        size_t n_fds;
        bool full;
};

bool handover_due(const struct service *s) {
        struct stat running, there;

        return stat("/proc/self/exe", &running) == 0 && stat(s->paths.supervisord, &there) == 0 &&
                (running.st_dev != there.st_dev || running.st_ino != there.st_ino);
}

/* ---- what is left ---- */

/* Descriptors go by their numbers, and as the very last thing are made to survive the exec. */
static void leave_fd(struct parcel *p, int fd) {
        pack_u32(&p->text, (uint32_t) fd);
        if (fd < 0)
                return;
        if (p->n_fds == FDS_MAX)
                p->full = true;
        else
                p->fds[p->n_fds++] = fd;
}

static bool is_in_the_middle(enum wire_kind kind) {
        return kind == WIRE_KIND_GATEWAY || kind == WIRE_KIND_PLUGIN || kind == WIRE_KIND_EXEC || kind == WIRE_KIND_AUTH;
}

static void leave_worker(struct parcel *p, enum wire_kind kind, pid_t pid, const char *name, const char *cgroup,
                         int pidfd, int channel, int stderr_fd) {
        pack_u8(&p->text, 1);
        pack_u32(&p->text, kind);
        pack_u32(&p->text, (uint32_t) pid);
        pack_string(&p->text, name);
        pack_string(&p->text, cgroup);
        leave_fd(p, pidfd);
        leave_fd(p, channel);
        leave_fd(p, stderr_fd);
}

static void leave_workers(struct parcel *p, struct service *s) {
        for (uint32_t slot = 0; slot < s->n_units; slot++)
                for (struct process *w = s->units[slot].processes; w; w = w->next)
                        if (!w->dead && w->pid > 0 && w->generation > 0) {
                                bool stays = is_in_the_middle(w->kind);

                                /* The others see their channel end, and are waited for only. */
                                leave_worker(p, w->kind, w->pid, policy_slot(&s->policy, slot)->name, w->cgroup, w->pidfd,
                                             stays ? w->channel : -1, w->stderr_fd);
                        }
        for (struct former *f = s->formers; f; f = f->next)
                leave_worker(p, f->kind, f->pid, f->name, f->cgroup, f->pidfd, f->channel, f->stderr_fd);
        pack_u8(&p->text, 0);
}

static void leave_listeners(struct parcel *p, const struct service *s) {
        pack_u32(&p->text, (uint32_t) s->n_listeners);
        for (size_t i = 0; i < s->n_listeners; i++) {
                pack_string(&p->text, s->listeners[i].name);
                pack_string(&p->text, s->listeners[i].address);
                pack_u32(&p->text, s->listeners[i].port);
                pack_u8(&p->text, s->listeners[i].passed);
                leave_fd(p, s->listeners[i].fd);
        }
}

static void leave_passed(int fd, const void *address, size_t size, void *userdata) {
        struct parcel *p = userdata;

        pack_u8(&p->text, 1);
        pack_bytes(&p->text, address, size);
        leave_fd(p, fd);
}

/* What operators said holds until the service's next start, and this is none. */
static void leave_wishes(struct parcel *p, struct service *s) {
        bool own_level = s->log_level != (enum log_level) s->plan.log_level;

        pack_u32(&p->text, own_level ? s->log_level : LOG_LEVEL_MAX);
        for (size_t i = 0; i < s->policy.n_slots; i++) {
                const struct policy_slot *slot = policy_slot(&s->policy, (uint32_t) i);

                if (slot && !slot->removed && slot->held) {
                        pack_u8(&p->text, 1);
                        pack_string(&p->text, slot->name);
                }
        }
        pack_u8(&p->text, 0);
}

static int wrap(struct parcel *p, struct service *s, int plan_fd, int descriptions_fd) {
        pack_u32(&p->text, HANDOVER_FORMAT);
        pack_u32(&p->text, WIRE_MAJOR);
        leave_fd(p, plan_fd);
        leave_fd(p, descriptions_fd);
        pack_u32(&p->text, s->policy.generation);
        leave_fd(p, s->log_fd);
        leave_fd(p, s->control_fd);
        leave_fd(p, cgroups_dir(s));
        pack_u32(&p->text, cgroups_spares(s));
        leave_listeners(p, s);
        passed_leave(leave_passed, p);
        pack_u8(&p->text, 0);
        leave_wishes(p, s);
        leave_workers(p, s);
        return p->full ? -E2BIG : pack_end(&p->text);
}

/* A descriptor of the sealed file, or a negative errno. */
static int seal(struct parcel *p, struct service *s, int plan_fd, int descriptions_fd) {
        int r = plan_fd < 0 || descriptions_fd < 0 ? -EBADMSG : wrap(p, s, plan_fd, descriptions_fd);

        return r < 0 ? r : memfd_sealed("handover", p->text.data, p->text.size);
}

/* ---- whether it could ---- */

/* What the child printed, in a line: the loader's complaint, or its own. */
static void read_complaint(int fd, char *ret, size_t size) {
        ssize_t n = read(fd, ret, size - 1);

        ret[MAX(n, 0)] = 0;
        ret[strcspn(ret, "\n")] = 0;
}

static int wait_for_end(int pidfd, siginfo_t *ret) {
        int r = channel_wait(pidfd, now_monotonic() + REHEARSAL_NSEC);

        if (r <= 0)
                (void) pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
        if (waitid(P_PIDFD, (id_t) pidfd, ret, WEXITED) < 0)
                return -errno;
        return r < 0 ? r : r == 0 ? -ETIMEDOUT : 0;
}

static int rehearse(struct service *s, const struct spawn *spawn, int complaints, char *text, size_t size) {
        char complaint[200];
        siginfo_t info = {0};
        const char *step;
        int pidfd, r;
        pid_t pid;

        r = spawn_exec(spawn, &pid, &pidfd, &step);
        if (r < 0) {
                (void) snprintf(text, size, "cannot %s %s: %s", step, s->paths.supervisord, strerror(-r));
                return r;
        }
        r = wait_for_end(pidfd, &info);
        (void) close(pidfd);
        if (r == -ETIMEDOUT)
                (void) snprintf(text, size, "the new supervisor did not answer within %u s",
                                (unsigned) (REHEARSAL_NSEC / NSEC_PER_SEC));
        else if (r < 0)
                (void) snprintf(text, size, "the new supervisor cannot be waited for: %s", strerror(-r));
        else if (info.si_code != CLD_EXITED) {
                (void) snprintf(text, size, "the new supervisor died of SIG%s", strempty(sigabbrev_np(info.si_status)));
                r = -ENOTSUP;
        } else if (info.si_status != 0) {
                read_complaint(complaints, complaint, sizeof(complaint));
                (void) snprintf(text, size, "the new supervisor cannot take over: %s",
                                complaint[0] ? complaint : "it did not say why");
                r = -ENOTSUP;
        }
        return r;
}

int handover_rehearse(struct service *s, int plan_fd, int descriptions_fd, char *ret_text, size_t text_size) {
        struct parcel p = {.text = PACK_NULL};
        _cleanup_close_ int fd = seal(&p, s, plan_fd, descriptions_fd);
        int complaints[2] = {-1, -1}, r = fd;
        char **named = NULL, **environment = NULL;

        pack_done(&p.text);
        if (r >= 0 && pipe2(complaints, O_CLOEXEC | O_NONBLOCK) < 0)
                r = -errno;
        if (r >= 0)
                r = environment_add(s->environment, HANDOVER_VARIABLE, HANDOVER_REHEARSAL_FD, &named);
        if (r >= 0)
                r = environment_add(named, HANDOVER_REHEARSAL, "1", &environment);
        if (r < 0)
                (void) snprintf(ret_text, text_size, "the handover cannot be prepared: %s", strerror(-r));
        else {
                const struct spawn spawn = {
                        .program = -1,
                        .argv = s->options->argv,
                        .environment = environment,
                        .fds = {s->null_fd, complaints[1], complaints[1], fd, plan_fd, descriptions_fd},
                        .n_fds = 6,
                        .parent_death_signal = SIGKILL,
                        .stay = true,
                        .memory = RLIM_INFINITY,
                        .files = RLIM_INFINITY,
                        .processes = RLIM_INFINITY,
                };

                r = rehearse(s, &spawn, complaints[0], ret_text, text_size);
        }
        free(environment);
        free(named);
        (void) fd_close(complaints[0]);
        (void) fd_close(complaints[1]);
        return r;
}

/* ---- doing it ---- */

static void keep(const struct parcel *p, bool over_exec) {
        for (size_t i = 0; i < p->n_fds; i++)
                (void) fcntl(p->fds[i], F_SETFD, over_exec ? 0 : FD_CLOEXEC);
}

int handover_execute(struct service *s, int plan_fd, int descriptions_fd) {
        struct parcel p = {.text = PACK_NULL};
        _cleanup_close_ int fd = seal(&p, s, plan_fd, descriptions_fd);
        char number[16];
        int r = fd;

        pack_done(&p.text);
        if (r >= 0) {
                (void) snprintf(number, sizeof(number), "%d", fd);
                /* systemd's sockets go in the file; their numbers may be others' by now. */
                (void) unsetenv("LISTEN_FDS");
                (void) unsetenv("LISTEN_FDNAMES");
                (void) unsetenv("LISTEN_PID");
                r = setenv(HANDOVER_VARIABLE, number, true) < 0 ? -errno : 0;
        }
        if (r < 0)
                return r;
        spawn_unprepare();
        keep(&p, true);
        (void) fcntl(fd, F_SETFD, 0);
        (void) execv(s->paths.supervisord, s->options->argv);
        r = -errno;
        keep(&p, false);
        (void) unsetenv(HANDOVER_VARIABLE);
        if (spawn_prepare() < 0)
                log_warning("the limit of open files cannot be raised again");
        return r;
}
