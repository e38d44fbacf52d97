/* SPDX-License-Identifier: Apache-2.0
 *
 * A block of address space for an engine: reserved at once, paid for page by page as it is touched.
 */
#ifndef SNAG_LOCAL_MEMORY_H
#define SNAG_LOCAL_MEMORY_H

#include "base/err.h"

typedef struct snag_memory {
    void *block; /* page-aligned and zeroed */
    size_t size;
} snag_memory;

/* SNAG_MEMORY: the system gives no such block. */
SNAG_MUST_CHECK snag_err snag_memory_init(snag_memory *memory, size_t size, snag_diag *diag);
/* The same with small pages: what is small takes little memory. */
SNAG_MUST_CHECK snag_err snag_memory_init_small(snag_memory *memory, size_t size, snag_diag *diag);
/* Large pages for what is touched from here on. */
void snag_memory_large(snag_memory *memory);
/* Of the process: what malloc was given back stays at hand, up to some tens of MiB, instead of being zeroed
 * by the system again for every request of a megabyte. */
void snag_memory_keep(void);
/* Gives it back; a zeroed struct may be finished too. */
void snag_memory_finish(snag_memory *memory);

#endif
