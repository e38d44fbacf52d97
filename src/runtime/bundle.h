/* SPDX-License-Identifier: Apache-2.0
 *
 * The bundle: everything one transaction will say, held in memory until it is said, because a transaction
 * that is open for less time blocks fewer readers. Its chunks never move and are used again after a commit.
 */
#ifndef SNAG_RUNTIME_BUNDLE_H
#define SNAG_RUNTIME_BUNDLE_H

#include "base/buf.h"
#include "ports/output.h"

typedef struct snag_bundle_chunk {
    struct snag_bundle_chunk *next;
    size_t size;
    size_t used;
    char bytes[];
} snag_bundle_chunk;

typedef struct snag_bundle {
    snag_bundle_chunk *first;
    snag_bundle_chunk *current;
    snag_message *messages;
    size_t count;
    size_t room;
    size_t bytes; /* held, of all messages */
    bool urgent;  /* an alert waits: commit at once */
} snag_bundle;

void snag_bundle_init(snag_bundle *bundle);
void snag_bundle_finish(snag_bundle *bundle);
/* Empties it; what it lent becomes invalid. */
void snag_bundle_reset(snag_bundle *bundle);

/* `size` bytes that stay until reset, aligned for pointers. Running out of memory ends the program: there is
 * nothing sensible to do with half a transaction. */
void *snag_bundle_take(snag_bundle *bundle, size_t size);
snag_str snag_bundle_copy(snag_bundle *bundle, snag_str text);
/* What is left of the current chunk, at least `least` bytes; snag_bundle_used says how much was used. */
snag_buf snag_bundle_buf(snag_bundle *bundle, size_t least);
snag_str snag_bundle_used(snag_bundle *bundle, const snag_buf *buf);
/* Adds a message whose bytes lie in the bundle. */
void snag_bundle_add(snag_bundle *bundle, const snag_message *message);

#endif
