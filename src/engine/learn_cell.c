/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/learn_cell.h"

#include "base/pack.h"
#include "rules/rule.h"

enum { FORMAT = 1 };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t snag_learn_hour(int64_t time_ms)
{
    return floor_div(time_ms, SNAG_LEARN_PANE_MS) * SNAG_LEARN_PANE_MS;
}

static int32_t number_of(int64_t time_ms, int64_t each_ms)
{
    int64_t number = floor_div(time_ms, each_ms);
    return number > INT32_MAX ? INT32_MAX : number < INT32_MIN ? INT32_MIN : (int32_t)number;
}

int32_t snag_learn_generation(int64_t time_ms)
{
    return number_of(time_ms, SNAG_LEARN_GENERATION_MS);
}

/* Whether what began in a generation still counts at a time. */
bool snag_learn_counts(int32_t generation, int64_t at_ms)
{
    return at_ms == SNAG_TIME_NONE ||
           (int64_t)generation > (int64_t)snag_learn_generation(at_ms) - SNAG_LEARN_GENERATIONS;
}

/* --- cells as bytes ---------------------------------------------------------------------------- */

void snag_learn_first_pack(const snag_learn_first *is, snag_buf *buf)
{
    snag_pack_u8(buf, FORMAT);
    snag_pack_i64(buf, is->since_ms);
    snag_pack_u32(buf, is->stamp);
    snag_pack_i64(buf, is->now.at_ms);
    snag_pack_i64(buf, is->now.value_ms);
    snag_pack_u32(buf, is->now.ended);
    snag_pack_u32(buf, is->now.waiting);
}

bool snag_learn_first_unpack(snag_str bytes, snag_learn_first *is)
{
    snag_unpack unpack = snag_unpack_on(bytes);
    bool known = snag_unpack_u8(&unpack) == FORMAT;
    is->since_ms = snag_unpack_i64(&unpack);
    is->stamp = snag_unpack_u32(&unpack);
    is->now.at_ms = snag_unpack_i64(&unpack);
    is->now.value_ms = snag_unpack_i64(&unpack);
    is->now.ended = snag_unpack_u32(&unpack);
    is->now.waiting = snag_unpack_u32(&unpack);
    return known && !unpack.bad && unpack.at == unpack.end &&
           snag_time_sane_or_none(is->since_ms) &&
           snag_time_sane_or_none(is->now.at_ms) && is->now.value_ms >= -1 &&
           snag_time_sane(is->now.value_ms);
}

void snag_learn_key_put(snag_buf *buf, snag_str owner, const snag_learn_other *which)
{
    snag_cell_key_put(buf, SNAG_SCOPE_TAG_LEARNED, owner, (snag_str){"", 0});
    if (!which)
        return;
    snag_pack_u8(buf, which->kind);
    snag_pack_u32(buf, (uint32_t)which->number);
    snag_pack_u16(buf, which->block);
}

/* *is_first: the key is of a sketch's first cell. */
bool snag_learn_key_get(snag_str key, snag_str *owner, bool *is_first, snag_learn_other *which)
{
    uint16_t tag;
    snag_str rest;
    if (!snag_cell_key_get(key, &tag, owner, &rest) || tag != SNAG_SCOPE_TAG_LEARNED)
        return false;
    *is_first = rest.size == 0;
    if (*is_first)
        return true;
    snag_unpack unpack = snag_unpack_on(rest);
    which->kind = snag_unpack_u8(&unpack);
    which->number = (int32_t)snag_unpack_u32(&unpack);
    which->block = snag_unpack_u16(&unpack);
    if (unpack.bad || unpack.at != unpack.end)
        return false;
    if (which->kind == SNAG_LEARN_WAITING)
        return which->block == 0;
    return (which->kind == SNAG_LEARN_ENDED || which->kind == SNAG_LEARN_LOST) &&
           which->block < SNAG_SKETCH_BLOCKS;
}

uint32_t snag_learn_find(const snag_pipeline *pipeline, snag_str owner)
{
    uint32_t i = 0;
    while (i < pipeline->sketch_count && !snag_str_equal(pipeline->sketches[i].owner, owner))
        i++;
    return i;
}

uint32_t snag_learn_which(const snag_pipeline *pipeline, snag_str key)
{
    snag_str owner;
    bool is_first;
    snag_learn_other which;
    bool known = snag_learn_key_get(key, &owner, &is_first, &which);
    return known ? snag_learn_find(pipeline, owner) : pipeline->sketch_count;
}

bool snag_learn_now(snag_str key, snag_str blob, snag_learned_now *now)
{
    snag_str owner;
    bool is_first;
    snag_learn_other which;
    snag_learn_first is;
    if (!snag_learn_key_get(key, &owner, &is_first, &which) || !is_first ||
        !snag_learn_first_unpack(blob, &is))
        return false;
    *now = is.now;
    return true;
}

/* --- sums -------------------------------------------------------------------------------------- */

bool snag_learn_other_new(const snag_learn_other *which, int64_t at_ms)
{
    int32_t generation = which->number;
    if (which->kind == SNAG_LEARN_WAITING)
        generation = snag_learn_generation(which->number * SNAG_LEARN_DAY_MS);
    return snag_learn_counts(generation, at_ms);
}

/* How long who came in that hour has waited at at_ms; below 0 where that is not over yet. */
int64_t snag_learn_waited_ms(const snag_learn_other *which, uint32_t hour, int64_t at_ms)
{
    int64_t began_ms = which->number * SNAG_LEARN_DAY_MS + hour * SNAG_LEARN_PANE_MS;
    return at_ms - began_ms - SNAG_LEARN_PANE_MS / 2;
}

bool snag_learn_add_cell(const snag_learn_other *which, snag_str bytes, int64_t at_ms, snag_sketch *sum)
{
    uint32_t first = which->block * (uint32_t)SNAG_SKETCH_BLOCK;
    snag_sketch_read read = snag_sketch_read_on(bytes);
    while (snag_sketch_next(&read)) {
        uint32_t place = (uint32_t)read.place;
        int64_t waited_ms = snag_learn_waited_ms(which, place, at_ms);
        if (which->kind == SNAG_LEARN_WAITING)
            snag_sketch_add(sum, snag_sketch_bucket(waited_ms), 0, read.count);
        else if (which->kind == SNAG_LEARN_ENDED)
            snag_sketch_add(sum, first + place, read.count, 0);
        else
            snag_sketch_add(sum, first + place, 0, read.count);
    }
    return !read.unpack.bad;
}

int64_t snag_learn_quantile(const snag_sketch *sum, uint32_t millionths)
{
    static const int64_t units[] = {SNAG_LEARN_PANE_MS, 60000, 1000, 1};
    enum { FINE = 512 };
    int64_t ms = sum->ended < SNAG_LEARNED_LEAST ? -1 : snag_sketch_quantile(sum, millionths);
    size_t i = 0;
    if (ms < 0)
        return -1;
    while (i < 3 && ms < units[i] * FINE)
        i++;
    ms = (ms + units[i] - 1) / units[i] * units[i];
    return ms ? ms : 1; /* what takes no time at all is due at once, not before */
}

bool snag_learn_add(snag_str key, snag_str blob, int64_t at_ms, snag_sketch *sum)
{
    snag_str owner;
    bool is_first;
    snag_learn_other which;
    snag_learn_first is;
    if (!snag_learn_key_get(key, &owner, &is_first, &which))
        return false;
    if (is_first)
        return snag_learn_first_unpack(blob, &is);
    return !snag_learn_other_new(&which, at_ms) || snag_learn_add_cell(&which, blob, at_ms, sum);
}

snag_learn_other snag_learn_waiting(int64_t time_ms, uint32_t *hour)
{
    snag_learn_other which = {SNAG_LEARN_WAITING, number_of(time_ms, SNAG_LEARN_DAY_MS), 0};
    int64_t hours = floor_div(time_ms, SNAG_LEARN_PANE_MS);
    *hour = (uint32_t)(hours - which.number * (int64_t)SNAG_LEARN_DAY_HOURS) % SNAG_LEARN_DAY_HOURS;
    return which;
}

