/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/fault.h"

#include "base/assert.h"
#include "base/utf8.h"

typedef enum detail_kind { DETAIL_NONE, DETAIL_WORD, DETAIL_TEXT } detail_kind;

static const struct {
    detail_kind detail;
    const char *sentence;
} faults[SNAG_FAULT_COUNT] = {
#define X(name, kind, words) [SNAG_FAULT_##name] = {DETAIL_##kind, words},
    SNAG_FAULT_TABLE(X)
#undef X
};

enum { DETAIL_BYTES_MAX = 120 };

static snag_str detail_of(const snag_value *value)
{
    const void *detail = value->as.error.detail;
    switch (faults[value->as.error.fault].detail) {
    case DETAIL_WORD: return snag_str_from(detail);
    case DETAIL_TEXT:
        return detail ? snag_utf8_cut(*(const snag_str *)detail, DETAIL_BYTES_MAX) : SNAG_STR("…");
    default: return SNAG_STR("");
    }
}

snag_err snag_fault_tell(const snag_value *value, snag_diag *diag)
{
    SNAG_ASSERT(value->kind == SNAG_KIND_ERROR && value->as.error.fault < SNAG_FAULT_COUNT);
    if (!diag)
        return SNAG_EVAL;
    snag_buf buf = snag_buf_on(diag->text, sizeof diag->text - 1);
    for (const char *at = faults[value->as.error.fault].sentence; *at; at++) {
        if (*at != '{') {
            snag_buf_byte(&buf, *at);
            continue;
        }
        if (at[1] == 'd')
            snag_buf_str_put(&buf, detail_of(value));
        else
            snag_buf_str_put(&buf, snag_str_from(snag_kind_word(at[1] == 'l' ? value->as.error.left
                                                                              : value->as.error.right)));
        at += 2;
    }
    diag->text[buf.size] = '\0';
    diag->column = value->as.error.column;
    return SNAG_EVAL;
}
