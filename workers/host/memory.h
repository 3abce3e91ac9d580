/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The memory that a worker at rest does not need. */
#pragma once

/*
 * Gives back to the kernel what is free of the heap, and what deeper calls once used of the calling thread's stack. That must be
 * the main thread's, with the gap that the kernel keeps below it.
 */
void memory_give_back(void);
