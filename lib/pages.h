/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pages of program and libraries that a process does not need for now. */
#pragma once

/*
 * Gives back the pages that are only read: code and constants. None is lost: what is used again is mapped again, from the
 * page cache, at a microsecond for 64 KiB. For after the start, most of whose code is never used again, and for a long rest.
 * Breakpoints and probes that another process has written into the code are gone with it.
 */
void pages_give_back(void);
