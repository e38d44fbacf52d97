/* SPDX-License-Identifier: Apache-2.0
 *
 * CloudEvents in structured and binary mode make the same events (CloudEvents 1.0, Kafka protocol binding).
 */
#include "mapping_fixture.h"

static fixture *cloudevents_fixture(void)
{
    fixture *f = new_fixture(SNAG_FORMAT_CLOUDEVENTS);
    map_fixed(f, SNAG_VAR_ID, "id", "id");
    map_fixed(f, SNAG_VAR_TIME, "time", "time");
    map_fixed(f, SNAG_VAR_TYPE, "type", "type");
    map_fixed(f, SNAG_VAR_CUSTOMER, "customer", "subject");
    map_kept(f, "role", SNAG_KIND_TEXT, "data.role");
    map_kept(f, "origin", SNAG_KIND_TEXT, "source");
    return f;
}

static void check_cloudevent(const fixture *f)
{
    CHECK_STR(f->event.id, "e1");
    CHECK_STR(f->event.type, "Submitted");
    CHECK_STR(f->event.customer, "c-1");
    assert_true(f->event.time_ms == 1795143281000);
    CHECK_STR(f->event.vars[SNAG_VAR_KEPT].as.text, "boss");
    CHECK_STR(f->event.vars[SNAG_VAR_KEPT + 1].as.text, "/declarations");
}

static void cloudevents_structured(void **state)
{
    (void)state;
    fixture *f = cloudevents_fixture();
    assert_int_equal(decode(f, "{\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"/declarations\","
                               "\"type\":\"Submitted\",\"subject\":\"c-1\","
                               "\"time\":\"2026-11-20T02:54:41Z\","
                               "\"data\":{\"role\":\"boss\",\"id\":\"other\"}}"),
                     SNAG_OK);
    check_cloudevent(f);
    CHECK_ERR(f, "[{\"specversion\":\"1.0\"}]", SNAG_BAD_TYPE, "a list"); /* batched mode */
    free_fixture(f);
}

static void cloudevents_binary(void **state)
{
    (void)state;
    fixture *f = cloudevents_fixture();
    snag_header headers[] = {{SNAG_STR("ce_specversion"), SNAG_STR("1.0")},
                             {SNAG_STR("ce_id"), SNAG_STR("e1")},
                             {SNAG_STR("traceparent"), SNAG_STR("\xFF")},
                             {SNAG_STR("ce_source"), SNAG_STR("/declarations")},
                             {SNAG_STR("ce_type"), SNAG_STR("Submitted")},
                             {SNAG_STR("ce_subject"), SNAG_STR("c-1")},
                             {SNAG_STR("ce_time"), SNAG_STR("2026-11-20T02:54:41Z")},
                             {SNAG_STR("content-type"), SNAG_STR("application/json; charset=utf-8")}};
    snag_raw raw = {.stamp_ms = SNAG_TIME_NONE,
                    .value = SNAG_STR("{\"role\":\"boss\",\"id\":\"other\"}"),
                    .headers = headers,
                    .header_count = sizeof headers / sizeof headers[0]};
    assert_int_equal(decode_raw(f, &raw), SNAG_OK);
    check_cloudevent(f);
    raw.value = SNAG_STR("[1,2]"); /* data may be any JSON */
    assert_int_equal(decode_raw(f, &raw), SNAG_OK);
    assert_int_equal(f->event.vars[SNAG_VAR_KEPT].kind, SNAG_KIND_ABSENT);
    raw.value = (snag_str){0};
    assert_int_equal(decode_raw(f, &raw), SNAG_OK);
    raw.value = SNAG_STR("{\"role\":\"bo");
    assert_int_equal(decode_raw(f, &raw), SNAG_BAD_TRUNCATED);
    headers[7].value = SNAG_STR("text/plain");
    assert_int_equal(decode_raw(f, &raw), SNAG_OK); /* not JSON by its own word: data is not looked into */
    headers[4].value = SNAG_STR("\xC3");
    assert_int_equal(decode_raw(f, &raw), SNAG_BAD_UTF8);
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cloudevents_structured),
        cmocka_unit_test(cloudevents_binary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
