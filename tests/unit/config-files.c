/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/config-files.h"

#include <check.h>
#include <elf.h>
#include <fcntl.h>
#include <ftw.h>
#include <link.h>
#include <sys/stat.h>

static char folder[64];
static char *last_findings;

const char *files_begin(void) {
        (void) strcpy(folder, "/tmp/wazo-config-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        return folder;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
        return remove(path);
}

void files_end(void) {
        (void) nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(last_findings);
        last_findings = NULL;
}

const char *files_path(const char *name) {
        static char paths[8][512];
        static unsigned next;
        char *path = paths[next++ % ELEMENTSOF(paths)];

        (void) snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
        return path;
}

void files_write_bytes(const char *name, const void *data, size_t size) {
        char path[512];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/%s", folder, name);
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                (void) mkdir(path, 0755);
                *slash = '/';
        }
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, data, size), (ssize_t) size);
        ck_assert_int_eq(close(fd), 0);
}

void files_write(const char *name, const char *text) {
        files_write_bytes(name, text, strlen(text));
}

struct object {
        ElfW(Ehdr) elf;
        ElfW(Phdr) program;
        ElfW(Nhdr) note;
        char owner[4];
        uint8_t id[20];
};

void files_write_object(const char *name, uint8_t byte) {
        struct object object = {
                .elf = {.e_type = ET_DYN, .e_phoff = offsetof(struct object, program),
                        .e_phentsize = sizeof(ElfW(Phdr)), .e_phnum = 1},
                .program = {.p_type = PT_NOTE, .p_offset = offsetof(struct object, note), .p_filesz = sizeof(ElfW(Nhdr)) + 24},
                .note = {.n_namesz = 4, .n_descsz = 20, .n_type = NT_GNU_BUILD_ID},
                .owner = "GNU",
        };

        memcpy(object.elf.e_ident, ELFMAG, SELFMAG);
        object.elf.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
        memset(object.id, byte, sizeof(object.id));
        files_write_bytes(name, &object, sizeof(object));
}

void files_write_description(const char *name, const char *plugin, uint8_t byte, const char *routes, const char *more) {
        char text[8192], id[41];

        for (unsigned i = 0; i < 20; i++)
                (void) sprintf(id + i * 2, "%02x", byte);
        ck_assert_int_lt(
                snprintf(text, sizeof(text),
                         "{\"plugin\": \"%s\", \"abi\": 1, \"version\": \"1.0\", \"build_id\": \"%s\", \"routes\": %s%s}\n",
                         plugin, id, routes, more),
                (int) sizeof(text));
        files_write(name, text);
}

const char *files_findings(struct findings *findings) {
        size_t size, length = strlen(folder);
        FILE *to;

        free(last_findings);
        to = open_memstream(&last_findings, &size);
        ck_assert_ptr_nonnull(to);
        findings_print(findings, to);
        ck_assert_int_eq(fclose(to), 0);
        for (char *at = strstr(last_findings, folder); at && length > 0; at = strstr(at, folder))
                memmove(at, at + length, strlen(at + length) + 1);
        return last_findings;
}
