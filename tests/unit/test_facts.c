/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts and shapes through restarts, through a changed pipeline, and from hostile hands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config.h"
#include "engine/engine.h"
#include "local/memory.h"

enum { BLOCK_BYTES = 16 << 20, SAID_BYTES = 1 << 16, EVENTS = 40 };

#define SOURCE                                                                            \
    "sources:\n"                                                                          \
    "  s: { topic: s, format: json, map: { id: i, time: t, type: e, customer: c },\n"     \
    "       keep: { order: order, n: { from: n, as: int } }, out_of_order: 3s }\n"
#define RULES                                                                             \
    "shapes: { busy: failed > 2, known: has(oldest), other: otherwise }\n"                \
    "rules:\n"                                                                            \
    "  asked: { event: A, where: failed > 1, per: order, missing: C,\n"                   \
    "           after: { busy: 10s, else: 20s },\n"                                       \
    "           headline: \"{newest} {oldest} {failed} {all} {share} {orders}\" }\n"      \
    "  often: { event: B, count: { busy: 2, known: 3, else: 9 }, within: 20s }\n"         \
    "  each: { event: B, count: 1, within: 1s, headline: \"{newest} {failed} {all} {orders}\" }\n" \
    "journeys:\n"                                                                         \
    "  way: { expire: 9s, settle: 20s, again: true,\n"                                     \
    "         stages: { a: { event: A, due: { busy: 5s, else: 7s } }, b: { event: B },\n"  \
    "                   d: { event: D, end: true } } }\n"

static const char older[] = "pipeline: p\n" SOURCE
    "facts:\n"
    "  newest: { last: order }\n"
    "  oldest: { first: n, within: 30s }\n"
    "  failed: { count: B, within: 60s }\n"
    "  all: { sum: n }\n"
    "  share: { share: B, of: A, within: 60s }\n"
    "  orders: { distinct: order, within: 20s }\n" RULES;

/* `failed` counts otherwise; `all` has another place. */
static const char newer[] = "pipeline: p\nversion: 2\n" SOURCE
    "facts:\n"
    "  all: { sum: n }\n"
    "  newest: { last: order }\n"
    "  oldest: { first: n, within: 30s }\n"
    "  failed: { count: B, within: 61s }\n"
    "  share: { share: B, of: A, within: 60s }\n"
    "  orders: { distinct: order, within: 20s }\n" RULES;

typedef struct side {
    snag_config config;
    snag_memory memory;
    snag_engine *engine;
    snag_buf *said;
} side;

static void on_record(void *context, const snag_record *record)
{
    side *s = context;
    const snag_alert *alert = &record->as.alert;
    const snag_change *change = &record->as.change;
    if (record->kind == SNAG_RECORD_CHANGE)
        snag_buf_printf(s->said, "%s %u %.*s > %.*s %.*s %u\n", snag_move_word(change->move), change->seq,
                        SNAG_FMT(change->from), SNAG_FMT(change->to), SNAG_FMT(change->outcome),
                        change->corrects);
    if (record->kind != SNAG_RECORD_ALERT)
        return;
    snag_buf_printf(s->said, "%s %.*s %lld %.*s: %.*s\n", snag_action_word(alert->action),
                    SNAG_FMT(alert->dedup_key), (long long)alert->time_ms, SNAG_FMT(alert->shape),
                    SNAG_FMT(alert->headline));
    assert_false(s->said->full);
}

static side *side_new(const char *yaml, snag_buf *said)
{
    side *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->said = said;
    if (snag_config_parse(&s->config, snag_str_from(yaml), "p.yaml", NULL) != SNAG_OK)
        fail_msg("%u: %s", s->config.errors[0].diag.line, s->config.errors[0].diag.text);
    assert_int_equal(snag_memory_init(&s->memory, BLOCK_BYTES, NULL), SNAG_OK);
    assert_int_equal(snag_engine_init(&s->engine, &s->config.pipeline, s->memory.block, s->memory.size,
                                      on_record, s), SNAG_OK);
    return s;
}

static void side_free(side *s)
{
    snag_memory_finish(&s->memory);
    snag_config_free(&s->config);
    free(s);
}

/* The i-th event of a fixed life, out of order within three seconds. */
static void feed(side *s, int i)
{
    static const char *const types[] = {"A", "B", "B", "A", "C", "B", "D"};
    static const char *const orders[] = {"1", "two", "\xC3\xA4"};
    int64_t at_ms = 1767607200000 + i * 1700 - (i % 3) * 1300;
    snag_value vars[SNAG_VAR_KEPT + 2] = {0};
    char id[24];
    snag_buf buf = snag_buf_on(id, sizeof id);
    snag_buf_int(&buf, i);
    vars[SNAG_VAR_ID] = snag_value_text(snag_buf_str(&buf));
    vars[SNAG_VAR_TIME] = snag_value_time_ms(at_ms);
    vars[SNAG_VAR_TYPE] = snag_value_text(snag_str_from(types[i % 7]));
    vars[SNAG_VAR_CUSTOMER] = snag_value_text(i % 5 ? SNAG_STR("ann") : SNAG_STR("bob"));
    vars[SNAG_VAR_KEPT] = snag_value_text(snag_str_from(orders[i * i % 3]));
    vars[SNAG_VAR_KEPT + 1] = snag_value_int(i);
    snag_event event = {.time_ms = at_ms, .stamp_ms = at_ms, .position = {.offset = i},
                        .id = vars[SNAG_VAR_ID].as.text, .type = vars[SNAG_VAR_TYPE].as.text,
                        .customer = vars[SNAG_VAR_CUSTOMER].as.text, .vars = vars,
                        .var_count = SNAG_VAR_KEPT + 2};
    size_t taken;
    assert_int_equal(snag_engine_take(s->engine, &event, 1, &taken), SNAG_OK);
}

/* A new engine with all that was stored, reading again what still waited. */
static side *moved(side *from, const char *yaml, int next)
{
    side *to = side_new(yaml, from->said);
    char head[1024];
    snag_buf buf = snag_buf_on(head, sizeof head);
    snag_str key, blob;
    int64_t oldest = snag_engine_oldest_waiting(from->engine, 0);
    for (uint64_t cursor = 0; snag_engine_each(from->engine, &cursor, &key, &blob);)
        assert_int_equal(snag_engine_restore(to->engine, key, blob), SNAG_OK);
    snag_engine_head_write(from->engine, &buf);
    assert_int_equal(snag_engine_head_read(to->engine, snag_buf_str(&buf)), SNAG_OK);
    snag_engine_resume(to->engine, 0, next);
    side_free(from);
    for (int i = oldest < next ? (int)oldest : next; i < next; i++)
        feed(to, i);
    return to;
}

static void lived(const char *second, int at, snag_buf *said)
{
    said->size = 0;
    side *s = side_new(older, said);
    for (int i = 0; i < EVENTS; i++) {
        if (i == at)
            s = moved(s, second, i);
        feed(s, i);
    }
    snag_engine_tick(s->engine, 1767607200000 + 600000, UINT32_MAX);
    side_free(s);
}

static void test_restarts(void **state)
{
    static char once[SAID_BYTES], again[SAID_BYTES];
    snag_buf want = snag_buf_on(once, sizeof once);
    snag_buf got = snag_buf_on(again, sizeof again);
    (void)state;
    lived(older, -1, &want);
    assert_true(want.size > 1000);
    for (int at = 0; at < EVENTS; at++) {
        lived(older, at, &got);
        assert_int_equal(got.size, want.size);
        assert_memory_equal(got.data, want.data, want.size);
    }
}

/* A fact that means something else begins anew; the others keep what they know, whatever their place. */
static void test_changed(void **state)
{
    static char text[SAID_BYTES];
    char page[65536];
    snag_buf said = snag_buf_on(text, sizeof text);
    snag_buf buf = snag_buf_on(page, sizeof page - 1);
    (void)state;
    side *s = side_new(older, &said);
    for (int i = 0; i < EVENTS; i++)
        feed(s, i);
    assert_true(snag_engine_explain(s->engine, SNAG_STR("ann"), &buf));
    page[buf.size] = '\0';
    assert_non_null(strstr(page, "{\"kind\":\"fact\",\"name\":\"all\",\"value\":"));
    assert_non_null(strstr(page, "\"name\":\"failed\""));
    s = moved(s, newer, EVENTS);
    snag_engine_tick(s->engine, 1767607200000 + EVENTS * 1700, UINT32_MAX);
    assert_int_equal(snag_engine_strange(s->engine), 0);
    buf.size = 0;
    assert_true(snag_engine_explain(s->engine, SNAG_STR("ann"), &buf));
    page[buf.size] = '\0';
    assert_non_null(strstr(page, "\"name\":\"all\",\"value\":"));
    assert_null(strstr(page, "\"name\":\"failed\""));
    side_free(s);
}

/* Any byte of a customer's cell changed: refused, or borne. */
static void test_hostile(void **state)
{
    static char text[1 << 20];
    char key[64], bytes[4096];
    snag_buf said = snag_buf_on(text, sizeof text);
    snag_str key_at, blob;
    uint64_t cursor = 0;
    int refused = 0;
    (void)state;
    side *s = side_new(older, &said);
    for (int i = 0; i < EVENTS; i++)
        feed(s, i);
    while (snag_engine_each(s->engine, &cursor, &key_at, &blob) && blob.size < 300)
        continue;
    assert_true(key_at.size <= sizeof key && blob.size <= sizeof bytes);
    memcpy(key, key_at.data, key_at.size);
    memcpy(bytes, blob.data, blob.size);
    key_at.data = key;
    blob.data = bytes;
    for (size_t at = 0; at < blob.size; at++) {
        static const unsigned char masks[] = {1, 0x80, 0xFF};
        for (size_t m = 0; m < sizeof masks; m++) {
            bytes[at] = (char)(bytes[at] ^ masks[m]);
            snag_err err = snag_engine_restore(s->engine, key_at, blob);
            bytes[at] = (char)(bytes[at] ^ masks[m]);
            refused += err != SNAG_OK;
            for (int i = EVENTS; err == SNAG_OK && i < EVENTS + 4; i++)
                feed(s, i);
            said.size = 0;
        }
    }
    assert_true(refused > 100);
    side_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_restarts), cmocka_unit_test(test_changed),
                                       cmocka_unit_test(test_hostile)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
