/* SPDX-License-Identifier: Apache-2.0
 *
 * Avro sources from the outside: a schema file with plain, single-object and framed bodies; a registry that
 * knows, does not know, or does not answer yet.
 */
#include <stdio.h>
#include <unistd.h>

#include "mapping_fixture.h"

static const char schema[] =
    "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":\"type\",\"type\":\"string\"},"
    "{\"name\":\"user\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"n\",\"type\":\"int\"}]}";

/* type "t", user "u", 1 ms, 7 */
#define BODY "\x02t\x02\x02u\x02\x0E"
enum { BODY_BYTES = 7 };

static fixture *avro_fixture(void)
{
    fixture *f = new_fixture(SNAG_FORMAT_AVRO);
    map_fixed(f, SNAG_VAR_TIME, "time", "ts");
    map_fixed(f, SNAG_VAR_TYPE, "type", "type");
    map_fixed(f, SNAG_VAR_CUSTOMER, "customer", "user");
    map_kept(f, "n", SNAG_KIND_INT, "n");
    return f;
}

static snag_err decode_bytes(fixture *f, const char *bytes, size_t size)
{
    snag_raw raw = {.stamp_ms = SNAG_TIME_NONE, .value = snag_str_of(bytes, size)};
    return decode_raw(f, &raw);
}

static void check_event(const fixture *f)
{
    CHECK_STR(f->event.type, "t");
    CHECK_STR(f->event.customer, "u");
    assert_true(f->event.time_ms == 1);
    assert_true(f->event.id_derived);
    assert_int_equal(f->event.vars[SNAG_VAR_KEPT].kind, SNAG_KIND_INT);
    assert_true(f->event.vars[SNAG_VAR_KEPT].as.integer == 7);
}

/* --- a schema file ----------------------------------------------------------------------------- */

static void file_source(void **state)
{
    (void)state;
    char name[] = "/tmp/snag-test-XXXXXX";
    int file = mkstemp(name);
    assert_true(file >= 0);
    assert_int_equal(write(file, schema, sizeof schema - 1), sizeof schema - 1);
    close(file);
    fixture *f = avro_fixture();
    f->source.schema_file = snag_str_from(name);
    assert_int_equal(decode_bytes(f, BODY, BODY_BYTES), SNAG_OK);
    check_event(f);
    assert_int_equal(decode_bytes(f, "\0\0\0\0\x2A" BODY, 5 + BODY_BYTES), SNAG_OK);
    check_event(f);
    /* a plain body may begin with 00, too: here a type of no length */
    assert_int_equal(decode_bytes(f, "\0\x02\x02u\x02\x0E", 6), SNAG_BAD_MISSING);
    assert_int_equal(decode_bytes(f, "\xC3\x01\1\2\3\4\5\6\7\x08" BODY, 10 + BODY_BYTES), SNAG_BAD_SYNTAX);
    assert_int_equal(decode_bytes(f, BODY, BODY_BYTES - 1), SNAG_BAD_TRUNCATED);
    assert_int_equal(decode_bytes(f, "", 0), SNAG_BAD_TRUNCATED);
    assert_int_equal(decode_bytes(f, "\x02t\x00\x02\x0E", 5), SNAG_BAD_MISSING); /* user null */
    free_fixture(f);
    unlink(name);
    f = avro_fixture();
    f->source.schema_file = snag_str_from(name);
    assert_int_equal(snag_decoder_new(&f->decoder, &f->source, SNAG_STR("."), &f->options, &f->diag),
                     SNAG_IO);
    assert_non_null(strstr(f->diag.text, name));
    f->source.schema_file = (snag_str){0};
    assert_int_equal(snag_decoder_new(&f->decoder, &f->source, SNAG_STR("."), &f->options, &f->diag),
                     SNAG_CONFIG);
    free_fixture(f);
}

/* Our own records come in again as single objects, fingerprint and all. */
static void single_object(void **state)
{
    (void)state;
    char room[256];
    snag_encode_context context = {.pipeline = SNAG_STR("p")};
    snag_record record = {.kind = SNAG_RECORD_LATE};
    record.as.late.id = SNAG_STR("e-1");
    record.as.late.type = SNAG_STR("t");
    record.as.late.customer = SNAG_STR("u");
    record.as.late.time_ms = 1;
    snag_buf buf = snag_buf_on(room, sizeof room);
    snag_encode_avro_frame(&buf, record.kind, -1);
    snag_encode_avro(&buf, &context, &record);
    fixture *f = new_fixture(SNAG_FORMAT_AVRO);
    map_fixed(f, SNAG_VAR_ID, "id", "id");
    map_fixed(f, SNAG_VAR_TIME, "time", "time");
    map_fixed(f, SNAG_VAR_TYPE, "type", "type");
    map_fixed(f, SNAG_VAR_CUSTOMER, "customer", "customer");
    map_kept(f, "x", SNAG_KIND_TEXT, "kept.x");
    f->source.schema_file = SNAG_STR("schemas/event.avsc"); /* tests run in the project's folder */
    assert_int_equal(decode_bytes(f, room, buf.size), SNAG_OK);
    CHECK_STR(f->event.id, "e-1");
    CHECK_STR(f->event.customer, "u");
    assert_int_equal(f->event.vars[SNAG_VAR_KEPT].kind, SNAG_KIND_ABSENT);
    free_fixture(f);
}

/* --- a registry -------------------------------------------------------------------------------- */

static snag_err fetch(void *context, uint32_t id, snag_str *out, snag_diag *diag)
{
    int *asked = context;
    ++*asked;
    *out = SNAG_STR(schema);
    if (id == 7)
        return SNAG_OK;
    if (id == 8) {
        *out = SNAG_STR("{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":\"e\","
                        "\"type\":[\"null\",\"E\"]}]}");
        return SNAG_OK;
    }
    return id == 9 ? snag_fail(diag, SNAG_AGAIN, "not yet")
                   : snag_fail(diag, SNAG_BAD_SCHEMA, "id %u is not known", id);
}

static void registry_source(void **state)
{
    (void)state;
    int asked = 0;
    fixture *f = avro_fixture();
    f->options.fetch = fetch;
    f->options.fetch_context = &asked;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(decode_bytes(f, "\0\0\0\0\x07" BODY, 5 + BODY_BYTES), SNAG_OK);
        check_event(f);
    }
    assert_int_equal(asked, 1);
    assert_int_equal(decode_bytes(f, "\0\0\0\0\x09" BODY, 5 + BODY_BYTES), SNAG_AGAIN);
    assert_int_equal(decode_bytes(f, "\0\xFF\xFF\xFF\xFF" BODY, 5 + BODY_BYTES), SNAG_BAD_SCHEMA);
    assert_non_null(strstr(f->diag.text, "id 4294967295 is not known"));
    assert_int_equal(asked, 3);
    for (int i = 0; i < 2; i++) { /* a schema that cannot be compiled is compiled once */
        assert_int_equal(decode_bytes(f, "\0\0\0\0\x08" BODY, 5 + BODY_BYTES), SNAG_BAD_SCHEMA);
        assert_non_null(strstr(f->diag.text, "schema id 8: "));
    }
    assert_int_equal(asked, 4);
    assert_int_equal(decode_bytes(f, BODY, BODY_BYTES), SNAG_BAD_SYNTAX);
    assert_int_equal(decode_bytes(f, "\0\0\0\0", 4), SNAG_BAD_TRUNCATED);
    assert_int_equal(decode_bytes(f, "", 0), SNAG_BAD_TRUNCATED);
    free_fixture(f);
}

/* More schemas than are kept: the oldest is fetched again, and all are still right. */
static snag_err fetch_any(void *context, uint32_t id, snag_str *out, snag_diag *diag)
{
    (void)id;
    (void)diag;
    ++*(int *)context;
    *out = SNAG_STR(schema);
    return SNAG_OK;
}

static void many_schemas(void **state)
{
    (void)state;
    int asked = 0;
    fixture *f = avro_fixture();
    f->options.fetch = fetch_any;
    f->options.fetch_context = &asked;
    for (int i = 0; i < 600; i++) {
        char bytes[5 + BODY_BYTES] = {0};
        bytes[3] = (char)(i % 300 >> 8);
        bytes[4] = (char)(i % 300);
        memcpy(bytes + 5, BODY, BODY_BYTES);
        assert_int_equal(decode_bytes(f, bytes, sizeof bytes), SNAG_OK);
        check_event(f);
    }
    assert_int_equal(asked, 600);
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_source),
        cmocka_unit_test(single_object),
        cmocka_unit_test(registry_source),
        cmocka_unit_test(many_schemas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
