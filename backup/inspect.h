/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads an archive from its first to its last byte: whether it is whole, what is in it, and what of it is not to be restored.
 */
#pragma once

#include <signal.h>

#include "backup/origin.h"
#include "backup/reader.h"

struct inspection {
        struct index_origin origin; /* of the index; without one, what the members say */
        bool has_index;
        uint64_t files, bytes;      /* of members with content, without the index */
        uint64_t refused;           /* members that are not to be restored */
};

struct inspect_calls {
        /* Each member but the index; @refused: why it is not to be restored, or NULL. @digest: of a file's content.
         * Below zero ends. */
        int (*member)(void *userdata, const struct member *member, const uint8_t *digest, const char *refused);
        /* The first bytes of a file, 512 or all of it; before the above. May be NULL. */
        void (*head)(void *userdata, const struct member *member, const void *data, size_t size);
        void *userdata;
};

/*
 * @what: the word for the progress, NULL for none. 0: it is whole, and agrees with its index, if it has one. -EBADMSG
 * and others after an error message for each thing that is wrong.
 */
int inspect(int fd, const char *path, const char *what, const struct inspect_calls *calls, const volatile sig_atomic_t *interrupted,
            struct inspection *ret) _must_check_;

/* wazo-backup list and verify. */
int inspect_list(const char *path, bool verbose, const volatile sig_atomic_t *interrupted) _must_check_;
int inspect_verify(const char *path, const volatile sig_atomic_t *interrupted) _must_check_;
