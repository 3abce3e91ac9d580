/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-supervisord: runs the plugins of one service, each in a process of its own.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>

#include "config/devdir.h"
#include "lib/worker.h"
#include "supervisor/cgroup.h"
#include "supervisor/deploy.h"
#include "supervisor/environment.h"
#include "supervisor/ground.h"
#include "supervisor/handover.h"
#include "supervisor/service.h"
#include "supervisor/spawn.h"

#define PROGRAM "wazo-supervisord"
#define CONFIG_NSEC (60 * NSEC_PER_SEC)

static int complain(int exit_code, const char *format, ...) _printf_(2, 3);
static int complain(int exit_code, const char *format, ...) {
        char text[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        (void) fprintf(stderr, PROGRAM ": %s\n", text);
        /* What systemctl status shows of a service that is not there any more. */
        (void) sd_notifyf(false, "STATUS=%s", text);
        return exit_code;
}

/* Checking is done by the program that reads configurations; we only know where it is. */
static int exec_config(const struct service *s) {
        char path[1024];
        int r = paths_program(&s->paths, "wazo-config", path, sizeof(path));

        if (r >= 0) {
                (void) execv(path, s->options->argv);
                r = -errno;
        }
        return complain(EXIT_FAILURE, "cannot execute wazo-config: %s", strerror(-r));
}

/* Signals are blocked before there is any child; the loop takes them from descriptors. */
static int block_signals(void) {
        static const int taken[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
        sigset_t set;

        (void) sigemptyset(&set);
        for (unsigned i = 0; i < ELEMENTSOF(taken); i++)
                (void) sigaddset(&set, taken[i]);
        if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
                return -errno;
        /* Whoever started us may have left others ignored, and that survives exec. */
        for (int signo = 1; signo < NSIG; signo++)
                if (signo != SIGKILL && signo != SIGSTOP)
                        (void) signal(signo, SIG_DFL);
        return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -errno : 0;
}

static void first_error(const char *findings, char *to, size_t size) {
        const char *at = findings ? strstr(findings, "error: ") : NULL;

        if (!at)
                return;
        while (at > findings && at[-1] != '\n')
                at--;
        (void) snprintf(to, size, "%.*s", (int) strcspn(at, "\n"), at);
}

/* The first plan, unless it was left to us. Findings go to standard error: whoever starts a service looks there.
 * Returns an exit code or 0. */
static int get_plan(struct service *s) {
        struct deploy d;
        int r;

        if (s->taken_over)
                return 0;
        r = deploy_begin(s, &d);
        if (r < 0)
                return complain(EXIT_FAILURE, "cannot run the configuration child: %s", strerror(-r));
        r = deploy_wait(&d, now_monotonic() + CONFIG_NSEC);
        if (d.findings)
                (void) fputs(d.findings, stderr);
        if (r > 0) {
                char first[300] = "";

                first_error(d.findings, first, sizeof(first));
                deploy_done(&d);
                return complain(WORKER_EXIT_CONFIG, "the configuration of %s is wrong: %s", s->options->request.service, first);
        }
        if (r == 0)
                r = deploy_take(&d, &s->plan, &s->plan_data, &s->plan_size, &s->plan_fd, &s->descriptions_fd);
        deploy_done(&d);
        if (r < 0)
                return complain(EXIT_FAILURE, "the configuration child failed: %s", strerror(-r));
        s->log_level = (enum log_level) s->plan.log_level;
        return 0;
}

/* From here on there is no way back to root, and nobody that we start has one. */
static int become(const struct identity *who) {
        const char *step;
        int r = 0;

        if (who)
                r = privileges_drop(who, &step);
        if (r >= 0)
                r = privileges_lock(&step);
        if (r < 0)
                return complain(EXIT_FAILURE, "cannot drop privileges: %s: %s", step, strerror(-r));
        return 0;
}

static int run(struct service *s) {
        struct identity identity;
        char text[WIRE_TEXT_MAX], logger[WIRE_NAME_MAX];
        bool other;
        int r;

        r = get_plan(s);
        if (r != 0)
                return r;
        r = ground_find_identity(s, &identity, text, sizeof(text));
        if (r < 0)
                return complain(WORKER_EXIT_CONFIG, "%s", text);
        other = r == 0;
        if (other && s->options->request.dev_dir) {
                r = devdir_give(s->options->request.dev_dir, identity.uid, identity.gid);
                if (r < 0)
                        return complain(EXIT_FAILURE, "cannot give %s to %s: %s", s->options->request.dev_dir,
                                        identity.name, strerror(-r));
        }
        r = ground_lay(s, other ? &identity : NULL, text, sizeof(text));
        if (r < 0) {
                ground_leave(s);
                return complain(r == -EADDRINUSE ? EXIT_FAILURE : WORKER_EXIT_CONFIG, "%s", text);
        }
        cgroups_prepare(s, other ? &identity : NULL);
        r = become(other ? &identity : NULL);
        if (r != 0)
                return r;

        log_name(logger, sizeof(logger), s->plan.service, NULL);
        log_setup(s->log_fd, isatty(STDERR_FILENO) ? STDERR_FILENO : -1, logger, s->log_level);
        cgroups_say(s, text, sizeof(text));
        log_debug("workers have: %s", text);
        r = service_run(s);
        /* Who started it without a terminal has seen nothing of the log. */
        if (s->end_reason[0] && !isatty(STDERR_FILENO))
                (void) fprintf(stderr, PROGRAM ": %s is given up: %s; its log is %s\n", s->plan.service,
                               s->end_reason, s->plan.log_path);
        cgroups_done(s);
        ground_leave(s);
        return r < 0 ? EXIT_FAILURE : r;
}

int main(int argc, char **argv) {
        static struct service s = {.plan_fd = -1, .descriptions_fd = -1, .log_fd = -1, .control_fd = -1, .null_fd = -1,
                                   .cgroups_fd = -1};
        struct options options;
        enum handover handover;
        int r;

        r = options_parse(argc, argv, PROGRAM, &options);
        if (r != 0)
                return r > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        s.options = &options;
        s.started = now_monotonic();
        s.started_wall = now_realtime();
        r = paths_find(&s.paths);
        if (r < 0)
                return complain(EXIT_FAILURE, "cannot find the parts of the suite beside this program: %s", strerror(-r));
        if (options.mode != OPTIONS_RUN)
                return exec_config(&s);

        s.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        s.environment = environment_for_workers();
        if (s.null_fd < 0 || !s.environment)
                return complain(EXIT_FAILURE, "cannot begin: %s", strerror(errno));
        r = handover_take(&s, &handover);
        if (r < 0)
                return complain(EXIT_FAILURE, "what the supervisor before left is of too different a version, or not all there");
        if (handover == HANDOVER_REHEARSED)
                return EXIT_SUCCESS;
        s.taken_over = handover == HANDOVER_TAKEN;
        r = block_signals();
        if (r >= 0)
                r = spawn_prepare();
        if (r < 0)
                return complain(EXIT_FAILURE, "cannot begin: %s", strerror(-r));
        if (options.request.dev_dir) {
                r = devdir_prepare(options.request.dev_dir);
                if (r < 0)
                        return complain(EXIT_FAILURE, "cannot make --dev '%s', or what belongs into it: %s",
                                        options.request.dev_dir, strerror(-r));
        }

        r = run(&s);
        /* systemd starts us again at once, which is meant for a service that was running. */
        if (r == EXIT_FAILURE && !s.ready_said && getenv("NOTIFY_SOCKET"))
                (void) nanosleep(&(struct timespec) {.tv_sec = 1}, NULL);
        plan_done(&s.plan);
        free(s.plan_data);
        (void) fd_close(s.plan_fd);
        (void) fd_close(s.descriptions_fd);
        s.environment = environment_free(s.environment);
        return r;
}
