/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to mapping.c, items.c and ids.c: the compiled mapping of a source.
 */
#ifndef SNAG_CODEC_MAPPER_H
#define SNAG_CODEC_MAPPER_H

#include "codec/json.h"
#include "codec/mapping.h"

typedef struct snag_mapper_entry {
    const snag_mapping *spec;
    uint32_t *slots; /* of its paths, or of its expression's names */
    uint32_t slot_count;
} snag_mapper_entry;

struct snag_mapper {
    const snag_source_spec *source;
    int64_t now_ms; /* SNAG_NEVER = no check without a stamp */
    snag_paths paths;
    snag_paths items;      /* of `each:`, inside an item; their slots stand behind those of the record */
    uint32_t each_slot;    /* the list */
    uint32_t slot_count;   /* the record's, the items', and the item itself */
    uint32_t item;         /* which one is at work */
    snag_json *item_json;  /* NULL = no `each:` */
    snag_slot *slots;
    uint64_t *salts; /* by slot: hash of its path */
    bool *apart;     /* by slot: read for `device:` only, and so no part of what an event is */
    snag_mapper_entry *entries;  /* fixed names, then kept names */
    uint32_t count;
    uint32_t entry_count;  /* and behind them, with `device:`, its id, sent and received */
    snag_value *vars; /* for expressions, as many as the largest needs */
    void *scratch;
    bool hashes;           /* some name has `hash: true` */
    snag_str customer;     /* of the last event, as the record has it */
    snag_str account;
};

/* Years 0 to 9999: what RFC 3339 can write. */
#define SNAG_MAPPER_TIME_MIN_MS INT64_C(-62167219200000)
#define SNAG_MAPPER_TIME_MAX_MS INT64_C(253402300799999)

/* In ms, floored; false: outside of these years. */
static inline bool snag_mapper_time(const snag_value *value, int64_t *time_ms)
{
    int64_t seconds = value->as.time.seconds;
    if (seconds < SNAG_MAPPER_TIME_MIN_MS / 1000 - 1 || seconds > SNAG_MAPPER_TIME_MAX_MS / 1000)
        return false;
    *time_ms = seconds * 1000 + value->as.time.nanos / 1000000;
    return *time_ms >= SNAG_MAPPER_TIME_MIN_MS && *time_ms <= SNAG_MAPPER_TIME_MAX_MS;
}

/* The value of a name, ABSENT where the record does not have it. */
SNAG_MUST_CHECK snag_err snag_mapper_value(snag_mapper *mapper, const snag_mapper_entry *from, snag_kind as,
                                           snag_arena *arena, snag_value *out, snag_diag *diag);

/* --- device.c --- */
/* What `device:` reads, behind all names. */
enum { SNAG_DEVICE_ID, SNAG_DEVICE_SENT, SNAG_DEVICE_RECEIVED, SNAG_DEVICE_ENTRIES };
/* Marks the event with its device; what came in a file gets the stamp that it says it was received at. */
SNAG_MUST_CHECK snag_err snag_mapper_device(snag_mapper *mapper, snag_arena *arena, snag_event *event,
                                            snag_diag *diag);

/* --- items.c: what `each:` adds --- */
/* The slot of a path of the record, or of an item: its place is known once all are there. */
SNAG_MUST_CHECK snag_err snag_mapper_slot_add(snag_mapper *mapper, snag_str path, uint32_t *slot,
                                              snag_diag *diag);
void snag_mapper_slots_place(const snag_mapper *mapper, snag_mapper_entry *to);
/* A slot's path, as in the file but for what `each:` says already. */
snag_str snag_mapper_slot_path(const snag_mapper *mapper, uint32_t slot);
/* Where the record has the id, its items get numbers: "o-7#1", "o-7#2". */
SNAG_MUST_CHECK snag_err snag_mapper_number_id(const snag_mapper *mapper, snag_arena *arena, snag_value *vars,
                                               snag_event *event, snag_diag *diag);

/* --- ids.c: where the record has no id --- */
SNAG_MUST_CHECK snag_err snag_mapper_derive_id(const snag_mapper *mapper, snag_arena *arena, snag_value *vars,
                                               snag_event *event);
/* A hash in words. */
SNAG_MUST_CHECK snag_err snag_mapper_put_id(snag_arena *arena, uint64_t hash, snag_value *vars,
                                            snag_event *event);

#endif
