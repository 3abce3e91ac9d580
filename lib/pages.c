/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/pages.h"

#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "lib/util.h"

/* Code that was relocated in place has changes that the file does not have. */
static bool is_as_in_file(const struct dl_phdr_info *object) {
        const ElfW(Dyn) *d = NULL;

        for (size_t i = 0; i < object->dlpi_phnum; i++)
                if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
                        d = (const ElfW(Dyn) *) (object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
        for (; d && d->d_tag != DT_NULL; d++)
                if (d->d_tag == DT_TEXTREL || (d->d_tag == DT_FLAGS && (d->d_un.d_val & DF_TEXTREL)))
                        return false;
        return true;
}

/* A segment that is written to, be it only while it is relocated, is left alone. */
static int give_back(struct dl_phdr_info *object, size_t size, void *userdata) {
        uintptr_t page = *(const uintptr_t *) userdata, limit = UINTPTR_MAX;

        if (!is_as_in_file(object))
                return 0;
        /* From the last to the first: where two share a page, it is the later one's. */
        for (size_t i = object->dlpi_phnum; i > 0; i--) {
                const ElfW(Phdr) *p = &object->dlpi_phdr[i - 1];
                uintptr_t begin = (object->dlpi_addr + p->p_vaddr) & ~(page - 1);
                uintptr_t end = (object->dlpi_addr + p->p_vaddr + p->p_memsz + page - 1) & ~(page - 1);

                if (p->p_type != PT_LOAD)
                        continue;
                end = MIN(end, limit);
                limit = begin;
                if (!(p->p_flags & PF_W) && begin < end)
                        (void) madvise((void *) begin, end - begin, MADV_DONTNEED);
        }
        return 0;
}

void pages_give_back(void) {
        uintptr_t page = getauxval(AT_PAGESZ);

        (void) dl_iterate_phdr(give_back, &page);
}
