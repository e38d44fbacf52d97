/* SPDX-License-Identifier: Apache-2.0
 *
 * A cell: all state of one customer, or of one walk or `per` value of a customer, as packed bytes. The same
 * bytes stand in memory, in the changelog and in Redis.
 *
 *     key   | scope tag 2 | owner length 2 | owner | per text |
 *
 *     head  | version 1 | flags 1 | items 2 | judged_ms 8 | ring count 1 | ring 8 each |
 *           | account? | customer? | channel? |                  each: length 2, text
 *     pool  | bytes 2 | entry ... |       the events that led here, shared by all items
 *     entry | slot 1 | source 1 | partition 2 | time 8 | offset 8 | id | type |
 *     items | item ... |                  one each rule or journey that has something to remember
 *     item  | fingerprint 4 | bytes 2 | flags 1 | refs 1 | ref 1 each | due 8? | still 1, episode 16 ? |
 *           | opened 8, seq 4, episode 16 ? | total 4? | cooldown 8? | capture? | state ... |
 *
 * While an event or a timer works on a cell it is taken apart into a snag_cell (a scratch of the engine), its
 * items are taken out, changed and put back one at a time, and the whole is packed again. A cell is at most
 * SNAG_CELL_BYTES_MAX; past its share the evidence is no longer kept, only counted.
 *
 * Versions: 1 = a capture is texts in the order of the headline's slots; 2 = each has its name's tag before
 * it; 3 = judged_ms counts a deadline's own millisecond, and items may be frozen. All are read
 * (tests/unit/stored keeps some of each), the newest is written.
 */
#ifndef SNAG_JOURNEY_CELL_H
#define SNAG_JOURNEY_CELL_H

#include "base/buf.h"
#include "base/limits.h"
#include "event/record.h"

enum {
    SNAG_CELL_VERSION = 3,
    SNAG_STATE_BYTES_MAX = 1024,  /* one item's own state */
    SNAG_CAPTURE_BYTES_MAX = 512, /* names a headline needs */
    SNAG_POOL_BYTES_MAX = 32768,
    SNAG_ITEMS_BYTES_MAX = 28672,
    SNAG_ITEMS_ROOM = 40960, /* … while some are scattered */
    SNAG_ITEM_FIXED_MAX = 128, /* more than an item's parts but for capture and state */
    SNAG_POOL_SLOTS_MAX = 250,
    SNAG_ITEMS_MAX = UINT8_MAX
};

/* What one rule or journey remembers here. */
typedef struct snag_item {
    uint32_t fingerprint;
    bool open;       /* an episode runs */
    bool suppressed; /* … but it was not published */
    bool hold;       /* an open walk: the cell must not be forgotten */
    bool keep;       /* … nor what a table's row said */
    bool frozen;     /* its deadline came while a source was silent: it is not due before that is back */
    bool held;       /* … which is a signal, not yet published; not open then, but `episode` is its name */
    int64_t due_ms;  /* SNAG_NEVER = nothing armed */
    int64_t opened_ms;
    int64_t cooldown_ms; /* no new alert up to here; SNAG_TIME_NONE = none */
    uint32_t seq;        /* records of the episode so far */
    uint8_t episode[16];
    uint32_t evidence_total;
    uint8_t ref_count;
    uint8_t refs[SNAG_EVIDENCE_MAX]; /* slots in the pool, oldest first */
    uint16_t capture_bytes;
    uint16_t state_bytes;
    char capture[SNAG_CAPTURE_BYTES_MAX];
    _Alignas(8) unsigned char state[SNAG_STATE_BYTES_MAX];
} snag_item;

typedef struct snag_cell {
    uint8_t version; /* of the bytes it was taken from */
    int64_t judged_ms; /* the past is judged up to there: newest event, or just behind a deadline alerted */
    uint32_t ring_count;
    uint64_t ring[SNAG_RING_MAX]; /* hashes of the newest event ids */
    snag_str account; /* last seen; borrowed from the bytes or the event */
    snag_str customer; /* only where it is not the owner (`key: account`) */
    snag_str channel;
    uint32_t item_count;
    uint32_t items_bytes; /* of all items together … */
    uint32_t items_end;   /* … and up to where they lie: further where they are scattered (item.c) */
    uint32_t pool_bytes;
    bool changed;  /* an item was put since the cell was taken apart */
    bool unreferred; /* an item may have let evidence go: the pool is looked through when packed */
    int32_t noted; /* slot of the event at hand, -1 = not noted yet */
    bool noted_kept; /* … and an item that was put refers to it */
    /* What the puts since then changed in the sums of snag_cell_needs. */
    int32_t open_delta;
    int32_t armed_delta;
    int32_t hold_delta;
    /* Where items lie, so that they need not be looked for (item.c). */
    uint32_t found_at;    /* the one found last … */
    uint32_t found_index; /* … and its place in the index */
    bool indexed;         /* there is an index */
    uint32_t index_count;
    uint32_t index_fingerprint[SNAG_ITEMS_MAX + 1];
    uint16_t index_at[SNAG_ITEMS_MAX + 1];
    uint16_t index_next[SNAG_ITEMS_MAX + 1]; /* an earlier one with the same last bits; UINT16_MAX = none */
    uint8_t index_place[256]; /* by a fingerprint's last bits: the newest place in these three … */
    uint64_t index_some[4];   /* … if some fingerprint has these bits */
    /* The same for the pool (evidence.c). */
    bool pool_known;
    uint64_t pool_taken[4]; /* the slots that have an entry … */
    uint16_t pool_at[256];  /* … and where it lies */
    unsigned char items[SNAG_ITEMS_ROOM + SNAG_ITEM_FIXED_MAX]; /* a cut item is read past its end */
    unsigned char pool[SNAG_POOL_BYTES_MAX];
} snag_cell;

/* An empty cell. */
void snag_cell_clear(snag_cell *cell);
/* Takes packed bytes apart; they must outlive the work. False: not a cell of a known version, or cut short.
 * Bytes from outside must then pass snag_cell_check before anything else looks at the cell. */
bool snag_cell_unpack(snag_cell *cell, snag_str bytes);
/* Looks at every length and slot, so that hostile bytes do no harm. False: damaged. */
bool snag_cell_check(const snag_cell *cell);

/* --- items --- */

/* Whether there is an item of a rule or journey. */
bool snag_cell_has(snag_cell *cell, uint32_t fingerprint);
/* Takes out the item of a rule or journey; an empty one where there is none (returns false). */
bool snag_cell_get(snag_cell *cell, uint32_t fingerprint, snag_item *item);
/* Puts it back; one without state, episode and cooldown is removed. False: no room, nothing changed. */
bool snag_cell_put(snag_cell *cell, const snag_item *item);
/* The i-th item; false past the last. */
bool snag_cell_item(const snag_cell *cell, uint32_t i, snag_item *item);

/* What the items need, without taking each of them out. */
typedef struct snag_cell_needs {
    int64_t due_ms; /* the earliest deadline */
    uint32_t open;  /* open episodes */
    uint32_t armed;
    uint32_t hold;  /* open walks */
    bool keep;      /* something else that must not be forgotten */
    uint32_t frozen;
} snag_cell_needs;
snag_cell_needs snag_cell_needs_of(const snag_cell *cell);

/* Packs; evidence that no item refers to is left out. buf needs SNAG_CELL_BYTES_MAX bytes. Returns what
 * snag_cell_needs_of would: all items are looked at anyway. */
snag_cell_needs snag_cell_pack(snag_cell *cell, snag_buf *buf);

/* The fingerprints of the items that are due by then; room for SNAG_ITEMS_MAX. Returns how many. */
uint32_t snag_cell_due(const snag_cell *cell, int64_t by_ms, uint32_t *fingerprints);

/* --- evidence --- */

/* Adds the event to the item's evidence: the first and the newest stay, the total counts all. */
void snag_item_note(snag_cell *cell, snag_item *item, const snag_event *event);
/* Drops evidence older than time_ms; keeps the total in step. */
void snag_item_forget_before(snag_cell *cell, snag_item *item, int64_t time_ms);
void snag_item_forget_all(snag_item *item);
/* Reads the i-th evidence (borrowed from the cell). */
bool snag_item_evidence(snag_cell *cell, const snag_item *item, uint32_t i,
                        snag_evidence *out);

/* --- the ring against duplicates --- */

bool snag_cell_knows(const snag_cell *cell, uint64_t id_hash);
void snag_cell_remember(snag_cell *cell, uint64_t id_hash);

/* --- a packed cell's head, looked at and touched without taking the cell apart --- */

enum { SNAG_PACKED_JUDGED_AT = 4, SNAG_PACKED_RING_COUNT_AT = 12, SNAG_PACKED_RING_AT = 13 };

static inline int64_t snag_packed_judged(const char *bytes)
{
    int64_t judged_ms;
    memcpy(&judged_ms, bytes + SNAG_PACKED_JUDGED_AT, sizeof judged_ms);
    return judged_ms;
}

/* Moves the judged time on to time_ms; false where it is there already. */
static inline bool snag_packed_judge(char *bytes, int64_t time_ms)
{
    if (snag_packed_judged(bytes) >= time_ms)
        return false;
    memcpy(bytes + SNAG_PACKED_JUDGED_AT, &time_ms, sizeof time_ms);
    return true;
}

/* --- keys --- */

/* Writes a cell's key; buf needs 4 + customer + per bytes. */
void snag_cell_key_put(snag_buf *buf, uint16_t scope_tag, snag_str owner, snag_str per);
/* Takes a key apart; false: not a key. The tag of cells that hold sketches (engine/learn.c) is no `per`'s. */
enum { SNAG_SCOPE_TAG_LEARNED = 0xFFFF, SNAG_SCOPE_TAG_SEGMENT = 0xFFFE /* engine/segment.c */ };
bool snag_cell_key_get(snag_str key, uint16_t *scope_tag, snag_str *owner, snag_str *per);

#endif
