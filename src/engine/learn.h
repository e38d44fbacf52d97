/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of the times that stages and waits take (learn.c): read by people (`snag learn`), from an
 * engine or from stored cells. The sums of several partitions are got by taking the cells of all of them.
 */
#ifndef SNAG_ENGINE_LEARN_H
#define SNAG_ENGINE_LEARN_H

#include "base/sketch.h"
#include "engine/pipeline.h"
#include "journey/cell.h"

/* Below so many that ended nothing is learned. */
enum { SNAG_LEARNED_LEAST = 30 };

/* Deadlines are learned anew at whole hours, from those that began in the newest generations of 28 days: the
 * one that the hour lies in and the three before it. */
#define SNAG_LEARN_PANE_MS INT64_C(3600000)
#define SNAG_LEARN_GENERATION_MS (INT64_C(28) * 86400000)
enum { SNAG_LEARN_GENERATIONS = 4 };

/* What holds in one partition now. */
typedef struct snag_learned_now {
    int64_t at_ms;    /* the hour it was learned at; SNAG_TIME_NONE = none yet */
    int64_t value_ms; /* -1 = what stands in the file holds */
    uint32_t ended;
    uint32_t waiting;
} snag_learned_now;

/* Whether a stored cell is of a sketch, and not of a customer. */
static inline bool snag_learn_is_cell(snag_str key)
{
    uint16_t tag = 0;
    if (key.size >= sizeof tag)
        memcpy(&tag, key.data, sizeof tag);
    return tag == SNAG_SCOPE_TAG_LEARNED;
}
/* The sketch (its place among the pipeline's) that a cell is of; sketch_count where it is none's. */
uint32_t snag_learn_which(const snag_pipeline *pipeline, snag_str key);
/* Adds what a stored cell knows to a sum, as of at_ms (a whole hour). False: the bytes are no such cell. */
SNAG_MUST_CHECK bool snag_learn_add(snag_str key, snag_str blob, int64_t at_ms, snag_sketch *sum);
/* The deadline that a sum leads to: rounded up to whole seconds, minutes, hours where these are less than a
 * 512th of it. -1: too few have ended, or so many never end. */
int64_t snag_learn_quantile(const snag_sketch *sum, uint32_t millionths);
/* What a sketch's first cell says is in force; false: this cell is not its first. */
bool snag_learn_now(snag_str key, snag_str blob, snag_learned_now *now);

#endif
