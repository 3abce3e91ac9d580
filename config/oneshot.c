/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/oneshot.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#define COMPLAINT_MAX 512

/* What comes out of one pipe, up to a limit. */
struct stream {
        int fd;
        char *data;
        size_t size, allocated, max;
};

static void stream_done(struct stream *s) {
        s->fd = fd_close(s->fd);
        free(s->data);
        s->data = NULL;
}

/* 0, -EAGAIN, -EFBIG past the limit; at the end the descriptor is closed. */
static int stream_read(struct stream *s) {
        ssize_t n;

        if (s->size == s->allocated) {
                size_t allocate = MIN(MAX(s->allocated * 2, (size_t) 4096), s->max + 1);
                char *grown = s->size > s->max ? NULL : realloc(s->data, allocate + 1);

                if (!grown)
                        return s->size > s->max ? -EFBIG : -ENOMEM;
                s->data = grown;
                s->allocated = allocate;
        }
        n = read(s->fd, s->data + s->size, s->allocated - s->size);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        if (n == 0)
                s->fd = fd_close(s->fd);
        s->size += (size_t) n;
        s->data[s->size] = 0;
        return s->size > s->max ? -EFBIG : 0;
}

static int spawn(const char *const *argv, int input, int output, int complaints, pid_t *ret) {
        static char *const environment[] = {(char *) "PATH=/usr/bin:/bin", (char *) "LC_ALL=C.UTF-8", NULL};
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t signals;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r != 0) {
                (void) posix_spawn_file_actions_destroy(&actions);
                return -r;
        }
        (void) sigemptyset(&signals);
        (void) posix_spawnattr_setsigmask(&attributes, &signals);
        (void) sigaddset(&signals, SIGPIPE);
        (void) posix_spawnattr_setsigdefault(&attributes, &signals);
        (void) posix_spawnattr_setpgroup(&attributes, 0);
        (void) posix_spawnattr_setflags(&attributes,
                                        POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        r = input >= 0 ? posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
                       : posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, complaints, STDERR_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
        if (r == 0)
                r = posix_spawn(ret, argv[0], &actions, &attributes, (char *const *) argv, environment);
        (void) posix_spawnattr_destroy(&attributes);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

/* A pipe whose ends are above the standard descriptors, so that the copies of the child do not overwrite each other. */
static int make_pipe(int ret[2]) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        for (unsigned i = 0; i < 2; i++) {
                ret[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
                (void) fd_close(fds[i]);
        }
        if (ret[0] >= 0 && ret[1] >= 0)
                return fcntl(ret[1], F_SETFL, 0) < 0 ? -errno : 0;
        ret[0] = fd_close(ret[0]);
        ret[1] = fd_close(ret[1]);
        return -EMFILE;
}

/* Until both pipes are at their end. */
static int collect(struct stream *output, struct stream *complaints, uint64_t deadline) {
        while (output->fd >= 0 || complaints->fd >= 0) {
                struct pollfd fds[2] = {{.fd = output->fd, .events = POLLIN}, {.fd = complaints->fd, .events = POLLIN}};
                struct stream *streams[2] = {output, complaints};
                uint64_t now = now_monotonic();
                int n;

                if (now >= deadline)
                        return -ETIMEDOUT;
                n = poll(fds, 2, (int) MIN((deadline - now) / NSEC_PER_MSEC + 1, UINT64_C(60000)));
                if (n < 0 && errno != EINTR)
                        return -errno;
                for (unsigned i = 0; n > 0 && i < 2; i++) {
                        int r = fds[i].revents ? stream_read(streams[i]) : 0;

                        /* Of what it complains about, the beginning is enough: the rest is for nobody. */
                        if (r == -EFBIG && streams[i] == complaints)
                                complaints->size = complaints->max / 2;
                        else if (r < 0 && r != -EAGAIN)
                                return r;
                }
        }
        return 0;
}

/* Ends the child, by force unless it has closed its pipes, and says how it ended. */
static int reap(pid_t pid, bool force, uint64_t deadline) {
        int status;

        for (;;) {
                pid_t done;

                if (force || now_monotonic() >= deadline)
                        (void) kill(pid, SIGKILL);
                done = waitpid(pid, &status, force || now_monotonic() >= deadline ? 0 : WNOHANG);
                if (done == pid)
                        return status;
                if (done < 0 && errno != EINTR)
                        return -errno;
                if (done == 0)
                        (void) poll(NULL, 0, 1);
        }
}

static char *describe_failure(const struct stream *complaints, int status) {
        char *text;
        int r;

        if (complaints->size > 0 && complaints->data[0] != '\n')
                return strndup(complaints->data, strcspn(complaints->data, "\n"));
        if (WIFSIGNALED(status))
                r = asprintf(&text, "it died of %s", strsignal(WTERMSIG(status)));
        else
                r = asprintf(&text, "it ended with exit status %d", WEXITSTATUS(status));
        return r < 0 ? NULL : text;
}

int oneshot_run_on(const char *const *argv, int input, size_t max, uint64_t deadline, char **ret_output, size_t *ret_size) {
        _cleanup_(stream_done) struct stream output = {.fd = -1, .max = max},
                                             complaints = {.fd = -1, .max = COMPLAINT_MAX};
        int to_us[2], errors_to_us[2], collected, status, r;
        pid_t pid;

        r = make_pipe(to_us);
        if (r < 0)
                return r;
        output.fd = to_us[0];
        r = make_pipe(errors_to_us);
        if (r < 0) {
                (void) fd_close(to_us[1]);
                return r;
        }
        complaints.fd = errors_to_us[0];
        r = spawn(argv, input, to_us[1], errors_to_us[1], &pid);
        (void) fd_close(to_us[1]);
        (void) fd_close(errors_to_us[1]);
        if (r < 0)
                return r;

        collected = collect(&output, &complaints, deadline);
        status = reap(pid, collected < 0, deadline);
        if (collected < 0)
                return collected;
        if (status < 0)
                return status;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                char *text = describe_failure(&complaints, status);

                if (!text)
                        return -ENOMEM;
                *ret_output = text;
                *ret_size = strlen(text);
                return 1;
        }
        if (!output.data) {
                output.data = strdup("");
                if (!output.data)
                        return -ENOMEM;
        }
        *ret_output = STEAL(output.data);
        *ret_size = output.size;
        return 0;
}

int oneshot_run(const char *const *argv, size_t max, uint64_t deadline, char **ret_output, size_t *ret_size) {
        return oneshot_run_on(argv, -1, max, deadline, ret_output, ret_size);
}
