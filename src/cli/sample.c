/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sample.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/time.h"

enum { EXACT = 64, PARTS = 32, PARTS_BITS = 5, EXACT_BITS = 6 };

snag_sample *snag_sample_new(const snag_pipeline *pipeline)
{
    snag_sample *sample = calloc(1, sizeof *sample);
    if (!sample)
        return NULL;
    sample->pipeline = pipeline;
    for (uint32_t i = 0; i < SNAG_SOURCES_MAX; i++)
        sample->sources[i].newest_ms = SNAG_TIME_NONE;
    return sample;
}

void snag_sample_free(snag_sample *sample)
{
    if (!sample)
        return;
    for (uint32_t i = 0; i < SNAG_SAMPLE_TYPES_MAX; i++)
        free(sample->types[i].name);
    free(sample);
}

/* --- event names ----------------------------------------------------------------------------------- */

static bool type_add(snag_sample *sample, snag_sample_type *type, snag_str name)
{
    if (sample->type_count >= SNAG_SAMPLE_TYPES_MAX - SNAG_SAMPLE_TYPES_MAX / 4)
        return false;
    type->name = malloc(name.size ? name.size : 1);
    if (!type->name)
        return false;
    memcpy(type->name, name.data, name.size);
    type->size = name.size;
    sample->type_count++;
    return true;
}

static void type_count(snag_sample *sample, snag_str name)
{
    uint64_t at = snag_hash64(name, 0) % SNAG_SAMPLE_TYPES_MAX;
    snag_sample_type *type = &sample->types[at];
    while (type->name && !snag_str_equal(snag_str_of(type->name, type->size), name)) {
        at = (at + 1) % SNAG_SAMPLE_TYPES_MAX;
        type = &sample->types[at];
    }
    if (!type->name && !type_add(sample, type, name)) {
        sample->types_left_out++;
        return;
    }
    type->count++;
}

uint64_t snag_sample_count(const snag_sample *sample, const snag_pattern *pattern)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < SNAG_SAMPLE_TYPES_MAX; i++) {
        const snag_sample_type *type = &sample->types[i];
        if (type->name && snag_pattern_matches(pattern, snag_str_of(type->name, type->size)))
            count += type->count;
    }
    return count;
}

/* --- disorder -------------------------------------------------------------------------------------- */

/* Values under 64 stand alone; above, each power of two has 32 buckets. */
static uint32_t bucket_of(int64_t value)
{
    uint64_t rest = (uint64_t)value;
    uint32_t bits = 0;
    if (value < EXACT)
        return (uint32_t)value;
    while (rest >> (bits + 1))
        bits++;
    return EXACT + (bits - EXACT_BITS) * PARTS + (uint32_t)((rest >> (bits - PARTS_BITS)) & (PARTS - 1));
}

/* The greatest value of a bucket. */
static int64_t bucket_end(uint32_t bucket)
{
    if (bucket < EXACT)
        return bucket;
    uint32_t bits = (bucket - EXACT) / PARTS + EXACT_BITS;
    uint64_t part = (bucket - EXACT) % PARTS + PARTS + 1;
    return (int64_t)((part << (bits - PARTS_BITS)) - 1);
}

static void order_count(snag_sample_source *source, int64_t out_of_order_ms, int64_t time_ms)
{
    int64_t behind_ms = 0;
    if (source->newest_ms != SNAG_TIME_NONE && time_ms < source->newest_ms)
        behind_ms = source->newest_ms - time_ms;
    else
        source->newest_ms = time_ms;
    uint32_t bucket = bucket_of(behind_ms);
    SNAG_ASSERT(bucket < SNAG_SAMPLE_BUCKETS);
    source->behind[bucket]++;
    source->late += behind_ms > out_of_order_ms;
    if (behind_ms > source->behind_max_ms)
        source->behind_max_ms = behind_ms;
}

int64_t snag_sample_behind(const snag_sample_source *source, double q)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < SNAG_SAMPLE_BUCKETS; i++) {
        seen += source->behind[i];
        if ((double)seen >= q * (double)source->events) {
            int64_t end_ms = bucket_end(i);
            return end_ms < source->behind_max_ms ? end_ms : source->behind_max_ms;
        }
    }
    return source->behind_max_ms;
}

int64_t snag_sample_out_of_order(const snag_sample_source *source)
{
    static const int64_t round_ms[] = {0,        1000,     2000,     5000,    10000,   30000,
                                       60000,    120000,   300000,   600000,  1800000, 3600000,
                                       10800000, 21600000, 43200000, 86400000};
    int64_t wanted_ms = snag_sample_behind(source, 0.999);
    for (size_t i = 0; i < sizeof round_ms / sizeof round_ms[0]; i++)
        if (round_ms[i] >= wanted_ms)
            return round_ms[i];
    return (wanted_ms / SNAG_DAY_MS + 1) * SNAG_DAY_MS;
}

/* --- what comes in --------------------------------------------------------------------------------- */

void snag_sample_event(snag_sample *sample, const snag_event *event)
{
    uint16_t from = event->position.source;
    snag_sample_source *source = &sample->sources[from];
    sample->events++;
    source->events++;
    if (event->excluded)
        sample->excluded[event->excluded - 1]++;
    type_count(sample, event->type);
    order_count(source, sample->pipeline->sources[from].out_of_order_ms, event->time_ms);
    for (uint32_t slot = 0; slot < event->var_count; slot++)
        source->absent[slot] += event->vars[slot].kind == SNAG_KIND_ABSENT;
}

void snag_sample_dead(snag_sample *sample, const snag_dead *dead)
{
    snag_sample_bad *bad = &sample->bad[dead->reason];
    if (bad->count++ > 0)
        return;
    bad->offset = dead->position.offset;
    bad->source = dead->position.source;
    snprintf(bad->words, sizeof bad->words, "%s", dead->words);
}

/* The rule or the stage of an alert, by the name it bears. */
void snag_sample_record(snag_sample *sample, const snag_record *record)
{
    const snag_pipeline *pipeline = sample->pipeline;
    if (record->kind != SNAG_RECORD_ALERT || record->as.alert.action != SNAG_ACTION_TRIGGER)
        return;
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        if (snag_str_equal(pipeline->rules[i].signal.name, record->as.alert.rule)) {
            sample->rule_alerts[i]++;
            return;
        }
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        for (uint32_t k = 0; k < pipeline->journeys[i].stage_count; k++)
            if (snag_str_equal(pipeline->journeys[i].stages[k].late.name, record->as.alert.rule))
                sample->stage_alerts[i][k]++;
}
