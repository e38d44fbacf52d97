/* SPDX-License-Identifier: Apache-2.0
 *
 * One end of a range of topics: as it is written (--from, --to), and where that lies in a partition.
 */
#ifndef SNAG_CLI_RANGE_BOUND_H
#define SNAG_CLI_RANGE_BOUND_H

#include "kafka/look.h"
#include "kafka/reader.h"

typedef enum snag_bound_kind { SNAG_BOUND_LOG, SNAG_BOUND_TIME, SNAG_BOUND_OFFSET } snag_bound_kind;
typedef struct snag_range_bound {
    snag_bound_kind kind;
    int64_t value; /* of a time or an offset */
} snag_range_bound;

/* text: NULL or `log` = the log's own end. SNAG_USAGE: it is nothing of that kind. */
SNAG_MUST_CHECK snag_err snag_range_bound_parse(snag_range_bound *to, const char *option, const char *text,
                                                const char *log, snag_diag *diag);
/* Sets *offset where the bound is not the log's own end; never outside of first and end. */
SNAG_MUST_CHECK snag_err snag_range_bound_find(const snag_range_bound *of, snag_kafka_look *look,
                                               const char *topic, const snag_kafka_part *part, int64_t first,
                                               int64_t end, int64_t *offset, snag_diag *diag);

#endif
