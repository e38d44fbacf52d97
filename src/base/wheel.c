/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wheel.h"

#include "base/assert.h"

enum { SLOT_BITS = 10, WORD_BITS = 6 };

#define FIRST_OF_SLOT 0x80000000u
/* Times are shifted so that those before 1970 stay positive; the range is +-2,200 years. */
#define BIAS_MS (INT64_C(1) << 46)
#define TICKS_MAX ((UINT64_C(1) << 47) - 1)

static uint64_t ticks_from(int64_t time_ms)
{
    if (time_ms <= -BIAS_MS)
        return 0;
    if (time_ms >= BIAS_MS - 1)
        return TICKS_MAX;
    return (uint64_t)(time_ms + BIAS_MS);
}

static int64_t ticks_ms(uint64_t ticks)
{
    return (int64_t)ticks - BIAS_MS;
}

static snag_wheel_link *link_at(const snag_wheel *wheel, uint32_t index)
{
    return (snag_wheel_link *)(void *)(wheel->links + (size_t)index * wheel->stride);
}

void snag_wheel_init(snag_wheel *wheel, void *first, size_t stride)
{
    SNAG_ASSERT(stride >= sizeof(snag_wheel_link));
    memset(wheel, 0, sizeof *wheel);
    wheel->links = first;
    wheel->stride = stride;
    wheel->earliest = UINT64_MAX;
}

static void slot_mark(snag_wheel *wheel, uint32_t level, uint32_t slot)
{
    wheel->occupied[level][slot >> WORD_BITS] |= UINT64_C(1) << (slot & 63);
    wheel->words[level] |= 1u << (slot >> WORD_BITS);
}

static void slot_clear(snag_wheel *wheel, uint32_t level, uint32_t slot)
{
    uint64_t *word = &wheel->occupied[level][slot >> WORD_BITS];
    *word &= ~(UINT64_C(1) << (slot & 63));
    if (*word == 0)
        wheel->words[level] &= ~(1u << (slot >> WORD_BITS));
}

/* The lowest slot of a level that is not empty; the level must not be. */
static uint32_t slot_first(const snag_wheel *wheel, uint32_t level)
{
    uint32_t word = (uint32_t)__builtin_ctz(wheel->words[level]);
    return word << WORD_BITS | (uint32_t)__builtin_ctzll(wheel->occupied[level][word]);
}

/* Puts a link where its time belongs as seen from now. */
static void wheel_place(snag_wheel *wheel, uint32_t index, snag_wheel_link *link)
{
    uint64_t due = ticks_from(link->due_ms);
    if (due < wheel->now)
        due = wheel->now;
    uint64_t differ = due ^ wheel->now;
    uint32_t level = differ ? (uint32_t)(63 - __builtin_clzll(differ)) / SLOT_BITS : 0;
    uint64_t start = due >> (level * SLOT_BITS);
    uint32_t slot = (uint32_t)start & (SNAG_WHEEL_SLOTS - 1);
    start <<= level * SLOT_BITS;
    if (start < wheel->earliest)
        wheel->earliest = start;
    uint32_t head = wheel->slots[level][slot];
    link->next = head;
    link->prev = FIRST_OF_SLOT | level << SLOT_BITS | slot;
    if (head)
        link_at(wheel, head)->prev = index;
    wheel->slots[level][slot] = index;
    slot_mark(wheel, level, slot);
}

static void wheel_unlink(snag_wheel *wheel, snag_wheel_link *link)
{
    if (link->prev & FIRST_OF_SLOT) {
        uint32_t level = (link->prev & ~FIRST_OF_SLOT) >> SLOT_BITS;
        uint32_t slot = link->prev & (SNAG_WHEEL_SLOTS - 1);
        wheel->slots[level][slot] = link->next;
        if (link->next == 0)
            slot_clear(wheel, level, slot);
    } else {
        link_at(wheel, link->prev)->next = link->next;
    }
    if (link->next)
        link_at(wheel, link->next)->prev = link->prev;
    link->prev = 0;
    link->next = 0;
}

void snag_wheel_arm(snag_wheel *wheel, uint32_t index, int64_t due_ms)
{
    SNAG_ASSERT(index != 0);
    SNAG_ASSERT((index & FIRST_OF_SLOT) == 0);
    snag_wheel_link *link = link_at(wheel, index);
    if (link->prev && due_ms >= link->due_ms) {
        link->due_ms = due_ms; /* stays where it is: found too early there, it moves on */
        return;
    }
    if (link->prev)
        wheel_unlink(wheel, link);
    else
        wheel->count++;
    link->due_ms = due_ms;
    wheel_place(wheel, index, link);
}

void snag_wheel_disarm(snag_wheel *wheel, uint32_t index)
{
    snag_wheel_link *link = link_at(wheel, index);
    if (link->prev == 0)
        return;
    SNAG_ASSERT(wheel->count > 0);
    wheel_unlink(wheel, link);
    wheel->count--;
}

bool snag_wheel_armed(const snag_wheel *wheel, uint32_t index)
{
    return link_at(wheel, index)->prev != 0;
}

/* The earliest slot: false where nothing is armed; *start is its first millisecond. */
static bool wheel_earliest(const snag_wheel *wheel, uint32_t *level, uint32_t *slot, uint64_t *start)
{
    for (uint32_t l = 0; l < SNAG_WHEEL_LEVELS; l++) {
        if (wheel->words[l] == 0)
            continue;
        uint32_t shift = l * SLOT_BITS;
        uint64_t above = wheel->now >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
        *level = l;
        *slot = slot_first(wheel, l);
        *start = above | (uint64_t)*slot << shift;
        return true;
    }
    return false;
}

/* Takes a slot's whole list. */
static uint32_t wheel_empty(snag_wheel *wheel, uint32_t level, uint32_t slot)
{
    uint32_t list = wheel->slots[level][slot];
    SNAG_ASSERT(list != 0);
    wheel->slots[level][slot] = 0;
    slot_clear(wheel, level, slot);
    return list;
}

/* Sinks a slot's links to lower levels; now has just reached its start. */
static void wheel_sink(snag_wheel *wheel, uint32_t list)
{
    while (list) {
        snag_wheel_link *link = link_at(wheel, list);
        uint32_t next = link->next;
        __builtin_prefetch(link_at(wheel, next), 1);
        wheel_place(wheel, list, link);
        list = next;
    }
}

/* Of a list whose millisecond has come: puts back the links that are due after `until`, returns the rest. */
static uint32_t wheel_due(snag_wheel *wheel, uint32_t list, uint64_t until)
{
    uint32_t due = 0;
    while (list) {
        snag_wheel_link *link = link_at(wheel, list);
        uint32_t next = link->next;
        if (ticks_from(link->due_ms) > until) {
            wheel_place(wheel, list, link);
        } else {
            link->prev = 0;
            link->next = due;
            due = list;
            wheel->count--;
        }
        list = next;
    }
    return due;
}

/* Of what lies at the present time, where links armed for a time already past are: what is due by then. */
static uint32_t wheel_behind(snag_wheel *wheel, uint64_t until)
{
    uint32_t slot = (uint32_t)(wheel->now & (SNAG_WHEEL_SLOTS - 1));
    return wheel->slots[0][slot] ? wheel_due(wheel, wheel_empty(wheel, 0, slot), until) : 0;
}

uint32_t snag_wheel_pop(snag_wheel *wheel, int64_t until_ms)
{
    uint64_t until = ticks_from(until_ms);
    uint32_t level;
    uint32_t slot;
    uint64_t start = UINT64_MAX;
    if (until < wheel->now)
        return wheel_behind(wheel, until);
    while (until >= wheel->earliest) {
        if (!wheel_earliest(wheel, &level, &slot, &start))
            start = UINT64_MAX;
        wheel->earliest = start;
        if (start > until)
            break;
        SNAG_ASSERT(start >= wheel->now || level == 0);
        if (start > wheel->now)
            wheel->now = start;
        uint32_t list = wheel_empty(wheel, level, slot);
        if (level > 0) {
            wheel_sink(wheel, list);
            continue;
        }
        uint32_t due = wheel_due(wheel, list, wheel->now);
        if (due)
            return due;
    }
    if (until > wheel->now)
        wheel->now = until;
    return 0;
}

bool snag_wheel_pass(snag_wheel *wheel, int64_t until_ms)
{
    uint64_t until = ticks_from(until_ms);
    if (until >= wheel->earliest || until < wheel->now) /* the past lies at the present */
        return false;
    wheel->now = until;
    return true;
}

uint32_t snag_wheel_past(snag_wheel *wheel, int64_t until_ms)
{
    uint64_t until = ticks_from(until_ms);
    return wheel_behind(wheel, until < wheel->now ? until : wheel->now);
}

uint32_t snag_wheel_soon(const snag_wheel *wheel)
{
    if (wheel->words[0] == 0)
        return 0;
    return wheel->slots[0][slot_first(wheel, 0)];
}

int64_t snag_wheel_next(const snag_wheel *wheel)
{
    uint32_t level;
    uint32_t slot;
    uint64_t start;
    if (!wheel_earliest(wheel, &level, &slot, &start))
        return SNAG_NEVER;
    if (level > 0 || start > wheel->now)
        return ticks_ms(start);
    int64_t next_ms = ticks_ms(start);
    for (uint32_t index = wheel->slots[0][slot]; index; index = link_at(wheel, index)->next)
        if (link_at(wheel, index)->due_ms < next_ms)
            next_ms = link_at(wheel, index)->due_ms;
    return next_ms;
}
