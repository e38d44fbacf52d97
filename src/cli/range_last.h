/* SPDX-License-Identifier: Apache-2.0
 *
 * When the last record of a range was stamped, in any partition of its topic: what a worker at the range's
 * end would hear of a source that is watched for silence (runtime/silence.c), by the same questions.
 */
#ifndef SNAG_CLI_RANGE_LAST_H
#define SNAG_CLI_RANGE_LAST_H

#include "kafka/look.h"
#include "kafka/reader.h"

/* parts: all partitions of one topic. *last_ms: at most end_ms; SNAG_TIME_NONE = there is no record. */
SNAG_MUST_CHECK snag_err snag_range_last(snag_kafka_look *look, const char *topic,
                                         const snag_kafka_part *parts, size_t count, int64_t end_ms,
                                         int64_t *last_ms, snag_diag *diag);

#endif
