/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ps and monit show of this process: "wazo-confd: user". */
#pragma once

/* To be called first: remembers where the kernel shows the arguments from. */
void title_begin(int argc, char **argv);

/* Writes over the arguments and the environment, which moves. Nothing happens when there is no room. */
void title_set(const char *service, const char *name);
