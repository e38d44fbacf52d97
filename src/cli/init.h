/* SPDX-License-Identifier: Apache-2.0
 *
 * What `snag init` found in a sample (init.c), and how it becomes a pipeline file (init_write.c).
 */
#ifndef SNAG_CLI_INIT_H
#define SNAG_CLI_INIT_H

#include "base/buf.h"
#include "cli/sample.h"
#include "cli/sequence.h"
#include "cli/survey.h"

typedef struct snag_init {
    const char *path;
    char name[65];
    snag_survey survey;
    snag_survey_guess guess;
    snag_sequence sequence;
    snag_sample *sample;
    uint64_t events;
    int64_t first_ms;
    int64_t last_ms;
    int64_t out_of_order_ms;
    int64_t delay_ms; /* -1 = no record says when it was received */
    struct snag_received *received;
    bool unreadable; /* the file itself: the error names it */
    snag_buf text; /* the pipeline */
} snag_init;

/* Letters, digits, _, small; a letter first. */
void snag_init_word(const char *text, char *out, size_t room);
/* The source as it was guessed: how records map, its bounds where known. */
void snag_init_source(snag_init *self);
/* All of the file. */
void snag_init_write(snag_init *self);

#endif
