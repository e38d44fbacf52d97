/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversions between kinds. What does not fit is a fault, never cut.
 */
#include <math.h>

#include "base/utf8.h"
#include "expr/builtin.h"
#include "expr/lexer.h"

enum { NUMBER_BYTES = 48 };

static snag_value of_uint(uint64_t number)
{
    return (snag_value){.as.unsigned_integer = number, .kind = SNAG_KIND_UINT};
}

static snag_value of_double(double number)
{
    return (snag_value){.as.number = number, .kind = SNAG_KIND_DOUBLE};
}

static snag_value range(const snag_value *from, snag_kind to)
{
    return snag_fault_value(SNAG_FAULT_RANGE, NULL, from->kind, to);
}

static bool read_digits(snag_str digits, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < digits.size; i++) {
        unsigned digit = (unsigned)(unsigned char)digits.data[i] - '0';
        if (digit > 9 || *number > (UINT64_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return digits.size > 0;
}

static snag_value int_of_text(snag_evaluation *eval, snag_str text)
{
    uint64_t number;
    bool minus = text.size > 0 && text.data[0] == '-';
    bool sign = minus || (text.size > 0 && text.data[0] == '+');
    snag_str digits = snag_str_of(text.data + sign, text.size - sign);
    if (!read_digits(digits, &number) || number > (uint64_t)INT64_MAX + minus)
        return snag_fault_text(eval, SNAG_FAULT_TEXT, text, SNAG_KIND_INT);
    return snag_value_int((int64_t)(minus ? 0 - number : number));
}

snag_value snag_call_int(snag_evaluation *eval, const snag_value *args, uint32_t count)
{
    (void)count;
    switch (args->kind) {
    case SNAG_KIND_UINT:
        return args->as.unsigned_integer > INT64_MAX ? range(args, SNAG_KIND_INT)
                                                     : snag_value_int((int64_t)args->as.unsigned_integer);
    case SNAG_KIND_DOUBLE: /* CEL leaves out -2^63 itself, which could stand for anything near it */
        if (!(args->as.number > -9223372036854775808.0 && args->as.number < 9223372036854775808.0))
            return range(args, SNAG_KIND_INT);
        return snag_value_int((int64_t)args->as.number);
    case SNAG_KIND_TEXT: return int_of_text(eval, args->as.text);
    case SNAG_KIND_TIME: return snag_value_int(args->as.time.seconds);
    default: return *args;
    }
}

snag_value snag_call_uint(snag_evaluation *eval, const snag_value *args, uint32_t count)
{
    (void)count;
    uint64_t number;
    switch (args->kind) {
    case SNAG_KIND_INT:
        return args->as.integer < 0 ? range(args, SNAG_KIND_UINT) : of_uint((uint64_t)args->as.integer);
    case SNAG_KIND_DOUBLE:
        if (!(args->as.number >= 0 && args->as.number < 18446744073709551616.0))
            return range(args, SNAG_KIND_UINT);
        return of_uint((uint64_t)args->as.number);
    case SNAG_KIND_TEXT:
        if (!read_digits(args->as.text, &number))
            return snag_fault_text(eval, SNAG_FAULT_TEXT, args->as.text, SNAG_KIND_UINT);
        return of_uint(number);
    default: return *args;
    }
}

snag_value snag_call_double(snag_evaluation *eval, const snag_value *args, uint32_t count)
{
    (void)count;
    double number;
    switch (args->kind) {
    case SNAG_KIND_INT: return of_double((double)args->as.integer);
    case SNAG_KIND_UINT: return of_double((double)args->as.unsigned_integer);
    case SNAG_KIND_TEXT:
        if (!snag_literal_double(args->as.text, &number))
            return snag_fault_text(eval, SNAG_FAULT_TEXT, args->as.text, SNAG_KIND_DOUBLE);
        return of_double(number);
    default: return *args;
    }
}

static snag_value kept_text(snag_evaluation *eval, const snag_buf *buf)
{
    snag_str text = snag_arena_copy(eval->scratch, snag_buf_str(buf));
    if (!text.data)
        return snag_fault_value(SNAG_FAULT_SCRATCH, NULL, SNAG_KIND_ABSENT, SNAG_KIND_ABSENT);
    return snag_value_text(text);
}

snag_value snag_call_string(snag_evaluation *eval, const snag_value *args, uint32_t count)
{
    (void)count;
    char bytes[NUMBER_BYTES];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    switch (args->kind) {
    case SNAG_KIND_TEXT: return *args;
    case SNAG_KIND_BYTES:
        if (!snag_evaluation_work(eval, args->as.text.size / 16))
            return snag_fault_value(SNAG_FAULT_STEPS, NULL, SNAG_KIND_ABSENT, SNAG_KIND_ABSENT);
        if (!snag_utf8_valid(args->as.text))
            return range(args, SNAG_KIND_TEXT);
        return snag_value_text(args->as.text);
    case SNAG_KIND_TIME: snag_instant_print(&buf, args); break;
    case SNAG_KIND_DURATION: snag_span_print(&buf, args); break;
    case SNAG_KIND_DOUBLE:
        if (args->as.number == 0 && signbit(args->as.number))
            snag_buf_byte(&buf, '-');
        snag_value_print(&buf, args);
        break;
    default: snag_value_print(&buf, args); break;
    }
    return kept_text(eval, &buf);
}

snag_value snag_call_bytes(snag_evaluation *eval, const snag_value *args, uint32_t count)
{
    (void)eval;
    (void)count;
    return (snag_value){.as.text = args->as.text, .kind = SNAG_KIND_BYTES};
}

snag_value snag_call_bool(snag_evaluation *eval, const snag_value *args, uint32_t count)
{
    static const char *const words[2][5] = {{"false", "f", "0", "FALSE", "False"},
                                            {"true", "t", "1", "TRUE", "True"}};
    (void)count;
    if (args->kind == SNAG_KIND_BOOL)
        return *args;
    for (int yes = 0; yes < 2; yes++)
        for (int i = 0; i < 5; i++)
            if (snag_str_equal(args->as.text, snag_str_from(words[yes][i])))
                return (snag_value){.as.boolean = yes == 1, .kind = SNAG_KIND_BOOL};
    return snag_fault_text(eval, SNAG_FAULT_TEXT, args->as.text, SNAG_KIND_BOOL);
}

snag_value snag_call_dyn(snag_evaluation *eval, const snag_value *args, uint32_t count)
{
    (void)eval;
    (void)count;
    return *args;
}

snag_value snag_call_type(snag_evaluation *eval, const snag_value *args, uint32_t count)
{
    (void)eval;
    (void)count;
    return (snag_value){.as.type = args->kind, .kind = SNAG_KIND_TYPE};
}
