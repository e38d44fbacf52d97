/* SPDX-License-Identifier: Apache-2.0
 *
 * A typed value: what a kept name holds, and what an expression works on.
 * The kinds are CEL's (google/cel-spec), plus "absent": the record did not have the name.
 */
#ifndef SNAG_EVENT_VALUE_H
#define SNAG_EVENT_VALUE_H

#include "base/buf.h"
#include "base/str.h"

/* kind, word in pipeline files and messages */
#define SNAG_KIND_TABLE(X) \
    X(ABSENT, "absent")    \
    X(NULL, "null")        \
    X(BOOL, "bool")        \
    X(INT, "int")          \
    X(UINT, "uint")        \
    X(DOUBLE, "double")    \
    X(TEXT, "text")        \
    X(BYTES, "bytes")      \
    X(TIME, "time")        \
    X(DURATION, "duration") \
    X(LIST, "list")        \
    X(MAP, "map")          \
    X(TYPE, "type")        \
    X(ERROR, "error")      \
    X(DYN, "any")

typedef enum snag_kind {
#define X(name, word) SNAG_KIND_##name,
    SNAG_KIND_TABLE(X)
#undef X
        SNAG_KIND_COUNT
} snag_kind;

/* Events hold only the scalar kinds. Lists and maps live in expressions and in raw JSON:
 * a list has `count` values at `items`; a map has `count` pairs, key then value, at `items`. */
typedef struct snag_value {
    union {
        bool boolean;
        int64_t integer;
        uint64_t unsigned_integer;
        double number;
        snag_str text; /* TEXT and BYTES; borrowed */
        struct {
            int64_t seconds; /* TIME: since the epoch; DURATION: signed, same sign as nanos */
            int32_t nanos;
        } time;
        struct {
            const struct snag_value *items;
            size_t count;
        } list;
        snag_kind type; /* TYPE: the kind it names */
        struct { /* ERROR: lives only inside an evaluation (expr/fault.h) */
            const void *detail;
            uint32_t column;
            uint8_t fault;
            uint8_t left; /* kinds it is about */
            uint8_t right;
        } error;
    } as;
    snag_kind kind;
} snag_value;

/* The word of a kind, e.g. "duration". */
const char *snag_kind_word(snag_kind kind);

static inline snag_value snag_value_text(snag_str text)
{
    return (snag_value){.as.text = text, .kind = SNAG_KIND_TEXT};
}

static inline snag_value snag_value_int(int64_t integer)
{
    return (snag_value){.as.integer = integer, .kind = SNAG_KIND_INT};
}

static inline snag_value snag_value_time_ms(int64_t time_ms)
{
    int64_t seconds = time_ms / 1000 - (time_ms % 1000 < 0);
    return (snag_value){.as.time = {seconds, (int32_t)(time_ms - seconds * 1000) * 1000000},
                        .kind = SNAG_KIND_TIME};
}

/* The value's plain text, as in headlines and `per` values: 7 is "7", true is "true", a time is
 * RFC 3339, a duration "1m30s"; absent and null print nothing. Lists and maps print as JSON. */
void snag_value_print(snag_buf *buf, const snag_value *value);
/* The value as JSON; absent prints null. */
void snag_value_json(snag_buf *buf, const snag_value *value);

#endif
