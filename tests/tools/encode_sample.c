/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the sample records in every encoding, one JSON object a line: the record as JSON, and as Avro in hex
 * (body, single object, framed with schema id 7).
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/codec.h"
#include "sample_records.h"

static void put_hex(snag_buf *out, const char *name, const snag_buf *bytes)
{
    snag_buf_printf(out, ",\"%s\":\"", name);
    snag_buf_hex(out, bytes->data, bytes->size);
    snag_buf_byte(out, '"');
}

static void print_record(const snag_record *record, const snag_encode_context *context)
{
    static const char *const kinds[] = {"alert", "change", "decision"};
    static char line[32768];
    static char room[8192];
    snag_buf out = snag_buf_on(line, sizeof line);
    snag_buf avro = snag_buf_on(room, sizeof room);
    snag_buf_printf(&out, "{\"kind\":\"%s\",\"json\":", kinds[record->kind]);
    snag_encode_json(&out, context, record);
    snag_encode_avro(&avro, context, record);
    put_hex(&out, "body", &avro);
    for (int64_t id = -1; id <= 7; id += 8) {
        avro.size = 0;
        snag_encode_avro_frame(&avro, record->kind, id);
        snag_encode_avro(&avro, context, record);
        put_hex(&out, id < 0 ? "single" : "framed", &avro);
    }
    if (out.full || avro.full)
        abort();
    snag_buf_put(&out, "}\n", 2);
    fwrite(out.data, 1, out.size, stdout);
}

int main(void)
{
    for (int i = 0; i < SAMPLE_COUNT; i++) {
        snag_record record;
        snag_encode_context context = sample_context(i % 2 == 0);
        sample_record(&record, i);
        print_record(&record, &context);
    }
    return 0;
}
