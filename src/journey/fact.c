/* SPDX-License-Identifier: Apache-2.0 */
#include "journey/fact.h"

#include <math.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/utf8.h"

enum { TIME_BYTES = 8, PANE_BYTES = 9, SEEN_BYTES = 8, SEEN_AGED_BYTES = 13 };

_Static_assert(8 + SNAG_FACT_PANES * PANE_BYTES <= SNAG_FACT_STATE_MAX &&
                   8 + SNAG_FACT_DISTINCT_MAX * SEEN_AGED_BYTES <= SNAG_FACT_STATE_MAX &&
                   TIME_BYTES + SNAG_TEXT_BYTES_MAX <= SNAG_FACT_STATE_MAX,
               "each kind's state fits");

/* What a pane, or all time, adds up to. */
typedef union amount {
    int64_t count;
    double number;
    struct {
        uint32_t hits;
        uint32_t tries;
    } share;
} amount;

_Static_assert(sizeof(amount) == 8, "as stored");

const char *snag_fact_word(snag_fact_kind kind)
{
    static const char *const words[SNAG_FACT_KIND_COUNT] = {
#define X(name, word, summary) word,
        SNAG_FACT_TABLE(X)
#undef X
    };
    SNAG_ASSERT(kind < SNAG_FACT_KIND_COUNT);
    return words[kind];
}

static int64_t int_at(const unsigned char *at)
{
    int64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void int_to(unsigned char *at, int64_t value)
{
    memcpy(at, &value, sizeof value);
}

/* --- last, first --------------------------------------------------------------------------------- */

static size_t value_write(unsigned char *at, const snag_value *value)
{
    switch (value->kind) {
    case SNAG_KIND_TEXT: {
        snag_str kept = snag_utf8_cut(value->as.text, SNAG_TEXT_BYTES_MAX);
        memcpy(at, kept.data, kept.size);
        return kept.size;
    }
    case SNAG_KIND_BOOL: at[0] = value->as.boolean; return 1;
    case SNAG_KIND_INT: int_to(at, value->as.integer); return 8;
    case SNAG_KIND_DOUBLE: memcpy(at, &value->as.number, 8); return 8;
    case SNAG_KIND_TIME:
    case SNAG_KIND_DURATION:
        int_to(at, value->as.time.seconds);
        memcpy(at + 8, &value->as.time.nanos, 4);
        return 12;
    default: SNAG_ASSERT(false); return 0;
    }
}

static snag_value value_read(snag_kind kind, const unsigned char *at, size_t bytes)
{
    snag_value value = {.kind = kind};
    switch (kind) {
    case SNAG_KIND_TEXT: value.as.text = snag_str_of(at, bytes); break;
    case SNAG_KIND_BOOL: value.as.boolean = at[0] != 0; break;
    case SNAG_KIND_INT: value.as.integer = int_at(at); break;
    case SNAG_KIND_DOUBLE: memcpy(&value.as.number, at, 8); break;
    default:
        value.as.time.seconds = int_at(at);
        memcpy(&value.as.time.nanos, at + 8, 4);
        break;
    }
    return value;
}

static bool single_take(const snag_fact *fact, snag_fact_state *state, const snag_event *event,
                        const snag_value *value)
{
    if (state->bytes > 0) {
        int64_t had_ms = int_at(state->data);
        bool over = fact->within_ms >= 0 && event->time_ms > had_ms + fact->within_ms;
        if (fact->kind == SNAG_FACT_LAST ? event->time_ms < had_ms : event->time_ms >= had_ms && !over)
            return false;
    }
    int_to(state->data, event->time_ms);
    state->bytes = TIME_BYTES;
    if (value->kind != SNAG_KIND_ABSENT)
        state->bytes = (uint16_t)(TIME_BYTES + value_write(state->data + TIME_BYTES, value));
    return true;
}

static snag_value single_value(const snag_fact *fact, const snag_fact_state *state, int64_t time_ms)
{
    if (state->bytes <= TIME_BYTES ||
        (fact->within_ms >= 0 && time_ms > int_at(state->data) + fact->within_ms))
        return (snag_value){.kind = SNAG_KIND_ABSENT};
    return value_read(fact->value_kind, state->data + TIME_BYTES, (size_t)state->bytes - TIME_BYTES);
}

static bool single_sound(const snag_fact *fact, const snag_fact_state *state)
{
    const unsigned char *at = state->data + TIME_BYTES;
    if (state->bytes < TIME_BYTES)
        return false;
    size_t bytes = (size_t)state->bytes - TIME_BYTES;
    int64_t time_ms = int_at(state->data);
    if (time_ms <= -SNAG_TIME_SANE || time_ms >= SNAG_TIME_SANE)
        return false;
    snag_value value;
    if (bytes == 0)
        return fact->table > 0; /* the newest row has none */
    switch (fact->value_kind) {
    case SNAG_KIND_TEXT:
        return bytes > 0 && bytes <= SNAG_TEXT_BYTES_MAX && snag_utf8_valid(snag_str_of(at, bytes));
    case SNAG_KIND_BOOL: return bytes == 1 && at[0] <= 1;
    case SNAG_KIND_INT: return bytes == 8;
    case SNAG_KIND_DOUBLE:
        if (bytes != 8)
            return false;
        value = value_read(SNAG_KIND_DOUBLE, at, bytes);
        return isfinite(value.as.number);
    default:
        if (bytes != 12)
            return false;
        value = value_read(fact->value_kind, at, bytes);
        return value.as.time.nanos > -1000000000 && value.as.time.nanos < 1000000000 &&
               value.as.time.seconds > -SNAG_TIME_SANE / 1000 &&
               value.as.time.seconds < SNAG_TIME_SANE / 1000;
    }
}

/* --- count, sum, share --------------------------------------------------------------------------- */

static int64_t pane_ms(const snag_fact *fact)
{
    return (fact->within_ms + SNAG_FACT_PANES - 1) / SNAG_FACT_PANES;
}

static int64_t pane_count(const snag_fact *fact)
{
    return fact->within_ms / pane_ms(fact);
}

static int64_t pane_of(const snag_fact *fact, int64_t time_ms)
{
    int64_t length_ms = pane_ms(fact);
    return time_ms / length_ms - (time_ms % length_ms < 0);
}

static int64_t sum_bounded(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return b > 0 ? INT64_MAX : INT64_MIN;
}

static uint32_t count_bounded(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void amount_add(const snag_fact *fact, amount *to, const amount *more)
{
    if (fact->kind == SNAG_FACT_SHARE) {
        to->share.hits = count_bounded(to->share.hits, more->share.hits);
        to->share.tries = count_bounded(to->share.tries, more->share.tries);
    } else if (fact->value_kind == SNAG_KIND_DOUBLE) {
        to->number += more->number;
    } else {
        to->count = sum_bounded(to->count, more->count);
    }
}

static size_t panes_kept(const snag_fact_state *state)
{
    return state->bytes ? ((size_t)state->bytes - 8) / PANE_BYTES : 0;
}

/* Time goes on to this pane: what has left the window goes. */
static void panes_move(const snag_fact *fact, snag_fact_state *state, int64_t pane)
{
    int64_t by = pane - int_at(state->data);
    size_t count = panes_kept(state);
    size_t left = 0;
    int_to(state->data, pane);
    for (size_t i = 0; i < count; i++) {
        unsigned char *entry = state->data + 8 + i * PANE_BYTES;
        if (by >= pane_count(fact) - entry[0])
            continue;
        entry[0] = (unsigned char)(entry[0] + by);
        memmove(state->data + 8 + left++ * PANE_BYTES, entry, PANE_BYTES);
    }
    state->bytes = (uint16_t)(8 + left * PANE_BYTES);
}

/* The entry of an age, made where there is none. */
static unsigned char *pane_find(snag_fact_state *state, unsigned char age)
{
    size_t count = panes_kept(state);
    size_t at = 0;
    while (at < count && state->data[8 + at * PANE_BYTES] > age)
        at++;
    unsigned char *entry = state->data + 8 + at * PANE_BYTES;
    if (at < count && entry[0] == age)
        return entry;
    memmove(entry + PANE_BYTES, entry, (count - at) * PANE_BYTES);
    memset(entry, 0, PANE_BYTES);
    entry[0] = age;
    state->bytes = (uint16_t)(8 + (count + 1) * PANE_BYTES);
    return entry;
}

static bool amount_take(const snag_fact *fact, snag_fact_state *state, int64_t time_ms, const amount *more)
{
    amount sum = {0};
    unsigned char *at = state->data;
    if (fact->within_ms >= 0) {
        int64_t pane = pane_of(fact, time_ms);
        if (state->bytes == 0) {
            int_to(state->data, pane);
            state->bytes = 8;
        }
        if (pane > int_at(state->data))
            panes_move(fact, state, pane);
        int64_t age = int_at(state->data) - pane;
        if (age >= pane_count(fact))
            return false; /* late, and outside of the window */
        at = pane_find(state, (unsigned char)age) + 1;
    } else if (state->bytes == 0) {
        memset(state->data, 0, 8);
        state->bytes = 8;
    }
    memcpy(&sum, at, sizeof sum);
    amount_add(fact, &sum, more);
    memcpy(at, &sum, sizeof sum);
    return true;
}

static amount amount_at(const snag_fact *fact, const snag_fact_state *state, int64_t time_ms)
{
    amount sum = {0};
    amount one;
    if (state->bytes == 0)
        return sum;
    if (fact->within_ms < 0) {
        memcpy(&sum, state->data, sizeof sum);
        return sum;
    }
    int64_t gone = pane_of(fact, time_ms) - int_at(state->data); /* below 0 for a late event */
    for (size_t i = 0; i < panes_kept(state); i++) {
        const unsigned char *entry = state->data + 8 + i * PANE_BYTES;
        if (entry[0] + gone >= pane_count(fact))
            continue;
        memcpy(&one, entry + 1, sizeof one);
        amount_add(fact, &sum, &one);
    }
    return sum;
}

static snag_value amount_value(const snag_fact *fact, const amount *sum)
{
    if (fact->kind == SNAG_FACT_SHARE) {
        if (sum->share.tries == 0)
            return (snag_value){.kind = SNAG_KIND_ABSENT};
        return (snag_value){.as.number = (double)sum->share.hits / (double)sum->share.tries,
                            .kind = SNAG_KIND_DOUBLE};
    }
    if (fact->value_kind == SNAG_KIND_DOUBLE) /* past what a double can hold there is no sum */
        return (snag_value){.as.number = sum->number,
                            .kind = isfinite(sum->number) ? SNAG_KIND_DOUBLE : SNAG_KIND_ABSENT};
    return snag_value_int(sum->count);
}

static bool amount_sound(const snag_fact *fact, const unsigned char *at)
{
    amount stored;
    memcpy(&stored, at, sizeof stored);
    return fact->kind != SNAG_FACT_COUNT || stored.count > 0;
}

static bool amounts_sound(const snag_fact *fact, const snag_fact_state *state)
{
    if (fact->within_ms < 0)
        return state->bytes == 8 && amount_sound(fact, state->data);
    if (state->bytes < 8 + PANE_BYTES || (state->bytes - 8) % PANE_BYTES ||
        panes_kept(state) > (size_t)pane_count(fact))
        return false;
    int64_t pane = int_at(state->data);
    if (pane <= -SNAG_TIME_SANE / pane_ms(fact) || pane >= SNAG_TIME_SANE / pane_ms(fact))
        return false;
    int older = (int)pane_count(fact);
    for (size_t i = 0; i < panes_kept(state); i++) {
        const unsigned char *entry = state->data + 8 + i * PANE_BYTES;
        if (entry[0] >= older || !amount_sound(fact, entry + 1))
            return false;
        older = entry[0];
    }
    return true;
}

/* --- distinct ------------------------------------------------------------------------------------ */

static uint64_t value_hash(const snag_value *value)
{
    char text[SNAG_TEXT_BYTES_MAX + 64];
    snag_buf buf = snag_buf_on(text, sizeof text);
    if (value->kind == SNAG_KIND_TEXT)
        return snag_hash64(value->as.text, 0);
    snag_value_print(&buf, value);
    return snag_hash64(snag_buf_str(&buf), 0);
}

static int64_t age_at(const unsigned char *entry)
{
    int64_t age = 0;
    memcpy(&age, entry + SEEN_BYTES, SEEN_AGED_BYTES - SEEN_BYTES);
    return age;
}

static void age_to(unsigned char *entry, int64_t age)
{
    memcpy(entry + SEEN_BYTES, &age, SEEN_AGED_BYTES - SEEN_BYTES);
}

static size_t seen_bytes(const snag_fact *fact)
{
    return fact->within_ms < 0 ? SEEN_BYTES : SEEN_AGED_BYTES;
}

static size_t seen_head(const snag_fact *fact)
{
    return fact->within_ms < 0 ? 0 : 8;
}

static size_t seen_count(const snag_fact *fact, const snag_fact_state *state)
{
    return state->bytes ? (state->bytes - seen_head(fact)) / seen_bytes(fact) : 0;
}

/* All values as old as they are behind the new newest time; those outside of the window go. */
static void seen_move(const snag_fact *fact, snag_fact_state *state, int64_t time_ms)
{
    int64_t by_ms = time_ms - int_at(state->data);
    size_t count = seen_count(fact, state);
    size_t left = 0;
    int_to(state->data, time_ms);
    for (size_t i = 0; i < count; i++) {
        unsigned char *entry = state->data + 8 + i * SEEN_AGED_BYTES;
        if (by_ms > fact->within_ms - age_at(entry))
            continue;
        age_to(entry, age_at(entry) + by_ms);
        memmove(state->data + 8 + left++ * SEEN_AGED_BYTES, entry, SEEN_AGED_BYTES);
    }
    state->bytes = (uint16_t)(8 + left * SEEN_AGED_BYTES);
}

/* The entry that goes where there is no room: the one seen longest ago. */
static unsigned char *seen_oldest(snag_fact_state *state)
{
    unsigned char *oldest = state->data + 8;
    for (size_t i = 1; i < SNAG_FACT_DISTINCT_MAX; i++)
        if (age_at(state->data + 8 + i * SEEN_AGED_BYTES) > age_at(oldest))
            oldest = state->data + 8 + i * SEEN_AGED_BYTES;
    return oldest;
}

static bool seen_take(const snag_fact *fact, snag_fact_state *state, int64_t time_ms, uint64_t hash)
{
    size_t head = seen_head(fact);
    size_t step = seen_bytes(fact);
    int64_t age_ms = 0;
    if (head) {
        if (state->bytes == 0) {
            int_to(state->data, time_ms);
            state->bytes = 8;
        }
        if (time_ms > int_at(state->data))
            seen_move(fact, state, time_ms);
        age_ms = int_at(state->data) - time_ms;
        if (age_ms > fact->within_ms)
            return false; /* late, and outside of the window */
    }
    size_t count = seen_count(fact, state);
    unsigned char *entry = state->data + head;
    size_t at = 0;
    for (; at < count && memcmp(entry, &hash, sizeof hash) != 0; at++)
        entry += step;
    if (at == count && count == SNAG_FACT_DISTINCT_MAX) {
        if (!head)
            return false;
        entry = seen_oldest(state);
    } else if (at == count) {
        state->bytes = (uint16_t)(head + (count + 1) * step);
    } else if (!head || age_at(entry) <= age_ms) {
        return head > 0; /* only the newest time may have moved */
    }
    memcpy(entry, &hash, sizeof hash);
    if (head)
        age_to(entry, age_ms);
    return true;
}

static int64_t seen_value(const snag_fact *fact, const snag_fact_state *state, int64_t time_ms)
{
    size_t count = seen_count(fact, state);
    int64_t different = 0;
    if (fact->within_ms < 0)
        return (int64_t)count;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *entry = state->data + 8 + i * SEEN_AGED_BYTES;
        different += time_ms - int_at(state->data) + age_at(entry) <= fact->within_ms;
    }
    return different;
}

static bool seen_sound(const snag_fact *fact, const snag_fact_state *state)
{
    size_t head = seen_head(fact);
    if (state->bytes <= head || (state->bytes - head) % seen_bytes(fact) ||
        seen_count(fact, state) > SNAG_FACT_DISTINCT_MAX)
        return false;
    if (!head)
        return true;
    if (int_at(state->data) <= -SNAG_TIME_SANE || int_at(state->data) >= SNAG_TIME_SANE)
        return false;
    for (size_t i = 0; i < seen_count(fact, state); i++)
        if (age_at(state->data + 8 + i * SEEN_AGED_BYTES) > fact->within_ms)
            return false;
    return true;
}

/* --- all ----------------------------------------------------------------------------------------- */

bool snag_fact_take(const snag_fact *fact, snag_fact_state *state, const snag_event *event, bool of_event)
{
    amount one = {0};
    if (fact->kind == SNAG_FACT_COUNT || fact->kind == SNAG_FACT_SHARE) {
        if (fact->kind == SNAG_FACT_COUNT)
            one.count = 1;
        else if (of_event)
            one.share.tries = 1;
        else
            one.share.hits = 1;
        return amount_take(fact, state, event->time_ms, &one);
    }
    SNAG_ASSERT(fact->from_slot < event->var_count);
    const snag_value *value = &event->vars[fact->from_slot];
    if (value->kind == SNAG_KIND_ABSENT || (value->kind == SNAG_KIND_TEXT && value->as.text.size == 0)) {
        const snag_value none = {.kind = SNAG_KIND_ABSENT};
        bool row = fact->table && fact->kind == SNAG_FACT_LAST;
        return row && single_take(fact, state, event, &none);
    }
    if (fact->kind == SNAG_FACT_DISTINCT)
        return seen_take(fact, state, event->time_ms, value_hash(value));
    if (value->kind != fact->value_kind || (value->kind == SNAG_KIND_DOUBLE && !isfinite(value->as.number)))
        return false;
    if (fact->kind != SNAG_FACT_SUM)
        return single_take(fact, state, event, value);
    if (fact->value_kind == SNAG_KIND_DOUBLE)
        one.number = value->as.number;
    else
        one.count = value->as.integer;
    return amount_take(fact, state, event->time_ms, &one);
}

snag_value snag_fact_value(const snag_fact *fact, const snag_fact_state *state, int64_t time_ms)
{
    if (fact->kind == SNAG_FACT_LAST || fact->kind == SNAG_FACT_FIRST)
        return single_value(fact, state, time_ms);
    if (fact->kind == SNAG_FACT_DISTINCT)
        return snag_value_int(seen_value(fact, state, time_ms));
    amount sum = amount_at(fact, state, time_ms);
    return amount_value(fact, &sum);
}

bool snag_fact_sound(const snag_fact *fact, const snag_fact_state *state)
{
    if (state->bytes > SNAG_FACT_STATE_MAX)
        return false;
    if (fact->kind == SNAG_FACT_LAST || fact->kind == SNAG_FACT_FIRST)
        return single_sound(fact, state);
    return fact->kind == SNAG_FACT_DISTINCT ? seen_sound(fact, state) : amounts_sound(fact, state);
}
