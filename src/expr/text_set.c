/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/text_set.h"

#include "base/hash.h"

static bool only_texts(const snag_value *list)
{
    for (size_t i = 0; i < list->as.list.count; i++)
        if (list->as.list.items[i].kind != SNAG_KIND_TEXT)
            return false;
    return true;
}

const snag_text_set *snag_text_set_make(snag_arena *arena, const snag_value *list)
{
    if (list->kind != SNAG_KIND_LIST || list->as.list.count <= SNAG_TEXT_SET_LEAST || !only_texts(list))
        return NULL;
    size_t count = list->as.list.count;
    size_t size = 16;
    while (size < 2 * count)
        size *= 2;
    size_t used = arena->used;
    snag_text_set *set = snag_arena_take(arena, sizeof *set);
    uint32_t *slots = snag_arena_take(arena, size * sizeof *slots);
    if (!set || !slots) {
        arena->used = used;
        return NULL;
    }
    *set = (snag_text_set){list->as.list.items, slots, (uint32_t)size - 1};
    for (size_t i = 0; i < count; i++) {
        uint64_t at = snag_hash64(list->as.list.items[i].as.text, 0) & set->mask;
        while (slots[at] > 0)
            at = (at + 1) & set->mask;
        slots[at] = (uint32_t)i + 1;
    }
    return set;
}

bool snag_text_set_has(const snag_text_set *set, snag_str text)
{
    uint64_t at = snag_hash64(text, 0) & set->mask;
    for (; set->slots[at] > 0; at = (at + 1) & set->mask)
        if (snag_str_equal(set->items[set->slots[at] - 1].as.text, text))
            return true;
    return false;
}
