/* SPDX-License-Identifier: Apache-2.0
 *
 * Outbox: the records of one step, put into their order before they are emitted: late notes,
 * journey changes,
 * resolves, triggers; within each in file order (records.md, "Decided once").
 */
#ifndef SNAG_ENGINE_OUTBOX_H
#define SNAG_ENGINE_OUTBOX_H

#include "base/arena.h"
#include "event/record.h"

enum {
    SNAG_OUTBOX_RECORDS = 256,
    SNAG_OUTBOX_BYTES = 131072,
    SNAG_OUTBOX_RECORD_BYTES = 16384 /* the most that one record's texts need */
};

typedef enum snag_outbox_class {
    SNAG_CLASS_LATE,
    SNAG_CLASS_CHANGE,
    SNAG_CLASS_RESOLVE,
    SNAG_CLASS_TRIGGER
} snag_outbox_class;

typedef struct snag_outbox {
    snag_emit *emit;
    void *context;
    uint32_t count;
    uint32_t ranks[SNAG_OUTBOX_RECORDS];
    snag_record records[SNAG_OUTBOX_RECORDS];
    snag_arena arena; /* texts of the waiting records */
    unsigned char bytes[SNAG_OUTBOX_BYTES];
} snag_outbox;

void snag_outbox_init(snag_outbox *outbox, snag_emit *emit, void *context);
/* A record to fill; makes room first, so that SNAG_OUTBOX_RECORD_BYTES of texts fit the arena. Call it
 * before anything is copied into the arena for this record. */
snag_record *snag_outbox_add(snag_outbox *outbox, snag_outbox_class class, uint32_t order,
                             snag_record_kind kind);
/* Emits everything in order and empties the outbox. */
void snag_outbox_flush(snag_outbox *outbox);

#endif
