/* SPDX-License-Identifier: Apache-2.0
 *
 * Avro: hostile data and schemas, logical types, fingerprints against the specification's, our own records.
 */
#include "../tools/sample_records.h"
#include "avro_fixture.h"

/* --- hostile data ------------------------------------------------------------------------------ */

#define FIELD(type) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"v\",\"type\":" type "}]}"

static const struct {
    const char *schema;
    const char *bytes;
    size_t size;
    snag_err skipped; /* nobody wants it */
    snag_err wanted;
} hostile[] = {
    {FIELD("\"string\""), "\x01", 1, SNAG_BAD_SYNTAX, SNAG_BAD_SYNTAX},   /* length -1 */
    {FIELD("\"string\""), "\x03xy", 3, SNAG_BAD_SYNTAX, SNAG_BAD_SYNTAX}, /* length -2 */
    {FIELD("\"string\""), "\x06xy", 3, SNAG_BAD_TRUNCATED, SNAG_BAD_TRUNCATED},
    {FIELD("\"string\""), "\x02\xFF", 2, SNAG_OK, SNAG_BAD_UTF8},
    {FIELD("\"bytes\""), "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10, SNAG_BAD_TRUNCATED,
     SNAG_BAD_TRUNCATED},
    {FIELD("\"bytes\""), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10, SNAG_BAD_SYNTAX, SNAG_BAD_SYNTAX},
    {FIELD("\"long\""), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10, SNAG_BAD_SYNTAX, SNAG_BAD_SYNTAX},
    {FIELD("\"long\""), "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, SNAG_BAD_SYNTAX,
     SNAG_BAD_SYNTAX},
    {FIELD("\"long\""), "\x80", 1, SNAG_BAD_TRUNCATED, SNAG_BAD_TRUNCATED},
    {FIELD("\"int\""), "\x80\x80\x80\x80\x10", 5, SNAG_OK, SNAG_BAD_SYNTAX}, /* 2^31 */
    {FIELD("\"boolean\""), "\x02", 1, SNAG_OK, SNAG_BAD_SYNTAX},
    {FIELD("[\"null\",\"int\"]"), "\x04", 1, SNAG_BAD_SYNTAX, SNAG_BAD_SYNTAX},
    {FIELD("[\"null\",\"int\"]"), "\x01", 1, SNAG_BAD_SYNTAX, SNAG_BAD_SYNTAX}, /* branch -1 */
    {FIELD("[\"null\",\"int\",\"long\"]"), "\x06\x00", 2, SNAG_BAD_SYNTAX, SNAG_BAD_SYNTAX},
    {FIELD("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}"), "\x02", 1, SNAG_OK, SNAG_BAD_SYNTAX},
    {FIELD("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}"), "\x01", 1, SNAG_OK, SNAG_BAD_SYNTAX},
    /* arrays: 2^62 items, items of no bytes, a block that lies about its size, the least number */
    {FIELD("{\"type\":\"array\",\"items\":\"int\"}"), "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F\x00", 10,
     SNAG_BAD_TRUNCATED, SNAG_BAD_TRUNCATED},
    {FIELD("{\"type\":\"array\","
           "\"items\":\"null\"}"), "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F\x00", 10, SNAG_OK,
     SNAG_OK},
    {FIELD("{\"type\":\"array\",\"items\":\"int\"}"), "\x03\x7E\x00\x00\x00", 5, SNAG_BAD_TRUNCATED,
     SNAG_BAD_TRUNCATED},
    {FIELD("{\"type\":\"array\",\"items\":\"int\"}"), "\x03\x01\x00\x00\x00", 5, SNAG_BAD_SYNTAX,
     SNAG_BAD_SYNTAX},
    {FIELD("{\"type\":\"array\",\"items\":\"int\"}"), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x00", 11,
     SNAG_BAD_SYNTAX, SNAG_BAD_SYNTAX},
    {FIELD("{\"type\":\"array\",\"items\":\"int\"}"), "\x03\x04\x02\x04\x00", 5, SNAG_OK, SNAG_OK},
    {FIELD("{\"type\":\"array\","
           "\"items\":\"int\"}"), "\x02\x02", 2, SNAG_BAD_TRUNCATED, SNAG_BAD_TRUNCATED},
    {FIELD("{\"type\":\"map\",\"values\":\"null\"}"), "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F\x00", 10,
     SNAG_BAD_TRUNCATED, SNAG_BAD_TRUNCATED},
    {FIELD("{\"type\":\"map\","
           "\"values\":\"int\"}"), "\x02\x01k\x02\x00", 5, SNAG_BAD_SYNTAX, SNAG_BAD_SYNTAX},
    {FIELD("{\"type\":\"fixed\",\"name\":\"F\",\"size\":16}"), "\0\0\0", 3, SNAG_BAD_TRUNCATED,
     SNAG_BAD_TRUNCATED},
    {FIELD("\"null\""), "", 0, SNAG_OK, SNAG_OK},
    {FIELD("\"int\""), "", 0, SNAG_BAD_TRUNCATED, SNAG_BAD_TRUNCATED},
    {FIELD("\"int\""), "\0\0", 2, SNAG_BAD_SYNTAX, SNAG_BAD_SYNTAX},
};

static void hostile_data(void **state)
{
    (void)state;
    static const char *const paths[] = {"v"};
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++)
        for (size_t want = 0; want < 2; want++) {
            fixture *f = new_fixture(hostile[i].schema, paths, want);
            snag_err err = read_only(f, hostile[i].bytes, hostile[i].size);
            snag_err expected = want ? hostile[i].wanted : hostile[i].skipped;
            if (err != expected)
                fail_msg("row %zu, wanted %zu: %s, not %s", i, want, snag_err_name(err),
                         snag_err_name(expected));
            free_fixture(f);
        }
}

/* The first of two equal keys of a map wins; a block with its size is gone through where a key is wanted. */
static void maps(void **state)
{
    (void)state;
    static const char *const paths[] = {"v.k"};
    fixture *f = new_fixture(FIELD("{\"type\":\"map\",\"values\":\"int\"}"), paths, 1);
    assert_int_equal(read_only(f, "\x04\x02k\x02\x02k\x04\x03\x0C\x02q\x06\x02k\x08\x00", 16), SNAG_OK);
    assert_int_equal(f->slots[0].kind, SNAG_SLOT_INT);
    assert_true(f->slots[0].as.integer == 1);
    free_fixture(f);
}

static void logical_types(void **state)
{
    (void)state;
    static const char *const paths[] = {"ms", "us", "day", "local", "price", "big"};
    static const char schema[] =
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
        "{\"name\":\"ms\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
        "{\"name\":\"us\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}]},"
        "{\"name\":\"day\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}},"
        "{\"name\":\"local\",\"type\":{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}},"
        "{\"name\":\"price\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\","
        "\"precision\":9,\"scale\":2}},"
        "{\"name\":\"big\",\"type\":{\"type\":\"fixed\",\"name\":\"D\",\"size\":2,"
        "\"logicalType\":\"decimal\","
        "\"precision\":4}}]}";
    fixture *f = new_fixture(schema, paths, 6);
    /* -1 ms, 1,500,001 us, day -1, 5, -0.05, 300 */
    assert_int_equal(read_only(f, "\x01\x02\xC2\x8D\xB7\x01\x01\x0A\x02\xFB\x01\x2C", 12), SNAG_OK);
    assert_true(f->slots[0].as.time.seconds == -1 && f->slots[0].as.time.nanos == 999000000);
    assert_true(f->slots[1].as.time.seconds == 1 && f->slots[1].as.time.nanos == 500001000);
    assert_true(f->slots[2].kind == SNAG_SLOT_TIME && f->slots[2].as.time.seconds == -86400);
    assert_true(f->slots[3].kind == SNAG_SLOT_INT && f->slots[3].as.integer == 5);
    assert_true(snag_str_equal(f->slots[4].as.raw, SNAG_STR("-0.05")));
    assert_true(snag_str_equal(f->slots[5].as.raw, SNAG_STR("300")));
    free_fixture(f);
}

/* The ends of what 64 bits hold. */
static void farthest_times(void **state)
{
    (void)state;
    static const char *const paths[] = {"v"};
    fixture *f = new_fixture(FIELD("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"), paths, 1);
    assert_int_equal(read_only(f, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10), SNAG_BAD_TIME);
    assert_int_equal(read_only(f, "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10), SNAG_BAD_TIME);
    /* 9999-12-31T23:59:59.999Z, and a millisecond more */
    assert_int_equal(read_only(f, "\xFE\xEF\xFE\xA1\xFA\x9D\x73", 7), SNAG_OK);
    assert_true(f->slots[0].as.time.seconds == 253402300799);
    assert_int_equal(read_only(f, "\x80\xF0\xFE\xA1\xFA\x9D\x73", 7), SNAG_BAD_TIME);
    free_fixture(f);
}

static void bad_schemas(void **state)
{
    (void)state;
    static const struct {
        const char *schema;
        const char *words;
    } rows[] = {
        {"", "not JSON"},
        {"{", "not JSON"},
        {"{}", "not an Avro schema"},
        {"\"string\"", "is not a record"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", "is not a record"},
        {FIELD("\"nonsense\""), "Avro schema"},
        {FIELD("[\"null\",\"R\"]"), "holds itself, which cannot be read: R"},
        {FIELD("{\"type\":\"array\",\"items\":\"R\"}"), "holds itself"},
    };
    snag_paths paths;
    snag_diag diag = {0};
    assert_int_equal(snag_paths_init(&paths, &diag), SNAG_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snag_avro_program *program;
        snag_err err = snag_avro_compile(&program, snag_str_from(rows[i].schema), &paths, &diag);
        if (err != SNAG_BAD_SCHEMA || !strstr(diag.text, rows[i].words))
            fail_msg("%s: %s %s", rows[i].schema, snag_err_name(err), diag.text);
        assert_null(program);
    }
    snag_paths_finish(&paths);
}

/* Each record holds two of the one before: laid out they would be 2^20. */
static void explosion(void **state)
{
    (void)state;
    static char schema[8192];
    snag_buf buf = snag_buf_on(schema, sizeof schema);
    snag_buf_printf(&buf, "{\"type\":\"record\",\"name\":\"R20\",\"fields\":[");
    for (int i = 19; i > 0; i--)
        snag_buf_printf(&buf, "{\"name\":\"a\",\"type\":{\"type\":\"record\",\"name\":\"R%d\","
                              "\"fields\":[", i);
    snag_buf_printf(&buf, "{\"name\":\"v\",\"type\":\"int\"}");
    for (int i = 1; i < 20; i++)
        snag_buf_printf(&buf, "]}},{\"name\":\"b\",\"type\":\"R%d\"}", i);
    snag_buf_printf(&buf, "]}");
    assert_false(buf.full);
    snag_paths paths;
    snag_avro_program *program;
    snag_diag diag;
    assert_int_equal(snag_paths_init(&paths, &diag), SNAG_OK);
    assert_int_equal(snag_avro_compile(&program, snag_buf_str(&buf), &paths, &diag), SNAG_BAD_SCHEMA);
    if (!strstr(diag.text, "too large"))
        fail_msg("%s", diag.text);
    snag_paths_finish(&paths);
}

/* --- fingerprints and our own records ---------------------------------------------------------- */

static uint64_t fingerprint_of(snag_str text)
{
    snag_avro_schema_tree tree;
    snag_diag diag;
    uint64_t fingerprint = 0;
    assert_int_equal(snag_avro_tree_init(&tree, text, &diag), SNAG_OK);
    assert_int_equal(snag_avro_fingerprint(&tree, &fingerprint, &diag), SNAG_OK);
    snag_avro_tree_finish(&tree);
    return fingerprint;
}

/* The specification's own test data (share/test/data/schema-tests.txt of apache/avro). */
static void fingerprints(void **state)
{
    (void)state;
    assert_true(fingerprint_of(SNAG_STR("\"null\"")) == 7195948357588979594u);
    assert_true((int64_t)fingerprint_of(SNAG_STR("{\"type\":\"boolean\"}")) == -6970731678124411036);
    assert_true(fingerprint_of(SNAG_STR("\"int\"")) == 8247732601305521295u);
    for (int kind = 0; kind < SNAG_RECORD_KIND_COUNT; kind++) {
        char room[16];
        snag_buf buf = snag_buf_on(room, sizeof room);
        snag_encode_avro_frame(&buf, (snag_record_kind)kind, -1);
        assert_int_equal(buf.size, 10);
        uint64_t given = 0;
        for (int i = 10; i-- > 2;)
            given = given << 8 | (unsigned char)room[i];
        uint64_t want = fingerprint_of(snag_avro_schema((snag_record_kind)kind));
        if (given != want)
            fail_msg("kind %d: fingerprint 0x%016llx", kind, (unsigned long long)want);
    }
    char room[8];
    snag_buf buf = snag_buf_on(room, sizeof room);
    snag_encode_avro_frame(&buf, SNAG_RECORD_ALERT, 0x01020304);
    assert_int_equal(buf.size, 5);
    assert_memory_equal(room, "\0\1\2\3\4", 5);
}

static void canonical_form(void **state)
{
    (void)state;
    static const char schema[] =
        "{\"doc\":\"x\",\"fields\":[{\"default\":null,\"type\":[\"null\",{\"type\":\"long\","
        "\"logicalType\":\"t\"}],"
        "\"name\":\"a\"},{\"name\":\"b\",\"type\":{\"size\":4,\"name\":\"other.F\",\"type\":\"fixed\"}},"
        "{\"name\":\"c\",\"type\":{\"values\":\"other.F\",\"type\":\"map\"}},{\"name\":\"d\","
        "\"type\":{\"type\":\"array\","
        "\"items\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"X\"]}}}],\"name\":\"R\","
        "\"namespace\":\"n.s\","
        "\"type\":\"record\"}";
    snag_avro_schema_tree tree;
    snag_diag diag;
    char room[1024];
    snag_buf buf = snag_buf_on(room, sizeof room);
    assert_int_equal(snag_avro_tree_init(&tree, SNAG_STR(schema), &diag), SNAG_OK);
    snag_avro_canonical(&buf, &tree.root);
    CHECK_BUF(&buf, "{\"name\":\"n.s.R\",\"type\":\"record\",\"fields\":[{\"name\":\"a\","
                    "\"type\":[\"null\",\"long\"]},"
                    "{\"name\":\"b\",\"type\":{\"name\":\"other.F\",\"type\":\"fixed\",\"size\":4}},"
                    "{\"name\":\"c\",\"type\":{\"type\":\"map\",\"values\":\"other.F\"}},"
                    "{\"name\":\"d\",\"type\":{\"type\":\"array\",\"items\":{\"name\":\"n.s.E\","
                    "\"type\":\"enum\","
                    "\"symbols\":[\"X\"]}}}]}");
    snag_avro_tree_finish(&tree);
}

/* Our own output, read by our own reader with the compiled-in schemas. */
static void own_records(void **state)
{
    (void)state;
    static const char *const paths[] = {"id",        "time",         "data.who.customer", "data.seq",
                                        "data.snag.evidence_total", "data.walk", "data.would_be"};
    for (int i = 0; i < SAMPLE_COUNT; i++) {
        static char room[4096];
        snag_record record;
        snag_encode_context context = sample_context(i % 2 == 0);
        snag_buf buf = snag_buf_on(room, sizeof room);
        sample_record(&record, i);
        snag_encode_avro(&buf, &context, &record);
        assert_false(buf.full);
        snag_str schema = snag_avro_schema(record.kind);
        char *text = calloc(1, schema.size + 1);
        assert_non_null(text);
        memcpy(text, schema.data, schema.size);
        fixture *f = new_fixture(text, paths, sizeof paths / sizeof paths[0]);
        char *copy;
        assert_int_equal(read_bytes(f, room, buf.size, &copy), SNAG_OK);
        assert_int_equal(f->slots[0].kind, SNAG_SLOT_TEXT);
        assert_int_equal(f->slots[1].kind, SNAG_SLOT_TIME);
        assert_int_equal(f->slots[2].kind, i == 0 ? SNAG_SLOT_TEXT : SNAG_SLOT_ABSENT);
        assert_int_equal(f->slots[3].kind, i < 4 ? SNAG_SLOT_INT : SNAG_SLOT_ABSENT);
        if (i == 0)
            assert_true(f->slots[4].as.integer == 300);
        assert_int_equal(f->slots[5].kind, i / 2 == 1 ? SNAG_SLOT_TEXT : SNAG_SLOT_ABSENT);
        assert_int_equal(f->slots[6].kind, i / 2 == 2 ? SNAG_SLOT_TEXT : SNAG_SLOT_ABSENT);
        for (size_t cut = 0; cut < buf.size; cut++)
            assert_int_equal(read_only(f, room, cut), SNAG_BAD_TRUNCATED);
        free(copy);
        free_fixture(f);
        free(text);
        for (size_t size = 0; size < buf.size; size++) {
            snag_buf small = snag_buf_on(room, size);
            snag_encode_avro(&small, &context, &record);
            assert_true(small.full);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_data),  cmocka_unit_test(maps),
        cmocka_unit_test(farthest_times),
        cmocka_unit_test(logical_types),      cmocka_unit_test(bad_schemas),   cmocka_unit_test(explosion),
        cmocka_unit_test(fingerprints),       cmocka_unit_test(canonical_form), cmocka_unit_test(own_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
