/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/range_last.h"

/* Whether any partition has a record before its end that was stamped then, or later. */
static snag_err has(snag_kafka_look *look, const char *topic, const snag_kafka_part *parts, size_t count,
                    int64_t since_ms, bool *yes, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    *yes = false;
    for (size_t i = 0; i < count && !*yes && err == SNAG_OK; i++) {
        int64_t offset;
        err = snag_kafka_look_at(look, topic, parts[i].partition, since_ms, &offset, diag);
        *yes = err == SNAG_OK && offset < parts[i].end;
        err = err == SNAG_END ? SNAG_OK : err;
    }
    return err;
}

snag_err snag_range_last(snag_kafka_look *look, const char *topic, const snag_kafka_part *parts, size_t count,
                         int64_t end_ms, int64_t *last_ms, snag_diag *diag)
{
    int64_t old_ms = 0, new_ms = end_ms;
    bool yes;
    *last_ms = SNAG_TIME_NONE;
    snag_err err = has(look, topic, parts, count, end_ms, &yes, diag);
    if (err == SNAG_OK && yes)
        *last_ms = end_ms;
    if (err != SNAG_OK || yes)
        return err;
    while (new_ms - old_ms > 1 && err == SNAG_OK) {
        int64_t half_ms = old_ms + (new_ms - old_ms) / 2;
        err = has(look, topic, parts, count, half_ms, &yes, diag);
        if (yes)
            old_ms = half_ms;
        else
            new_ms = half_ms;
    }
    if (err == SNAG_OK && old_ms > 0)
        *last_ms = old_ms;
    return err;
}
