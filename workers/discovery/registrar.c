/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/discovery/registrar.h"

#include <stdio.h>
#include <sys/random.h>

#include "lib/log.h"

#define REQUEST_MSEC 5000
/* On the way out somebody waits for it. */
#define LEAVE_MSEC 1500
/* An entry that nobody has told consul of for so long is of a host that is no more. */
#define FORGET_AFTER "2h"

static const char *const healths[] = {"passing", "warning", "critical"};

const char *registrar_health_to_string(enum registrar_health health) {
        return healths[health];
}

static uint64_t milliseconds(const json_t *slice, const char *name) {
        const json_t *value = json_object_get(slice, name);

        return json_is_integer(value) && json_integer_value(value) > 0 ? (uint64_t) json_integer_value(value) : 0;
}

int registrar_settings_read(const json_t *slice, struct registrar_settings *ret) {
        const json_t *consul = json_object_get(slice, "consul");
        struct registrar_settings s = {
                .url = json_string_value(json_object_get(consul, "url")),
                .token = json_string_value(json_object_get(consul, "token")),
                .ca = json_string_value(json_object_get(consul, "ca")),
                .verify = !json_is_false(json_object_get(consul, "verify")),
                .ttl_msec = milliseconds(slice, "ttl_ms"),
                .refresh_msec = milliseconds(slice, "refresh_ms"),
                .retry_msec = milliseconds(slice, "retry_ms"),
        };

        if (!s.url || s.ttl_msec == 0 || s.refresh_msec == 0 || s.retry_msec == 0)
                return -EBADMSG;
        *ret = s;
        return 0;
}

/* ---- turns ---- */

static void work_soon(struct registrar *r) {
        if (sd_event_source_set_enabled(r->work, SD_EVENT_ONESHOT) < 0)
                (void) sd_event_exit(r->event, -ENOMEM);
}

static void wake_at(struct registrar *r, uint64_t at) {
        if (sd_event_source_set_time(r->timer, at / NSEC_PER_USEC) < 0 ||
            sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT) < 0)
                (void) sd_event_exit(r->event, -ENOMEM);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        work_soon(userdata);
        return 0;
}

static uint64_t patience(const struct registrar *r, uint32_t failures) {
        uint32_t random = 0;
        bool failed;

        (void) getrandom(&random, sizeof(random), GRND_NONBLOCK);
        /* The first failure of a worker is followed by a start at once; consul is given the time that was asked for. */
        return backoff_wait(&r->backoff, MIN(failures, UINT32_MAX - 1) + 1, random, &failed);
}

/* ---- what came of it ---- */

static void say(struct registrar *r) {
        if (r->changed)
                r->changed(r->userdata);
}

static void tell_away(struct registrar *r, const char *reason) {
        if (r->status.away == (reason != NULL))
                return;
        r->status.away = reason != NULL;
        if (reason)
                log_info("consul at %s cannot be reached: %s; it is tried again", r->settings.url, reason);
        else
                log_info("consul at %s is reached", r->settings.url);
}

static void count(struct registrar *r) {
        r->status.n_wanted = r->status.n_known = 0;
        for (const struct registration *g = r->list; g; g = g->next) {
                r->status.n_wanted += g->wanted;
                r->status.n_known += g->known && g->wanted;
        }
}

static void set_reason(struct registrar *r, const char *what, const char *why) {
        size_t n = (size_t) snprintf(r->status.reason, sizeof(r->status.reason), "%s%s%s", what, *why ? ": " : "", why);

        /* The agent's own words end with a line. */
        for (n = MIN(n, sizeof(r->status.reason) - 1); n > 0 && r->status.reason[n - 1] == '\n';)
                r->status.reason[--n] = 0;
        for (char *c = r->status.reason; *c; c++)
                if ((unsigned char) *c < ' ')
                        *c = ' ';
}

static void absent(struct registrar *r, const char *reason) {
        r->status.failures++;
        r->absences += r->absences < UINT32_MAX;
        r->wait_until = now_monotonic() + patience(r, r->absences);
        set_reason(r, "consul cannot be reached", reason);
        tell_away(r, reason);
}

static void registered(struct registrar *r, struct registration *g) {
        log_info("%s is registered with consul as %s: %s:%u, %s", g->name, g->id, g->address, g->port, healths[g->health]);
        r->status.registrations++;
        g->known = true;
        /* Words come with an update only. */
        g->news |= *g->output != 0;
        if (g->wanted)
                g->due = now_monotonic() + r->settings.refresh_msec * NSEC_PER_MSEC;
}

static void done_well(struct registrar *r, struct registration *g) {
        r->status.reason[0] = 0;
        switch (r->asking) {
        case REGISTRAR_REGISTER:
                registered(r, g);
                break;
        case REGISTRAR_UPDATE:
                g->refusals = 0;
                g->due = now_monotonic() + r->settings.refresh_msec * NSEC_PER_MSEC;
                break;
        default:
                log_info("%s is deregistered from consul", g->name);
                g->known = g->maybe = false;
                break;
        }
}

/* The agent answers, but not as it should: it does not know the check (any more), or it does not let us. */
static void refused(struct registrar *r, struct registration *g, const struct http_answer *answer) {
        char what[120];

        r->status.failures++;
        g->news = true;
        if (r->asking == REGISTRAR_UPDATE && g->refusals == 0) {
                log_info("consul does not know %s any more: it is registered again", g->name);
                g->refusals++;
                g->known = false;
                g->due = 0;
                return;
        }
        (void) snprintf(what, sizeof(what), "consul answers %u about %s", answer->status, g->name);
        set_reason(r, what, answer->body);
        if (g->refusals <= 1 || r->asking == REGISTRAR_DEREGISTER)
                log_warning("%s", r->status.reason);
        g->refusals += g->refusals < UINT32_MAX;
        g->known = false;
        /* One that is to go and cannot is left to its time. */
        if (r->asking == REGISTRAR_DEREGISTER)
                g->maybe = false;
        g->due = now_monotonic() + patience(r, g->refusals);
}

static void on_answer(void *userdata, const struct http_answer *answer) {
        struct registrar *r = userdata;
        struct registration *g = r->asked;
        struct registrar_status before = r->status;

        r->asked = NULL;
        if (answer->status == 0) {
                absent(r, answer->reason);
                g->news = true;
                /* There is no second time on the way out, for nobody. */
                for (struct registration *each = r->list; each && r->leaving; each = each->next)
                        each->known = each->maybe = false;
        } else {
                r->absences = 0;
                r->wait_until = 0;
                tell_away(r, NULL);
                if (answer->status >= 200 && answer->status < 300)
                        done_well(r, g);
                else
                        refused(r, g, answer);
        }
        r->asking = REGISTRAR_NOTHING;
        count(r);
        if (before.away != r->status.away || before.n_known != r->status.n_known || !streq(before.reason, r->status.reason))
                say(r);
        work_soon(r);
}

/* ---- asking ---- */

/* "30s"; or in milliseconds where that would not be exact. */
static void format_msec(uint64_t msec, char *to, size_t size) {
        (void) snprintf(to, size, msec % 1000 == 0 ? "%llus" : "%llums",
                        (unsigned long long) (msec % 1000 == 0 ? msec / 1000 : msec));
}

static json_t *registration_json(const struct registrar *r, const struct registration *g) {
        char ttl[32], check[160];

        format_msec(r->settings.ttl_msec, ttl, sizeof(ttl));
        (void) snprintf(check, sizeof(check), "service:%s", g->id);
        return json_pack("{s:s, s:s, s:s, s:i, s:O, s:{s:s, s:s}, s:{s:s, s:s, s:s, s:s, s:s}}",
                         "ID", g->id,
                         "Name", g->name,
                         "Address", g->address,
                         "Port", (int) g->port,
                         "Tags", g->tags,
                         "Meta", "registered-by", "wazo-suite", "version", strempty(r->settings.version),
                         "Check", "CheckID", check, "Name", "reported by wazo-suite", "TTL", ttl, "Status", healths[g->health],
                         "DeregisterCriticalServiceAfter", FORGET_AFTER);
}

/* Path and body of what is to be said of it. */
static int make_request(struct registrar *r, const struct registration *g, char *path, size_t size, char **ret_body) {
        json_t *body = NULL;

        switch (r->asking) {
        case REGISTRAR_REGISTER:
                (void) snprintf(path, size, "/v1/agent/service/register?replace-existing-checks=true");
                body = registration_json(r, g);
                break;
        case REGISTRAR_UPDATE:
                (void) snprintf(path, size, "/v1/agent/check/update/service:%s", g->id);
                body = json_pack("{s:s, s:s}", "Status", healths[g->health], "Output", g->output);
                break;
        default:
                (void) snprintf(path, size, "/v1/agent/service/deregister/%s", g->id);
                body = json_object();
                break;
        }
        *ret_body = body ? json_dumps(body, JSON_COMPACT) : NULL;
        json_decref(body);
        return *ret_body ? 0 : -ENOMEM;
}

static int send_request(struct registrar *r, const struct registration *g) {
        char url[768], path[256], token[300];
        const char *const headers[] = {token, NULL};
        _cleanup_free_ char *body = NULL;
        int e;

        e = make_request(r, g, path, sizeof(path), &body);
        if (e < 0)
                return e;
        (void) snprintf(url, sizeof(url), "%s%s", r->settings.url, path);
        (void) snprintf(token, sizeof(token), "X-Consul-Token: %s", strempty(r->settings.token));
        e = r->driver->send(r->http,
                            &(struct http_request) {.method = "PUT",
                                                    .url = url,
                                                    .body = body,
                                                    .headers = r->settings.token ? headers : NULL,
                                                    .timeout_msec = r->leaving ? LEAVE_MSEC : REQUEST_MSEC,
                                                    .ca = r->settings.ca,
                                                    .unverified = !r->settings.verify},
                            on_answer, r);
        explicit_bzero(token, sizeof(token));
        return e;
}

/* What is to be asked about it now: REGISTRAR_NOTHING, and in *ret_at when there may be something. */
static int choose(const struct registrar *r, const struct registration *g, uint64_t now, uint64_t *ret_at) {
        *ret_at = NSEC_NEVER;
        if (!g->wanted)
                return g->maybe ? REGISTRAR_DEREGISTER : REGISTRAR_NOTHING;
        if (g->known && g->news)
                return REGISTRAR_UPDATE;
        if (g->due <= now)
                return g->known ? REGISTRAR_UPDATE : REGISTRAR_REGISTER;
        *ret_at = g->due;
        return REGISTRAR_NOTHING;
}

static void ask(struct registrar *r, struct registration *g, int what) {
        char error[200];
        int e = 0;

        r->asking = what;
        r->asked = g;
        g->maybe |= what == REGISTRAR_REGISTER;
        if (!r->driver)
                e = http_load(r->settings.driver_dir, &r->driver, error, sizeof(error));
        if (e >= 0 && !r->http)
                e = r->driver->new(r->event, &r->http);
        if (e >= 0) {
                /* An answer to what has changed again meanwhile leaves it news. */
                g->news = false;
                e = send_request(r, g);
        }
        if (e < 0)
                on_answer(r, &(struct http_answer) {.reason = e == -ELIBBAD ? error : strerror(-e), .body = ""});
}

static void leave_if_done(struct registrar *r) {
        if (!r->leaving)
                return;
        for (const struct registration *g = r->list; g; g = g->next)
                if (g->maybe)
                        return;
        r->leaving = false;
        r->left(r->userdata);
}

static int on_work(sd_event_source *source, void *userdata) {
        struct registrar *r = userdata;
        uint64_t now = now_monotonic(), next = NSEC_NEVER, at;

        if (r->asked)
                return 0;
        leave_if_done(r);
        if (r->wait_until > now && !r->leaving) {
                wake_at(r, r->wait_until);
                return 0;
        }
        for (struct registration *g = r->list; g; g = g->next) {
                int what = choose(r, g, now, &at);

                if (what != REGISTRAR_NOTHING) {
                        ask(r, g, what);
                        return 0;
                }
                next = MIN(next, at);
        }
        if (next != NSEC_NEVER)
                wake_at(r, next);
        return 0;
}

/* ---- services ---- */

int registrar_add(struct registrar *r, const char *id, const char *name, json_t *tags, uint32_t port, struct registration **ret) {
        struct registration *g = calloc(1, sizeof(*g)), **end = &r->list;

        if (g) {
                g->id = strdup(id);
                g->name = strdup(name);
        }
        if (!g || !g->id || !g->name || !tags) {
                json_decref(tags);
                if (g) {
                        free(g->id);
                        free(g->name);
                }
                free(g);
                return -ENOMEM;
        }
        g->registrar = r;
        g->tags = tags;
        g->port = port;
        while (*end)
                end = &(*end)->next;
        *end = g;
        *ret = g;
        return 0;
}

void registration_tell(struct registration *g, const char *address, enum registrar_health health, const char *output) {
        bool moved = !streq(g->address, address);

        if (g->registrar->leaving || (g->wanted && !moved && g->health == health && streq(g->output, output)))
                return;
        if (moved) {
                /* The same id at another address: registered over it. */
                (void) strcopy(g->address, sizeof(g->address), address);
                g->known = false;
                g->due = 0;
        }
        if (!g->wanted)
                g->due = 0;
        g->wanted = true;
        g->health = health;
        (void) strcopy(g->output, sizeof(g->output), output);
        g->news = true;
        count(g->registrar);
        work_soon(g->registrar);
}

void registration_withdraw(struct registration *g) {
        if (!g->wanted)
                return;
        g->wanted = false;
        count(g->registrar);
        work_soon(g->registrar);
}

void registrar_leave(struct registrar *r) {
        if (r->leaving)
                return;
        for (struct registration *g = r->list; g; g = g->next)
                registration_withdraw(g);
        /* What is under way is not waited for: by now it says the wrong thing. */
        if (r->asked && r->driver) {
                r->driver->free(r->http);
                r->http = NULL;
                r->asked = NULL;
                r->asking = REGISTRAR_NOTHING;
        }
        r->leaving = true;
        work_soon(r);
}

/* ---- life ---- */

int registrar_init(struct registrar *r, sd_event *event, const struct registrar_settings *settings, void (*changed)(void *userdata),
                   void (*left)(void *userdata), void *userdata) {
        int e;

        *r = (struct registrar) {
                .event = event,
                .settings = *settings,
                .backoff = {.base_msec = settings->retry_msec, .cap_msec = MAX(settings->refresh_msec, settings->retry_msec)},
                .changed = changed,
                .left = left,
                .userdata = userdata,
        };
        e = sd_event_add_defer(event, &r->work, on_work, r);
        if (e >= 0)
                e = sd_event_source_set_enabled(r->work, SD_EVENT_OFF);
        if (e >= 0)
                e = sd_event_add_time(event, &r->timer, CLOCK_MONOTONIC, 0, 10000, on_timer, r);
        return e < 0 ? e : sd_event_source_set_enabled(r->timer, SD_EVENT_OFF);
}

void registrar_done(struct registrar *r) {
        while (r->list) {
                struct registration *g = r->list;

                r->list = g->next;
                json_decref(g->tags);
                free(g->id);
                free(g->name);
                free(g);
        }
        if (r->http)
                r->driver->free(r->http);
        r->http = NULL;
        r->work = sd_event_source_disable_unref(r->work);
        r->timer = sd_event_source_disable_unref(r->timer);
}
