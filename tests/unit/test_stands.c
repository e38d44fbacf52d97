/* SPDX-License-Identifier: Apache-2.0
 *
 * Clocks of business hours that stand, levels by a calendar, and what rules exclude, over restarts: an engine
 * that is made anew from what is stored after each event says the same as one that lives through it all.
 */
#include <stdio.h>

#include "config/config.h"
#include "engine/engine.h"
#include "local/memory.h"
#include "unit/check.h"

enum { BLOCK_BYTES = 8 << 20, SAID_BYTES = 1 << 18, EVENTS = 400, CUSTOMERS = 5, HEAD_BYTES = 4096 };

static const int64_t begin_ms = 1767225600000; /* 2026-01-01 */

static const char pipeline_text[] =
    "pipeline: stands\n"
    "calendars:\n"
    "  here: { zone: { from: tz, else: Europe/Berlin }, hours: { mon-fri: [09:00-12:00, 13:00-17:00] } }\n"
    "seasons: { peak: { from: 2026-01-12, to: 2026-01-25 } }\n"
    "sources: { s: { topic: s, format: json, map: { id: i, time: t, type: e, customer: c },\n"
    "                keep: { tz: tz, role: role } } }\n"
    "journeys:\n"
    "  claim:\n"
    "    again: true\n"
    "    stages:\n"
    "      filed: { event: Asked, due: [8 business hours, 20 business hours], warn: 30%,\n"
    "               during: { peak: 1.5x }, pause: Held, resume: Freed }\n"
    "      done: { event: Answered, end: done }\n"
    "rules:\n"
    "  waits: { event: Asked, missing: Answered, after: 2 business days, warn: 50%, pause: Held,\n"
    "           resume: Freed }\n"
    "  plain: { event: Asked, missing: Answered, after: [30h, 50h], during: { peak: [40h, 80h] },\n"
    "           pause: Held, resume: Freed }\n"
    "  often: { event: Held, count: 3, within: 20h, exclude: { role: robot } }\n"
    "  quiet: { event: \"*\", missing: \"*\", after: 40h, exclude: { role: robot } }\n";

static snag_config config;

typedef struct life {
    snag_memory memory;
    snag_engine *engine;
    snag_buf *said;
    uint64_t robots; /* events of theirs */
} life;

static void on_record(void *context, const snag_record *record)
{
    const snag_alert *alert = &record->as.alert;
    snag_buf *said = context;
    if (record->kind != SNAG_RECORD_ALERT)
        return;
    snag_buf_printf(said, "%.*s %.*s %s level %d at %lld of %lld within %.*s, %u seen\n",
                    SNAG_FMT(alert->customer), SNAG_FMT(alert->rule), snag_action_word(alert->action),
                    (int)alert->level, (long long)alert->time_ms, (long long)alert->deadline_ms,
                    SNAG_FMT(alert->within_words), (unsigned)alert->evidence_total);
    assert_false(said->full);
}

static void life_begin(life *l, snag_buf *said)
{
    l->said = said;
    assert_int_equal(snag_memory_init(&l->memory, BLOCK_BYTES, NULL), SNAG_OK);
    assert_int_equal(snag_engine_init(&l->engine, &config.pipeline, l->memory.block, l->memory.size,
                                      on_record, said), SNAG_OK);
}

/* Another engine, from what this one would have stored. */
static void life_again(life *l)
{
    char bytes[HEAD_BYTES];
    life next;
    uint64_t cursor = 0;
    snag_str key, blob;
    snag_buf head = snag_buf_on(bytes, sizeof bytes);
    life_begin(&next, l->said);
    while (snag_engine_each(l->engine, &cursor, &key, &blob))
        assert_int_equal(snag_engine_restore(next.engine, key, blob), SNAG_OK);
    snag_engine_head_write(l->engine, &head);
    assert_int_equal(snag_engine_head_read(next.engine, snag_buf_str(&head)), SNAG_OK);
    snag_memory_finish(&l->memory);
    l->engine = next.engine;
    l->memory = next.memory;
}

static uint64_t dice(uint64_t *seed, uint64_t sides)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % sides;
}

static int64_t happen(life *l, int64_t number, int64_t at_ms, uint64_t *seed)
{
    static const char *const types[] = {"Asked", "Answered", "Held", "Freed", "Held"};
    static const char *const zones[] = {"America/New_York", "Asia/Tokyo", ""};
    static const char names[CUSTOMERS][2] = {"a", "b", "c", "d", "e"};
    snag_value vars[SNAG_VAR_KEPT + 2] = {0};
    char id[24];
    snag_buf buf = snag_buf_on(id, sizeof id);
    snag_buf_int(&buf, number);
    snag_str type = snag_str_from(types[dice(seed, 5)]);
    snag_str who = snag_str_from(names[dice(seed, CUSTOMERS)]);
    snag_str zone = snag_str_from(zones[dice(seed, 3)]);
    bool robot = dice(seed, 3) == 0;
    l->robots += robot;
    at_ms += (int64_t)dice(seed, 4 * 3600000);
    vars[SNAG_VAR_CUSTOMER] = snag_value_text(who);
    if (zone.size)
        vars[SNAG_VAR_KEPT] = snag_value_text(zone);
    vars[SNAG_VAR_KEPT + 1] = snag_value_text(robot ? SNAG_STR("robot") : SNAG_STR("person"));
    snag_event event = {.time_ms = at_ms, .stamp_ms = at_ms, .position = {.offset = number},
                        .id = snag_buf_str(&buf), .type = type, .customer = who, .account = {"", 0},
                        .channel = {"", 0}, .vars = vars, .var_count = SNAG_VAR_KEPT + 2};
    size_t taken;
    assert_int_equal(snag_engine_take(l->engine, &event, 1, &taken), SNAG_OK);
    return at_ms;
}

/* Restarted after every `often`-th event; 0 = never. */
static uint64_t live(uint64_t seed, int64_t often, snag_buf *said)
{
    life l = {.robots = 0};
    int64_t at_ms = begin_ms;
    life_begin(&l, said);
    for (int64_t i = 0; i < EVENTS; i++) {
        at_ms = happen(&l, i, at_ms, &seed);
        if (often && i % often == 0)
            life_again(&l);
    }
    uint64_t excluded = snag_engine_rule_excluded(l.engine, 0);
    assert_int_equal(snag_engine_rule_excluded(l.engine, 1), l.robots); /* both as event and as answer */
    snag_memory_finish(&l.memory);
    return excluded;
}

static void test_restarts_change_nothing(void **state)
{
    static char bytes[2][SAID_BYTES];
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        snag_buf one = snag_buf_on(bytes[0], SAID_BYTES);
        snag_buf other = snag_buf_on(bytes[1], SAID_BYTES);
        uint64_t excluded = live(seed, 0, &one);
        assert_true(excluded > 10);
        assert_int_equal(live(seed, (int64_t)seed, &other), excluded);
        assert_true(one.size > 2000);
        assert_int_equal(one.size, other.size);
        assert_memory_equal(one.data, other.data, one.size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_restarts_change_nothing)};
    if (snag_config_parse(&config, snag_str_from(pipeline_text), "stands.yaml", NULL) != SNAG_OK) {
        fprintf(stderr, "%u: %s\n", config.errors[0].diag.line, config.errors[0].diag.text);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snag_config_free(&config);
    return failed;
}
