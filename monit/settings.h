/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "config/keyword.h"
#include "monit/publish.h"

struct settings {
        struct publish_settings bus;
        struct yaml_node *root; /* holds the texts */
};

/* ROOT/etc/wazo-suite/monit.yml; without the file, the defaults. What is wrong becomes a finding, and has its default. -ENOMEM. */
int settings_read(const char *root, struct findings *findings, struct settings *ret) _must_check_;
void settings_done(struct settings *s);
