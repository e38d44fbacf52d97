/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/disorder.h"

#include "base/assert.h"
#include "base/time.h"

enum { EXACT = 64, PARTS = 32, PARTS_BITS = 5, EXACT_BITS = 6, P999 = 999 };

static const int64_t round_ms[] = {
    0,       1000,     2000,     5000,     10000,    30000,     60000,     120000,    300000,     600000,
    1800000, 3600000,  10800000, 21600000, 43200000, 86400000,  172800000, 259200000, 604800000, 1209600000,
    2592000000};
enum { ROUND_COUNT = sizeof round_ms / sizeof round_ms[0] };

/* --- a spread -------------------------------------------------------------------------------------- */

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

void snag_spread_add(snag_spread *spread, int64_t value_ms)
{
    uint32_t bucket = bucket_of(value_ms);
    SNAG_ASSERT(value_ms >= 0 && bucket < SNAG_SPREAD_BUCKETS);
    spread->count++;
    spread->buckets[bucket]++;
    if (value_ms > spread->max_ms)
        spread->max_ms = value_ms;
}

int64_t snag_spread_quantile(const snag_spread *spread, uint32_t permille)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < SNAG_SPREAD_BUCKETS; i++) {
        seen += spread->buckets[i];
        if (seen * 1000 >= permille * spread->count) {
            int64_t end_ms = bucket_end(i);
            return end_ms < spread->max_ms ? end_ms : spread->max_ms;
        }
    }
    return spread->max_ms;
}

/* --- bounds ---------------------------------------------------------------------------------------- */

/* Into its place; one that is there stays. */
static void bound_add(snag_disorder *disorder, int64_t bound_ms, bool asked)
{
    uint32_t at = 0;
    while (at < disorder->bound_count && disorder->bounds_ms[at] < bound_ms)
        at++;
    if (at < disorder->bound_count && disorder->bounds_ms[at] == bound_ms) {
        disorder->asked[at] = disorder->asked[at] || asked;
        return;
    }
    SNAG_ASSERT(disorder->bound_count < SNAG_BOUNDS_MAX);
    for (uint32_t i = disorder->bound_count++; i > at; i--) {
        disorder->bounds_ms[i] = disorder->bounds_ms[i - 1];
        disorder->asked[i] = disorder->asked[i - 1];
    }
    disorder->bounds_ms[at] = bound_ms;
    disorder->asked[at] = asked;
}

void snag_disorder_init(snag_disorder *disorder, const snag_source_spec *source, const int64_t *asked_ms,
                        size_t asked_count)
{
    *disorder = (snag_disorder){.out_of_order_ms = source->out_of_order_ms,
                                .delay_ms = source->delay_ms,
                                .clock_log = source->clock_log};
    for (size_t i = 0; i < ROUND_COUNT; i++)
        bound_add(disorder, round_ms[i], false);
    bound_add(disorder, source->out_of_order_ms, false);
    for (size_t i = 0; i < asked_count; i++)
        bound_add(disorder, asked_ms[i], true);
}

snag_err snag_disorder_asked(const snag_option_list *words, int64_t *asked_ms, snag_diag *diag)
{
    for (int i = 0; i < words->count; i++)
        if (!snag_duration_parse(snag_str_from(words->words[i]), &asked_ms[i]) || asked_ms[i] < 0)
            return snag_fail(diag, SNAG_USAGE, "--out-of-order %s: expected a duration (500ms, 30s, 1h30m)",
                             words->words[i]);
    return SNAG_OK;
}

/* --- what comes in --------------------------------------------------------------------------------- */

static void over_count(snag_disorder *disorder, int64_t behind_ms)
{
    uint32_t over = 0;
    while (over < disorder->bound_count && disorder->bounds_ms[over] < behind_ms)
        over++;
    disorder->over[over]++;
}

static void delay_count(snag_disorder *disorder, int64_t delay_ms)
{
    disorder->ahead += delay_ms < 0;
    disorder->slow += delay_ms > disorder->out_of_order_ms + disorder->delay_ms;
    snag_spread_add(&disorder->delay, delay_ms < 0 ? 0 : delay_ms);
}

void snag_disorder_event(snag_disorder *disorder, int64_t *newest_ms, const snag_event *event)
{
    int64_t time_ms = snag_event_borne_ms(event);
    bool stamped = event->stamp_ms != SNAG_TIME_NONE;
    if (time_ms > *newest_ms)
        *newest_ms = time_ms;
    int64_t behind_ms = event->time_ms < *newest_ms ? *newest_ms - event->time_ms : 0;
    snag_spread_add(&disorder->behind, behind_ms);
    over_count(disorder, behind_ms);
    if (stamped)
        delay_count(disorder, event->stamp_ms - event->time_ms);
}

/* --- what it says ---------------------------------------------------------------------------------- */

uint64_t snag_disorder_late(const snag_disorder *disorder, int64_t bound_ms)
{
    uint64_t late = disorder->behind.count;
    for (uint32_t i = 0; i < disorder->bound_count; i++) {
        late -= disorder->over[i];
        if (disorder->bounds_ms[i] == bound_ms)
            return late;
    }
    return UINT64_MAX;
}

static int64_t rounded_up(int64_t wanted_ms)
{
    for (size_t i = 0; i < ROUND_COUNT; i++)
        if (round_ms[i] >= wanted_ms)
            return round_ms[i];
    return (wanted_ms + SNAG_DAY_MS - 1) / SNAG_DAY_MS * SNAG_DAY_MS;
}

int64_t snag_disorder_suggest(const snag_disorder *disorder)
{
    return rounded_up(snag_spread_quantile(&disorder->behind, P999));
}

int64_t snag_disorder_suggest_delay(const snag_disorder *disorder)
{
    if (disorder->delay.count == 0)
        return -1;
    int64_t rest_ms = snag_spread_quantile(&disorder->delay, P999) - snag_disorder_suggest(disorder);
    return rounded_up(rest_ms > SNAG_SECOND_MS ? rest_ms : SNAG_SECOND_MS);
}
