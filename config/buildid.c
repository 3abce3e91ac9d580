/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/buildid.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>

#include "config/text.h"

#define HEADERS_MAX 64
#define NOTES_MAX 4096

static int read_at(int fd, void *to, size_t size, uint64_t offset) {
        ssize_t n = pread(fd, to, size, (off_t) offset);

        if (n < 0)
                return -errno;
        return (size_t) n == size ? 0 : -ENOEXEC;
}

static size_t align4(size_t n) {
        return (n + 3) & ~(size_t) 3;
}

static int search_notes(const uint8_t *notes, size_t size, uint8_t ret[BUILD_ID_SIZE]) {
        size_t at = 0;

        while (size - at >= sizeof(ElfW(Nhdr))) {
                ElfW(Nhdr) note;
                size_t name, content;

                memcpy(&note, notes + at, sizeof(note));
                name = at + sizeof(note);
                if (note.n_namesz > size || note.n_descsz > size)
                        return -ENOEXEC;
                content = name + align4(note.n_namesz);
                if (content > size || note.n_descsz > size - content)
                        return -ENOEXEC;
                if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes + name, "GNU", 4) == 0 &&
                    note.n_descsz == BUILD_ID_SIZE) {
                        memcpy(ret, notes + content, BUILD_ID_SIZE);
                        return 0;
                }
                at = content + align4(note.n_descsz);
                if (at > size)
                        break;
        }
        return -ENODATA;
}

int build_id_read(const char *path, uint8_t ret[BUILD_ID_SIZE]) {
        static const unsigned char class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        ElfW(Phdr) headers[HEADERS_MAX];
        uint8_t notes[NOTES_MAX];
        ElfW(Ehdr) elf;
        int r;

        if (fd < 0)
                return -errno;
        r = read_at(fd, &elf, sizeof(elf), 0);
        if (r < 0)
                return r;
        if (memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_ident[EI_CLASS] != class ||
            elf.e_phentsize != sizeof(headers[0]) || elf.e_phnum > HEADERS_MAX)
                return -ENOEXEC;
        r = read_at(fd, headers, elf.e_phnum * sizeof(headers[0]), elf.e_phoff);
        if (r < 0)
                return r;

        for (unsigned i = 0; i < elf.e_phnum; i++) {
                if (headers[i].p_type != PT_NOTE || headers[i].p_filesz > sizeof(notes))
                        continue;
                r = read_at(fd, notes, headers[i].p_filesz, headers[i].p_offset);
                if (r == 0)
                        r = search_notes(notes, headers[i].p_filesz, ret);
                if (r != -ENODATA)
                        return r;
        }
        return -ENODATA;
}

void build_id_format(const uint8_t id[BUILD_ID_SIZE], char ret[BUILD_ID_SIZE * 2 + 1]) {
        for (unsigned i = 0; i < BUILD_ID_SIZE; i++)
                (void) sprintf(ret + i * 2, "%02x", id[i]);
}

static uint8_t nibble(char c) {
        return (uint8_t) (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

int build_id_parse(const char *s, uint8_t ret[BUILD_ID_SIZE]) {
        if (!text_is_hex(s, BUILD_ID_SIZE * 2))
                return -EINVAL;
        for (unsigned i = 0; i < BUILD_ID_SIZE; i++)
                ret[i] = (uint8_t) (nibble(s[i * 2]) << 4 | nibble(s[i * 2 + 1]));
        return 0;
}
