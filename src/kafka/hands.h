/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading several topics with one consumer, choosing what to take: every source's partition keeps a queue of
 * its own (librdkafka would forward all to one), and a hand of messages taken out of it.
 *
 *     broker ==> queue web/0  --fill--> hand web/0:  7 8 9 EOF      wanted of partition 0: payments
 *            ==> queue pay/0  --fill--> hand pay/0:  (empty)        so nothing is given of 0, and no more is
 *                                                                   taken out of web/0's queue
 *
 * A source that is ahead thus holds a hand and a full queue, and its fetching stops by itself: no pause, no
 * seek. Private to src/kafka.
 */
#ifndef SNAG_KAFKA_HANDS_H
#define SNAG_KAFKA_HANDS_H

#include <librdkafka/rdkafka.h>

#include "ports/input.h"

typedef struct snag_hands snag_hands;

/* NULL: out of memory, or of file descriptors. Free with snag_hands_free (takes NULL). */
snag_hands *snag_hands_new(uint32_t sources, uint32_t partitions_max);
void snag_hands_free(snag_hands *hands);

/* Takes hold of these partitions' queues, before they are assigned: what is in hand is dropped. group: the
 * consumer's own queue, which wakes up a fetch too. False: the client does not know a partition. */
bool snag_hands_begin(snag_hands *hands, rd_kafka_t *client, rd_kafka_queue_t *group,
                      const char *const *topics, const snag_place *places, size_t count);
/* Lets all queues go. */
void snag_hands_end(snag_hands *hands);

void snag_hands_want(snag_hands *hands, uint32_t partition, uint32_t source);
bool snag_hands_holds(const snag_hands *hands, uint32_t partition, uint32_t source);

/* Waits at most wait_ms until something came into some hand, or on the group's queue, unless there is
 * something to give. Gives errors and ends of partitions as soon as they come to the front of a hand, records
 * as ports/input.h says. Messages are lent until release. */
size_t snag_hands_fetch(snag_hands *hands, rd_kafka_queue_t *group, int wait_ms,
                        rd_kafka_message_t **messages, size_t max);
/* Of what was given: from `offset` on it was not taken. */
void snag_hands_leave(snag_hands *hands, uint32_t partition, uint32_t source, int64_t offset);
void snag_hands_release(snag_hands *hands);

#endif
