/* SPDX-License-Identifier: Apache-2.0
 *
 * Our Avro reader against Avro C's generic one on random valid data; then the same data cut and bent, where
 * the other is no measure (it takes negative lengths and leaks on what is cut).
 */
#include <stdio.h>

#include <avro.h>

#include "avro_fixture.h"
#include "seed.h"

static const char everything[] =
    "{\"type\":\"record\",\"name\":\"Outer\",\"namespace\":\"test\",\"fields\":["
    "{\"name\":\"b\",\"type\":\"boolean\"},"
    "{\"name\":\"skipped\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"map\","
    "\"values\":[\"int\",\"string\"]}}},"
    "{\"name\":\"i\",\"type\":\"int\"},"
    "{\"name\":\"l\",\"type\":\"long\"},"
    "{\"name\":\"x\",\"type\":\"double\"},"
    "{\"name\":\"f\",\"type\":\"float\"},"
    "{\"name\":\"d\",\"type\":\"double\"},"
    "{\"name\":\"s\",\"type\":\"string\"},"
    "{\"name\":\"y\",\"type\":[\"null\",\"bytes\",\"double\"]},"
    "{\"name\":\"raw\",\"type\":\"bytes\"},"
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"Color\",\"symbols\":[\"RED\",\"GREEN\","
    "\"BLUE\"]}},"
    "{\"name\":\"e2\",\"type\":\"test.Color\"},"
    "{\"name\":\"fx\",\"type\":{\"type\":\"fixed\",\"name\":\"Four\",\"size\":4}},"
    "{\"name\":\"fy\",\"type\":\"Four\"},"
    "{\"name\":\"o\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"u\",\"type\":[\"int\",\"string\",\"null\",{\"type\":\"record\",\"name\":\"In\","
    "\"fields\":["
    "{\"name\":\"deep\",\"type\":[\"string\",\"null\"]},{\"name\":\"z\",\"type\":\"null\"}]}]},"
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":[\"null\",\"long\"]}},"
    "{\"name\":\"nulls\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
    "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":\"In\"}},"
    "{\"name\":\"t\",\"type\":\"string\"}]}";

static const char *const wanted[] = {"b",  "i",  "l", "f",      "d",   "s",   "raw",   "e", "e2",
                                     "fx", "fy", "o", "u.deep", "m.k", "m.q", "nulls", "a", "t"};
enum { WANTED = sizeof wanted / sizeof wanted[0] };

/* --- random valid data ------------------------------------------------------------------------- */

static void fill_random(snag_seed *seed, avro_value_t *value);

static void fill_scalar(snag_seed *seed, avro_value_t *value, avro_type_t type)
{
    char text[48];
    size_t size = snag_seed_below(seed, 40);
    int64_t number = (int64_t)snag_seed_next(seed) >> snag_seed_below(seed, 64);
    snag_seed_bytes(seed, text, size);
    switch (type) {
    case AVRO_BOOLEAN: avro_value_set_boolean(value, (int)(number & 1)); return;
    case AVRO_INT32: avro_value_set_int(value, (int32_t)number); return;
    case AVRO_INT64: avro_value_set_long(value, number); return;
    case AVRO_FLOAT: avro_value_set_float(value, (float)number); return;
    case AVRO_DOUBLE: avro_value_set_double(value, (double)number / 3); return;
    case AVRO_NULL: avro_value_set_null(value); return;
    case AVRO_ENUM: avro_value_set_enum(value, (int)((uint64_t)number % 3)); return;
    case AVRO_FIXED: avro_value_set_fixed(value, "\1\2\3\4", 4); return;
    case AVRO_BYTES: avro_value_set_bytes(value, text, size); return;
    default:
        assert_int_equal(type, AVRO_STRING);
        for (size_t i = 0; i < size; i++)
            text[i] = (char)('a' + (unsigned char)text[i] % 26);
        text[size] = '\0';
        avro_value_set_string(value, text);
        return;
    }
}

static void fill_many(snag_seed *seed, avro_value_t *value, bool map)
{
    static const char *const keys[] = {"k", "other", "q", "", "kk"};
    size_t first = snag_seed_below(seed, 5);
    for (size_t i = 0; i < first; i++) {
        avro_value_t item;
        if (map)
            avro_value_add(value, keys[i], &item, NULL, NULL);
        else
            avro_value_append(value, &item, NULL);
        fill_random(seed, &item);
    }
}

static void fill_random(snag_seed *seed, avro_value_t *value)
{
    avro_type_t type = avro_value_get_type(value);
    size_t count = 0;
    avro_value_t child;
    switch (type) {
    case AVRO_RECORD:
        avro_value_get_size(value, &count);
        for (size_t i = 0; i < count; i++) {
            avro_value_get_by_index(value, i, &child, NULL);
            fill_random(seed, &child);
        }
        return;
    case AVRO_UNION:
        count = avro_schema_union_size(avro_value_get_schema(value));
        avro_value_set_branch(value, (int)snag_seed_below(seed, count), &child);
        fill_random(seed, &child);
        return;
    case AVRO_ARRAY:
    case AVRO_MAP: fill_many(seed, value, type == AVRO_MAP); return;
    default: fill_scalar(seed, value, type); return;
    }
}

/* Follows a path; false = not there. Unions are looked through. */
static bool follow(avro_value_t from, const char *path, avro_value_t *out)
{
    char steps[64];
    snprintf(steps, sizeof steps, "%s", path);
    *out = from;
    for (char *step = steps, *next; step; step = next) {
        next = strchr(step, '.');
        if (next)
            *next++ = '\0';
        if (avro_value_get_type(out) == AVRO_UNION)
            avro_value_get_current_branch(out, out);
        avro_type_t type = avro_value_get_type(out);
        avro_value_t child;
        if ((type != AVRO_RECORD && type != AVRO_MAP) || avro_value_get_by_name(out, step, &child, NULL))
            return false;
        *out = child;
    }
    if (avro_value_get_type(out) == AVRO_UNION)
        avro_value_get_current_branch(out, out);
    return true;
}

static void check_bytes(const snag_slot *slot, snag_slot_kind kind, const void *data, size_t size)
{
    assert_int_equal(slot->kind, kind);
    assert_true(snag_str_equal(slot->as.raw, snag_str_of(data, size)));
}

static void check_scalar(const snag_slot *slot, const avro_value_t *value)
{
    int boolean = 0;
    int32_t i = 0;
    int64_t l = 0;
    float f = 0;
    double d = 0;
    const void *data = NULL;
    const char *text = NULL;
    size_t size = 0;
    switch (avro_value_get_type(value)) {
    case AVRO_BOOLEAN:
        avro_value_get_boolean(value, &boolean);
        assert_int_equal(slot->kind, SNAG_SLOT_BOOL);
        assert_int_equal(slot->as.boolean, boolean);
        return;
    case AVRO_INT32:
        avro_value_get_int(value, &i);
        assert_int_equal(slot->kind, SNAG_SLOT_INT);
        assert_true(slot->as.integer == i);
        return;
    case AVRO_INT64:
        avro_value_get_long(value, &l);
        assert_int_equal(slot->kind, SNAG_SLOT_INT);
        assert_true(slot->as.integer == l);
        return;
    case AVRO_FLOAT:
        avro_value_get_float(value, &f);
        assert_int_equal(slot->kind, SNAG_SLOT_DOUBLE);
        assert_true(slot->as.number == (double)f);
        return;
    case AVRO_DOUBLE:
        avro_value_get_double(value, &d);
        assert_int_equal(slot->kind, SNAG_SLOT_DOUBLE);
        assert_true(slot->as.number == d);
        return;
    case AVRO_STRING:
        avro_value_get_string(value, &text, &size);
        check_bytes(slot, SNAG_SLOT_TEXT, text, size - 1);
        return;
    case AVRO_BYTES:
        avro_value_get_bytes(value, &data, &size);
        check_bytes(slot, SNAG_SLOT_BYTES, data, size);
        return;
    default: fail_msg("not a scalar"); return;
    }
}

static void check_slot(const snag_slot *slot, const avro_value_t *record, const char *path)
{
    avro_value_t value;
    int symbol = 0;
    const void *data = NULL;
    size_t size = 0;
    if (!follow(*record, path, &value)) {
        assert_int_equal(slot->kind, SNAG_SLOT_ABSENT);
        return;
    }
    switch (avro_value_get_type(&value)) {
    case AVRO_NULL: assert_int_equal(slot->kind, SNAG_SLOT_NULL); return;
    case AVRO_ARRAY: assert_int_equal(slot->kind, SNAG_SLOT_LIST); return;
    case AVRO_ENUM:
        avro_value_get_enum(&value, &symbol);
        const char *name = avro_schema_enum_get(avro_value_get_schema(&value), symbol);
        check_bytes(slot, SNAG_SLOT_TEXT, name, strlen(name));
        return;
    case AVRO_FIXED:
        avro_value_get_fixed(&value, &data, &size);
        check_bytes(slot, SNAG_SLOT_BYTES, data, size);
        return;
    default: check_scalar(slot, &value); return;
    }
}

static void agrees_with_avro_c(void **state)
{
    (void)state;
    fixture *f = new_fixture(everything, wanted, WANTED);
    avro_schema_t schema;
    assert_int_equal(avro_schema_from_json_length(everything, sizeof everything - 1, &schema), 0);
    avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
    for (uint64_t round = 0; round < 2000; round++) {
        static char room[1 << 16];
        avro_value_t value;
        char *copy;
        snag_seed seed = snag_seed_from(round);
        avro_generic_value_new(iface, &value);
        fill_random(&seed, &value);
        avro_writer_t writer = avro_writer_memory(room, sizeof room);
        assert_int_equal(avro_value_write(writer, &value), 0);
        size_t size = (size_t)avro_writer_tell(writer);
        snag_err err = read_bytes(f, room, size, &copy);
        if (err)
            fail_msg("seed %u: %s", (unsigned)round, f->diag.text);
        for (size_t i = 0; i < WANTED; i++)
            check_slot(&f->slots[i], &value, wanted[i]);
        free(copy);
        for (size_t cut = round % 7; cut < size; cut += 7) /* cut anywhere it is refused */
            assert_int_equal(read_only(f, room, cut), SNAG_BAD_TRUNCATED);
        room[size] = 0;
        assert_int_equal(read_only(f, room, size + 1), SNAG_BAD_SYNTAX);
        for (int flips = 0; flips < 8; flips++) { /* whatever comes out: no crash, no endless run */
            room[snag_seed_below(&seed, size)] = (char)snag_seed_next(&seed);
            (void)!read_only(f, room, size);
        }
        avro_writer_free(writer);
        avro_value_decref(&value);
    }
    avro_value_iface_decref(iface);
    avro_schema_decref(schema);
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_avro_c)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
