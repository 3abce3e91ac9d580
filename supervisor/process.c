/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/ring.h"
#include "lib/worker.h"
#include "supervisor/cgroup.h"
#include "supervisor/deaths.h"
#include "supervisor/environment.h"
#include "supervisor/feed.h"
#include "supervisor/init.h"
#include "supervisor/messages.h"
#include "supervisor/notify.h"
#include "supervisor/nursery.h"
#include "supervisor/orphans.h"
#include "supervisor/reaper.h"
#include "supervisor/spawn.h"
#include "supervisor/stderr.h"
#include "supervisor/watch.h"

/* Messages taken from one channel in one turn of the loop: others have a turn, too. */
#define READ_BUDGET 64
/* What may lie unread in a dead worker's channel: no more fits its socket buffer. */
#define READ_ALL 4096
#define QUEUE_MAX 1024
#define LEADERLESS_NSEC NSEC_PER_SEC
#define OOM_KILLS_NSEC (100 * NSEC_PER_MSEC)

/* ---- the end ---- */

/*
 * The kernel's count of processes that it killed for want of memory; 0 when it cannot be read. The kernel adds up much for
 * it: a count of not long ago does for a birth, which is what @age allows.
 */
static uint64_t oom_kills(uint64_t age) {
        static uint64_t known, known_at;
        static int fd = -1;
        uint64_t now = now_monotonic();
        char text[8192];
        const char *at;
        ssize_t n;

        if (known_at > 0 && now - known_at <= age)
                return known;
        if (fd < 0)
                fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
        if (n <= 0)
                return 0;
        text[n] = 0;
        at = strstr(text, "\noom_kill ");
        known = at ? strtoull(at + strlen("\noom_kill "), NULL, 10) : 0;
        known_at = now;
        return known;
}

static enum wire_cause cause_of(const struct process *p, const siginfo_t *info) {
        if (info->si_code == CLD_EXITED)
                return info->si_status == WORKER_EXIT_CONFIG && p->kind != WIRE_KIND_EXEC ? WIRE_CAUSE_CONFIG : WIRE_CAUSE_EXIT;
        if (info->si_status == SIGSYS)
                return WIRE_CAUSE_SANDBOX;
        if (info->si_status == SIGKILL)
                return cgroups_out_of_memory(p) || oom_kills(0) > p->oom_kills_before ? WIRE_CAUSE_OOM : WIRE_CAUSE_KILLED;
        return WIRE_CAUSE_SIGNAL;
}

void process_ended(struct process *p) {
        struct service *s = p->service;
        struct rusage usage = {0};
        siginfo_t info = {0};

        if (p->dead)
                return;
        /* What it said before it died counts: a READY, a FAILED, its last lines. */
        if (!process_is_spare(p))
                process_read(p, READ_ALL);
        stderr_drain(p);
        notify_socket_close(p);
        if (syscall(SYS_waitid, P_PIDFD, p->pidfd, &info, WEXITED | WNOHANG, &usage) < 0) {
                /* Reaped by somebody else, which must not be: how it ended is not known any more, that it did is. */
                info.si_code = CLD_KILLED;
                info.si_status = SIGKILL;
        } else if (info.si_pid == 0)
                return;
        p->dead = true;
        if (process_is_spare(p)) {
                nursery_spare_died(p);
                (void) process_free(p);
                return;
        }
        deaths_begin(s, p, &info, &usage);
        service_event(s, .type = EVENT_DIED, .slot = p->slot, .generation = p->generation, .cause = cause_of(p, &info),
                      .exit_status = info.si_status, .text = p->violation);
        if (p->kind == WIRE_KIND_NURSERY)
                nursery_died(s, p->generation);
        orphans_of(s, p->pid);
        deaths_end(s);
        (void) process_free(p);
}

/* ---- messages ---- */

void process_broke(struct process *p, const char *text) {
        struct policy_slot *slot = policy_slot(&p->service->policy, p->slot);

        log_error("worker '%s' (pid %d) broke the protocol: %s: it is killed", slot ? slot->name : "?", (int) p->pid, text);
        p->channel_source = sd_event_source_disable_unref(p->channel_source);
        p->channel = fd_close(p->channel);
        service_event(p->service, .type = EVENT_BROKE, .slot = p->slot, .generation = p->generation, .text = text);
}

/* A process that closed its channel and lives on cannot be led. */
static int on_leaderless(sd_event_source *source, uint64_t usec, void *userdata) {
        process_broke(userdata, "closed its channel and went on");
        return 0;
}

/* The end of the channel mostly is the first sign of a death, which the pidfd tells in a moment. */
static void channel_ended(struct process *p) {
        p->channel_source = sd_event_source_disable_unref(p->channel_source);
        p->channel = fd_close(p->channel);
        if (watch_timer(p->service->event, &p->leaderless_source, on_leaderless, p) >= 0)
                (void) watch_timer_set(p->leaderless_source, now_monotonic() + LEADERLESS_NSEC);
}

void process_read(struct process *p, unsigned budget) {
        static struct channel_message m; /* the loop is one thread, and handlers do not read */

        while (budget-- > 0 && p->channel >= 0) {
                int r = channel_receive(p->channel, WIRE_UP, &m);

                if (r == -EAGAIN)
                        return;
                if (r <= 0) {
                        if (r == -EBADMSG) {
                                process_broke(p, "sent what is no message");
                                return;
                        }
                        channel_ended(p);
                        return;
                }
                messages_handle(p, &m);
                channel_message_done(&m);
        }
}

static void watch_writing(struct process *p, bool on) {
        if (p->channel_source)
                (void) sd_event_source_set_io_events(p->channel_source, EPOLLIN | (on ? EPOLLOUT : 0U));
}

static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct process *p = userdata;

        if (revents & EPOLLOUT) {
                int r = channel_queue_flush(&p->queue, p->channel);

                if (r == 0)
                        watch_writing(p, false);
        }
        if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
                process_read(p, READ_BUDGET);
        return 0;
}

void process_send(struct process *p, enum wire_type type, uint64_t id, const void *body, size_t size, const int *fds,
                  size_t n_fds) {
        int r;

        if (p->channel < 0)
                return;
        r = channel_queue_send(&p->queue, p->channel, type, id, body, size, fds, n_fds);
        if (r == 1)
                watch_writing(p, true);
        else if (r == -ENOBUFS)
                process_broke(p, "does not read its channel");
        else if (r < 0 && r != -EPIPE && r != -ECONNRESET)
                log_warning("cannot send %s to pid %d: %s", wire_message_info(type)->name, (int) p->pid, strerror(-r));
}

void process_signal(struct process *p, int signo) {
        if (p->pidfd < 0)
                return;
        if (pidfd_send_signal(p->pidfd, signo, NULL, 0) < 0 && errno != ESRCH)
                log_warning("cannot send SIG%s to pid %d: %m", strempty(sigabbrev_np(signo)), (int) p->pid);
        /* A stopped process does nothing of what it is told before this. */
        if (signo != SIGKILL)
                (void) pidfd_send_signal(p->pidfd, SIGCONT, NULL, 0);
}

/* ---- the beginning ---- */

static bool has_channel(enum wire_kind kind) {
        return kind != WIRE_KIND_EXEC;
}

int process_new(struct service *s, uint32_t slot, uint32_t generation, enum wire_kind kind, int ret_ends[3], struct process **ret) {
        struct unit *unit = service_unit(s, slot);
        int channel[2] = {-1, -1}, lines[2] = {-1, -1};
        struct process *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        *p = (struct process) {
                .service = s,
                .slot = slot,
                .generation = generation,
                .kind = kind,
                .pidfd = -1,
                .channel = -1,
                .stderr_fd = -1,
                .ring = -1,
                .notify_fd = -1,
                .queue = CHANNEL_QUEUE_NULL(QUEUE_MAX),
                .spawned_at = now_monotonic(),
                .oom_kills_before = oom_kills(OOM_KILLS_NSEC),
        };

        r = pipe2(lines, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
        if (r >= 0 && has_channel(kind)) {
                r = channel_pair(channel);
                if (r >= 0)
                        r = p->ring = ring_open();
        }
        if (r < 0) {
                (void) fd_close(lines[0]);
                (void) fd_close(lines[1]);
                (void) fd_close(channel[0]);
                (void) fd_close(channel[1]);
                free(p);
                return r;
        }
        /* Only our end must not block: a program that prints does not expect EAGAIN. */
        (void) fcntl(lines[1], F_SETFL, fcntl(lines[1], F_GETFL) & ~O_NONBLOCK);

        p->channel = channel[0];
        p->stderr_fd = lines[0];
        p->next = unit->processes;
        unit->processes = p;
        ret_ends[0] = channel[1];
        ret_ends[1] = lines[1];
        ret_ends[2] = p->ring;
        *ret = p;
        return 0;
}

/* Watches what it says. */
static int listen_to(struct process *p) {
        sd_event *event = p->service->event;
        int r;

        r = stderr_watch(p);
        if (r >= 0 && p->channel >= 0)
                r = watch_fd(event, &p->channel_source, p->channel, EPOLLIN, on_channel, p, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0 && p->queue.first)
                watch_writing(p, true);
        return r;
}

int process_born(struct process *p, pid_t pid, int pidfd) {
        int r;

        p->pid = pid;
        p->pidfd = pidfd;
        cgroups_enter(p);
        if (service_unit(p->service, p->slot)->plan)
                cgroups_limit(p, service_unit(p->service, p->slot)->plan);
        r = reaper_watch(p);
        return r < 0 || process_is_spare(p) ? r : listen_to(p);
}

static void unlink_from_unit(struct process *p) {
        struct unit *unit = service_unit(p->service, p->slot);

        for (struct process **at = &unit->processes; *at; at = &(*at)->next)
                if (*at == p) {
                        *at = p->next;
                        return;
                }
}

struct process *process_free(struct process *p) {
        if (!p)
                return NULL;
        unlink_from_unit(p);
        /* Out of the loop first: a copy of the descriptor in a child would keep it in epoll. */
        reaper_forget(p);
        p->channel_source = sd_event_source_disable_unref(p->channel_source);
        p->leaderless_source = sd_event_source_disable_unref(p->leaderless_source);
        notify_socket_close(p);
        stderr_close(p);
        cgroups_leave(p);
        p->pidfd = fd_close(p->pidfd);
        p->channel = fd_close(p->channel);
        p->ring = fd_close(p->ring);
        channel_queue_done(&p->queue);
        feed_unsubscribe(p);
        free(p->inflight);
        free(p);
        return NULL;
}

/* Both limits, or as much of @value as the process may have. */
static int limit(pid_t pid, int resource, rlim_t value) {
        struct rlimit limit;

        if (prlimit(pid, (__rlimit_resource_t) resource, NULL, &limit) < 0)
                return -errno;
        limit.rlim_cur = limit.rlim_max = MIN(value, limit.rlim_max);
        return prlimit(pid, (__rlimit_resource_t) resource, &limit, NULL) < 0 ? -errno : 0;
}

uint64_t process_data_max(const struct service *s, const struct plan_worker *worker) {
        return cgroups_have_memory(s) ? 0 : worker->memory_max;
}

int process_adopt(struct process *p, uint32_t slot, uint32_t generation) {
        struct unit *unit = service_unit(p->service, slot);
        const struct plan_worker *worker = unit->plan;
        int r;

        /* It sleeps until it gets its SETUP: none of its own code has run without them. */
        r = limit(p->pid, RLIMIT_CORE, worker->core ? RLIM_INFINITY : 0);
        cgroups_limit(p, worker);
        if (r >= 0 && process_data_max(p->service, worker) > 0)
                r = limit(p->pid, RLIMIT_DATA, process_data_max(p->service, worker));
        if (r >= 0 && worker->files_max > 0)
                r = limit(p->pid, RLIMIT_NOFILE, worker->files_max);
        if (r >= 0 && worker->processes_max > 0)
                r = limit(p->pid, RLIMIT_NPROC, worker->processes_max);
        if (r >= 0)
                r = listen_to(p);
        if (r < 0)
                return r;

        unlink_from_unit(p);
        p->next = unit->processes;
        unit->processes = p;
        p->slot = slot;
        p->generation = generation;
        p->spawned_at = now_monotonic();
        p->oom_kills_before = oom_kills(OOM_KILLS_NSEC);
        return 0;
}

/* Plugins and the nursery that they are forked from are one program. */
static bool is_host(enum wire_kind kind) {
        return kind == WIRE_KIND_PLUGIN || kind == WIRE_KIND_NURSERY;
}

static int find_binary(struct service *s, const struct plan_worker *worker, enum wire_kind kind) {
        const char *name = is_host(kind) ? "wazo-host" : worker->argv[0];

        for (size_t i = 0; i < s->n_binaries; i++)
                if (name && streq(s->binaries[i].name, name))
                        return s->binaries[i].fd;
        return -1;
}

static rlim_t rlimit_of(uint64_t value) {
        return value > 0 ? (rlim_t) value : RLIM_INFINITY;
}

static void spawn_failed(struct service *s, uint32_t slot, uint32_t generation, const char *what, const char *step, int error) {
        char text[WIRE_TEXT_MAX];

        (void) snprintf(text, sizeof(text), "cannot %s %s: %s", step, what, strerror(-error));
        log_error("worker '%s': %s", policy_slot(&s->policy, slot)->name, text);
        service_event(s, .type = EVENT_SPAWN_FAILED, .slot = slot, .generation = generation, .cause = WIRE_CAUSE_EXEC,
                      .exit_status = error, .text = text);
}

/* Workers of ours say themselves what is in force. */
static void say_foreign(struct service *s, uint32_t slot) {
        struct unit *unit = service_unit(s, slot);
        char limits[96];

        cgroups_say(s, limits, sizeof(limits));
        (void) snprintf(unit->hardening, sizeof(unit->hardening), "no_new_privs yes, no sandbox: a foreign command; %s", limits);
}

static void spawn_by_exec(struct service *s, uint32_t slot, uint32_t generation, enum wire_kind kind) {
        const struct plan_worker *worker = service_unit(s, slot)->plan;
        const char *name = policy_slot(&s->policy, slot)->name, *step = "prepare";
        char *argv[PLAN_ARGS_MAX + 2] = {0};
        _cleanup_free_ char **environment = NULL;
        char notify[160];
        struct process *p = NULL;
        int ends[3] = {-1, -1, -1}, pidfd, r;
        pid_t pid;
        struct spawn spawn = {
                .argv = argv,
                .program = kind == WIRE_KIND_EXEC ? -1 : find_binary(s, worker, kind),
                .parent_death_signal = kind == WIRE_KIND_EXEC ? SIGTERM : SIGKILL,
                /* The nursery's is the most that its children can have; it keeps none for itself. */
                .core = kind == WIRE_KIND_NURSERY || (worker && worker->core) ? RLIM_INFINITY : 0,
                .memory = worker ? rlimit_of(process_data_max(s, worker)) : RLIM_INFINITY,
                .files = worker ? rlimit_of(worker->files_max) : RLIM_INFINITY,
                .processes = worker ? rlimit_of(worker->processes_max) : RLIM_INFINITY,
        };

        /* Without a plan there is only the nursery. */
        if (kind == WIRE_KIND_EXEC && worker)
                memcpy(argv, worker->argv, sizeof(worker->argv));
        else {
                argv[0] = (char *) (is_host(kind) || !worker ? "wazo-host" : worker->argv[0]);
                argv[1] = (char *) (kind == WIRE_KIND_NURSERY ? "--nursery" : name);
        }

        r = process_new(s, slot, generation, kind, ends, &p);
        if (r >= 0 && worker && worker->ready == PLAN_READY_NOTIFY && kind == WIRE_KIND_EXEC) {
                r = notify_socket_open(p, name, notify, sizeof(notify));
                if (r >= 0)
                        r = environment_add(s->environment, "NOTIFY_SOCKET", notify, &environment);
        } else if (r >= 0 && (is_host(kind) || kind == WIRE_KIND_RELAY))
                /* A cache of freed memory in each of a hundred plugin workers costs more than it saves: 75 KiB,
                 * measured. And relay, too, rests most of the time. */
                r = environment_add(s->environment, "GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", &environment);
        if (r >= 0) {
                spawn.environment = environment ?: s->environment;
                spawn.fds[0] = s->null_fd;
                spawn.fds[1] = spawn.fds[2] = kind == WIRE_KIND_EXEC ? init_output(s, ends[1]) : ends[1];
                spawn.fds[3] = ends[0];
                spawn.fds[4] = s->log_fd;
                spawn.fds[5] = ends[2];
                spawn.n_fds = has_channel(kind) ? 6 : 3;
                r = spawn_exec(&spawn, &pid, &pidfd, &step);
        }
        (void) fd_close(ends[0]);
        (void) fd_close(ends[1]);
        if (r < 0) {
                (void) process_free(p);
                spawn_failed(s, slot, generation, argv[0], step, r);
                return;
        }

        r = process_born(p, pid, pidfd);
        if (r < 0) {
                /* Without its watch it would be lost: it must not live. */
                log_error("cannot watch pid %d: %s", (int) pid, strerror(-r));
                (void) pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
                (void) waitpid(pid, NULL, 0);
                (void) process_free(p);
                spawn_failed(s, slot, generation, argv[0], "watch", r);
                return;
        }
        if (kind == WIRE_KIND_EXEC)
                say_foreign(s, slot);
        service_event(s, .type = EVENT_SPAWNED, .slot = slot, .generation = generation);
}

void process_spawn(struct service *s, uint32_t slot, uint32_t generation) {
        struct unit *unit = service_unit(s, slot);
        enum wire_kind kind = unit->plan ? (enum wire_kind) unit->plan->kind : WIRE_KIND_NURSERY;

        if (kind == WIRE_KIND_PLUGIN && unit->plan->nursery && !unit->fork_failed && nursery_spawn(s, slot, generation))
                return;
        unit->fork_failed = false;
        spawn_by_exec(s, slot, generation, kind);
}
