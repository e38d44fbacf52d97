/* SPDX-License-Identifier: Apache-2.0
 *
 * The decoder of a source: its format's reader and its mapping, put together.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "codec/avro_source.h"
#include "codec/json.h"
#include "codec/mapping.h"

struct snag_decoder {
    const snag_source_spec *source;
    snag_mapper *mapper;
    snag_json *json;
    snag_avro_source *avro;
    uint32_t data_node; /* cloudevents: the tree's "data", SNAG_PATHS_NONE = nothing below it is wanted */
};

snag_err snag_decoder_new(snag_decoder **out, const snag_source_spec *source, snag_str base_dir,
                          const snag_decoder_options *options, snag_diag *diag)
{
    snag_decoder *decoder = calloc(1, sizeof *decoder);
    *out = NULL;
    if (!decoder)
        return snag_fail(diag, SNAG_MEMORY, "no memory for a decoder");
    decoder->source = source;
    snag_err err = snag_mapper_new(&decoder->mapper, source, options->now_ms, diag);
    if (!err && source->format == SNAG_FORMAT_AVRO)
        err = snag_avro_source_new(&decoder->avro, source, base_dir, options,
                                   snag_mapper_paths(decoder->mapper), diag);
    else if (!err)
        err = snag_json_new(&decoder->json, snag_mapper_paths(decoder->mapper), diag);
    if (err) {
        snag_decoder_free(decoder);
        return err;
    }
    decoder->data_node =
        snag_paths_find(snag_mapper_paths(decoder->mapper)->nodes, 0, "data", strlen("data"));
    *out = decoder;
    return SNAG_OK;
}

void snag_decoder_free(snag_decoder *decoder)
{
    if (!decoder)
        return;
    snag_mapper_free(decoder->mapper);
    snag_json_free(decoder->json);
    snag_avro_source_free(decoder->avro);
    free(decoder);
}

/* --- CloudEvents in binary mode: attributes in headers, the payload is the data ---------------- */

static const snag_header *find_header(const snag_raw *raw, snag_str name)
{
    for (uint32_t i = 0; i < raw->header_count; i++)
        if (snag_str_equal(raw->headers[i].name, name))
            return &raw->headers[i];
    return NULL;
}

static bool is_json(const snag_header *type)
{
    if (!type)
        return true;
    for (size_t i = 0; i + 4 <= type->value.size; i++)
        if (memcmp(type->value.data + i, "json", 4) == 0)
            return true;
    return false;
}

static snag_err take_header(const snag_paths *paths, const snag_header *header, snag_str name,
                            snag_slot *slots, snag_diag *diag)
{
    uint32_t node = snag_paths_find(paths->nodes, 0, name.data, name.size);
    int32_t slot = node == SNAG_PATHS_NONE ? -1 : paths->nodes[node].slot;
    if (slot < 0 || slots[slot].kind != SNAG_SLOT_ABSENT)
        return SNAG_OK;
    if (!snag_utf8_valid(header->value))
        return snag_fail(diag, SNAG_BAD_UTF8, "the header %.*s is not UTF-8",
                         SNAG_FMT(header->name));
    slots[slot] = (snag_slot){.as.raw = header->value, .kind = SNAG_SLOT_TEXT};
    return SNAG_OK;
}

static snag_err read_binary(snag_decoder *decoder, const snag_raw *raw, snag_slot *slots,
                            snag_diag *diag)
{
    const snag_paths *paths = snag_mapper_paths(decoder->mapper);
    const snag_header *type = find_header(raw, SNAG_STR("content-type"));
    snag_err err = SNAG_OK;
    for (uint32_t i = 0; !err && i < raw->header_count; i++) {
        const snag_header *header = &raw->headers[i];
        if (snag_str_starts(header->name, SNAG_STR("ce_")))
            err = take_header(paths, header,
                              snag_str_of(header->name.data + 3, header->name.size - 3), slots,
                              diag);
    }
    if (!err && type)
        err = take_header(paths, type, SNAG_STR("datacontenttype"), slots, diag);
    if (err || raw->value.size == 0 || !is_json(type))
        return err;
    if (decoder->data_node != SNAG_PATHS_NONE) {
        err = snag_json_read(decoder->json, raw->value, decoder->data_node, slots, diag);
        return err == SNAG_BAD_TYPE ? SNAG_OK : err; /* data may be any JSON; it just has no names */
    }
    snag_slot ignored;
    return snag_json_check(decoder->json, raw->value, &ignored, diag);
}

/* Fills the slots of the record's wanted paths. */
static snag_err read_slots(snag_decoder *decoder, const snag_raw *raw, snag_arena *arena, snag_diag *diag)
{
    snag_slot *slots = snag_mapper_slots(decoder->mapper);
    if (raw->value.size > SNAG_RECORD_BYTES_MAX)
        return snag_fail(diag, SNAG_BAD_SIZE, "the record has %zu bytes, at most %u are read",
                         raw->value.size, SNAG_RECORD_BYTES_MAX);
    if (decoder->avro)
        return snag_avro_source_read(decoder->avro, raw->value, slots, arena, diag);
    if (decoder->source->format == SNAG_FORMAT_CLOUDEVENTS && raw->header_count > 0 &&
        find_header(raw, SNAG_STR("ce_specversion")))
        return read_binary(decoder, raw, slots, diag);
    return snag_json_read(decoder->json, raw->value, 0, slots, diag);
}

static bool is_gone(const snag_decoder *decoder, const snag_raw *raw)
{
    return decoder->source->table && raw->value.size == 0 && raw->key.size > 0;
}

snag_err snag_decode(snag_decoder *decoder, const snag_raw *raw, snag_arena *arena,
                     snag_event *event, snag_diag *diag)
{
    if (is_gone(decoder, raw))
        return snag_mapper_gone(decoder->mapper, raw, arena, event, diag);
    snag_err err = read_slots(decoder, raw, arena, diag);
    return err ? err : snag_mapper_apply(decoder->mapper, raw, arena, event, diag);
}

snag_err snag_decode_all(snag_decoder *decoder, const snag_raw *raw, snag_arena *arena, snag_event *events,
                         size_t room, size_t *count, snag_diag *diag)
{
    *count = 0;
    if (room == 0)
        return SNAG_FULL;
    if (is_gone(decoder, raw)) {
        snag_err gone = snag_mapper_gone(decoder->mapper, raw, arena, events, diag);
        *count = gone ? 0 : 1;
        return gone;
    }
    snag_err err = read_slots(decoder, raw, arena, diag);
    if (!err && decoder->source->each.size)
        return snag_mapper_items(decoder->mapper, raw, decoder->avro ? snag_avro_source_next : NULL,
                                 decoder->avro, arena, events, room, count, diag);
    if (!err)
        err = snag_mapper_apply(decoder->mapper, raw, arena, events, diag);
    *count = err ? 0 : 1;
    return err;
}

snag_str snag_decoder_key(const snag_decoder *decoder, bool account)
{
    return snag_mapper_key(decoder->mapper, account);
}
