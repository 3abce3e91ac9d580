/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which options Asterisk's PJSIP documents, section by section. */
#pragma once

#include <stdbool.h>

/* One kind of section of an endpoint, by its member: "outbound_auth_section_options" is of type outbound_auth and
 * takes the options of auth. */
struct pjsip_section {
        const char *type, *member;
        const char *const *options; /* in alphabetical order; ended by NULL */
        bool free;                  /* names that begin with "@" are not looked at */
};

enum { PJSIP_SECTIONS = 7 };
extern const struct pjsip_section pjsip_sections[PJSIP_SECTIONS];

bool pjsip_knows(const struct pjsip_section *section, const char *option);
