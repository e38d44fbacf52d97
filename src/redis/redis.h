/* SPDX-License-Identifier: Apache-2.0
 *
 * The store port on Redis: one server, servers kept by Sentinels, or a Redis Cluster.
 *
 *     snag_redis        one a process: address, names of keys, what is wrong at present
 *     snag_redis_store  one a worker: its own connections
 *
 * Keys of one input partition share a hash tag, so that a batch stays in one slot:
 *
 *     snag:{GROUP/TOPIC/P.K}:m           hash: i n k t c o a, the head (ports/store.h), p
 *     snag:{GROUP/TOPIC/P.K}:0 … :1023   hashes: cell key -> packed cell; by hash of the customer
 *
 * K is a number that makes the slots of neighbouring partitions lie far apart (slot.h).
 *
 * Whatever is wrong with Redis is said once and survived. One operation takes 2 s at most (the system's
 * resolver of names aside), and after a failure the next tries wait longer and longer, up to 30 s.
 */
#ifndef SNAG_REDIS_REDIS_H
#define SNAG_REDIS_REDIS_H

#include "ports/clock.h"
#include "ports/store.h"

typedef struct snag_redis snag_redis;

typedef struct snag_redis_options {
    snag_str url; /* a form of snag_redis_forms */
    /* As they are; they win over the url's, which writes special characters as %XX. May be empty. */
    snag_str user;
    snag_str password;
    snag_str sentinel_password; /* of the Sentinels themselves */
    /* Files for TLS; empty: the system's authorities, no certificate of our own. */
    snag_str tls_ca;
    snag_str tls_cert;
    snag_str tls_key;
} snag_redis_options;

/* The forms of an address: one table for code, help and manual. */
typedef struct snag_redis_form {
    const char *form;
    const char *help;
} snag_redis_form;
extern const snag_redis_form snag_redis_forms[];
extern const uint32_t snag_redis_form_count;

/* space: "GROUP/TOPIC". SNAG_CONFIG: not such a url, or one that needs TLS where the client library has
 * none. Nothing is connected yet. Secrets are copied and never said. From here on the process ignores
 * SIGPIPE. */
SNAG_MUST_CHECK snag_err snag_redis_new(snag_redis **out, const snag_redis_options *options,
                                        snag_str space, const snag_voice *voice, snag_diag *diag);
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

/* What happened on the ways, over all stores of the process. */
typedef struct snag_redis_counts {
    uint64_t moved;    /* MOVED: the slot is elsewhere */
    uint64_t asked;    /* ASK: this command elsewhere, this once */
    uint64_t waited;   /* TRYAGAIN, CLUSTERDOWN, LOADING …: tried again after a moment */
    uint64_t readonly; /* a replica was asked to write */
    uint64_t routes;   /* maps read, masters asked for */
    uint64_t connects;
    uint64_t losses; /* connections lost */
} snag_redis_counts;
void snag_redis_counts_get(const snag_redis *redis, snag_redis_counts *out);

#endif
