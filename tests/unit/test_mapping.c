/* SPDX-License-Identifier: Apache-2.0
 *
 * Records -> events: where names come from, conversions, bounds, derived ids, expressions, and what is
 * refused with which reason.
 */
#include <stdio.h>

#include "expr/expr.h"
#include "mapping_fixture.h"

static void fixed_names(void **state)
{
    (void)state;
    fixture *f = plain_fixture();
    map_fixed(f, SNAG_VAR_ACCOUNT, "account", "org.id");
    f->source.fixed[SNAG_VAR_CHANNEL] = (snag_mapping){
        .name = SNAG_STR("channel"), .as = SNAG_KIND_TEXT, .constant = snag_value_text(SNAG_STR("phone"))};
    assert_int_equal(decode(f, "{\"id\":\"e\\u00311\",\"ts\":\"2026-11-20T03:54:41.5+01:00\","
                               "\"type\":\"Order\","
                               "\"user\":null,\"anon\":\"a-1\",\"org\":{\"id\":77}}"),
                     SNAG_OK);
    CHECK_STR(f->event.id, "e11");
    assert_true(f->event.time_ms == 1795143281500);
    CHECK_STR(f->event.type, "Order");
    CHECK_STR(f->event.customer, "a-1");
    CHECK_STR(f->event.account, "77");
    CHECK_STR(f->event.channel, "phone");
    assert_false(f->event.id_derived);
    assert_int_equal(f->event.var_count, SNAG_VAR_KEPT);
    assert_int_equal(f->event.vars[SNAG_VAR_TIME].kind, SNAG_KIND_TIME);
    assert_true(f->event.vars[SNAG_VAR_TIME].as.time.seconds == 1795143281);
    CHECK_STR(f->event.vars[SNAG_VAR_CUSTOMER].as.text, "a-1");
    assert_int_equal(decode(f, "{\"id\":\"e\",\"ts\":0,\"type\":\"t\",\"user\":\"u\","
                               "\"anon\":\"a\"}"), SNAG_OK);
    CHECK_STR(f->event.customer, "u");
    assert_int_equal(f->event.account.size, 0);
    assert_int_equal(f->event.vars[SNAG_VAR_ACCOUNT].kind, SNAG_KIND_ABSENT);
    free_fixture(f);
}

static void absent_names(void **state)
{
    (void)state;
    fixture *f = plain_fixture();
    CHECK_ERR(f, "{}", SNAG_BAD_MISSING, "type (type) is absent");
    CHECK_ERR(f, "{\"type\":\"t\",\"ts\":1}", SNAG_BAD_MISSING, "customer (user, anon) is absent");
    CHECK_ERR(f, "{\"type\":\"t\",\"ts\":1,\"user\":\"\"}", SNAG_BAD_MISSING, "customer");
    CHECK_ERR(f, "{\"type\":\"\",\"ts\":1,\"user\":\"u\"}", SNAG_BAD_MISSING, "type");
    CHECK_ERR(f, "{\"type\":\"t\",\"user\":\"u\"}", SNAG_BAD_MISSING, "time (ts) is absent");
    CHECK_ERR(f, "{\"type\":\"t\",\"user\":\"u\",\"ts\":null}", SNAG_BAD_MISSING, "time");
    CHECK_ERR(f, "{\"type\":[],\"user\":\"u\",\"ts\":1}", SNAG_BAD_TYPE, "type (type) is a list,"
        " not a text");
    free_fixture(f);
    f = new_fixture(SNAG_FORMAT_JSON); /* a source without customers: key: account */
    map_fixed(f, SNAG_VAR_TIME, "time", "ts");
    map_fixed(f, SNAG_VAR_TYPE, "type", "type");
    map_fixed(f, SNAG_VAR_ACCOUNT, "account", "a");
    assert_int_equal(decode(f, "{\"type\":\"t\",\"ts\":1,\"a\":\"x\"}"), SNAG_OK);
    free_fixture(f);
}

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        snag_time_unit unit;
        int64_t ms; /* SNAG_NEVER = cannot be read */
    } rows[] = {
        {"1659304800", SNAG_UNIT_AUTO, 1659304800000},
        {"1659304800025", SNAG_UNIT_AUTO, 1659304800025},
        {"1659304800025123", SNAG_UNIT_AUTO, 1659304800025},
        {"1659304800025123456", SNAG_UNIT_AUTO, 1659304800025},
        {"1659304800.025", SNAG_UNIT_AUTO, 1659304800025},
        {"\"1659304800025\"", SNAG_UNIT_AUTO, 1659304800025},
        {"\"1970-01-01T00:00:00Z\"", SNAG_UNIT_AUTO, 0},
        {"\"1969-12-31T23:59:59.9999Z\"", SNAG_UNIT_AUTO, -1},
        {"5", SNAG_UNIT_MS, 5},
        {"-5", SNAG_UNIT_S, -5000},
        {"-1", SNAG_UNIT_US, -1},
        {"1999", SNAG_UNIT_US, 1},
        {"2000000", SNAG_UNIT_NS, 2},
        {"1.5", SNAG_UNIT_S, 1500},
        {"-5", SNAG_UNIT_AUTO, SNAG_NEVER},
        {"\"yesterday\"", SNAG_UNIT_AUTO, SNAG_NEVER},
        {"\"2026-11-20T02:54:41\"", SNAG_UNIT_AUTO, SNAG_NEVER},
        {"\"2026-02-30T02:54:41Z\"", SNAG_UNIT_AUTO, SNAG_NEVER},
        {"\"\"", SNAG_UNIT_AUTO, SNAG_NEVER},
        {"9223372036854775807", SNAG_UNIT_S, SNAG_NEVER},
        {"9223372036854775807", SNAG_UNIT_MS, SNAG_NEVER},
        {"99999999999999999999999", SNAG_UNIT_AUTO, SNAG_NEVER},
        {"1e400", SNAG_UNIT_AUTO, SNAG_NEVER},
        {"\"9999-12-31T23:59:59.999Z\"", SNAG_UNIT_AUTO, 253402300799999},
        {"\"9999-12-31T23:59:59-01:00\"", SNAG_UNIT_AUTO, SNAG_NEVER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture *f = plain_fixture();
        char text[200];
        f->source.fixed[SNAG_VAR_TIME].unit = rows[i].unit;
        snprintf(text, sizeof text, "{\"type\":\"t\",\"user\":\"u\",\"ts\":%s}", rows[i].text);
        snag_err err = decode(f, text);
        if (err != (rows[i].ms == SNAG_NEVER ? SNAG_BAD_TIME : SNAG_OK))
            fail_msg("%s: %s (%s)", rows[i].text, snag_err_name(err), f->diag.text);
        if (!err && f->event.time_ms != rows[i].ms)
            fail_msg("%s: %lld", rows[i].text, (long long)f->event.time_ms);
        free_fixture(f);
    }
    fixture *f = plain_fixture();
    CHECK_ERR(f, "{\"type\":\"t\",\"user\":\"u\","
                 "\"ts\":true}", SNAG_BAD_TYPE, "time (ts) is true or false");
    free_fixture(f);
}

static void future(void **state)
{
    (void)state;
    fixture *f = plain_fixture();
    snag_raw raw = {.stamp_ms = 1000000000,
                    .value = SNAG_STR("{\"type\":\"t\",\"user\":\"u\",\"ts\":\"1970-01-12T13:51:40Z\"}")};
    assert_int_equal(decode_raw(f, &raw), SNAG_OK); /* exactly 5 m after */
    assert_true(f->event.stamp_ms == 1000000000);
    raw.stamp_ms--;
    assert_int_equal(decode_raw(f, &raw), SNAG_BAD_FUTURE);
    assert_non_null(strstr(f->diag.text, "the record's own timestamp"));
    raw.stamp_ms = SNAG_TIME_NONE;
    assert_int_equal(decode_raw(f, &raw), SNAG_OK); /* no stamp, no now: no check */
    free_fixture(f);
    f = plain_fixture();
    f->options.now_ms = 1000000000 - 1;
    assert_int_equal(decode_raw(f, &raw), SNAG_BAD_FUTURE);
    assert_non_null(strstr(f->diag.text, "after now"));
    raw.stamp_ms = 1000000000;
    assert_int_equal(decode_raw(f, &raw), SNAG_OK); /* a stamp says more than now */
    free_fixture(f);
}

static const struct {
    snag_kind as;
    const char *json;
    snag_err err;
    const char *want; /* as printed; "" = absent */
} conversions[] = {
    {SNAG_KIND_TEXT, "\"x\"", SNAG_OK, "x"},
    {SNAG_KIND_TEXT, "7", SNAG_OK, "7"},
    {SNAG_KIND_TEXT, "12345678901234567890123", SNAG_OK, "12345678901234567890123"},
    {SNAG_KIND_TEXT, "false", SNAG_OK, "false"},
    {SNAG_KIND_TEXT, "null", SNAG_OK, ""},
    {SNAG_KIND_TEXT, "{}", SNAG_BAD_TYPE, "is an object, not a text"},
    {SNAG_KIND_TEXT, "\"\\ud800\"", SNAG_BAD_UTF8, "surrogate"},
    {SNAG_KIND_INT, "7", SNAG_OK, "7"},
    {SNAG_KIND_INT, "-7.0", SNAG_OK, "-7"},
    {SNAG_KIND_INT, "1e3", SNAG_OK, "1000"},
    {SNAG_KIND_INT, "\"42\"", SNAG_OK, "42"},
    {SNAG_KIND_INT, "7.5", SNAG_BAD_TYPE, "is 7.5, not a whole number"},
    {SNAG_KIND_INT, "\"7x\"", SNAG_BAD_TYPE, "\"7x\" is not a number"},
    {SNAG_KIND_INT, "\"\"", SNAG_BAD_TYPE, "is not a number"},
    {SNAG_KIND_INT, "true", SNAG_BAD_TYPE, "is true or false, not int"},
    {SNAG_KIND_INT, "9223372036854775808", SNAG_BAD_NUMBER, "too large"},
    {SNAG_KIND_INT, "1e999", SNAG_BAD_NUMBER, "too large"},
    {SNAG_KIND_DOUBLE, "0.1", SNAG_OK, "0.1"},
    {SNAG_KIND_DOUBLE, "\"26.85120450862128\"", SNAG_OK, "26.85120450862128"},
    {SNAG_KIND_DOUBLE, "\"nan\"", SNAG_BAD_TYPE, "is not a number"},
    {SNAG_KIND_DOUBLE, "-1e999", SNAG_BAD_NUMBER, "too large"},
    {SNAG_KIND_DOUBLE, "[1]", SNAG_BAD_TYPE, "is a list, not double"},
    {SNAG_KIND_BOOL, "true", SNAG_OK, "true"},
    {SNAG_KIND_BOOL, "\"false\"", SNAG_OK, "false"},
    {SNAG_KIND_BOOL, "1", SNAG_BAD_TYPE, "is a number, not bool"},
    {SNAG_KIND_BOOL, "\"yes\"", SNAG_BAD_TYPE, "neither true nor false"},
    {SNAG_KIND_TIME, "\"2026-11-20T02:54:41Z\"", SNAG_OK, "2026-11-20T02:54:41.000Z"},
    {SNAG_KIND_TIME, "1659304800025", SNAG_OK, "2022-07-31T22:00:00.025Z"},
    {SNAG_KIND_TIME, "\"soon\"", SNAG_BAD_TIME, "neither RFC 3339"},
    {SNAG_KIND_DURATION, "\"1h30m\"", SNAG_OK, "1h30m"},
    {SNAG_KIND_DURATION, "90", SNAG_BAD_TYPE, "a duration is a text like"},
    {SNAG_KIND_DURATION, "\"90\"", SNAG_BAD_TYPE, "is not a duration"},
};

static void kept_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof conversions / sizeof conversions[0]; i++) {
        fixture *f = plain_fixture();
        char text[300];
        char room[300];
        snag_buf buf = snag_buf_on(room, sizeof room);
        uint32_t var = map_kept(f, "kept", conversions[i].as, "p.k");
        snprintf(text, sizeof text, "{\"type\":\"t\",\"user\":\"u\",\"ts\":1,"
                                    "\"p\":{\"k\":%s}}", conversions[i].json);
        snag_err err = decode(f, text);
        if (err != conversions[i].err)
            fail_msg("%s: %s (%s)", conversions[i].json, snag_err_name(err), f->diag.text);
        if (err && (!strstr(f->diag.text, conversions[i].want) || !strstr(f->diag.text, "kept (p.k) ")))
            fail_msg("%s: %s", conversions[i].json, f->diag.text);
        if (!err) {
            snag_value_print(&buf, &f->event.vars[var]);
            CHECK_BUF(&buf, conversions[i].want);
            snag_kind kind = conversions[i].want[0] ? conversions[i].as : SNAG_KIND_ABSENT;
            assert_int_equal(f->event.vars[var].kind, kind);
        }
        free_fixture(f);
    }
}

static void duration_with_unit(void **state)
{
    (void)state;
    fixture *f = plain_fixture();
    uint32_t var = map_kept(f, "took", SNAG_KIND_DURATION, "took");
    f->kept[0].unit = SNAG_UNIT_S;
    assert_int_equal(decode(f, "{\"type\":\"t\",\"user\":\"u\",\"ts\":1,\"took\":1.5}"), SNAG_OK);
    assert_true(f->event.vars[var].as.time.seconds == 1);
    assert_int_equal(f->event.vars[var].as.time.nanos, 500000000);
    free_fixture(f);
}

/* A name that nothing looks at is not there, and its faults are nobody's. */
static void unused_names(void **state)
{
    (void)state;
    fixture *f = plain_fixture();
    uint32_t var = map_kept(f, "n", SNAG_KIND_INT, "n");
    f->kept[0].used = false;
    assert_int_equal(decode(f, "{\"type\":\"t\",\"user\":\"u\",\"ts\":1,\"n\":\"x\"}"), SNAG_OK);
    assert_int_equal(f->event.vars[var].kind, SNAG_KIND_ABSENT);
    free_fixture(f);
}

static void bounds(void **state)
{
    (void)state;
    fixture *f = plain_fixture();
    uint32_t var = map_kept(f, "k", SNAG_KIND_TEXT, "k");
    char text[2000];
    static const struct {
        const char *form;
        int fits;
    } rows[] = {{"{\"type\":\"t\",\"user\":\"u\",\"ts\":1,\"id\":\"%0*d\"}", SNAG_ID_BYTES_MAX},
                {"{\"type\":\"t\",\"ts\":1,\"id\":\"i\",\"user\":\"%0*d\"}", SNAG_CUSTOMER_BYTES_MAX},
                {"{\"user\":\"t\",\"ts\":1,\"id\":\"i\",\"type\":\"%0*d\"}", SNAG_TYPE_BYTES_MAX}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, rows[i].form, rows[i].fits, 0);
        assert_int_equal(decode(f, text), SNAG_OK);
        snprintf(text, sizeof text, rows[i].form, rows[i].fits + 1, 0);
        assert_int_equal(decode(f, text), SNAG_BAD_SIZE);
    }
    snprintf(text, sizeof text, "{\"type\":\"t\",\"user\":\"u\",\"ts\":1,\"k\":\"%0256d\"}", 0);
    assert_int_equal(decode(f, text), SNAG_OK);
    assert_int_equal(f->event.vars[var].as.text.size, 256);
    assert_int_equal(f->event.vars[var].as.text.data[255], '0');
    snprintf(text, sizeof text, "{\"type\":\"t\",\"user\":\"u\",\"ts\":1,"
                                "\"k\":\"%0252d\xC3\xA9\xC3\xA9z\"}", 0);
    assert_int_equal(decode(f, text), SNAG_OK); /* 257 bytes; byte 253 stands inside of a character */
    assert_int_equal(f->event.vars[var].as.text.size, 255);
    assert_memory_equal(f->event.vars[var].as.text.data + 250, "00\xE2\x80\xA6", 5);
    free_fixture(f);
}

static void derived_ids(void **state)
{
    (void)state;
    fixture *f = plain_fixture();
    map_kept(f, "n", SNAG_KIND_TEXT, "n");
    f->kept[0].used = false; /* what rules use must not change an event's name */
    char first[17] = {0};
    assert_int_equal(decode(f, "{\"type\":\"t\",\"user\":\"u\",\"ts\":1,\"n\":\"x\",\"sent\":1}"), SNAG_OK);
    assert_true(f->event.id_derived);
    assert_int_equal(f->event.id.size, 16);
    memcpy(first, f->event.id.data, 16);
    CHECK_STR(f->event.vars[SNAG_VAR_ID].as.text, first);
    /* resent: other order, white space and unmapped names make no difference */
    assert_int_equal(decode(f, "{ \"sent\":2, \"n\":\"x\", \"ts\":1, \"id\":null, \"user\":\"u\","
                               " \"type\":\"t\" }"),
                     SNAG_OK);
    CHECK_STR(f->event.id, first);
    static const char *const others[] = {
        "{\"type\":\"t\",\"user\":\"u\",\"ts\":1,\"n\":\"y\"}", "{\"type\":\"t\",\"user\":\"u\","
            "\"ts\":2,\"n\":\"x\"}",
        "{\"type\":\"t\",\"anon\":\"u\",\"ts\":1,\"n\":\"x\"}", "{\"type\":\"t\",\"user\":\"u\",\"ts\":1}",
        "{\"type\":\"t\",\"user\":\"u\",\"ts\":1,\"n\":\"\"}",  "{\"type\":\"x\",\"user\":\"u\","
            "\"ts\":1,\"n\":\"t\"}"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(decode(f, others[i]), SNAG_OK);
        assert_memory_not_equal(f->event.id.data, first, 16);
    }
    free_fixture(f);
}

/* --- expressions ------------------------------------------------------------------------------- */

static const snag_expr *compile(fixture *f, snag_arena *arena, const char *text)
{
    static const snag_expr_scope scope = {.open = true};
    const snag_expr *expr = NULL;
    if (snag_expr_compile(arena, snag_str_from(text), &scope, SNAG_KIND_DYN, &expr, &f->diag))
        fail_msg("%s: %s", text, f->diag.text);
    return expr;
}

static void expressions(void **state)
{
    (void)state;
    static _Alignas(16) unsigned char room[1 << 16];
    snag_arena arena;
    snag_arena_init(&arena, room, sizeof room);
    fixture *f = plain_fixture();
    uint32_t total = map_kept(f, "total", SNAG_KIND_DOUBLE, "-");
    uint32_t name = map_kept(f, "name", SNAG_KIND_TEXT, "-");
    uint32_t many = map_kept(f, "many", SNAG_KIND_INT, "-");
    f->kept[0].expr = compile(f, &arena, "p.price * 2.5");
    f->kept[1].expr = compile(f, &arena, "p.first + \" \" + p.last");
    f->kept[2].expr = compile(f, &arena, "size(tags)");
    f->kept[0].path_count = f->kept[1].path_count = f->kept[2].path_count = 0;
    assert_int_equal(decode(f, "{\"type\":\"t\",\"user\":\"u\",\"ts\":1,\"p\":{\"price\":2.0,"
                               "\"first\":\"A\\u00e9\","
                               "\"last\":\"B\"},\"tags\":[1,\"x\",{}]}"),
                     SNAG_OK);
    assert_int_equal(f->event.vars[total].kind, SNAG_KIND_DOUBLE);
    assert_true(f->event.vars[total].as.number == 5);
    CHECK_STR(f->event.vars[name].as.text, "A\xC3\xA9 B");
    assert_int_equal(f->event.vars[many].kind, SNAG_KIND_INT);
    assert_true(f->event.vars[many].as.integer == 3);
    /* an expression without a value: the name is not there */
    assert_int_equal(decode(f, "{\"type\":\"t\",\"user\":\"u\",\"ts\":1,\"p\":{\"price\":\"x\","
                               "\"first\":\"A\"}}"),
                     SNAG_OK);
    assert_int_equal(f->event.vars[total].kind, SNAG_KIND_ABSENT);
    assert_int_equal(f->event.vars[name].kind, SNAG_KIND_ABSENT);
    assert_int_equal(f->event.vars[many].kind, SNAG_KIND_ABSENT);
    f->kept[2].expr = compile(f, &arena, "p.price > 1.0"); /* of the wrong kind for `as: int` */
    snag_decoder_free(f->decoder);
    f->decoder = NULL;
    CHECK_ERR(f, "{\"type\":\"t\",\"user\":\"u\",\"ts\":1,\"p\":{\"price\":2.0}}", SNAG_BAD_TYPE,
              "many is true or false, not int");
    free_fixture(f);
}

/* An arena that is too small is told apart from bad data. */
static void small_arena(void **state)
{
    (void)state;
    fixture *f = plain_fixture();
    map_kept(f, "k", SNAG_KIND_TEXT, "k");
    static const char text[] = "{\"type\":\"t\\n\",\"user\":\"u\\n\",\"ts\":1,\"k\":\"\\t\"}";
    assert_int_equal(decode(f, text), SNAG_OK);
    size_t needed = f->arena.used;
    for (size_t size = 0; size < needed; size++) {
        snag_arena_init(&f->arena, f->block, size);
        assert_int_equal(decode(f, text), SNAG_FULL);
    }
    snag_arena_init(&f->arena, f->block, needed);
    assert_int_equal(decode(f, text), SNAG_OK);
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_names),        cmocka_unit_test(absent_names),
        cmocka_unit_test(times),              cmocka_unit_test(future),
        cmocka_unit_test(kept_names),         cmocka_unit_test(duration_with_unit),
        cmocka_unit_test(unused_names),       cmocka_unit_test(bounds),
        cmocka_unit_test(derived_ids),        cmocka_unit_test(small_arena),
        cmocka_unit_test(expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
