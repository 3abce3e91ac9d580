/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A supervisor and a gateway in miniature, for tests of wazo-host: whatever goes wrong fails the test. */
#pragma once

#include <signal.h>

#include "lib/channel.h"
#include "lib/request.h"

/* A process of wazo-host, and our ends of what it was born with. */
struct hosted {
        pid_t pid;
        int pidfd, channel, err, ring;
};

/* What its SETUP says. */
struct hosted_setup {
        const char *file;   /* of tests/plugins, without .so */
        const char *plugin; /* its name; NULL: as the file */
        const char *name;   /* of the slot; NULL: as the plugin */
        const char *start;  /* crashdummy's setting, or NULL */
        uint64_t idle_nsec;
        bool other_build_id;
        const char *database; /* path, or NULL: in memory */
};

/* By exec; up to HELLO. */
void hosted_exec(struct hosted *h, bool nursery);
/* By a nursery that is ready; up to HELLO. */
void hosted_fork(struct hosted *h, struct hosted *nursery, const struct wire_fork *order);
void hosted_setup(struct hosted *h, const struct hosted_setup *setup);
/* hosted_setup(), then READY. */
void hosted_start(struct hosted *h, const struct hosted_setup *setup);
void hosted_nursery(struct hosted *h);

/* Receives until a message of this type comes, passing over NOTEs. */
void hosted_expect(struct hosted *h, enum wire_type type, struct channel_message *ret);
/* Expects FAILED with this cause and a text that holds @part, and the exit status. */
void hosted_expect_failure(struct hosted *h, enum wire_cause cause, const char *part, int status);
void hosted_drain(struct hosted *h, uint64_t deadline);
/* Waits for its end, ten seconds at most. */
void hosted_wait(struct hosted *h, siginfo_t *ret);
/* Expects an exit with this code. */
void hosted_expect_exit(struct hosted *h, int code);
/* Kills and forgets. */
void hosted_kill(struct hosted *h);
/* Its ring's text, to be freed. */
char *hosted_last_words(struct hosted *h);

/* A data channel: our end, a gateway's. */
int hosted_peer(struct hosted *h);
/* The same as relay. */
int hosted_relay(struct hosted *h);
/* An event for crashdummy: {"data": {"what": @what, "n": @n}} and @padding spaces. */
void relay_send(int channel, uint64_t id, const char *event, const char *what, const char *n, size_t padding);
/* The answer with this id, past @ret_nudges NUDGEs; false when the channel ended instead. */
bool relay_receive(int channel, uint64_t id, struct reply *ret, unsigned *ret_nudges);
enum { CRASHDUMMY_GET, CRASHDUMMY_POST, CRASHDUMMY_PUT }; /* its operations */
/* GET, POST or PUT /crashdummy/@what?n=@n. */
void gateway_send(int channel, uint64_t id, uint32_t operation, const char *what, const char *n, const void *body, size_t size);
/* The answer with this id; false when the channel ended instead. */
bool gateway_receive(int channel, uint64_t id, struct reply *ret);
/* Both; expects status 200 and returns the body as text, to be freed. */
char *gateway_get(int channel, const char *what, const char *n);
char *gateway_put(int channel, const char *what, const char *n);
