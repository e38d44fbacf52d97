/* SPDX-License-Identifier: Apache-2.0
 *
 * Output records as JSON, byte for byte; what is cut off says so.
 */
#include "codec/codec.h"

#include "../tools/sample_records.h"
#include "check.h"

static const char *const want[SAMPLE_COUNT] = {
    "{\"specversion\":\"1.0\",\"id\":\"9f2c51d0e7aa4b1c0001020304050607-resolve-2\","
    "\"type\":\"snag.alert.resolve\","
    "\"source\":\"snag/shop%20%26%20care\",\"subject\":\"c-48213\",\"time\":\"2026-11-20T02:54:41.000Z\","
    "\"dataschema\":\"urn:snag:alert:1\",\"datacontenttype\":\"application/json\",\"data\":{"
    "\"headline\":\"Card declined 3 times in 6 min, \\\"order\\\" o-7731 still open \xF0\x9F\x98\x80\","
    "\"action\":\"resolve\",\"severity\":\"error\",\"owner\":\"payments-duty\","
    "\"respond_by\":\"2026-11-20T03:09:41.000Z\","
    "\"tags\":[\"payments\",\"tier \\\"1\\\"\"],"
    "\"do\":{\"playbook\":\"offer-invoice\"},"
    "\"who\":{\"customer\":\"c-48213\",\"account\":\"a-77\",\"shape\":\"needs_approval\"},"
    "\"where\":{\"journey\":\"order\",\"instance\":\"o-7731\",\"stage\":\"checkout\","
    "\"since\":\"2026-11-20T02:41:09.000Z\","
    "\"channel\":\"phone\"},\"why\":{\"rule\":\"declined\",\"test\":\"count\",\"observed\":3,"
    "\"threshold\":0.3,"
    "\"within\":\"30m\",\"clears_when\":\"Order Completed\","
    "\"deadline\":\"2026-11-20T02:54:40.999Z\",\"basis\":\"business\",\"calendar\":\"de\","
    "\"zone\":\"Europe/Berlin\",\"season\":\"peak\","
    "\"overdue_by\":\"25h1m1s1ms\",\"total\":5,\"first\":\"2026-11-20T02:48:40.000Z\","
    "\"last\":\"2026-11-20T02:54:41.000Z\",\"attempts\":12,\"value\":0.4,\"level\":2,"
    "\"first_deadline\":\"2026-11-19T02:54:41.000Z\",\"waits_on\":\"us\","
    "\"contributions\":[{\"rule\":\"declined\",\"value\":0.25},{\"rule\":\"rage\",\"value\":0.15}],"
    "\"quantile\":0.95,\"n\":212,"
    "\"usual\":7.5},"
    "\"reason\":\"late_evidence\",\"lasted\":\"6m1s\",\"timeline\":[{\"at\":\"2026-11-20T02:48:40.000Z\","
    "\"type\":\"Payment Failed\"},{\"at\":\"2026-11-20T02:54:41.000Z\","
    "\"type\":\"Zahlung f\xC3\xBCr K\xC3\xB6ln\"}],"
    "\"dedup_key\":\"shop/declined/c-48213/o-7731\","
    "\"episode\":\"9f2c51d0e7aa4b1c0001020304050607\",\"seq\":2,"
    "\"snag\":{\"mode\":\"shadow\",\"pipeline\":\"shop & care@12\","
    "\"config\":\"5be1ff007f000000000000000000000000000000000000000000000000000000\","
    "\"detected_at\":\"2026-11-20T02:54:41.018Z\",\"evidence\":[{\"id\":\"pay-877\","
    "\"topic\":\"payments\",\"partition\":4,"
    "\"offset\":81101},{\"id\":\"\\\"quoted\\\"\\n\"}],\"evidence_total\":300}}}",

    "{\"specversion\":\"1.0\",\"id\":\"00000000000000000000000000000000-trigger-1\","
    "\"type\":\"snag.alert.trigger\","
    "\"source\":\"snag/shop%20%26%20care\",\"subject\":\"k\",\"time\":\"1969-12-31T23:59:59.999Z\","
    "\"dataschema\":\"urn:snag:alert:1\",\"datacontenttype\":\"application/json\","
    "\"data\":{\"action\":\"trigger\","
    "\"severity\":\"info\",\"episode\":\"00000000000000000000000000000000\",\"seq\":1,"
    "\"snag\":{\"mode\":\"live\","
    "\"pipeline\":\"shop & care@12\","
    "\"config\":\"5be1ff007f000000000000000000000000000000000000000000000000000000\","
    "\"evidence_total\":0}}}",

    "{\"specversion\":\"1.0\",\"id\":\"ff0102030405060708090a0b0c0d0e0f-ended-3\","
    "\"type\":\"snag.journey.ended\","
    "\"source\":\"snag/shop%20%26%20care\",\"subject\":\"c-48213\",\"time\":\"2026-11-20T02:54:41.000Z\","
    "\"dataschema\":\"urn:snag:journey:1\",\"datacontenttype\":\"application/json\","
    "\"data\":{\"customer\":\"c-48213\","
    "\"account\":\"a-77\",\"journey\":\"call\",\"instance\":\"AA0102/30075\",\"seq\":3,"
    "\"from\":\"queued\",\"to\":\"abandoned\","
    "\"milestone\":\"first_value\",\"effective_at\":\"2026-11-20T02:54:41.000Z\","
    "\"cause\":\"event\",\"evidence\":["
    "{\"id\":\"pay-877\",\"topic\":\"payments\",\"partition\":4,\"offset\":81101},"
    "{\"id\":\"\\\"quoted\\\"\\n\"}],"
    "\"dwell_ms\":61000,\"outcome\":\"abandoned\",\"open_alerts\":[\"shop/declined/c-48213/o-7731\",\"b\"],"
    "\"corrects\":\"ff0102030405060708090a0b0c0d0e0f-ended-2\","
    "\"shape\":\"needs_approval\",\"channel\":\"phone\",\"walk\":\"ff0102030405060708090a0b0c0d0e0f\","
    "\"score\":7.5}}",

    "{\"specversion\":\"1.0\",\"id\":\"00000000000000000000000000000000-entered-1\","
    "\"type\":\"snag.journey.entered\","
    "\"source\":\"snag/shop%20%26%20care\",\"time\":\"1970-01-01T00:00:00.000Z\","
    "\"dataschema\":\"urn:snag:journey:1\","
    "\"datacontenttype\":\"application/json\",\"data\":{\"seq\":1,"
    "\"effective_at\":\"1970-01-01T00:00:00.000Z\","
    "\"cause\":\"event\",\"walk\":\"00000000000000000000000000000000\"}}",

    "{\"specversion\":\"1.0\",\"id\":\"01020300000000000000000000000000-trigger-7-held\","
    "\"type\":\"snag.decision.held\","
    "\"source\":\"snag/shop%20%26%20care\",\"subject\":\"c-48213\",\"time\":\"2026-11-20T02:54:41.000Z\","
    "\"dataschema\":\"urn:snag:decision:1\",\"datacontenttype\":\"application/json\","
    "\"data\":{\"customer\":\"c-48213\","
    "\"rule\":\"declined\",\"would_be\":\"01020300000000000000000000000000-trigger-7\","
    "\"decision\":\"held\","
    "\"reason\":\"quiet_hours\",\"by\":\"night\",\"until\":\"2026-11-20T03:54:41.000Z\","
    "\"at\":\"2026-11-20T02:54:41.000Z\"}}",

    "{\"specversion\":\"1.0\",\"id\":\"00000000000000000000000000000000-trigger-1-suppressed\","
    "\"type\":\"snag.decision.suppressed\",\"source\":\"snag/shop%20%26%20care\","
    "\"time\":\"1970-01-01T00:00:00.000Z\","
    "\"dataschema\":\"urn:snag:decision:1\",\"datacontenttype\":\"application/json\",\"data\":{"
    "\"would_be\":\"00000000000000000000000000000000-trigger-1\",\"decision\":\"suppressed\","
    "\"reason\":\"duplicate\","
    "\"at\":\"1970-01-01T00:00:00.000Z\"}}",
};

static void json(void **state)
{
    (void)state;
    static char room[4096];
    for (int i = 0; i < SAMPLE_COUNT; i++) {
        snag_record record;
        snag_encode_context context = sample_context(i % 2 == 0);
        snag_buf buf = snag_buf_on(room, sizeof room);
        sample_record(&record, i);
        snag_encode_json(&buf, &context, &record);
        CHECK_BUF(&buf, want[i]);
    }
}

static void late_record(void **state)
{
    (void)state;
    char room[1024];
    snag_buf buf = snag_buf_on(room, sizeof room);
    snag_encode_context context = sample_context(false);
    snag_record record = {.kind = SNAG_RECORD_LATE};
    record.as.late.time_ms = sample_ms;
    record.as.late.judged_ms = sample_ms + 1;
    record.as.late.customer = SNAG_STR("c");
    record.as.late.id = SNAG_STR("e-1");
    record.as.late.type = SNAG_STR("t");
    snag_encode_json(&buf, &context, &record);
    CHECK_BUF(&buf, "{\"specversion\":\"1.0\",\"id\":\"e-1-late\",\"type\":\"snag.event.late\","
                    "\"source\":\"snag/shop%20%26%20care\",\"subject\":\"c\","
                    "\"time\":\"2026-11-20T02:54:41.000Z\","
                    "\"dataschema\":\"urn:snag:event:1\",\"datacontenttype\":\"application/json\","
                    "\"data\":{"
                    "\"id\":\"e-1\",\"type\":\"t\",\"customer\":\"c\","
                    "\"time\":\"2026-11-20T02:54:41.000Z\","
                    "\"judged_up_to\":\"2026-11-20T02:54:41.001Z\"}}");
}

/* In any room too small the writer stops and says so; nothing is written behind it. */
static void small_rooms(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLE_COUNT; i++) {
        snag_record record;
        snag_encode_context context = sample_context(i % 2 == 0);
        sample_record(&record, i);
        for (size_t size = 0; size < strlen(want[i]); size++) {
            char room[4096];
            room[size] = '#';
            snag_buf buf = snag_buf_on(room, size);
            snag_encode_json(&buf, &context, &record);
            assert_true(buf.full);
            assert_int_equal(room[size], '#');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json),
        cmocka_unit_test(late_record),
        cmocka_unit_test(small_rooms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
