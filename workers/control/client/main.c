/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-suite: the operator's command. It calls the control worker of one service and shows the answer.
 */
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include "workers/control/client/call.h"
#include "workers/control/client/delegate.h"
#include "workers/control/client/follow.h"
#include "workers/control/client/format.h"
#include "workers/control/client/show.h"

#define INTERFACE "io.wazo.suite."
#define SERVICE_DEFAULT "wazo-confd"
#define PATH_SIZE 512
/* How many events of the past those who follow begin with. */
#define FOLLOW_LIMIT 10

/* As documented in wazo-suite(1). */
enum exit_code { EXIT_OK, EXIT_REFUSED, EXIT_USAGE, EXIT_UNREACHABLE, EXIT_DEGRADED };

/* An answer comes at once, but for what the supervisor has to do first: control itself gives up a little earlier. */
enum { SECONDS_ANSWER = 15, SECONDS_COMMAND = 170 };

struct options {
        const char *socket, *dev, *service, *queue;
        bool json, check, dry_run, follow, all;
        long wait, number; /* -1: not given */
        char path[PATH_SIZE];
};

enum option_bit {
        OPTION_WAIT = 1 << 0,
        OPTION_CHECK = 1 << 1,
        OPTION_NUMBER = 1 << 2,
        OPTION_DRY_RUN = 1 << 3,
        OPTION_FOLLOW = 1 << 4,
        OPTION_QUEUE = 1 << 5,
        OPTION_ALL = 1 << 6,
        OPTION_ROWS = OPTION_QUEUE | OPTION_ALL, /* then there is a row's ID, or --all */
};

struct command {
        const char *name, *method;
        unsigned options; /* that it takes, besides the general ones */
        int arguments_min, arguments_max;
        const char *argument; /* as a parameter of the method */
        void (*show)(const json_t *answer);
        const char *help;
};

static const struct command commands[] = {
        {"status", "Status", OPTION_WAIT | OPTION_CHECK, 0, 0, NULL, show_status, "the service and its workers"},
        {"why", "Why", OPTION_NUMBER, 0, 1, "worker", show_why, "[WORKER]: what is amiss, and the last crashes"},
        {"explain", "Explain", 0, 1, 1, "worker", show_explain, "WORKER: its restart schedule, what it waits for, its limits"},
        {"restart", "Restart", 0, 1, 1, "worker", show_command, "WORKER: end it and start it again"},
        {"roll", "Roll", 0, 0, 1, "worker", show_command, "[WORKER]: replace it, or all, without a gap"},
        {"reload", "Reload", OPTION_DRY_RUN, 0, 0, NULL, show_command, "apply the configuration, or say what would change"},
        {"log-level", "LogLevel", 0, 1, 1, "level", show_command, "LEVEL: critical, error, warning, info or debug"},
        {"hold", "Hold", 0, 1, 1, "worker", show_command, "WORKER: stop it until it is reset"},
        {"reset", "Reset", 0, 1, 1, "worker", show_command, "WORKER: forget its failures and start it now"},
        {"events", "Events", OPTION_NUMBER | OPTION_FOLLOW, 0, 0, NULL, show_events,
         "the last events, and with --follow the next ones"},
        {"parked", "Parked", OPTION_NUMBER, 0, 0, NULL, show_parked,
         "what could not be sent to RabbitMQ or sysconfd, or taken by a plugin"},
        {"retry", "Retry", OPTION_ROWS, 0, 1, "id", show_rows, "ID | --all: try again what is parked"},
        {"drop", "Drop", OPTION_ROWS, 0, 1, "id", show_rows, "ID | --all: forget what is parked"},
        {"metrics", "Metrics", 0, 0, 0, NULL, show_metrics, "the figures that Prometheus reads"},
};

static void help(FILE *to) {
        (void) fputs("Usage: wazo-suite [OPTIONS] COMMAND [ARGUMENT]\n\nCommands:\n", to);
        for (unsigned i = 0; i < ELEMENTSOF(commands); i++)
                (void) fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].help);
        delegate_help(to);
        (void) fputs("\nA WORKER is a worker's name, or a plugin's for all its instances.\n\nOptions:\n"
                     "  --service NAME   the service to talk to (default: wazo-confd)\n"
                     "  --socket PATH    its control socket (default: $WAZO_SUITE_SOCKET, else /run/NAME/control.sock)\n"
                     "  --dev DIR        the one of wazo-supervisord --dev DIR\n"
                     "  --json           print the answer as it came\n"
                     "  --wait SECONDS   (status) wait until the service is ready\n"
                     "  --check          (status) exit with 4 when the service is not ready, or degraded\n"
                     "  -n N             (why, events, parked) so many of them\n"
                     "  -f, --follow     (events) go on with those to come\n"
                     "  --queue QUEUE    (retry, drop) of the outbox (default) or the inbox\n"
                     "  --all            (retry, drop) everything in that queue\n"
                     "  --dry-run        (reload) only say what would change\n"
                     "  --help, --version\n\n"
                     "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 no supervisor reachable, 4 degraded.\n",
                     to);
}

static int complain(int code, const char *format, ...) _printf_(2, 3);
static int complain(int code, const char *format, ...) {
        va_list ap;

        (void) fputs("wazo-suite: ", stderr);
        va_start(ap, format);
        (void) vfprintf(stderr, format, ap);
        va_end(ap);
        (void) fputc('\n', stderr);
        if (code == EXIT_USAGE)
                (void) fputs("Try 'wazo-suite --help'.\n", stderr);
        return code;
}

/* 0, or -EINVAL. */
static int parse_number(const char *text, long max, long *ret) {
        char *end;
        long value;

        errno = 0;
        value = strtol(text, &end, 10);
        if (errno != 0 || end == text || *end || value < 0 || value > max)
                return -EINVAL;
        *ret = value;
        return 0;
}

/* Returns an exit code, or -1 to go on; *ret_given is the options that belong to one command. */
static int parse_options(int argc, char **argv, struct options *o, unsigned *ret_given) {
        enum { HELP = 256, VERSION, SOCKET, DEV, SERVICE, JSON, WAIT, CHECK, DRY_RUN, QUEUE, ALL };
        static const struct option table[] = {
                {"help", no_argument, NULL, HELP}, {"version", no_argument, NULL, VERSION},
                {"socket", required_argument, NULL, SOCKET}, {"dev", required_argument, NULL, DEV},
                {"service", required_argument, NULL, SERVICE}, {"json", no_argument, NULL, JSON},
                {"wait", required_argument, NULL, WAIT}, {"check", no_argument, NULL, CHECK},
                {"dry-run", no_argument, NULL, DRY_RUN}, {"follow", no_argument, NULL, 'f'},
                {"queue", required_argument, NULL, QUEUE}, {"all", no_argument, NULL, ALL}, {0},
        };
        int c;

        *ret_given = 0;
        while ((c = getopt_long(argc, argv, "hfn:", table, NULL)) >= 0)
                switch (c) {
                case 'h':
                case HELP:
                        help(stdout);
                        return EXIT_OK;
                case VERSION:
                        printf("wazo-suite %s\n", WAZO_SUITE_VERSION);
                        return EXIT_OK;
                case SOCKET: o->socket = optarg; break;
                case DEV: o->dev = optarg; break;
                case SERVICE: o->service = optarg; break;
                case JSON: o->json = true; break;
                case CHECK: o->check = true; *ret_given |= OPTION_CHECK; break;
                case DRY_RUN: o->dry_run = true; *ret_given |= OPTION_DRY_RUN; break;
                case 'f': o->follow = true; *ret_given |= OPTION_FOLLOW; break;
                case QUEUE: o->queue = optarg; *ret_given |= OPTION_QUEUE; break;
                case ALL: o->all = true; *ret_given |= OPTION_ALL; break;
                case WAIT:
                        if (parse_number(optarg, 86400, &o->wait) < 0)
                                return complain(EXIT_USAGE, "--wait wants seconds, not '%s'", optarg);
                        *ret_given |= OPTION_WAIT;
                        break;
                case 'n':
                        if (parse_number(optarg, 1000, &o->number) < 0 || o->number == 0)
                                return complain(EXIT_USAGE, "-n wants a number from 1 to 1000, not '%s'", optarg);
                        *ret_given |= OPTION_NUMBER;
                        break;
                default:
                        return complain(EXIT_USAGE, "wrong option");
                }
        return -1;
}

/* Where the control socket is. */
static int find_socket(struct options *o) {
        const char *environment = getenv("WAZO_SUITE_SOCKET");
        int n;

        if (!!o->socket + !!o->dev + !!o->service > 1)
                return complain(EXIT_USAGE, "--socket, --dev and --service exclude each other");
        if (o->service && (!o->service[0] || strchr(o->service, '/')))
                return complain(EXIT_USAGE, "'%s' is no name of a service", o->service);
        if (o->socket)
                n = snprintf(o->path, sizeof(o->path), "%s", o->socket);
        else if (o->dev)
                n = snprintf(o->path, sizeof(o->path), "%s/run/control.sock", o->dev);
        else if (environment && environment[0] && !o->service)
                n = snprintf(o->path, sizeof(o->path), "%s", environment);
        else
                n = snprintf(o->path, sizeof(o->path), "/run/%s/control.sock", o->service ?: SERVICE_DEFAULT);
        if (n < 0 || n >= (int) sizeof(o->path))
                return complain(EXIT_USAGE, "the socket's path is too long");
        return EXIT_OK;
}

static int unreachable(const struct options *o, int error) {
        switch (error) {
        case -EACCES:
        case -EPERM:
                return complain(EXIT_REFUSED, "%s: only root and the group wazo-suite may", o->path);
        case -ENOENT:
        case -ECONNREFUSED:
                return complain(EXIT_UNREACHABLE, "%s: nobody listens: is the service running?", o->path);
        case -ECONNRESET:
        case -EPIPE:
                return complain(EXIT_UNREACHABLE, "%s: the connection ended before the answer", o->path);
        case -ETIMEDOUT:
                return complain(EXIT_UNREACHABLE, "%s: no answer in time", o->path);
        default:
                return complain(EXIT_UNREACHABLE, "%s: %s", o->path, strerror(-error));
        }
}

static json_t *make_parameters(const struct command *command, const struct options *o, char **arguments, int n) {
        json_t *parameters = json_object();

        if (n > 0)
                (void) json_object_set_new(parameters, command->argument,
                                           command->options & OPTION_ROWS ? json_integer(strtoll(arguments[0], NULL, 10))
                                                                          : json_string(arguments[0]));
        if (o->number > 0)
                (void) json_object_set_new(parameters, "limit", json_integer(o->number));
        if (o->dry_run)
                (void) json_object_set_new(parameters, "dry_run", json_true());
        if (o->all)
                (void) json_object_set_new(parameters, "all", json_true());
        if (o->queue)
                (void) json_object_set_new(parameters, "queue", json_string(o->queue));
        return parameters;
}

static void print_json(const json_t *value) {
        (void) json_dumpf(value, stdout, JSON_INDENT(2));
        (void) putchar('\n');
}

static int no_such_worker(const json_t *parameters) {
        json_t *near = json_object_get(parameters, "near"), *name;
        size_t i;

        (void) fprintf(stderr, "wazo-suite: no worker is called '%s'", get_string(parameters, "worker"));
        json_array_foreach(near, i, name)
                (void) fprintf(stderr, "%s%s", i == 0 ? "; did you mean " : i + 1 == json_array_size(near) ? " or " : ", ",
                               strempty(json_string_value(name)));
        (void) fprintf(stderr, "%s\n", i > 0 ? "?" : "");
        return EXIT_REFUSED;
}

/* An error of the method, for people. */
static int show_error(const char *error, json_t *parameters) {
        json_t *lines, *line;
        size_t i;

        format_harmless(parameters);
        if (streq(error, INTERFACE "NoSuchWorker"))
                return no_such_worker(parameters);
        if (streq(error, "org.varlink.service.PermissionDenied"))
                return complain(EXIT_REFUSED, "only root and the group wazo-suite may do that");
        if (streq(error, "org.varlink.service.InvalidParameter"))
                return complain(EXIT_USAGE, "the service does not take this value of '%s'", get_string(parameters, "parameter"));
        if (streq(error, INTERFACE "NotParked"))
                return complain(EXIT_REFUSED, "nothing with the number %" PRId64 " is parked", (int64_t) get_int(parameters, "id"));
        lines = json_object_get(parameters, "lines");
        json_array_foreach(lines, i, line)
                (void) fprintf(stderr, "%s\n", strempty(json_string_value(line)));
        if (get_string(parameters, "text")[0])
                return complain(EXIT_REFUSED, "%s", get_string(parameters, "text"));
        return complain(EXIT_REFUSED, "refused: %s", error);
}

static int show_answer(const struct command *command, const struct options *o, const char *error, json_t *message) {
        json_t *parameters = json_object_get(message, "parameters");
        const json_t *service = json_object_get(parameters, "service");

        if (error[0]) {
                if (!o->json)
                        return show_error(error, parameters);
                print_json(message);
                return EXIT_REFUSED;
        }
        if (o->json)
                print_json(parameters);
        else {
                format_harmless(parameters);
                command->show(parameters);
        }
        if (o->check && (!get_bool(service, "ready") || get_bool(service, "degraded") || get_bool(service, "stopping")))
                return EXIT_DEGRADED;
        return EXIT_OK;
}

static void pause_shortly(void) {
        const struct timespec tenth = {.tv_nsec = 100000000};

        (void) nanosleep(&tenth, NULL);
}

/* Connects; while waiting for a service to start, again and again. */
static int reach(const struct options *o, uint64_t deadline, struct call *ret) {
        for (;;) {
                int r = call_open(ret, o->path);

                if (r >= 0 || o->wait < 0 || r == -EACCES || now_monotonic() >= deadline)
                        return r;
                pause_shortly();
        }
}

/* Follows the status until the service is ready. *ret_message is the newest answer, also on -ETIMEDOUT, if there is one. */
static int follow(const struct options *o, struct call *c, uint64_t deadline, json_t **ret_message, const char **ret_error) {
        json_t *message, *parameters;
        int r;

        r = call_send(c, INTERFACE "Status", NULL, true, deadline);
        while (r >= 0) {
                r = call_receive(c, deadline, &message, ret_error, &parameters);
                if (r < 0)
                        break;
                json_decref(*ret_message);
                *ret_message = message;
                if (**ret_error || get_bool(json_object_get(parameters, "service"), "ready"))
                        return 0;
        }
        /* Control was replaced while we waited. */
        if ((r == -ECONNRESET || r == -EPIPE) && now_monotonic() < deadline) {
                call_done(c);
                pause_shortly();
                r = reach(o, deadline, c);
                return r < 0 ? r : follow(o, c, deadline, ret_message, ret_error);
        }
        return r;
}

static int run_wait(const struct command *command, const struct options *o) {
        _cleanup_(call_done) struct call c = CALL_NULL;
        uint64_t deadline = now_monotonic() + (uint64_t) o->wait * NSEC_PER_SEC;
        const char *error = "";
        json_t *message = NULL;
        int r;

        r = reach(o, deadline, &c);
        if (r < 0)
                return unreachable(o, r);
        r = follow(o, &c, MAX(deadline, now_monotonic() + NSEC_PER_SEC / 10), &message, &error);
        if (r < 0 && r != -ETIMEDOUT) {
                json_decref(message);
                return unreachable(o, r);
        }
        if (!message)
                return unreachable(o, -ETIMEDOUT);
        if (r == -ETIMEDOUT) {
                (void) show_answer(command, o, "", message);
                json_decref(message);
                return complain(EXIT_REFUSED, "not ready after %ld s", o->wait);
        }
        r = show_answer(command, o, error, message);
        json_decref(message);
        return r;
}

static int run(const struct command *command, const struct options *o, char **arguments, int n) {
        _cleanup_(call_done) struct call c = CALL_NULL;
        uint64_t deadline = now_monotonic() +
                            (command->show == show_command ? SECONDS_COMMAND : SECONDS_ANSWER) * NSEC_PER_SEC;
        json_t *message, *parameters;
        char method[64];
        const char *error;
        int r;

        (void) snprintf(method, sizeof(method), INTERFACE "%s", command->method);
        r = call_open(&c, o->path);
        if (r >= 0)
                r = call_send(&c, method, make_parameters(command, o, arguments, n), false, deadline);
        if (r >= 0)
                r = call_receive(&c, deadline, &message, &error, &parameters);
        if (r < 0)
                return unreachable(o, r);
        r = show_answer(command, o, error, message);
        json_decref(message);
        return r;
}

static int run_follow(const struct options *o) {
        struct follow f = {.path = o->path, .limit = o->number > 0 ? o->number : FOLLOW_LIMIT, .json = o->json};
        json_t *message, *parameters;
        const char *error;
        int r;

        r = follow_events(&f, &message, &error, &parameters);
        if (r < 0)
                return unreachable(o, r);
        if (!o->json)
                r = show_error(error, parameters);
        else {
                print_json(message);
                r = EXIT_REFUSED;
        }
        json_decref(message);
        return r;
}

/* What retry and drop are about: a row, or all. */
static int check_row(const struct command *command, const struct options *o, char **arguments, int n) {
        long row;

        if (!(command->options & OPTION_ROWS))
                return EXIT_OK;
        if (o->queue && !streq(o->queue, "outbox") && !streq(o->queue, "inbox"))
                return complain(EXIT_USAGE, "--queue wants outbox or inbox, not '%s'", o->queue);
        if (o->all == (n > 0))
                return complain(EXIT_USAGE, "%s %s", command->name, command->help);
        if (n > 0 && (parse_number(arguments[0], LONG_MAX, &row) < 0 || row == 0))
                return complain(EXIT_USAGE, "'%s' is no number of a row", arguments[0]);
        return EXIT_OK;
}

static const struct command *find_command(const char *name) {
        for (unsigned i = 0; i < ELEMENTSOF(commands); i++)
                if (streq(commands[i].name, name))
                        return &commands[i];
        return NULL;
}

int main(int argc, char **argv) {
        struct options o = {.wait = -1, .number = -1};
        const struct command *command;
        unsigned given;
        int code;

        format_init();
        code = argc > 1 ? delegate(argv + 1) : 0;
        if (code < 0)
                return complain(EXIT_REFUSED, "cannot execute the program of %s: %s", argv[1], strerror(-code));
        code = parse_options(argc, argv, &o, &given);
        if (code >= 0)
                return code;
        if (optind >= argc)
                return complain(EXIT_USAGE, "which command?");
        command = find_command(argv[optind++]);
        if (!command)
                return complain(EXIT_USAGE, "no command is called '%s'", argv[optind - 1]);
        if (given & ~command->options)
                return complain(EXIT_USAGE, "%s does not take this option", command->name);
        if (argc - optind < command->arguments_min || argc - optind > command->arguments_max)
                return complain(EXIT_USAGE, "%s %s", command->name, command->help);
        code = check_row(command, &o, argv + optind, argc - optind);
        if (code == EXIT_OK)
                code = find_socket(&o);
        if (code != EXIT_OK)
                return code;
        if (o.follow)
                code = run_follow(&o);
        else
                code = o.wait >= 0 ? run_wait(command, &o) : run(command, &o, argv + optind, argc - optind);
        if (fflush(stdout) != 0)
                return complain(EXIT_REFUSED, "cannot write the answer: %s", strerror(errno));
        return code;
}
