/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status.h"

#include "base/time.h"
#include "cli/terminal.h"

static void number(snag_buf *buf, uint64_t count, const char *what)
{
    snag_buf_str_put(buf, SNAG_STR("  "));
    snag_number_print(buf, count);
    snag_buf_printf(buf, " %s", what);
}

/* How much is left to read, how old the news is, and how long it will take at this rate. */
static void behind_print(snag_buf *buf, const snag_stats *sum, double rate)
{
    enum { SECOND_MS = 1000, SHOWN_MS = 2000, LEFT_MAX_S = 1000000 };
    uint64_t left = atomic_load(&sum->left);
    int64_t behind_ms = (int64_t)atomic_load(&sum->behind_ms);
    if (atomic_load(&sum->caught_up)) {
        snag_buf_str_put(buf, SNAG_STR("  up to date"));
        return;
    }
    snag_buf_str_put(buf, SNAG_STR("  catching up"));
    if (left) {
        snag_buf_str_put(buf, SNAG_STR(": "));
        snag_number_print(buf, left);
        snag_buf_str_put(buf, SNAG_STR(" records left"));
    }
    if (behind_ms >= SHOWN_MS) {
        snag_buf_str_put(buf, SNAG_STR(", "));
        snag_duration_print(buf, behind_ms / SECOND_MS * SECOND_MS);
        snag_buf_str_put(buf, SNAG_STR(" behind"));
    }
    double seconds = rate > 0 ? (double)left / rate : 0;
    if (seconds >= 1 && seconds < LEFT_MAX_S) {
        snag_buf_str_put(buf, SNAG_STR(", about "));
        snag_duration_print(buf, (int64_t)seconds * SECOND_MS);
    }
}

void snag_status_print(snag_buf *buf, snag_str name, const snag_stats *sum, double rate)
{
    snag_buf_str_put(buf, name);
    number(buf, atomic_load(&sum->partitions), "partitions");
    number(buf, atomic_load(&sum->records), "records (");
    snag_rate_print(buf, rate);
    snag_buf_str_put(buf, SNAG_STR("/s)"));
    number(buf, atomic_load(&sum->alerts), "alerts (");
    snag_number_print(buf, atomic_load(&sum->episodes));
    snag_buf_str_put(buf, SNAG_STR(" open)"));
    number(buf, atomic_load(&sum->walks), "journeys under way");
    if (atomic_load(&sum->dead))
        number(buf, atomic_load(&sum->dead), "dead letters");
    if (atomic_load(&sum->late))
        number(buf, atomic_load(&sum->late), "late");
    if (atomic_load(&sum->duplicates))
        number(buf, atomic_load(&sum->duplicates), "duplicates");
    if (atomic_load(&sum->excluded))
        number(buf, atomic_load(&sum->excluded), "excluded");
    if (atomic_load(&sum->silent))
        number(buf, atomic_load(&sum->silent), "silent sources: what waits for them is held");
    behind_print(buf, sum, rate);
}

void snag_farewell_print(snag_buf *buf, const snag_stats *sum)
{
    snag_buf_str_put(buf, SNAG_STR("stopped:"));
    number(buf, atomic_load(&sum->records), "records read,");
    number(buf, atomic_load(&sum->alerts), "alerts,");
    number(buf, atomic_load(&sum->changes), "journey changes,");
    number(buf, atomic_load(&sum->dead), "dead letters,");
    number(buf, atomic_load(&sum->duplicates), "duplicates; everything is committed");
}
