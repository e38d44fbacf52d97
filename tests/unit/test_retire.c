/* SPDX-License-Identifier: Apache-2.0
 *
 * A newer pipeline over the state of an older one: what ends, what goes on, and in whose words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config.h"
#include "engine/engine.h"
#include "base/pack.h"
#include "engine/words.h"
#include "local/memory.h"

enum { BLOCK_BYTES = 16 << 20, SAID_BYTES = 1 << 16, WORDS_BYTES = 1 << 16 };

#define SOURCE(kept)                                                                     \
    "sources:\n"                                                                         \
    "  s: { topic: s, format: json, map: { id: i, time: t, type: e, customer: c },\n"    \
    "       keep: {" kept "} }\n"

static const char older[] = "pipeline: p\n" SOURCE("order: order, city: city")
    "journeys:\n"
    "  way: { per: order, stages: {\n"
    "    begun: { event: Begun, due: 1h, owner: us, headline: \"{order} in {city}\" },\n"
    "    sent: { event: Sent, due: 2h }, done: { event: Done, end: done } } }\n"
    "rules:\n"
    "  gone: { event: Asked, missing: Answered, after: 10s, owner: desk, playbook: call, severity: error,\n"
    "          tags: [desk, eu], headline: \"{customer} of {city} waits\" }\n"
    "  changed: { event: Failed, per: order, count: 2, within: 1d, headline: \"{observed} in {order}\" }\n"
    "  worded: { event: Lost, per: [order, city], count: 1, until: Found, headline: \"{order} lost\" }\n";

/* `gone` is gone, `changed` counts to 3, `worded` has other words; kept names have other places. */
static const char newer[] = "pipeline: p\nversion: 2\n" SOURCE("city: city, order: order, more: more")
    "journeys:\n"
    "  way: { per: order, stages: {\n"
    "    packed: { event: Packed, due: 5h },\n"
    "    begun: { event: Begun, due: 1h, owner: them, headline: \"{city} has {order}\" },\n"
    "    sent: { event: Sent, due: 3h }, done: { event: Done, end: done } } }\n"
    "rules:\n"
    "  changed: { event: Failed, per: order, count: 3, within: 1d, headline: \"{observed} in {order}\" }\n"
    "  worded: { event: Lost, per: [order, city], count: 1, until: Found, owner: finder,\n"
    "            headline: \"{order} was lost in {city}\" }\n";

/* Nothing of it is left, not even the `per`s. */
static const char other[] = "pipeline: p\nversion: 3\n" SOURCE("order: order")
    "rules:\n"
    "  late: { event: Asked, missing: Answered, after: 1d }\n";

typedef struct side {
    snag_config config;
    snag_memory memory;
    snag_engine *engine;
    char said[SAID_BYTES];
    snag_buf buf;
    int64_t offset;
} side;

static void on_record(void *context, const snag_record *record)
{
    side *s = context;
    const snag_alert *alert = &record->as.alert;
    if (record->kind != SNAG_RECORD_ALERT)
        return;
    for (uint32_t i = 0; i < alert->tag_count; i++)
        snag_buf_printf(&s->buf, "#%.*s ", SNAG_FMT(alert->tags[i]));
    snag_buf_printf(&s->buf, "%s %.*s %.*s at %.*s/%.*s %lld seq=%u %s owner=%.*s: %.*s\n",
                    snag_action_word(alert->action), SNAG_FMT(alert->rule), SNAG_FMT(alert->dedup_key),
                    SNAG_FMT(alert->journey), SNAG_FMT(alert->stage), (long long)alert->time_ms, alert->seq,
                    snag_reason_word(alert->reason), SNAG_FMT(alert->owner), SNAG_FMT(alert->headline));
    assert_false(s->buf.full);
}

static side *side_new(const char *yaml)
{
    side *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->buf = snag_buf_on(s->said, sizeof s->said);
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

static void feed(side *s, int64_t at_ms, const char *customer, const char *type, const char *order)
{
    const snag_pipeline *pipeline = &s->config.pipeline;
    snag_value vars[SNAG_VAR_KEPT + 3] = {0};
    char id[24];
    snag_buf buf = snag_buf_on(id, sizeof id);
    snag_buf_printf(&buf, "%s-%lld", type, (long long)at_ms);
    vars[SNAG_VAR_ID] = snag_value_text(snag_buf_str(&buf));
    vars[SNAG_VAR_TIME] = snag_value_time_ms(at_ms);
    vars[SNAG_VAR_TYPE] = snag_value_text(snag_str_from(type));
    vars[SNAG_VAR_CUSTOMER] = snag_value_text(snag_str_from(customer));
    for (uint32_t i = SNAG_VAR_KEPT; i < pipeline->name_count; i++) {
        snag_str name = pipeline->names[i].name;
        if (snag_str_equal(name, SNAG_STR("order")))
            vars[i] = snag_value_text(snag_str_from(order));
        else if (snag_str_equal(name, SNAG_STR("city")))
            vars[i] = snag_value_text(SNAG_STR("Rome"));
    }
    snag_event event = {.time_ms = at_ms, .stamp_ms = at_ms, .position = {.offset = s->offset++},
                        .id = vars[SNAG_VAR_ID].as.text, .type = vars[SNAG_VAR_TYPE].as.text,
                        .customer = vars[SNAG_VAR_CUSTOMER].as.text, .vars = vars,
                        .var_count = pipeline->name_count};
    size_t taken;
    assert_int_equal(snag_engine_take(s->engine, &event, 1, &taken), SNAG_OK);
}

/* All cells and the engine's head into another; the number of strange cells. */
static uint64_t move(const side *from, side *to)
{
    char head[1024];
    snag_str key, blob;
    snag_buf buf = snag_buf_on(head, sizeof head);
    for (uint64_t cursor = 0; snag_engine_each(from->engine, &cursor, &key, &blob);)
        assert_int_equal(snag_engine_restore(to->engine, key, blob), SNAG_OK);
    snag_engine_head_write(from->engine, &buf);
    assert_int_equal(snag_engine_head_read(to->engine, snag_buf_str(&buf)), SNAG_OK);
    to->offset = from->offset;
    return snag_engine_strange(to->engine);
}

static uint64_t retire(side *s, const side *was, uint32_t budget)
{
    char *bytes = malloc(WORDS_BYTES);
    uint64_t cursor = 0, lost = 0;
    assert_non_null(bytes);
    snag_buf words = snag_buf_on(bytes, WORDS_BYTES);
    if (was)
        snag_words_write(&was->config.pipeline, (snag_str){"", 0}, &words);
    assert_false(words.full);
    assert_true(!was || snag_words_sound(snag_buf_str(&words)));
    while (!snag_engine_retire(s->engine, snag_buf_str(&words), &cursor, budget, &lost))
        continue;
    assert_int_equal(snag_engine_strange(s->engine), 0);
    free(bytes);
    return lost;
}

static bool said(const side *s, const char *line)
{
    return strstr(s->said, line) != NULL;
}

static size_t lines(const side *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->buf.size; i++)
        count += s->said[i] == '\n';
    return count;
}

static side *lived(void)
{
    side *s = side_new(older);
    feed(s, 1000, "ann", "Asked", "1");        /* open at 11000 */
    feed(s, 2000, "bob", "Failed", "7");
    feed(s, 3000, "bob", "Failed", "7");       /* open */
    feed(s, 4000, "cid", "Lost", "9");         /* open */
    feed(s, 5000, "dan", "Begun", "4");        /* stalls at 3605000, its stage is as it was */
    feed(s, 6000, "eve", "Sent", "5");         /* stalls at 7206000, its stage is another */
    feed(s, 7000, "fay", "Done", "6");         /* ended */
    feed(s, 7100000, "gus", "Begun", "8");     /* under way: due at 10700000 */
    feed(s, 7300000, "hal", "Sent", "3");      /* under way: due at 14500000 */
    assert_int_equal(lines(s), 5);
    return s;
}

static void test_rules_and_stages(void **state)
{
    (void)state;
    for (uint32_t budget = 1; budget <= 100; budget += 99) {
        side *was = lived();
        side *is = side_new(newer);
        assert_true(move(was, is) > 0);
        assert_int_equal(retire(is, was, budget), 0);
        assert_int_equal(lines(is), 3);
        assert_true(said(is, "#desk #eu resolve gone p/gone/ann at / 7300000 seq=2 rule_changed owner=desk: "
                             "ann of Rome waits\n"));
        assert_true(said(is, "resolve changed p/changed/bob/7 at / 7300000 seq=2 rule_changed owner=: "
                             "2 in 7\n"));
        assert_true(said(is, "resolve way.sent.late p/way.sent.late/eve/5 at way/sent 7300000 seq=2 "
                             "rule_changed"));
        is->buf.size = 0;
        memset(is->said, 0, sizeof is->said);
        /* What went on: episodes in new words, walks with the deadlines they had. */
        feed(is, 7300001, "cid", "Found", "9");
        assert_true(said(is, "resolve worded p/worded/cid/9/Rome"));
        assert_true(said(is, "until owner=finder: 9 was lost in ?\n")); /* the city was not kept then */
        feed(is, 7300002, "dan", "Sent", "4");
        assert_true(said(is, "resolve way.begun.late p/way.begun.late/dan/4 at way/begun 7300002 seq=2 "
                             "moved_on owner=them: Rome has 4\n"));
        feed(is, 7300003, "fay", "Begun", "6"); /* ended once and for all */
        snag_engine_tick(is->engine, 14600000, UINT32_MAX);
        assert_true(said(is, "trigger way.begun.late p/way.begun.late/gus/8 at way/begun 10700000 seq=1"));
        assert_true(said(is, "trigger way.sent.late p/way.sent.late/hal/3 at way/sent 14500000 seq=1"));
        assert_false(said(is, "/eve/"));
        assert_false(said(is, "/fay/"));
        assert_int_equal(lines(is), 4);
        side_free(was);
        side_free(is);
    }
}

/* Journeys and `per`s that are gone: everything open ends, nothing is left but the customers themselves. */
static void test_all_gone(void **state)
{
    snag_engine_usage usage;
    snag_str key, blob;
    size_t dead = 0;
    (void)state;
    side *was = lived();
    side *is = side_new(other);
    move(was, is);
    assert_int_equal(retire(is, was, 2), 0);
    assert_int_equal(lines(is), 5);
    assert_true(said(is, "resolve worded p/worded/cid/9"));
    assert_true(said(is, "resolve way.begun.late p/way.begun.late/dan/4 at way/begun"));
    snag_engine_usage_get(is->engine, &usage);
    assert_int_equal(usage.open_episodes, 0);
    assert_int_equal(usage.open_walks, 0);
    assert_int_equal(usage.armed, 0);
    assert_int_equal(usage.cells, usage.customers);
    while (snag_engine_changed(is->engine, &key, &blob))
        dead += blob.size == 0;
    assert_int_equal(dead, 7); /* 5 walks, an order that failed, one that was lost */
    snag_engine_tick(is->engine, INT64_C(1) << 40, UINT32_MAX);
    assert_int_equal(lines(is), 5);
    side_free(was);
    side_free(is);
}

/* Without words nothing can be said; it is counted, and nothing strange stays. */
static void test_no_words(void **state)
{
    (void)state;
    side *was = lived();
    side *is = side_new(newer);
    move(was, is);
    assert_int_equal(retire(is, NULL, 100), 4); /* gone, changed, two stalls */
    assert_int_equal(lines(is), 0);
    side_free(is);
    is = side_new(newer); /* nobody even asked */
    assert_true(move(was, is) > 0);
    feed(is, 7300001, "new", "Begun", "1");
    assert_int_equal(snag_engine_strange(is->engine), 0);
    assert_int_equal(lines(is), 0);
    side_free(was);
    side_free(is);
}

/* Retired in part, stored, brought back: the rest follows, nothing twice. */
static void test_in_two_lives(void **state)
{
    uint64_t cursor = 0, lost = 0;
    char bytes[4096];
    (void)state;
    side *was = lived();
    side *first = side_new(newer), *second = side_new(newer);
    snag_buf words = snag_buf_on(bytes, sizeof bytes);
    snag_words_write(&was->config.pipeline, (snag_str){"", 0}, &words);
    move(was, first);
    uint64_t strange = snag_engine_strange(first->engine);
    assert_false(snag_engine_retire(first->engine, snag_buf_str(&words), &cursor, 3, &lost));
    assert_int_equal(move(first, second), strange - 3);
    retire(second, was, 100);
    assert_int_equal(lines(first) + lines(second), 3);
    side_free(was);
    side_free(first);
    side_free(second);
}

/* Words of format 1 know no tags. */
static void test_words_before_tags(void **state)
{
    char bytes[512];
    snag_words_entry entry;
    snag_buf words = snag_buf_on(bytes, sizeof bytes);
    (void)state;
    snag_buf_put(&words, "SNAGRULE", 8);
    snag_pack_u16(&words, 1);
    snag_pack_u16(&words, 2);
    for (uint32_t i = 1; i <= 2; i++) {
        static const char *const texts[] = {"gone", "missing", "desk", "", "waits", "it comes", "", ""};
        snag_pack_u32(&words, i);
        snag_pack_u8(&words, SNAG_WORDS_RULE);
        snag_pack_u16(&words, 0);
        snag_pack_u32(&words, 0);
        snag_pack_u8(&words, 1);
        snag_pack_u8(&words, 0);
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
            snag_pack_text(&words, snag_str_from(texts[k]));
    }
    assert_true(snag_words_sound(snag_buf_str(&words)));
    assert_true(snag_words_find(snag_buf_str(&words), 2, SNAG_WORDS_RULE, &entry));
    assert_true(snag_str_equal(entry.spec.name, SNAG_STR("gone")));
    assert_int_equal(entry.spec.tag_count, 0);
    /* Carried on by a later version they are words of the newest format. */
    static char more[WORDS_BYTES];
    snag_buf both = snag_buf_on(more, sizeof more);
    side *is = side_new(newer);
    snag_words_write(&is->config.pipeline, snag_buf_str(&words), &both);
    assert_true(snag_words_sound(snag_buf_str(&both)));
    assert_true(snag_words_find(snag_buf_str(&both), 1, SNAG_WORDS_RULE, &entry));
    assert_true(snag_str_equal(entry.spec.owner, SNAG_STR("desk")));
    side_free(is);
}

static void test_words_cut(void **state)
{
    char bytes[4096];
    snag_words_entry entry;
    (void)state;
    side *was = side_new(older);
    snag_buf words = snag_buf_on(bytes, sizeof bytes);
    snag_words_write(&was->config.pipeline, (snag_str){"", 0}, &words);
    for (size_t cut = 0; cut < words.size; cut++)
        assert_false(snag_words_sound(snag_str_of(bytes, cut)));
    assert_true(snag_words_sound(snag_buf_str(&words)));
    assert_false(snag_words_find(snag_buf_str(&words), 1, SNAG_WORDS_RULE, &entry));
    bytes[8] = SNAG_WORDS_FORMAT + 1;
    assert_false(snag_words_sound(snag_buf_str(&words)));
    side_free(was);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_and_stages), cmocka_unit_test(test_all_gone),
        cmocka_unit_test(test_no_words), cmocka_unit_test(test_in_two_lives),
        cmocka_unit_test(test_words_cut), cmocka_unit_test(test_words_before_tags)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
