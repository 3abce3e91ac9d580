/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/worker.h"

#include <elf.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "lib/cores.h"
#include "lib/hardening.h"
#include "lib/memfd.h"
#include "lib/syscall-names.h"

#define SLICE_MAX (8U * 1024 * 1024)
#define BACKTRACE_MAX 32
#define SIGNAL_STACK (64U * 1024)

/* The kernel's si_code for a refused system call, which libc's headers do not have. */
#ifndef SYS_SECCOMP
#  define SYS_SECCOMP 1
#endif

/* The handler cannot be given an argument; a process is one worker. */
static struct ring *crash_ring;

static void crash_text(const char *text) {
        ring_write(crash_ring, text, strlen(text));
}

static const char *crash_name(int signo) {
        switch (signo) {
        case SIGSEGV: return "SIGSEGV";
        case SIGBUS: return "SIGBUS";
        case SIGILL: return "SIGILL";
        case SIGFPE: return "SIGFPE";
        case SIGABRT: return "SIGABRT";
        case SIGSYS: return "SIGSYS";
        default: return "a signal";
        }
}

/* The supervisor hears of which call, too: its log line and the record say so. */
static void crash_violation(int number) {
        struct wire_note note = {.key = "violation"};

        syscall_name(number, note.text, sizeof(note.text));
        crash_text("the sandbox refuses the system call ");
        crash_text(note.text);
        crash_text("\n");
        (void) channel_send(WORKER_FD_CHANNEL, WIRE_NOTE, 0, &note, sizeof(note), NULL, 0);
}

static void crash(int signo, siginfo_t *info, void *context) {
        void *frames[BACKTRACE_MAX];
        int pipe_fds[2], n;

        if (signo == SIGSYS && info->si_code == SYS_SECCOMP)
                crash_violation(info->si_syscall);
        crash_text("died of ");
        crash_text(crash_name(signo));
        crash_text("; backtrace:\n");
        n = backtrace(frames, BACKTRACE_MAX);
        /* backtrace_symbols_fd() is the only one that allocates nothing, and it wants a descriptor: a pipe holds it all. */
        if (pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC) == 0) {
                char text[1024];
                ssize_t size;

                backtrace_symbols_fd(frames, n, pipe_fds[1]);
                while ((size = read(pipe_fds[0], text, sizeof(text))) > 0)
                        ring_write(crash_ring, text, (size_t) size);
        }

        /* SA_RESETHAND: the signal now does what it always did. */
        (void) raise(signo);
}

int worker_install_crash_handlers(struct ring *ring) {
        static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
        struct sigaction action = {.sa_sigaction = crash, .sa_flags = (int) (SA_SIGINFO | SA_RESETHAND | SA_ONSTACK | SA_NODEFER)};
        stack_t stack = {.ss_size = SIGNAL_STACK};
        void *frames[2];

        /* The first call loads libgcc, which a handler must not do. */
        (void) backtrace(frames, ELEMENTSOF(frames));
        if (!crash_ring) {
                /* Untouched pages of a mapping cost nothing until the crash. */
                stack.ss_sp = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
                if (stack.ss_sp == MAP_FAILED)
                        return -errno;
                if (sigaltstack(&stack, NULL) < 0)
                        return -errno;
        }
        crash_ring = ring;
        for (unsigned i = 0; i < ELEMENTSOF(signals); i++)
                if (sigaction(signals[i], &action, NULL) < 0)
                        return -errno;
        return 0;
}

static int find_build_id(struct dl_phdr_info *info, size_t size, void *userdata) {
        uint8_t *build_id = userdata;

        for (unsigned i = 0; i < info->dlpi_phnum; i++) {
                const ElfW(Phdr) *header = &info->dlpi_phdr[i];
                const uint8_t *at = (const uint8_t *) (info->dlpi_addr + header->p_vaddr), *end = at + header->p_memsz;

                if (header->p_type != PT_NOTE)
                        continue;
                while ((size_t) (end - at) >= sizeof(ElfW(Nhdr))) {
                        ElfW(Nhdr) note;
                        size_t name, description;

                        memcpy(&note, at, sizeof(note));
                        name = (note.n_namesz + 3U) & ~3U;
                        description = (note.n_descsz + 3U) & ~3U;
                        at += sizeof(note);
                        if (name + description > (size_t) (end - at))
                                break;
                        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(at, "GNU", 4) == 0) {
                                memcpy(build_id, at + name, MIN((size_t) note.n_descsz, (size_t) 20));
                                return 1;
                        }
                        at += name + description;
                }
        }
        /* Only the first object, the program itself. */
        return 1;
}

static int take_setup(struct worker *w, struct channel_message *m) {
        const struct wire_setup *setup = m->body;

        if (m->header.type != WIRE_SETUP || !wire_string_valid(setup->service) || !wire_string_valid(setup->name) ||
            !wire_string_valid(setup->plugin) || !wire_string_valid(setup->class) || !wire_string_valid(setup->plugin_path) ||
            setup->log_level >= LOG_LEVEL_MAX)
                return -EBADMSG;
        w->setup = *setup;
        w->n_fds = m->n_fds;
        for (size_t i = 0; i < m->n_fds; i++)
                w->fds[i] = channel_message_take_fd(m, i);
        return 0;
}

static void set_logger(struct worker *w) {
        log_name(w->logger, sizeof(w->logger), w->setup.service, w->setup.name);
        log_setup(WORKER_FD_LOG, -1, w->logger, (enum log_level) w->setup.log_level);
        if (w->setup.plugin[0])
                log_set_plugin(w->setup.plugin);
        log_set_ring(w->ring);
}

/* The sandbox in the sealed file @fd; @ret says what is in force then. */
static void confine(struct worker *w, int fd, char ret[WIRE_TEXT_MAX]) {
        struct sandbox_outcome outcome;
        struct sandbox sandbox = {};
        _cleanup_free_ char *data = NULL;
        const char *step = "read it";
        size_t size;
        int r;

        r = memfd_read(fd, SANDBOX_SIZE_MAX, &data, &size);
        if (r >= 0)
                r = sandbox_decode(data, size, &sandbox);
        log_open_journal();
        if (r >= 0 && sandbox.core_max > 0) {
                int error = cores_prepare(sandbox.cores, sandbox.core_max);

                if (error < 0)
                        log_warning("a crash will leave no core in %s: %s", sandbox.cores, strerror(-error));
        }
        if (r >= 0)
                r = sandbox_apply(&sandbox, &outcome, &step);
        if (r < 0)
                worker_fail(w, WIRE_CAUSE_EXIT, "the sandbox cannot be applied: cannot %s: %s", step, strerror(-r));
        hardening_describe(&sandbox, &outcome, ret, WIRE_TEXT_MAX);
}

static void confine_by_setup(struct worker *w, char ret[WIRE_TEXT_MAX]) {
        _cleanup_close_ int fd = worker_take_fd(w, WIRE_FD_SANDBOX, 0);

        if (fd >= 0)
                confine(w, fd, ret);
        else if (!ret[0])
                hardening_describe(NULL, NULL, ret, WIRE_TEXT_MAX);
}

/* The next message; -ECONNRESET at the end. */
static int receive(struct worker *w, struct channel_message *m) {
        int r = channel_wait(w->channel, NSEC_NEVER);

        if (r < 0)
                return r;
        r = channel_receive(w->channel, WIRE_DOWN, m);
        return r > 0 ? 0 : r < 0 ? r : -ECONNRESET;
}

int worker_begin_forked(struct worker *w, enum wire_kind kind) {
        struct wire_hello hello = {.major = WIRE_MAJOR, .minor = WIRE_MINOR, .kind = kind};
        char hardening[WIRE_TEXT_MAX] = "";
        struct channel_message m;
        int r;

        *w = (struct worker) {.channel = WORKER_FD_CHANNEL};
        r = ring_map(WORKER_FD_RING, &w->ring);
        if (r < 0)
                return r;
        r = worker_install_crash_handlers(w->ring);
        if (r < 0)
                return r;

        (void) dl_iterate_phdr(find_build_id, hello.build_id);
        r = channel_send(w->channel, WIRE_HELLO, 0, &hello, sizeof(hello), NULL, 0);
        if (r < 0)
                return r;
        r = receive(w, &m);
        if (r >= 0 && m.header.type == WIRE_CONFINE && m.n_fds == 1) {
                confine(w, m.fds[0], hardening);
                channel_message_done(&m);
                r = receive(w, &m);
        }
        if (r < 0)
                return r;
        r = take_setup(w, &m);
        channel_message_done(&m);
        if (r < 0)
                return r;

        set_logger(w);
        (void) prctl(PR_SET_NAME, w->setup.name);
        confine_by_setup(w, hardening);
        return worker_note(w, "hardening", "%s", hardening);
}

int worker_begin(struct worker *w, enum wire_kind kind) {
        /* The five descriptors came through exec; what we start in turn does not get them. */
        for (int fd = WORKER_FD_CHANNEL; fd <= WORKER_FD_RING; fd++)
                if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                        return -errno;
        (void) signal(SIGPIPE, SIG_IGN);
        return worker_begin_forked(w, kind);
}

int worker_take_fd(struct worker *w, enum wire_fd_role role, size_t i) {
        for (size_t j = 0; j < w->n_fds; j++)
                if (w->setup.fd_roles[j] == role && i-- == 0)
                        return w->fds[j] >= 0 ? fd_steal(&w->fds[j]) : -ENOENT;
        return -ENOENT;
}

int worker_read_slice(struct worker *w, char **ret_json, size_t *ret_size) {
        _cleanup_close_ int fd = worker_take_fd(w, WIRE_FD_SLICE, 0);

        if (fd < 0)
                return fd;
        return memfd_read(fd, SLICE_MAX, ret_json, ret_size);
}

int worker_ready(struct worker *w) {
        return channel_send(w->channel, WIRE_READY, 0, NULL, 0, NULL, 0);
}

int worker_note(struct worker *w, const char *key, const char *format, ...) {
        struct wire_note note = {0};
        va_list ap;

        (void) strcopy(note.key, sizeof(note.key), key);
        va_start(ap, format);
        (void) vsnprintf(note.text, sizeof(note.text), format, ap);
        va_end(ap);
        return channel_send(w->channel, WIRE_NOTE, 0, &note, sizeof(note), NULL, 0);
}

void worker_fail(struct worker *w, enum wire_cause cause, const char *format, ...) {
        struct wire_failed failed = {.cause = cause};
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(failed.text, sizeof(failed.text), format, ap);
        va_end(ap);
        log_error("%s", failed.text);
        (void) channel_send(w->channel, WIRE_FAILED, 0, &failed, sizeof(failed), NULL, 0);
        exit(cause == WIRE_CAUSE_EXIT ? EXIT_FAILURE : WORKER_EXIT_CONFIG);
}
