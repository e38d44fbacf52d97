/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sequence.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/time.h"

enum { EVENTS_MAX = 4000000, LATE_OF_100 = 5, ENDS_OF_100 = 60 };

/* How many of a hundred must go on to a stage; fewer will do where there would be one stage only. */
static const uint64_t follows_of_100[] = {20, 5, 1};

static uint32_t type_of(snag_sequence *sequence, snag_str name)
{
    uint32_t i = 0;
    while (i < sequence->type_count && !snag_str_equal(snag_str_from(sequence->types[i].name), name))
        i++;
    if (i < sequence->type_count || i == SNAG_SEQUENCE_TYPES_MAX)
        return i;
    char *copy = malloc(name.size + 1);
    SNAG_ASSERT(copy != NULL);
    memcpy(copy, name.data, name.size);
    copy[name.size] = '\0';
    sequence->types[i].name = copy;
    sequence->type_count++;
    return i;
}

void snag_sequence_add(snag_sequence *sequence, const snag_event *event)
{
    uint32_t type = type_of(sequence, event->type);
    if (type == SNAG_SEQUENCE_TYPES_MAX || sequence->count == EVENTS_MAX) {
        sequence->left_out++;
        return;
    }
    sequence->types[type].count++;
    if (sequence->count == sequence->room) {
        sequence->room = sequence->room ? sequence->room * 2 : 4096;
        sequence->events = realloc(sequence->events, sequence->room * sizeof *sequence->events);
        SNAG_ASSERT(sequence->events != NULL);
    }
    sequence->events[sequence->count] = (snag_sequence_event){
        snag_hash64(event->customer, 0), event->time_ms, (uint32_t)sequence->count, type};
    sequence->count++;
}

void snag_sequence_finish(snag_sequence *sequence)
{
    for (uint32_t i = 0; i < sequence->type_count; i++)
        free(sequence->types[i].name);
    free(sequence->events);
}

static int by_customer_and_time(const void *left, const void *right)
{
    const snag_sequence_event *a = left;
    const snag_sequence_event *b = right;
    if (a->customer != b->customer)
        return a->customer < b->customer ? -1 : 1;
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

void snag_sequence_count(snag_sequence *sequence)
{
    const snag_sequence_event *events = sequence->events;
    if (sequence->count)
        qsort(sequence->events, sequence->count, sizeof *events, by_customer_and_time);
    for (size_t i = 0; i < sequence->count; i++) {
        snag_sequence_type *type = &sequence->types[events[i].type];
        bool begins = i == 0 || events[i - 1].customer != events[i].customer;
        bool ends = i + 1 == sequence->count || events[i + 1].customer != events[i].customer;
        sequence->customers += begins;
        type->first += begins;
        type->last += ends;
        if (!ends && events[i + 1].type != events[i].type)
            type->next[events[i + 1].type]++;
    }
}

/* The most frequent successor that is no stage yet; TYPES_MAX: none that enough go to. */
static uint32_t successor(const snag_sequence *sequence, uint32_t from, const bool *taken, uint64_t of_100)
{
    uint32_t best = SNAG_SEQUENCE_TYPES_MAX;
    const snag_sequence_type *type = &sequence->types[from];
    for (uint32_t i = 0; i < sequence->type_count; i++)
        if (!taken[i] && type->next[i] * 100 >= type->count * of_100 &&
            (best == SNAG_SEQUENCE_TYPES_MAX || type->next[i] > type->next[best]))
            best = i;
    return best;
}

static int by_size(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

/* The least round duration in which all but a few of those who went on had gone on; -1: too few did. */
static int64_t due_of(const snag_sequence *sequence, uint32_t from, const bool *stage)
{
    static const int64_t round_ms[] = {60000,    300000,   900000,    1800000,   3600000,
                                       7200000,  14400000, 28800000,  86400000,  172800000,
                                       259200000, 604800000, 1209600000, 2592000000};
    int64_t *gaps = malloc((sequence->count + 1) * sizeof *gaps);
    size_t count = 0;
    int64_t due_ms = -1;
    SNAG_ASSERT(gaps != NULL);
    for (size_t i = 0; i < sequence->count; i++) {
        const snag_sequence_event *event = &sequence->events[i];
        if (event->type != from)
            continue;
        size_t k = i + 1;
        while (k < sequence->count && sequence->events[k].customer == event->customer &&
               (sequence->events[k].type == from || !stage[sequence->events[k].type]))
            k++;
        if (k < sequence->count && sequence->events[k].customer == event->customer)
            gaps[count++] = sequence->events[k].time_ms - event->time_ms;
    }
    if (count >= 5) {
        qsort(gaps, count, sizeof *gaps, by_size);
        int64_t most_ms = gaps[count - 1 - count * LATE_OF_100 / 100];
        for (size_t i = 0; i < sizeof round_ms / sizeof round_ms[0] && due_ms < 0; i++)
            if (round_ms[i] >= most_ms)
                due_ms = round_ms[i];
    }
    free(gaps);
    return due_ms;
}

static uint32_t way(const snag_sequence *sequence, snag_sequence_stage *stages, uint64_t of_100)
{
    bool taken[SNAG_SEQUENCE_TYPES_MAX] = {false};
    uint32_t count = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < sequence->type_count; i++) {
        size_t size = strlen(sequence->types[i].name);
        taken[i] = size == 0 || sequence->types[i].name[size - 1] == '*'; /* would be read as a pattern */
        if (!taken[i] && (taken[at] || sequence->types[i].first > sequence->types[at].first))
            at = i;
    }
    bool stage[SNAG_SEQUENCE_TYPES_MAX] = {false};
    if (sequence->type_count == 0 || taken[at])
        return 0;
    while (at < SNAG_SEQUENCE_TYPES_MAX && count < SNAG_SEQUENCE_STAGES_MAX) {
        stages[count++] = (snag_sequence_stage){.type = at, .due_ms = -1};
        taken[at] = stage[at] = true;
        at = successor(sequence, at, taken, of_100);
    }
    const snag_sequence_type *last = &sequence->types[stages[count - 1].type];
    stages[count - 1].end = count > 1 && last->last * 100 >= last->count * ENDS_OF_100;
    for (uint32_t i = 0; i + 1 < count; i++)
        stages[i].due_ms = due_of(sequence, stages[i].type, stage);
    return count;
}

uint32_t snag_sequence_stages(const snag_sequence *sequence, snag_sequence_stage *stages)
{
    uint32_t count = 0;
    for (size_t i = 0; count < 2 && i < sizeof follows_of_100 / sizeof follows_of_100[0]; i++)
        count = way(sequence, stages, follows_of_100[i]);
    return count;
}
