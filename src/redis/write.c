/* SPDX-License-Identifier: Apache-2.0
 *
 * Guarded writes. The rules: ports/store.h; the scripts: scripts.c.
 *
 * A write goes out in chunks of at most 500 cells, several in one breath. The first chunk's script compares
 * the whole head; the next ones compare all but the number of cells, which only the script before knows:
 * nobody but it can have left the step they expect.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/buf.h"
#include "redis/store.h"

enum { BREATH = 16 }; /* chunks sent before the first answer is read */

typedef struct numbers {
    char incarnation[33];
    char at[8][SNAG_REDIS_NUMBER_MAX];
} numbers;

static const char *hex(numbers *text, const uint8_t incarnation[16])
{
    snag_buf buf = snag_buf_on(text->incarnation, sizeof text->incarnation - 1);
    snag_buf_hex(&buf, incarnation, 16);
    text->incarnation[32] = '\0';
    return text->incarnation;
}

/* Builds and appends one EVALSHA of WRITE. */
static void write_append(snag_redis_store *st, uint32_t partition, const snag_store_head *head, bool first,
                         const snag_store_item *items, size_t count, const snag_store_head *final)
{
    numbers text;
    char token[2][SNAG_REDIS_NUMBER_MAX], keys[SNAG_REDIS_NUMBER_MAX];
    snag_redis_args(st, "EVALSHA");
    snag_redis_arg(st, st->client.sha[SNAG_SCRIPT_WRITE], SNAG_REDIS_SHA_BYTES);
    snag_redis_arg_number(st, keys, (int64_t)count + 1);
    snag_redis_arg_key(st, partition, SNAG_REDIS_HEAD);
    for (size_t i = 0; i < count; i++)
        snag_redis_arg_key(st, partition, snag_redis_bucket(items[i].owner));
    snag_redis_arg_text(st, hex(&text, head->incarnation));
    snag_redis_arg_number(st, text.at[0], head->n);
    snag_redis_arg_number(st, text.at[1], head->step);
    snprintf(token[0], SNAG_REDIS_NUMBER_MAX, "%" PRIu64, head->token);
    snag_redis_arg_text(st, token[0]);
    if (first)
        snag_redis_arg_number(st, text.at[2], head->count);
    else
        snag_redis_arg_text(st, "");
    if (final) {
        snag_redis_arg_number(st, text.at[3], final->n);
        snprintf(token[1], SNAG_REDIS_NUMBER_MAX, "%" PRIu64, final->token);
        snag_redis_arg_text(st, token[1]);
        snag_redis_arg_number(st, text.at[4], final->log_offset);
        snag_redis_arg_number(st, text.at[5], final->at_ms);
    } else {
        for (int i = 0; i < 4; i++)
            snag_redis_arg_text(st, "");
    }
    for (size_t i = 0; i < count; i++) {
        snag_redis_arg(st, items[i].key.data, items[i].key.size);
        snag_redis_arg(st, items[i].blob.data, items[i].blob.size);
    }
    snag_redis_store_send(st, true);
}

/* Reads WRITE's answer, which is no error, into head. */
static snag_err write_answer(const redisReply *reply, snag_store_head *head,
                             const snag_store_head *final, snag_diag *diag)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 ||
        reply->element[0]->type != REDIS_REPLY_INTEGER ||
        (reply->element[0]->integer != 0 && reply->element[1]->type != REDIS_REPLY_INTEGER))
        return snag_fail(diag, SNAG_STORE, "Redis: the script gave something else");
    if (reply->element[0]->integer == 0) {
        if (reply->elements == 8)
            snag_redis_head_read(head, reply->element + 1);
        else
            *head = (snag_store_head){.present = false};
        return snag_fail(diag, SNAG_STATE, "Redis holds another state than expected");
    }
    head->count = reply->element[1]->integer;
    if (final) {
        head->n = final->n;
        head->token = final->token;
        head->log_offset = final->log_offset;
        head->at_ms = final->at_ms;
        head->step = 0;
    } else {
        head->step++;
    }
    return SNAG_OK;
}

typedef struct breath {
    size_t size[BREATH]; /* cells of each chunk */
    bool last[BREATH];   /* the chunk that carries `final` */
    size_t chunks;
} breath;

static void breath_send(snag_redis_store *st, uint32_t partition, const snag_store_head *head,
                        const snag_store_item *items, size_t count, const snag_store_head *final,
                        breath *out)
{
    snag_store_head expect = *head;
    *out = (breath){.chunks = 0};
    for (bool done = false; !done && out->chunks < BREATH; out->chunks++) {
        size_t size = count < SNAG_SCRIPT_ITEMS_MAX ? count : SNAG_SCRIPT_ITEMS_MAX;
        done = size == count;
        write_append(st, partition, &expect, out->chunks == 0, items, size, done ? final : NULL);
        snag_redis_push(&st->client); /* the server works while the next chunk is made */
        out->size[out->chunks] = size;
        out->last[out->chunks] = done;
        items += size;
        count -= size;
        expect.step++;
    }
}

/* Reads every answer; *done counts the cells of chunks that were written. */
static snag_err breath_read(snag_redis_store *st, const breath *sent, snag_store_head *head,
                            const snag_store_head *final, size_t *done, bool *last, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    redisReply *wrong = NULL;
    for (size_t i = 0; i < sent->chunks; i++) {
        redisReply *reply = NULL;
        snag_err got = snag_redis_answer(&st->client, true, &reply, diag);
        if (got != SNAG_OK) {
            freeReplyObject(wrong);
            return got;
        }
        if (reply->type == REDIS_REPLY_ERROR && !wrong && err == SNAG_OK) {
            wrong = reply;
            continue;
        }
        if (!wrong && err == SNAG_OK) { /* behind a chunk that failed no other one fits */
            err = write_answer(reply, head, sent->last[i] ? final : NULL, diag);
            *done += err == SNAG_OK ? sent->size[i] : 0;
            *last = err == SNAG_OK && sent->last[i];
        }
        freeReplyObject(reply);
    }
    if (wrong)
        err = snag_redis_refused(&st->client, wrong, diag);
    freeReplyObject(wrong);
    return err;
}

snag_err snag_redis_write(void *self, uint32_t partition, snag_store_head *head,
                          const snag_store_item *items, size_t count, const snag_store_head *final,
                          snag_diag *diag)
{
    snag_redis_store *st = self;
    breath sent;
    bool last = false;
    size_t done = 0;
    snag_err err = snag_redis_store_begin(st, partition, true, diag);
    while (err == SNAG_AGAIN || (err == SNAG_OK && !last)) {
        err = snag_redis_ready(&st->client, diag);
        if (err == SNAG_OK)
            err = snag_redis_scripts_load(&st->client, diag);
        if (err != SNAG_OK)
            continue;
        breath_send(st, partition, head, items + done, count - done, final, &sent);
        err = breath_read(st, &sent, head, final, &done, &last, diag);
    }
    if (err == SNAG_OK || err == SNAG_STATE)
        snag_redis_end(&st->client);
    return err;
}

snag_err snag_redis_take(void *self, uint32_t partition, const uint8_t incarnation[16],
                         uint64_t token, snag_store_head *head, snag_diag *diag)
{
    snag_redis_store *st = self;
    numbers text;
    char number[SNAG_REDIS_NUMBER_MAX], keys[SNAG_REDIS_NUMBER_MAX];
    redisReply *reply = NULL;
    SNAG_ASSERT(token != 0);
    snag_err err = snag_redis_store_begin(st, partition, true, diag);
    if (err != SNAG_OK)
        return err;
    snag_redis_args(st, "EVAL"); /* rare: its text may go along each time */
    snag_redis_arg_text(st, snag_script_text(SNAG_SCRIPT_TAKE));
    snag_redis_arg_number(st, keys, SNAG_REDIS_BUCKETS + 1);
    snag_redis_arg_key(st, partition, SNAG_REDIS_HEAD);
    for (unsigned i = 0; i < SNAG_REDIS_BUCKETS; i++)
        snag_redis_arg_key(st, partition, i);
    snag_redis_arg_text(st, hex(&text, incarnation));
    snprintf(number, sizeof number, "%" PRIu64, token);
    snag_redis_arg_text(st, number);
    snag_redis_arg_number(st, text.at[0], st->client.redis->partitions);
    err = snag_redis_store_call(st, &reply, diag);
    if (err != SNAG_OK)
        return err;
    freeReplyObject(reply);
    *head = (snag_store_head){.present = true, .n = -1, .token = token, .log_offset = -1};
    memcpy(head->incarnation, incarnation, 16);
    return SNAG_OK;
}
