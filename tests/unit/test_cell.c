/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells against a plain list: whatever is put, taken out and removed in whatever order, with few items
 * (looked through) and with many (found by the index), the cell has what the list has, in its order, packed
 * or not.
 */
#include "journey/cell.h"

#include <stdlib.h>

#include "base/pack.h"
#include "check.h"
#include "seed.h"

enum { KINDS = 60, PUTS = 200, STATE_SHORT = 60, STATE_LONG = 350 };

typedef struct model {
    snag_item items[KINDS];
    uint32_t count;
} model;

static snag_cell cell;

static int find(const model *list, uint32_t fingerprint)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].fingerprint == fingerprint)
            return (int)i;
    return -1;
}

/* Of a few the last bits are the same, and one is another's complement. */
static uint32_t fingerprint_of(uint64_t kind)
{
    if (kind == 1)
        return ~(uint32_t)(7 * 2654435761u);
    return kind % 5 == 0 ? (uint32_t)kind * 256 * 99 + 3 : (uint32_t)(kind * 2654435761u);
}

static void same(const snag_item *a, const snag_item *b)
{
    assert_int_equal(a->fingerprint, b->fingerprint);
    assert_int_equal(a->open, b->open);
    assert_int_equal(a->hold, b->hold);
    assert_int_equal(a->due_ms, b->due_ms);
    assert_int_equal(a->cooldown_ms, b->cooldown_ms);
    assert_int_equal(a->evidence_total, b->evidence_total);
    assert_int_equal(a->ref_count, b->ref_count);
    assert_memory_equal(a->refs, b->refs, a->ref_count);
    assert_int_equal(a->state_bytes, b->state_bytes);
    assert_memory_equal(a->state, b->state, a->state_bytes);
    assert_int_equal(a->capture_bytes, b->capture_bytes);
    assert_memory_equal(a->capture, b->capture, a->capture_bytes);
    if (!a->open)
        return;
    assert_int_equal(a->opened_ms, b->opened_ms);
    assert_int_equal(a->seq, b->seq);
    assert_memory_equal(a->episode, b->episode, sizeof a->episode);
}

/* Long ones fill the room that a cell has for items which moved, between one packing and the next. */
static void change(snag_seed *seed, snag_item *item, const snag_event *event, uint16_t state_max)
{
    uint64_t luck = snag_seed_next(seed);
    if (luck % 4 == 0) { /* it goes */
        item->state_bytes = 0;
        item->open = false;
        item->cooldown_ms = SNAG_TIME_NONE;
        snag_item_forget_all(item);
        return;
    }
    item->state_bytes = (uint16_t)((uint16_t)(luck >> 8) % state_max);
    snag_seed_bytes(seed, item->state, item->state_bytes);
    item->capture_bytes = luck & 0x10 ? (uint16_t)(luck >> 24) % 30 : 0;
    snag_seed_bytes(seed, item->capture, item->capture_bytes);
    item->due_ms = luck & 0x20 ? (int64_t)(luck >> 40) : SNAG_NEVER;
    item->open = luck & 0x40;
    item->opened_ms = item->open ? (int64_t)(luck >> 44) : SNAG_TIME_NONE;
    item->seq = item->open ? (uint32_t)(luck >> 50) : 0;
    snag_seed_bytes(seed, item->episode, sizeof item->episode);
    item->hold = luck & 0x80;
    item->cooldown_ms = luck & 0x4000 ? (int64_t)(luck >> 41) : SNAG_TIME_NONE;
    if (luck & 0x8000)
        snag_item_note(&cell, item, event);
    if (luck & 0x10000)
        snag_item_forget_before(&cell, item, event->time_ms - 20);
}

static bool is_kept(const snag_item *item)
{
    return item->state_bytes || item->open || item->cooldown_ms != SNAG_TIME_NONE;
}

static void model_put(model *list, const snag_item *item)
{
    int at = find(list, item->fingerprint);
    if (at >= 0 && is_kept(item)) {
        list->items[at] = *item;
    } else if (at >= 0) {
        list->count--;
        memmove(&list->items[at], &list->items[at + 1], (list->count - (uint32_t)at) * sizeof list->items[0]);
    } else if (is_kept(item)) {
        list->items[list->count++] = *item;
    }
}

static void same_cell(const model *list)
{
    snag_item item;
    uint32_t due[SNAG_ITEMS_MAX];
    snag_cell_needs needs = {.due_ms = SNAG_NEVER};
    int64_t by_ms = list->count ? list->items[list->count / 2].due_ms : 0;
    uint32_t due_count = snag_cell_due(&cell, by_ms, due);
    uint32_t k = 0;
    assert_int_equal(cell.item_count, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        const snag_item *want = &list->items[i];
        assert_true(snag_cell_item(&cell, i, &item));
        same(&item, want);
        needs.open += want->open;
        needs.hold += want->hold;
        needs.armed += want->due_ms != SNAG_NEVER;
        needs.due_ms = want->due_ms < needs.due_ms ? want->due_ms : needs.due_ms;
        if (want->due_ms <= by_ms && want->due_ms != SNAG_NEVER)
            assert_int_equal(due[k++], want->fingerprint);
    }
    assert_int_equal(k, due_count);
    snag_cell_needs got = snag_cell_needs_of(&cell);
    assert_int_equal(got.open, needs.open);
    assert_int_equal(got.armed, needs.armed);
    assert_int_equal(got.hold, needs.hold);
    assert_int_equal(got.due_ms, needs.due_ms);
    assert_true(snag_cell_check(&cell));
}

/* The evidence of each item says when it was, whatever became of the pool. */
static void same_evidence(const model *list, const int64_t *noted_ms)
{
    snag_evidence evidence;
    for (uint32_t i = 0; i < list->count; i++)
        for (uint32_t k = 0; snag_item_evidence(&cell, &list->items[i], k, &evidence); k++)
            assert_int_equal(evidence.time_ms, noted_ms[evidence.position.offset]);
}

static void repack(char *bytes)
{
    snag_buf buf = snag_buf_on(bytes, SNAG_CELL_BYTES_MAX);
    snag_cell_pack(&cell, &buf);
    assert_true(snag_cell_unpack(&cell, snag_buf_str(&buf)));
}

static void a_cell_is_a_list(void **state)
{
    (void)state;
    static char bytes[2][SNAG_CELL_BYTES_MAX];
    static int64_t noted_ms[PUTS];
    model *list = calloc(1, sizeof *list);
    assert_non_null(list);
    for (uint64_t round = 0; round < 120; round++) {
        snag_seed seed = snag_seed_from(round);
        uint64_t kinds = 2 + snag_seed_below(&seed, KINDS - 1);
        uint64_t steps = 2 + snag_seed_below(&seed, 80);
        snag_item item;
        list->count = 0;
        snag_cell_clear(&cell);
        for (int64_t put = 0; put < PUTS; put++) {
            snag_event event = {.time_ms = put * 3, .id = SNAG_STR("e"), .type = SNAG_STR("t"),
                                .position.offset = put};
            noted_ms[put] = event.time_ms;
            do { /* some puts a step, as many rules meet one event */
                uint32_t fingerprint = fingerprint_of(snag_seed_below(&seed, kinds));
                int at = find(list, fingerprint);
                assert_int_equal(snag_cell_get(&cell, fingerprint, &item), at >= 0);
                if (at >= 0)
                    same(&item, &list->items[at]);
                change(&seed, &item, &event, round % 4 ? STATE_SHORT : STATE_LONG);
                assert_true(snag_cell_put(&cell, &item));
                model_put(list, &item);
            } while (snag_seed_below(&seed, steps));
            if (snag_seed_below(&seed, 3) == 0)
                same_cell(list);
            same_evidence(list, noted_ms);
            repack(bytes[put & 1]);
            same_cell(list);
        }
    }
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_cell_is_a_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
