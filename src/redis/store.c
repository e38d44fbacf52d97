/* SPDX-License-Identifier: Apache-2.0
 *
 * The store port: commands, heads, pages of cells, life. Layout: redis.h; writing: write.c.
 */
#include "redis/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"

enum {
    PAGE_CELLS = 4000, /* about so many cells a page */
    PAGE_BUCKETS = 64,
    PROBED = 256 /* partitions in which a head is looked for */
};

/* --- building commands ------------------------------------------------------------------------- */

void snag_redis_arg(snag_redis_store *st, const void *data, size_t size)
{
    SNAG_ASSERT(st->arg_count < SNAG_REDIS_ARGS_MAX);
    st->args[st->arg_count] = size ? data : "";
    st->sizes[st->arg_count++] = size;
}

void snag_redis_arg_text(snag_redis_store *st, const char *text)
{
    snag_redis_arg(st, text, strlen(text));
}

const char *snag_redis_key(snag_redis_store *st, uint32_t partition, unsigned bucket)
{
    char *text = st->keys[bucket];
    if (st->keys_of[bucket] == partition + 1)
        return text;
    st->keys_of[bucket] = partition + 1;
    if (bucket == SNAG_REDIS_HEAD)
        snprintf(text, SNAG_REDIS_KEY_MAX, "snag:{%s/%" PRIu32 "}:m", st->client.redis->space, partition);
    else
        snprintf(text, SNAG_REDIS_KEY_MAX, "snag:{%s/%" PRIu32 "}:%u", st->client.redis->space, partition,
                 bucket);
    return text;
}

unsigned snag_redis_bucket(snag_str customer)
{
    return (unsigned)(snag_hash64(customer, 0) % SNAG_REDIS_BUCKETS);
}

void snag_redis_arg_number(snag_redis_store *st, char text[SNAG_REDIS_NUMBER_MAX], int64_t value)
{
    snprintf(text, SNAG_REDIS_NUMBER_MAX, "%" PRId64, value);
    snag_redis_arg_text(st, text);
}

/* --- heads ------------------------------------------------------------------------------------- */

static int64_t whole(const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER)
        return reply->integer;
    return reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : -1;
}

static bool incarnation_read(const redisReply *reply, uint8_t out[16])
{
    if (reply->type != REDIS_REPLY_STRING || reply->len != 32)
        return false;
    for (size_t i = 0; i < 16; i++) {
        char pair[3] = {reply->str[2 * i], reply->str[2 * i + 1], '\0'};
        char *end;
        out[i] = (uint8_t)strtoul(pair, &end, 16);
        if (*end)
            return false;
    }
    return true;
}

/* From seven replies in the order i n k t c o a. */
void snag_redis_head_read(snag_store_head *head, redisReply *const *fields)
{
    *head = (snag_store_head){.present = incarnation_read(fields[0], head->incarnation)};
    if (!head->present)
        return;
    (void)incarnation_read(fields[0], head->incarnation);
    head->n = whole(fields[1]);
    head->step = whole(fields[2]);
    head->token = fields[3]->type == REDIS_REPLY_STRING ? strtoull(fields[3]->str, NULL, 10) : 0;
    head->count = whole(fields[4]);
    head->log_offset = whole(fields[5]);
    head->at_ms = whole(fields[6]);
}

static void reply_take(snag_redis_store *st, redisReply *reply)
{
    if (st->reply)
        freeReplyObject(st->reply);
    st->reply = reply;
}

static void head_command(snag_redis_store *st, uint32_t partition)
{
    static const char *const fields[] = {"i", "n", "k", "t", "c", "o", "a"};
    st->arg_count = 0;
    snag_redis_arg_text(st, "HMGET");
    snag_redis_arg_text(st, snag_redis_key(st, partition, SNAG_REDIS_HEAD));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        snag_redis_arg_text(st, fields[i]);
}

static snag_err store_head(void *self, uint32_t partition, snag_store_head *head, snag_diag *diag)
{
    snag_redis_store *st = self;
    redisReply *reply = NULL;
    snag_err err = snag_redis_connect(&st->client, diag);
    if (err != SNAG_OK)
        return err;
    head_command(st, partition);
    err = snag_redis_call(&st->client, st->arg_count, st->args, st->sizes, &reply, diag);
    if (err != SNAG_OK)
        return err;
    reply_take(st, reply);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 7)
        return snag_fail(diag, SNAG_STORE, "Redis: HMGET gave something else");
    snag_redis_head_read(head, reply->element);
    return SNAG_OK;
}

/* --- reading cells ----------------------------------------------------------------------------- */

static bool item_add(snag_redis_store *st, size_t *count, const redisReply *field, const redisReply *blob)
{
    if (*count == st->item_room) {
        size_t room = st->item_room ? st->item_room * 2 : 1024;
        snag_store_item *items = realloc(st->items, room * sizeof *items);
        if (!items)
            return false;
        st->items = items;
        st->item_room = room;
    }
    st->items[(*count)++] = (snag_store_item){.key = snag_str_of(field->str, (size_t)field->len),
                                              .blob = snag_str_of(blob->str, (size_t)blob->len)};
    return true;
}

/* The answer of EXEC: the head, then one HGETALL a bucket. */
static snag_err cells_read(snag_redis_store *st, const redisReply *exec, size_t buckets, size_t *count,
                           snag_store_head *head, snag_diag *diag)
{
    *count = 0;
    if (exec->type != REDIS_REPLY_ARRAY || exec->elements != buckets + 1 ||
        exec->element[0]->type != REDIS_REPLY_ARRAY || exec->element[0]->elements != 7)
        return snag_fail(diag, SNAG_STORE, "Redis: EXEC gave something else");
    snag_redis_head_read(head, exec->element[0]->element);
    for (size_t b = 1; b <= buckets; b++) {
        const redisReply *pairs = exec->element[b];
        if (pairs->type == REDIS_REPLY_ERROR)
            return snag_redis_refused(pairs, diag);
        for (size_t i = 0; i + 1 < pairs->elements; i += 2)
            if (!item_add(st, count, pairs->element[i], pairs->element[i + 1]))
                return snag_fail(diag, SNAG_MEMORY, "out of memory reading from Redis");
    }
    return SNAG_OK;
}

void snag_redis_append(snag_redis_store *st)
{
    redisAppendCommandArgv(st->client.context, st->arg_count, st->args, st->sizes);
}

static void append_word(snag_redis_store *st, const char *word)
{
    st->arg_count = 0;
    snag_redis_arg_text(st, word);
    snag_redis_append(st);
}

/* The next answer of what was appended; errors are left to the reader. */
snag_err snag_redis_answer(snag_redis_store *st, redisReply **reply, snag_diag *diag)
{
    void *got;
    if (redisGetReply(st->client.context, &got) != REDIS_OK)
        return snag_redis_lose(&st->client, st->client.context->errstr, diag);
    *reply = got;
    return SNAG_OK;
}

/* Head and some buckets as of one moment: MULTI, HMGET, HGETALL …, EXEC. */
static snag_err cells(snag_redis_store *st, uint32_t partition, unsigned first, size_t buckets,
                      const snag_store_item **items, size_t *count, snag_store_head *head, snag_diag *diag)
{
    redisReply *reply = NULL;
    snag_err err = snag_redis_connect(&st->client, diag);
    if (err != SNAG_OK)
        return err;
    append_word(st, "MULTI");
    head_command(st, partition);
    snag_redis_append(st);
    for (size_t i = 0; i < buckets; i++) {
        st->arg_count = 0;
        snag_redis_arg_text(st, "HGETALL");
        snag_redis_arg_text(st, snag_redis_key(st, partition, first + (unsigned)i));
        snag_redis_append(st);
    }
    append_word(st, "EXEC");
    for (size_t left = buckets + 3; left > 0; left--) {
        err = snag_redis_answer(st, &reply, diag);
        if (err != SNAG_OK)
            return err;
        if (left > 1)
            freeReplyObject(reply);
    }
    reply_take(st, reply);
    err = reply->type == REDIS_REPLY_ERROR ? snag_redis_refused(reply, diag)
                                           : cells_read(st, reply, buckets, count, head, diag);
    *items = st->items;
    return err;
}

static snag_err store_page(void *self, uint32_t partition, uint64_t *cursor, const snag_store_item **items,
                           size_t *count, snag_store_head *head, snag_diag *diag)
{
    snag_redis_store *st = self;
    SNAG_ASSERT(*cursor < SNAG_REDIS_BUCKETS);
    /* head is in: what the page before found, for a guess how full a bucket is. */
    uint64_t each = head->present && head->count > 0 ? (uint64_t)head->count / SNAG_REDIS_BUCKETS + 1 : 1;
    size_t buckets = PAGE_CELLS / each;
    buckets = buckets < 1 ? 1 : buckets > PAGE_BUCKETS ? PAGE_BUCKETS : buckets;
    if (buckets > SNAG_REDIS_BUCKETS - *cursor)
        buckets = SNAG_REDIS_BUCKETS - (size_t)*cursor;
    snag_err err = cells(st, partition, (unsigned)*cursor, buckets, items, count, head, diag);
    *cursor += buckets;
    if (*cursor == SNAG_REDIS_BUCKETS)
        *cursor = UINT64_MAX;
    return err;
}

static snag_err store_customer(void *self, uint32_t partition, snag_str customer,
                               const snag_store_item **items, size_t *count, snag_store_head *head,
                               snag_diag *diag)
{
    return cells(self, partition, snag_redis_bucket(customer), 1, items, count, head, diag);
}

/* --- life -------------------------------------------------------------------------------------- */

static void store_close(void *self)
{
    snag_redis_store *st = self;
    if (!st)
        return;
    snag_redis_disconnect(&st->client);
    reply_take(st, NULL);
    free(st->items);
    free(st);
}

static const snag_store_ops store_ops = {
    .head = store_head, .page = store_page, .customer = store_customer,
    .write = snag_redis_write, .take = snag_redis_take, .close = store_close};

snag_err snag_redis_store_new(snag_store *out, snag_redis *redis, snag_diag *diag)
{
    snag_redis_store *st = calloc(1, sizeof *st);
    if (!st)
        return snag_fail(diag, SNAG_MEMORY, "redis: out of memory");
    st->client.redis = redis;
    *out = (snag_store){.ops = &store_ops, .self = st};
    return SNAG_OK;
}

snag_err snag_redis_new(snag_redis **out, snag_str url, snag_str space, const snag_voice *voice,
                        snag_diag *diag)
{
    snag_redis *redis = calloc(1, sizeof *redis);
    if (redis)
        redis->space = strndup(space.data, space.size);
    if (!redis || !redis->space) {
        snag_redis_free(redis);
        return snag_fail(diag, SNAG_MEMORY, "redis: out of memory");
    }
    redis->voice = *voice;
    snag_err err = snag_redis_url_parse(redis, url, diag);
    if (err == SNAG_OK && space.size > SNAG_REDIS_KEY_MAX - 64)
        err = snag_fail(diag, SNAG_CONFIG, "redis: the names of group and topic are too long for a key");
    if (err != SNAG_OK) {
        snag_redis_free(redis);
        return err;
    }
    *out = redis;
    return SNAG_OK;
}

void snag_redis_free(snag_redis *redis)
{
    if (!redis)
        return;
    free(redis->space);
    free(redis);
}

void snag_redis_quiet(snag_redis *redis, bool quiet)
{
    atomic_store(&redis->quiet, quiet);
}

snag_err snag_redis_probe(snag_store *port, snag_diag *diag)
{
    snag_store_head head;
    return store_head(port->self, 0, &head, diag);
}

void snag_redis_partitions_set(snag_redis *redis, uint32_t partitions)
{
    redis->partitions = partitions;
}

static snag_err partitions_at(snag_redis_store *st, uint32_t partition, uint32_t *partitions,
                              snag_diag *diag)
{
    redisReply *reply = NULL;
    st->arg_count = 0;
    snag_redis_arg_text(st, "HGET");
    snag_redis_arg_text(st, snag_redis_key(st, partition, SNAG_REDIS_HEAD));
    snag_redis_arg_text(st, "p");
    snag_err err = snag_redis_call(&st->client, st->arg_count, st->args, st->sizes, &reply, diag);
    if (err != SNAG_OK)
        return err;
    int64_t count = whole(reply);
    freeReplyObject(reply);
    *partitions = count > 0 ? (uint32_t)count : 0;
    return SNAG_OK;
}

snag_err snag_redis_partitions_get(snag_store *port, uint32_t *partitions, snag_diag *diag)
{
    snag_redis_store *st = port->self;
    snag_err err = snag_redis_connect(&st->client, diag);
    *partitions = 0;
    for (uint32_t i = 0; i < PROBED && err == SNAG_OK && *partitions == 0; i++)
        err = partitions_at(st, i, partitions, diag);
    return err == SNAG_OK && *partitions == 0 ? SNAG_END : err;
}
