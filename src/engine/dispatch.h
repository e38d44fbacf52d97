/* SPDX-License-Identifier: Apache-2.0
 *
 * Dispatch: from an event's type to what watches it, without asking every rule.
 *
 *     type --hash--> row --> | op | op | op |   sorted by scope (the customer's own last), facts
 * first, then file order
 *
 * Types that the pipeline names literally have their rows made at start. Other types can only be meant by
 * a pattern with a star; their rows are made when they come and kept in a small cache, which is a
 * function of the types alone and so changes no result.
 */
#ifndef SNAG_ENGINE_DISPATCH_H
#define SNAG_ENGINE_DISPATCH_H

#include "base/arena.h"
#include "engine/pipeline.h"

typedef struct snag_op {
    const snag_expr *where; /* NULL = always */
    uint32_t fingerprint;   /* of a rule … */
    uint16_t index;         /* of the journey or rule */
    uint8_t scope;
    uint8_t stage; /* of a journey; SNAG_OP_RULE, SNAG_OP_FACT */
    uint16_t role; /* of a rule: SNAG_ROLE_*; of a fact: SNAG_ROLE_EVENT, or SNAG_ROLE_ANSWER for `of:` */
    uint16_t more; /* of a rule, in a row: so many ops behind it are the same rule's */
    bool starts;   /* …: it may matter where the rule has no state yet */
    bool ties;     /* …: answers of the same time matter to it (ties.h) */
} snag_op;

enum { SNAG_OP_RULE = 255, SNAG_OP_FACT = 254 };

/* What may have items in cells, journeys first, then rules, in file order: a timer looks for those due. */
typedef struct snag_watched {
    uint32_t fingerprint;
    uint16_t scope;
} snag_watched;

typedef struct snag_row {
    uint64_t hash;
    snag_str type; /* exact rows: the pipeline's text; cached ones: in their own bytes */
    const snag_op *ops;
    uint32_t count;
} snag_row;

typedef struct snag_dispatch {
    const snag_pipeline *pipeline;
    snag_watched *watched;
    snag_row *exact; /* open addressing, power of two */
    uint32_t exact_mask;
    bool any_prefix;
    snag_row *cache; /* direct-mapped; NULL where no pattern has a star */
    snag_op *cache_ops;
    char *cache_types;
    uint32_t cache_ops_max; /* of one row */
} snag_dispatch;

/* Bytes that init takes from its arena. */
size_t snag_dispatch_bytes(const snag_pipeline *pipeline);
void snag_dispatch_init(snag_dispatch *dispatch, const snag_pipeline *pipeline, snag_arena *arena);
/* NULL: nothing watches this type. The row of a type that the pipeline names stays; another is valid until
 * the next find. */
const snag_row *snag_dispatch_find(snag_dispatch *dispatch, snag_str type);

static inline bool snag_dispatch_stays(const snag_dispatch *dispatch, const snag_row *row)
{
    return row >= dispatch->exact && row <= dispatch->exact + dispatch->exact_mask;
}

#endif
