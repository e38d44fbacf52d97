/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdio.h>

#include "base/assert.h"

static const struct {
    const char *name;
    const char *sentence;
} table[SNAG_ERR_COUNT] = {
#define X(name, sentence) {#name, sentence},
    SNAG_ERR_TABLE(X)
#undef X
};

const char *snag_err_sentence(snag_err err)
{
    SNAG_ASSERT(err < SNAG_ERR_COUNT);
    return table[err].sentence;
}

/* Names in lower case, spelled out once: no buffer, no locale. */
static const char *const lower[SNAG_ERR_COUNT] = {
    "ok",         "bad_truncated", "bad_utf8",   "bad_syntax", "bad_type", "bad_missing",
    "bad_time",   "bad_future",    "bad_schema", "bad_depth",  "bad_number", "bad_size",
    "bad_key",    "usage",         "config",     "expr",       "eval",     "io",
    "memory",     "full",          "broker",     "fenced",     "refused",  "store",    "state",
    "again",      "end"};

const char *snag_err_name(snag_err err)
{
    SNAG_ASSERT(err < SNAG_ERR_COUNT);
    SNAG_ASSERT(lower[err] != NULL);
    return lower[err];
}

snag_err snag_fail(snag_diag *diag, snag_err err, const char *format, ...)
{
    if (diag) {
        va_list args;
        va_start(args, format);
        vsnprintf(diag->text, sizeof diag->text, format, args);
        va_end(args);
    }
    return err;
}
