/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/outbox.h"

#include <stdlib.h>

#include "base/assert.h"

enum { CHUNK_BYTES = 1 << 20, ALIGN = 16 };

void snag_outbox_init(snag_outbox *outbox)
{
    *outbox = (snag_outbox){.first = NULL};
}

void snag_outbox_finish(snag_outbox *outbox)
{
    while (outbox->first) {
        snag_outbox_chunk *next = outbox->first->next;
        free(outbox->first);
        outbox->first = next;
    }
    free(outbox->messages);
    snag_outbox_init(outbox);
}

/* Oversized chunks go back to the system, the others stay for the next transaction. */
void snag_outbox_reset(snag_outbox *outbox)
{
    for (snag_outbox_chunk **at = &outbox->first; *at;) {
        snag_outbox_chunk *chunk = *at;
        chunk->used = 0;
        if (chunk->size > CHUNK_BYTES) {
            *at = chunk->next;
            free(chunk);
        } else {
            at = &chunk->next;
        }
    }
    outbox->current = outbox->first;
    outbox->count = outbox->bytes = 0;
    outbox->urgent = false;
}

/* Behind the current chunk there may be others, all of them empty. */
static void chunk_find(snag_outbox *outbox, size_t size)
{
    snag_outbox_chunk **at = outbox->current ? &outbox->current->next : &outbox->first;
    if (!*at || (*at)->size < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        snag_outbox_chunk *chunk = malloc(sizeof *chunk + room);
        SNAG_ASSERT(chunk != NULL);
        *chunk = (snag_outbox_chunk){.next = *at, .size = room};
        *at = chunk;
    }
    outbox->current = *at;
}

void *snag_outbox_take(snag_outbox *outbox, size_t size)
{
    snag_outbox_chunk *chunk = outbox->current;
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (!chunk || size > chunk->size - chunk->used) {
        chunk_find(outbox, size);
        chunk = outbox->current;
    }
    void *piece = chunk->bytes + chunk->used;
    chunk->used += size;
    return piece;
}

snag_str snag_outbox_copy(snag_outbox *outbox, snag_str text)
{
    char *bytes = snag_outbox_take(outbox, text.size);
    if (text.size)
        memcpy(bytes, text.data, text.size);
    return snag_str_of(bytes, text.size);
}

snag_buf snag_outbox_buf(snag_outbox *outbox, size_t least)
{
    snag_outbox_chunk *chunk = outbox->current;
    if (!chunk || least > chunk->size - chunk->used) {
        chunk_find(outbox, least);
        chunk = outbox->current;
    }
    return snag_buf_on(chunk->bytes + chunk->used, chunk->size - chunk->used);
}

snag_str snag_outbox_used(snag_outbox *outbox, const snag_buf *buf)
{
    SNAG_ASSERT(!buf->full);
    SNAG_ASSERT(outbox->current && buf->data == outbox->current->bytes + outbox->current->used);
    return snag_str_of(snag_outbox_take(outbox, buf->size), buf->size);
}

void snag_outbox_add(snag_outbox *outbox, const snag_message *message)
{
    if (outbox->count == outbox->room) {
        outbox->room = outbox->room ? outbox->room * 2 : 1024;
        outbox->messages = realloc(outbox->messages, outbox->room * sizeof *outbox->messages);
        SNAG_ASSERT(outbox->messages != NULL);
    }
    outbox->messages[outbox->count++] = *message;
    outbox->bytes += message->key.size + message->value.size + sizeof *message;
}
