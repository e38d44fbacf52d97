/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of a replay, read in the order in which they are to be judged.
 *
 *     one source       a b               one after the other, a batch of lines at a time
 *     several sources  web=a web=b pay=c  one stream a source; a line at a time from the source whose turn it
 *                                         is, so that the order does not depend on batches or speed
 *
 * A source's several files are one stream, in the order given.
 */
#ifndef SNAG_CLI_STREAMS_H
#define SNAG_CLI_STREAMS_H

#include "cli/feed.h"

typedef struct snag_streams snag_streams;

/* config is borrowed; batch: lines read at once. SNAG_MEMORY. Free with snag_streams_free (takes NULL). */
SNAG_MUST_CHECK snag_err snag_streams_new(snag_streams **out, const snag_config *config, size_t batch,
                                          snag_diag *diag);
void snag_streams_free(snag_streams *streams);

/* The files as a person gave them: FILE for a pipeline of one source, NAME=FILE (several files a source) for
 * one of several; - is standard input. None: each source's own `file:`, or standard input of the only source.
 * Words are borrowed. SNAG_USAGE: diag says what is wrong or missing. */
SNAG_MUST_CHECK snag_err snag_streams_take(snag_streams *streams, const char *const *words, int count,
                                           snag_diag *diag);

/* Reads and feeds up to a batch of lines. SNAG_END: nothing is left. */
SNAG_MUST_CHECK snag_err snag_streams_step(snag_streams *streams, snag_feed *feed, snag_diag *diag);
/* Whether the last step found less than a batch: the reader has caught up with what there is. */
bool snag_streams_caught_up(const snag_streams *streams);

/* The state that these files lead to: *out is a feed that has read them all and told nobody; NULL where it
 * fails. Words as above; partitions and now_ms as a feed takes them. */
SNAG_MUST_CHECK snag_err snag_streams_state(snag_feed **out, const snag_config *config,
                                            const char *const *words, int count, uint32_t partitions,
                                            int64_t now_ms, snag_diag *diag);

/* Bytes of all files, as stored: read so far, and in all (0 = unknown). */
uint64_t snag_streams_done(const snag_streams *streams);
uint64_t snag_streams_total(const snag_streams *streams);

#endif
