/* SPDX-License-Identifier: Apache-2.0
 *
 * `each:`: the events of a record's list. All of them, or the record is a dead letter.
 */
#include "codec/each.h"
#include "codec/mapper.h"

enum { ITEM_SLOT = INT32_MAX }; /* while compiling: it and those above it are the items' */

snag_err snag_mapper_slot_add(snag_mapper *mapper, snag_str path, uint32_t *slot, snag_diag *diag)
{
    snag_str inner;
    if (!snag_each_inner(mapper->source->each, path, &inner))
        return snag_paths_add(&mapper->paths, path, slot, diag);
    if (inner.size == 0) {
        *slot = UINT32_MAX;
        return SNAG_OK;
    }
    snag_err err = snag_paths_add(&mapper->items, inner, slot, diag);
    *slot += (uint32_t)ITEM_SLOT;
    return err;
}

void snag_mapper_slots_place(const snag_mapper *mapper, snag_mapper_entry *to)
{
    uint32_t record = mapper->paths.slot_count;
    for (uint32_t n = 0; n < to->slot_count; n++) {
        if (to->slots[n] == UINT32_MAX)
            to->slots[n] = mapper->slot_count - 1;
        else if (to->slots[n] >= (uint32_t)ITEM_SLOT)
            to->slots[n] = to->slots[n] - (uint32_t)ITEM_SLOT + record;
    }
}

snag_str snag_mapper_slot_path(const snag_mapper *mapper, uint32_t slot)
{
    uint32_t record = mapper->paths.slot_count;
    if (slot < record)
        return mapper->paths.slots[slot];
    return slot + 1 == mapper->slot_count ? mapper->source->each : mapper->items.slots[slot - record];
}

/* Whether the items have ids of their own. */
static bool id_is_own(const snag_mapper *mapper)
{
    const snag_mapper_entry *from = &mapper->entries[SNAG_VAR_ID];
    for (uint32_t i = 0; i < from->slot_count; i++)
        if (from->slots[i] >= mapper->paths.slot_count)
            return true;
    return false;
}

snag_err snag_mapper_number_id(const snag_mapper *mapper, snag_arena *arena, snag_value *vars,
                               snag_event *event, snag_diag *diag)
{
    enum { NUMBER_BYTES = 11 };
    if (id_is_own(mapper))
        return SNAG_OK;
    size_t room = event->id.size + NUMBER_BYTES;
    char *bytes = snag_arena_bytes(arena, room);
    if (!bytes)
        return SNAG_FULL;
    snag_buf buf = snag_buf_on(bytes, room);
    snag_buf_str_put(&buf, event->id);
    snag_buf_byte(&buf, '#');
    snag_buf_int(&buf, (int64_t)mapper->item + 1);
    event->id = snag_buf_str(&buf);
    vars[SNAG_VAR_ID] = snag_value_text(event->id);
    if (event->id.size <= SNAG_ID_BYTES_MAX)
        return SNAG_OK;
    return snag_fail(diag, SNAG_BAD_SIZE, "id with its item's number has %zu bytes, at most %u are allowed",
                     event->id.size, SNAG_ID_BYTES_MAX);
}

/* Items as JSON: each a piece of the record's text. */
typedef struct json_items {
    snag_mapper *mapper;
    snag_str rest;
} json_items;

static snag_err json_next(void *context, snag_slot *slots, bool *any, snag_arena *arena, snag_diag *diag)
{
    json_items *items = context;
    const snag_mapper *mapper = items->mapper;
    snag_slot *itself = &slots[mapper->items.slot_count];
    snag_str text;
    (void)arena;
    *any = snag_each_next(&items->rest, &text);
    if (!*any)
        return SNAG_OK;
    snag_err err = snag_json_check(mapper->item_json, text, itself, diag);
    if (!err && itself->kind == SNAG_SLOT_MAP)
        err = snag_json_read(mapper->item_json, text, 0, slots, diag);
    return err;
}

static snag_err items_read(snag_mapper *mapper, const snag_raw *raw, snag_item_next *next, void *context,
                           snag_arena *arena, snag_event *events, size_t room, snag_diag *diag)
{
    uint32_t record = mapper->paths.slot_count;
    snag_slot *slots = mapper->slots + record;
    bool any = true;
    for (mapper->item = 0;; mapper->item++) {
        memset(slots, 0, (mapper->slot_count - record) * sizeof *slots);
        snag_err err = next(context, slots, &any, arena, diag);
        if (err || !any)
            return err;
        if (mapper->item == SNAG_EACH_MAX)
            return snag_fail(diag, SNAG_BAD_SIZE, "each (%.*s) has more than %u items",
                             SNAG_FMT(mapper->source->each), SNAG_EACH_MAX);
        if (mapper->item == room)
            return SNAG_FULL;
        err = snag_mapper_apply(mapper, raw, arena, &events[mapper->item], diag);
        if (err)
            return err;
        events[mapper->item].position.item = (uint16_t)mapper->item;
    }
}

snag_err snag_mapper_items(snag_mapper *mapper, const snag_raw *raw, snag_item_next *next, void *context,
                           snag_arena *arena, snag_event *events, size_t room, size_t *count,
                           snag_diag *diag)
{
    const snag_slot *list = &mapper->slots[mapper->each_slot];
    json_items json = {.mapper = mapper};
    *count = 0;
    if (list->kind == SNAG_SLOT_ABSENT || list->kind == SNAG_SLOT_NULL)
        return SNAG_OK;
    if (list->kind != SNAG_SLOT_LIST)
        return snag_fail(diag, SNAG_BAD_TYPE, "each (%.*s) is no list", SNAG_FMT(mapper->source->each));
    if (!next)
        json.rest = snag_each_begin(list->as.raw);
    snag_err err = items_read(mapper, raw, next ? next : json_next, next ? context : &json, arena, events,
                              room, diag);
    *count = err ? 0 : mapper->item;
    return err;
}
