/* SPDX-License-Identifier: Apache-2.0
 *
 * Times, durations and UTF-8 from hostile bytes: what is read prints and reads back as the same instant.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/time.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_time(snag_str text)
{
    int64_t time_ms;
    int64_t back_ms = 0;
    char printed[64];
    if (!snag_time_parse_ms(text, &time_ms))
        return;
    snag_buf buf = snag_buf_on(printed, sizeof printed);
    snag_time_print(&buf, time_ms);
    /* An offset can carry a time out of the four-digit years: then it prints as a number. */
    if (snag_time_parse_ms(snag_buf_str(&buf), &back_ms))
        SNAG_ASSERT(back_ms == time_ms);
    else
        SNAG_ASSERT(time_ms < INT64_C(-62167219200000) || time_ms > INT64_C(253402300799999));
}

static void check_duration(snag_str text)
{
    int64_t duration_ms;
    int64_t back_ms = -1;
    char printed[96];
    if (!snag_duration_parse(text, &duration_ms))
        return;
    SNAG_ASSERT(duration_ms >= 0);
    snag_buf buf = snag_buf_on(printed, sizeof printed);
    snag_duration_print(&buf, duration_ms);
    SNAG_ASSERT(snag_duration_parse(snag_buf_str(&buf), &back_ms));
    SNAG_ASSERT(back_ms == duration_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    snag_str text = snag_str_of(data, size);
    check_time(text);
    check_duration(text);
    bool valid = snag_utf8_valid(text);
    for (size_t bytes = 0; bytes <= size && bytes < 64; bytes++) {
        snag_str cut = snag_utf8_cut(text, bytes);
        SNAG_ASSERT(cut.size <= bytes);
        SNAG_ASSERT(!valid || snag_utf8_valid(cut));
    }
    SNAG_ASSERT(snag_utf8_count(text) <= size);
    return 0;
}
