/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks for engines in tests, made of fresh pages as in the real program: an engine touches little of its
 * many megabytes, and what is not touched costs nothing. The page behind a block may not be touched at all;
 * what is given must come back.
 */
#ifndef SNAG_TESTS_FRESH_H
#define SNAG_TESTS_FRESH_H

#include <sys/mman.h>

#include "base/assert.h"
#include "local/memory.h"

enum { FRESH_PAGE = 1 << 12 };

static inline size_t fresh_pages(size_t size)
{
    return (size + FRESH_PAGE - 1) / FRESH_PAGE * FRESH_PAGE;
}

static inline void *fresh_give(size_t size)
{
    snag_memory memory;
    size_t pages = fresh_pages(size);
    snag_err err = snag_memory_init_small(&memory, pages + FRESH_PAGE, NULL);
    SNAG_ASSERT(err == SNAG_OK);
    SNAG_ASSERT(mprotect((char *)memory.block + pages, FRESH_PAGE, PROT_NONE) == 0);
    return memory.block;
}

static inline void fresh_back(void *block, size_t size)
{
    snag_memory memory = {.block = block, .size = fresh_pages(size) + FRESH_PAGE};
    if (block)
        snag_memory_finish(&memory);
}

#endif
