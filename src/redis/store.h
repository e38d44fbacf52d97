/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's insides, shared by store.c (reading) and write.c; private to src/redis.
 */
#ifndef SNAG_REDIS_STORE_H
#define SNAG_REDIS_STORE_H

#include "redis/client.h"

enum {
    SNAG_REDIS_BUCKETS = 1024,
    SNAG_REDIS_HEAD = SNAG_REDIS_BUCKETS,
    SNAG_REDIS_KEY_MAX = SNAG_REDIS_TAG_MAX + 16,
    SNAG_REDIS_NUMBER_MAX = 24,
    SNAG_REDIS_ARGS_MAX = 4 + SNAG_WRITE_ARGS + 3 * SNAG_SCRIPT_ITEMS_MAX + SNAG_REDIS_BUCKETS
};

/* What the keys of a partition begin with. */
typedef struct snag_redis_prefix {
    unsigned slot;
    unsigned size; /* 0: not known yet */
    char text[SNAG_REDIS_KEY_MAX];
} snag_redis_prefix;

typedef struct snag_redis_store {
    snag_redis_client client;
    redisReply *reply; /* what lent items point into */
    snag_store_item *items;
    size_t item_room;
    struct {
        uint32_t partition;
        unsigned first;
        size_t buckets;
    } ahead; /* the page that a node flagged `ahead` sends */
    snag_redis_prefix **prefixes; /* by partition */
    uint32_t prefix_room;
    /* The command being built; it may be sent more than once. */
    const char *args[SNAG_REDIS_ARGS_MAX];
    size_t sizes[SNAG_REDIS_ARGS_MAX];
    int arg_count;
    char texts[(SNAG_REDIS_BUCKETS + 1) * SNAG_REDIS_KEY_MAX]; /* its keys */
    size_t text_size;
} snag_redis_store;

/* Begins a conversation about a partition. */
snag_err snag_redis_store_begin(snag_redis_store *store, uint32_t partition, bool writes, snag_diag *diag);

/* Begins a command. */
void snag_redis_args(snag_redis_store *store, const char *word);
void snag_redis_arg(snag_redis_store *store, const void *data, size_t size);
void snag_redis_arg_text(snag_redis_store *store, const char *text);
/* text keeps the digits until the command is sent for the last time. */
void snag_redis_arg_number(snag_redis_store *store, char text[SNAG_REDIS_NUMBER_MAX], int64_t value);
/* A key of the partition; bucket SNAG_REDIS_HEAD: the head. The conversation must have begun. */
void snag_redis_arg_key(snag_redis_store *store, uint32_t partition, unsigned bucket);
unsigned snag_redis_bucket(snag_str customer);
/* Sends the command built; `first`: as in client.h. */
void snag_redis_store_send(snag_redis_store *store, bool first);
/* Sends it and waits for its answer, which is the caller's and no error. */
snag_err snag_redis_store_call(snag_redis_store *store, redisReply **reply, snag_diag *diag);

/* From seven replies in the order i n k t c o a. */
void snag_redis_head_read(snag_store_head *head, redisReply *const *fields);

/* The two writing operations of the port. */
snag_err snag_redis_write(void *self, uint32_t partition, snag_store_head *head,
                          const snag_store_item *items, size_t count, const snag_store_head *final,
                          snag_diag *diag);
snag_err snag_redis_take(void *self, uint32_t partition, const uint8_t incarnation[16],
                         uint64_t token, snag_store_head *head, snag_diag *diag);

#endif
