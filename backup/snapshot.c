/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wazo-backup-snapshot FILE: writes a copy of an SQLite database, as it is at one moment, to the file that is its standard output,
 * while others go on using the database. A program of its own, run as the owner of the database: whatever stands in a file, its
 * journals and their folder can do no more than its owner could.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>

#include "lib/util.h"

enum { BUSY_MSEC = 30000 };

static int fail(const char *file, const char *why) {
        (void) fprintf(stderr, "%s: %s\n", file, why);
        return EXIT_FAILURE;
}

/* A file without a name can be opened by none: this one stands for it. */
#define OUTPUT_NAME "/wazo-backup-snapshot-output"

static int open_file(const char *path, int flags, int mode) {
        return streq(path, OUTPUT_NAME) ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, flags | O_CLOEXEC, mode);
}

static int open_output(sqlite3 **ret) {
        sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
        int r;

        if (!vfs || vfs->iVersion < 3)
                return SQLITE_ERROR;
        r = vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr) open_file);
        if (r == SQLITE_OK)
                r = sqlite3_open_v2(OUTPUT_NAME, ret, SQLITE_OPEN_READWRITE, "unix");
        return r != SQLITE_OK ? r : sqlite3_exec(*ret, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL, NULL, NULL);
}

/* In one step: a writer waits for it at most, and never makes it begin again. */
static int copy(sqlite3 *from, sqlite3 *to) {
        sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
        uint64_t deadline = now_monotonic() + BUSY_MSEC * NSEC_PER_MSEC;
        int r;

        if (!backup)
                return sqlite3_errcode(to);
        do {
                r = sqlite3_backup_step(backup, -1);
                if (r == SQLITE_BUSY || r == SQLITE_LOCKED)
                        (void) sqlite3_sleep(50);
        } while ((r == SQLITE_OK || r == SQLITE_BUSY || r == SQLITE_LOCKED) && now_monotonic() < deadline);
        (void) sqlite3_backup_finish(backup);
        return r == SQLITE_DONE ? SQLITE_OK : r;
}

int main(int argc, char **argv) {
        sqlite3 *from = NULL, *to = NULL;
        int r, exit_code = EXIT_SUCCESS;

        if (argc != 2) {
                (void) fputs("Usage: wazo-backup-snapshot FILE >COPY\n", stderr);
                return EXIT_FAILURE;
        }
        /* For writing, too: what a crashed process left in a journal is finished by whoever comes next. */
        r = sqlite3_open_v2(argv[1], &from, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL);
        if (r != SQLITE_OK)
                r = sqlite3_open_v2(argv[1], &from, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL);
        if (r == SQLITE_OK)
                (void) sqlite3_busy_timeout(from, BUSY_MSEC);
        if (r != SQLITE_OK)
                exit_code = fail(argv[1], from ? sqlite3_errmsg(from) : sqlite3_errstr(r));
        else if (open_output(&to) != SQLITE_OK)
                exit_code = fail("standard output", to ? sqlite3_errmsg(to) : "out of memory");
        else {
                r = copy(from, to);
                if (r != SQLITE_OK)
                        exit_code = fail(argv[1], sqlite3_errstr(r));
        }
        (void) sqlite3_close(to);
        (void) sqlite3_close(from);
        return exit_code;
}
