/* SPDX-License-Identifier: Apache-2.0 */
#include "local/memory.h"

#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/mman.h>

#include "base/assert.h"
#include "base/poison.h"

/* An engine's arenas stand within these first bytes of its block. */
enum { ARENAS_BYTES = 16 * 1024 * 1024, HUGE_FROM_BYTES = 64 * 1024 * 1024 };
enum { MALLOC_PIECE_BYTES = 16 * 1024 * 1024, MALLOC_KEEP_BYTES = 64 * 1024 * 1024 };

static snag_err reserve(snag_memory *memory, size_t size, snag_diag *diag)
{
    *memory = (snag_memory){0};
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                       -1, 0);
    if (block == MAP_FAILED)
        return snag_fail(diag, SNAG_MEMORY, "cannot reserve %zu MiB for state: %s", size >> 20,
                         strerror(errno));
    *memory = (snag_memory){.block = block, .size = size};
    return SNAG_OK;
}

void snag_memory_large(snag_memory *memory)
{
    (void)madvise(memory->block, memory->size, MADV_HUGEPAGE);
}

snag_err snag_memory_init(snag_memory *memory, size_t size, snag_diag *diag)
{
    snag_err err = reserve(memory, size, diag);
    /* State is read at random: with pages of 4 KiB a good part of the time goes into finding the pages. */
    if (err == SNAG_OK && size >= HUGE_FROM_BYTES)
        snag_memory_large(memory);
    return err;
}

snag_err snag_memory_init_small(snag_memory *memory, size_t size, snag_diag *diag)
{
    snag_err err = reserve(memory, size, diag);
    if (err == SNAG_OK) /* where the system gives large pages unasked */
        (void)madvise(memory->block, memory->size, MADV_NOHUGEPAGE);
    return err;
}

#ifdef __GLIBC__
void snag_memory_keep(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, MALLOC_PIECE_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, MALLOC_KEEP_BYTES);
}
#else
void snag_memory_keep(void)
{
}
#endif

void snag_memory_finish(snag_memory *memory)
{
    /* AddressSanitizer would go on to poison what arenas left unused, whatever lies here next. */
    if (memory->block) {
        SNAG_UNPOISON(memory->block, memory->size < ARENAS_BYTES ? memory->size : ARENAS_BYTES);
        SNAG_ASSERT(munmap(memory->block, memory->size) == 0);
    }
    *memory = (snag_memory){0};
}
