/* SPDX-License-Identifier: Apache-2.0
 *
 * The input port: one member of a consumer group reading one topic, or one of each source. A function table,
 * so that the worker runs unchanged on Kafka, on files and on a simulated world.
 *
 *     poll --> SEAT_GIVEN   the member shall own these partitions: committed, recover, start
 *          --> SEAT_ASKED   give them back: commit what is in hand, then give_back
 *          --> SEAT_LOST    they are gone already: drop what is in hand, then give_back
 *          --> records, and the ends of partitions reached behind them
 *
 * Nothing is read between GIVEN and start; poll must go on meanwhile, so that the group keeps the member.
 *
 * With several sources partition p of each is read by the same member. The worker says which source's records
 * of p it wants next; the others' stay in their own queues, which bounds what is held of a source that is
 * ahead.
 */
#ifndef SNAG_PORTS_INPUT_H
#define SNAG_PORTS_INPUT_H

#include "codec/codec.h"

enum { SNAG_PLACE_TEXT_MAX = 128 };

/* A partition's place in the group: the offset to read next and the words kept beside it. */
typedef struct snag_place {
    uint32_t partition;
    uint32_t source;
    int64_t offset; /* -1 = nothing was ever committed */
    char text[SNAG_PLACE_TEXT_MAX]; /* metadata, terminated; "" = none */
} snag_place;

typedef enum snag_seat { SNAG_SEAT_KEPT, SNAG_SEAT_GIVEN, SNAG_SEAT_ASKED, SNAG_SEAT_LOST } snag_seat;

/* Everything of the partition before `offset` has been handed out, and there was no more. */
typedef struct snag_reached {
    uint32_t partition;
    uint32_t source;
    int64_t offset;
} snag_reached;

/* One poll's harvest, borrowed until `release`. Runs of one source's partition are in offset order; with
 * several sources the runs of one partition stand together, and come only when there are some of the wanted
 * one. Headers are not filled in; ask for them where they are needed. */
typedef struct snag_batch {
    const snag_raw *records;
    size_t count;
    const snag_reached *reached; /* valid behind all records of the batch */
    size_t reached_count;
} snag_batch;

typedef struct snag_input_ops {
    /* Waits at most wait_ms for the first record, then takes what is there, up to max. */
    snag_err (*poll)(void *self, int wait_ms, size_t max, snag_batch *batch, snag_seat *seat,
                     snag_diag *diag);
    void (*release)(void *self);
    /* The headers of record i of the current batch; returns how many were written, up to max. */
    uint32_t (*headers)(void *self, size_t i, snag_header *out, uint32_t max);
    /* Several sources (NULL where there can be one only): of this partition, records of this source are
     * wanted next. */
    void (*want)(void *self, uint32_t partition, uint32_t source);
    /* Of this batch, records of this source's partition from `offset` on were not taken: they come again. */
    void (*leave)(void *self, uint32_t partition, uint32_t source, int64_t offset);
    /* Whether records of this source's partition are at hand. */
    bool (*holds)(void *self, uint32_t partition, uint32_t source);
    /* The partitions last given, of every source. */
    const uint32_t *(*given)(void *self, size_t *count);
    /* Fills offset and text; waits until no commit of anybody is still undecided (require stable). */
    snag_err (*committed)(void *self, snag_place *places, size_t count, snag_diag *diag);
    /* Begins to read each partition at its offset. */
    snag_err (*start)(void *self, const snag_place *places, size_t count, snag_diag *diag);
    snag_err (*give_back)(void *self, snag_diag *diag);
    /* Throws the member away with all that it has prefetched, and joins anew: whoever drops uncommitted work
     * must do this, so that no record read ahead of the committed place can come out. */
    snag_err (*rejoin)(void *self, snag_diag *diag);
    /* Whether somebody else has this member's seat now; asked after a fence and before rejoin, because the
     * error alone proves nothing. NULL = take every fence for a rival's. */
    bool (*rival)(void *self);
    /* The first offset there is, and the end of what may be read now (read_committed). */
    snag_err (*range)(void *self, uint32_t partition, uint32_t source, int64_t *first, int64_t *end,
                      snag_diag *diag);
    /* The end of the log with everything that is still undecided; asked now, from nobody's memory. */
    snag_err (*log_end)(void *self, uint32_t partition, uint32_t source, int64_t *end, snag_diag *diag);
    /* Whether of this source's first `partitions` partitions none has a record stamped since_ms or later;
     * asked now. NULL: nobody can tell, and no source is ever taken for silent. */
    snag_err (*quiet)(void *self, uint32_t source, uint32_t partitions, int64_t since_ms, bool *quiet,
                      snag_diag *diag);
    /* The end of the log as the client last heard of it, without asking: for people, never for decisions.
     * -1 = unknown; NULL = never known. */
    int64_t (*seen_end)(void *self, uint32_t partition, uint32_t source);
    /* Nobody needs what lies before these places any more: it may be deleted. Does not wait, and may do
     * nothing. NULL = it never does. */
    void (*forget)(void *self, const snag_place *places, size_t count);
    /* Leaves the group and frees. */
    void (*close)(void *self);
} snag_input_ops;

typedef struct snag_input {
    const snag_input_ops *ops;
    void *self;
} snag_input;

#endif
