/* SPDX-License-Identifier: Apache-2.0
 *
 * The compiler's scalars: what is read where somebody wants the value, and what is stepped over.
 */
#include "codec/avro_compiler.h"

#include "base/limits.h"

typedef snag_avro_compiler compiler;
typedef snag_avro_least least;

static void skip_fixed(compiler *c, uint32_t bytes)
{
    snag_avro_program *p = c->program;
    if (p->op_count > c->barrier && p->ops[p->op_count - 1].code == SNAG_AVRO_SKIP_FIXED &&
        bytes < SNAG_RECORD_BYTES_MAX && p->ops[p->op_count - 1].a < SNAG_RECORD_BYTES_MAX)
        p->ops[p->op_count - 1].a += bytes;
    else if (bytes > 0)
        snag_avro_emit(c, (snag_avro_op){.code = SNAG_AVRO_SKIP_FIXED, .slot = -1, .a = bytes});
}

static const struct {
    const char *word;
    snag_avro_code wanted;
    snag_avro_code skip;
    least bytes; /* exactly, for SKIP_FIXED */
} primitives[] = {
    {"null", SNAG_AVRO_NULL, SNAG_AVRO_SKIP_FIXED, 0},
    {"boolean", SNAG_AVRO_BOOL, SNAG_AVRO_SKIP_FIXED, 1},
    {"int", SNAG_AVRO_INT, SNAG_AVRO_SKIP_VARINT, 1},
    {"long", SNAG_AVRO_LONG, SNAG_AVRO_SKIP_VARINT, 1},
    {"float", SNAG_AVRO_FLOAT, SNAG_AVRO_SKIP_FIXED, 4},
    {"double", SNAG_AVRO_DOUBLE, SNAG_AVRO_SKIP_FIXED, 8},
    {"bytes", SNAG_AVRO_BYTES, SNAG_AVRO_SKIP_SIZED, 1},
    {"string", SNAG_AVRO_TEXT, SNAG_AVRO_SKIP_SIZED, 1},
};

/* What a logical type makes of a wanted scalar. Unknown ones, and those on a wrong type, are ignored, as the
 * specification asks. Local timestamps stay numbers: they name no moment. */
static void apply_logical(snag_avro_op *op, const snag_value *type)
{
    snag_str logical = snag_avro_member_text(type, "logicalType");
    const snag_value *scale = snag_avro_member(type, "scale");
    if (op->code == SNAG_AVRO_LONG && snag_str_equal(logical, SNAG_STR("timestamp-millis")))
        *op = (snag_avro_op){.code = SNAG_AVRO_TIME, .slot = op->slot, .a = 1000};
    else if (op->code == SNAG_AVRO_LONG && snag_str_equal(logical, SNAG_STR("timestamp-micros")))
        *op = (snag_avro_op){.code = SNAG_AVRO_TIME, .slot = op->slot, .a = 1000000};
    else if (op->code == SNAG_AVRO_LONG && snag_str_equal(logical, SNAG_STR("timestamp-nanos")))
        *op = (snag_avro_op){.code = SNAG_AVRO_TIME, .slot = op->slot, .a = 1000000000};
    else if (op->code == SNAG_AVRO_INT && snag_str_equal(logical, SNAG_STR("date")))
        op->code = SNAG_AVRO_DATE;
    else if ((op->code == SNAG_AVRO_BYTES || op->code == SNAG_AVRO_FIXED) &&
             snag_str_equal(logical, SNAG_STR("decimal"))) {
        op->code = SNAG_AVRO_DECIMAL;
        op->b = scale && scale->kind == SNAG_KIND_INT && scale->as.integer > 0 &&
                        scale->as.integer < 32
                    ? (uint32_t)scale->as.integer
                    : 0;
    }
}

least snag_avro_primitive(compiler *c, snag_str word, const snag_value *type, uint32_t node)
{
    size_t i = 0;
    while (!snag_str_equal(word, snag_str_from(primitives[i].word)))
        i++;
    snag_avro_op op = {.code = primitives[i].wanted, .slot = snag_avro_slot_of(c, node)};
    if (op.slot >= 0) {
        apply_logical(&op, type);
        snag_avro_emit(c, op);
    } else if (primitives[i].skip == SNAG_AVRO_SKIP_FIXED) {
        skip_fixed(c, primitives[i].bytes);
    } else {
        snag_avro_emit(c, (snag_avro_op){.code = primitives[i].skip, .slot = -1});
    }
    return primitives[i].bytes;
}

least snag_avro_fixed(compiler *c, const snag_value *type, uint32_t node)
{
    const snag_value *size = snag_avro_member(type, "size");
    snag_avro_op op = {.code = SNAG_AVRO_FIXED, .slot = snag_avro_slot_of(c, node)};
    if (!size || size->kind != SNAG_KIND_INT || size->as.integer < 0 ||
        size->as.integer > (int64_t)SNAG_RECORD_BYTES_MAX)
        return snag_avro_failed(c, SNAG_BAD_SCHEMA, "has a fixed of a size that no record has", SNAG_STR(""));
    op.a = (uint32_t)size->as.integer;
    if (op.slot < 0) {
        skip_fixed(c, op.a);
    } else {
        apply_logical(&op, type);
        if (op.code == SNAG_AVRO_DECIMAL && op.a == 0)
            op.code = SNAG_AVRO_FIXED;
        snag_avro_emit(c, op);
    }
    return op.a;
}

least snag_avro_enum(compiler *c, const snag_value *type, uint32_t node)
{
    snag_avro_program *p = c->program;
    const snag_value *symbols = snag_avro_member(type, "symbols");
    if (snag_avro_slot_of(c, node) < 0) {
        snag_avro_emit(c, (snag_avro_op){.code = SNAG_AVRO_SKIP_VARINT, .slot = -1});
        return 1;
    }
    if (!symbols || symbols->kind != SNAG_KIND_LIST)
        return snag_avro_failed(c, SNAG_BAD_SCHEMA, "has an enum without symbols", SNAG_STR(""));
    uint32_t first = p->symbol_count;
    for (size_t i = 0; i < symbols->as.list.count && !c->err; i++) {
        void *room = snag_avro_one_more(c, p->symbols, p->symbol_count, &p->symbol_room, sizeof *p->symbols);
        if (!room)
            return 0;
        p->symbols = room;
        p->symbols[p->symbol_count++] = symbols->as.list.items[i].as.text;
    }
    snag_avro_emit(c, (snag_avro_op){.code = SNAG_AVRO_ENUM,
                           .slot = snag_avro_slot_of(c, node),
                           .a = first,
                           .b = p->symbol_count - first});
    return 1;
}
