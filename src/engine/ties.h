/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the engine's files: the answers of the present moment. A question is not armed where its answer
 * was applied before it with the same time (rules/missing.c), also where that answer met nothing and left no
 * state behind. Inside `out_of_order` such an answer comes just before the question: it is remembered until
 * an event of a later time is applied, whosever that is.
 *
 *     A 10:00:00.000   remembered
 *     Q 10:00:00.000   answered already
 *     B 10:00:00.001   nothing of before is remembered; what comes now of 10:00:00.000 is out of order
 *
 * A device's stamp in the future is no present moment: its record's stamp is. All of it follows from what
 * was applied, in its order, and is part of the head: a restarted worker remembers the same.
 */
#ifndef SNAG_ENGINE_TIES_H
#define SNAG_ENGINE_TIES_H

#include "engine/state.h"

/* More of one moment than that, and the oldest of them are forgotten. */
enum { SNAG_TIES_MAX = 512 };

typedef struct snag_tie {
    int64_t time_ms;
    uint64_t name; /* hash of the cell's key, and the rule */
} snag_tie;

struct snag_ties {
    int64_t now_ms; /* the latest time that was applied, as far as the records' stamps bear it out */
    uint32_t count;
    snag_tie list[SNAG_TIES_MAX]; /* oldest first */
    /* So that many rules of one cell cost little; of no consequence. */
    int64_t looked_ms;          /* what was before this is forgotten already */
    int64_t newest_ms;          /* none in the list is later */
    const snag_ahead_key *key;  /* of the event at hand, NULL = none yet, … */
    uint64_t key_hash;
};

/* Whether a rule asks for them; false for one that remembers its answers in cells. */
bool snag_ties_wanted(const snag_rule *rule);
/* Bytes that the engine takes for them: 0 where no rule asks. */
size_t snag_ties_bytes(const snag_pipeline *pipeline);
void snag_ties_init(snag_engine *engine, void *memory);
/* The event at hand, of no table, is about to be applied. */
static inline void snag_ties_pass(snag_engine *engine, const snag_event *event)
{
    int64_t time_ms = snag_event_borne_ms(event);
    if (engine->ties == NULL)
        return;
    engine->ties->key = NULL;
    if (engine->ties->now_ms < time_ms)
        engine->ties->now_ms = time_ms;
}
/* The event at hand is an answer of the rule in that cell. */
void snag_ties_note(snag_engine *engine, const snag_ahead_key *key, uint32_t fingerprint);
/* Notes the answers among ops where there is no cell, and so no rule is at work. */
void snag_ties_look(snag_engine *engine, const snag_ahead_key *key, const snag_op *ops, uint32_t from,
                    uint32_t to);
/* Whether an answer with the time of the event at hand was applied before it. */
bool snag_ties_has(snag_engine *engine, const snag_ahead_key *key, uint32_t fingerprint);
void snag_ties_write(const snag_engine *engine, snag_buf *buf);
void snag_ties_read(snag_engine *engine, snag_unpack *unpack);

#endif
