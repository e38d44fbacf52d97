/* SPDX-License-Identifier: Apache-2.0 */
#include "local/memory.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/assert.h"

enum { HUGE_FROM_BYTES = 64 << 20 };

snag_err snag_memory_init(snag_memory *memory, size_t size, snag_diag *diag)
{
    *memory = (snag_memory){0};
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                       -1, 0);
    if (block == MAP_FAILED)
        return snag_fail(diag, SNAG_MEMORY, "cannot reserve %zu MiB for state: %s", size >> 20,
                         strerror(errno));
    /* State is read at random: with pages of 4 KiB most of the time goes into finding the pages. */
    if (size >= HUGE_FROM_BYTES)
        (void)madvise(block, size, MADV_HUGEPAGE);
    *memory = (snag_memory){.block = block, .size = size};
    return SNAG_OK;
}

void snag_memory_finish(snag_memory *memory)
{
    if (memory->block) {
        snag_arena_drop(memory->block, memory->size);
        SNAG_ASSERT(munmap(memory->block, memory->size) == 0);
    }
    *memory = (snag_memory){0};
}
