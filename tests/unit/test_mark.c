/* SPDX-License-Identifier: Apache-2.0
 *
 * What `device:` reads of a record: whose clock stamped it, when it was sent and received; and that a record
 * sent again is still the same event.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "codec/codec.h"
#include "config/config.h"

enum { EVENTS = 4 };

typedef struct reader {
    snag_config config;
    snag_decoder *decoder;
    snag_arena arena;
    _Alignas(16) unsigned char block[1 << 16];
    snag_event events[EVENTS];
    size_t count;
    snag_diag diag;
} reader;

/* source: the lines of the source behind its topic and format. */
static reader *reader_new(const char *source, int64_t now_ms)
{
    char text[1024];
    reader *r = calloc(1, sizeof *r);
    assert_non_null(r);
    snprintf(text, sizeof text,
             "pipeline: w\nsources:\n  s:\n    topic: t\n    format: json\n%s"
             "rules: { stuck: { event: a, missing: b, after: 5s } }\n",
             source);
    snag_err err = snag_config_parse(&r->config, snag_str_from(text), "w.yaml", NULL);
    for (uint32_t i = 0; i < r->config.error_count; i++)
        fprintf(stderr, "%s\n", r->config.errors[i].diag.text);
    assert_int_equal(err, SNAG_OK);
    snag_decoder_options options = {.now_ms = now_ms};
    err = snag_decoder_new(&r->decoder, &r->config.pipeline.sources[0], SNAG_STR("."), &options, &r->diag);
    assert_int_equal(err, SNAG_OK);
    snag_arena_init(&r->arena, r->block, sizeof r->block);
    return r;
}

static void reader_free(reader *r)
{
    snag_decoder_free(r->decoder);
    snag_config_free(&r->config);
    free(r);
}

static snag_err read_one(reader *r, const char *text, int64_t stamp_ms)
{
    snag_raw raw = {.stamp_ms = stamp_ms, .value = snag_str_from(text)};
    snag_arena_reset(&r->arena);
    return snag_decode_all(r->decoder, &raw, &r->arena, r->events, EVENTS, &r->count, &r->diag);
}

#define MAP "    map: { id: id, time: at, type: type, customer: who }\n"
#define FULL MAP "    device: { id: dev, sent: sent, received: got }\n"
#define EVENT "\"id\":\"1\",\"type\":\"a\",\"who\":\"ann\""

static void test_marks(void **state)
{
    (void)state;
    reader *r = reader_new(FULL, SNAG_NEVER);
    assert_int_equal(read_one(r, "{" EVENT ",\"at\":1767225600000,\"dev\":\"d1\",\"sent\":1767225601000,"
                                 "\"got\":\"2026-01-01T00:00:02Z\"}",
                              SNAG_TIME_NONE),
                     SNAG_OK);
    const snag_event *event = &r->events[0];
    assert_non_null(event->device);
    assert_true(snag_str_equal(event->device->id, SNAG_STR("d1")));
    assert_int_equal(event->device->sent_ms, 1767225601000);
    assert_int_equal(event->device->came_ms, 1767225602000);
    assert_int_equal(event->stamp_ms, 1767225602000); /* a file's line has no other */
    assert_int_equal(read_one(r, "{" EVENT ",\"at\":1767225600000,\"dev\":7,\"got\":1767225602000}",
                              1767225609000),
                     SNAG_OK);
    assert_true(snag_str_equal(event->device->id, SNAG_STR("7")));
    assert_int_equal(event->device->sent_ms, SNAG_TIME_NONE);
    assert_int_equal(event->device->came_ms, 1767225602000);
    assert_int_equal(event->stamp_ms, 1767225609000);
    reader_free(r);
}

/* Without a name, or a word of when it came, a record is as it is: too far in the future right here. */
static void test_unmarked(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{" EVENT ",\"at\":\"2027-01-01T00:00:00Z\",\"sent\":1767225601000,\"got\":1767225602000}",
        "{" EVENT ",\"at\":\"2027-01-01T00:00:00Z\",\"dev\":\"\",\"got\":1767225602000}",
        "{" EVENT ",\"at\":\"2027-01-01T00:00:00Z\",\"dev\":null,\"got\":1767225602000}",
        "{" EVENT ",\"at\":\"2027-01-01T00:00:00Z\",\"dev\":\"d1\",\"sent\":1767225601000}"};
    reader *r = reader_new(FULL, 1767225602000);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(read_one(r, texts[i], SNAG_TIME_NONE), SNAG_BAD_FUTURE);
    assert_int_equal(read_one(r, "{" EVENT ",\"at\":1767225600000,\"dev\":\"d1\"}", SNAG_TIME_NONE), SNAG_OK);
    assert_null(r->events[0].device);
    reader_free(r);
}

static void test_bad(void **state)
{
    (void)state;
    char text[400];
    char name[130];
    reader *r = reader_new(FULL, SNAG_NEVER);
    memset(name, 'd', sizeof name);
    for (int size = 128; size <= 129; size++) {
        snprintf(text, sizeof text, "{" EVENT ",\"at\":1767225600000,\"dev\":\"%.*s\",\"got\":1767225602000}",
                 size, name);
        assert_int_equal(read_one(r, text, SNAG_TIME_NONE), size <= 128 ? SNAG_OK : SNAG_BAD_SIZE);
    }
    assert_string_equal(r->diag.text, "device has 129 bytes, at most 128 are allowed");
    assert_true(read_one(r, "{" EVENT ",\"at\":1767225600,\"dev\":\"d1\",\"sent\":\"soon\"}", 1) != SNAG_OK);
    assert_non_null(strstr(r->diag.text, "sent (sent)"));
    assert_true(read_one(r, "{" EVENT ",\"at\":1767225600000,\"dev\":\"d1\",\"got\":true}", 1) != SNAG_OK);
    assert_non_null(strstr(r->diag.text, "received (got)"));
    reader_free(r);
}

/* An id that is derived from the content does not rest on when it was sent or received. */
static void test_sent_again(void **state)
{
    (void)state;
    char first[17];
    reader *r = reader_new("    map: { time: at, type: type, customer: who }\n"
                           "    device: { id: dev, sent: sent, received: got }\n",
                           SNAG_NEVER);
    assert_int_equal(read_one(r,
                              "{" EVENT ",\"at\":5,\"dev\":\"d1\",\"sent\":6,\"got\":176722}", 1),
                     SNAG_OK);
    snprintf(first, sizeof first, "%.*s", SNAG_FMT(r->events[0].id));
    assert_int_equal(read_one(r,
                              "{" EVENT ",\"at\":5,\"dev\":\"d1\",\"sent\":90,\"got\":176732}", 1),
                     SNAG_OK);
    assert_true(snag_str_equal(r->events[0].id, snag_str_from(first)));
    assert_int_equal(read_one(r,
                              "{" EVENT ",\"at\":7,\"dev\":\"d1\",\"sent\":6,\"got\":176722}", 1),
                     SNAG_OK);
    assert_false(snag_str_equal(r->events[0].id, snag_str_from(first)));
    reader_free(r);
}

/* Where customers are hashed, their devices are. */
static void test_hashed(void **state)
{
    (void)state;
    char hex[SNAG_HASHED_BYTES];
    reader *r = reader_new(FULL "    hash: true\n", SNAG_NEVER);
    assert_int_equal(read_one(r, "{" EVENT ",\"at\":5,\"dev\":\"d1\",\"got\":1767225602}", 1), SNAG_OK);
    snag_text_hashed(SNAG_STR("d1"), hex);
    assert_true(snag_str_equal(r->events[0].device->id, snag_str_of(hex, sizeof hex)));
    reader_free(r);
}

/* The items of a record are of one device, as the record says. */
static void test_items(void **state)
{
    (void)state;
    reader *r = reader_new("    each: batch\n"
                           "    map: { time: batch.at, type: batch.type, customer: who }\n"
                           "    device: { id: dev, sent: sent }\n",
                           SNAG_NEVER);
    assert_int_equal(read_one(r, "{\"who\":\"ann\",\"dev\":\"d1\",\"sent\":1767225601000,\"batch\":["
                                 "{\"at\":1767225600000,\"type\":\"a\"},"
                                 "{\"at\":1767225600500,\"type\":\"b\"}]}",
                              1767225602000),
                     SNAG_OK);
    assert_int_equal(r->count, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(snag_str_equal(r->events[i].device->id, SNAG_STR("d1")));
        assert_int_equal(r->events[i].device->sent_ms, 1767225601000);
        assert_int_equal(r->events[i].device->came_ms, 1767225602000);
    }
    assert_int_equal(r->events[1].time_ms, 1767225600500);
    reader_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks),      cmocka_unit_test(test_unmarked), cmocka_unit_test(test_bad),
        cmocka_unit_test(test_sent_again), cmocka_unit_test(test_hashed),   cmocka_unit_test(test_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
