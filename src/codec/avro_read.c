/* SPDX-License-Identifier: Apache-2.0
 *
 * The interpreter of Avro programs (avro.h). Every byte is taken behind a check against the record's end;
 * loops take at least a byte a turn, so that no record costs more than its size.
 */
#include "codec/avro.h"

#include <math.h>

#include "base/assert.h"
#include "base/utf8.h"

typedef struct reader {
    const unsigned char *at;
    const unsigned char *end;
    const unsigned char *begin;
    const snag_avro_program *program;
    const snag_paths *paths;
    snag_slot *slots;
    snag_avro_list *list;
    snag_arena *arena;
    snag_diag *diag;
} reader;

static snag_err run(reader *r, uint32_t pc);

/* --- bytes ------------------------------------------------------------------------------------- */

static snag_err truncated(const reader *r)
{
    return snag_fail(r->diag, SNAG_BAD_TRUNCATED, "the record ends at byte %zu inside a value",
                     (size_t)(r->end - r->begin));
}

static snag_err broken(const reader *r, const char *what)
{
    return snag_fail(r->diag, SNAG_BAD_SYNTAX, "byte %zu: %s", (size_t)(r->at - r->begin), what);
}

static snag_err long_varint(reader *r, uint64_t *out)
{
    uint64_t value = 0;
    *out = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (r->at == r->end)
            return truncated(r);
        unsigned char byte = *r->at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return SNAG_OK;
        }
    }
    return broken(r, "a number of more than 64 bits");
}

static inline snag_err varint(reader *r, uint64_t *out)
{
    if (r->at < r->end && *r->at < 0x80) {
        *out = *r->at++;
        return SNAG_OK;
    }
    return long_varint(r, out);
}

static inline snag_err read_long(reader *r, int64_t *out)
{
    uint64_t zigzag;
    snag_err err = varint(r, &zigzag);
    *out = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
    return err;
}

static inline snag_err take(reader *r, size_t bytes, snag_str *out)
{
    *out = snag_str_of(r->at, bytes);
    if (bytes > (size_t)(r->end - r->at))
        return truncated(r);
    r->at += bytes;
    return SNAG_OK;
}

static inline snag_err take_sized(reader *r, snag_str *out)
{
    int64_t bytes;
    snag_err err = read_long(r, &bytes);
    *out = snag_str_of(r->at, 0);
    if (err)
        return err;
    if (bytes < 0)
        return broken(r, "a length below 0");
    return take(r, (size_t)bytes, out);
}

/* --- scalars ----------------------------------------------------------------------------------- */

/* A time from its units (in a second) since the epoch. Inlined, so that division is by a constant. Outside of
 * the years 0 to 9999 nothing else could hold or print it. */
static inline snag_err set_time(reader *r, snag_slot *slot, int64_t value, int64_t units)
{
    int64_t rest = value % units;
    slot->as.time.seconds = value / units - (rest < 0);
    slot->as.time.nanos = (int32_t)((rest < 0 ? rest + units : rest) * (1000000000 / units));
    slot->kind = SNAG_SLOT_TIME;
    if (slot->as.time.seconds >= INT64_C(-62167219200) && slot->as.time.seconds <= INT64_C(253402300799))
        return SNAG_OK;
    return snag_fail(r->diag, SNAG_BAD_TIME, "byte %zu: a time outside of the years 0 to 9999",
                     (size_t)(r->at - r->begin));
}

static inline snag_err read_time(reader *r, const snag_avro_op *op, snag_slot *slot)
{
    int64_t value;
    snag_err err = read_long(r, &value);
    if (err)
        return err;
    if (op->a == 1000)
        return set_time(r, slot, value, 1000);
    if (op->a == 1000000)
        return set_time(r, slot, value, 1000000);
    return set_time(r, slot, value, 1000000000);
}

static snag_err read_integer(reader *r, const snag_avro_op *op, snag_slot *slot)
{
    int64_t value;
    snag_err err = read_long(r, &value);
    if (err)
        return err;
    if (op->code != SNAG_AVRO_LONG && value != (int32_t)value)
        return broken(r, "an int of more than 32 bits");
    if (op->code == SNAG_AVRO_DATE)
        return set_time(r, slot, value * 86400, 1);
    slot->as.integer = value;
    slot->kind = SNAG_SLOT_INT;
    return SNAG_OK;
}

static snag_err read_floating(reader *r, const snag_avro_op *op, snag_slot *slot)
{
    snag_str bytes;
    float single;
    snag_err err = take(r, op->code == SNAG_AVRO_FLOAT ? 4 : 8, &bytes);
    if (err)
        return err;
    slot->kind = SNAG_SLOT_DOUBLE;
    if (op->code == SNAG_AVRO_DOUBLE) {
        memcpy(&slot->as.number, bytes.data, sizeof slot->as.number);
        return SNAG_OK;
    }
    memcpy(&single, bytes.data, sizeof single);
    slot->as.number = (double)single;
    return SNAG_OK;
}

static snag_err read_enum(reader *r, const snag_avro_op *op, snag_slot *slot)
{
    int64_t value;
    snag_err err = read_long(r, &value);
    if (err)
        return err;
    if (value < 0 || value >= (int64_t)op->b)
        return broken(r, "an enum without a symbol");
    slot->as.raw = r->program->symbols[op->a + (uint32_t)value];
    slot->kind = SNAG_SLOT_TEXT;
    return SNAG_OK;
}

static snag_err read_boolean(reader *r, snag_slot *slot)
{
    snag_str byte;
    snag_err err = take(r, 1, &byte);
    if (err)
        return err;
    if (byte.data[0] != 0 && byte.data[0] != 1)
        return broken(r, "a boolean that is neither 0 nor 1");
    slot->as.boolean = byte.data[0] == 1;
    slot->kind = SNAG_SLOT_BOOL;
    return SNAG_OK;
}

/* Nearly every text is; whole words, the last one overlapping. */
static inline bool is_ascii(snag_str text)
{
    uint64_t all = 0;
    uint64_t word;
    if (text.size < sizeof word) {
        for (size_t i = 0; i < text.size; i++)
            all |= (unsigned char)text.data[i];
        return all < 0x80;
    }
    for (size_t at = 0; at + sizeof word < text.size; at += sizeof word) {
        memcpy(&word, text.data + at, sizeof word);
        all |= word;
    }
    memcpy(&word, text.data + text.size - sizeof word, sizeof word);
    return ((all | word) & 0x8080808080808080u) == 0;
}

static inline snag_err read_text(reader *r, snag_slot *slot)
{
    snag_err err = take_sized(r, &slot->as.raw);
    slot->kind = SNAG_SLOT_TEXT;
    if (err || is_ascii(slot->as.raw) || snag_utf8_valid(slot->as.raw))
        return err;
    return snag_fail(r->diag, SNAG_BAD_UTF8, "byte %zu: a text that is not UTF-8",
                     (size_t)(slot->as.raw.data - (const char *)r->begin));
}

/* Unscaled, big-endian, two's complement -> digits with a point; past 8 bytes it stays bytes. */
static snag_err read_decimal(reader *r, const snag_avro_op *op, snag_slot *slot)
{
    snag_err err = op->a ? take(r, op->a, &slot->as.raw) : take_sized(r, &slot->as.raw);
    snag_str bytes = slot->as.raw;
    slot->kind = SNAG_SLOT_BYTES;
    if (err || bytes.size == 0 || bytes.size > 8)
        return err;
    uint64_t value = (unsigned char)bytes.data[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes.size; i++)
        value = value << 8 | (unsigned char)bytes.data[i];
    bool negative = value >> 63;
    if (negative)
        value = 0 - value;
    char *room = snag_arena_bytes(r->arena, 64);
    if (!room)
        return SNAG_FULL;
    size_t at = 64;
    for (uint32_t digit = 0; value > 0 || digit <= op->b; digit++, value /= 10) {
        if (digit == op->b && digit > 0)
            room[--at] = '.';
        room[--at] = (char)('0' + value % 10);
    }
    if (negative)
        room[--at] = '-';
    slot->as.raw = snag_str_of(room + at, 64 - at);
    slot->kind = SNAG_SLOT_TEXT;
    return SNAG_OK;
}

static snag_err read_scalar(reader *r, const snag_avro_op *op)
{
    SNAG_ASSERT(op->slot >= 0);
    snag_slot *slot = &r->slots[op->slot];
    switch (op->code) {
    case SNAG_AVRO_NULL: slot->kind = SNAG_SLOT_NULL; return SNAG_OK;
    case SNAG_AVRO_BOOL: return read_boolean(r, slot);
    case SNAG_AVRO_INT:
    case SNAG_AVRO_LONG:
    case SNAG_AVRO_DATE: return read_integer(r, op, slot);
    case SNAG_AVRO_FLOAT:
    case SNAG_AVRO_DOUBLE: return read_floating(r, op, slot);
    case SNAG_AVRO_BYTES: slot->kind = SNAG_SLOT_BYTES; return take_sized(r, &slot->as.raw);
    case SNAG_AVRO_FIXED: slot->kind = SNAG_SLOT_BYTES; return take(r, op->a, &slot->as.raw);
    case SNAG_AVRO_ENUM: return read_enum(r, op, slot);
    case SNAG_AVRO_DECIMAL: return read_decimal(r, op, slot);
    default:
        SNAG_ASSERT(op->code == SNAG_AVRO_MARK);
        *slot = (snag_slot){.kind = (snag_slot_kind)op->a};
        return SNAG_OK;
    }
}

/* --- containers -------------------------------------------------------------------------------- */

/* A block's head: how many items follow; 0 = the end. `bytes` of the block where it says so, else -1. */
static snag_err read_block(reader *r, int64_t least, int64_t *count, int64_t *bytes)
{
    snag_err err = read_long(r, count);
    *bytes = -1;
    if (!err && *count < 0) {
        if (*count == INT64_MIN)
            return broken(r, "a block of too many items");
        *count = -*count;
        err = read_long(r, bytes);
        if (!err && *bytes < 0)
            return broken(r, "a block of less than 0 bytes");
    }
    if (err)
        return err;
    int64_t left = r->end - r->at;
    if (*bytes > left || (least > 0 && *count > left / least))
        return truncated(r);
    return SNAG_OK;
}

/* Items of no bytes at all cannot be counted against what is left; there is nothing to do for them either. */
static snag_err skip_array(reader *r, const snag_avro_op *op, uint32_t item)
{
    for (;;) {
        int64_t count;
        int64_t bytes;
        snag_err err = read_block(r, op->b, &count, &bytes);
        if (err || count == 0)
            return err;
        if (bytes >= 0) {
            r->at += bytes;
            continue;
        }
        for (; op->b > 0 && count > 0; count--) {
            err = run(r, item);
            if (err)
                return err;
        }
    }
}

/* What is wanted of an array is read later, item by item: here only where it lies. */
static snag_err read_array(reader *r, const snag_avro_op *op, uint32_t item)
{
    const unsigned char *at = r->at;
    snag_err err = skip_array(r, op, item);
    if (!err && op->c && r->list)
        *r->list = (snag_avro_list){
            .program = r->program, .begin = r->begin, .at = at, .end = r->at, .item = op->c};
    return err;
}

/* Where the value of this key is read: the first of two equal keys wins, as in JSON. */
static uint32_t value_at(const reader *r, const snag_avro_op *op, uint32_t others, snag_str key,
                         uint64_t met[4])
{
    for (uint32_t i = 0; i < (uint32_t)op->slot; i++) {
        const snag_avro_child *child = &r->program->children[op->c + i];
        if (!snag_str_equal(r->paths->nodes[child->node].key, key))
            continue;
        uint64_t bit = UINT64_C(1) << (i % 64);
        if (i >= 256 || met[i / 64] & bit)
            return others;
        met[i / 64] |= bit;
        return child->at;
    }
    return others;
}

static snag_err read_map(reader *r, const snag_avro_op *op, uint32_t others)
{
    uint64_t met[4] = {0};
    for (;;) {
        int64_t count;
        int64_t bytes;
        snag_err err = read_block(r, op->b, &count, &bytes);
        if (err || count == 0)
            return err;
        if (bytes >= 0 && op->slot == 0) {
            r->at += bytes;
            continue;
        }
        for (; count > 0; count--) {
            snag_str key;
            err = take_sized(r, &key);
            if (!err)
                err = run(r, value_at(r, op, others, key, met));
            if (err)
                return err;
        }
    }
}

/* --- the interpreter --------------------------------------------------------------------------- */

static inline snag_err branch(reader *r, const snag_avro_op *op, uint32_t *pc)
{
    uint64_t zigzag;
    snag_err err = varint(r, &zigzag);
    uint64_t count = op->code == SNAG_AVRO_OPTIONAL ? 2 : op->b;
    if (err)
        return err;
    if (zigzag & 1 || zigzag >> 1 >= count)
        return broken(r, "a union without such a branch");
    if (op->code == SNAG_AVRO_UNION) {
        *pc = r->program->jumps[op->a + (uint32_t)(zigzag >> 1)];
        return SNAG_OK;
    }
    if (zigzag >> 1 != op->a)
        return SNAG_OK;
    *pc = op->b;
    if (op->slot >= 0)
        r->slots[op->slot].kind = SNAG_SLOT_NULL;
    return SNAG_OK;
}

/* Runs to the END of its program; calls itself for items, as deep as the schema was nested (bounded). */
static snag_err run(reader *r, uint32_t pc)
{
    const snag_avro_op *ops = r->program->ops;
    for (;;) {
        const snag_avro_op *op = &ops[pc++];
        snag_err err;
        uint64_t ignored;
        snag_str skipped;
        switch (op->code) {
        case SNAG_AVRO_END: return SNAG_OK;
        case SNAG_AVRO_TEXT: err = read_text(r, &r->slots[op->slot]); break;
        case SNAG_AVRO_TIME: err = read_time(r, op, &r->slots[op->slot]); break;
        case SNAG_AVRO_SKIP_VARINT: err = varint(r, &ignored); break;
        case SNAG_AVRO_SKIP_SIZED: err = take_sized(r, &skipped); break;
        case SNAG_AVRO_SKIP_FIXED: err = take(r, op->a, &skipped); break;
        case SNAG_AVRO_OPTIONAL:
        case SNAG_AVRO_UNION: err = branch(r, op, &pc); break;
        case SNAG_AVRO_JUMP: pc = op->a; continue;
        case SNAG_AVRO_ARRAY:
            err = read_array(r, op, pc);
            pc = op->a;
            break;
        case SNAG_AVRO_MAP:
            err = read_map(r, op, pc);
            pc = op->a;
            break;
        default: err = read_scalar(r, op); break;
        }
        if (err)
            return err;
    }
}

snag_err snag_avro_read(const snag_avro_program *program, const snag_paths *paths, snag_str body,
                        snag_slot *slots, snag_avro_list *list, snag_arena *arena, snag_diag *diag)
{
    const unsigned char *data = (const unsigned char *)body.data;
    reader r = {.at = data,
                .end = data + body.size,
                .begin = data,
                .program = program,
                .paths = paths,
                .slots = slots,
                .list = list,
                .arena = arena,
                .diag = diag};
    if (list)
        list->item = 0;
    snag_err err = run(&r, 0);
    if (!err && r.at != r.end)
        return broken(&r, "something follows the record's end");
    return err;
}

/* The head of the next block; left stays 0 behind the last. */
static snag_err next_block(reader *r, snag_avro_list *list)
{
    int64_t bytes;
    snag_err err = read_block(r, 0, &list->left, &bytes);
    list->block_end = !err && bytes >= 0 ? r->at + bytes : NULL;
    return err;
}

snag_err snag_avro_next(snag_avro_list *list, const snag_paths *items, snag_slot *slots, bool *any,
                        snag_arena *arena, snag_diag *diag)
{
    reader r = {.at = list->at,
                .end = list->end,
                .begin = list->begin,
                .program = list->program,
                .paths = items,
                .slots = slots,
                .arena = arena,
                .diag = diag};
    snag_err err = list->left == 0 && r.at < r.end ? next_block(&r, list) : SNAG_OK;
    *any = !err && list->left > 0;
    if (*any) {
        err = run(&r, list->item);
        list->left--;
    }
    if (!err && *any && list->left == 0 && list->block_end && r.at != list->block_end)
        err = broken(&r, "a block that is not as long as it says");
    list->at = r.at;
    return err;
}
