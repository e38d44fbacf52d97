/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/clocks.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/time.h"
#include "cli/figure.h"
#include "cli/terminal.h"
#include "engine/clock.h"
#include "journey/cell.h"

/* by so much, and in words */
static const struct {
    int64_t ms;
    const char *words;
} steps[SNAG_CLOCKS_STEPS] = {{60000, "up to 1m"},       {3600000, "up to 1h"},
                              {86400000, "up to 1d"},    {2592000000, "up to 30d"},
                              {31557600000, "up to a year"}, {INT64_MAX, "more than a year"}};

typedef struct words {
    char text[48];
} words;

static words duration(int64_t ms)
{
    words out;
    snag_buf buf = snag_buf_on(out.text, sizeof out.text - 1);
    if (ms >= 2 * SNAG_DAY_MS)
        snag_buf_printf(&buf, "%" PRId64 " days", ms / SNAG_DAY_MS);
    else
        snag_duration_print(&buf, ms);
    out.text[buf.size] = '\0';
    return out;
}

static void side_count(snag_clocks_side *side, int64_t off_ms, snag_str device, snag_str owner)
{
    uint32_t step = 0;
    while (off_ms > steps[step].ms)
        step++;
    side->steps[step]++;
    side->count++;
    if (off_ms <= side->most_ms)
        return;
    side->most_ms = off_ms;
    snprintf(side->who, sizeof side->who, "%.*s of %.*s", (int)(device.size > 64 ? 64 : device.size),
             device.data, (int)(owner.size > 64 ? 64 : owner.size), owner.data);
}

/* The device that a cell's key names, where it is one of this source. */
static bool device_of(const snag_pipeline *pipeline, snag_str key, snag_str source, snag_str *device,
                      snag_str *owner)
{
    uint16_t tag;
    snag_str per;
    if (!snag_cell_key_get(key, &tag, owner, &per) ||
        tag != pipeline->scopes[pipeline->clock_scope].tag || !snag_str_starts(per, source) ||
        per.size <= source.size || per.data[source.size] != '/')
        return false;
    *device = snag_str_of(per.data + source.size + 1, per.size - source.size - 1);
    return true;
}

static bool clock_in(snag_str blob, snag_device_clock *clock)
{
    snag_cell cell; /* 61 KB of stack: this runs in a command */
    snag_item item;
    return snag_cell_unpack(&cell, blob) && snag_cell_item(&cell, 0, &item) &&
           snag_device_read(clock, item.state, item.state_bytes);
}

void snag_clocks_count(snag_clocks *clocks, const snag_feed *feed, uint32_t source)
{
    const snag_pipeline *pipeline = snag_feed_pipeline(feed);
    snag_str name = pipeline->sources[source].name;
    *clocks = (snag_clocks){0};
    for (uint32_t p = 0; p < snag_feed_partitions(feed); p++) {
        uint64_t cursor = 0;
        snag_str key;
        snag_str blob;
        snag_str device;
        snag_str owner;
        snag_device_clock clock;
        while (snag_engine_each(snag_feed_engine(feed, p), &cursor, &key, &blob)) {
            if (!device_of(pipeline, key, name, &device, &owner) || !clock_in(blob, &clock))
                continue;
            int64_t off_ms = snag_device_off(&clock);
            clocks->devices++;
            if (off_ms != 0)
                side_count(off_ms < 0 ? &clocks->ahead : &clocks->behind, off_ms < 0 ? -off_ms : off_ms,
                           device, owner);
        }
    }
}

static void side_print(const snag_clocks_side *side, const char *way, FILE *file)
{
    const char *before = " (";
    if (side->count == 0)
        return;
    fprintf(file, "  %" PRIu64 " %s", side->count, way);
    for (uint32_t i = 0; i < SNAG_CLOCKS_STEPS; i++) {
        if (side->steps[i] == 0)
            continue;
        fprintf(file, "%s%" PRIu64 " %s", before, side->steps[i], steps[i].words);
        before = ", ";
    }
    fprintf(file, "); most of all %s, by %s\n", side->who, duration(side->most_ms).text);
}

/* Events that say no device, or not when they came. Returns the findings: 1 where that is all of them. */
static uint32_t unmarked_print(const snag_sample *sample, uint32_t source, FILE *file, bool colour)
{
    const snag_sample_source *seen = &sample->sources[source];
    const snag_device_spec *device = &sample->pipeline->sources[source].device;
    if (seen->unmarked == 0)
        return 0;
    bool all = seen->unmarked == seen->events;
    fprintf(file, "  %s%s%s%" PRIu64 " events (%.2f%%) do not say %s: their times are taken as they are\n",
            snag_style_code(colour && all, SNAG_STYLE_YELLOW), all ? "finding: " : "",
            snag_style_code(colour && all, SNAG_STYLE_PLAIN), seen->unmarked,
            snag_percent(seen->unmarked, seen->events),
            device->has_received ? "which device they are from, or when they were received"
                                 : "which device they are from, or have no stamp (lines of a file have none: "
                                   "name received: under device:, or give --received PATH)");
    return all;
}

static uint32_t source_print(const snag_sample *sample, const snag_feed *feed, uint32_t source, FILE *file,
                             bool colour)
{
    snag_clocks clocks;
    const snag_source_spec *spec = &sample->pipeline->sources[source];
    snag_clocks_count(&clocks, feed, source);
    uint64_t off = clocks.ahead.count + clocks.behind.count;
    if (clocks.devices > 0)
        fprintf(file, "  %" PRIu64 " device%s, of which %" PRIu64 " (%.2f%%) %s off by more than %s\n",
                clocks.devices, clocks.devices == 1 ? "" : "s", off, snag_percent(off, clocks.devices),
                off == 1 ? "is" : "are", duration(spec->device.tolerance_ms).text);
    side_print(&clocks.ahead, off == 1 ? "runs ahead" : "run ahead", file);
    side_print(&clocks.behind, off == 1 ? "is behind" : "are behind", file);
    return unmarked_print(sample, source, file, colour);
}

uint32_t snag_clocks_print(const snag_sample *sample, const snag_feed *feed, FILE *file, bool colour)
{
    uint32_t findings = 0;
    snag_counters counters;
    for (uint32_t i = 0; i < sample->pipeline->source_count; i++) {
        if (!sample->pipeline->sources[i].device.given)
            continue;
        fprintf(file, "\n%sdevice clocks of %.*s%s\n", snag_style_code(colour, SNAG_STYLE_BOLD),
                SNAG_FMT(sample->pipeline->sources[i].name), snag_style_code(colour, SNAG_STYLE_PLAIN));
        findings += source_print(sample, feed, i, file, colour);
    }
    snag_feed_counters(feed, &counters);
    if (counters.corrected > 0)
        fprintf(file, "  %" PRIu64 " events (%.2f%%) were corrected\n", counters.corrected,
                snag_percent(counters.corrected, sample->events));
    return findings;
}
