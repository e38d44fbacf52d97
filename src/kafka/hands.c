/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/hands.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"

enum { HAND = 256 };

static const uint32_t nobody = UINT32_MAX;

typedef struct hand {
    uint32_t partition;
    uint32_t source;
    rd_kafka_queue_t *queue;
    rd_kafka_message_t *messages[HAND];
    size_t count;
    size_t at;    /* the first that is not taken */
    size_t given; /* lent, from there on */
} hand;

struct snag_hands {
    uint32_t sources;
    uint32_t partitions_max;
    uint8_t *want;   /* by partition */
    uint32_t *where; /* by partition: of its first hand in the list; nobody = not read */
    hand *list;      /* partition by partition, `sources` each; without a queue = not read now */
    size_t count;
    rd_kafka_queue_t *group;   /* that wakes us; borrowed */
    rd_kafka_message_t *stray; /* an error from the group's queue, lent */
    int wake[2];
};

snag_hands *snag_hands_new(uint32_t sources, uint32_t partitions_max)
{
    snag_hands *hands = calloc(1, sizeof *hands);
    if (!hands)
        return NULL;
    hands->sources = sources;
    hands->partitions_max = partitions_max;
    hands->wake[0] = hands->wake[1] = -1;
    hands->want = calloc(partitions_max, sizeof *hands->want);
    hands->where = malloc(partitions_max * sizeof *hands->where);
    if (!hands->want || !hands->where || pipe(hands->wake) != 0) {
        snag_hands_free(hands);
        return NULL;
    }
    for (int i = 0; i < 2; i++) { /* the client's threads write there, and must never wait */
        fcntl(hands->wake[i], F_SETFL, O_NONBLOCK);
        fcntl(hands->wake[i], F_SETFD, FD_CLOEXEC);
    }
    memset(hands->where, 0xff, partitions_max * sizeof *hands->where);
    return hands;
}

void snag_hands_free(snag_hands *hands)
{
    if (!hands)
        return;
    snag_hands_end(hands);
    for (int i = 0; i < 2; i++)
        if (hands->wake[i] >= 0)
            close(hands->wake[i]);
    free(hands->want);
    free(hands->where);
    free(hands);
}

/* --- queues ------------------------------------------------------------------------------------ */

void snag_hands_end(snag_hands *hands)
{
    snag_hands_release(hands);
    if (hands->group)
        rd_kafka_queue_io_event_enable(hands->group, -1, NULL, 0);
    hands->group = NULL;
    for (size_t i = 0; i < hands->count; i++) {
        hand *one = &hands->list[i];
        for (size_t k = one->at; k < one->count; k++)
            rd_kafka_message_destroy(one->messages[k]);
        if (!one->queue)
            continue;
        rd_kafka_queue_io_event_enable(one->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(one->queue);
    }
    free(hands->list);
    hands->list = NULL;
    hands->count = 0;
    memset(hands->where, 0xff, hands->partitions_max * sizeof *hands->where);
}

static hand *hand_of(const snag_hands *hands, uint32_t partition, uint32_t source)
{
    uint32_t first = partition < hands->partitions_max ? hands->where[partition] : nobody;
    return first == nobody ? NULL : &hands->list[first + source];
}

static void hands_lay(snag_hands *hands, const snag_place *places, size_t count)
{
    hands->list = calloc(count * hands->sources + 1, sizeof *hands->list);
    SNAG_ASSERT(hands->list != NULL);
    for (size_t i = 0; i < count; i++) {
        uint32_t partition = places[i].partition;
        SNAG_ASSERT(partition < hands->partitions_max && places[i].source < hands->sources);
        if (hands->where[partition] != nobody)
            continue;
        hands->where[partition] = (uint32_t)hands->count;
        for (uint32_t s = 0; s < hands->sources; s++) {
            hands->list[hands->count].partition = partition;
            hands->list[hands->count++].source = s;
        }
    }
}

bool snag_hands_begin(snag_hands *hands, rd_kafka_t *client, rd_kafka_queue_t *group,
                      const char *const *topics, const snag_place *places, size_t count)
{
    snag_hands_end(hands);
    hands_lay(hands, places, count);
    for (size_t i = 0; i < count; i++) {
        hand *one = hand_of(hands, places[i].partition, places[i].source);
        one->queue =
            rd_kafka_queue_get_partition(client, topics[one->source], (int32_t)one->partition);
        if (!one->queue)
            return false;
        rd_kafka_queue_forward(one->queue, NULL);
        rd_kafka_queue_io_event_enable(one->queue, hands->wake[1], "x", 1);
    }
    hands->group = group;
    rd_kafka_queue_io_event_enable(group, hands->wake[1], "x", 1);
    return true;
}

void snag_hands_want(snag_hands *hands, uint32_t partition, uint32_t source)
{
    SNAG_ASSERT(partition < hands->partitions_max && source < hands->sources);
    hands->want[partition] = (uint8_t)source;
}

static bool has_record(const hand *one)
{
    return one->at < one->count && !one->messages[one->at]->err;
}

bool snag_hands_holds(const snag_hands *hands, uint32_t partition, uint32_t source)
{
    const hand *one = hand_of(hands, partition, source);
    return one && has_record(one);
}

/* --- taking ------------------------------------------------------------------------------------ */

/* Empty hands are filled, full ones wait for their turn. True: something came. */
static bool fill(snag_hands *hands)
{
    bool came = false;
    for (size_t i = 0; i < hands->count; i++) {
        hand *one = &hands->list[i];
        if (!one->queue || one->at < one->count)
            continue;
        ssize_t count = rd_kafka_consume_batch_queue(one->queue, 0, one->messages, HAND);
        one->at = 0;
        one->count = count > 0 ? (size_t)count : 0;
        came = came || count > 0;
    }
    return came;
}

/* Rebalances come as calls from in here. */
static void serve(snag_hands *hands, rd_kafka_queue_t *group, int wait_ms)
{
    if (!hands->stray && rd_kafka_consume_batch_queue(group, wait_ms, &hands->stray, 1) != 1)
        hands->stray = NULL;
}

static bool anything(const snag_hands *hands)
{
    if (hands->stray)
        return true;
    for (size_t i = 0; i < hands->count; i++) {
        const hand *one = &hands->list[i];
        if (one->at < one->count &&
            (one->messages[one->at]->err || one->source == hands->want[one->partition]))
            return true;
    }
    return false;
}

/* A queue that was empty writes a byte when something comes: what came before is found by looking. */
static void wait_for_wake(snag_hands *hands, int wait_ms)
{
    char bytes[256];
    struct pollfd wake = {.fd = hands->wake[0], .events = POLLIN};
    if (poll(&wake, 1, wait_ms) <= 0)
        return;
    while (read(hands->wake[0], bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
    }
}

static size_t give(hand *one, rd_kafka_message_t **messages, size_t max)
{
    SNAG_ASSERT(one->given == 0);
    while (one->at + one->given < one->count && one->given < max) {
        rd_kafka_message_t *message = one->messages[one->at + one->given];
        if (message->err && one->given > 0)
            break;
        messages[one->given++] = message;
        if (message->err)
            break; /* alone: an end is valid when all before it are taken */
    }
    return one->given;
}

static size_t gather(snag_hands *hands, rd_kafka_message_t **messages, size_t max)
{
    size_t count = 0;
    if (hands->stray)
        messages[count++] = hands->stray;
    for (size_t i = 0; i < hands->count && count < max; i++)
        if (hands->list[i].at < hands->list[i].count && !has_record(&hands->list[i]))
            count += give(&hands->list[i], messages + count, max - count);
    for (size_t i = 0; i < hands->count && count < max; i += hands->sources) {
        hand *first = &hands->list[i];
        uint32_t want = hands->want[first->partition];
        if (!has_record(&first[want]))
            continue;
        for (uint32_t s = 0; s < hands->sources && count < max; s++) { /* the wanted one first: */
            hand *one = &first[(want + s) % hands->sources]; /* room may be short */
            if (has_record(one))
                count += give(one, messages + count, max - count);
        }
    }
    return count;
}

size_t snag_hands_fetch(snag_hands *hands, rd_kafka_queue_t *group, int wait_ms,
                        rd_kafka_message_t **messages, size_t max)
{
    if (hands->count == 0) { /* nothing is read: the group alone has news */
        serve(hands, group, wait_ms);
        return gather(hands, messages, max);
    }
    serve(hands, group, 0);
    bool came = fill(hands);
    if (!came && !anything(hands) && wait_ms > 0) {
        wait_for_wake(hands, wait_ms);
        serve(hands, group, 0);
        fill(hands);
    }
    return gather(hands, messages, max);
}

void snag_hands_leave(snag_hands *hands, uint32_t partition, uint32_t source, int64_t offset)
{
    hand *one = hand_of(hands, partition, source);
    for (size_t k = 0; one && k < one->given; k++)
        if (one->messages[one->at + k]->offset >= offset)
            one->given = k;
}

void snag_hands_release(snag_hands *hands)
{
    if (hands->stray)
        rd_kafka_message_destroy(hands->stray);
    hands->stray = NULL;
    for (size_t i = 0; i < hands->count; i++) {
        hand *one = &hands->list[i];
        for (; one->given > 0; one->given--)
            rd_kafka_message_destroy(one->messages[one->at++]);
    }
}
