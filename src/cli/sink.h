/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a replay's records go: JSON Lines or readable text on stdout, dead letters to a file of their own
 * where one is given.
 *
 * With one partition records leave in the engine's order, at once. With several they are kept until the
 * end and leave in the order of (time, customer, seq), so that the order does not depend on which partition
 * was judged first; dead letters, which have neither time nor customer, leave at once.
 */
#ifndef SNAG_CLI_SINK_H
#define SNAG_CLI_SINK_H

#include <stdio.h>

#include "cli/feed.h"

/* What may be shown: name, word of --only */
#define SNAG_SHOWN_TABLE(X)     \
    X(ALERTS, "alerts")         \
    X(JOURNEYS, "journeys")     \
    X(DECISIONS, "decisions")   \
    X(LATE, "late")             \
    X(DEAD, "dead")

enum {
#define X(name, word) SNAG_SHOWN_BIT_##name,
    SNAG_SHOWN_TABLE(X)
#undef X
        SNAG_SHOWN_COUNT
};
enum { SNAG_SHOWN_ALL = (1 << SNAG_SHOWN_COUNT) - 1 };

typedef enum snag_sink_format { SNAG_SINK_JSON, SNAG_SINK_TEXT, SNAG_SINK_NONE } snag_sink_format;

typedef struct snag_sink_options {
    snag_sink_format format;
    unsigned shown; /* bits of SNAG_SHOWN_* */
    bool colour;
    bool merged;    /* keep and sort (several partitions) */
    FILE *out;
    FILE *dead; /* NULL = dead letters stand among the others */
    const snag_pipeline *pipeline;
    const char *const *topics; /* by source, for evidence; NULL = it comes from files */
} snag_sink_options;

/* "alerts,late" -> bits. False: *word is none of them. */
bool snag_shown_parse(snag_str list, unsigned *shown, snag_str *word);

/* The longest line of a record (not of a dead letter): 16 pieces of evidence, each with an id and a type, and
 * many open alerts, with every byte escaped. */
enum { SNAG_SINK_LINE_MAX = 512 * 1024 };

/* One record as JSON, without a line end: an alert, change or decision as on its topic; a late event as an
 * envelope that names the event and its position. */
void snag_sink_json(snag_buf *buf, const snag_pipeline *pipeline, const snag_record *record);

typedef struct snag_sink snag_sink;

SNAG_MUST_CHECK snag_err snag_sink_new(snag_sink **out, const snag_sink_options *options);
void snag_sink_free(snag_sink *sink);
void snag_sink_record(snag_sink *sink, const snag_record *record);
void snag_sink_dead(snag_sink *sink, const snag_dead *dead);
/* Hands what is written to the file, so that a reader sees it now. */
void snag_sink_flush(snag_sink *sink);
/* Sorts and writes what was kept. Then true where everything arrived in the files. */
SNAG_MUST_CHECK bool snag_sink_finish(snag_sink *sink);

#endif
