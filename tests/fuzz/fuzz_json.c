/* SPDX-License-Identifier: Apache-2.0
 *
 * Records from hostile bytes through a whole decoder: JSON walk, conversions, derived ids. What comes out
 * must hold the bounds; what is refused must say why.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const snag_str paths[] = {
    {"id", 2},       {"time", 4},   {"type", 4},   {"subject", 7}, {"userId", 6},
    {"data.role", 9}, {"data.n", 6}, {"data.ok", 7}, {"data", 4},   {"data.took", 9}};

static snag_mapping from(const char *name, size_t path, uint32_t count, snag_kind as)
{
    return (snag_mapping){
        .name = snag_str_from(name), .as = as, .paths = &paths[path], .path_count = count, .used = true};
}

static void check_event(const snag_event *event)
{
    SNAG_ASSERT(event->id.size > 0 && event->id.size <= SNAG_ID_BYTES_MAX);
    SNAG_ASSERT(event->type.size > 0 && event->type.size <= SNAG_TYPE_BYTES_MAX);
    SNAG_ASSERT(event->customer.size > 0 && event->customer.size <= SNAG_CUSTOMER_BYTES_MAX);
    SNAG_ASSERT(snag_utf8_valid(event->customer) && snag_utf8_valid(event->type));
    for (uint32_t i = SNAG_VAR_KEPT; i < event->var_count; i++)
        if (event->vars[i].kind == SNAG_KIND_TEXT)
            SNAG_ASSERT(event->vars[i].as.text.size <= SNAG_TEXT_BYTES_MAX &&
                        snag_utf8_valid(event->vars[i].as.text));
}

/* Made once: a decoder lives as long as its worker. */
static snag_decoder *decoder_of(snag_format format)
{
    static snag_decoder *decoders[SNAG_FORMAT_COUNT];
    static snag_source_spec sources[SNAG_FORMAT_COUNT];
    static snag_mapping kept[4];
    snag_source_spec *source = &sources[format];
    snag_decoder_options options = {.now_ms = SNAG_NEVER};
    snag_diag diag;
    if (decoders[format])
        return decoders[format];
    kept[0] = from("role", 5, 1, SNAG_KIND_TEXT);
    kept[1] = from("n", 6, 1, SNAG_KIND_INT);
    kept[2] = from("ok", 7, 1, SNAG_KIND_BOOL);
    kept[3] = from("took", 9, 1, SNAG_KIND_DURATION);
    *source = (snag_source_spec){.name = SNAG_STR("fuzz"), .kept = kept, .kept_count = 4, .format = format};
    source->fixed[SNAG_VAR_ID] = from("id", 0, 1, SNAG_KIND_TEXT);
    source->fixed[SNAG_VAR_TIME] = from("time", 1, 1, SNAG_KIND_TIME);
    source->fixed[SNAG_VAR_TYPE] = from("type", 2, 1, SNAG_KIND_TEXT);
    source->fixed[SNAG_VAR_CUSTOMER] = from("customer", 3, 2, SNAG_KIND_TEXT);
    snag_err err = snag_decoder_new(&decoders[format], source, SNAG_STR("."), &options, &diag);
    SNAG_ASSERT(err == SNAG_OK);
    return decoders[format];
}

static void decode(snag_format format, const snag_raw *raw)
{
    static _Alignas(16) unsigned char block[1 << 21];
    snag_event event;
    snag_diag diag = {0};
    snag_arena arena = {.block = block, .size = sizeof block};
    snag_err err = snag_decode(decoder_of(format), raw, &arena, &event, &diag);
    if (err == SNAG_OK)
        check_event(&event);
    else
        SNAG_ASSERT(err >= SNAG_BAD_TRUNCATED && err <= SNAG_BAD_SIZE && diag.text[0] != '\0');
}

/* The same bytes as a list of items, and as the items of one. */
static void decode_items(const uint8_t *data, size_t size)
{
    static snag_decoder *decoder;
    static snag_source_spec source;
    static const snag_str at[] = {{"d.t", 3}, {"d.what", 6}, {"who", 3}, {"d", 1}};
    static snag_mapping kept;
    static _Alignas(16) unsigned char block[1 << 21];
    static char text[1 << 17];
    snag_event events[SNAG_EACH_MAX];
    snag_diag diag = {0};
    snag_decoder_options options = {.now_ms = SNAG_NEVER};
    if (!decoder) {
        kept = (snag_mapping){.name = SNAG_STR("d"), .as = SNAG_KIND_TEXT, .paths = &at[3], .path_count = 1};
        source = (snag_source_spec){.name = SNAG_STR("each"), .kept = &kept, .kept_count = 1, .each = at[3]};
        const snag_kind kinds[] = {SNAG_KIND_TIME, SNAG_KIND_TEXT, SNAG_KIND_TEXT};
        const uint32_t slots[] = {SNAG_VAR_TIME, SNAG_VAR_TYPE, SNAG_VAR_CUSTOMER};
        for (int i = 0; i < 3; i++)
            source.fixed[slots[i]] = (snag_mapping){.as = kinds[i], .paths = &at[i], .path_count = 1,
                                                    .used = true};
        snag_err err = snag_decoder_new(&decoder, &source, SNAG_STR("."), &options, &diag);
        SNAG_ASSERT(err == SNAG_OK);
    }
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_buf_str_put(&buf, SNAG_STR("{\"who\":\"w\",\"d\":[{\"t\":1767607200,\"what\":\"x\"},"));
    snag_buf_put(&buf, data, size < sizeof text / 2 ? size : sizeof text / 2);
    snag_buf_str_put(&buf, SNAG_STR("]}"));
    snag_raw raw = {.stamp_ms = SNAG_TIME_NONE, .value = snag_buf_str(&buf)};
    snag_arena arena = {.block = block, .size = sizeof block};
    size_t count = 0;
    snag_err err = snag_decode_all(decoder, &raw, &arena, events, SNAG_EACH_MAX, &count, &diag);
    SNAG_ASSERT(err == SNAG_OK ? count > 0
                               : count == 0 && err >= SNAG_BAD_TRUNCATED && diag.text[0] != '\0');
    for (size_t i = 0; i < count; i++)
        check_event(&events[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode_items(data, size);
    snag_raw raw = {.stamp_ms = SNAG_TIME_NONE, .value = snag_str_of(data, size)};
    decode(SNAG_FORMAT_JSON, &raw);
    /* The same bytes as a binary CloudEvent's data, with the first of them as its subject. */
    snag_header headers[] = {{SNAG_STR("ce_specversion"), SNAG_STR("1.0")},
                             {SNAG_STR("ce_type"), SNAG_STR("t")},
                             {SNAG_STR("ce_time"), SNAG_STR("2026-11-20T02:54:41Z")},
                             {SNAG_STR("ce_subject"), snag_str_of(data, size < 16 ? size : 16)}};
    raw.headers = headers;
    raw.header_count = 4;
    decode(SNAG_FORMAT_CLOUDEVENTS, &raw);
    return 0;
}
