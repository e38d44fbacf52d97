/* SPDX-License-Identifier: Apache-2.0
 *
 * What answers may be about, as it is stored (poll.h): taken out of a walk's item, put back, looked at when
 * it comes from outside, moved to another version of the journey, shown.
 */
#include "base/assert.h"
#include "base/pack.h"
#include "base/time.h"
#include "engine/poll.h"

enum { VERSION = 1, HEAD_BYTES = 4, HAS_BEFORE = 1, BEFORE = 0x80, ANSWERED = 1 };
enum { POINT_BYTES = 11, ASK_BYTES = 14, BYTES_MAX = 512 };

_Static_assert(HEAD_BYTES + 16 + SNAG_POLL_POINTS * POINT_BYTES + SNAG_POLL_ASKS * ASK_BYTES < BYTES_MAX &&
                   SNAG_WALK_BYTES + BYTES_MAX < SNAG_STATE_BYTES_MAX,
               "it all goes into an item's state");

static void point_read(snag_unpack *unpack, snag_poll_point *point)
{
    point->at_ms = snag_unpack_i64(unpack);
    point->stage = snag_unpack_u8(unpack);
    uint8_t ended = snag_unpack_u8(unpack);
    point->ended = ended & (uint8_t)~BEFORE;
    point->before = (ended & BEFORE) != 0;
    point->outcome = snag_unpack_u8(unpack);
}

static void ask_read(snag_unpack *unpack, snag_poll_ask *ask)
{
    ask->at_ms = snag_unpack_i64(unpack);
    ask->by = snag_unpack_u32(unpack);
    ask->stage = snag_unpack_u8(unpack);
    uint8_t flags = snag_unpack_u8(unpack);
    ask->answered = (flags & ANSWERED) != 0;
    ask->before = (flags & BEFORE) != 0;
    unpack->bad |= (flags & ~(ANSWERED | BEFORE)) != 0;
}

/* False: the bytes are not what we write. */
static bool tail_read(const snag_item *item, snag_polled *polled)
{
    snag_unpack unpack = snag_unpack_on(snag_str_of((const char *)item->state + SNAG_WALK_BYTES,
                                                    (size_t)item->state_bytes - SNAG_WALK_BYTES));
    memset(polled, 0, sizeof *polled);
    uint8_t version = snag_unpack_u8(&unpack);
    uint8_t flags = snag_unpack_u8(&unpack);
    uint8_t points = snag_unpack_u8(&unpack);
    uint8_t asks = snag_unpack_u8(&unpack);
    if (unpack.bad || version != VERSION || flags > HAS_BEFORE || points > SNAG_POLL_POINTS ||
        asks > SNAG_POLL_ASKS)
        return false;
    polled->before = flags == HAS_BEFORE;
    polled->point_count = points;
    polled->ask_count = asks;
    if (polled->before)
        snag_unpack_bytes(&unpack, polled->walk_before, sizeof polled->walk_before);
    for (uint32_t i = 0; i < points; i++)
        point_read(&unpack, &polled->points[i]);
    for (uint32_t i = 0; i < asks; i++)
        ask_read(&unpack, &polled->asks[i]);
    return !unpack.bad && unpack.at == unpack.end;
}

/* The state alone: where the walk is, since ever, and perhaps that it was asked at some time. */
static void of_state(const snag_item *item, const snag_journey *journey, const snag_walk *walk,
                     snag_polled *polled)
{
    int64_t closed_ms = walk->closed_ms;
    if (item->state_bytes < SNAG_WALK_BYTES && closed_ms == 0) /* the shortest does not say */
        closed_ms = walk->ended == SNAG_WALK_EXPIRED
                        ? snag_walk_expires(&journey->stages[walk->stage], walk)
                        : walk->entered_ms;
    *polled = (snag_polled){.point_count = 1, .points[0] = {.at_ms = SNAG_TIME_NONE, .stage = walk->stage}};
    if (walk->ended)
        polled->points[polled->point_count++] = (snag_poll_point){
            .at_ms = closed_ms, .stage = walk->stage, .ended = walk->ended, .outcome = walk->outcome};
    if (walk->asked > 0 && walk->asked <= journey->stage_count)
        polled->asks[polled->ask_count++] =
            (snag_poll_ask){.at_ms = SNAG_TIME_NONE, .stage = (uint8_t)(walk->asked - 1)};
}

void snag_polled_get(const snag_item *item, const snag_journey *journey, const snag_walk *walk,
                     snag_polled *polled)
{
    if (item->state_bytes <= SNAG_WALK_BYTES) {
        of_state(item, journey, walk, polled);
        return;
    }
    bool whole = tail_read(item, polled);
    SNAG_ASSERT(whole);
}

void snag_polled_put(snag_item *item, const snag_polled *polled)
{
    snag_buf buf = snag_buf_on((char *)item->state + SNAG_WALK_BYTES, BYTES_MAX);
    snag_pack_u8(&buf, VERSION);
    snag_pack_u8(&buf, polled->before ? HAS_BEFORE : 0);
    snag_pack_u8(&buf, (uint8_t)polled->point_count);
    snag_pack_u8(&buf, (uint8_t)polled->ask_count);
    if (polled->before)
        snag_buf_put(&buf, polled->walk_before, sizeof polled->walk_before);
    for (uint32_t i = 0; i < polled->point_count; i++) {
        const snag_poll_point *point = &polled->points[i];
        snag_pack_i64(&buf, point->at_ms);
        snag_pack_u8(&buf, point->stage);
        snag_pack_u8(&buf, (uint8_t)(point->ended | (point->before ? BEFORE : 0)));
        snag_pack_u8(&buf, point->outcome);
    }
    for (uint32_t i = 0; i < polled->ask_count; i++) {
        const snag_poll_ask *ask = &polled->asks[i];
        snag_pack_i64(&buf, ask->at_ms);
        snag_pack_u32(&buf, ask->by);
        snag_pack_u8(&buf, ask->stage);
        snag_pack_u8(&buf, (uint8_t)((ask->answered ? ANSWERED : 0) | (ask->before ? BEFORE : 0)));
    }
    SNAG_ASSERT(!buf.full);
    item->state_bytes = (uint16_t)(SNAG_WALK_BYTES + buf.size);
}

bool snag_poll_sound(const snag_journey *journey, const snag_item *item)
{
    snag_polled polled;
    if (!journey->survey.event.count || !tail_read(item, &polled))
        return false;
    for (uint32_t i = 0; i < polled.point_count; i++) {
        const snag_poll_point *point = &polled.points[i];
        if (!snag_time_sane_or_none(point->at_ms) || point->stage >= journey->stage_count ||
            point->ended > SNAG_WALK_EXPIRED || point->outcome >= SNAG_OUTCOME_COUNT ||
            (point->before && !polled.before))
            return false;
    }
    for (uint32_t i = 0; i < polled.ask_count; i++) {
        const snag_poll_ask *ask = &polled.asks[i];
        if (!snag_time_sane_or_none(ask->at_ms) || ask->stage >= journey->stage_count ||
            (ask->before && !polled.before))
            return false;
    }
    return true;
}

void snag_poll_move(snag_item *item, const uint8_t *stages)
{
    snag_polled polled;
    uint32_t points = 0;
    uint32_t asks = 0;
    if (item->state_bytes <= SNAG_WALK_BYTES)
        return;
    bool whole = tail_read(item, &polled); /* bytes of a rule that is gone were never looked at */
    for (uint32_t i = 0; whole && i < polled.point_count; i++) {
        snag_poll_point point = polled.points[i];
        point.stage = point.stage < SNAG_STAGES_MAX ? stages[point.stage] : SNAG_STAGES_MAX;
        if (point.stage < SNAG_STAGES_MAX)
            polled.points[points++] = point;
    }
    for (uint32_t i = 0; whole && i < polled.ask_count; i++) {
        snag_poll_ask ask = polled.asks[i];
        ask.stage = ask.stage < SNAG_STAGES_MAX ? stages[ask.stage] : SNAG_STAGES_MAX;
        if (ask.stage < SNAG_STAGES_MAX)
            polled.asks[asks++] = ask;
    }
    polled.point_count = points;
    polled.ask_count = asks;
    if (whole)
        snag_polled_put(item, &polled);
    else
        item->state_bytes = SNAG_WALK_BYTES;
}

void snag_poll_explain(const snag_journey *journey, const snag_item *item, snag_buf *buf)
{
    snag_polled polled;
    if (item->state_bytes <= SNAG_WALK_BYTES || !snag_poll_sound(journey, item))
        return;
    tail_read(item, &polled);
    for (uint32_t i = 0; i < polled.ask_count; i++) {
        const snag_poll_ask *ask = &polled.asks[i];
        snag_buf_printf(buf, "%s{\"stage\":", i ? "," : ",\"asked\":[");
        snag_buf_json(buf, journey->stages[ask->stage].name);
        if (ask->at_ms != SNAG_TIME_NONE) {
            snag_buf_printf(buf, ",\"at\":\"");
            snag_time_print(buf, ask->at_ms);
            snag_buf_byte(buf, '"');
        }
        if (ask->before)
            snag_buf_printf(buf, ",\"walk\":\"before\"");
        snag_buf_printf(buf, ",\"answered\":%s}", ask->answered ? "true" : "false");
    }
    if (polled.ask_count)
        snag_buf_byte(buf, ']');
}
