/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/figure.h"

#include "base/time.h"
#include "cli/terminal.h"

static snag_buf begin(snag_figure *to)
{
    return snag_buf_on(to->text, sizeof to->text - 1);
}

snag_figure snag_figure_number(uint64_t value)
{
    snag_figure to;
    snag_buf buf = begin(&to);
    snag_number_print(&buf, value);
    to.text[buf.size] = '\0';
    return to;
}

snag_figure snag_figure_duration(int64_t ms)
{
    snag_figure to;
    snag_buf buf = begin(&to);
    snag_duration_print(&buf, ms);
    to.text[buf.size] = '\0';
    return to;
}

snag_figure snag_figure_instant(int64_t ms)
{
    snag_figure to;
    snag_buf buf = begin(&to);
    snag_time_print(&buf, ms);
    to.text[buf.size] = '\0';
    return to;
}

double snag_percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}
