/* SPDX-License-Identifier: Apache-2.0
 *
 * Avro in and out: a body of about 150 bytes and 12 fields with five wanted (the reader alone, then through
 * the whole decoder), and an alert written.
 */
#include <stdlib.h>

#include "../tests/tools/sample_records.h"
#include "base/hash.h"
#include "codec/avro.h"
#include "common.h"

enum { VARIANTS = 256, BODY_ROOM = 256, SLOTS = 8, ARENA_BYTES = 1 << 16 };

static const char schema[] =
    "{\"type\":\"record\",\"name\":\"Call\",\"fields\":["
    "{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"time\",\"type\":{\"type\":\"long\",\"logicalType\":"
    "\"timestamp-millis\"}},{\"name\":\"type\",\"type\":\"string\"},{\"name\":\"customer\","
    "\"type\":\"string\"},"
    "{\"name\":\"account\",\"type\":[\"null\",\"string\"]},{\"name\":\"line\",\"type\":\"string\"},"
    "{\"name\":\"call\",\"type\":\"string\"},{\"name\":\"service\",\"type\":\"string\"},"
    "{\"name\":\"priority\",\"type\":\"int\"},{\"name\":\"waited\",\"type\":\"double\"},"
    "{\"name\":\"agent\",\"type\":[\"null\",\"string\"]},{\"name\":\"note\",\"type\":\"string\"}]}";
static const char *const wanted[] = {"time", "type", "customer", "line", "call"};

typedef struct work {
    uint64_t count;
    snag_paths paths;
    snag_avro_program *program;
    snag_decoder *decoder;
    snag_arena arena;
    char bodies[VARIANTS][BODY_ROOM];
    size_t sizes[VARIANTS];
} work;

static void put_text(snag_buf *buf, const char *form, unsigned i)
{
    char text[64];
    int size = snprintf(text, sizeof text, form, i);
    snag_buf_byte(buf, (char)(2 * size));
    snag_buf_put(buf, text, (size_t)size);
}

static void put_long(snag_buf *buf, uint64_t zigzag)
{
    for (; zigzag > 0x7f; zigzag >>= 7)
        snag_buf_byte(buf, (char)(0x80 | (zigzag & 0x7f)));
    snag_buf_byte(buf, (char)zigzag);
}

static void make_bodies(work *todo)
{
    for (unsigned i = 0; i < VARIANTS; i++) {
        double waited = i * 1.5;
        snag_buf buf = snag_buf_on(todo->bodies[i], BODY_ROOM);
        put_text(&buf, "AA0102-%u-990201-queued", 30000 + i);
        put_long(&buf, 2 * (917820000000u + (uint64_t)i * 1000));
        put_text(&buf, "Call Queued", i);
        put_text(&buf, "call-%u", 30000 + i);
        put_long(&buf, 2);
        put_text(&buf, "account-%u", i % 50);
        put_text(&buf, "AA0102", i);
        put_text(&buf, "%u", 30000 + i);
        put_text(&buf, "NW", i);
        put_long(&buf, 2 * (i % 3));
        snag_buf_put(&buf, &waited, sizeof waited);
        put_long(&buf, 2 * (i % 2));
        if (i % 2)
            put_text(&buf, "NO_SERVER", i);
        put_text(&buf, "customer called again about order %u", i);
        todo->sizes[i] = buf.size;
    }
}

static void must(snag_err err, const snag_diag *diag)
{
    if (!err)
        return;
    fprintf(stderr, "%s\n", diag->text);
    abort();
}

static uint64_t read_all(void *context, uint64_t *hash)
{
    const work *todo = context;
    snag_diag diag;
    snag_arena arena = {0};
    for (uint64_t i = 0; i < todo->count; i++) {
        snag_slot slots[SLOTS];
        memset(slots, 0, sizeof slots);
        snag_str body = {todo->bodies[i % VARIANTS], todo->sizes[i % VARIANTS]};
        must(snag_avro_read(todo->program, &todo->paths, body, slots, NULL, &arena, &diag), &diag);
        *hash = *hash * 31 + (uint64_t)slots[0].as.time.seconds + slots[2].as.raw.size + slots[4].as.raw.size;
    }
    return todo->count;
}

static uint64_t decode_all(void *context, uint64_t *hash)
{
    work *todo = context;
    snag_diag diag;
    for (uint64_t i = 0; i < todo->count; i++) {
        snag_event event;
        char framed[BODY_ROOM + 5] = {0, 0, 0, 0, 7};
        size_t size = todo->sizes[i % VARIANTS];
        memcpy(framed + 5, todo->bodies[i % VARIANTS], size);
        snag_raw raw = {.stamp_ms = SNAG_TIME_NONE, .value = {framed, size + 5}};
        if (i % 64 == 0)
            snag_arena_reset(&todo->arena);
        must(snag_decode(todo->decoder, &raw, &todo->arena, &event, &diag), &diag);
        *hash = *hash * 31 + (uint64_t)event.time_ms + event.customer.size;
    }
    return todo->count;
}

static snag_err fetch(void *context, uint32_t id, snag_str *out, snag_diag *diag)
{
    (void)context;
    (void)id;
    (void)diag;
    *out = SNAG_STR(schema);
    return SNAG_OK;
}

static snag_mapping from(const char *name, const snag_str *path, snag_kind as)
{
    return (snag_mapping){
        .name = snag_str_from(name), .as = as, .paths = path, .path_count = 1, .used = true};
}

static void set_up(work *todo, const snag_source_spec *source)
{
    static _Alignas(16) unsigned char block[ARENA_BYTES];
    snag_diag diag;
    snag_decoder_options options = {.now_ms = SNAG_NEVER, .fetch = fetch};
    must(snag_paths_init(&todo->paths, &diag), &diag);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        uint32_t slot;
        must(snag_paths_add(&todo->paths, snag_str_from(wanted[i]), &slot, &diag), &diag);
    }
    must(snag_avro_compile(&todo->program, SNAG_STR(schema), &todo->paths, &diag), &diag);
    must(snag_decoder_new(&todo->decoder, source, SNAG_STR("."), &options, &diag), &diag);
    snag_arena_init(&todo->arena, block, sizeof block);
    make_bodies(todo);
}

static uint64_t encode_alerts(void *context, uint64_t *hash)
{
    const work *todo = context;
    snag_encode_context encode = sample_context(true);
    snag_record record;
    char room[4096];
    sample_record(&record, 0);
    for (uint64_t i = 0; i < todo->count; i++) {
        snag_buf buf = snag_buf_on(room, sizeof room);
        record.as.alert.seq = (uint32_t)(i % 1000);
        snag_encode_avro_frame(&buf, record.kind, 7);
        snag_encode_avro(&buf, &encode, &record);
        *hash = *hash * 31 + (i % 64 ? buf.size : snag_hash64(snag_buf_str(&buf), 0));
    }
    return todo->count;
}

int main(int argc, char **argv)
{
    static const snag_str paths[] = {{"id", 2},       {"time", 4}, {"type", 4},
                                     {"customer", 8}, {"line", 4}, {"call", 4}};
    static work todo;
    snag_bench bench;
    snag_mapping kept[] = {from("line", &paths[4], SNAG_KIND_TEXT), from("call", &paths[5], SNAG_KIND_TEXT)};
    snag_source_spec source = {
        .name = SNAG_STR("calls"), .format = SNAG_FORMAT_AVRO, .kept = kept, .kept_count = 2};
    source.fixed[SNAG_VAR_ID] = from("id", &paths[0], SNAG_KIND_TEXT);
    source.fixed[SNAG_VAR_TIME] = from("time", &paths[1], SNAG_KIND_TIME);
    source.fixed[SNAG_VAR_TYPE] = from("type", &paths[2], SNAG_KIND_TEXT);
    source.fixed[SNAG_VAR_CUSTOMER] = from("customer", &paths[3], SNAG_KIND_TEXT);
    if (!snag_bench_begin(&bench, argc, argv))
        return 2;
    set_up(&todo, &source);
    todo.count = snag_bench_size(&bench, 5000000, 2000);
    snag_bench_measure(&bench, &(snag_bench_task){.name = "avro_read_5_of_12",
                                                  .unit = "ns/event",
                                                  .target = 60,
                                                  .stretch = 30,
                                                  .run = read_all,
                                                  .context = &todo});
    snag_bench_measure(&bench, &(snag_bench_task){.name = "avro_decode_to_event", .unit = "ns/event",
                                                  .run = decode_all, .context = &todo});
    todo.count = snag_bench_size(&bench, 500000, 1000);
    snag_bench_measure(&bench, &(snag_bench_task){.name = "avro_encode_alert",
                                                  .unit = "ns/alert",
                                                  .target = 2000,
                                                  .run = encode_alerts,
                                                  .context = &todo});
    snag_avro_program_free(todo.program);
    snag_paths_finish(&todo.paths);
    snag_decoder_free(todo.decoder);
    return snag_bench_end(&bench);
}
