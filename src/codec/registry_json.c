/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON of a schema registry: what it replies, and what it is told.
 */
#include <stdlib.h>

#include "codec/codec.h"
#include "codec/json.h"

enum { REPLY_NAMES = 4 };

/* Finds the names of a reply; the slots borrow from it. */
static snag_err read_reply(snag_str reply, const char *const names[REPLY_NAMES],
                           snag_slot slots[REPLY_NAMES], snag_diag *diag)
{
    snag_paths paths;
    snag_json *json = NULL;
    snag_diag words = {0};
    memset(slots, 0, REPLY_NAMES * sizeof *slots);
    snag_err err = snag_paths_init(&paths, diag);
    for (uint32_t i = 0; i < REPLY_NAMES && !err && names[i]; i++) {
        uint32_t slot;
        err = snag_paths_add(&paths, snag_str_from(names[i]), &slot, diag);
    }
    if (!err)
        err = snag_json_new(&json, &paths, diag);
    if (!err && snag_json_read(json, reply, 0, slots, &words))
        err = snag_fail(diag, SNAG_BAD_SCHEMA, "the registry's reply cannot be read: %.300s",
                        words.text);
    snag_json_free(json);
    snag_paths_finish(&paths);
    return err;
}

static snag_err put_unescaped(const snag_slot *slot, snag_buf *schema, snag_diag *diag)
{
    size_t size;
    if (slot->as.raw.size > schema->capacity - schema->size)
        return snag_fail(diag, SNAG_BAD_SCHEMA, "the registry's schema is too large");
    if (slot->kind == SNAG_SLOT_TEXT) {
        snag_buf_str_put(schema, slot->as.raw);
        return SNAG_OK;
    }
    if (!snag_json_unescape_to(schema->data + schema->size, slot->as.raw, &size))
        return snag_fail(diag, SNAG_BAD_SCHEMA, "the registry's schema is not a text");
    schema->size += size;
    return SNAG_OK;
}

snag_err snag_registry_read_schema(snag_str reply, snag_buf *schema, snag_diag *diag)
{
    static const char *const names[REPLY_NAMES] = {"schema", "schemaType", "references"};
    snag_slot slots[REPLY_NAMES];
    snag_err err = read_reply(reply, names, slots, diag);
    if (err)
        return err;
    if (slots[0].kind != SNAG_SLOT_TEXT && slots[0].kind != SNAG_SLOT_ESCAPED)
        return snag_fail(diag, SNAG_BAD_SCHEMA, "the registry's reply holds no schema");
    if (slots[1].kind == SNAG_SLOT_TEXT && !snag_str_equal(slots[1].as.raw, SNAG_STR("AVRO")))
        return snag_fail(diag, SNAG_BAD_SCHEMA, "the schema's type is %.*s, not AVRO",
                         SNAG_FMT(slots[1].as.raw));
    if (slots[2].kind == SNAG_SLOT_LIST && slots[2].as.raw.size > 2)
        return snag_fail(diag, SNAG_BAD_SCHEMA, "the schema refers to others, which is not read yet");
    return put_unescaped(&slots[0], schema, diag);
}

snag_err snag_registry_read_id(snag_str reply, int64_t *id, snag_diag *diag)
{
    static const char *const names[REPLY_NAMES] = {"id"};
    snag_slot slots[REPLY_NAMES];
    snag_err err = read_reply(reply, names, slots, diag);
    if (err)
        return err;
    if (slots[0].kind != SNAG_SLOT_NUMBER || !snag_json_int(slots[0].as.raw, id) || *id < 0 ||
        *id > UINT32_MAX)
        return snag_fail(diag, SNAG_BAD_SCHEMA, "the registry's reply holds no schema id");
    return SNAG_OK;
}

void snag_registry_write_schema(snag_buf *body, snag_str schema)
{
    snag_buf_str_put(body, SNAG_STR("{\"schemaType\":\"AVRO\",\"schema\":"));
    snag_buf_json(body, schema);
    snag_buf_byte(body, '}');
}
