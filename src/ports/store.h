/* SPDX-License-Identifier: Apache-2.0
 *
 * The store port: a copy of the state that may lag the truth (the changelog) but never says anything untrue.
 *
 * Every write compares the head it expects with the head that is there, and leaves the next one; so a worker
 * that has been replaced without knowing it can do no harm, and a store that lost its tail is noticed.
 *
 *     flush of commit n -> n+1 in chunks:  (n, step 0) -> (n, step 1) -> … -> (n+1, step 0)
 *     reload under a token of its own:     take: (-1, 0, token) -> (-1, 1, token) -> … -> (n, 0, no token)
 */
#ifndef SNAG_PORTS_STORE_H
#define SNAG_PORTS_STORE_H

#include "base/err.h"

typedef struct snag_store_head {
    bool present;
    uint8_t incarnation[16]; /* of the partition's state, made at its first start */
    int64_t n;               /* the last commit that is in here */
    int64_t step;            /* chunks written towards the next one */
    uint64_t token;          /* not 0: somebody is reloading */
    int64_t count;           /* cells stored */
    int64_t log_offset;      /* of commit n's head in the changelog */
    int64_t at_ms;           /* when it was written, by the writer's clock */
} snag_store_head;

typedef struct snag_store_item {
    snag_str key;
    snag_str blob;  /* size 0 = gone */
    snag_str owner; /* the customer it belongs to; needed in writes, not filled in by reads */
} snag_store_item;

typedef struct snag_store_ops {
    /* SNAG_STORE: not reachable, or it refused. */
    snag_err (*head)(void *self, uint32_t partition, snag_store_head *head, snag_diag *diag);
    /* One page of cells with the head as of the same moment. *cursor starts at 0 and is UINT64_MAX behind
     * the last page. Items are borrowed until the next call. A cell may come twice, none is left out. */
    snag_err (*page)(void *self, uint32_t partition, uint64_t *cursor, const snag_store_item **items,
                     size_t *count, snag_store_head *head, snag_diag *diag);
    /* The cells of one customer (for `snag explain`), borrowed until the next call. */
    snag_err (*customer)(void *self, uint32_t partition, snag_str customer, const snag_store_item **items,
                         size_t *count, snag_store_head *head, snag_diag *diag);
    /* Writes where the head is *head, and leaves the next step there; with `final` not NULL the last chunk
     * leaves its n, token, log_offset and at_ms, step 0. *head becomes the head left behind.
     * SNAG_STATE: the head is another; *head becomes the one found. */
    snag_err (*write)(void *self, uint32_t partition, snag_store_head *head, const snag_store_item *items,
                      size_t count, const snag_store_head *final, snag_diag *diag);
    /* Empties the partition and takes it for a reload under `token`. *head becomes the head left. */
    snag_err (*take)(void *self, uint32_t partition, const uint8_t incarnation[16], uint64_t token,
                     snag_store_head *head, snag_diag *diag);
    void (*close)(void *self);
} snag_store_ops;

typedef struct snag_store {
    const snag_store_ops *ops; /* NULL = no store: every start reads the changelog */
    void *self;
} snag_store;

#endif
