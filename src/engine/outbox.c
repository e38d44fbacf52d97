/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/outbox.h"

#include "base/assert.h"

void snag_outbox_init(snag_outbox *outbox, snag_emit *emit, void *context)
{
    outbox->emit = emit;
    outbox->context = context;
    outbox->count = 0;
    snag_arena_init(&outbox->arena, outbox->bytes, sizeof outbox->bytes);
}

snag_record *snag_outbox_add(snag_outbox *outbox, snag_outbox_class class, uint32_t order,
                             snag_record_kind kind)
{
    SNAG_ASSERT(order < 0x10000);
    /* A step with more records than this is emitted in two parts, each in order. */
    if (outbox->count == SNAG_OUTBOX_RECORDS ||
        outbox->arena.size - outbox->arena.used < SNAG_OUTBOX_RECORD_BYTES)
        snag_outbox_flush(outbox);
    uint32_t i = outbox->count++;
    outbox->ranks[i] = (uint32_t)class << 16 | order;
    outbox->records[i].kind = kind;
    return &outbox->records[i];
}

void snag_outbox_flush(snag_outbox *outbox)
{
    uint16_t places[SNAG_OUTBOX_RECORDS];
    for (uint32_t i = 0; i < outbox->count; i++) {
        uint32_t at = i;
        while (at > 0 && outbox->ranks[places[at - 1]] > outbox->ranks[i]) {
            places[at] = places[at - 1];
            at--;
        }
        places[at] = (uint16_t)i;
    }
    for (uint32_t i = 0; i < outbox->count; i++)
        outbox->emit(outbox->context, &outbox->records[places[i]]);
    outbox->count = 0;
    snag_arena_reset(&outbox->arena);
}
