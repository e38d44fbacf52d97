/* SPDX-License-Identifier: Apache-2.0
 *
 * The public header alone, as another program would use it: a cart is left, a day passes, an order comes.
 */
#include <stdio.h>
#include <string.h>

#include "snag/snag.h"
#include "unit/check.h"

enum { RECORDS_MAX = 8, RECORD_BYTES = 4096 };

typedef struct seen {
    int count;
    char json[RECORDS_MAX][RECORD_BYTES];
} seen;

static void on_record(void *context, const char *json, size_t size)
{
    seen *self = context;
    assert_true(self->count < RECORDS_MAX && size < RECORD_BYTES);
    memcpy(self->json[self->count], json, size);
    self->json[self->count++][size] = '\0';
}

static int feed(snag_embed *snag, const char *json)
{
    return snag_embed_feed(snag, json, strlen(json));
}

static void silence_counts(void **state)
{
    (void)state;
    seen got = {0};
    char error[512] = "";
    snag_embed *snag = snag_embed_open("pipelines/shop.yaml", on_record, &got, error, sizeof error);
    if (!snag)
        fail_msg("%s", error);
    const int64_t start_ms = 1659304800000;
    assert_int_equal(feed(snag, "{\"session\":\"1\",\"aid\":42,\"ts\":1659304800000,\"type\":\"carts\"}"), 0);
    assert_int_equal(snag_embed_tick(snag, start_ms + 86400000), SNAG_EMBED_OK);
    assert_int_equal(got.count, 0);
    assert_int_equal(snag_embed_tick(snag, start_ms + 86400001), SNAG_EMBED_OK);
    assert_int_equal(got.count, 1);
    assert_non_null(strstr(got.json[0], "\"snag.alert.trigger\""));
    assert_non_null(strstr(got.json[0], "Session 1 left article 42"));
    assert_int_equal(feed(snag, "{\"session\":\"1\",\"ts\":1659394800000,\"type\":\"orders\"}"), 0);
    assert_int_equal(got.count, 2);
    assert_non_null(strstr(got.json[1], "\"moved_on\""));
    snag_embed_close(snag);
}

static void bad_events_are_told(void **state)
{
    (void)state;
    seen got = {0};
    snag_embed *snag = snag_embed_open("pipelines/shop.yaml", on_record, &got, NULL, 0);
    assert_non_null(snag);
    assert_int_equal(feed(snag, "{\"session\":\"1\",\"type\":\"carts\"}"), SNAG_EMBED_UNREADABLE);
    assert_non_null(strstr(snag_embed_error(snag), "bad_missing"));
    assert_int_equal(feed(snag, "{"), SNAG_EMBED_UNREADABLE);
    assert_int_equal(feed(snag, "{\"session\":\"1\",\"ts\":1659304800000,\"type\":\"clicks\"}"), 0);
    snag_embed_close(snag);
}

static void a_wrong_pipeline_is_refused(void **state)
{
    (void)state;
    char error[64] = "";
    assert_null(snag_embed_open("pipelines/none.yaml", on_record, NULL, error, sizeof error));
    assert_non_null(strstr(error, "none.yaml"));
    assert_null(snag_embed_open("README.md", on_record, NULL, error, sizeof error));
    snag_embed_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_counts),
        cmocka_unit_test(bad_events_are_told),
        cmocka_unit_test(a_wrong_pipeline_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
