/* SPDX-License-Identifier: Apache-2.0
 *
 * The store port: commands, heads, pages of cells, life. Layout: redis.h; writing: write.c.
 */
#include "redis/store.h"

#include <inttypes.h>
#include <signal.h>
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

static bool prefixes_grow(snag_redis_store *st, uint32_t partition)
{
    uint32_t room = st->prefix_room ? st->prefix_room : 16;
    while (room <= partition)
        room *= 2;
    snag_redis_prefix **prefixes =
        room > st->prefix_room ? realloc(st->prefixes, room * sizeof *prefixes) : st->prefixes;
    if (!prefixes)
        return false;
    for (uint32_t i = st->prefix_room; i < room; i++)
        prefixes[i] = NULL;
    st->prefixes = prefixes;
    st->prefix_room = room;
    return true;
}

static const snag_redis_prefix *prefix_of(snag_redis_store *st, uint32_t partition)
{
    char tag[SNAG_REDIS_TAG_MAX];
    if (partition >= st->prefix_room && !prefixes_grow(st, partition))
        return NULL;
    if (st->prefixes[partition])
        return st->prefixes[partition];
    snag_redis_prefix *prefix = malloc(sizeof *prefix);
    if (!prefix)
        return NULL;
    prefix->slot = snag_redis_tag(tag, snag_str_from(st->client.redis->space), partition);
    prefix->size = (unsigned)snprintf(prefix->text, sizeof prefix->text, "snag:{%s}:", tag);
    return st->prefixes[partition] = prefix;
}

/* Answers that nobody will read must not be taken for others: their connection goes. */
static void ahead_drop(snag_redis_store *st)
{
    for (uint32_t i = 0; i < st->client.node_count; i++)
        if (st->client.nodes[i]->ahead)
            snag_redis_node_drop(st->client.nodes[i]);
}

static snag_err begin(snag_redis_store *st, uint32_t partition, bool writes, snag_diag *diag)
{
    const snag_redis_prefix *prefix = partition < UINT32_MAX / 2 ? prefix_of(st, partition) : NULL;
    if (!prefix)
        return snag_fail(diag, SNAG_MEMORY, "redis: out of memory");
    snag_redis_begin(&st->client, prefix->slot, writes);
    return SNAG_OK;
}

snag_err snag_redis_store_begin(snag_redis_store *st, uint32_t partition, bool writes, snag_diag *diag)
{
    ahead_drop(st);
    return begin(st, partition, writes, diag);
}

void snag_redis_args(snag_redis_store *st, const char *word)
{
    st->arg_count = 0;
    st->text_size = 0;
    snag_redis_arg_text(st, word);
}

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

void snag_redis_arg_key(snag_redis_store *st, uint32_t partition, unsigned bucket)
{
    const snag_redis_prefix *prefix = prefix_of(st, partition);
    char *text = st->texts + st->text_size;
    size_t size = prefix->size;
    SNAG_ASSERT(st->text_size + SNAG_REDIS_KEY_MAX <= sizeof st->texts);
    memcpy(text, prefix->text, size);
    if (bucket == SNAG_REDIS_HEAD) {
        text[size++] = 'm';
    } else {
        size += bucket >= 1000 ? 4 : bucket >= 100 ? 3 : bucket >= 10 ? 2 : 1;
        size_t at = size;
        do {
            text[--at] = (char)('0' + bucket % 10);
            bucket /= 10;
        } while (bucket);
    }
    st->text_size += size;
    snag_redis_arg(st, text, size);
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

void snag_redis_store_send(snag_redis_store *st, bool first)
{
    snag_redis_send(&st->client, first, st->arg_count, st->args, st->sizes);
}

snag_err snag_redis_store_call(snag_redis_store *st, redisReply **reply, snag_diag *diag)
{
    snag_err err;
    do {
        *reply = NULL;
        err = snag_redis_ready(&st->client, diag);
        if (err != SNAG_OK)
            return err;
        snag_redis_store_send(st, true);
        err = snag_redis_answer(&st->client, true, reply, diag);
        if (err == SNAG_OK && (*reply)->type == REDIS_REPLY_ERROR) {
            err = snag_redis_refused(&st->client, *reply, diag);
            freeReplyObject(*reply);
        }
    } while (err == SNAG_AGAIN);
    if (err == SNAG_OK)
        snag_redis_end(&st->client);
    return err;
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
    snag_redis_args(st, "HMGET");
    snag_redis_arg_key(st, partition, SNAG_REDIS_HEAD);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        snag_redis_arg_text(st, fields[i]);
}

static snag_err store_head(void *self, uint32_t partition, snag_store_head *head, snag_diag *diag)
{
    snag_redis_store *st = self;
    redisReply *reply = NULL;
    snag_err err = snag_redis_store_begin(st, partition, false, diag);
    if (err != SNAG_OK)
        return err;
    head_command(st, partition);
    err = snag_redis_store_call(st, &reply, diag);
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
            return snag_fail(diag, SNAG_STORE, "Redis: %.200s", pairs->str);
        for (size_t i = 0; i + 1 < pairs->elements; i += 2)
            if (pairs->element[i]->type != REDIS_REPLY_STRING ||
                pairs->element[i + 1]->type != REDIS_REPLY_STRING)
                return snag_fail(diag, SNAG_STORE, "Redis: HGETALL gave something else");
            else if (!item_add(st, count, pairs->element[i], pairs->element[i + 1]))
                return snag_fail(diag, SNAG_MEMORY, "out of memory reading from Redis");
    }
    return SNAG_OK;
}

static void cells_send(snag_redis_store *st, uint32_t partition, unsigned first, size_t buckets)
{
    snag_redis_args(st, "MULTI");
    snag_redis_store_send(st, true);
    head_command(st, partition);
    snag_redis_store_send(st, false);
    for (size_t i = 0; i < buckets; i++) {
        snag_redis_args(st, "HGETALL");
        snag_redis_arg_key(st, partition, first + (unsigned)i);
        snag_redis_store_send(st, false);
    }
    snag_redis_args(st, "EXEC");
    snag_redis_store_send(st, false);
}

/* The last of `count` answers; the first error among them is the cause of all. */
static snag_err last_answer(snag_redis_store *st, size_t count, redisReply **last, snag_diag *diag)
{
    redisReply *wrong = NULL, *reply = NULL;
    snag_err err = SNAG_OK;
    for (size_t i = 0; i < count && err == SNAG_OK; i++) {
        freeReplyObject(reply);
        reply = NULL;
        err = snag_redis_answer(&st->client, i == 0, &reply, diag);
        if (err == SNAG_OK && reply->type == REDIS_REPLY_ERROR && !wrong) {
            wrong = reply;
            reply = NULL;
        }
    }
    if (err == SNAG_OK && wrong)
        err = snag_redis_refused(&st->client, wrong, diag);
    freeReplyObject(wrong);
    if (err == SNAG_OK)
        *last = reply;
    else
        freeReplyObject(reply);
    return err;
}

/* Asks for the page that will be wanted next, so that the server works while we do. */
static void ahead_send(snag_redis_store *st, uint32_t partition, unsigned first, size_t buckets)
{
    if (first + buckets > SNAG_REDIS_BUCKETS)
        buckets = first < SNAG_REDIS_BUCKETS ? SNAG_REDIS_BUCKETS - first : 0;
    ahead_drop(st);
    if (buckets == 0 || st->client.asked || !st->client.node->context)
        return;
    cells_send(st, partition, first, buckets);
    snag_redis_push(&st->client);
    st->ahead.partition = partition;
    st->ahead.first = first;
    st->ahead.buckets = buckets;
    st->client.node->ahead = true;
}

/* Head and some buckets as of one moment: MULTI, HMGET, HGETALL …, EXEC. */
static snag_err cells(snag_redis_store *st, uint32_t partition, unsigned first, size_t buckets,
                      const snag_store_item **items, size_t *count, snag_store_head *head, snag_diag *diag)
{
    redisReply *reply = NULL;
    *count = 0;
    if (st->ahead.partition != partition || st->ahead.first != first || st->ahead.buckets != buckets)
        ahead_drop(st);
    snag_err err = begin(st, partition, false, diag);
    if (err != SNAG_OK)
        return err;
    do {
        err = snag_redis_ready(&st->client, diag);
        if (err != SNAG_OK)
            return err;
        if (!st->client.node->ahead)
            cells_send(st, partition, first, buckets);
        st->client.node->ahead = false;
        err = last_answer(st, buckets + 3, &reply, diag);
    } while (err == SNAG_AGAIN);
    if (err != SNAG_OK)
        return err;
    snag_redis_end(&st->client);
    reply_take(st, reply);
    if (buckets > 1)
        ahead_send(st, partition, first + (unsigned)buckets, buckets);
    err = cells_read(st, reply, buckets, count, head, diag);
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
    snag_redis_client_finish(&st->client);
    reply_take(st, NULL);
    for (uint32_t i = 0; i < st->prefix_room; i++)
        free(st->prefixes[i]);
    free(st->prefixes);
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
    snag_redis_client_init(&st->client, redis);
    *out = (snag_store){.ops = &store_ops, .self = st};
    return SNAG_OK;
}

snag_err snag_redis_new(snag_redis **out, const snag_redis_options *options, snag_str space,
                        const snag_voice *voice, snag_diag *diag)
{
    snag_redis *redis = calloc(1, sizeof *redis);
    *out = NULL;
    (void)signal(SIGPIPE, SIG_IGN); /* hiredis writes with write(), perhaps to a server that has gone */
    if (redis)
        redis->space = snag_redis_text_new(space);
    if (!redis || !redis->space) {
        free(redis);
        return snag_fail(diag, SNAG_MEMORY, "redis: out of memory");
    }
    redis->voice = *voice;
    pthread_mutex_init(&redis->troubles.lock, NULL);
    snag_err err = snag_redis_address_init(&redis->address, options, diag);
    if (err == SNAG_OK && space.size > SNAG_REDIS_TAG_MAX - 32)
        err = snag_fail(diag, SNAG_CONFIG, "redis: the names of group and topic are too long for a key");
    if (err == SNAG_OK && redis->address.tls)
        err = snag_redis_secure_new(&redis->secure, options, diag);
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
    snag_redis_secure_free(redis->secure);
    snag_redis_address_finish(&redis->address);
    pthread_mutex_destroy(&redis->troubles.lock);
    free(redis->space);
    free(redis);
}

void snag_redis_quiet(snag_redis *redis, bool quiet)
{
    atomic_store(&redis->quiet, quiet);
}

void snag_redis_counts_get(const snag_redis *redis, snag_redis_counts *out)
{
    *out = (snag_redis_counts){
        .moved = atomic_load(&redis->counts.moved),
        .asked = atomic_load(&redis->counts.asked),
        .waited = atomic_load(&redis->counts.waited),
        .readonly = atomic_load(&redis->counts.readonly),
        .routes = atomic_load(&redis->counts.routes),
        .connects = atomic_load(&redis->counts.connects),
        .losses = atomic_load(&redis->counts.losses),
    };
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
    snag_err err = snag_redis_store_begin(st, partition, false, diag);
    if (err != SNAG_OK)
        return err;
    snag_redis_args(st, "HGET");
    snag_redis_arg_key(st, partition, SNAG_REDIS_HEAD);
    snag_redis_arg_text(st, "p");
    err = snag_redis_store_call(st, &reply, diag);
    if (err != SNAG_OK)
        return err;
    int64_t count = whole(reply);
    freeReplyObject(reply);
    *partitions = count > 0 && count < INT32_MAX ? (uint32_t)count : 0;
    return SNAG_OK;
}

snag_err snag_redis_partitions_get(snag_store *port, uint32_t *partitions, snag_diag *diag)
{
    snag_redis_store *st = port->self;
    snag_err err = SNAG_OK;
    *partitions = 0;
    for (uint32_t i = 0; i < PROBED && err == SNAG_OK && *partitions == 0; i++)
        err = partitions_at(st, i, partitions, diag);
    return err == SNAG_OK && *partitions == 0 ? SNAG_END : err;
}
