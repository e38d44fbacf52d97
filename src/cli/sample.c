/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sample.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"

snag_sample *snag_sample_new(const snag_pipeline *pipeline, const int64_t *asked_ms, size_t asked_count)
{
    snag_sample *sample = calloc(1, sizeof *sample);
    if (!sample)
        return NULL;
    sample->pipeline = pipeline;
    for (uint32_t i = 0; i < pipeline->source_count; i++) {
        sample->sources[i].newest_ms = SNAG_TIME_NONE;
        snag_disorder_init(&sample->sources[i].disorder, &pipeline->sources[i], asked_ms, asked_count);
    }
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

static void gap_count(snag_sample_source *source, int64_t silent_ms, int64_t time_ms)
{
    int64_t gap_ms = source->newest_ms == SNAG_TIME_NONE ? 0 : time_ms - source->newest_ms;
    source->silences += silent_ms > 0 && gap_ms > silent_ms;
    if (gap_ms <= source->gap_max_ms)
        return;
    source->gap_max_ms = gap_ms;
    source->gap_from_ms = source->newest_ms;
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
    const snag_source_watch *watches = sample->pipeline->watches;
    gap_count(source, watches ? watches[from].after_ms : 0, event->time_ms);
    if (!sample->pipeline->sources[from].table) /* a row is never late */
        snag_disorder_event(&source->disorder, &source->newest_ms, event);
    source->unmarked += event->device == NULL && sample->pipeline->sources[from].device.given;
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
