/* SPDX-License-Identifier: Apache-2.0
 *
 * stored/walks1.txt and so on are what one and the same life of walks, surveys and scores left behind in the
 * versions of this program: all must still be read, and go on as a life that was lived under this one; the
 * newest is written byte by byte. When a layout changes on purpose, what `test_walks_stored --print` says is
 * the next file.
 *
 *     walks1   walks' states of 30, 72 and 88 bytes, and of 45; of a survey only where it was asked last
 *     walks2   walks with a survey hold where they have been and what they were asked
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "unit/life.h"
#include "unit/stored_file.h"

static const char *const files[] = {"tests/unit/stored/walks1.txt", "tests/unit/stored/walks2.txt"};

enum { MINUTE_MS = 60000 };

static const int64_t begin_ms = 1767600000000; /* 2026-01-05, a Monday, 8:00 */

static const char pipeline_text[] =
    "pipeline: walks\n"
    "calendars:\n"
    "  here: { zone: UTC, hours: { mon-fri: [09:00-17:00] } }\n"
    "sources:\n"
    "  s: { topic: s, format: json, map: { id: i, time: t, type: e, customer: c },\n"
    "       keep: { order: order, score: { from: score, as: int } } }\n"
    "journeys:\n"
    "  claim: { per: order, survey: { event: Said, score: score, asked: Ask }, stages: {\n"
    "    filed: { event: Paid, due: 8 business hours, warn: 30%, pause: Held, resume: Freed },\n"
    "    sent: { event: Sent, due: 1h },\n"
    "    done: { event: Done, end: done } } }\n"
    "  order: { per: order, again: true, survey: { event: Said, score: score, asked: Ask }, stages: {\n"
    "    paid: { event: Paid, due: 2h }, sent: { event: Sent },\n"
    "    done: { event: Done, end: done } } }\n"
    "  plain: { survey: { event: Said, score: score }, stages: {\n"
    "    paid: { event: Paid, due: 3h }, sent: { event: Sent } } }\n"
    "  judged: { per: order, settle: 4h, stages: {\n"
    "    paid: { event: Paid, due: 1h }, done: { event: Done, end: true } } }\n"
    "rules:\n"
    "  failed: { event: Failed, count: 2, within: 1h }\n"
    "  waits: { event: Paid, per: order, missing: Done, after: 90m }\n"
    "  effort: { score: { failed: 4, waits: 3 }, half_life: 2h, enter: 6, leave: 2, kinds: 2 }\n";

typedef struct step {
    int32_t at; /* minutes */
    const char *who;
    const char *type;
    const char *order;
    int32_t score; /* -1 = none */
} step;

/* What is stored: walks that go on, stand, have warned, ended; asked and not; an open score. */
static const step youth[] = {
    {60, "ann", "Paid", "1", -1},   {62, "bob", "Paid", "2", -1},    {64, "eve", "Paid", "3", -1},
    {70, "ann", "Failed", "1", -1}, {71, "ann", "Failed", "1", -1},  {75, "ann", "Ask", "1", -1},
    {80, "bob", "Ask", "2", -1},    {90, "bob", "Held", "2", -1},    {100, "ann", "Sent", "1", -1},
    {130, "bob", "Freed", "2", -1}, {140, "bob", "Said", "2", 5},    {150, "eve", "Done", "3", -1},
    {170, "ann", "Held", "1", -1},  {172, "ann", "Failed", "9", -1}, {173, "ann", "Failed", "9", -1},
    {300, "bob", "Failed", "2", -1},
};

/* How it goes on; nothing of it asks what only the newest version remembers. */
static const step age[] = {
    {310, "ann", "Said", "1", 7}, {311, "bob", "Sent", "2", -1},  {312, "bob", "Ask", "2", -1},
    {313, "bob", "Said", "2", 3}, {320, "eve", "Said", "3", 1},   {330, "eve", "Paid", "3", -1},
    {340, "ann", "Done", "1", -1}, {350, "bob", "Failed", "2", -1}, {360, "bob", "Done", "2", -1},
};

static snag_config config;

static void on_record(void *context, const snag_record *record)
{
    life_say(context, record);
}

static life *life_new(void)
{
    return life_of(&config, on_record);
}

static void feed(life *l, const step *s)
{
    snag_value vars[SNAG_VAR_KEPT + 2] = {0};
    char id[24];
    snag_buf buf = snag_buf_on(id, sizeof id);
    int64_t time_ms = begin_ms + (int64_t)s->at * MINUTE_MS;
    snag_buf_byte(&buf, 'e');
    snag_buf_int(&buf, l->offset);
    vars[SNAG_VAR_ID] = snag_value_text(snag_buf_str(&buf));
    vars[SNAG_VAR_TIME] = snag_value_time_ms(time_ms);
    vars[SNAG_VAR_TYPE] = snag_value_text(snag_str_from(s->type));
    vars[SNAG_VAR_CUSTOMER] = snag_value_text(snag_str_from(s->who));
    vars[SNAG_VAR_KEPT] = snag_value_text(snag_str_from(s->order));
    if (s->score >= 0)
        vars[SNAG_VAR_KEPT + 1] = snag_value_int(s->score);
    snag_event event = {.time_ms = time_ms,
                        .stamp_ms = time_ms,
                        .position = {.partition = 3, .offset = l->offset++},
                        .id = vars[SNAG_VAR_ID].as.text,
                        .type = vars[SNAG_VAR_TYPE].as.text,
                        .customer = vars[SNAG_VAR_CUSTOMER].as.text,
                        .vars = vars,
                        .var_count = SNAG_VAR_KEPT + 2};
    size_t taken = 0;
    assert_int_equal(snag_engine_take(l->engine, &event, 1, &taken), SNAG_OK);
}

static life *young(void)
{
    life *l = life_new();
    for (size_t i = 0; i < sizeof youth / sizeof youth[0]; i++)
        feed(l, &youth[i]);
    return l;
}

static void grow(life *l)
{
    l->said.size = 0;
    for (size_t i = 0; i < sizeof age / sizeof age[0]; i++)
        feed(l, &age[i]);
    assert_true(snag_engine_tick(l->engine, begin_ms + 3000 * (int64_t)MINUTE_MS, UINT32_MAX));
}

static snag_str head_of(const life *l)
{
    static char bytes[1024];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    snag_engine_head_write(l->engine, &buf);
    assert_false(buf.full);
    return snag_buf_str(&buf);
}

static life *revived(const char *path)
{
    life *l = life_new();
    stored_revive(l->engine, path);
    l->offset = sizeof youth / sizeof youth[0];
    return l;
}

static void test_every_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        life *lived = young();
        life *again = revived(files[i]);
        assert_int_equal(again->said.size, 0);
        grow(lived);
        grow(again);
        assert_true(lived->said.size > 4000);
        assert_int_equal(lived->said.size, again->said.size);
        assert_memory_equal(lived->said.data, again->said.data, lived->said.size);
        life_free(lived);
        life_free(again);
    }
}

static void test_newest_is_written(void **state)
{
    life *l = young();
    (void)state;
    assert_stored_as(l->engine, head_of(l), files[sizeof files / sizeof files[0] - 1]);
    life_free(l);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_version),
                                       cmocka_unit_test(test_newest_is_written)};
    if (snag_config_parse(&config, snag_str_from(pipeline_text), "walks.yaml", NULL) != SNAG_OK) {
        fprintf(stderr, "%u: %s\n", config.errors[0].diag.line, config.errors[0].diag.text);
        return 1;
    }
    int failed = 0;
    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        life *l = young();
        stored_print(l->engine, head_of(l), stdout);
        if (argc > 2) { /* … and how it goes on */
            grow(l);
            fwrite(l->said.data, 1, l->said.size, stderr);
        }
        life_free(l);
    } else {
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    }
    snag_config_free(&config);
    return failed;
}
