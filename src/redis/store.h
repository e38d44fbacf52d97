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
    SNAG_REDIS_KEY_MAX = 512,
    SNAG_REDIS_NUMBER_MAX = 24,
    SNAG_REDIS_ARGS_MAX = 4 + SNAG_WRITE_ARGS + 3 * SNAG_SCRIPT_ITEMS_MAX + SNAG_REDIS_BUCKETS
};

typedef struct snag_redis_store {
    snag_redis_client client;
    redisReply *reply; /* what lent items point into */
    snag_store_item *items;
    size_t item_room;
    const char *args[SNAG_REDIS_ARGS_MAX]; /* the command being built */
    size_t sizes[SNAG_REDIS_ARGS_MAX];
    int arg_count;
    /* Texts of keys, and which partition's they are, plus one: 0 = not written yet. */
    char keys[SNAG_REDIS_BUCKETS + 1][SNAG_REDIS_KEY_MAX];
    uint32_t keys_of[SNAG_REDIS_BUCKETS + 1];
} snag_redis_store;

void snag_redis_arg(snag_redis_store *store, const void *data, size_t size);
void snag_redis_arg_text(snag_redis_store *store, const char *text);
/* text keeps the digits until the command is sent. */
void snag_redis_arg_number(snag_redis_store *store, char text[SNAG_REDIS_NUMBER_MAX], int64_t value);
/* A key of the partition; bucket SNAG_REDIS_HEAD: the head. Stays until another partition's is asked for. */
const char *snag_redis_key(snag_redis_store *store, uint32_t partition, unsigned bucket);
unsigned snag_redis_bucket(snag_str customer);
/* Appends the built command to what is to be sent. */
void snag_redis_append(snag_redis_store *store);
/* The next answer of what was appended; error replies are left to the reader. */
snag_err snag_redis_answer(snag_redis_store *store, redisReply **reply, snag_diag *diag);
/* From seven replies in the order i n k t c o a. */
void snag_redis_head_read(snag_store_head *head, redisReply *const *fields);

/* The two writing operations of the port. */
snag_err snag_redis_write(void *self, uint32_t partition, snag_store_head *head,
                          const snag_store_item *items, size_t count, const snag_store_head *final,
                          snag_diag *diag);
snag_err snag_redis_take(void *self, uint32_t partition, const uint8_t incarnation[16],
                         uint64_t token, snag_store_head *head, snag_diag *diag);

#endif
