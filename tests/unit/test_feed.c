/* SPDX-License-Identifier: Apache-2.0
 *
 * A feed by itself: what comes out does not depend on how lines are cut into batches, dead letters stand
 * in their place, and used-up memory is told and stays told.
 */
#include <stdio.h>

#include "cli/feed.h"
#include "unit/check.h"

enum { LINES = 4, BATCH = 4, LOG_BYTES = 1024 };

typedef struct seen {
    char bytes[LOG_BYTES];
    snag_buf buf;
} seen;

static void on_record(void *context, uint32_t partition, const snag_record *record)
{
    seen *self = context;
    (void)partition;
    if (record->kind == SNAG_RECORD_ALERT)
        snag_buf_printf(&self->buf, "%.*s:%s ", SNAG_FMT(record->as.alert.customer),
                        snag_action_word(record->as.alert.action));
}

static void on_dead(void *context, const snag_dead *dead)
{
    seen *self = context;
    snag_buf_printf(&self->buf, "%s@%lld ", snag_err_name(dead->reason),
                    (long long)dead->position.offset);
}

static snag_config config;

static int set_up(void **state)
{
    (void)state;
    return snag_config_load(&config, "pipelines/shop.yaml", NULL, NULL) == SNAG_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    snag_config_free(&config);
    return 0;
}

static snag_feed *feed_new(seen *log, size_t batch, uint32_t partitions, size_t state_bytes)
{
    snag_feed *feed;
    snag_diag diag = {0};
    log->buf = snag_buf_on(log->bytes, sizeof log->bytes);
    snag_feed_options options = {.partitions = partitions, .batch = batch, .now_ms = SNAG_NEVER,
                                 .state_bytes = state_bytes, .emit = on_record, .dead = on_dead,
                                 .context = log};
    if (snag_feed_new(&feed, &config, &options, &diag))
        fail_msg("%s", diag.text);
    return feed;
}

static snag_line line_of(const char *text, int64_t offset)
{
    return (snag_line){snag_str_from(text), offset, strlen(text)};
}

static void the_batch_changes_nothing(void **state)
{
    (void)state;
    static const char *const texts[LINES] = {
        "{\"session\":\"a\",\"aid\":1,\"ts\":1659304800000,\"type\":\"carts\"}",
        "{\"session\":\"b\",\"aid\":1,\"ts\":1659391200001,\"type\":\"carts\"}",
        "not an event",
        "{\"session\":\"a\",\"aid\":1,\"ts\":1659391300000,\"type\":\"orders\"}"};
    for (size_t batch = 1; batch <= BATCH; batch++) {
        seen log;
        snag_feed *feed = feed_new(&log, batch, 1, 0);
        for (size_t at = 0; at < LINES; at += batch) {
            snag_line lines[BATCH];
            size_t count = 0;
            for (; count < batch && at + count < LINES; count++)
                lines[count] = line_of(texts[at + count], (int64_t)(at + count));
            assert_int_equal(snag_feed_lines(feed, lines, count, NULL, NULL), SNAG_OK);
        }
        assert_int_equal(snag_feed_finish(feed, true), SNAG_OK);
        CHECK_BUF(&log.buf, "a:trigger bad_syntax@2 a:resolve b:trigger ");
        assert_int_equal(snag_feed_counts_get(feed)->events, 3);
        assert_int_equal(snag_feed_counts_get(feed)->dead_by[SNAG_BAD_SYNTAX], 1);
        snag_feed_free(feed);
    }
}

static void an_over_long_line_is_told(void **state)
{
    (void)state;
    seen log;
    static const uint8_t sha256[32] = {1};
    snag_feed *feed = feed_new(&log, 1, 2, 0);
    snag_line line = line_of("{\"session\":", 7);
    line.size = 2000000;
    assert_int_equal(snag_feed_lines(feed, &line, 1, sha256, NULL), SNAG_OK);
    CHECK_BUF(&log.buf, "bad_size@7 ");
    assert_int_equal(snag_feed_finish(feed, true), SNAG_OK);
    snag_feed_free(feed);
}

static void used_up_memory_is_told_and_stays_told(void **state)
{
    (void)state;
    seen log;
    snag_diag diag = {0};
    snag_err err = SNAG_OK;
    snag_feed *feed = feed_new(&log, 1, 1, snag_engine_bytes_min(&config.pipeline));
    for (int i = 0; i < 10000000 && !err; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"session\":\"s%d\",\"ts\":1659304800000,\"type\":\"carts\"}", i);
        snag_line line = line_of(text, i);
        err = snag_feed_lines(feed, &line, 1, NULL, &diag);
    }
    assert_int_equal(err, SNAG_FULL);
    assert_non_null(strstr(diag.text, "used up"));
    snag_line line = line_of("{\"session\":\"x\",\"ts\":1659304800000,\"type\":\"carts\"}", 0);
    assert_int_equal(snag_feed_lines(feed, &line, 1, NULL, &diag), SNAG_FULL);
    assert_int_equal(snag_feed_tick(feed, 1759304800000), SNAG_FULL);
    assert_int_equal(snag_feed_finish(feed, true), SNAG_FULL);
    snag_feed_free(feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_batch_changes_nothing),
        cmocka_unit_test(an_over_long_line_is_told),
        cmocka_unit_test(used_up_memory_is_told_and_stays_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
