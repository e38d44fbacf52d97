/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of hostile bytes through decoder and engine, as `snag replay` does it: nothing crashes, every line
 * is an event or a dead letter, and what comes out is the same in batches of one, of five, and at once.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "cli/feed.h"
#include "cli/sink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 64, STATE_BYTES = 32 * 1024 * 1024 };

/* What came out, as one number that depends on the order too. */
typedef struct digest {
    const snag_pipeline *pipeline;
    uint64_t hash;
    char bytes[SNAG_SINK_LINE_MAX];
} digest;

static void add(digest *self, snag_str text)
{
    self->hash = snag_hash64(text, self->hash);
}

static void on_record(void *context, uint32_t partition, const snag_record *record)
{
    digest *self = context;
    snag_buf buf = snag_buf_on(self->bytes, sizeof self->bytes);
    (void)partition;
    snag_sink_json(&buf, self->pipeline, record);
    SNAG_ASSERT(!buf.full);
    add(self, snag_buf_str(&buf));
}

static void on_dead(void *context, const snag_dead *dead)
{
    digest *self = context;
    SNAG_ASSERT(dead->words[0] != '\0');
    add(self, snag_str_from(snag_err_name(dead->reason)));
    add(self, dead->value);
}

static size_t cut(const uint8_t *data, size_t size, snag_line lines[LINES_MAX])
{
    const char *text = (const char *)data;
    size_t count = 0;
    size_t from = 0;
    while (from < size && count < LINES_MAX) {
        const char *end = memchr(text + from, '\n', size - from);
        size_t bytes = end ? (size_t)(end - text) - from : size - from;
        if (bytes > 0)
            lines[count++] = (snag_line){{text + from, bytes}, (int64_t)from, bytes};
        from += bytes + 1;
    }
    return count;
}

static uint64_t run(const snag_config *config, const snag_line *lines, size_t count, size_t batch,
                    digest *out)
{
    snag_feed *feed;
    snag_diag diag;
    out->pipeline = &config->pipeline;
    out->hash = 0;
    snag_feed_options options = {.partitions = 1, .batch = batch, .now_ms = 1700000000000,
                                 .state_bytes = STATE_BYTES, .emit = on_record, .dead = on_dead,
                                 .context = out};
    SNAG_ASSERT(snag_feed_new(&feed, config, &options, &diag) == SNAG_OK);
    for (size_t at = 0; at < count; at += batch) {
        size_t part = count - at < batch ? count - at : batch;
        SNAG_ASSERT(snag_feed_lines(feed, lines + at, part, NULL, &diag) == SNAG_OK);
    }
    SNAG_ASSERT(snag_feed_finish(feed, true) == SNAG_OK);
    const snag_feed_counts *counts = snag_feed_counts_get(feed);
    SNAG_ASSERT(counts->lines == count && counts->events + counts->dead == count);
    snag_feed_free(feed);
    return out->hash;
}

static const char pipeline[] =
    "pipeline: fuzz\n"
    "sources:\n"
    "  s: { topic: s, format: json, out_of_order: 5s,\n"
    "       map: { id: id, time: ts, type: type, customer: who }, keep: { k: k } }\n"
    "journeys:\n"
    "  j: { per: k, stages: { a: { event: a, due: 10s }, b: { event: b, end: done } } }\n"
    "rules:\n"
    "  m: { event: a, per: k, missing: b, after: 20s, overtake: 3s }\n"
    "  c: { event: \"a*\", count: 2, within: 30s, until: c }\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    snag_config config;
    snag_line lines[LINES_MAX];
    digest *out = malloc(sizeof *out);
    SNAG_ASSERT(out != NULL);
    SNAG_ASSERT(snag_config_parse(&config, SNAG_STR(pipeline), "fuzz.yaml", NULL) == SNAG_OK);
    size_t count = cut(data, size, lines);
    uint64_t one = run(&config, lines, count, 1, out);
    SNAG_ASSERT(run(&config, lines, count, 5, out) == one);
    SNAG_ASSERT(run(&config, lines, count, LINES_MAX, out) == one);
    snag_config_free(&config);
    free(out);
    return 0;
}
