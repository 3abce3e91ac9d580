/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Registers services with the agent of consul, and keeps telling it how they are. One request at a time; nobody waits for it.
 * Whatever the agent forgets, or has lost with a restart, is registered again as soon as that shows.
 */
#pragma once

#include <jansson.h>

#include "lib/backoff.h"
#include "lib/http-client.h"
#include "lib/util.h"

enum registrar_health { REGISTRAR_PASSING, REGISTRAR_WARNING, REGISTRAR_CRITICAL };

const char *registrar_health_to_string(enum registrar_health health);

/* From a slice (docs/slices.md), whose all texts are. */
struct registrar_settings {
        const char *url, *token, *ca, *driver_dir, *version;
        bool verify;
        uint64_t ttl_msec, refresh_msec, retry_msec;
};

/* Reads what config/consul.h made; @driver_dir and @version are set by the caller. -EBADMSG. */
int registrar_settings_read(const json_t *slice, struct registrar_settings *ret) _must_check_;

struct registration {
        struct registrar *registrar;
        struct registration *next;
        char *id, *name;
        json_t *tags;
        char address[256];
        uint32_t port;
        enum registrar_health health;
        char output[256];         /* what the check says, for people */
        bool wanted;              /* it is to be known to consul */
        bool known;               /* it is, as far as is known */
        bool maybe;               /* it is, or may be: consul has been asked to register it */
        bool news;                /* consul has not been told of the health */
        uint64_t due;             /* CLOCK_MONOTONIC nsec: when consul is spoken to about it next, without news */
        uint32_t refusals;        /* in a row */
};

/* What is said of the whole: in status, in metrics, in the log. */
struct registrar_status {
        bool away;                /* consul does not answer */
        unsigned n_wanted, n_known;
        uint64_t registrations, failures; /* since it began: registered; requests without a good answer */
        char reason[200];         /* why not all is as it should be, or "" */
};

struct registrar {
        sd_event *event;          /* borrowed */
        struct registrar_settings settings;
        const struct http_driver *driver;
        struct http *http;
        struct registration *list, *asked; /* asked: the one whose request is under way */
        enum { REGISTRAR_NOTHING, REGISTRAR_REGISTER, REGISTRAR_UPDATE, REGISTRAR_DEREGISTER } asking;
        sd_event_source *work, *timer;
        struct backoff backoff;
        uint32_t absences;        /* in a row */
        uint64_t wait_until;      /* nobody is asked before; 0 */
        bool leaving;
        struct registrar_status status;
        /* What anybody should know has changed. */
        void (*changed)(void *userdata);
        /* After registrar_leave(): there is nothing more to do. */
        void (*left)(void *userdata);
        void *userdata;
};

int registrar_init(struct registrar *r, sd_event *event, const struct registrar_settings *settings, void (*changed)(void *userdata),
                   void (*left)(void *userdata), void *userdata) _must_check_;
void registrar_done(struct registrar *r);

/* A service, which nobody wants yet. Takes @tags over, whatever it returns. -ENOMEM. */
int registrar_add(struct registrar *r, const char *id, const char *name, json_t *tags, uint32_t port,
                  struct registration **ret) _must_check_;
/* It is to be known to consul, at this address, in this health. Telling the same again costs nothing. */
void registration_tell(struct registration *g, const char *address, enum registrar_health health, const char *output);
/* It is no longer to be known. */
void registration_withdraw(struct registration *g);

/* Withdraws all; each is tried once, and then @left is called. */
void registrar_leave(struct registrar *r);
