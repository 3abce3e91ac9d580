/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/elf.h"

#include <elf.h>
#include <link.h>

#define HEADERS_MAX 64
#define NOTES_MAX 4096U /* bytes of one note segment; a build-id takes 36 */

#if UINTPTR_MAX > UINT32_MAX
#define OUR_CLASS ELFCLASS64
#else
#define OUR_CLASS ELFCLASS32
#endif

static int read_at(int fd, void *data, size_t size, uint64_t offset) {
        ssize_t n = pread(fd, data, size, (off_t) offset);

        if (n < 0)
                return -errno;
        return (size_t) n == size ? 0 : -EBADMSG;
}

/* Walks the notes of one segment. 1 when the build-id was among them. */
static int find_note(const uint8_t *notes, size_t size, uint8_t ret[BUILD_ID_SIZE]) {
        while (size >= sizeof(ElfW(Nhdr))) {
                ElfW(Nhdr) note;
                size_t name, whole;

                memcpy(&note, notes, sizeof(note));
                if (note.n_namesz > NOTES_MAX || note.n_descsz > NOTES_MAX)
                        return -EBADMSG;
                name = (note.n_namesz + 3U) & ~3U;
                whole = sizeof(note) + name + ((note.n_descsz + 3U) & ~3U);
                if (whole > size)
                        return -EBADMSG;
                if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes + sizeof(note), "GNU", 4) == 0) {
                        memset(ret, 0, BUILD_ID_SIZE);
                        memcpy(ret, notes + sizeof(note) + name, MIN((size_t) note.n_descsz, (size_t) BUILD_ID_SIZE));
                        return 1;
                }
                notes += whole;
                size -= whole;
        }
        return 0;
}

int elf_build_id(int fd, uint8_t ret[BUILD_ID_SIZE]) {
        uint8_t notes[NOTES_MAX], found[BUILD_ID_SIZE] = {0};
        ElfW(Phdr) headers[HEADERS_MAX];
        ElfW(Ehdr) elf;
        int r;

        r = read_at(fd, &elf, sizeof(elf), 0);
        if (r < 0)
                return r == -EBADMSG ? -ENOEXEC : r;
        if (memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_ident[EI_CLASS] != OUR_CLASS)
                return -ENOEXEC;
        if (elf.e_phentsize != sizeof(headers[0]) || elf.e_phnum > HEADERS_MAX)
                return -EBADMSG;
        r = read_at(fd, headers, elf.e_phnum * sizeof(headers[0]), elf.e_phoff);
        if (r < 0)
                return r;

        for (unsigned i = 0; i < elf.e_phnum; i++) {
                size_t size = (size_t) headers[i].p_filesz;

                if (headers[i].p_type != PT_NOTE || size > NOTES_MAX)
                        continue;
                r = read_at(fd, notes, size, headers[i].p_offset);
                if (r >= 0)
                        r = find_note(notes, size, found);
                if (r < 0)
                        return r;
                if (r > 0)
                        break;
        }
        memcpy(ret, found, BUILD_ID_SIZE);
        return 0;
}

void build_id_to_text(const uint8_t build_id[BUILD_ID_SIZE], char ret[BUILD_ID_TEXT]) {
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < BUILD_ID_SIZE; i++) {
                ret[2 * i] = digits[build_id[i] >> 4];
                ret[2 * i + 1] = digits[build_id[i] & 15];
        }
        ret[BUILD_ID_TEXT - 1] = 0;
}

static int nibble(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
                return (c | 0x20) - 'a' + 10;
        return -1;
}

int build_id_from_text(const char *text, uint8_t ret[BUILD_ID_SIZE]) {
        uint8_t found[BUILD_ID_SIZE];

        if (strlen(text) != BUILD_ID_TEXT - 1)
                return -EINVAL;
        for (size_t i = 0; i < BUILD_ID_SIZE; i++) {
                int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);

                if (high < 0 || low < 0)
                        return -EINVAL;
                found[i] = (uint8_t) (high << 4 | low);
        }
        memcpy(ret, found, BUILD_ID_SIZE);
        return 0;
}
