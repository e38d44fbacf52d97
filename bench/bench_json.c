/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON in and out: a Segment-style event of 220 bytes with six names wanted, a CloudEvent, and an alert
 * written. The whole grammar of each record is checked, wanted or not.
 */
#include <stdlib.h>

#include "../tests/tools/sample_records.h"
#include "base/hash.h"
#include "codec/codec.h"
#include "common.h"

enum { VARIANTS = 256, RECORD_ROOM = 512, ARENA_BYTES = 1 << 16 };

typedef struct work {
    uint64_t count;
    snag_decoder *decoder;
    snag_arena arena;
    char texts[VARIANTS][RECORD_ROOM];
    size_t sizes[VARIANTS];
} work;

static uint64_t decode_all(void *context, uint64_t *hash)
{
    work *todo = context;
    snag_diag diag;
    for (uint64_t i = 0; i < todo->count; i++) {
        snag_raw raw = {.stamp_ms = SNAG_TIME_NONE,
                        .value = {todo->texts[i % VARIANTS], todo->sizes[i % VARIANTS]}};
        snag_event event;
        if (i % 64 == 0)
            snag_arena_reset(&todo->arena);
        if (snag_decode(todo->decoder, &raw, &todo->arena, &event, &diag) != SNAG_OK) {
            fprintf(stderr, "%s\n", diag.text);
            abort();
        }
        *hash = *hash * 31 + (uint64_t)event.time_ms + event.customer.size +
                (unsigned char)event.id.data[0] + event.vars[event.var_count - 1].as.text.size;
    }
    return todo->count;
}

static void segment_text(work *todo, unsigned i)
{
    todo->sizes[i] = (size_t)snprintf(
        todo->texts[i], RECORD_ROOM,
        "{\"messageId\":\"AA0102-%u-990201-call-queued\",\"anonymousId\":\"call-%u\","
        "\"event\":\"Call Queued\","
        "\"timestamp\":\"1999-02-01T00:%02u:28+02:00\",\"properties\":{\"callId\":\"%u\","
        "\"line\":\"AA0102\","
        "\"service\":\"NW\",\"priority\":%u,\"agent\":\"NO_SERVER\"}}",
        30000 + i, 30000 + i, i % 60, 30000 + i, i % 3);
}

static void cloudevent_text(work *todo, unsigned i)
{
    todo->sizes[i] = (size_t)snprintf(
        todo->texts[i], RECORD_ROOM,
        "{\"specversion\":\"1.0\",\"id\":\"st_step %u_0\",\"source\":\"/declarations\","
        "\"type\":\"Declaration SUBMITTED "
        "by EMPLOYEE\",\"subject\":\"declaration%u\",\"time\":\"2017-01-09T09:%02u:50.000+01:00\","
        "\"data\":{"
        "\"transition\":\"complete\",\"Amount\":\"26.85120450862128\",\"BudgetNumber\":\"budget 86566\","
        "\"DeclarationNumber\":\"declaration number %u\",\"id\":\"declaration %u\","
        "\"resource\":\"STAFF MEMBER\","
        "\"role\":\"EMPLOYEE\"}}",
        86000 + i, 86000 + i, i % 60, 86001 + i, 86000 + i);
}

static snag_mapping from(const char *name, const snag_str *path, snag_kind as)
{
    return (snag_mapping){
        .name = snag_str_from(name), .as = as, .paths = path, .path_count = 1, .used = true};
}

static void decode(snag_bench *bench, const snag_source_spec *source, const snag_bench_task *task,
                   void (*text)(work *, unsigned))
{
    static work todo;
    static _Alignas(16) unsigned char block[ARENA_BYTES];
    snag_decoder_options options = {.now_ms = SNAG_NEVER};
    snag_diag diag;
    if (snag_decoder_new(&todo.decoder, source, SNAG_STR("."), &options, &diag) != SNAG_OK) {
        fprintf(stderr, "%s\n", diag.text);
        abort();
    }
    todo.count = snag_bench_size(bench, 2000000, 2000);
    snag_arena_init(&todo.arena, block, sizeof block);
    for (unsigned i = 0; i < VARIANTS; i++)
        text(&todo, i);
    snag_bench_task run = *task;
    run.run = decode_all;
    run.context = &todo;
    snag_bench_measure(bench, &run);
    snag_decoder_free(todo.decoder);
}

static void decode_segment(snag_bench *bench)
{
    static const snag_str paths[] = {
        {"messageId", 9}, {"timestamp", 9}, {"event", 5}, {"userId", 6}, {"anonymousId", 11},
        {"properties.callId", 17}, {"properties.line", 15}};
    snag_mapping kept[] = {from("call", &paths[5], SNAG_KIND_TEXT),
                           from("line", &paths[6], SNAG_KIND_TEXT)};
    snag_source_spec source = {.name = SNAG_STR("calls"), .kept = kept, .kept_count = 2};
    source.format = SNAG_FORMAT_SEGMENT;
    source.fixed[SNAG_VAR_ID] = from("id", &paths[0], SNAG_KIND_TEXT);
    source.fixed[SNAG_VAR_TIME] = from("time", &paths[1], SNAG_KIND_TIME);
    source.fixed[SNAG_VAR_TYPE] = from("type", &paths[2], SNAG_KIND_TEXT);
    source.fixed[SNAG_VAR_CUSTOMER] = from("customer", &paths[3], SNAG_KIND_TEXT);
    source.fixed[SNAG_VAR_CUSTOMER].path_count = 2;
    decode(bench, &source,
           &(snag_bench_task){
               .name = "json_decode_segment", .unit = "ns/event", .target = 200, .stretch = 120},
           segment_text);
    source.fixed[SNAG_VAR_ID].path_count = 0;
    decode(bench, &source,
           &(snag_bench_task){.name = "json_decode_segment_id_derived", .unit = "ns/event"}, segment_text);
}

static void decode_cloudevent(snag_bench *bench)
{
    static const snag_str paths[] = {{"id", 2}, {"time", 4}, {"type", 4}, {"subject", 7}, {"data.role", 9}};
    snag_mapping kept[] = {from("role", &paths[4], SNAG_KIND_TEXT)};
    snag_source_spec source = {.name = SNAG_STR("expenses"), .kept = kept, .kept_count = 1};
    source.format = SNAG_FORMAT_CLOUDEVENTS;
    source.fixed[SNAG_VAR_ID] = from("id", &paths[0], SNAG_KIND_TEXT);
    source.fixed[SNAG_VAR_TIME] = from("time", &paths[1], SNAG_KIND_TIME);
    source.fixed[SNAG_VAR_TYPE] = from("type", &paths[2], SNAG_KIND_TEXT);
    source.fixed[SNAG_VAR_CUSTOMER] = from("customer", &paths[3], SNAG_KIND_TEXT);
    decode(bench, &source, &(snag_bench_task){.name = "json_decode_cloudevent", .unit = "ns/event"},
           cloudevent_text);
}

/* --- out --------------------------------------------------------------------------------------- */

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
        snag_encode_json(&buf, &encode, &record);
        *hash = *hash * 31 + (i % 64 ? buf.size : snag_hash64(snag_buf_str(&buf), 0));
    }
    return todo->count;
}

int main(int argc, char **argv)
{
    snag_bench bench;
    if (!snag_bench_begin(&bench, argc, argv))
        return 2;
    decode_segment(&bench);
    decode_cloudevent(&bench);
    static work todo;
    todo.count = snag_bench_size(&bench, 200000, 1000);
    snag_bench_measure(&bench, &(snag_bench_task){.name = "json_encode_alert",
                                                  .unit = "ns/alert",
                                                  .target = 2000,
                                                  .run = encode_alerts,
                                                  .context = &todo});
    return snag_bench_end(&bench);
}
