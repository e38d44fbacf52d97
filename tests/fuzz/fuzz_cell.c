/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored state from hostile hands: what comes back from Redis or the changelog is put into an engine, which
 * must refuse it or live with it: go on with events, fire its timers, explain and write itself, never crash.
 *
 * An input is one of two things, by its first byte:
 *     raw:    | 0 | key length 1 | key | bytes ... |        as they are
 *     recipe: | 1 | (cell 1, position 2, byte 1) ... |      a real cell, with single bytes changed; or the
 *                                                           head; or the words of the rules (engine/words.h)
 * Recipes stay good when the format of cells changes; real cells are made anew by running events first.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "config/config.h"
#include "engine/engine.h"
#include "engine/learn.h"
#include "engine/words.h"
#include "local/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CELLS_MAX = 128, CELL_BYTES = 4096, KEY_BYTES = 512, BLOCK_BYTES = 16 << 20, DAY_MS = 86400000 };

static const char pipeline_text[] =
    "pipeline: fuzz\n"
    "calendars: { plain: { zone: UTC }, theirs: { zone: { from: order, else: Europe/Berlin } } }\n"
    "sources:\n"
    "  s: { topic: s, format: json, map: { time: t, type: e, customer: c },\n"
    "       keep: { order: order, x: { from: n, as: int }, y: { from: m, as: int },\n"
    "               n: { from: n, as: int }, at: { from: at, as: time } },\n"
    "       const: { channel: web } }\n"
    "facts:\n"
    "  newest: { last: order, within: 1h }\n"
    "  oldest: { first: n }\n"
    "  failures: { count: Failed, within: 1h }\n"
    "  all: { sum: n }\n"
    "  share: { share: Failed, of: \"*\", within: 2h }\n"
    "  orders: { distinct: order, within: 1h }\n"
    "  numbers: { distinct: n }\n"
    "shapes: { failing: failures > 3, early: n < 30, other: otherwise }\n"
    "journeys:\n"
    "  order:\n"
    "    per: order\n"
    "    expire: 5h\n"
    "    settle: 1d\n"
    "    survey: { event: Other, score: n, asked: [Begun, Sent] }\n"
    "    stages:\n"
    "      begun: { event: Begun, due: { early: 1h, else: 2h } }\n"
    "      sent: { event: Sent, due: learned else 2h, milestone: sent }\n"
    "      done: { event: Done, end: true }\n"
    "  parcel:\n"
    "    per: [order, channel]\n"
    "    again: true\n"
    "    survey: { event: Failed, score: n, asked: Begun, by: order }\n"
    "    stages:\n"
    "      begun: { event: Begun, due: [30m, 2h], warn: 20%, pause: Failed, resume: Other }\n"
    "      sent: { event: Sent, promise: at, warn: 10%, pause: Other, resume: Failed }\n"
    "      done: { event: Done, promise: at, end: true }\n"
    "rules:\n"
    "  silent: { event: \"*\", missing: \"*\", after: 3h }\n"
    "  unanswered: { event: Begun, per: order, missing: Sent, after: 30m,\n"
    "                headline: \"{order} of {customer}, {n}, {newest} {failures} {share} {numbers}\" }\n"
    "  failed: { event: Failed, count: { failing: 2, early: 4, else: 3 }, within: 1h, until: Sent,\n"
    "            expire: 2h }\n"
    "  burst: { event: Failed, per: order, count: 2, within: 1s, burst: true, quiet: 1s }\n"
    "  share: { ratio: Failed, of: [Failed, Sent], within: 10m, enter: 50%, min: 2, hold: 1m }\n"
    "  way: { path: [begun, Failed, Other, begun], per: order, within: journey, not: Never }\n"
    "  back: { path: [Failed, Other, Failed], within: 10m, dwell: 1m, until: Done }\n"
    "  near: { event: Failed, count: 4, gap: 10m, radius: 500, found: Other }\n"
    "  late: { event: Failed, per: order, missing: Sent, after: [5m, 20m], warn: 20%,\n"
    "          pause: Begun, resume: Other }\n"
    "  due: { event: [Failed, Begun], missing: Sent, promise: at }\n"
    "  dead: { event: Failed, missing: Sent, found: Other,\n"
    "          after: { failing: learned 50% else 5m, else: 5m } }\n"
    "  effort: { score: { failed: 3, share: 2.5, order.begun.late: 1, unanswered: 2 }, half_life: 1h,\n"
    "            enter: 4, leave: 2 }\n"
    "  usual: { ratio: Failed, of: \"*\", within: 10m, enter: { early: 2x, else: 1.5x }, min: 2 }\n"
    "  less: { change: Failed, each: day of plain, by: -50% }\n"
    "  other: { change: Sent, per: order, each: week of theirs, by: 50% }\n"
    "  unlike: { differs: n, between: order, within: 1h }\n";

static const char newer_text[] =
    "pipeline: fuzz\n"
    "version: 2\n"
    "sources:\n"
    "  s: { topic: s, format: json, map: { time: t, type: e, customer: c },\n"
    "       keep: { order: order, n: { from: n, as: int } }, const: { channel: web } }\n"
    "journeys:\n"
    "  order:\n"
    "    per: order\n"
    "    stages:\n"
    "      sent: { event: Sent, due: 1h }\n"
    "      begun: { event: Begun, due: 1h }\n"
    "      done: { event: Done, end: done }\n"
    "  parcel:\n"
    "    per: [order, channel]\n"
    "    stages:\n"
    "      sent: { event: Sent, due: 2h }\n"
    "      begun: { event: Begun, due: 1h, warn: 10% }\n";

typedef struct cell {
    char key[KEY_BYTES];
    size_t key_size;
    char bytes[CELL_BYTES];
    size_t size;
} cell;

typedef struct world {
    bool ready;
    snag_config config;
    cell cells[CELLS_MAX];
    size_t count;
    char head[512];
    size_t head_size;
    char words[8192];
    size_t words_size;
    snag_config newer; /* a later version, which has hardly anything of the first */
    int64_t offset;
} world;

static world here;

static void on_record(void *context, const snag_record *record)
{
    size_t *records = context;
    SNAG_ASSERT(record->kind < SNAG_RECORD_KIND_COUNT);
    (*records)++;
}

static void feed(snag_engine *engine, const char *customer, const char *order, const char *type,
                 int64_t time_ms)
{
    snag_value vars[SNAG_VAR_KEPT + 5] = {0};
    char id[24];
    snag_buf buf = snag_buf_on(id, sizeof id);
    snag_buf_int(&buf, ++here.offset);
    vars[SNAG_VAR_ID] = snag_value_text(snag_buf_str(&buf));
    vars[SNAG_VAR_TIME] = snag_value_time_ms(time_ms);
    vars[SNAG_VAR_TYPE] = snag_value_text(snag_str_from(type));
    vars[SNAG_VAR_CUSTOMER] = snag_value_text(snag_str_from(customer));
    vars[SNAG_VAR_CHANNEL] = snag_value_text(SNAG_STR("web"));
    vars[SNAG_VAR_KEPT] = snag_value_text(snag_str_from(order));
    for (int i = 1; i < 4; i++)
        vars[SNAG_VAR_KEPT + i] = snag_value_int(here.offset);
    vars[SNAG_VAR_KEPT + 4] = snag_value_time_ms(time_ms + here.offset * 1000);
    snag_event event = {.time_ms = time_ms,
                        .stamp_ms = time_ms,
                        .position = {.offset = here.offset},
                        .id = vars[SNAG_VAR_ID].as.text,
                        .type = vars[SNAG_VAR_TYPE].as.text,
                        .customer = vars[SNAG_VAR_CUSTOMER].as.text,
                        .channel = SNAG_STR("web"),
                        .vars = vars,
                        .var_count = SNAG_VAR_KEPT + 5};
    size_t taken = 0;
    snag_err err = snag_engine_take(engine, &event, 1, &taken);
    SNAG_ASSERT(err == SNAG_OK || err == SNAG_FULL);
}

static snag_engine *engine_new(snag_memory *memory, size_t *records)
{
    snag_engine *engine;
    SNAG_ASSERT(snag_memory_init(memory, BLOCK_BYTES, NULL) == SNAG_OK);
    SNAG_ASSERT(snag_engine_init(&engine, &here.config.pipeline, memory->block, memory->size, on_record,
                                 records) == SNAG_OK);
    return engine;
}

/* Some life, so that cells hold walks, episodes, rings and evidence. */
static void live(snag_engine *engine, int64_t from_ms)
{
    static const char *const types[] = {"Begun", "Failed", "Failed", "Failed", "Sent", "Other", "Done"};
    static const char *const customers[] = {"ann", "bob", "eve"};
    static const char *const orders[] = {"1", "22", "333", "4444", ""};
    for (unsigned i = 0; i < 60; i++)
        feed(engine, customers[i % 3], orders[i * 7 % 5], types[i * i % 7], from_ms + i * 400 * (i % 5 + 1));
}

static void keep_cells(snag_engine *engine)
{
    snag_str key;
    snag_str bytes;
    for (uint64_t cursor = 0; snag_engine_each(engine, &cursor, &key, &bytes) && here.count < CELLS_MAX;) {
        cell *kept = &here.cells[here.count];
        if (bytes.size > CELL_BYTES || key.size > KEY_BYTES)
            continue;
        memcpy(kept->key, key.data, kept->key_size = key.size);
        memcpy(kept->bytes, bytes.data, kept->size = bytes.size);
        here.count++;
    }
    snag_buf head = snag_buf_on(here.head, sizeof here.head);
    snag_engine_head_write(engine, &head);
    SNAG_ASSERT(!head.full);
    here.head_size = head.size;
    snag_buf words = snag_buf_on(here.words, sizeof here.words);
    snag_words_write(&here.config.pipeline, (snag_str){"", 0}, &words);
    SNAG_ASSERT(!words.full);
    here.words_size = words.size;
}

static void begin(void)
{
    snag_memory memory;
    size_t records = 0;
    if (here.ready)
        return;
    SNAG_ASSERT(snag_config_parse(&here.config, snag_str_from(pipeline_text), "fuzz.yaml", NULL) == SNAG_OK);
    SNAG_ASSERT(snag_config_parse(&here.newer, snag_str_from(newer_text), "newer.yaml", NULL) == SNAG_OK);
    snag_engine *engine = engine_new(&memory, &records);
    live(engine, 20000LL * DAY_MS);
    keep_cells(engine);
    SNAG_ASSERT(here.count >= 5 && records > 0);
    snag_memory_finish(&memory);
    here.ready = true;
}

/* Whatever was let in must bear all that can be done with it. */
static void use(snag_engine *engine)
{
    const snag_segments_stored segments = {&here.config.pipeline, NULL};
    char memory[65536];
    snag_str key;
    snag_str bytes;
    snag_buf buf = snag_buf_on(memory, sizeof memory);
    for (uint64_t cursor = 0; snag_engine_each(engine, &cursor, &key, &bytes);) {
        buf.size = 0;
        if (snag_learn_is_cell(key)) {
            static snag_sketch sum;
            snag_sketch_clear(&sum);
            SNAG_ASSERT(snag_learn_add(key, bytes, 20003LL * DAY_MS, &sum));
            SNAG_ASSERT(snag_learn_quantile(&sum, 500000) >= -1);
            continue;
        }
        if (snag_segment_is_cell(key))
            continue;
        SNAG_ASSERT(snag_cell_explain(&segments, key, bytes, &buf) == SNAG_OK);
        buf.size = 0;
        (void)snag_engine_explain(engine, snag_cell_owner(key), &buf);
    }
    live(engine, 20000LL * DAY_MS + 50000);
    (void)snag_engine_tick(engine, 20003LL * DAY_MS, 1000);
    live(engine, 20004LL * DAY_MS);
    for (int i = 0; i < 1000 && !snag_engine_drain(engine, 1000); i++)
        ;
    (void)snag_engine_tick(engine, 20050LL * DAY_MS, 1000);
    while (snag_engine_changed(engine, &key, &bytes))
        SNAG_ASSERT(key.size > 0 && bytes.size <= SNAG_CELL_BYTES_MAX);
    buf.size = 0;
    snag_engine_head_write(engine, &buf);
}

static void try_cell(snag_str key, snag_str bytes)
{
    snag_memory memory;
    size_t records = 0;
    char text[65536];
    snag_buf buf = snag_buf_on(text, sizeof text);
    const snag_segments_stored segments = {&here.config.pipeline, NULL};
    snag_engine *engine = engine_new(&memory, &records);
    (void)snag_cell_owner(key);
    snag_err err = snag_cell_explain(&segments, key, bytes, &buf);
    SNAG_ASSERT(err == SNAG_OK || err == SNAG_STATE);
    for (size_t i = 0; i < here.count; i += 3)
        SNAG_ASSERT(snag_engine_restore(engine, snag_str_of(here.cells[i].key, here.cells[i].key_size),
                                        snag_str_of(here.cells[i].bytes, here.cells[i].size)) == SNAG_OK);
    err = snag_engine_restore(engine, key, bytes);
    SNAG_ASSERT(err == SNAG_OK || err == SNAG_STATE || err == SNAG_FULL);
    SNAG_ASSERT(records == 0);
    use(engine);
    snag_memory_finish(&memory);
}

static void try_head(snag_str bytes)
{
    snag_memory memory;
    size_t records = 0;
    snag_engine *engine = engine_new(&memory, &records);
    snag_err err = snag_engine_head_read(engine, bytes);
    SNAG_ASSERT(err == SNAG_OK || err == SNAG_STATE);
    use(engine);
    snag_memory_finish(&memory);
}

/* A later version takes over all that there is, with words from outside. */
static void try_words(snag_str words)
{
    snag_memory memory;
    snag_engine *engine;
    size_t records = 0;
    uint64_t cursor = 0, lost = 0;
    SNAG_ASSERT(snag_memory_init(&memory, BLOCK_BYTES, NULL) == SNAG_OK);
    SNAG_ASSERT(snag_engine_init(&engine, &here.newer.pipeline, memory.block, memory.size, on_record,
                                 &records) == SNAG_OK);
    for (size_t i = 0; i < here.count; i++)
        SNAG_ASSERT(snag_engine_restore(engine, snag_str_of(here.cells[i].key, here.cells[i].key_size),
                                        snag_str_of(here.cells[i].bytes, here.cells[i].size)) == SNAG_OK);
    if (!snag_words_sound(words))
        words = snag_str_of("", 0);
    while (!snag_engine_retire(engine, words, &cursor, 2, &lost))
        continue;
    SNAG_ASSERT(snag_engine_strange(engine) == 0);
    live(engine, 20000LL * DAY_MS + 50000);
    (void)snag_engine_tick(engine, 20003LL * DAY_MS, 1000);
    snag_memory_finish(&memory);
}

static void try_recipe(const uint8_t *data, size_t size)
{
    cell changed = here.cells[data[0] % here.count];
    char head[sizeof here.head], words[sizeof here.words];
    memcpy(head, here.head, sizeof head);
    memcpy(words, here.words, sizeof words);
    bool of_head = data[0] % (here.count + 2) == here.count;
    bool of_words = data[0] % (here.count + 2) == here.count + 1;
    for (size_t at = 1; at + 3 <= size; at += 3) {
        size_t place = (size_t)data[at] << 8 | data[at + 1];
        if (of_head)
            head[place % here.head_size] = (char)data[at + 2];
        else if (of_words)
            words[place % here.words_size] = (char)data[at + 2];
        else if (place & 0x8000)
            changed.key[place % changed.key_size] = (char)data[at + 2];
        else
            changed.bytes[place % changed.size] = (char)data[at + 2];
    }
    if (of_head)
        try_head(snag_str_of(head, here.head_size));
    else if (of_words)
        try_words(snag_str_of(words, here.words_size));
    else
        try_cell(snag_str_of(changed.key, changed.key_size), snag_str_of(changed.bytes, changed.size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    if (size < 2)
        return 0;
    if (data[0] % 2) {
        try_recipe(data + 1, size - 1);
    } else {
        size_t key_size = data[1] < size - 2 ? data[1] : size - 2;
        try_cell(snag_str_of(data + 2, key_size), snag_str_of(data + 2 + key_size, size - 2 - key_size));
        try_head(snag_str_of(data + 2, size - 2));
    }
    return 0;
}
