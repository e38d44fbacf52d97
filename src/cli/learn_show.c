/* SPDX-License-Identifier: Apache-2.0
 *
 * Times as people want them: quantiles by stage and shape, what is in force, and the line for the file.
 */
#include "cli/learn.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/time.h"
#include "cli/terminal.h"
#include "cli/view.h"

enum { SHARE_OTHERWISE = 950000, LINE_BYTES = 4096, SHARES = 5 };

static const uint32_t shares[SHARES] = {500000, 750000, 900000, 950000, 990000};
static const char *const share_words[SHARES] = {"p50", "p75", "p90", "p95", "p99"};

typedef struct view {
    const snag_pipeline *pipeline;
    const snag_learn_row *rows;
    int64_t at_ms;
} view;

static uint32_t share_of(const snag_sketch_spec *spec)
{
    return spec->millionths ? spec->millionths : SHARE_OTHERWISE;
}

static void wait_put(snag_buf *buf, const snag_wait *wait)
{
    if (wait->span)
        snag_buf_str_put(buf, wait->span->amount.text);
    else
        snag_duration_print(buf, wait->ms);
}

/* "95%", "99.9%" */
static void share_put(snag_buf *buf, uint32_t millionths)
{
    snag_buf_double(buf, (double)millionths / 1e4);
    snag_buf_byte(buf, '%');
}

static bool is_rule(const snag_sketch_spec *spec)
{
    return memchr(spec->name.data, '.', spec->name.size) == NULL;
}

/* Rounded up, as a person would. */
static int64_t whole_seconds(int64_t ms)
{
    return (ms + SNAG_SECOND_MS - 1) / SNAG_SECOND_MS * SNAG_SECOND_MS;
}

/* The value to write for one sketch; false: nothing is known that one could write. */
static bool value_put(const view *self, uint32_t i, snag_buf *buf)
{
    int64_t ms = snag_learn_quantile(&self->rows[i].sum, share_of(&self->pipeline->sketches[i]));
    if (ms >= 0)
        snag_duration_print(buf, ms < SNAG_MINUTE_MS ? ms : whole_seconds(ms));
    return ms >= 0;
}

/* "due: 103h16m", or "due: { vip: 2h, else: 3d }" where shapes differ; false: too little is known. */
static bool line_put(const view *self, uint32_t base, snag_buf *buf)
{
    const snag_pipeline *pipeline = self->pipeline;
    const snag_sketch_spec *specs = &pipeline->sketches[base];
    uint32_t known = 0;
    snag_buf_str_put(buf, is_rule(specs) ? SNAG_STR("after: ") : SNAG_STR("due: "));
    if (pipeline->shape_count == 0)
        return value_put(self, base, buf);
    snag_buf_str_put(buf, SNAG_STR("{ "));
    for (uint32_t i = 1; i <= pipeline->shape_count; i++) {
        size_t before = buf->size;
        snag_buf_str_put(buf, specs[i].shape);
        snag_buf_str_put(buf, SNAG_STR(": "));
        if (value_put(self, base + i, buf))
            snag_buf_str_put(buf, SNAG_STR(", "));
        else
            buf->size = before;
        known += buf->size > before;
    }
    snag_buf_str_put(buf, SNAG_STR("else: "));
    bool rest = value_put(self, base, buf);
    if (!rest && specs->wait.ms >= 0)
        wait_put(buf, &specs->wait);
    snag_buf_str_put(buf, SNAG_STR(" }"));
    return known > 0 && (rest || specs->wait.ms >= 0);
}

static void number_cell(snag_buf *buf, uint64_t number, size_t width)
{
    char text[32];
    snag_buf cell = snag_buf_on(text, sizeof text);
    snag_number_print(&cell, number);
    snag_buf_printf(buf, " %*.*s", (int)width, (int)cell.size, text);
}

static void time_cell(snag_buf *buf, int64_t ms)
{
    char text[32];
    snag_buf cell = snag_buf_on(text, sizeof text);
    if (ms >= 0)
        snag_duration_print(&cell, ms < 10 * SNAG_SECOND_MS ? ms : whole_seconds(ms));
    else
        snag_buf_byte(&cell, '-');
    snag_buf_printf(buf, " %9.*s", (int)cell.size, text);
}

/* What holds in the partitions now. */
static void force_put(const snag_learn_row *is, const snag_sketch_spec *spec, snag_buf *buf)
{
    if (spec->millionths == 0)
        return;
    snag_buf_str_put(buf, SNAG_STR("  "));
    share_put(buf, spec->millionths);
    snag_buf_str_put(buf, SNAG_STR(": "));
    if (is->learned < is->partitions || is->partitions == 0) {
        wait_put(buf, &spec->wait);
        snag_buf_str_put(buf, is->learned ? SNAG_STR(", elsewhere ") : SNAG_STR(" (nothing is learned yet)"));
    }
    if (is->learned)
        snag_duration_print(buf, is->least_ms);
    if (is->learned && is->most_ms > is->least_ms) {
        snag_buf_str_put(buf, SNAG_STR(" to "));
        snag_duration_print(buf, is->most_ms);
    }
}

static void row_print(const view *self, uint32_t i, int width)
{
    char text[LINE_BYTES];
    const snag_sketch_spec *spec = &self->pipeline->sketches[i];
    const snag_learn_row *is = &self->rows[i];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_buf_printf(&buf, "%-*.*s", width, SNAG_FMT(spec->owner));
    number_cell(&buf, is->sum.ended, 9);
    number_cell(&buf, is->sum.waiting, 9);
    for (uint32_t k = 0; k < SHARES; k++)
        time_cell(&buf, snag_learn_quantile(&is->sum, shares[k]));
    force_put(is, spec, &buf);
    printf("%.*s\n", SNAG_FMT(snag_buf_str(&buf)));
}

static bool is_shown(const view *self, uint32_t i)
{
    const snag_learn_row *is = &self->rows[i];
    return is->sum.ended + is->sum.waiting > 0 || self->pipeline->sketches[i].millionths > 0;
}

static bool is_same(const snag_sketch_spec *a, const snag_sketch_spec *b)
{
    return a->millionths == b->millionths && a->wait.ms == b->wait.ms && a->wait.span == b->wait.span;
}

/* "by then 95% were over; in the file: learned, else 1h" */
static void basis_put(snag_buf *buf, const snag_sketch_spec *spec, const char *between)
{
    snag_buf_str_put(buf, SNAG_STR("by then "));
    share_put(buf, share_of(spec));
    snag_buf_printf(buf, " were over%s", spec->wait.ms >= 0 ? between : "");
    if (spec->wait.ms < 0)
        return;
    snag_buf_str_put(buf, spec->millionths ? SNAG_STR("learned, else ") : SNAG_STR(""));
    wait_put(buf, &spec->wait);
}

/* What the line is from; shape by shape where the file says it so. */
static void bases_put(const snag_pipeline *pipeline, const snag_sketch_spec *specs, snag_buf *buf)
{
    bool same = true;
    for (uint32_t i = 1; i <= pipeline->shape_count; i++)
        same = same && is_same(&specs[0], &specs[i]);
    if (same) {
        basis_put(buf, &specs[0], "; in the file: ");
        return;
    }
    for (uint32_t i = 1; i <= pipeline->shape_count; i++) {
        if (is_same(&specs[0], &specs[i]))
            continue;
        snag_buf_str_put(buf, specs[i].shape);
        snag_buf_str_put(buf, SNAG_STR(": "));
        basis_put(buf, &specs[i], ", in the file ");
        snag_buf_str_put(buf, SNAG_STR("; "));
    }
    snag_buf_str_put(buf, SNAG_STR("else: "));
    basis_put(buf, &specs[0], ", in the file ");
}

static void lines_print(const view *self)
{
    const snag_pipeline *pipeline = self->pipeline;
    char text[LINE_BYTES];
    bool any = false;
    for (uint32_t i = 0; i < pipeline->sketch_count; i += pipeline->shape_count + 1) {
        const snag_sketch_spec *spec = &pipeline->sketches[i];
        snag_buf buf = snag_buf_on(text, sizeof text);
        if (!line_put(self, i, &buf))
            continue;
        snag_buf_str_put(&buf, SNAG_STR("   # "));
        bases_put(pipeline, spec, &buf);
        printf("%s  %-32.*s %.*s\n", any ? "" : "\nto be fixed in the file:\n", SNAG_FMT(spec->name),
               SNAG_FMT(snag_buf_str(&buf)));
        any = true;
    }
}

static int owner_width(const snag_pipeline *pipeline)
{
    int width = 34;
    for (uint32_t i = 0; i < pipeline->sketch_count; i++)
        if (width < (int)pipeline->sketches[i].owner.size)
            width = (int)pipeline->sketches[i].owner.size;
    return width;
}

void snag_learn_show_text(const snag_pipeline *pipeline, const snag_learn_row *rows, int64_t at_ms)
{
    const view all = {pipeline, rows, at_ms};
    const view *self = &all;
    char text[64];
    snag_buf buf = snag_buf_on(text, sizeof text);
    if (self->at_ms == SNAG_TIME_NONE) {
        printf("nothing is known yet\n");
        return;
    }
    snag_view_time(&buf, self->at_ms);
    printf("as of %.*s UTC, from what began in the newest 12 to 16 weeks\n", SNAG_FMT(snag_buf_str(&buf)));
    int width = owner_width(pipeline);
    printf("%-*s %9s %9s %9s %9s %9s %9s %9s  in force\n", width, "stage or rule", "ended", "waiting", "p50",
           "p75", "p90", "p95", "p99");
    for (uint32_t i = 0; i < pipeline->sketch_count; i++)
        if (is_shown(self, i))
            row_print(self, i, width);
    lines_print(self);
}

static void ms_json(snag_buf *buf, const char *name, int64_t ms)
{
    snag_buf_printf(buf, ",\"%s\":", name);
    if (ms >= 0)
        snag_buf_int(buf, ms);
    else
        snag_buf_str_put(buf, SNAG_STR("null"));
}

static void row_json(const view *self, uint32_t i, snag_buf *buf)
{
    const snag_sketch_spec *spec = &self->pipeline->sketches[i];
    const snag_learn_row *is = &self->rows[i];
    snag_buf_printf(buf, "{\"%s\":", is_rule(spec) ? "rule" : "stage");
    snag_buf_json(buf, spec->name);
    if (spec->shape.size) {
        snag_buf_printf(buf, ",\"shape\":");
        snag_buf_json(buf, spec->shape);
    }
    snag_buf_printf(buf, ",\"ended\":%" PRIu64 ",\"waiting\":%" PRIu64, is->sum.ended, is->sum.waiting);
    for (uint32_t k = 0; k < SHARES; k++)
        ms_json(buf, share_words[k], snag_learn_quantile(&is->sum, shares[k]));
    snag_buf_printf(buf, ",\"share\":");
    snag_buf_double(buf, (double)share_of(spec) / 1e6);
    ms_json(buf, "suggested", snag_learn_quantile(&is->sum, share_of(spec)));
    ms_json(buf, "in_file", spec->wait.ms);
    snag_buf_printf(buf, ",\"learned\":%s", spec->millionths ? "true" : "false");
    if (spec->millionths) {
        snag_buf_printf(buf, ",\"partitions\":%u,\"partitions_learned\":%u", is->partitions, is->learned);
        ms_json(buf, "least_in_force", is->learned ? is->least_ms : -1);
        ms_json(buf, "most_in_force", is->learned ? is->most_ms : -1);
    }
    snag_buf_byte(buf, '}');
}

void snag_learn_show_json(const snag_pipeline *pipeline, const snag_learn_row *rows, int64_t at_ms)
{
    const view all = {pipeline, rows, at_ms};
    const view *self = &all;
    char text[LINE_BYTES];
    snag_buf buf = snag_buf_on(text, sizeof text);
    bool any = false;
    snag_buf_printf(&buf, "{\"as_of\":");
    if (self->at_ms == SNAG_TIME_NONE) {
        snag_buf_printf(&buf, "null");
    } else {
        snag_buf_byte(&buf, '"');
        snag_time_print(&buf, self->at_ms);
        snag_buf_byte(&buf, '"');
    }
    printf("%.*s,\"times\":[", SNAG_FMT(snag_buf_str(&buf)));
    for (uint32_t i = 0; i < pipeline->sketch_count; i++) {
        buf.size = 0;
        if (!is_shown(self, i))
            continue;
        row_json(self, i, &buf);
        printf("%s%.*s", any ? "," : "", SNAG_FMT(snag_buf_str(&buf)));
        any = true;
    }
    printf("]}\n");
}
