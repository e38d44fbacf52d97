/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/avro_schema.h"

#include <stdlib.h>

#include <avro.h>

#include "base/limits.h"
#include "codec/json.h"

/* --- the tree ---------------------------------------------------------------------------------- */

static snag_err no_memory(snag_diag *diag)
{
    return snag_fail(diag, SNAG_MEMORY, "no memory for an Avro schema");
}

static snag_err parse(snag_avro_schema_tree *tree, size_t size, snag_diag *diag)
{
    snag_json *json;
    snag_slot slot;
    snag_arena arena;
    snag_diag words = {0};
    size_t room = size * 32 + 4096; /* an item of 2 bytes becomes a value of 24, and alignment */
    tree->memory = malloc(room);
    if (!tree->memory)
        return no_memory(diag);
    snag_err err = snag_json_new(&json, NULL, diag);
    if (err)
        return err;
    snag_arena_init(&arena, tree->memory, room);
    err = snag_json_check(json, snag_str_of(tree->text, size), &slot, &words);
    if (!err)
        err = snag_json_value(&arena, &slot, &tree->root);
    snag_json_free(json);
    if (err)
        return snag_fail(diag, SNAG_BAD_SCHEMA, "the Avro schema is not JSON: %s", words.text);
    return SNAG_OK;
}

static snag_err ask_avro_c(const snag_avro_schema_tree *tree, size_t size, snag_diag *diag)
{
    avro_schema_t schema;
    if (avro_schema_from_json_length(tree->text, size, &schema))
        return snag_fail(diag, SNAG_BAD_SCHEMA, "not an Avro schema: %s", avro_strerror());
    avro_schema_decref(schema);
    return SNAG_OK;
}

snag_err snag_avro_tree_init(snag_avro_schema_tree *out, snag_str text, snag_diag *diag)
{
    *out = (snag_avro_schema_tree){0};
    out->text = malloc(text.size + 1);
    if (!out->text)
        return no_memory(diag);
    if (text.size)
        memcpy(out->text, text.data, text.size);
    snag_err err = parse(out, text.size, diag);
    return err ? err : ask_avro_c(out, text.size, diag);
}

void snag_avro_tree_finish(snag_avro_schema_tree *tree)
{
    free(tree->text);
    free(tree->memory);
    *tree = (snag_avro_schema_tree){0};
}

const snag_value *snag_avro_member(const snag_value *object, const char *name)
{
    if (object->kind != SNAG_KIND_MAP)
        return NULL;
    for (size_t i = 0; i < object->as.list.count; i++)
        if (snag_str_equal(object->as.list.items[2 * i].as.text, snag_str_from(name)))
            return &object->as.list.items[2 * i + 1];
    return NULL;
}

snag_str snag_avro_member_text(const snag_value *object, const char *name)
{
    const snag_value *value = snag_avro_member(object, name);
    return value && value->kind == SNAG_KIND_TEXT ? value->as.text : (snag_str){0};
}

/* --- names ------------------------------------------------------------------------------------- */

static size_t last_dot(snag_str name)
{
    size_t at = name.size;
    while (at > 0 && name.data[at - 1] != '.')
        at--;
    return at; /* behind the dot, 0 = none */
}

void snag_avro_fullname(snag_buf *buf, snag_str name, snag_str space)
{
    if (last_dot(name) == 0 && space.size > 0) {
        snag_buf_str_put(buf, space);
        snag_buf_byte(buf, '.');
    }
    snag_buf_str_put(buf, name);
}

snag_str snag_avro_space_of(const snag_value *type, snag_str space)
{
    snag_str name = snag_avro_member_text(type, "name");
    const snag_value *given = snag_avro_member(type, "namespace");
    size_t dot = last_dot(name);
    if (dot > 0)
        return snag_str_of(name.data, dot - 1);
    return given && given->kind == SNAG_KIND_TEXT ? given->as.text : space;
}

bool snag_avro_is_primitive(snag_str type)
{
    static const char *const words[] = {"null",  "boolean", "int",   "long",
                                        "float", "double",  "bytes", "string"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (snag_str_equal(type, snag_str_from(words[i])))
            return true;
    return false;
}

/* --- Parsing Canonical Form -------------------------------------------------------------------- */

static void canonical(snag_buf *buf, const snag_value *schema, snag_str space);

static void put_quoted_name(snag_buf *buf, snag_str name, snag_str space)
{
    snag_buf_byte(buf, '"');
    if (snag_avro_is_primitive(name))
        snag_buf_str_put(buf, name);
    else
        snag_avro_fullname(buf, name, space);
    snag_buf_byte(buf, '"');
}

static void put_list(snag_buf *buf, const snag_value *list, snag_str space)
{
    snag_buf_byte(buf, '[');
    for (size_t i = 0; i < list->as.list.count; i++) {
        if (i)
            snag_buf_byte(buf, ',');
        canonical(buf, &list->as.list.items[i], space);
    }
    snag_buf_byte(buf, ']');
}

static void put_fields(snag_buf *buf, const snag_value *fields, snag_str space)
{
    snag_buf_str_put(buf, SNAG_STR(",\"fields\":["));
    for (size_t i = 0; i < fields->as.list.count; i++) {
        const snag_value *field = &fields->as.list.items[i];
        const snag_value *type = snag_avro_member(field, "type");
        snag_buf_str_put(buf, i ? SNAG_STR(",{\"name\":") : SNAG_STR("{\"name\":"));
        snag_buf_json(buf, snag_avro_member_text(field, "name"));
        snag_buf_str_put(buf, SNAG_STR(",\"type\":"));
        if (type)
            canonical(buf, type, space);
        snag_buf_byte(buf, '}');
    }
    snag_buf_byte(buf, ']');
}

/* Members in the specification's order: name, type, fields, symbols, items, values, size. */
static void put_complex(snag_buf *buf, const snag_value *schema, snag_str type, snag_str space)
{
    snag_str name = snag_avro_member_text(schema, "name");
    const snag_value *fields = snag_avro_member(schema, "fields");
    const snag_value *symbols = snag_avro_member(schema, "symbols");
    const snag_value *items = snag_avro_member(schema, "items");
    const snag_value *values = snag_avro_member(schema, "values");
    const snag_value *size = snag_avro_member(schema, "size");
    snag_buf_byte(buf, '{');
    if (name.size) {
        space = snag_avro_space_of(schema, space);
        snag_buf_str_put(buf, SNAG_STR("\"name\":"));
        put_quoted_name(buf, name, space);
        snag_buf_byte(buf, ',');
    }
    snag_buf_str_put(buf, SNAG_STR("\"type\":"));
    snag_buf_json(buf, type);
    if (fields && fields->kind == SNAG_KIND_LIST)
        put_fields(buf, fields, space);
    if (symbols) {
        snag_buf_str_put(buf, SNAG_STR(",\"symbols\":"));
        snag_value_json(buf, symbols);
    }
    if (items) {
        snag_buf_str_put(buf, SNAG_STR(",\"items\":"));
        canonical(buf, items, space);
    }
    if (values) {
        snag_buf_str_put(buf, SNAG_STR(",\"values\":"));
        canonical(buf, values, space);
    }
    if (size) {
        snag_buf_str_put(buf, SNAG_STR(",\"size\":"));
        snag_value_print(buf, size);
    }
    snag_buf_byte(buf, '}');
}

static void canonical(snag_buf *buf, const snag_value *schema, snag_str space)
{
    if (schema->kind == SNAG_KIND_TEXT) {
        put_quoted_name(buf, schema->as.text, space);
        return;
    }
    if (schema->kind == SNAG_KIND_LIST) {
        put_list(buf, schema, space);
        return;
    }
    const snag_value *type = snag_avro_member(schema, "type");
    if (!type)
        return;
    bool plain = type->kind != SNAG_KIND_TEXT || snag_avro_is_primitive(type->as.text);
    if (plain) /* {"type": "long", "logicalType": …} is "long" */
        canonical(buf, type, space);
    else
        put_complex(buf, schema, type->as.text, space);
}

void snag_avro_canonical(snag_buf *buf, const snag_value *schema)
{
    canonical(buf, schema, (snag_str){0});
}

uint64_t snag_avro_crc64(snag_str bytes)
{
    static const uint64_t empty = 0xc15d213aa4d7a795u;
    uint64_t crc = empty;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= (unsigned char)bytes.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (empty & (0 - (crc & 1)));
    }
    return crc;
}

snag_err snag_avro_fingerprint(const snag_avro_schema_tree *tree, uint64_t *out, snag_diag *diag)
{
    size_t room = 4 * SNAG_RECORD_BYTES_MAX; /* full names may be longer than the text; untouched is free */
    char *text = malloc(room);
    if (!text)
        return no_memory(diag);
    snag_buf buf = snag_buf_on(text, room);
    snag_avro_canonical(&buf, &tree->root);
    *out = snag_avro_crc64(snag_buf_str(&buf));
    free(text);
    if (buf.full)
        return snag_fail(diag, SNAG_BAD_SCHEMA, "the Avro schema is too large");
    return SNAG_OK;
}
