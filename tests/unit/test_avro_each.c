/* SPDX-License-Identifier: Apache-2.0
 *
 * `each:` over Avro: the items of a list make the same events as the items of the same list in JSON, however
 * the list is cut into blocks; and records that are cut or bent are refused.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "mapping_fixture.h"
#include "seed.h"

enum { ITEMS_MAX = 300, BYTES_MAX = 1 << 16 };

static const char schema[] =
    "{\"type\":\"record\",\"name\":\"Order\",\"fields\":["
    "{\"name\":\"id\",\"type\":\"string\"},"
    "{\"name\":\"ts\",\"type\":\"string\"},"
    "{\"name\":\"user\",\"type\":\"string\"},"
    "{\"name\":\"lines\",\"type\":[\"null\",{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"record\","
    "\"name\":\"Line\",\"fields\":["
    "{\"name\":\"skipped\",\"type\":\"double\"},"
    "{\"name\":\"sku\",\"type\":\"string\"},"
    "{\"name\":\"at\",\"type\":{\"type\":\"map\",\"values\":\"long\"}},"
    "{\"name\":\"n\",\"type\":[\"null\",\"long\"]}]}]}]},"
    "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"
    "{\"name\":\"what\",\"type\":\"string\"}]}";

typedef struct line {
    bool null;
    char sku[8];
    int64_t shelf; /* -1 = not in the map */
    int64_t n;     /* -1 = null */
} line;

typedef struct order {
    bool null;
    uint32_t count;
    line lines[ITEMS_MAX];
} order;

/* --- writing one order in both ways ------------------------------------------------------------- */

static void put_long(snag_buf *buf, int64_t value)
{
    uint64_t zigzag = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    for (; zigzag >= 0x80; zigzag >>= 7)
        snag_buf_byte(buf, (char)(zigzag | 0x80));
    snag_buf_byte(buf, (char)zigzag);
}

static void put_text(snag_buf *buf, const char *text)
{
    put_long(buf, (int64_t)strlen(text));
    snag_buf_str_put(buf, snag_str_from(text));
}

static void put_line(snag_buf *buf, const line *from)
{
    put_long(buf, from->null ? 0 : 1);
    if (from->null)
        return;
    snag_buf_put(buf, "01234567", 8);
    put_text(buf, from->sku);
    if (from->shelf >= 0) {
        put_long(buf, 1);
        put_text(buf, "shelf");
        put_long(buf, from->shelf);
    }
    put_long(buf, 0);
    put_long(buf, from->n >= 0 ? 1 : 0);
    if (from->n >= 0)
        put_long(buf, from->n);
}

/* Blocks of any length; some say how many bytes they have. */
static void put_lines(snag_buf *buf, const order *from, snag_seed *seed)
{
    for (uint32_t i = 0; i < from->count;) {
        char bytes[BYTES_MAX];
        snag_buf block = snag_buf_on(bytes, sizeof bytes);
        uint32_t most = from->count - i;
        uint32_t count = 1 + (uint32_t)snag_seed_below(seed, most);
        for (uint32_t k = 0; k < count; k++)
            put_line(&block, &from->lines[i + k]);
        bool sized = snag_seed_below(seed, 2);
        put_long(buf, sized ? -(int64_t)count : (int64_t)count);
        if (sized)
            put_long(buf, (int64_t)block.size);
        snag_buf_str_put(buf, snag_buf_str(&block));
        i += count;
    }
    put_long(buf, 0);
}

static void put_avro(snag_buf *buf, const order *from, snag_seed *seed)
{
    put_text(buf, "o-7");
    put_text(buf, "2026-01-05T10:00:00Z");
    put_text(buf, "ann");
    put_long(buf, from->null ? 0 : 1);
    if (!from->null)
        put_lines(buf, from, seed);
    put_long(buf, 2);
    put_text(buf, "red");
    put_text(buf, "blue");
    put_long(buf, 0);
    put_text(buf, "Ordered");
}

static void put_json(snag_buf *buf, const order *from)
{
    snag_buf_printf(buf, "{\"id\":\"o-7\",\"ts\":\"2026-01-05T10:00:00Z\",\"user\":\"ann\",\"lines\":");
    snag_buf_str_put(buf, from->null ? SNAG_STR("null") : SNAG_STR("["));
    for (uint32_t i = 0; i < from->count; i++) {
        const line *item = &from->lines[i];
        snag_buf_printf(buf, "%s", i ? "," : "");
        if (item->null) {
            snag_buf_printf(buf, "null");
            continue;
        }
        snag_buf_printf(buf, "{\"skipped\":1.5,\"sku\":\"%s\",\"at\":{", item->sku);
        if (item->shelf >= 0)
            snag_buf_printf(buf, "\"shelf\":%lld", (long long)item->shelf);
        snag_buf_printf(buf, "},\"n\":");
        if (item->n >= 0)
            snag_buf_printf(buf, "%lld}", (long long)item->n);
        else
            snag_buf_printf(buf, "null}");
    }
    snag_buf_printf(buf, "%s,\"tags\":[\"red\",\"blue\"],\"what\":\"Ordered\"}", from->null ? "" : "]");
}

static void make(order *to, snag_seed *seed, uint32_t most)
{
    *to = (order){.null = snag_seed_below(seed, 10) == 0};
    to->count = to->null ? 0 : (uint32_t)snag_seed_below(seed, most + 1);
    for (uint32_t i = 0; i < to->count; i++) {
        line *item = &to->lines[i];
        item->null = snag_seed_below(seed, 8) == 0;
        snprintf(item->sku, sizeof item->sku, "s%u", (unsigned)snag_seed_below(seed, 1000));
        item->shelf = (int64_t)snag_seed_below(seed, 5) - 1;
        item->n = (int64_t)snag_seed_below(seed, 5) - 1;
    }
}

/* --- reading it ---------------------------------------------------------------------------------- */

static char schema_path[64];

static fixture *each_fixture(snag_format format, const char *each)
{
    fixture *f = new_fixture(format);
    f->source.each = snag_str_from(each);
    if (format == SNAG_FORMAT_AVRO)
        f->source.schema_file = snag_str_from(schema_path);
    map_fixed(f, SNAG_VAR_ID, "id", "id");
    map_fixed(f, SNAG_VAR_TIME, "time", "ts");
    map_fixed(f, SNAG_VAR_TYPE, "type", "what");
    map_fixed(f, SNAG_VAR_CUSTOMER, "customer", "user");
    map_kept(f, "sku", SNAG_KIND_TEXT, "lines.sku");
    map_kept(f, "n", SNAG_KIND_INT, "lines.n");
    map_kept(f, "shelf", SNAG_KIND_INT, "lines.at.shelf");
    map_kept(f, "tag", SNAG_KIND_TEXT, strcmp(each, "tags") == 0 ? "tags" : "lines.sku");
    snag_err err = snag_decoder_new(&f->decoder, &f->source, SNAG_STR(""), &f->options, &f->diag);
    if (err)
        fail_msg("%s", f->diag.text);
    return f;
}

static snag_err read_all(fixture *f, snag_str value, snag_buf *said)
{
    snag_event *events = calloc(SNAG_EACH_MAX, sizeof *events);
    static unsigned char room[1 << 20];
    snag_arena arena;
    size_t count = 0;
    snag_raw raw = {.stamp_ms = SNAG_TIME_NONE, .value = value};
    snag_arena_init(&arena, room, sizeof room);
    snag_err err = snag_decode_all(f->decoder, &raw, &arena, events, SNAG_EACH_MAX, &count, &f->diag);
    for (size_t i = 0; !err && i < count; i++) {
        snag_buf_printf(said, "%.*s %u", SNAG_FMT(events[i].id), events[i].position.item);
        for (uint32_t k = 0; k < 4; k++) {
            snag_buf_byte(said, ' ');
            snag_value_print(said, &events[i].vars[SNAG_VAR_KEPT + k]);
        }
        snag_buf_byte(said, '\n');
    }
    free(events);
    return err;
}

static void test_same_as_json(void **state)
{
    static char avro_bytes[BYTES_MAX], json_bytes[BYTES_MAX], ours[BYTES_MAX], theirs[BYTES_MAX];
    static order one;
    uint32_t some = 0;
    snag_seed seed = snag_seed_from(7);
    (void)state;
    for (int each = 0; each < 2; each++) {
        fixture *avro = each_fixture(SNAG_FORMAT_AVRO, each ? "tags" : "lines");
        fixture *json = each_fixture(SNAG_FORMAT_JSON, each ? "tags" : "lines");
        for (int i = 0; i < 500; i++) {
            snag_buf record = snag_buf_on(avro_bytes, sizeof avro_bytes);
            snag_buf text = snag_buf_on(json_bytes, sizeof json_bytes);
            snag_buf said = snag_buf_on(ours, sizeof ours);
            snag_buf want = snag_buf_on(theirs, sizeof theirs);
            make(&one, &seed, 12);
            put_avro(&record, &one, &seed);
            put_json(&text, &one);
            snag_err err = read_all(avro, snag_buf_str(&record), &said);
            if (err)
                fail_msg("%d: %s", i, avro->diag.text);
            assert_int_equal(read_all(json, snag_buf_str(&text), &want), SNAG_OK);
            if (!snag_str_equal(snag_buf_str(&said), snag_buf_str(&want)))
                fail_msg("%d: %.*s\nwant %.*s", i, SNAG_FMT(snag_buf_str(&said)),
                         SNAG_FMT(snag_buf_str(&want)));
            some += said.size > 0;
        }
        free_fixture(avro);
        free_fixture(json);
    }
    assert_in_range(some, 700, 1000);
}

static void test_too_many(void **state)
{
    static char bytes[BYTES_MAX], said_bytes[BYTES_MAX];
    static order one;
    snag_seed seed = snag_seed_from(8);
    fixture *f = each_fixture(SNAG_FORMAT_AVRO, "lines");
    (void)state;
    for (uint32_t count = SNAG_EACH_MAX; count <= SNAG_EACH_MAX + 1; count++) {
        snag_buf record = snag_buf_on(bytes, sizeof bytes);
        snag_buf said = snag_buf_on(said_bytes, sizeof said_bytes);
        make(&one, &seed, 0);
        one.null = false;
        one.count = count;
        put_avro(&record, &one, &seed);
        bool fits = count == SNAG_EACH_MAX;
        assert_int_equal(read_all(f, snag_buf_str(&record), &said), fits ? SNAG_OK : SNAG_BAD_SIZE);
        assert_true(fits || strstr(f->diag.text, "each (lines) has more than 256 items"));
    }
    free_fixture(f);
}

/* Cut at any byte it is refused; bent it is refused or read, and nothing outside of it is looked at. */
static void test_cut_and_bent(void **state)
{
    static char bytes[BYTES_MAX], said_bytes[BYTES_MAX];
    static order one;
    snag_seed seed = snag_seed_from(9);
    fixture *f = each_fixture(SNAG_FORMAT_AVRO, "lines");
    uint32_t refused = 0;
    (void)state;
    for (int i = 0; i < 60; i++) {
        snag_buf record = snag_buf_on(bytes, sizeof bytes);
        make(&one, &seed, 6);
        put_avro(&record, &one, &seed);
        for (size_t at = 0; at < record.size; at++) {
            char *copy = malloc(record.size);
            snag_buf said = snag_buf_on(said_bytes, sizeof said_bytes);
            assert_non_null(copy);
            memcpy(copy, bytes, at);
            assert_int_not_equal(read_all(f, snag_str_of(copy, at), &said), SNAG_OK);
            memcpy(copy, bytes, record.size);
            copy[at] = (char)(copy[at] ^ (1 << snag_seed_below(&seed, 8)));
            said.size = 0;
            refused += read_all(f, snag_str_of(copy, record.size), &said) != SNAG_OK;
            free(copy);
        }
    }
    assert_true(refused > 100);
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_json),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_cut_and_bent),
    };
    snprintf(schema_path, sizeof schema_path, "/tmp/snag_each_%ld.avsc", (long)getpid());
    FILE *file = fopen(schema_path, "w");
    assert_non_null(file);
    fputs(schema, file);
    fclose(file);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove(schema_path);
    return failed;
}
