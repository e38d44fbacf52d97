/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures as short texts, for reports that put several of them into one line.
 */
#ifndef SNAG_CLI_FIGURE_H
#define SNAG_CLI_FIGURE_H

#include <stdint.h>

typedef struct snag_figure {
    char text[48];
} snag_figure;

/* 1,234,567 */
snag_figure snag_figure_number(uint64_t value);
/* 2h30m */
snag_figure snag_figure_duration(int64_t ms);
/* A time as records have it (RFC 3339, UTC). */
snag_figure snag_figure_instant(int64_t ms);
/* 0 of nothing. */
double snag_percent(uint64_t part, uint64_t whole);

#endif
