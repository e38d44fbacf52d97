/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids of records that bring none: a hash of what they bring.
 */
#include "base/hash.h"
#include "codec/mapper.h"

/* Hashes what each path brought. The bytes are those of the record: resent, they are the same. */
static uint64_t hash_slot(const snag_slot *slot, uint64_t hash)
{
    snag_str bytes;
    switch (slot->kind) {
    case SNAG_SLOT_NUMBER:
    case SNAG_SLOT_TEXT:
    case SNAG_SLOT_ESCAPED:
    case SNAG_SLOT_BYTES:
    case SNAG_SLOT_LIST:
    case SNAG_SLOT_MAP: bytes = slot->as.raw; break;
    case SNAG_SLOT_BOOL: bytes = slot->as.boolean ? SNAG_STR("t") : SNAG_STR("f"); break;
    case SNAG_SLOT_TIME:
        hash = snag_hash64(snag_str_of(&slot->as.time.seconds, sizeof slot->as.time.seconds), hash);
        bytes = snag_str_of(&slot->as.time.nanos, sizeof slot->as.time.nanos);
        break;
    default: bytes = snag_str_of(&slot->as.integer, sizeof slot->as.integer); break;
    }
    return snag_hash64(bytes, hash);
}

snag_err snag_mapper_put_id(snag_arena *arena, uint64_t hash, snag_value *vars, snag_event *event)
{
    char *room = snag_arena_bytes(arena, 16);
    if (!room)
        return SNAG_FULL;
    for (int i = 16; i-- > 0; hash >>= 4)
        room[i] = "0123456789abcdef"[hash & 15];
    event->id = snag_str_of(room, 16);
    event->id_derived = true;
    vars[SNAG_VAR_ID] = snag_value_text(event->id);
    return SNAG_OK;
}

snag_err snag_mapper_derive_id(const snag_mapper *mapper, snag_arena *arena, snag_value *vars,
                               snag_event *event)
{
    uint64_t hash = mapper->item_json ? snag_hash64(snag_str_of(&mapper->item, sizeof mapper->item), 0) : 0;
    for (uint32_t i = 0; i < mapper->slot_count; i++) {
        const snag_slot *slot = &mapper->slots[i];
        if (mapper->apart[i] || (mapper->item_json && i == mapper->each_slot))
            continue; /* the items' own slots say what is in it */
        if (slot->kind != SNAG_SLOT_ABSENT && slot->kind != SNAG_SLOT_NULL)
            hash = hash_slot(slot, hash ^ mapper->salts[i] ^ (uint64_t)slot->kind);
    }
    return snag_mapper_put_id(arena, hash, vars, event);
}
