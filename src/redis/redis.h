/* SPDX-License-Identifier: Apache-2.0
 *
 * The store port on Redis.
 *
 *     snag_redis        one a process: address, names of keys, the outage flag
 *     snag_redis_store  one a worker: its own connection
 *
 * Keys of one input partition share a hash tag, so that a batch stays in one slot:
 *
 *     snag:{GROUP/TOPIC/P}:m           hash: i n k t c o a, the head (ports/store.h), p
 *     snag:{GROUP/TOPIC/P}:0 … :1023   hashes: cell key -> packed cell; by hash of the customer
 */
#ifndef SNAG_REDIS_REDIS_H
#define SNAG_REDIS_REDIS_H

#include "ports/clock.h"
#include "ports/store.h"

typedef struct snag_redis snag_redis;

/* url: redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]. space: "GROUP/TOPIC". SNAG_CONFIG: not such a
 * url, or one that needs TLS where the client library has none. Nothing is connected yet. */
SNAG_MUST_CHECK snag_err snag_redis_new(snag_redis **out, snag_str url, snag_str space,
                                        const snag_voice *voice, snag_diag *diag);
void snag_redis_free(snag_redis *redis);

/* While quiet, an outage is not said: whoever asks first says in his own words what is wrong. */
void snag_redis_quiet(snag_redis *redis, bool quiet);

/* redis must outlive the store. Connects when it is first used. */
SNAG_MUST_CHECK snag_err snag_redis_store_new(snag_store *out, snag_redis *redis, snag_diag *diag);
/* Whether the server answers and is one that can be used. */
SNAG_MUST_CHECK snag_err snag_redis_probe(snag_store *store, snag_diag *diag);

/* How many partitions the input has: writers leave it in every head, for `snag explain` to find there.
 * SNAG_END = there is no head in the first partitions. */
void snag_redis_partitions_set(snag_redis *redis, uint32_t partitions);
SNAG_MUST_CHECK snag_err snag_redis_partitions_get(snag_store *store, uint32_t *partitions,
                                                   snag_diag *diag);

#endif
