/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything one transaction will say, held in memory until it is said: a transaction that is open for less
 * time blocks fewer readers. Bytes lie in chunks that never move and are used again after each commit.
 */
#ifndef SNAG_RUNTIME_OUTBOX_H
#define SNAG_RUNTIME_OUTBOX_H

#include "base/buf.h"
#include "ports/output.h"

typedef struct snag_outbox_chunk {
    struct snag_outbox_chunk *next;
    size_t size;
    size_t used;
    char bytes[];
} snag_outbox_chunk;

typedef struct snag_outbox {
    snag_outbox_chunk *first;
    snag_outbox_chunk *current;
    snag_message *messages;
    size_t count;
    size_t room;
    size_t bytes; /* held, of all messages */
    bool urgent;  /* an alert waits: commit at once */
} snag_outbox;

void snag_outbox_init(snag_outbox *outbox);
void snag_outbox_finish(snag_outbox *outbox);
/* Empties it; what it lent becomes invalid. */
void snag_outbox_reset(snag_outbox *outbox);

/* `size` bytes that stay until reset, aligned for pointers. Running out of memory ends the program: there is
 * nothing sensible to do with half a transaction. */
void *snag_outbox_take(snag_outbox *outbox, size_t size);
snag_str snag_outbox_copy(snag_outbox *outbox, snag_str text);
/* What is left of the current chunk, at least `least` bytes; snag_outbox_used says how much was used. */
snag_buf snag_outbox_buf(snag_outbox *outbox, size_t least);
snag_str snag_outbox_used(snag_outbox *outbox, const snag_buf *buf);
/* Adds a message whose bytes lie in the outbox. */
void snag_outbox_add(snag_outbox *outbox, const snag_message *message);

#endif
