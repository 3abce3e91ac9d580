/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units/take-over/engine.h"

#include <stdio.h>

#include "units/take-over/disk.h"

static void say(engine_tell *tell, const char *verb, const struct journal_record *record, int error) {
        if (tell)
                tell(verb, record, error);
}

static int make(const struct site *site, const struct journal_record *record, engine_tell *tell) {
        int r = change_make(site, record);

        say(tell, "", record, r);
        return r;
}

static int take_all(const struct site *site, struct journal *j, const struct steps *steps, engine_tell *tell) {
        size_t known = j->n;
        int r = journal_set_phase(j, JOURNAL_TAKING);

        for (size_t i = 0; r >= 0 && i < known; i++)
                r = make(site, &j->records[i], tell);
        for (size_t i = 0; r >= 0 && i < steps->n; i++) {
                struct journal_record record = steps->list[i];

                if (journal_find(j, record.what, record.path))
                        continue;
                r = change_look(site, &record);
                if (r >= 0)
                        r = journal_add(j, &record);
                if (r >= 0)
                        r = make(site, &record, tell);
        }
        return r < 0 ? r : journal_set_phase(j, JOURNAL_TAKEN);
}

int engine_take(const struct site *site, struct journal *j, const struct steps *steps, engine_tell *tell) {
        int r = take_all(site, j, steps, tell);

        if (r < 0)
                (void) engine_give(site, j, tell);
        return r;
}

int engine_give(const struct site *site, struct journal *j, engine_tell *tell) {
        int r = journal_set_phase(j, JOURNAL_GIVING), first = r;

        for (size_t i = j->n; r >= 0 && i > 0; i--) {
                int n = change_undo(site, &j->records[i - 1]);

                say(tell, "undone: ", &j->records[i - 1], n);
                if (n < 0 && first >= 0)
                        first = n;
        }
        return first < 0 ? first : journal_end(j);
}

/* ---- afterwards ---- */

/* A file that was put aside for a package that nobody will miss. What an administrator wrote is his. */
static int forget_aside(const struct site *site, const struct journal_record *record) {
        bool unit = strncmp(record->path, "/etc/systemd/", strlen("/etc/systemd/")) == 0;
        char path[DISK_PATH_MAX], target[DISK_PATH_MAX];

        if (snprintf(path, sizeof(path), "%s%s" CHANGE_ASIDE_SUFFIX, site->root, record->path) >= (int) sizeof(path))
                return -ENAMETOOLONG;
        /* A package that was removed masks its unit. */
        if (unit && (disk_read_link(path, target, sizeof(target)) < 0 || !streq(target, "/dev/null")))
                return 0;
        return disk_remove(path);
}

/* The configuration was a file of the package: it is ours to keep now. */
static int restore_kept(const struct site *site, const struct journal_record *record) {
        char path[DISK_PATH_MAX], kept[DISK_PATH_MAX];
        int r;

        if (snprintf(path, sizeof(path), "%s%s", site->root, record->path) >= (int) sizeof(path) ||
            snprintf(kept, sizeof(kept), "%s%s", site->root, record->wanted) >= (int) sizeof(kept))
                return -ENAMETOOLONG;
        if (disk_is_there(path) || !disk_is_there(kept))
                return 0;
        r = disk_make_directory_of(path);
        return r < 0 ? r : disk_copy(kept, path);
}

static int settle(const struct site *site, const struct journal_record *record, bool purged) {
        int r;

        if (streq(record->what, "keep"))
                return purged ? restore_kept(site, record) : change_make(site, record);
        r = change_make(site, record);
        return r >= 0 && purged && streq(record->what, "aside") ? forget_aside(site, record) : r;
}

int engine_settle(const struct site *site, const struct journal *j, bool purged) {
        int first = 0;

        for (size_t i = 0; i < j->n; i++) {
                int r = settle(site, &j->records[i], purged);

                if (r < 0 && first == 0)
                        first = r;
        }
        return first;
}
