/* SPDX-License-Identifier: Apache-2.0 */
#include "journey/span.h"

#include "base/assert.h"

const snag_amount *snag_span_at(const snag_span *span, int64_t from_ms, const snag_season **season)
{
    *season = NULL;
    for (uint32_t i = 0; i < span->during_count; i++) {
        const snag_widening *during = &span->during[i];
        if (from_ms < during->season->from_ms || from_ms >= during->season->to_ms)
            continue;
        *season = during->season;
        return &during->amount;
    }
    return &span->amount;
}

bool snag_span_by_calendar(const snag_span *span, const snag_amount *amount)
{
    return span->calendar != NULL && amount->unit != SNAG_SPAN_ELAPSED;
}

const snag_zone *snag_span_zone(const snag_calendar_spec *calendar, snag_str named, bool *unknown)
{
    const snag_zone *zone = NULL;
    if (calendar->zone_slot < 0)
        return calendar->zone;
    if (named.size > 0)
        zone = snag_zone_find(calendar->zones, named);
    *unknown = *unknown || !zone;
    return zone ? zone : calendar->zone;
}

int64_t snag_span_end(const snag_span *span, const snag_zone *zone, int64_t from_ms)
{
    const snag_season *season;
    const snag_amount *amount = snag_span_at(span, from_ms, &season);
    switch (amount->unit) {
    case SNAG_SPAN_ELAPSED: return from_ms + amount->amount;
    case SNAG_SPAN_DAYS: return snag_zone_add_days(zone, from_ms, amount->amount);
    case SNAG_SPAN_MONTHS: return snag_zone_add_months(zone, from_ms, amount->amount);
    case SNAG_SPAN_BUSINESS_HOURS:
        return snag_calendar_add_hours(&span->calendar->hours, zone, from_ms, amount->amount);
    case SNAG_SPAN_BUSINESS_DAYS:
        return snag_calendar_add_days(&span->calendar->hours, zone, from_ms, amount->amount);
    }
    SNAG_ASSERT(false);
    return from_ms;
}

static snag_str named_zone(const snag_calendar_spec *calendar, const snag_event *event)
{
    uint32_t slot = (uint32_t)calendar->zone_slot;
    if (calendar->zone_slot < 0 || slot >= event->var_count || event->vars[slot].kind != SNAG_KIND_TEXT)
        return (snag_str){"", 0};
    return event->vars[slot].as.text;
}

const snag_zone *snag_event_zone(const snag_calendar_spec *calendar, const snag_event *event, bool *unknown)
{
    return snag_span_zone(calendar, named_zone(calendar, event), unknown);
}

int64_t snag_wait_end(int64_t elapsed_ms, const snag_span *span, const snag_event *event, bool *unknown)
{
    const snag_season *season;
    if (!span)
        return event->time_ms + elapsed_ms;
    if (!snag_span_by_calendar(span, snag_span_at(span, event->time_ms, &season)))
        return snag_span_end(span, NULL, event->time_ms);
    return snag_span_end(span, snag_event_zone(span->calendar, event, unknown), event->time_ms);
}

int64_t snag_levels_end(const snag_levels *levels, const snag_event *event, int64_t deadline_ms)
{
    bool unknown = false; /* said already: both levels are counted in one zone */
    if (levels->then_ms < 0 || deadline_ms == SNAG_TIME_NONE)
        return SNAG_TIME_NONE;
    if (!levels->then_span)
        return deadline_ms + levels->then_ms - levels->ms;
    int64_t second_ms = snag_wait_end(levels->then_ms, levels->then_span, event, &unknown);
    return second_ms > deadline_ms ? second_ms : deadline_ms;
}

int64_t snag_span_stood(const snag_span *span, const snag_zone *zone, int64_t began_ms, int64_t deadline_ms,
                        int64_t from_ms, int64_t to_ms)
{
    const snag_season *season;
    const snag_amount *amount = span ? snag_span_at(span, began_ms, &season) : NULL;
    bool business = amount && (amount->unit == SNAG_SPAN_BUSINESS_HOURS ||
                               amount->unit == SNAG_SPAN_BUSINESS_DAYS);
    if (!business)
        return deadline_ms + (to_ms - from_ms);
    int64_t open_ms = snag_calendar_open(&span->calendar->hours, zone, from_ms, to_ms);
    return open_ms > 0 ? snag_calendar_add_hours(&span->calendar->hours, zone, deadline_ms, open_ms)
                       : deadline_ms;
}
