/* SPDX-License-Identifier: Apache-2.0
 *
 * Surveys over restarts and changes of the pipeline: an engine that is made anew from what is stored after
 * each event says the same as one that lives through it all; a journey that changes takes its questions
 * along; bytes that are not ours are refused.
 */
#include <stdio.h>

#include "config/config.h"
#include "engine/engine.h"
#include "engine/words.h"
#include "local/memory.h"
#include "unit/check.h"

enum { BLOCK_BYTES = 8 << 20, SAID_BYTES = 1 << 18, EVENTS = 500, HEAD_BYTES = 4096, WORDS_BYTES = 1 << 20 };

static const int64_t begin_ms = 1767225600000; /* 2026-01-01 */

#define SOURCES                                                                             \
    "pipeline: poll\n"                                                                      \
    "sources: { s: { topic: s, format: json, map: { id: i, time: t, type: e, customer: c }," \
    " keep: { sid: sid, about: about, score: { from: n, as: int } } } }\n"                  \
    "journeys: { way: { again: true, settle: 2h, survey: { event: Said, score: score"

static const char pipeline_text[] =
    SOURCES ", asked: Ask, by: sid, about: about }, stages: {\n"
            "  one: { event: A, due: 1h }, two: { event: B }, three: { event: C },\n"
            "  over: { event: D, end: true } } } }\n"
            "rules: { rubs: { event: F, count: 2, within: 1h } }\n";
/* Another order, one stage less, one more. */
static const char other_text[] =
    SOURCES ", asked: Ask }, stages: {\n"
            "  new: { event: N }, two: { event: B }, one: { event: A, due: 2h },\n"
            "  over: { event: D, end: true } } } }\n";

static snag_config config, other;

typedef struct life {
    snag_memory memory;
    snag_engine *engine;
    snag_buf *said;
    int64_t offset;
} life;

static void on_record(void *context, const snag_record *record)
{
    const snag_change *change = &record->as.change;
    snag_buf *said = context;
    if (record->kind != SNAG_RECORD_CHANGE)
        return;
    snag_buf_printf(said, "%.*s %s %u at %lld from %.*s, %g, %.*s, walk ", SNAG_FMT(change->customer),
                    snag_move_word(change->move), change->seq, (long long)change->effective_ms,
                    SNAG_FMT(change->from), change->score, SNAG_FMT(change->outcome));
    snag_buf_hex(said, change->walk, 3);
    snag_buf_byte(said, '\n');
    assert_false(said->full);
}

static void life_begin(life *l, const snag_config *of, snag_buf *said)
{
    l->said = said;
    assert_int_equal(snag_memory_init(&l->memory, BLOCK_BYTES, NULL), SNAG_OK);
    assert_int_equal(snag_engine_init(&l->engine, &of->pipeline, l->memory.block, l->memory.size, on_record,
                                      said), SNAG_OK);
}

/* Another engine, from what this one would have stored. */
static void life_again(life *l, const snag_config *of)
{
    char bytes[HEAD_BYTES];
    life next = {.offset = l->offset};
    uint64_t cursor = 0;
    snag_str key, blob;
    snag_buf head = snag_buf_on(bytes, sizeof bytes);
    life_begin(&next, of, l->said);
    while (snag_engine_each(l->engine, &cursor, &key, &blob))
        assert_int_equal(snag_engine_restore(next.engine, key, blob), SNAG_OK);
    snag_engine_head_write(l->engine, &head);
    assert_int_equal(snag_engine_head_read(next.engine, snag_buf_str(&head)), SNAG_OK);
    snag_memory_finish(&l->memory);
    *l = next;
}

static uint64_t dice(uint64_t *seed, uint64_t sides)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % sides;
}

typedef struct happening {
    int64_t at_ms;
    const char *type;
    const char *who;
    const char *sid; /* NULL = none */
    const char *about;
    int score; /* -1 = none */
} happening;

static void happen(life *l, const happening *what)
{
    snag_value vars[SNAG_VAR_KEPT + 3] = {0};
    char id[24];
    snag_buf buf = snag_buf_on(id, sizeof id);
    snag_buf_int(&buf, l->offset);
    vars[SNAG_VAR_CUSTOMER] = snag_value_text(snag_str_from(what->who));
    if (what->sid)
        vars[SNAG_VAR_KEPT] = snag_value_text(snag_str_from(what->sid));
    if (what->about)
        vars[SNAG_VAR_KEPT + 1] = snag_value_text(snag_str_from(what->about));
    if (what->score >= 0)
        vars[SNAG_VAR_KEPT + 2] = snag_value_int(what->score);
    snag_event event = {.time_ms = what->at_ms, .stamp_ms = what->at_ms,
                        .position = {.offset = l->offset++}, .id = snag_buf_str(&buf),
                        .type = snag_str_from(what->type), .customer = snag_str_from(what->who),
                        .account = {"", 0}, .channel = {"", 0}, .vars = vars,
                        .var_count = SNAG_VAR_KEPT + 3};
    size_t taken;
    assert_int_equal(snag_engine_take(l->engine, &event, 1, &taken), SNAG_OK);
}

/* Some come hours late. Restarted after every `often`-th event; 0 = never. */
static snag_counters live(uint64_t seed, int64_t often, snag_buf *said)
{
    static const char *const types[] = {"A", "B", "C", "D", "F", "Ask", "Ask", "Said", "Said", "Said"};
    static const char *const sids[] = {"x", "y", NULL};
    static const char *const abouts[] = {"one", "three", "nowhere", NULL, NULL};
    static const char *const names[] = {"a", "b", "c"};
    life l = {.offset = 0};
    snag_counters counters;
    int64_t now_ms = begin_ms;
    life_begin(&l, &config, said);
    for (int64_t i = 0; i < EVENTS; i++) {
        happening what = {.score = (int)dice(&seed, 11)};
        now_ms += (int64_t)dice(&seed, 1800000);
        bool late = dice(&seed, 4) == 0;
        what.at_ms = now_ms - (late ? (int64_t)dice(&seed, 3 * 3600000) : 0);
        what.type = types[dice(&seed, 10)];
        what.who = names[dice(&seed, 3)];
        what.sid = sids[dice(&seed, 3)];
        what.about = abouts[dice(&seed, 5)];
        happen(&l, &what);
        if (often && i % often == 0)
            life_again(&l, &config);
    }
    snag_engine_counters(l.engine, &counters);
    snag_memory_finish(&l.memory);
    return counters;
}

static void test_restarts_change_nothing(void **state)
{
    static char bytes[2][SAID_BYTES];
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        snag_buf one = snag_buf_on(bytes[0], SAID_BYTES);
        snag_buf two = snag_buf_on(bytes[1], SAID_BYTES);
        snag_counters lived = live(seed, 0, &one);
        snag_counters again = live(seed, (int64_t)seed, &two);
        assert_true(lived.unasked > 5 && lived.walks_opened > 20 && one.size > 10000);
        assert_memory_equal(&lived, &again, sizeof lived);
        assert_int_equal(one.size, two.size);
        assert_memory_equal(one.data, two.data, one.size);
    }
}

static bool said_last(const snag_buf *said, const char *part)
{
    said->data[said->size] = '\0';
    return strstr(said->data, part) != NULL;
}

/* More questions than are kept: the oldest goes, but first one that has its answer; else it is counted. */
static void test_bound(void **state)
{
    static char bytes[SAID_BYTES + 1];
    snag_buf said = snag_buf_on(bytes, SAID_BYTES);
    snag_counters counters;
    life l = {.offset = 0};
    (void)state;
    life_begin(&l, &config, &said);
    happen(&l, &(happening){begin_ms, "A", "a", NULL, NULL, -1});
    for (int64_t i = 1; i <= 8; i++)
        happen(&l, &(happening){begin_ms + i, "Ask", "a", i == 3 ? "y" : "x", NULL, -1});
    happen(&l, &(happening){begin_ms + 10, "Said", "a", "y", NULL, 1});
    happen(&l, &(happening){begin_ms + 11, "Ask", "a", "x", NULL, -1}); /* the answered one goes */
    snag_engine_counters(l.engine, &counters);
    assert_int_equal(counters.bound, 0);
    happen(&l, &(happening){begin_ms + 12, "Ask", "a", "z", NULL, -1});
    snag_engine_counters(l.engine, &counters);
    assert_int_equal(counters.bound, 1);
    said.size = 0;
    happen(&l, &(happening){begin_ms + 13, "Said", "a", "y", NULL, 2});
    assert_int_equal(said.size, 0);
    assert_true(snag_engine_explain(l.engine, SNAG_STR("a"), &said));
    assert_true(said_last(&said, "\"asked\":[{\"stage\":\"one\",\"at\":\"2026-01-01T00:00:00.002Z\","
                                 "\"answered\":false},"
                                 "{\"stage\":\"one\",\"at\":\"2026-01-01T00:00:00.004Z\""));
    said.size = 0;
    happen(&l, &(happening){begin_ms + 14, "Said", "a", "z", NULL, 3});
    assert_true(said.size > 0);
    snag_engine_counters(l.engine, &counters);
    assert_int_equal(counters.unasked, 1);
    snag_memory_finish(&l.memory);
}

/* The journey of the other file: questions are about the stage of the same name; where it is gone, they are
 * as well. */
static void test_change_takes_questions_along(void **state)
{
    static char bytes[SAID_BYTES + 1];
    static char words_bytes[WORDS_BYTES];
    snag_buf said = snag_buf_on(bytes, SAID_BYTES);
    snag_buf words = snag_buf_on(words_bytes, sizeof words_bytes);
    life l = {.offset = 0};
    uint64_t cursor = 0, lost = 0;
    (void)state;
    life_begin(&l, &config, &said);
    happen(&l, &(happening){begin_ms, "A", "a", NULL, NULL, -1});
    happen(&l, &(happening){begin_ms + 1, "Ask", "a", NULL, NULL, -1}); /* one */
    happen(&l, &(happening){begin_ms + 2, "C", "a", NULL, NULL, -1});
    happen(&l, &(happening){begin_ms + 3, "Ask", "a", NULL, NULL, -1}); /* three: is gone */
    happen(&l, &(happening){begin_ms + 4, "B", "a", NULL, NULL, -1});
    happen(&l, &(happening){begin_ms + 5, "Ask", "a", NULL, NULL, -1}); /* two */
    snag_words_write(&config.pipeline, (snag_str){"", 0}, &words);
    life_again(&l, &other);
    while (!snag_engine_retire(l.engine, snag_buf_str(&words), &cursor, 1, &lost))
        continue;
    life_again(&l, &other);
    said.size = 0;
    happen(&l, &(happening){begin_ms + 6, "Said", "a", NULL, NULL, 1});
    assert_true(said_last(&said, "from two, 1,"));
    happen(&l, &(happening){begin_ms + 7, "Said", "a", NULL, NULL, 2});
    assert_true(said_last(&said, "from one, 2,"));
    assert_false(said_last(&said, "three"));
    snag_memory_finish(&l.memory);
}

/* Each byte of a cell turned to something else: refused, or read as something that can go on. */
static void test_broken_bytes(void **state)
{
    static char bytes[SAID_BYTES];
    static char cell[SNAG_CELL_BYTES_MAX];
    snag_buf said = snag_buf_on(bytes, sizeof bytes);
    life l = {.offset = 0};
    uint64_t cursor = 0;
    size_t refused = 0;
    snag_str key, blob;
    (void)state;
    life_begin(&l, &config, &said);
    happen(&l, &(happening){begin_ms, "A", "a", NULL, NULL, -1});
    happen(&l, &(happening){begin_ms + 1, "Ask", "a", "x", NULL, -1});
    happen(&l, &(happening){begin_ms + 2, "D", "a", NULL, NULL, -1});
    happen(&l, &(happening){begin_ms + 3, "B", "a", NULL, NULL, -1});
    assert_true(snag_engine_each(l.engine, &cursor, &key, &blob));
    for (size_t i = 0; i < blob.size; i++) {
        for (int turn = 1; turn < 256; turn += 85) {
            life broken = {.offset = 100};
            memcpy(cell, blob.data, blob.size);
            cell[i] = (char)(cell[i] ^ turn);
            said.size = 0;
            life_begin(&broken, &config, &said);
            if (snag_engine_restore(broken.engine, key, snag_str_of(cell, blob.size)) != SNAG_OK) {
                refused++;
            } else {
                happen(&broken, &(happening){begin_ms + 5, "Said", "a", "x", NULL, 1});
                happen(&broken, &(happening){begin_ms + 6, "Ask", "a", "x", NULL, 1});
                happen(&broken, &(happening){begin_ms + 7, "C", "a", "x", NULL, 1});
            }
            snag_memory_finish(&broken.memory);
        }
    }
    assert_true(refused > blob.size / 2);
    snag_memory_finish(&l.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_restarts_change_nothing),
                                       cmocka_unit_test(test_bound),
                                       cmocka_unit_test(test_change_takes_questions_along),
                                       cmocka_unit_test(test_broken_bytes)};
    if (snag_config_parse(&config, snag_str_from(pipeline_text), "poll.yaml", NULL) != SNAG_OK ||
        snag_config_parse(&other, snag_str_from(other_text), "other.yaml", NULL) != SNAG_OK) {
        fprintf(stderr, "%s\n", (config.error_count ? &config : &other)->errors[0].diag.text);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snag_config_free(&config);
    snag_config_free(&other);
    return failed;
}
