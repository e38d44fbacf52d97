/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults: why an evaluation has no value. As in CEL a fault is a value (kind ERROR) that spreads
 * through operators until || or && absorbs it; it becomes words only where it leaves the evaluation.
 */
#ifndef SNAG_EXPR_FAULT_H
#define SNAG_EXPR_FAULT_H

#include "base/err.h"
#include "event/value.h"

/* name, what `detail` points to: NONE, WORD (const char), TEXT (snag_str, may be NULL), and the
 * sentence with {d} = detail, {l} and {r} = the kinds it is about */
#define SNAG_FAULT_TABLE(X)                                                                    \
    X(ABSENT, TEXT, "{d} is absent; has({d}) asks whether it is there")                        \
    X(OPERAND, WORD, "{d} does not work on {l}")                                               \
    X(OPERANDS, WORD, "{d} does not work on {l} and {r}")                                      \
    X(CONDITION, WORD, "{d} needs bool, got {l}")                                              \
    X(ARGUMENT, WORD, "{d}() does not take {l}")                                               \
    X(ARGUMENTS, WORD, "{d}() got the wrong number of arguments")                              \
    X(FUNCTION, TEXT, "there is no function {d}")                                              \
    X(OVERFLOW, WORD, "{d} leaves the range of {l}")                                           \
    X(ZERO, WORD, "the right side of {d} is zero")                                             \
    X(FIELD, TEXT, "the map has no key {d}")                                                   \
    X(KEY, NONE, "the map has no such key")                                                    \
    X(KEY_KIND, NONE, "a map's keys are int, uint, bool or text; this is {l}")                 \
    X(KEY_TWICE, NONE, "the map has this key twice")                                           \
    X(INDEX, NONE, "the index is outside the list")                                            \
    X(INDEX_KIND, NONE, "a list's index is a whole number; this is {l}")                       \
    X(TEXT, TEXT, "the text \"{d}\" is no {r}")                                                \
    X(RANGE, NONE, "this {l} does not fit into {r}")                                           \
    X(ZONE, TEXT, "the time zone \"{d}\" is not known, and not an offset such as +02:00")               \
    X(PATTERN, TEXT, "the pattern is not valid: {d}")                                          \
    X(STEPS, NONE, "the evaluation takes too many steps")                                      \
    X(SCRATCH, NONE, "the evaluation needs more memory than it has")                           \
    X(RESULT, NONE, "the result is {l}, expected {r}")

typedef enum snag_fault {
#define X(name, detail, sentence) SNAG_FAULT_##name,
    SNAG_FAULT_TABLE(X)
#undef X
        SNAG_FAULT_COUNT
} snag_fault;

/* A fault about up to two kinds; its column is filled in by the evaluator. */
static inline snag_value snag_fault_value(snag_fault fault, const void *detail, snag_kind left,
                                          snag_kind right)
{
    return (snag_value){.as.error = {.detail = detail,
                                     .fault = (uint8_t)fault,
                                     .left = (uint8_t)left,
                                     .right = (uint8_t)right},
                        .kind = SNAG_KIND_ERROR};
}

/* Its sentence and column into diag (may be NULL). Returns SNAG_EVAL. */
snag_err snag_fault_tell(const snag_value *value, snag_diag *diag);

#endif
