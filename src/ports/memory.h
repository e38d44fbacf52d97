/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks of address space for engines: reserved at once, paid for only as they are touched.
 */
#ifndef SNAG_PORTS_MEMORY_H
#define SNAG_PORTS_MEMORY_H

#include "base/err.h"

typedef struct snag_blocks {
    /* A zeroed, page-aligned block. SNAG_MEMORY: the system gives none. */
    snag_err (*give)(void *self, size_t size, void **block, snag_diag *diag);
    void (*back)(void *self, void *block, size_t size);
    /* Much of the block is in use, at random: large pages are worth it from here on. NULL = never. */
    void (*large)(void *self, void *block, size_t size);
    void *self;
} snag_blocks;

#endif
