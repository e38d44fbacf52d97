/* SPDX-License-Identifier: Apache-2.0
 *
 * What `snag check` prints of a source's disorder: quantiles, shares late, findings, lines to paste.
 */
#include "base/time.h"
#include "cli/disorder.h"
#include "cli/figure.h"
#include "cli/terminal.h"

/* What is measured may be rough: of hours nobody reads the milliseconds. */
static snag_figure rough(int64_t ms)
{
    int64_t least_ms = ms >= SNAG_DAY_MS ? SNAG_MINUTE_MS : ms >= SNAG_HOUR_MS ? SNAG_SECOND_MS : 1;
    return snag_figure_duration(ms - ms % least_ms);
}

static void spread_print(const snag_spread *spread, const char *name, FILE *file)
{
    fprintf(file, "  %-8s", name);
    static const uint32_t permilles[] = {500, 900, 990, 999};
    for (size_t i = 0; i < sizeof permilles / sizeof permilles[0]; i++)
        fprintf(file, "%12s", rough(snag_spread_quantile(spread, permilles[i])).text);
    fprintf(file, "%12s\n", rough(spread->max_ms).text);
}

static void spreads_print(const snag_disorder *disorder, FILE *file)
{
    uint64_t events = disorder->behind.count;
    uint64_t behind = events - disorder->behind.buckets[0];
    if (behind == 0)
        fprintf(file, "  every event is at least as new as those before it\n");
    else
        fprintf(file, "  %s events (%.2f%%) come behind a newer one\n", snag_figure_number(behind).text,
                snag_percent(behind, events));
    if (behind == 0 && disorder->delay.count == 0)
        return;
    fprintf(file, "  %-8s%12s%12s%12s%12s%12s\n", "", "p50", "p90", "p99", "p99.9", "max");
    if (behind > 0)
        spread_print(&disorder->behind, "behind", file);
    if (disorder->delay.count > 0)
        spread_print(&disorder->delay, "delay", file);
    if (disorder->ahead > 0)
        fprintf(file, "  %s events (%.2f%%) were received before their own time: some clock is ahead\n",
                snag_figure_number(disorder->ahead).text,
                snag_percent(disorder->ahead, disorder->delay.count));
}

/* The file's and those asked for always; of the others the few between none and all. */
static void late_print(const snag_disorder *disorder, FILE *file)
{
    uint64_t events = disorder->behind.count;
    int64_t suggested_ms = snag_disorder_suggest(disorder);
    uint64_t before = UINT64_MAX;
    fprintf(file, "  late, if out_of_order were\n");
    for (uint32_t i = 0; i < disorder->bound_count; i++) {
        int64_t bound_ms = disorder->bounds_ms[i];
        uint64_t late = snag_disorder_late(disorder, bound_ms);
        bool own = bound_ms == disorder->out_of_order_ms;
        bool suggested = bound_ms == suggested_ms;
        if (own || suggested || disorder->asked[i] || late != before)
            fprintf(file, "  %8s%12s  %.2f%%%s%s\n", snag_figure_duration(bound_ms).text,
                    snag_figure_number(late).text,
                    snag_percent(late, events), own ? "  the file's" : "", suggested ? "  suggested" : "");
        before = late;
    }
}

static uint32_t finding(FILE *file, bool colour, const char *format, ...) SNAG_PRINTF(3, 4);
static uint32_t finding(FILE *file, bool colour, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(file, "  %sfinding:%s ", snag_style_code(colour, SNAG_STYLE_YELLOW),
            snag_style_code(colour, SNAG_STYLE_PLAIN));
    vfprintf(file, format, args);
    fputc('\n', file);
    va_end(args);
    return 1;
}

static bool late_too_many(const snag_disorder *disorder)
{
    return snag_disorder_late(disorder, disorder->out_of_order_ms) * SNAG_LATE_SHARE > disorder->behind.count;
}

/* Received long after it happened, most of it: no delay could mend that, and none needs to. */
static bool is_history(const snag_disorder *disorder)
{
    return disorder->delay.count > 0 && snag_spread_quantile(&disorder->delay, 500) >= SNAG_DAY_MS;
}

static bool slow_too_many(const snag_disorder *disorder)
{
    return !disorder->clock_log && !is_history(disorder) &&
           disorder->slow * SNAG_LATE_SHARE > disorder->delay.count;
}

static uint32_t findings_print(const snag_disorder *disorder, FILE *file, bool colour)
{
    uint32_t count = 0;
    if (late_too_many(disorder))
        count += finding(file, colour,
                         "more than one event in a thousand is late; out_of_order: %s would do",
                         snag_figure_duration(snag_disorder_suggest(disorder)).text);
    if (slow_too_many(disorder))
        count += finding(file, colour,
                         "%s events (%.2f%%, more than one in a thousand) are received later than "
                         "out_of_order + delay (%s) after their time: silence would be judged before they "
                         "come",
                         snag_figure_number(disorder->slow).text,
                         snag_percent(disorder->slow, disorder->delay.count),
                         snag_figure_duration(disorder->out_of_order_ms + disorder->delay_ms).text);
    return count;
}

uint32_t snag_disorder_print(const snag_disorder *disorder, FILE *file, bool colour)
{
    int64_t delay_ms = snag_disorder_suggest_delay(disorder);
    spreads_print(disorder, file);
    late_print(disorder, file);
    uint32_t count = findings_print(disorder, file, colour);
    fprintf(file, "  these would do:\n    out_of_order: %s\n",
            snag_figure_duration(snag_disorder_suggest(disorder)).text);
    if (is_history(disorder))
        fprintf(file,
                "  (half of them were received more than %s after they happened: history, from which "
                "`delay` cannot be told%s)\n",
                rough(snag_spread_quantile(&disorder->delay, 500)).text,
                disorder->clock_log ? "" : "; while more of it comes, the source needs clock: log");
    else if (delay_ms >= 0)
        fprintf(file, "    delay: %s\n", snag_figure_duration(delay_ms).text);
    else
        fprintf(file, "  (no record says when it was received, so `delay` cannot be told from them)\n");
    return count;
}
