/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervisor/reload.h"

#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "lib/memfd.h"
#include "supervisor/binaries.h"
#include "supervisor/command.h"
#include "supervisor/handover.h"
#include "supervisor/deploy.h"
#include "supervisor/feed.h"
#include "supervisor/listeners.h"
#include "supervisor/notify.h"
#include "supervisor/nursery.h"
#include "supervisor/process.h"
#include "supervisor/watch.h"

#define CHILD_NSEC (30 * NSEC_PER_SEC)
#define TEXT_MAX (256U * 1024)
#define FINDINGS_LOGGED 50

struct reload {
        struct deploy deploy;
        bool running, again, dry_run;
        uint32_t control_slot, control_generation; /* who asked; generation 0: nobody */
        uint64_t id;
        sd_event_source *child_source, *findings_source, *timer;
        struct pack text;                           /* findings, then the plan, line by line */
};

/* What a new plan means for a slot of the old, and for a worker that has no slot yet. */
enum change { CHANGE_NONE, CHANGE_REPLACE, CHANGE_REMOVE };

/* ---- telling ---- */

static void say(struct reload *r, const char *format, ...) _printf_(2, 3);
static void say(struct reload *r, const char *format, ...) {
        char line[512];
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(line, sizeof(line) - 1, format, ap);
        va_end(ap);
        if (n < 0 || r->text.size > TEXT_MAX)
                return;
        n = MIN(n, (int) sizeof(line) - 2);
        line[n++] = '\n';
        for (int i = 0; i < n; i++)
                pack_u8(&r->text, (uint8_t) line[i]);
}

static void say_findings(struct reload *r) {
        unsigned logged = 0;

        for (const char *at = strempty(r->deploy.findings); *at;) {
                size_t length = strcspn(at, "\n");

                say(r, "%.*s", (int) MIN(length, (size_t) 500), at);
                if (!r->dry_run && logged++ < FINDINGS_LOGGED)
                        log_warning("%.*s", (int) length, at);
                at += length + (at[length] == '\n');
        }
}

/* The reload is over. @error: 0 or a negative errno; the text goes into the status line unless it was a dry run. */
static void conclude(struct service *s, int error, const char *format, ...) _printf_(3, 4);
static void conclude(struct service *s, int error, const char *format, ...) {
        struct reload *r = s->reload;
        struct process *control = r->control_generation > 0 ? service_process(s, r->control_slot, r->control_generation) : NULL;
        char text[WIRE_TEXT_MAX];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);

        if (!r->dry_run) {
                log_write(error < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "%s", text);
                (void) strcopy(s->reload_outcome, sizeof(s->reload_outcome), text);
                notify_reloaded(s);
                feed_service_changed(s);
        }
        if (control) {
                _cleanup_close_ int fd = memfd_sealed("reload", r->text.data, r->text.failed ? 0 : r->text.size);

                command_answer(control, r->id, error, fd, "%s", text);
        }

        r->child_source = sd_event_source_disable_unref(r->child_source);
        r->findings_source = sd_event_source_disable_unref(r->findings_source);
        (void) watch_timer_set(r->timer, NSEC_NEVER);
        deploy_done(&r->deploy);
        pack_done(&r->text);
        s->reload_child = 0;
        r->running = false;
        if (r->again) {
                r->again = false;
                reload_begin(s, false, NULL, 0);
        }
}

/* ---- the difference ---- */

static bool same_bytes(int a, int b) {
        _cleanup_free_ char *x = NULL, *y = NULL;
        size_t n, m;

        return memfd_read(a, PLAN_SIZE_MAX, &x, &n) >= 0 && memfd_read(b, PLAN_SIZE_MAX, &y, &m) >= 0 && n == m &&
               memcmp(x, y, n) == 0;
}

struct difference {
        const struct plan *plan;
        bool descriptions;                          /* are new: for gateways and control */
        struct binary binaries[BINARIES_MAX];
        size_t n_binaries;
};

static enum change change_of(struct service *s, const struct difference *d, uint32_t slot, const struct plan_worker **ret_worker,
                             const char **ret_why) {
        const struct plan_worker *old = service_unit(s, slot)->plan, *new;

        *ret_worker = old;
        if (!old) {
                /* The nursery holds programs and libraries, no configuration. */
                *ret_why = "its program is new";
                return nursery_is(s, slot) && binaries_differ(s, d->binaries, d->n_binaries, "wazo-host")
                               ? CHANGE_REPLACE
                               : CHANGE_NONE;
        }
        new = plan_find(d->plan, old->name);
        if (!new) {
                *ret_why = "it is no longer wanted";
                return CHANGE_REMOVE;
        }
        *ret_worker = new;
        *ret_why = "its configuration changed";
        if (new->inputs_size != old->inputs_size || memcmp(new->inputs, old->inputs, new->inputs_size) != 0)
                return CHANGE_REPLACE;
        *ret_why = "what plugins offer changed";
        if (d->descriptions && (new->kind == WIRE_KIND_GATEWAY || new->kind == WIRE_KIND_CONTROL))
                return CHANGE_REPLACE;
        *ret_why = "its program is new";
        if (new->kind != WIRE_KIND_EXEC &&
            binaries_differ(s, d->binaries, d->n_binaries, new->kind == WIRE_KIND_PLUGIN ? "wazo-host" : new->argv[0]))
                return CHANGE_REPLACE;
        return CHANGE_NONE;
}

/* Says what will be done. Returns how many workers it touches. */
static unsigned explain(struct service *s, const struct difference *d) {
        static const char *const words[] = {[CHANGE_REPLACE] = "replace", [CHANGE_REMOVE] = "stop"};
        const struct plan_worker *worker;
        unsigned n = 0;
        const char *why;

        for (uint32_t slot = 0; slot < s->policy.n_slots; slot++) {
                enum change change;

                if (!policy_slot(&s->policy, slot) || policy_slot(&s->policy, slot)->removed)
                        continue;
                change = change_of(s, d, slot, &worker, &why);
                if (change == CHANGE_NONE)
                        continue;
                say(s->reload, "%s %s: %s", words[change], policy_slot(&s->policy, slot)->name, why);
                n++;
        }
        for (size_t i = 0; i < d->plan->n_workers; i++)
                if (service_find_slot(s, d->plan->workers[i].name) == UINT32_MAX) {
                        say(s->reload, "start %s: it is new", d->plan->workers[i].name);
                        n++;
                }
        if (d->plan->log_level != s->plan.log_level)
                say(s->reload, "the log level becomes %s", log_level_to_string(d->plan->log_level));
        else if (n == 0)
                say(s->reload, "nothing changes");
        return n;
}

/* What only a new start can change. */
static void warn_of_restart(struct service *s, const struct plan *plan) {
        static const char text[] = "%s changed: restart needed";

        if (!streq(plan->user, s->plan.user))
                say(s->reload, text, "user");
        if (!streq(plan->log_path, s->plan.log_path))
                say(s->reload, text, "log_file");
        if (!streq(plan->control_path, s->plan.control_path) || !streq(plan->run_dir, s->plan.run_dir))
                say(s->reload, text, "the run directory");
}

/* ---- doing it ---- */

/* Points every unit at the new plan and tells the policy. Nothing here can fail half way but for want of memory. */
static int apply(struct service *s, const struct difference *d) {
        enum change *changes = calloc(s->policy.n_slots, sizeof(*changes));
        size_t n_before = s->policy.n_slots;
        const struct plan_worker *worker;
        const char *why;
        uint32_t slot;

        if (!changes)
                return -ENOMEM;
        for (slot = 0; slot < n_before; slot++)
                if (policy_slot(&s->policy, slot) && !policy_slot(&s->policy, slot)->removed) {
                        changes[slot] = change_of(s, d, slot, &worker, &why);
                        service_unit(s, slot)->plan = changes[slot] == CHANGE_REMOVE ? NULL : worker;
                } else
                        service_unit(s, slot)->plan = NULL;
        for (size_t i = 0; i < d->plan->n_workers; i++)
                if (service_find_slot(s, d->plan->workers[i].name) == UINT32_MAX &&
                    service_add_unit(s, &d->plan->workers[i], &slot) < 0)
                        log_error("worker '%s' cannot be added: out of memory", d->plan->workers[i].name);

        binaries_adopt(s, d->binaries, d->n_binaries);
        for (slot = 0; slot < s->policy.n_slots; slot++)
                if (policy_slot(&s->policy, slot) && service_unit(s, slot)->plan)
                        service_link_unit(s, slot);
        for (slot = 0; slot < n_before; slot++) {
                if (changes[slot] == CHANGE_REPLACE)
                        service_event(s, .type = EVENT_REPLACE, .slot = slot);
                else if (changes[slot] == CHANGE_REMOVE)
                        service_event(s, .type = EVENT_REMOVE, .slot = slot);
        }
        free(changes);
        service_event(s, .type = EVENT_START); /* the new ones */
        return 0;
}

static void adopt_plan(struct service *s, struct plan *plan, char *data, size_t size, int plan_fd, int descriptions_fd) {
        s->plan = *plan;
        s->plan_data = data;
        s->plan_size = size;
        s->plan_fd = plan_fd;
        s->descriptions_fd = descriptions_fd;
        s->plan_serial++;
}

/*
 * The new supervisor begins with this very plan and its listeners. Whoever asked is answered before: it is by our channel. Returns
 * when it could not be, with why in @text; then we go on as we are.
 */
static void hand_over(struct service *s, int plan_fd, int descriptions_fd, char *text, size_t size) {
        struct reload *r = s->reload;
        struct process *control = r->control_generation > 0 ? service_process(s, r->control_slot, r->control_generation) : NULL;
        int result;

        if (handover_rehearse(s, plan_fd, descriptions_fd, text, size) < 0)
                return;
        log_info("the supervisor's program is new: it takes over");
        if (control) {
                _cleanup_close_ int fd = memfd_sealed("reload", r->text.data, r->text.failed ? 0 : r->text.size);

                command_answer(control, r->id, 0, fd, "reloaded: a new version of the supervisor takes over");
                r->control_generation = 0;
        }
        result = handover_execute(s, plan_fd, descriptions_fd);
        (void) snprintf(text, size, "the new supervisor cannot be executed: %s", strerror(-result));
}

static void use(struct service *s) {
        struct reload *r = s->reload;
        struct listener listeners[PLAN_LISTENERS_MAX];
        struct difference d = {0};
        struct plan plan, old = s->plan;
        bool other_level, takes_over;
        int plan_fd, descriptions_fd, old_plan_fd = s->plan_fd, old_descriptions_fd = s->descriptions_fd, result;
        char *data, *old_data = s->plan_data, text[400], not_taken[400] = "";
        size_t size, n_listeners;
        unsigned n;

        takes_over = s->ready_said && handover_due(s);
        result = deploy_take(&r->deploy, &plan, &data, &size, &plan_fd, &descriptions_fd);
        if (result < 0) {
                /* The configuration child is of the new version, and so may its plan be. */
                if (takes_over && !r->dry_run)
                        hand_over(s, r->deploy.plan_fd, r->deploy.descriptions_fd, not_taken, sizeof(not_taken));
                conclude(s, result, "reload refused: the plan cannot be read: restart needed%s%s",
                         not_taken[0] ? ": " : "", not_taken);
                return;
        }
        d.plan = &plan;
        d.descriptions = !same_bytes(descriptions_fd, s->descriptions_fd);
        binaries_open(s, d.binaries, &d.n_binaries);
        if (takes_over)
                say(r, "replace all: the supervisor's program is new");
        n = explain(s, &d);
        warn_of_restart(s, &plan);

        result = r->dry_run ? 0 : listeners_open(&plan, s->listeners, s->n_listeners, listeners, &n_listeners, text, sizeof(text));
        if (r->dry_run || result < 0) {
                binaries_close(d.binaries, d.n_binaries);
                plan_done(&plan);
                free(data);
                (void) close(plan_fd);
                (void) close(descriptions_fd);
                if (r->dry_run)
                        conclude(s, 0, "%u workers would be touched", n);
                else
                        conclude(s, result, "reload refused: %s%s", text, result == -EACCES ? ": restart needed" : "");
                return;
        }

        /* From here on the new plan holds; the old one lives until nothing points into it. */
        listeners_adopt(s, listeners, n_listeners);
        if (takes_over)
                hand_over(s, plan_fd, descriptions_fd, not_taken, sizeof(not_taken));
        other_level = plan.log_level != s->plan.log_level;
        adopt_plan(s, &plan, data, size, plan_fd, descriptions_fd);
        /* One that an operator asked for stays, unless the configuration has another than before. */
        if (other_level)
                command_set_log_level(s, (enum log_level) s->plan.log_level);
        result = apply(s, &d);
        plan_done(&old);
        free(old_data);
        (void) fd_close(old_plan_fd);
        (void) fd_close(old_descriptions_fd);
        if (nursery_init(s) < 0)
                log_error("the nursery cannot be added: out of memory");
        if (result < 0)
                conclude(s, result, "reload failed: %s", strerror(-result));
        else
                conclude(s, 0, "reloaded: %u workers touched%s%s", n, not_taken[0] ? "; restart needed: " : "", not_taken);
}

/* The first line that is an error, as warnings may stand before it; without one the first of all. */
static const char *first_error(const char *findings, size_t *ret_length) {
        static const char mark[] = "error: ";

        for (const char *at = findings; *at;) {
                size_t length = strcspn(at, "\n");

                if (memmem(at, length, mark, strlen(mark))) {
                        *ret_length = length;
                        return at;
                }
                at += length + (at[length] == '\n');
        }
        *ret_length = strcspn(findings, "\n");
        return findings;
}

static int on_child(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct service *s = userdata;
        struct reload *r = s->reload;
        const char *error;
        size_t length;
        int result;

        result = deploy_wait(&r->deploy, 0);
        say_findings(r);
        if (result == 0)
                use(s);
        else if (result > 0) {
                error = first_error(strempty(r->deploy.findings), &length);
                conclude(s, -EINVAL, "reload refused: the configuration is wrong: %.*s", (int) MIN(length, (size_t) 150), error);
        } else
                conclude(s, result, "reload refused: the configuration child failed: %s", strerror(-result));
        return 0;
}

static int on_findings(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct service *s = userdata;

        deploy_read(&s->reload->deploy);
        if (revents & EPOLLHUP)
                s->reload->findings_source = sd_event_source_disable_unref(s->reload->findings_source);
        return 0;
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata) {
        conclude(userdata, -ETIMEDOUT, "reload refused: the configuration child took more than %u s",
                 (unsigned) (CHILD_NSEC / NSEC_PER_SEC));
        return 0;
}

void reload_begin(struct service *s, bool dry_run, struct process *control, uint64_t id) {
        struct reload *r = s->reload;
        int result;

        if (s->stopping)
                return;
        if (r->running) {
                if (control)
                        command_answer(control, id, -EBUSY, -1, "a reload is under way");
                else
                        r->again = true;
                return;
        }
        r->running = true;
        r->dry_run = dry_run;
        r->id = id;
        r->control_slot = control ? control->slot : 0;
        r->control_generation = control ? control->generation : 0;
        if (!dry_run)
                notify_reloading(s);

        result = deploy_begin(s, &r->deploy);
        if (result >= 0) {
                s->reload_child = r->deploy.pid;
                result = watch_fd(s->event, &r->child_source, r->deploy.pidfd, EPOLLIN, on_child, s, SD_EVENT_PRIORITY_NORMAL);
        }
        if (result >= 0)
                result = watch_fd(s->event, &r->findings_source, r->deploy.findings_fd, EPOLLIN, on_findings, s,
                                  SD_EVENT_PRIORITY_NORMAL);
        if (result >= 0)
                result = watch_timer_set(r->timer, now_monotonic() + CHILD_NSEC);
        if (result < 0)
                conclude(s, result, "reload refused: cannot run the configuration child: %s", strerror(-result));
}

int reload_init(struct service *s) {
        s->reload = calloc(1, sizeof(*s->reload));
        if (!s->reload)
                return -ENOMEM;
        s->reload->deploy = DEPLOY_NULL;
        return watch_timer(s->event, &s->reload->timer, on_late, s);
}

void reload_cancel(struct service *s) {
        struct reload *r = s->reload;

        r->again = false;
        if (r->running)
                conclude(s, -ECANCELED, "reload given up: the service is stopping");
}

void reload_done(struct service *s) {
        if (!s->reload)
                return;
        deploy_done(&s->reload->deploy);
        pack_done(&s->reload->text);
        (void) sd_event_source_disable_unref(s->reload->child_source);
        (void) sd_event_source_disable_unref(s->reload->findings_source);
        (void) sd_event_source_disable_unref(s->reload->timer);
        free(s->reload);
        s->reload = NULL;
}
