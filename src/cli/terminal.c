/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/utf8.h"

enum { COLUMNS_OTHERWISE = 100, DRAW_EVERY_MS = 100, QUIET_AT_FIRST_MS = 300 };

bool snag_terminal_is(FILE *file)
{
    return isatty(fileno(file)) == 1;
}

bool snag_terminal_colour(FILE *file)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (no_color && no_color[0])
        return false;
    if (!term || !term[0] || strcmp(term, "dumb") == 0)
        return false;
    return snag_terminal_is(file);
}

unsigned snag_terminal_columns(FILE *file)
{
    struct winsize size;
    if (!snag_terminal_is(file) || ioctl(fileno(file), TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
        return COLUMNS_OTHERWISE;
    return size.ws_col;
}

const char *snag_style_code(bool colour, snag_style style)
{
    static const char *const codes[SNAG_STYLE_COUNT] = {
        "\033[0m", "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[34m", "\033[36m"};
    SNAG_ASSERT(style < SNAG_STYLE_COUNT);
    return colour ? codes[style] : "";
}

void snag_style_put(snag_buf *buf, bool colour, snag_style style, snag_str text, size_t width)
{
    bool styled = colour && style != SNAG_STYLE_PLAIN;
    size_t count = snag_utf8_count(text);
    snag_buf_str_put(buf, snag_str_from(snag_style_code(styled, style)));
    snag_buf_str_put(buf, text);
    snag_buf_str_put(buf, snag_str_from(snag_style_code(styled, SNAG_STYLE_PLAIN)));
    for (; count < width; count++)
        snag_buf_byte(buf, ' ');
}

void snag_number_print(snag_buf *buf, uint64_t number)
{
    char digits[32];
    size_t at = sizeof digits;
    unsigned written = 0;
    do {
        if (written > 0 && written % 3 == 0)
            digits[--at] = ',';
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
        written++;
    } while (number);
    snag_buf_put(buf, digits + at, sizeof digits - at);
}

void snag_rate_print(snag_buf *buf, double rate)
{
    if (rate >= 1e6)
        snag_buf_printf(buf, "%.2f M", rate / 1e6);
    else if (rate >= 1e4)
        snag_buf_printf(buf, "%.0f K", rate / 1e3);
    else
        snag_buf_printf(buf, "%.0f", rate);
}

/* Bytes of the next word, blanks excluded. */
static size_t word_size(const char *text)
{
    return strcspn(text, " \n");
}

void snag_wrapped_print(FILE *file, const char *text, unsigned indent, unsigned columns)
{
    size_t at = indent;
    bool first = true;
    while (*text) {
        size_t size = word_size(text);
        size_t shown = snag_utf8_count(snag_str_of(text, size));
        if (!first && at + 1 + shown > columns) {
            fprintf(file, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            fputc(' ', file);
            at++;
        }
        fwrite(text, 1, size, file);
        at += shown;
        first = false;
        text += size;
        if (*text == '\n') {
            fprintf(file, "\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        text += *text != '\0';
    }
}

void snag_progress_init(snag_progress *progress, const char *what, uint64_t total)
{
    *progress = (snag_progress){.what = what, .total = total, .on = snag_terminal_is(stderr)};
    progress->started_ms = snag_clock_monotonic_ms();
    progress->drawn_ms = progress->started_ms + QUIET_AT_FIRST_MS - DRAW_EVERY_MS;
}

static void draw(const snag_progress *progress, uint64_t done, uint64_t count, double seconds)
{
    char text[256];
    snag_buf buf = snag_buf_on(text, sizeof text - 1);
    bool colour = snag_terminal_colour(stderr);
    snag_style_put(&buf, colour, SNAG_STYLE_CYAN, snag_str_from(progress->what), 0);
    if (progress->total > 0 && done <= progress->total)
        snag_buf_printf(&buf, "  %3.0f%%", 100.0 * (double)done / (double)progress->total);
    snag_buf_printf(&buf, "  ");
    snag_number_print(&buf, count);
    snag_buf_printf(&buf, " events  ");
    snag_rate_print(&buf, (double)count / seconds);
    snag_buf_printf(&buf, "/s");
    if (progress->total > 0 && done > 0 && done <= progress->total)
        snag_buf_printf(&buf, "  %.0f s left",
                        seconds * (double)(progress->total - done) / (double)done);
    fprintf(stderr, "\r\033[2K%.*s", SNAG_FMT(snag_buf_str(&buf)));
    fflush(stderr);
}

void snag_progress_step(snag_progress *progress, uint64_t done, uint64_t count)
{
    if (!progress->on)
        return;
    int64_t now_ms = snag_clock_monotonic_ms();
    if (now_ms - progress->drawn_ms < DRAW_EVERY_MS)
        return;
    progress->drawn_ms = now_ms;
    progress->drawn = true;
    int64_t spent_ms = now_ms - progress->started_ms;
    draw(progress, done, count, (double)(spent_ms > 0 ? spent_ms : 1) / 1000.0);
}

void snag_progress_clear(snag_progress *progress)
{
    if (progress->drawn) {
        fputs("\r\033[2K", stderr);
        fflush(stderr);
    }
    progress->drawn = false;
}
