/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of the language: one table for the check, the evaluator, the manual and the tests.
 */
#ifndef SNAG_EXPR_BUILTIN_H
#define SNAG_EXPR_BUILTIN_H

#include "expr/program.h"

enum {
    SNAG_CALL_PLAIN = 1, /* size(x) */
    SNAG_CALL_METHOD = 2 /* x.size() */
};

enum { SNAG_ARGUMENTS_MAX = 2 };

#define SNAG_KIND_BIT(kind) (1u << SNAG_KIND_##kind)

typedef struct snag_builtin {
    const char *name;
    uint8_t calls; /* SNAG_CALL_… */
    uint8_t least; /* arguments, the method's target among them */
    uint8_t most;
    snag_kind result;
    uint32_t takes[SNAG_ARGUMENTS_MAX]; /* kinds, as bits */
    snag_value (*run)(snag_evaluation *eval, const snag_value *args, uint32_t count);
    /* instead of run: two texts, yes or no (which does not count where the steps ran out) */
    bool (*test)(snag_evaluation *eval, snag_str text, snag_str part);
    const char *help;
} snag_builtin;

/* In the order of the manual; *count of them. */
const snag_builtin *snag_builtins(size_t *count);
/* NULL: there is none of this name. */
const snag_builtin *snag_builtin_find(snag_str name);
/* Whether its second argument is a time zone. */
static inline bool snag_builtin_zoned(const snag_builtin *builtin)
{
    return builtin->most == 2 && (builtin->takes[0] & SNAG_KIND_BIT(TIME)) != 0;
}
/* Whether a zone's text is an offset, or UTC, and no name. */
bool snag_zone_is_offset(snag_str zone);

/* A fault that quotes a text; the text must outlive the evaluation (variables, constants, scratch). */
snag_value snag_fault_text(snag_evaluation *eval, snag_fault fault, snag_str text, snag_kind to);

/* Whether the part is in the text; false also where the steps run out. */
bool snag_text_holds(snag_evaluation *eval, snag_str text, snag_str part);

/* convert.c */
snag_value snag_call_int(snag_evaluation *eval, const snag_value *args, uint32_t count);
snag_value snag_call_uint(snag_evaluation *eval, const snag_value *args, uint32_t count);
snag_value snag_call_double(snag_evaluation *eval, const snag_value *args, uint32_t count);
snag_value snag_call_string(snag_evaluation *eval, const snag_value *args, uint32_t count);
snag_value snag_call_bytes(snag_evaluation *eval, const snag_value *args, uint32_t count);
snag_value snag_call_bool(snag_evaluation *eval, const snag_value *args, uint32_t count);
snag_value snag_call_dyn(snag_evaluation *eval, const snag_value *args, uint32_t count);
snag_value snag_call_type(snag_evaluation *eval, const snag_value *args, uint32_t count);

/* instant.c: timestamps and durations */
#define SNAG_INSTANT_SECONDS_MIN INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define SNAG_INSTANT_SECONDS_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
/* Normalizes nanos; a fault OVERFLOW of `sign` where the value leaves its kind's range. */
snag_value snag_instant_make(snag_kind kind, int64_t seconds, int64_t nanos, const char *sign);
/* "1h30m", "-1.5s", "2d", down to ns. */
bool snag_span_parse(snag_str text, snag_value *value);
/* CEL's text of a duration: "90s", "-0.5s"; of a timestamp: RFC 3339 with the nanoseconds it has. */
void snag_span_print(snag_buf *buf, const snag_value *value);
void snag_instant_print(snag_buf *buf, const snag_value *value);
snag_value snag_call_duration(snag_evaluation *eval, const snag_value *args, uint32_t count);
snag_value snag_call_timestamp(snag_evaluation *eval, const snag_value *args, uint32_t count);
/* The accessors (getHours …), listed in instant.c's own table. */
#define SNAG_ACCESSOR_TABLE(X)                                                        \
    X(getFullYear, YEAR, "the year")                                                  \
    X(getMonth, MONTH, "the month, from 0")                                           \
    X(getDate, DATE, "the day of the month, from 1")                                  \
    X(getDayOfMonth, MONTH_DAY, "the day of the month, from 0")                       \
    X(getDayOfWeek, WEEK_DAY, "the day of the week, from 0 = Sunday")                 \
    X(getDayOfYear, YEAR_DAY, "the day of the year, from 0")                          \
    X(getHours, HOURS, "the hour; of a duration, all of it in hours")                 \
    X(getMinutes, MINUTES, "the minute; of a duration, all of it in minutes")         \
    X(getSeconds, SECONDS, "the second; of a duration, all of it in seconds")         \
    X(getMilliseconds, MILLIS, "the milliseconds within the second")
#define X(name, part, help) \
    snag_value snag_call_##name(snag_evaluation *eval, const snag_value *args, uint32_t count);
SNAG_ACCESSOR_TABLE(X)
#undef X

#endif
