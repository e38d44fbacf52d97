/* SPDX-License-Identifier: Apache-2.0
 *
 * An engine whose deadlines are learned, and one and the same life of events for it.
 */
#ifndef SNAG_TESTS_LEARN_SIDE_H
#define SNAG_TESTS_LEARN_SIDE_H

#include "engine/learn.h"
#include "unit/life.h"
#include "unit/seed.h"

enum { EVENTS = 1600 };

static const int64_t begin_ms = 1767225600000 - 600000; /* ten minutes before 2026 */

#define SOURCE                                                                                       \
    "sources:\n"                                                                                     \
    "  s: { topic: s, format: json, map: { id: i, time: t, type: e, customer: c }, keep: [tier] }\n" \
    "shapes: { vip: tier == \"gold\" }\n"

static const char plain[] = "pipeline: p\n" SOURCE
    "journeys:\n"
    "  way: { again: true, expire: 30h, stages: { a: { event: A, due: learned 90% else 4h },\n"
    "         b: { event: B }, done: { event: D, end: done } } }\n"
    "rules:\n"
    "  asked: { event: Ask, missing: Answer, until: Leave, after: learned 80% else 90m, expire: 20h }\n";

static void on_record(void *context, const snag_record *record)
{
    life *s = context;
    const snag_alert *alert = &record->as.alert;
    if (record->kind != SNAG_RECORD_ALERT)
        return;
    snag_buf_printf(&s->said, "%s %.*s %.*s %lld %s %lld %lld\n", snag_action_word(alert->action),
                    SNAG_FMT(alert->rule), SNAG_FMT(alert->customer), (long long)alert->time_ms,
                    snag_basis_word(alert->basis), (long long)alert->learned_from,
                    (long long)alert->within_ms);
    assert_false(s->said.full);
}

static inline life *side_new(const char *yaml)
{
    snag_config *config = calloc(1, sizeof *config);
    assert_non_null(config);
    if (snag_config_parse(config, snag_str_from(yaml), "p.yaml", NULL) != SNAG_OK)
        fail_msg("%u: %s", config->errors[0].diag.line, config->errors[0].diag.text);
    return life_of(config, on_record);
}

static inline void side_free(life *s)
{
    snag_config *config = (snag_config *)(uintptr_t)s->config; /* its own */
    life_free(s);
    snag_config_free(config);
    free(config);
}

static inline void feed_at(life *s, int64_t offset, int64_t at_ms, const char *customer, const char *type,
                           bool vip)
{
    snag_value vars[SNAG_VAR_KEPT + 1] = {0};
    char id[24];
    snag_buf buf = snag_buf_on(id, sizeof id);
    snag_buf_int(&buf, offset);
    vars[SNAG_VAR_ID] = snag_value_text(snag_buf_str(&buf));
    vars[SNAG_VAR_TIME] = snag_value_time_ms(at_ms);
    vars[SNAG_VAR_TYPE] = snag_value_text(snag_str_from(type));
    vars[SNAG_VAR_CUSTOMER] = snag_value_text(snag_str_from(customer));
    vars[SNAG_VAR_KEPT] = snag_value_text(vip ? SNAG_STR("gold") : SNAG_STR("wood"));
    snag_event event = {.time_ms = at_ms, .stamp_ms = at_ms, .position = {.offset = offset},
                        .id = vars[SNAG_VAR_ID].as.text, .type = vars[SNAG_VAR_TYPE].as.text,
                        .customer = vars[SNAG_VAR_CUSTOMER].as.text, .vars = vars,
                        .var_count = SNAG_VAR_KEPT + 1};
    size_t taken;
    assert_int_equal(snag_engine_take(s->engine, &event, 1, &taken), SNAG_OK);
}

/* The i-th event of one and the same life: some minutes apart, later some hours. */
static inline void feed(life *s, int i)
{
    static const char *const types[] = {"A", "B", "Ask", "Answer", "A", "B", "D", "Ask", "Answer", "Leave"};
    static int64_t times_ms[EVENTS];
    snag_seed luck = snag_seed_from((uint64_t)i);
    char customer[8];
    for (int k = 1; times_ms[EVENTS - 1] == 0 && k < EVENTS; k++) {
        snag_seed gap = snag_seed_from((uint64_t)k);
        int64_t least_ms = k > EVENTS / 2 ? 600000 : 60000;
        times_ms[k] = times_ms[k - 1] + least_ms + (int64_t)snag_seed_below(&gap, 400000);
    }
    snprintf(customer, sizeof customer, "c%d", (int)snag_seed_below(&luck, 9));
    const char *type = types[snag_seed_below(&luck, 10)];
    bool vip = snag_seed_below(&luck, 3) == 0;
    feed_at(s, i, begin_ms + times_ms[i], customer, type, vip);
}

static inline void assert_alike(const life *a, const life *b)
{
    snag_str key, blob;
    assert_int_equal(a->said.size, b->said.size);
    assert_memory_equal(a->said.data, b->said.data, a->said.size);
    snag_engine_usage x, y;
    snag_engine_usage_get(a->engine, &x);
    snag_engine_usage_get(b->engine, &y);
    assert_int_equal(x.cells, y.cells);
    assert_int_equal(x.customers, y.customers);
    for (uint64_t cursor = 0; snag_engine_each(a->engine, &cursor, &key, &blob);) {
        bool found = false;
        snag_str other, bytes;
        for (uint64_t next = 0; !found && snag_engine_each(b->engine, &next, &other, &bytes);)
            found = snag_str_equal(key, other) && snag_str_equal(blob, bytes);
        assert_true(found);
    }
}

#endif
