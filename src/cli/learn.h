/* SPDX-License-Identifier: Apache-2.0
 *
 * What `snag learn` has found out, and how it shows it.
 */
#ifndef SNAG_CLI_LEARN_H
#define SNAG_CLI_LEARN_H

#include "engine/learn.h"

/* What is known of one of the pipeline's sketches. */
typedef struct snag_learn_row {
    snag_sketch sum;
    uint32_t partitions; /* that know something … */
    uint32_t learned;    /* … and that have learned a deadline, between these: */
    int64_t least_ms;
    int64_t most_ms;
} snag_learn_row;

/* A row for each sketch. at_ms: as of when; SNAG_TIME_NONE: nothing is known. */
typedef void snag_learn_show(const snag_pipeline *pipeline, const snag_learn_row *rows, int64_t at_ms);
/* A table, and the lines that fix the deadlines in the file. */
snag_learn_show snag_learn_show_text;
/* One object; times in milliseconds. */
snag_learn_show snag_learn_show_json;

#endif
