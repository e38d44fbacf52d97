/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: one enum, one table, one sentence each.
 *
 * Three kinds of failure are kept apart. Bad data goes to the dead letter with one of the SNAG_BAD_*
 * reasons; trouble outside (files, broker, Redis, memory) is returned and must be checked; our own
 * bugs are assertions. Words for people go into the caller's diag, always the last argument.
 */
#ifndef SNAG_BASE_ERR_H
#define SNAG_BASE_ERR_H

#include <stdarg.h>

#include "base/str.h"

/* name, sentence. The name in lower case is the dead letter's snag.reason. */
#define SNAG_ERR_TABLE(X)                                                         \
    X(OK, "no error")                                                             \
    /* bad data: one record's fault */                                            \
    X(BAD_TRUNCATED, "the record ends before its format does")                    \
    X(BAD_UTF8, "the record holds bytes that are not UTF-8")                      \
    X(BAD_SYNTAX, "the record is not what its format says")                       \
    X(BAD_TYPE, "a mapped name has a value of the wrong type")                    \
    X(BAD_MISSING, "a name that every event needs is absent")                     \
    X(BAD_TIME, "the time cannot be read")                                        \
    X(BAD_FUTURE, "the time lies too far after the record's own timestamp")       \
    X(BAD_SCHEMA, "the schema id is unknown")                                     \
    X(BAD_DEPTH, "the record is nested too deeply")                               \
    X(BAD_NUMBER, "a number does not fit")                                        \
    X(BAD_SIZE, "the record, or a name in it, is too large")                      \
    X(BAD_KEY, "the record's key is not its customer")                            \
    /* asked for something that cannot be */                                      \
    X(USAGE, "wrong usage")                                                       \
    X(CONFIG, "the pipeline file is not valid")                                   \
    X(EXPR, "the expression does not compile")                                    \
    X(EVAL, "the expression has no value here")                                   \
    /* outside trouble */                                                         \
    X(IO, "a file cannot be read or written")                                     \
    X(MEMORY, "out of memory")                                                    \
    X(FULL, "a bound is reached")                                                 \
    X(BROKER, "the broker refused or is gone")                                    \
    X(FENCED, "another producer took this transactional id")                      \
    X(REFUSED, "the broker refuses this for good: rights, or a bound of its own")  \
    X(STORE, "Redis refused or is gone")                                          \
    X(STATE, "stored state is inconsistent")                                      \
    X(AGAIN, "not now; try again")                                                \
    X(END, "nothing more to read")

typedef enum snag_err {
#define X(name, sentence) SNAG_##name,
    SNAG_ERR_TABLE(X)
#undef X
        SNAG_ERR_COUNT
} snag_err;

#if defined(__GNUC__)
#define SNAG_MUST_CHECK __attribute__((warn_unused_result))
#define SNAG_PRINTF(words, args) __attribute__((format(printf, words, args)))
#else
#define SNAG_MUST_CHECK
#define SNAG_PRINTF(words, args)
#endif

/* The sentence of an error, e.g. "the time cannot be read". */
const char *snag_err_sentence(snag_err err);
/* The name in lower case, e.g. "bad_time". */
const char *snag_err_name(snag_err err);

/* Words for a person, cut to fit; always terminated. line and column count from 1; 0 = unknown. */
typedef struct snag_diag {
    char text[512];
    uint32_t line;
    uint32_t column;
} snag_diag;

/* Writes the words and returns err, so that a failure is one statement. diag may be NULL. */
snag_err snag_fail(snag_diag *diag, snag_err err, const char *format, ...) SNAG_PRINTF(3, 4);

#endif
