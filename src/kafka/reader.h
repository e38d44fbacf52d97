/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading parts of logs, each from one offset to another, without a group: nothing is joined, nothing
 * committed. Read_committed, each part from a queue of its own, so that the caller takes from whichever he
 * wants next.
 */
#ifndef SNAG_KAFKA_READER_H
#define SNAG_KAFKA_READER_H

#include "kafka/kafka.h"

/* Records of one partition of topics[topic] from offset `from` to before `end`. */
typedef struct snag_kafka_part {
    uint32_t topic;
    uint32_t partition;
    int64_t from;
    int64_t end; /* at most the end of what may be read at the start */
} snag_kafka_part;

typedef struct snag_kafka_reader snag_kafka_reader;

enum { SNAG_READER_BATCH = 256 };

/* group: a name for the client, which asks for one; it is not joined. */
SNAG_MUST_CHECK snag_err snag_kafka_reader_new(snag_kafka_reader **out, snag_kafka *kafka, const char *group,
                                               const char *const *topics, const snag_kafka_part *parts,
                                               size_t count, snag_diag *diag);
void snag_kafka_reader_free(snag_kafka_reader *reader);

/* The offset of the next record of parts[at], which is waited for. SNAG_END: there is none; SNAG_BROKER:
 * nothing came for long; SNAG_STATE: records were deleted. */
SNAG_MUST_CHECK snag_err snag_kafka_reader_peek(snag_kafka_reader *reader, size_t at, int64_t *offset,
                                                snag_diag *diag);
/* Of the records at hand up to `max` that lie before offset `before`, with their headers; at least the one
 * peeked at. They are borrowed until the next call for this part. */
size_t snag_kafka_reader_take(snag_kafka_reader *reader, size_t at, int64_t before, size_t max,
                              const snag_raw **records);

#endif
