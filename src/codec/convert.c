/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/convert.h"

#include <math.h>

#include "base/assert.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/json.h"
#include "codec/json_index.h"

/* What a person calls it. */
static const char *slot_word(snag_slot_kind kind)
{
    switch (kind) {
    case SNAG_SLOT_BOOL: return "true or false";
    case SNAG_SLOT_NUMBER:
    case SNAG_SLOT_INT:
    case SNAG_SLOT_DOUBLE: return "a number";
    case SNAG_SLOT_TEXT:
    case SNAG_SLOT_ESCAPED: return "a text";
    case SNAG_SLOT_BYTES: return "bytes";
    case SNAG_SLOT_TIME: return "a time";
    case SNAG_SLOT_LIST: return "a list";
    case SNAG_SLOT_MAP: return "an object";
    default: return "absent";
    }
}

static snag_err wrong_kind(const snag_slot *slot, snag_kind as, snag_diag *diag)
{
    return snag_fail(diag, SNAG_BAD_TYPE, "is %s, not %s", slot_word(slot->kind),
                     as == SNAG_KIND_TEXT ? "a text" : snag_kind_word(as));
}

/* A piece of the text for a sentence; enough to find it by. */
static snag_str piece(snag_str text)
{
    return snag_utf8_cut(text, 60);
}

/* The text of TEXT, ESCAPED and NUMBER slots. */
static snag_err slot_text(const snag_slot *slot, snag_arena *arena, snag_str *out, snag_diag *diag)
{
    bool lone = false;
    *out = slot->as.raw;
    if (slot->kind != SNAG_SLOT_ESCAPED)
        return SNAG_OK;
    *out = snag_json_unescape(arena, slot->as.raw, &lone);
    if (lone)
        return snag_fail(diag, SNAG_BAD_UTF8, "holds a surrogate escape without its partner");
    return out->data ? SNAG_OK : SNAG_FULL;
}

static bool has_text(const snag_slot *slot)
{
    return slot->kind == SNAG_SLOT_TEXT || slot->kind == SNAG_SLOT_ESCAPED;
}

/* --- text -------------------------------------------------------------------------------------- */

static snag_err print_text(const snag_value *value, snag_arena *arena, snag_value *out)
{
    char *room = snag_arena_bytes(arena, 64);
    if (!room)
        return SNAG_FULL;
    snag_buf buf = snag_buf_on(room, 64);
    snag_value_print(&buf, value);
    SNAG_ASSERT(!buf.full);
    *out = snag_value_text(snag_buf_str(&buf));
    return SNAG_OK;
}

static snag_err to_text(const snag_slot *slot, snag_arena *arena, snag_value *out, snag_diag *diag)
{
    snag_value plain;
    switch (slot->kind) {
    case SNAG_SLOT_NUMBER: /* as it is written: an order number may be longer than any integer */
    case SNAG_SLOT_TEXT:
    case SNAG_SLOT_ESCAPED:
        out->kind = SNAG_KIND_TEXT;
        return slot_text(slot, arena, &out->as.text, diag);
    case SNAG_SLOT_BOOL:
        *out = snag_value_text(slot->as.boolean ? SNAG_STR("true") : SNAG_STR("false"));
        return SNAG_OK;
    case SNAG_SLOT_BYTES:
        if (!snag_utf8_valid(slot->as.raw))
            return snag_fail(diag, SNAG_BAD_UTF8, "holds bytes that are not UTF-8");
        *out = snag_value_text(slot->as.raw);
        return SNAG_OK;
    case SNAG_SLOT_LIST:
    case SNAG_SLOT_MAP: return wrong_kind(slot, SNAG_KIND_TEXT, diag);
    default: break;
    }
    snag_err err = snag_json_value(arena, slot, &plain);
    return err ? err : print_text(&plain, arena, out);
}

/* --- numbers ----------------------------------------------------------------------------------- */

static snag_err number_of_text(snag_str text, double *number, snag_diag *diag)
{
    if (!snag_json_is_number(text))
        return snag_fail(diag, SNAG_BAD_TYPE, "\"%.*s\" is not a number", SNAG_FMT(piece(text)));
    if (!snag_json_double(text.data, text.size, number))
        return snag_fail(diag, SNAG_BAD_NUMBER, "%.*s is too large for a number",
                         SNAG_FMT(piece(text)));
    return SNAG_OK;
}

static snag_err whole_of(double number, int64_t *out, snag_diag *diag)
{
    if (floor(number) != number)
        return snag_fail(diag, SNAG_BAD_TYPE, "is %g, not a whole number", number);
    if (number < -0x1p63 || number >= 0x1p63)
        return snag_fail(diag, SNAG_BAD_NUMBER, "is too large for 64 bits");
    *out = (int64_t)number;
    return SNAG_OK;
}

static snag_err to_double(const snag_slot *slot, snag_arena *arena, double *out, snag_diag *diag)
{
    snag_str text;
    snag_err err;
    switch (slot->kind) {
    case SNAG_SLOT_INT: *out = (double)slot->as.integer; return SNAG_OK;
    case SNAG_SLOT_DOUBLE:
        *out = slot->as.number;
        if (!isfinite(*out))
            return snag_fail(diag, SNAG_BAD_NUMBER, "is not a finite number");
        return SNAG_OK;
    case SNAG_SLOT_NUMBER:
    case SNAG_SLOT_TEXT:
    case SNAG_SLOT_ESCAPED:
        err = slot_text(slot, arena, &text, diag);
        return err ? err : number_of_text(text, out, diag);
    default: return wrong_kind(slot, SNAG_KIND_DOUBLE, diag);
    }
}

static snag_err to_int(const snag_slot *slot, snag_arena *arena, int64_t *out, snag_diag *diag)
{
    double number;
    snag_str text;
    snag_err err;
    if (slot->kind == SNAG_SLOT_INT) {
        *out = slot->as.integer;
        return SNAG_OK;
    }
    if (slot->kind == SNAG_SLOT_NUMBER || has_text(slot)) {
        err = slot_text(slot, arena, &text, diag);
        if (err || (snag_json_is_number(text) && snag_json_int(text, out)))
            return err;
        err = number_of_text(text, &number, diag);
    } else if (slot->kind == SNAG_SLOT_DOUBLE) {
        err = to_double(slot, arena, &number, diag);
    } else {
        return wrong_kind(slot, SNAG_KIND_INT, diag);
    }
    return err ? err : whole_of(number, out, diag);
}

static snag_err to_bool(const snag_slot *slot, snag_arena *arena, bool *out, snag_diag *diag)
{
    snag_str text;
    if (slot->kind == SNAG_SLOT_BOOL) {
        *out = slot->as.boolean;
        return SNAG_OK;
    }
    if (!has_text(slot))
        return wrong_kind(slot, SNAG_KIND_BOOL, diag);
    snag_err err = slot_text(slot, arena, &text, diag);
    if (err)
        return err;
    *out = snag_str_equal(text, SNAG_STR("true"));
    if (*out || snag_str_equal(text, SNAG_STR("false")))
        return SNAG_OK;
    return snag_fail(diag, SNAG_BAD_TYPE, "\"%.*s\" is neither true nor false",
                     SNAG_FMT(piece(text)));
}

/* --- times ------------------------------------------------------------------------------------- */

/* Milliseconds in a unit (positive), or units in a millisecond (negative). */
static const int64_t unit_steps[] = {[SNAG_UNIT_AUTO] = 0, [SNAG_UNIT_S] = 1000,
                                     [SNAG_UNIT_MS] = 1,   [SNAG_UNIT_US] = -1000,
                                     [SNAG_UNIT_NS] = -1000000};

static bool ms_of_int(int64_t number, snag_time_unit unit, int64_t *ms)
{
    int64_t step = unit_steps[unit];
    if (step > 0) {
        *ms = number > INT64_MAX / step || number < INT64_MIN / step ? 0 : number * step;
        return *ms != 0 || number == 0;
    }
    if (step == 0)
        return snag_time_from_epoch_int(number, ms);
    *ms = number / -step - (number % -step < 0);
    return true;
}

static bool ms_of_double(double number, snag_time_unit unit, int64_t *ms)
{
    double step = (double)unit_steps[unit];
    if (step == 0)
        return snag_time_from_epoch(number, ms);
    double value = floor(step > 0 ? number * step + 1e-6 : number / -step);
    if (!(fabs(value) < 9e18))
        return false;
    *ms = (int64_t)value;
    return true;
}

static bool ms_of_text(snag_str text, snag_time_unit unit, int64_t *ms)
{
    int64_t whole;
    double number;
    if (!snag_json_is_number(text))
        return false;
    if (snag_json_int(text, &whole))
        return ms_of_int(whole, unit, ms);
    return snag_json_double(text.data, text.size, &number) && ms_of_double(number, unit, ms);
}

static snag_err not_a_time(snag_str text, snag_diag *diag)
{
    int64_t seconds;
    int32_t nanos;
    if (snag_time_parse_local(text, &seconds, &nanos))
        return snag_fail(diag, SNAG_BAD_TIME, "\"%.*s\" has no zone, and the source names none (zone:)",
                         SNAG_FMT(piece(text)));
    return snag_fail(diag, SNAG_BAD_TIME,
                     "\"%.*s\" is neither RFC 3339 with a zone nor an epoch number",
                     SNAG_FMT(piece(text)));
}

/* A time by the clocks of a zone. What they leave out is as much later, what they show twice the earlier. */
static bool local_time(snag_str text, const snag_zone *zone, snag_value *out)
{
    int64_t seconds;
    if (!zone || !snag_time_parse_local(text, &seconds, &out->as.time.nanos))
        return false;
    int64_t instant_ms = snag_zone_instant(zone, seconds * SNAG_SECOND_MS);
    out->as.time.seconds = instant_ms / SNAG_SECOND_MS; /* offsets are whole seconds */
    return true;
}

/* RFC 3339 keeps its nanoseconds; everything else is milliseconds. */
static snag_err read_time(const snag_slot *slot, const snag_mapping *spec, snag_arena *arena,
                          snag_value *out, snag_diag *diag)
{
    snag_time_unit unit = spec->unit;
    snag_str text = {0};
    int64_t ms;
    bool fine;
    out->kind = SNAG_KIND_TIME;
    switch (slot->kind) {
    case SNAG_SLOT_TIME:
        out->as.time.seconds = slot->as.time.seconds;
        out->as.time.nanos = slot->as.time.nanos;
        return SNAG_OK;
    case SNAG_SLOT_INT: fine = ms_of_int(slot->as.integer, unit, &ms); break;
    case SNAG_SLOT_DOUBLE: fine = ms_of_double(slot->as.number, unit, &ms); break;
    case SNAG_SLOT_NUMBER:
    case SNAG_SLOT_TEXT:
    case SNAG_SLOT_ESCAPED:;
        snag_err err = slot_text(slot, arena, &text, diag);
        if (err || snag_time_parse(text, &out->as.time.seconds, &out->as.time.nanos) ||
            local_time(text, spec->zone, out))
            return err;
        fine = ms_of_text(text, unit, &ms);
        break;
    default: return wrong_kind(slot, SNAG_KIND_TIME, diag);
    }
    if (!fine && text.data)
        return not_a_time(text, diag);
    if (!fine)
        return snag_fail(diag, SNAG_BAD_TIME, "is a number that is no epoch time");
    *out = snag_value_time_ms(ms);
    return SNAG_OK;
}

/* Years 0 to 9999: what RFC 3339 can write, and far from where milliseconds overflow. */
static snag_err to_time(const snag_slot *slot, const snag_mapping *spec, snag_arena *arena,
                        snag_value *out, snag_diag *diag)
{
    snag_err err = read_time(slot, spec, arena, out, diag);
    if (err || (out->as.time.seconds >= INT64_C(-62167219200) &&
                out->as.time.seconds <= INT64_C(253402300799)))
        return err;
    return snag_fail(diag, SNAG_BAD_TIME, "lies outside of the years 0 to 9999");
}

static snag_err to_duration(const snag_slot *slot, snag_time_unit unit, snag_arena *arena,
                            snag_value *out, snag_diag *diag)
{
    snag_str text = {0};
    int64_t ms = 0;
    double number;
    bool fine = false;
    snag_err err = SNAG_OK;
    if (has_text(slot)) {
        err = slot_text(slot, arena, &text, diag);
        fine = !err && (snag_duration_parse(text, &ms) ||
                        (unit != SNAG_UNIT_AUTO && ms_of_text(text, unit, &ms)));
    } else if (unit != SNAG_UNIT_AUTO) {
        err = to_double(slot, arena, &number, diag);
        fine = !err && ms_of_double(number, unit, &ms);
    }
    if (err)
        return err;
    if (!fine && text.data)
        return snag_fail(diag, SNAG_BAD_TYPE, "\"%.*s\" is not a duration like 90s or 1h30m",
                         SNAG_FMT(piece(text)));
    if (!fine)
        return snag_fail(diag, SNAG_BAD_TYPE, "is %s; a duration is a text like 90s or 1h30m",
                         slot_word(slot->kind));
    out->as.time.seconds = ms / 1000;
    out->as.time.nanos = (int32_t)(ms % 1000) * 1000000;
    out->kind = SNAG_KIND_DURATION;
    return SNAG_OK;
}

snag_err snag_convert(const snag_slot *slot, snag_kind as, const snag_mapping *spec, snag_arena *arena,
                      snag_value *out, snag_diag *diag)
{
    out->kind = as;
    switch (as) {
    case SNAG_KIND_TEXT: return to_text(slot, arena, out, diag);
    case SNAG_KIND_INT: return to_int(slot, arena, &out->as.integer, diag);
    case SNAG_KIND_DOUBLE: return to_double(slot, arena, &out->as.number, diag);
    case SNAG_KIND_BOOL: return to_bool(slot, arena, &out->as.boolean, diag);
    case SNAG_KIND_TIME: return to_time(slot, spec, arena, out, diag);
    case SNAG_KIND_DURATION: return to_duration(slot, spec->unit, arena, out, diag);
    default:
        SNAG_ASSERT(false); /* a kind that `as` does not offer */
        return SNAG_BAD_TYPE;
    }
}

static snag_slot slot_of_value(const snag_value *value)
{
    snag_slot slot = {.kind = SNAG_SLOT_ABSENT};
    switch (value->kind) {
    case SNAG_KIND_BOOL:
        slot.as.boolean = value->as.boolean;
        slot.kind = SNAG_SLOT_BOOL;
        break;
    case SNAG_KIND_INT:
        slot.as.integer = value->as.integer;
        slot.kind = SNAG_SLOT_INT;
        break;
    case SNAG_KIND_UINT: /* past int64 it is too large for what `as` offers, and a double says so */
        slot.as.number = (double)value->as.unsigned_integer;
        slot.kind = SNAG_SLOT_DOUBLE;
        break;
    case SNAG_KIND_DOUBLE:
        slot.as.number = value->as.number;
        slot.kind = SNAG_SLOT_DOUBLE;
        break;
    case SNAG_KIND_TEXT:
    case SNAG_KIND_BYTES:
        slot.as.raw = value->as.text;
        slot.kind = value->kind == SNAG_KIND_TEXT ? SNAG_SLOT_TEXT : SNAG_SLOT_BYTES;
        break;
    case SNAG_KIND_TIME:
        slot.as.time.seconds = value->as.time.seconds;
        slot.as.time.nanos = value->as.time.nanos;
        slot.kind = SNAG_SLOT_TIME;
        break;
    default: slot.kind = value->kind == SNAG_KIND_LIST ? SNAG_SLOT_LIST : SNAG_SLOT_MAP; break;
    }
    return slot;
}

snag_err snag_convert_value(const snag_value *value, snag_kind as, const snag_mapping *spec,
                            snag_arena *arena, snag_value *out, snag_diag *diag)
{
    bool list = value->kind == SNAG_KIND_LIST || value->kind == SNAG_KIND_MAP;
    *out = *value;
    if (value->kind == SNAG_KIND_ABSENT || value->kind == SNAG_KIND_NULL) {
        out->kind = SNAG_KIND_ABSENT;
        return SNAG_OK;
    }
    if (value->kind == as && as != SNAG_KIND_TEXT)
        return SNAG_OK;
    if (as == SNAG_KIND_TEXT && !list && value->kind != SNAG_KIND_TEXT &&
        value->kind != SNAG_KIND_BYTES)
        return print_text(value, arena, out);
    snag_slot slot = slot_of_value(value);
    snag_err err = snag_convert(&slot, as, spec, arena, out, diag);
    if (err || as != SNAG_KIND_TEXT)
        return err;
    out->as.text = snag_arena_copy(arena, out->as.text); /* the expression's scratch does not last */
    return out->as.text.data || slot.as.raw.size == 0 ? SNAG_OK : SNAG_FULL;
}
