/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/lane.h"

#include <inttypes.h>

#include "base/limits.h"

snag_err snag_lane_fits(const snag_raw *raw, snag_diag *diag)
{
    size_t bytes = raw->value.size + raw->key.size + SNAG_CUSTOMER_BYTES_MAX + 2 * SNAG_LANE_NOTE_MAX;
    for (uint32_t i = 0; i < raw->header_count; i++)
        bytes += raw->headers[i].name.size + raw->headers[i].value.size;
    return bytes <= SNAG_LANE_BYTES_MAX
               ? SNAG_OK
               : snag_fail(diag, SNAG_BAD_SIZE, "the record has %zu bytes; at most %d can be carried (rekey)",
                           bytes, SNAG_LANE_BYTES_MAX);
}

static void put_time(snag_buf *buf, int64_t time_ms)
{
    snag_buf_byte(buf, ' ');
    if (time_ms == SNAG_TIME_NONE)
        snag_buf_byte(buf, '-');
    else
        snag_buf_int(buf, time_ms);
}

void snag_lane_note_print(snag_buf *buf, const snag_lane_note *note)
{
    snag_buf_printf(buf, "%d %" PRIu32 " %" PRId64, note->last_ms ? 2 : 1, note->partition, note->offset);
    put_time(buf, note->stamp_ms);
    put_time(buf, note->low_ms);
    snag_buf_printf(buf, " %" PRIu32, note->count);
    if (note->last_ms)
        snag_buf_printf(buf, " %" PRId64 " %" PRId64, note->last_ms, note->back_ms);
}

/* A number of at most 18 digits and what is behind it; negative only where it may be. */
static bool number(snag_str *rest, bool negative, int64_t *out)
{
    size_t at = negative && rest->size && rest->data[0] == '-' ? 1 : 0, first = at;
    int64_t value = 0;
    for (; at < rest->size && at - first < 18 && rest->data[at] >= '0' && rest->data[at] <= '9'; at++)
        value = value * 10 + (rest->data[at] - '0');
    if (at == first || (at < rest->size && rest->data[at] != ' '))
        return false;
    *out = first ? -value : value;
    at += at < rest->size;
    *rest = snag_str_of(rest->data + at, rest->size - at);
    return true;
}

static bool time_read(snag_str *rest, int64_t *out)
{
    if (rest->size < 2 || rest->data[0] != '-' || rest->data[1] != ' ')
        return number(rest, true, out);
    *out = SNAG_TIME_NONE;
    *rest = snag_str_of(rest->data + 2, rest->size - 2);
    return true;
}

/* What only marks have that speak of a silence. */
static bool silence_read(snag_str *rest, int64_t count, snag_lane_note *note)
{
    return count == 0 && note->low_ms != SNAG_TIME_NONE && number(rest, false, &note->last_ms) &&
           note->last_ms > 0 && number(rest, false, &note->back_ms);
}

bool snag_lane_note_read(snag_lane_note *note, snag_str text)
{
    int64_t version, partition, count;
    bool ends = text.size && text.data[text.size - 1] != ' ';
    note->last_ms = note->back_ms = 0;
    if (!ends || !number(&text, false, &version) || (version != 1 && version != 2) ||
        !number(&text, false, &partition) || !number(&text, false, &note->offset) ||
        !time_read(&text, &note->stamp_ms) || !time_read(&text, &note->low_ms) ||
        !number(&text, false, &count) || (version == 2 && !silence_read(&text, count, note)) ||
        text.size > 0 || partition >= SNAG_FLOWS_MAX || count > SNAG_EACH_MAX)
        return false;
    note->partition = (uint32_t)partition;
    note->count = (uint32_t)count;
    return true;
}
