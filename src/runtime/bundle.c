/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/bundle.h"

#include <stdlib.h>

#include "base/assert.h"

enum { CHUNK_BYTES = 1 << 20, ALIGN = 16 };

void snag_bundle_init(snag_bundle *bundle)
{
    *bundle = (snag_bundle){.first = NULL};
}

void snag_bundle_finish(snag_bundle *bundle)
{
    while (bundle->first) {
        snag_bundle_chunk *next = bundle->first->next;
        free(bundle->first);
        bundle->first = next;
    }
    free(bundle->messages);
    snag_bundle_init(bundle);
}

/* Oversized chunks go back to the system, the others stay for the next transaction. */
void snag_bundle_reset(snag_bundle *bundle)
{
    for (snag_bundle_chunk **at = &bundle->first; *at;) {
        snag_bundle_chunk *chunk = *at;
        chunk->used = 0;
        if (chunk->size > CHUNK_BYTES) {
            *at = chunk->next;
            free(chunk);
        } else {
            at = &chunk->next;
        }
    }
    bundle->current = bundle->first;
    bundle->count = bundle->bytes = 0;
    bundle->urgent = false;
}

/* Behind the current chunk there may be others, all of them empty. */
static void chunk_find(snag_bundle *bundle, size_t size)
{
    snag_bundle_chunk **at = bundle->current ? &bundle->current->next : &bundle->first;
    if (!*at || (*at)->size < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        snag_bundle_chunk *chunk = malloc(sizeof *chunk + room);
        SNAG_ASSERT(chunk != NULL);
        *chunk = (snag_bundle_chunk){.next = *at, .size = room};
        *at = chunk;
    }
    bundle->current = *at;
}

void *snag_bundle_take(snag_bundle *bundle, size_t size)
{
    snag_bundle_chunk *chunk = bundle->current;
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (!chunk || size > chunk->size - chunk->used) {
        chunk_find(bundle, size);
        chunk = bundle->current;
    }
    void *piece = chunk->bytes + chunk->used;
    chunk->used += size;
    return piece;
}

snag_str snag_bundle_copy(snag_bundle *bundle, snag_str text)
{
    char *bytes = snag_bundle_take(bundle, text.size);
    if (text.size)
        memcpy(bytes, text.data, text.size);
    return snag_str_of(bytes, text.size);
}

snag_buf snag_bundle_buf(snag_bundle *bundle, size_t least)
{
    snag_bundle_chunk *chunk = bundle->current;
    if (!chunk || least > chunk->size - chunk->used) {
        chunk_find(bundle, least);
        chunk = bundle->current;
    }
    return snag_buf_on(chunk->bytes + chunk->used, chunk->size - chunk->used);
}

snag_str snag_bundle_used(snag_bundle *bundle, const snag_buf *buf)
{
    SNAG_ASSERT(!buf->full);
    SNAG_ASSERT(bundle->current && buf->data == bundle->current->bytes + bundle->current->used);
    return snag_str_of(snag_bundle_take(bundle, buf->size), buf->size);
}

void snag_bundle_add(snag_bundle *bundle, const snag_message *message)
{
    if (bundle->count == bundle->room) {
        bundle->room = bundle->room ? bundle->room * 2 : 1024;
        bundle->messages = realloc(bundle->messages, bundle->room * sizeof *bundle->messages);
        SNAG_ASSERT(bundle->messages != NULL);
    }
    bundle->messages[bundle->count++] = *message;
    bundle->bytes += message->key.size + message->value.size + sizeof *message;
}
