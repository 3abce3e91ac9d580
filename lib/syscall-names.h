/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names of this machine's system calls, for whoever died of one. */
#pragma once

/* Safe in a signal handler: copies the name into @to, or "system call N" where there is none of that number. */
void syscall_name(int number, char *to, unsigned long size);

/* "0 read\n1 write\n...", made at build: one text, so that it needs no relocation, and no process a page of its own for it. */
extern const char syscall_table[];
