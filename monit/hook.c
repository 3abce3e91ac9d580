/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-monit-hook: run by monit at a change of a service's state, which it finds in the variables that monit sets. Records the
 * change first; then publishes it, and whatever earlier calls could not.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/file.h>

#include "config/text.h"
#include "lib/log.h"
#include "lib/systemd.h"
#include "monit/publish.h"
#include "monit/record.h"
#include "monit/settings.h"

#define UUID_SIZE 37
#define LOCK_WAIT_NSEC (15 * NSEC_PER_SEC) /* who holds it gives up earlier */

static const char help_text[] = "Usage: wazo-monit-hook [--root DIR] [--publish]\n\n"
                                "Run by monit, which tells by MONIT_SERVICE, MONIT_PROGRAM_STATUS and MONIT_DESCRIPTION what has\n"
                                "changed. --publish: only publishes what earlier calls could not.\n";

/* What monit says of the change. @word takes the state's name. "status changed (0 -> 2) -- wazo-provd: failed: why". */
static bool read_change(const char *host, struct change *ret, char *word, size_t size) {
        const char *service = getenv("MONIT_SERVICE"), *code = getenv("MONIT_PROGRAM_STATUS");
        const char *text = strstr(strempty(getenv("MONIT_DESCRIPTION")), "-- ");

        *word = 0;
        if (!service || strncmp(service, RECORD_CHECK_PREFIX, strlen(RECORD_CHECK_PREFIX)) != 0 ||
            !text_is_name(service + strlen(RECORD_CHECK_PREFIX)))
                return false;
        service += strlen(RECORD_CHECK_PREFIX);
        text = text ? text + 3 : "";
        if (strncmp(text, service, strlen(service)) == 0 && strncmp(text + strlen(service), ": ", 2) == 0) {
                text += strlen(service) + 2;
                (void) snprintf(word, size, "%.*s", (int) strcspn(text, ":\n"), text);
                text += strcspn(text, ":\n");
                text += strspn(text, ": ");
        }
        *ret = (struct change) {.service = service, .text = text, .host = host};
        /* No code: the check could not be run at all. */
        ret->state = monit_state_from(word, code ? (unsigned) strtoul(code, NULL, 10) : monit_state_exit_code(MONIT_UNKNOWN));
        return true;
}

/* The server's, which daemons get from the service manager; monit's own environment has been emptied. */
static const char *find_uuid(char ret[UUID_SIZE]) {
        static const char variable[] = "XIVO_UUID=";
        sd_bus *bus = NULL;
        char **environment = NULL;

        *ret = 0;
        if (systemd_open(&bus) >= 0 &&
            sd_bus_get_property_strv(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "Environment", NULL, &environment) >= 0)
                /* NULL is an empty list. */
                for (char **e = environment; e && *e; e++) {
                        if (strncmp(*e, variable, strlen(variable)) == 0 && text_is_uuid(*e + strlen(variable)))
                                (void) strcopy(ret, UUID_SIZE, *e + strlen(variable));
                        free(*e);
                }
        free(environment);
        sd_bus_flush_close_unref(bus);
        return *ret ? ret : NULL;
}

/* One at a time, so that messages keep their order. */
static int lock_drain(const struct record *r, int *ret) {
        static const struct timespec tenth = {.tv_nsec = 100000000};
        uint64_t deadline = now_monotonic() + LOCK_WAIT_NSEC;
        _cleanup_close_ int fd = openat(r->fd, "drain.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
                return -errno;
        while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return -errno;
                if (now_monotonic() >= deadline)
                        return -ETIMEDOUT;
                (void) nanosleep(&tenth, NULL);
        }
        *ret = fd_steal(&fd);
        return 0;
}

/* -EBADMSG: one that nobody will ever be able to send; it has gone. */
static int send_one(const struct record *r, struct publisher *p, const char *name, char *reterr) {
        json_t *message;
        int error = record_read(r, name, &message);

        if (error < 0)
                return error;
        error = publisher_send(p, message, reterr);
        json_decref(message);
        return error < 0 && error != -EBADMSG ? error : record_drop(r, name);
}

static int send_all(const struct record *r, const struct publish_settings *s, char **names, int n, char *reterr) {
        struct publisher *p = NULL;
        int error = publisher_new(s, reterr, &p);

        for (int i = 0; error >= 0 && i < n; i++) {
                error = send_one(r, p, names[i], reterr);
                if (error == -EBADMSG || error == -ENOENT)
                        error = 0;
        }
        publisher_free(p);
        return error;
}

static int drain(const struct record *r, const struct publish_settings *s) {
        char why[PUBLISH_ERROR_SIZE] = "";
        _cleanup_close_ int lock = -1;
        char **names;
        int n, error = lock_drain(r, &lock);

        if (error < 0)
                return error;
        n = record_list(r, &names);
        if (n < 0)
                return n;
        if (n > 0)
                error = send_all(r, s, names, n, why);
        record_list_free(names, n);
        if (error < 0)
                log_warning("%d events wait in %s/spool until the broker takes them: %s", n, RECORD_DIR,
                            *why ? why : strerror(-error));
        return error;
}

static int record(const struct record *r) {
        char word[32], uuid[UUID_SIZE], host[256] = "";
        struct change change;
        int error;

        if (gethostname(host, sizeof(host) - 1) < 0)
                return -errno;
        if (!read_change(getenv("MONIT_HOST") ?: host, &change, word, sizeof(word)))
                return 0;
        change.uuid = find_uuid(uuid);
        error = record_write(r, &change);
        if (error == 0)
                log_write(monit_state_exit_code(change.state) == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
                          "%s is %s%s%s", change.service, monit_state_to_string(change.state),
                          *change.text ? ": " : "", change.text);
        return error;
}

static int run(const char *root, bool only_publish) {
        struct findings findings = {0};
        struct record r = RECORD_NULL;
        struct settings settings;
        char dir[512];
        int error;

        if (snprintf(dir, sizeof(dir), "%s" RECORD_DIR, root) >= (int) sizeof(dir))
                return -ENAMETOOLONG;
        error = record_open(&r, dir);
        if (error >= 0 && !only_publish)
                error = record(&r);
        if (error < 0)
                log_error("cannot record the change in %s: %s", dir, strerror(-error));
        if (error >= 0)
                error = settings_read(root, &findings, &settings);
        if (findings.n > 0)
                findings_print(&findings, stderr);
        findings_done(&findings);
        if (error >= 0) {
                if (settings.bus.enabled)
                        error = drain(&r, &settings.bus);
                settings_done(&settings);
        }
        record_done(&r);
        return error;
}

int main(int argc, char **argv) {
        static const struct option table[] = {{"root", required_argument, NULL, 'r'}, {"publish", no_argument, NULL, 'p'},
                                               {"help", no_argument, NULL, 'h'}, {0}};
        bool only_publish = false;
        const char *root = "";
        int c;

        while ((c = getopt_long(argc, argv, "h", table, NULL)) >= 0)
                switch (c) {
                case 'r': root = optarg; break;
                case 'p': only_publish = true; break;
                case 'h': (void) fputs(help_text, stdout); return EXIT_SUCCESS;
                default: return EXIT_FAILURE;
                }
        log_setup(-1, STDERR_FILENO, "wazo-monit-hook", LOG_LEVEL_INFO);
        return run(root, only_publish) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
