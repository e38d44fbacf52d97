/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run found, counted from its records: per rule and per journey, for the summary.
 */
#ifndef SNAG_CLI_TALLY_H
#define SNAG_CLI_TALLY_H

#include <stdio.h>

#include "cli/feed.h"

typedef struct snag_tally snag_tally;

/* The pipeline is borrowed for the tally's life. */
SNAG_MUST_CHECK snag_err snag_tally_new(snag_tally **out, const snag_pipeline *pipeline);
void snag_tally_free(snag_tally *tally);
void snag_tally_record(snag_tally *tally, const snag_record *record);
/* Looks into the engines for what is still armed. */
SNAG_MUST_CHECK snag_err snag_tally_census(snag_tally *tally, const snag_feed *feed);
/* The summary for a person. */
void snag_tally_print(const snag_tally *tally, const snag_feed *feed, double seconds, FILE *file);

#endif
