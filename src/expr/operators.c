/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators on values. Numbers of different kinds compare by value (int with uint exactly, either
 * with double as doubles), but never add up: CEL knows no silent conversion.
 */
#include <math.h>

#include "base/assert.h"
#include "expr/builtin.h"
#include "expr/lexer.h"

static snag_value fault(snag_fault what, int sign, snag_kind left, snag_kind right)
{
    return snag_fault_value(what, snag_token_word((snag_token_kind)sign), left, right);
}

static snag_value of_double(double number)
{
    return (snag_value){.as.number = number, .kind = SNAG_KIND_DOUBLE};
}

static snag_value int_arithmetic(int sign, int64_t a, int64_t b)
{
    int64_t result = 0;
    bool over;
    if ((sign == SNAG_TOKEN_DIVIDE || sign == SNAG_TOKEN_MODULO) && b == 0)
        return fault(SNAG_FAULT_ZERO, sign, SNAG_KIND_INT, SNAG_KIND_INT);
    switch (sign) {
    case SNAG_TOKEN_PLUS: over = __builtin_add_overflow(a, b, &result); break;
    case SNAG_TOKEN_MINUS: over = __builtin_sub_overflow(a, b, &result); break;
    case SNAG_TOKEN_TIMES: over = __builtin_mul_overflow(a, b, &result); break;
    case SNAG_TOKEN_DIVIDE:
        over = a == INT64_MIN && b == -1;
        result = over ? 0 : a / b;
        break;
    default:
        over = a == INT64_MIN && b == -1;
        result = over ? 0 : a % b;
        break;
    }
    return over ? fault(SNAG_FAULT_OVERFLOW, sign, SNAG_KIND_INT, SNAG_KIND_INT) : snag_value_int(result);
}

static snag_value uint_arithmetic(int sign, uint64_t a, uint64_t b)
{
    uint64_t result = 0;
    bool over = false;
    if ((sign == SNAG_TOKEN_DIVIDE || sign == SNAG_TOKEN_MODULO) && b == 0)
        return fault(SNAG_FAULT_ZERO, sign, SNAG_KIND_UINT, SNAG_KIND_UINT);
    switch (sign) {
    case SNAG_TOKEN_PLUS: over = __builtin_add_overflow(a, b, &result); break;
    case SNAG_TOKEN_MINUS: over = __builtin_sub_overflow(a, b, &result); break;
    case SNAG_TOKEN_TIMES: over = __builtin_mul_overflow(a, b, &result); break;
    case SNAG_TOKEN_DIVIDE: result = a / b; break;
    default: result = a % b; break;
    }
    if (over)
        return fault(SNAG_FAULT_OVERFLOW, sign, SNAG_KIND_UINT, SNAG_KIND_UINT);
    return (snag_value){.as.unsigned_integer = result, .kind = SNAG_KIND_UINT};
}

static snag_value double_arithmetic(int sign, double a, double b)
{
    switch (sign) {
    case SNAG_TOKEN_PLUS: return of_double(a + b);
    case SNAG_TOKEN_MINUS: return of_double(a - b);
    case SNAG_TOKEN_TIMES: return of_double(a * b);
    case SNAG_TOKEN_DIVIDE: return of_double(a / b);
    default: return fault(SNAG_FAULT_OPERANDS, sign, SNAG_KIND_DOUBLE, SNAG_KIND_DOUBLE);
    }
}

/* time - time, time +- duration, duration + time, duration +- duration */
static snag_value instant_arithmetic(int sign, const snag_value *a, const snag_value *b)
{
    bool minus = sign == SNAG_TOKEN_MINUS;
    bool times = a->kind == SNAG_KIND_TIME && b->kind == SNAG_KIND_TIME;
    if ((times && !minus) || (!minus && sign != SNAG_TOKEN_PLUS) ||
        (minus && a->kind == SNAG_KIND_DURATION && b->kind == SNAG_KIND_TIME))
        return fault(SNAG_FAULT_OPERANDS, sign, a->kind, b->kind);
    snag_kind kind = a->kind == b->kind ? SNAG_KIND_DURATION : SNAG_KIND_TIME;
    int64_t seconds;
    int64_t nanos = a->as.time.nanos + (minus ? -b->as.time.nanos : b->as.time.nanos);
    bool over = minus ? __builtin_sub_overflow(a->as.time.seconds, b->as.time.seconds, &seconds)
                      : __builtin_add_overflow(a->as.time.seconds, b->as.time.seconds, &seconds);
    if (over)
        return fault(SNAG_FAULT_OVERFLOW, sign, kind, kind);
    return snag_instant_make(kind, seconds, nanos, snag_token_word((snag_token_kind)sign));
}

static bool is_instant(const snag_value *value)
{
    return value->kind == SNAG_KIND_TIME || value->kind == SNAG_KIND_DURATION;
}

snag_value snag_joined(snag_evaluation *eval, const snag_value *a, const snag_value *b)
{
    snag_value out = {.kind = a->kind};
    bool list = a->kind == SNAG_KIND_LIST;
    size_t left = list ? a->as.list.count : a->as.text.size;
    size_t right = list ? b->as.list.count : b->as.text.size;
    size_t unit = list ? sizeof(snag_value) : 1;
    const void *first = list ? (const void *)a->as.list.items : a->as.text.data;
    const void *second = list ? (const void *)b->as.list.items : b->as.text.data;
    size_t bytes = (left + right) * unit;
    char *to = list ? snag_arena_take(eval->scratch, bytes) : snag_arena_bytes(eval->scratch, bytes);
    if (!to)
        return snag_fault_value(SNAG_FAULT_SCRATCH, NULL, SNAG_KIND_ABSENT, SNAG_KIND_ABSENT);
    if (!snag_evaluation_work(eval, bytes / 64))
        return snag_fault_value(SNAG_FAULT_STEPS, NULL, SNAG_KIND_ABSENT, SNAG_KIND_ABSENT);
    if (left)
        memcpy(to, first, left * unit);
    if (right)
        memcpy(to + left * unit, second, right * unit);
    if (list) {
        out.as.list.items = (const snag_value *)(const void *)to;
        out.as.list.count = left + right;
    } else {
        out.as.text = snag_str_of(to, left + right);
    }
    return out;
}

snag_value snag_arithmetic(snag_evaluation *eval, int sign, const snag_value *a, const snag_value *b)
{
    if (is_instant(a) && is_instant(b))
        return instant_arithmetic(sign, a, b);
    if (a->kind != b->kind)
        return fault(SNAG_FAULT_OPERANDS, sign, a->kind, b->kind);
    switch (a->kind) {
    case SNAG_KIND_INT: return int_arithmetic(sign, a->as.integer, b->as.integer);
    case SNAG_KIND_UINT:
        return uint_arithmetic(sign, a->as.unsigned_integer, b->as.unsigned_integer);
    case SNAG_KIND_DOUBLE: return double_arithmetic(sign, a->as.number, b->as.number);
    case SNAG_KIND_TEXT:
    case SNAG_KIND_BYTES:
    case SNAG_KIND_LIST:
        if (sign == SNAG_TOKEN_PLUS)
            return snag_joined(eval, a, b);
        break;
    default: break;
    }
    return fault(SNAG_FAULT_OPERANDS, sign, a->kind, b->kind);
}

snag_value snag_negated(const snag_value *a)
{
    if (a->kind == SNAG_KIND_DOUBLE)
        return of_double(-a->as.number);
    if (a->kind != SNAG_KIND_INT)
        return fault(SNAG_FAULT_OPERAND, SNAG_TOKEN_MINUS, a->kind, SNAG_KIND_ABSENT);
    if (a->as.integer == INT64_MIN)
        return fault(SNAG_FAULT_OVERFLOW, SNAG_TOKEN_MINUS, SNAG_KIND_INT, SNAG_KIND_INT);
    return snag_value_int(-a->as.integer);
}

enum { UNORDERED = 2, INCOMPARABLE = 3 };

static int order_double(double a, double b)
{
    if (isnan(a) || isnan(b))
        return UNORDERED;
    return (a > b) - (a < b);
}

static double as_double(const snag_value *value)
{
    switch (value->kind) {
    case SNAG_KIND_INT: return (double)value->as.integer;
    case SNAG_KIND_UINT: return (double)value->as.unsigned_integer;
    default: return value->as.number;
    }
}

static int order_uint(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static bool is_number(const snag_value *value)
{
    return value->kind == SNAG_KIND_INT || value->kind == SNAG_KIND_UINT ||
           value->kind == SNAG_KIND_DOUBLE;
}

static int order_numbers(const snag_value *a, const snag_value *b)
{
    if (!is_number(a) || !is_number(b))
        return INCOMPARABLE;
    if (a->kind == SNAG_KIND_DOUBLE || b->kind == SNAG_KIND_DOUBLE)
        return order_double(as_double(a), as_double(b));
    if (a->kind == SNAG_KIND_INT)
        return a->as.integer < 0
                   ? -1
                   : order_uint((uint64_t)a->as.integer, b->as.unsigned_integer);
    return b->as.integer < 0 ? 1 : order_uint(a->as.unsigned_integer, (uint64_t)b->as.integer);
}

int snag_value_order(const snag_value *a, const snag_value *b)
{
    if (a->kind != b->kind)
        return order_numbers(a, b);
    switch (a->kind) {
    case SNAG_KIND_BOOL: return (int)a->as.boolean - (int)b->as.boolean;
    case SNAG_KIND_INT:
        return (a->as.integer > b->as.integer) - (a->as.integer < b->as.integer);
    case SNAG_KIND_UINT: return order_uint(a->as.unsigned_integer, b->as.unsigned_integer);
    case SNAG_KIND_DOUBLE: return order_double(a->as.number, b->as.number);
    case SNAG_KIND_TEXT:
    case SNAG_KIND_BYTES: {
        int order = snag_str_compare(a->as.text, b->as.text);
        return (order > 0) - (order < 0);
    }
    case SNAG_KIND_TIME:
    case SNAG_KIND_DURATION:
        if (a->as.time.seconds != b->as.time.seconds)
            return a->as.time.seconds > b->as.time.seconds ? 1 : -1;
        return (a->as.time.nanos > b->as.time.nanos) - (a->as.time.nanos < b->as.time.nanos);
    default: return INCOMPARABLE;
    }
}

static bool lists_equal(snag_evaluation *eval, const snag_value *a, const snag_value *b)
{
    if (a->as.list.count != b->as.list.count)
        return false;
    for (size_t i = 0; i < a->as.list.count; i++)
        if (!snag_value_equal(eval, &a->as.list.items[i], &b->as.list.items[i]))
            return false;
    return true;
}

static bool maps_equal(snag_evaluation *eval, const snag_value *a, const snag_value *b)
{
    if (a->as.list.count != b->as.list.count)
        return false;
    for (size_t i = 0; i < a->as.list.count; i++) {
        const snag_value *pair = &a->as.list.items[2 * i];
        const snag_value *other = snag_map_find(eval, b, pair);
        if (!other || !snag_value_equal(eval, pair + 1, other))
            return false;
    }
    return true;
}

bool snag_value_equal(snag_evaluation *eval, const snag_value *a, const snag_value *b)
{
    if (!snag_evaluation_work(eval, 1))
        return false;
    if (a->kind == b->kind) {
        switch (a->kind) {
        case SNAG_KIND_TEXT:
        case SNAG_KIND_BYTES: return snag_str_equal(a->as.text, b->as.text);
        case SNAG_KIND_LIST: return lists_equal(eval, a, b);
        case SNAG_KIND_MAP: return maps_equal(eval, a, b);
        case SNAG_KIND_NULL: return true;
        case SNAG_KIND_TYPE: return a->as.type == b->as.type;
        default: break;
        }
    }
    return snag_value_order(a, b) == 0;
}

bool snag_is_key(const snag_value *key, bool lookup)
{
    return key->kind == SNAG_KIND_TEXT || key->kind == SNAG_KIND_INT || key->kind == SNAG_KIND_UINT ||
           key->kind == SNAG_KIND_BOOL || (lookup && key->kind == SNAG_KIND_DOUBLE);
}

const snag_value *snag_map_find(snag_evaluation *eval, const snag_value *map, const snag_value *key)
{
    for (size_t i = 0; i < map->as.list.count; i++) {
        const snag_value *pair = &map->as.list.items[2 * i];
        if (snag_value_equal(eval, pair, key))
            return pair + 1;
    }
    return NULL;
}

static bool whole_index(const snag_value *index, uint64_t *at)
{
    switch (index->kind) {
    case SNAG_KIND_INT: *at = index->as.integer < 0 ? UINT64_MAX : (uint64_t)index->as.integer; return true;
    case SNAG_KIND_UINT: *at = index->as.unsigned_integer; return true;
    case SNAG_KIND_DOUBLE:
        if (!(index->as.number >= 0 && index->as.number < 1e15) ||
            index->as.number != floor(index->as.number))
            return false;
        *at = (uint64_t)index->as.number;
        return true;
    default: return false;
    }
}

snag_value snag_indexed(snag_evaluation *eval, const snag_value *a, const snag_value *index)
{
    uint64_t at;
    if (a->kind == SNAG_KIND_MAP) {
        if (!snag_is_key(index, true))
            return snag_fault_value(SNAG_FAULT_KEY_KIND, NULL, index->kind, SNAG_KIND_ABSENT);
        const snag_value *found = snag_map_find(eval, a, index);
        return found ? *found
                     : snag_fault_value(SNAG_FAULT_KEY, NULL, SNAG_KIND_ABSENT, SNAG_KIND_ABSENT);
    }
    if (a->kind != SNAG_KIND_LIST)
        return snag_fault_value(SNAG_FAULT_OPERAND, "[]", a->kind, SNAG_KIND_ABSENT);
    if (!whole_index(index, &at))
        return snag_fault_value(SNAG_FAULT_INDEX_KIND, NULL, index->kind, SNAG_KIND_ABSENT);
    if (at >= a->as.list.count)
        return snag_fault_value(SNAG_FAULT_INDEX, NULL, SNAG_KIND_ABSENT, SNAG_KIND_ABSENT);
    return a->as.list.items[at];
}
