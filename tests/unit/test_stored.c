/* SPDX-License-Identifier: Apache-2.0
 *
 * State that earlier versions of the program have stored. tests/unit/stored/vN.txt holds, for each format of
 * cells there ever was, what one and the same life left behind (stored_file.h).
 *
 * An engine that reads them must explain every customer and go on exactly as one that lived through it all
 * under this version; and this version must still write the newest file, byte by byte. When the format
 * changes on purpose: raise its number, and keep what `test_stored --print` says as the next file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "journey/cell.h"
#include "runtime/head.h"
#include "unit/life.h"
#include "unit/stored_file.h"

enum { EXPLAIN_BYTES = 1 << 16 };

static const int64_t begin_ms = 1767225600000; /* 2026-01-01 */

static const char pipeline_text[] =
    "pipeline: stored\n"
    "sources:\n"
    "  s: { topic: s, format: json, map: { id: i, time: t, type: e, customer: c, account: a },\n"
    "       keep: { order: order, n: { from: n, as: int } }, const: { channel: web } }\n"
    "journeys:\n"
    "  order:\n"
    "    per: order\n"
    "    stages:\n"
    "      begun: { event: Begun, due: 1h, headline: \"{order} of {customer} stands ({n})\" }\n"
    "      sent: { event: Sent, due: 2h, milestone: sent }\n"
    "      done: { event: Done, end: done }\n"
    "rules:\n"
    "  silent: { event: \"*\", missing: \"*\", after: 3h, headline: \"{n}: nothing from {customer}\" }\n"
    "  unanswered: { event: Begun, per: order, missing: Sent, after: 30m, cooldown: 1d,\n"
    "                headline: \"{order} of {customer}, {n}\" }\n"
    "  failed: { event: Failed, count: 3, within: 1h, until: Sent, headline: \"{observed} {order} {n}\" }\n"
    "  burst: { event: Failed, per: order, count: 2, within: 1s, burst: true, quiet: 1s }\n";

static snag_config config;

static void on_record(void *context, const snag_record *record)
{
    if (record->kind != SNAG_RECORD_LATE)
        life_say(context, record);
}

static life *life_new(void)
{
    return life_of(&config, on_record);
}

static void feed(life *l, int64_t after_ms, const char *customer, const char *type, const char *order)
{
    snag_value vars[SNAG_VAR_KEPT + 2] = {0};
    char id[24];
    snag_buf buf = snag_buf_on(id, sizeof id);
    snag_buf_byte(&buf, 'e');
    snag_buf_int(&buf, l->offset);
    vars[SNAG_VAR_ID] = snag_value_text(snag_buf_str(&buf));
    vars[SNAG_VAR_TIME] = snag_value_time_ms(begin_ms + after_ms);
    vars[SNAG_VAR_TYPE] = snag_value_text(snag_str_from(type));
    vars[SNAG_VAR_CUSTOMER] = snag_value_text(snag_str_from(customer));
    vars[SNAG_VAR_ACCOUNT] = snag_value_text(SNAG_STR("acme"));
    vars[SNAG_VAR_CHANNEL] = snag_value_text(SNAG_STR("web"));
    vars[SNAG_VAR_KEPT] = snag_value_text(snag_str_from(order));
    vars[SNAG_VAR_KEPT + 1] = snag_value_int(1000 + l->offset);
    snag_event event = {.time_ms = begin_ms + after_ms,
                        .stamp_ms = begin_ms + after_ms,
                        .position = {.partition = 3, .offset = l->offset++},
                        .id = vars[SNAG_VAR_ID].as.text,
                        .type = vars[SNAG_VAR_TYPE].as.text,
                        .customer = vars[SNAG_VAR_CUSTOMER].as.text,
                        .account = SNAG_STR("acme"),
                        .channel = SNAG_STR("web"),
                        .vars = vars,
                        .var_count = SNAG_VAR_KEPT + 2};
    size_t taken = 0;
    assert_int_equal(snag_engine_take(l->engine, &event, 1, &taken), SNAG_OK);
}

/* What is stored: armed, open, suppressed, counted, in a burst, walking, stalled, ended. */
static void youth(life *l)
{
    static const char *const customers[] = {"ann", "bob", "eve"};
    for (int64_t i = 0; i < 3; i++) {
        const char *who = customers[i];
        feed(l, 60000 * i, who, "Begun", "1");
        feed(l, 60000 * i + 1000, who, "Failed", "1");
        feed(l, 60000 * i + 1500, who, "Failed", "1");
        feed(l, 60000 * i + 2000, who, i == 1 ? "Sent" : "Failed", "1");
        feed(l, 60000 * i + 3000, who, i == 2 ? "Done" : "Begun", "22");
    }
    feed(l, 4000000, "ann", "Begun", "333"); /* an hour later: waits are over, walks stand still */
    feed(l, 4001000, "bob", "Failed", "22");
}

static void age(life *l)
{
    l->said.size = 0;
    feed(l, 4001500, "bob", "Failed", "22");
    feed(l, 5000000, "ann", "Sent", "1");
    feed(l, 5000001, "ann", "Sent", "333");
    feed(l, 5000002, "bob", "Done", "22");
    feed(l, 5000003, "eve", "Sent", "1");
    feed(l, 5000004, "eve", "Begun", "1");
    assert_true(snag_engine_tick(l->engine, begin_ms + 40000000, UINT32_MAX));
}

/* --- files ------------------------------------------------------------------------------------- */

static snag_str head_of(const life *l)
{
    static char bytes[1024];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    snag_head head = {.n = 41, .sources[0] = {.oldest = l->offset, .next = l->offset}, .partitions = 12,
                      .pipeline = 1};
    memset(head.incarnation, 0xa5, sizeof head.incarnation);
    memset(head.config, 0x5a, sizeof head.config);
    snag_head_write(&buf, &head);
    snag_engine_head_write(l->engine, &buf);
    assert_false(buf.full);
    return snag_buf_str(&buf);
}

/* Reads a file into the life; the number of cells. */
static size_t revive(life *l, int version)
{
    char name[64], *line = malloc(STORED_LINE_BYTES);
    size_t cells = 0;
    snag_head head = {.n = 0};
    snag_diag diag = {.text = ""};
    assert_non_null(line);
    snprintf(name, sizeof name, "tests/unit/stored/v%d.txt", version);
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    while (fgets(line, STORED_LINE_BYTES, file)) {
        char *at = line + 5;
        if (strncmp(line, "head ", 5) == 0) {
            if (snag_head_read(&head, from_hex(&at), &diag) != SNAG_OK)
                fail_msg("%s", diag.text);
            assert_int_equal(snag_engine_head_read(l->engine, head.engine), SNAG_OK);
            continue;
        }
        assert_int_equal(strncmp(line, "cell ", 5), 0);
        snag_str key = from_hex(&at);
        assert_int_equal(snag_engine_restore(l->engine, key, from_hex(&at)), SNAG_OK);
        cells++;
    }
    assert_int_equal(head.n, 41);
    assert_int_equal(head.partitions, 12);
    assert_int_equal(head.config[31], 0x5a);
    l->offset = head.sources[0].next;
    fclose(file);
    free(line);
    return cells;
}

/* --- tests ------------------------------------------------------------------------------------- */

/* Before version 3 a deadline that was alerted was judged up to, but not with it: a millisecond less. */
static void even_out(snag_buf *text)
{
    static const char mark[] = "judged_up_to\":\"";
    assert_true(text->size < EXPLAIN_BYTES);
    text->data[text->size] = '\0';
    for (char *at = strstr(text->data, mark); at; at = strstr(at, mark)) {
        at += sizeof mark - 1 + sizeof "2026-01-01T00:00:00.00" - 1;
        assert_true(*at == '0' || *at == '1');
        *at = '0';
    }
}

static void assert_explained_alike(const life *a, const life *b, bool exactly)
{
    static const char *const customers[] = {"ann", "bob", "eve"};
    char *texts = malloc(2 * EXPLAIN_BYTES);
    assert_non_null(texts);
    for (size_t i = 0; i < 3; i++) {
        snag_buf x = snag_buf_on(texts, EXPLAIN_BYTES);
        snag_buf y = snag_buf_on(texts + EXPLAIN_BYTES, EXPLAIN_BYTES);
        assert_true(snag_engine_explain(a->engine, snag_str_from(customers[i]), &x));
        assert_true(snag_engine_explain(b->engine, snag_str_from(customers[i]), &y));
        assert_false(x.full);
        if (!exactly) {
            even_out(&x);
            even_out(&y);
        }
        assert_int_equal(x.size, y.size);
        assert_memory_equal(x.data, y.data, x.size);
    }
    free(texts);
}

static void test_every_version(void **state)
{
    (void)state;
    for (int version = 1; version <= SNAG_CELL_VERSION; version++) {
        life *lived = life_new();
        life *revived = life_new();
        youth(lived);
        assert_true(revive(revived, version) >= 8);
        assert_int_equal(revived->said.size, 0);
        assert_explained_alike(lived, revived, version >= 3);
        age(lived);
        age(revived);
        assert_true(lived->said.size > 2000);
        assert_int_equal(lived->said.size, revived->said.size);
        assert_memory_equal(lived->said.data, revived->said.data, lived->said.size);
        life_free(lived);
        life_free(revived);
    }
}

/* What this version writes is what the newest file says. */
static void test_newest_is_written(void **state)
{
    char name[64];
    (void)state;
    life *l = life_new();
    youth(l);
    snprintf(name, sizeof name, "tests/unit/stored/v%d.txt", SNAG_CELL_VERSION);
    assert_stored_as(l->engine, head_of(l), name);
    life_free(l);
}

/* A cell of tomorrow is refused, not misread. */
static void test_newer_is_refused(void **state)
{
    char bytes[SNAG_CELL_BYTES_MAX];
    snag_str key, blob;
    uint64_t cursor = 0;
    (void)state;
    life *l = life_new();
    youth(l);
    assert_true(snag_engine_each(l->engine, &cursor, &key, &blob));
    memcpy(bytes, blob.data, blob.size);
    bytes[0] = SNAG_CELL_VERSION + 1;
    assert_int_equal(snag_engine_restore(l->engine, key, snag_str_of(bytes, blob.size)), SNAG_STATE);
    life_free(l);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_version),
                                       cmocka_unit_test(test_newest_is_written),
                                       cmocka_unit_test(test_newer_is_refused)};
    if (snag_config_parse(&config, snag_str_from(pipeline_text), "stored.yaml", NULL) != SNAG_OK) {
        fprintf(stderr, "%u: %s\n", config.errors[0].diag.line, config.errors[0].diag.text);
        return 1;
    }
    int failed = 0;
    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        life *l = life_new();
        youth(l);
        stored_print(l->engine, head_of(l), stdout);
        life_free(l);
    } else {
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    }
    snag_config_free(&config);
    return failed;
}
