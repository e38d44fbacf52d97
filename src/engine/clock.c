/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/clock.h"

#include "base/assert.h"

enum { SEEN_STEP_MS = 60000 }; /* so that the state is another once a minute, not at each event */

/* Nothing that is added to or taken from it leaves int64_t. */
static bool is_sane(int64_t time_ms)
{
    return time_ms > -(INT64_C(1) << 50) && time_ms < INT64_C(1) << 50;
}

static int64_t seen_of(int64_t stamp_ms)
{
    int64_t steps = stamp_ms / SEEN_STEP_MS;
    return (steps + (stamp_ms > steps * SEEN_STEP_MS)) * SEEN_STEP_MS;
}

/* When it came less when it was sent, by the device's clock. False: not known. */
static bool sample_of(const snag_device_sample *sample, const snag_device_rule *rule, int64_t *out_ms)
{
    int64_t sent_ms = rule->has_sent ? sample->sent_ms : sample->stamp_ms;
    *out_ms = 0;
    if (sample->came_ms == SNAG_TIME_NONE || sent_ms == SNAG_TIME_NONE)
        return false;
    *out_ms = sample->came_ms - sent_ms;
    return is_sane(*out_ms);
}

/* What a sample alone says. */
static int64_t off_of(int64_t sample_ms, const snag_device_rule *rule)
{
    if (sample_ms > 0 && !rule->has_sent)
        return 0;
    return sample_ms <= rule->tolerance_ms && sample_ms >= -rule->tolerance_ms ? 0 : sample_ms;
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

int64_t snag_device_time(const snag_device_clock *clock, const snag_device_sample *sample)
{
    uint32_t i = clock->piece_count - 1;
    const snag_device_piece *piece = &clock->pieces[i];
    while (i > 0 && (sample->place < piece->from || sample->stamp_ms <= piece->after_ms))
        piece = &clock->pieces[--i];
    int64_t time_ms = sample->stamp_ms + piece->off_ms;
    if (sample->place < piece->from || sample->stamp_ms <= piece->after_ms) /* a piece that is gone had it */
        return time_ms < piece->floor_ms ? time_ms : piece->floor_ms;
    return later(piece->least_ms, time_ms);
}

int64_t snag_device_newest(const snag_device_clock *clock)
{
    const snag_device_piece *last = &clock->pieces[clock->piece_count - 1];
    int64_t time_ms = clock->seen_ms + last->off_ms;
    return later(last->least_ms, time_ms);
}

int64_t snag_device_off(const snag_device_clock *clock)
{
    return clock->pieces[clock->piece_count - 1].off_ms;
}

bool snag_device_begin(snag_device_clock *clock, const snag_device_sample *sample,
                       const snag_device_rule *rule)
{
    int64_t sample_ms;
    if (!sample_of(sample, rule, &sample_ms))
        return false;
    *clock = (snag_device_clock){.seen_ms = seen_of(sample->stamp_ms),
                          .version = SNAG_CLOCK_VERSION,
                          .piece_count = 1};
    clock->pieces[0] = (snag_device_piece){.from = sample->place,
                                          .after_ms = SNAG_TIME_NONE,
                                          .floor_ms = SNAG_NEVER,
                                          .least_ms = SNAG_TIME_NONE,
                                          .off_ms = off_of(sample_ms, rule)};
    return true;
}

/* The oldest piece goes once all that it had corrected is judged. */
static bool make_place(snag_device_clock *clock, int64_t w_ms)
{
    if (clock->piece_count < SNAG_CLOCK_PIECES)
        return true;
    if (w_ms == SNAG_TIME_NONE || clock->pieces[1].floor_ms > w_ms)
        return false;
    memmove(&clock->pieces[0], &clock->pieces[1],
            (SNAG_CLOCK_PIECES - 1) * sizeof clock->pieces[0]);
    clock->piece_count--;
    return true;
}

/* The offset is another from this record on. */
static bool change(snag_device_clock *clock, const snag_device_sample *sample, const snag_device_rule *rule,
                   int64_t off_ms, int64_t w_ms)
{
    int64_t floor_ms = snag_device_newest(clock);
    bool set_back =
        off_ms > snag_device_off(clock) && sample->stamp_ms <= clock->seen_ms - rule->tolerance_ms;
    if (!make_place(clock, w_ms))
        return false;
    clock->pieces[clock->piece_count++] =
        (snag_device_piece){.from = sample->place,
                           .after_ms = set_back ? SNAG_TIME_NONE : clock->seen_ms,
                           .floor_ms = floor_ms,
                           .least_ms = set_back ? clock->run_time_ms : floor_ms,
                           .off_ms = off_ms};
    int64_t seen_ms = seen_of(sample->stamp_ms);
    clock->seen_ms = set_back ? seen_ms : later(clock->seen_ms, seen_ms);
    clock->run_count = clock->run_misses = 0;
    return true;
}

/* What tells uploads apart. */
static int64_t mark_of(const snag_device_sample *sample, const snag_device_rule *rule)
{
    return rule->has_sent ? sample->sent_ms : sample->came_ms;
}

/* Some uploads said that the clock runs ahead of what is known, and others may hide it, having come late. */
static bool hides(const snag_device_clock *clock, const snag_device_rule *rule)
{
    return !rule->has_sent && clock->run_count > 0 && clock->run_ms < snag_device_off(clock);
}

/* One more upload, or one more record of the same. */
static void run_step(snag_device_clock *clock, int64_t mark, bool denies)
{
    bool same = clock->run_count > 0 && mark == clock->run_mark;
    if (!same && clock->run_count > 0 && !clock->run_denied)
        clock->run_misses++;
    if (denies && !(same && clock->run_denied)) {
        if (clock->run_count < UINT8_MAX)
            clock->run_count++;
        clock->run_misses = 0;
    }
    clock->run_denied = denies || (same && clock->run_denied);
    clock->run_mark = mark;
}

/* A sample that denies the offset. Returns whether there are enough in a row. */
static bool deny(snag_device_clock *clock, const snag_device_sample *sample, const snag_device_rule *rule,
                 int64_t sample_ms)
{
    int64_t off_ms = snag_device_off(clock);
    int64_t time_ms = snag_device_time(clock, sample);
    if (clock->run_count > 0 && (sample_ms > off_ms) != (clock->run_ms > off_ms))
        clock->run_count = clock->run_misses = 0;
    if (clock->run_count == 0)
        clock->run_time_ms = SNAG_TIME_NONE;
    if (clock->run_count == 0 || sample_ms < clock->run_ms)
        clock->run_ms = sample_ms;
    if (time_ms > clock->run_time_ms && time_ms - rule->max_skew_ms <= sample->came_ms)
        clock->run_time_ms = time_ms;
    run_step(clock, mark_of(sample, rule), true);
    return clock->run_count >= SNAG_CLOCK_UPLOADS;
}

/* One that fits it, and so ends the row, unless it may hide what the others said. Returns whether the state
 * is another. */
static bool fit(snag_device_clock *clock, int64_t mark, const snag_device_rule *rule)
{
    if (clock->run_count == 0)
        return false;
    bool hidden = hides(clock, rule);
    if (hidden && mark == clock->run_mark)
        return false;
    if (hidden)
        run_step(clock, mark, false);
    if (!hidden || clock->run_misses == SNAG_CLOCK_MISSES)
        clock->run_count = clock->run_misses = 0;
    return true;
}

/* A stamp that is taken raises what it has seen. */
static bool see(snag_device_clock *clock, const snag_device_sample *sample, const snag_device_rule *rule)
{
    int64_t seen_ms = seen_of(sample->stamp_ms);
    if (seen_ms <= clock->seen_ms || snag_device_time(clock, sample) - rule->max_skew_ms > sample->came_ms)
        return false;
    clock->seen_ms = seen_ms;
    return true;
}

bool snag_device_learn(snag_device_clock *clock, const snag_device_sample *sample,
                       const snag_device_rule *rule, int64_t w_ms)
{
    int64_t sample_ms;
    int64_t off_ms = snag_device_off(clock);
    if (!sample_of(sample, rule, &sample_ms))
        return false;
    int64_t most_ms = rule->has_sent || sample_ms < 0 ? sample_ms : 0;
    bool above = most_ms > off_ms + rule->tolerance_ms;
    bool below = sample_ms < off_ms - rule->tolerance_ms;
    if (above && hides(clock, rule)) /* it may well have come late */
        above = false;
    bool fits = !above && !below;
    bool changed = fits && fit(clock, mark_of(sample, rule), rule);
    if (!fits && deny(clock, sample, rule, sample_ms) &&
        change(clock, sample, rule, off_of(clock->run_ms, rule), w_ms))
        return true;
    return see(clock, sample, rule) || changed || !fits;
}

/* --- as bytes ---------------------------------------------------------------------------------- */

uint16_t snag_device_write(const snag_device_clock *clock, unsigned char *bytes)
{
    size_t size = offsetof(snag_device_clock, pieces) + clock->piece_count * sizeof clock->pieces[0];
    _Static_assert(sizeof *clock <= SNAG_CLOCK_STATE_MAX, "a clock fits its cell");
    memcpy(bytes, clock, size);
    return (uint16_t)size;
}

bool snag_device_read(snag_device_clock *clock, const unsigned char *bytes, uint16_t size)
{
    size_t head = offsetof(snag_device_clock, pieces);
    if (size < head + sizeof clock->pieces[0] || size > sizeof *clock)
        return false;
    memset(clock, 0, sizeof *clock);
    memcpy(clock, bytes, size);
    if (clock->version != SNAG_CLOCK_VERSION || clock->piece_count == 0 ||
        clock->piece_count > SNAG_CLOCK_PIECES ||
        size != head + clock->piece_count * sizeof clock->pieces[0])
        return false;
    if (!is_sane(clock->seen_ms) || (clock->run_count > 0 && !is_sane(clock->run_ms)))
        return false;
    for (uint32_t i = 0; i < clock->piece_count; i++) {
        const snag_device_piece *piece = &clock->pieces[i];
        if (!is_sane(piece->off_ms) || (piece->floor_ms != SNAG_NEVER && !is_sane(piece->floor_ms)) ||
            (piece->least_ms != SNAG_TIME_NONE && !is_sane(piece->least_ms)))
            return false;
    }
    return true;
}
