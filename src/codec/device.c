/* SPDX-License-Identifier: Apache-2.0
 *
 * `device:`: which device's clock stamped an event, and what its record says about that clock. What is made
 * of it is the engine's (engine/device.c).
 */
#include "base/hash.h"
#include "codec/mapper.h"

/* A time that `device:` reads; SNAG_TIME_NONE where the record does not have it. */
static snag_err time_read(snag_mapper *mapper, uint32_t which, snag_arena *arena, int64_t *time_ms,
                          snag_diag *diag)
{
    snag_value value;
    *time_ms = SNAG_TIME_NONE;
    snag_err err = snag_mapper_value(mapper, &mapper->entries[mapper->count + which], SNAG_KIND_TIME, arena,
                                     &value, diag);
    if (err || value.kind == SNAG_KIND_ABSENT || snag_mapper_time(&value, time_ms))
        return err;
    return snag_fail(diag, SNAG_BAD_TIME, "%s lies outside of the years 0 to 9999",
                     which == SNAG_DEVICE_SENT ? "sent" : "received");
}

static snag_err id_read(snag_mapper *mapper, snag_arena *arena, snag_str *id, snag_diag *diag)
{
    const snag_mapper_entry *from = &mapper->entries[mapper->count + SNAG_DEVICE_ID];
    snag_value value;
    *id = (snag_str){"", 0};
    snag_err err = snag_mapper_value(mapper, from, SNAG_KIND_TEXT, arena, &value, diag);
    if (err || value.kind == SNAG_KIND_ABSENT || value.as.text.size == 0)
        return err;
    if (value.as.text.size > SNAG_ID_BYTES_MAX)
        return snag_fail(diag, SNAG_BAD_SIZE, "device has %zu bytes, at most %u are allowed",
                         value.as.text.size, SNAG_ID_BYTES_MAX);
    *id = value.as.text;
    char *hex = from->spec->hash ? snag_arena_bytes(arena, SNAG_HASHED_BYTES) : NULL;
    if (!hex)
        return from->spec->hash ? SNAG_FULL : SNAG_OK;
    snag_text_hashed(value.as.text, hex);
    *id = snag_str_of(hex, SNAG_HASHED_BYTES);
    return SNAG_OK;
}

snag_err snag_mapper_device(snag_mapper *mapper, snag_arena *arena, snag_event *event, snag_diag *diag)
{
    const snag_device_spec *spec = &mapper->source->device;
    snag_device_mark mark = {.came_ms = event->stamp_ms, .sent_ms = SNAG_TIME_NONE};
    snag_err err = id_read(mapper, arena, &mark.id, diag);
    if (!err && spec->has_sent)
        err = time_read(mapper, SNAG_DEVICE_SENT, arena, &mark.sent_ms, diag);
    if (!err && spec->has_received)
        err = time_read(mapper, SNAG_DEVICE_RECEIVED, arena, &mark.came_ms, diag);
    if (err)
        return err;
    if (event->stamp_ms == SNAG_TIME_NONE)
        event->stamp_ms = mark.came_ms;
    if (mark.id.size == 0 || mark.came_ms == SNAG_TIME_NONE)
        return SNAG_OK;
    snag_device_mark *kept = snag_arena_take(arena, sizeof *kept);
    if (!kept)
        return SNAG_FULL;
    *kept = mark;
    event->device = kept;
    return SNAG_OK;
}
