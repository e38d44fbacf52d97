/* SPDX-License-Identifier: Apache-2.0
 *
 * Ahead: the keys of the cells that an event may meet, worked out some events before it is applied. With a
 * million customers every cell is a cache miss; fetched in time, the misses overlap instead of adding up.
 *
 *     event i + 31: keys, buckets     i + 26: first nodes       i + 21, i + 16: the nodes behind them
 *     event i + 11: cells             i + 6: long cells' rest   i: applied
 */
#include "base/assert.h"
#include "base/pack.h"
#include "engine/state.h"

void snag_ahead_escape(snag_buf *buf, snag_str text)
{
    if (!memchr(text.data, '/', text.size) && !memchr(text.data, '%', text.size)) {
        snag_buf_str_put(buf, text);
        return;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '/')
            snag_buf_put(buf, "%2F", 3);
        else if (text.data[i] == '%')
            snag_buf_put(buf, "%25", 3);
        else
            snag_buf_byte(buf, text.data[i]);
    }
}

/* Joins the `per` values; several are joined by "/", and then "/" and "%" inside them are written %2F
 * and %25. False: a value is absent. */
static bool per_join(const snag_scope *scope, const snag_event *event, snag_buf *buf)
{
    for (uint32_t i = 0; i < scope->count; i++) {
        char bytes[SNAG_CUSTOMER_BYTES_MAX + 64];
        if (scope->slots[i] >= event->var_count)
            return false;
        const snag_value *value = &event->vars[scope->slots[i]];
        snag_str text = value->as.text;
        if (value->kind != SNAG_KIND_TEXT) {
            snag_buf printed = snag_buf_on(bytes, sizeof bytes);
            snag_value_print(&printed, value);
            text = snag_buf_str(&printed);
        }
        if (text.size == 0)
            return false;
        if (i)
            snag_buf_byte(buf, '/');
        if (scope->count > 1)
            snag_ahead_escape(buf, text);
        else
            snag_buf_str_put(buf, text);
    }
    return !buf->full;
}

static void look_at(const snag_engine *engine, const snag_event *event, snag_str owner,
                    uint8_t scope, snag_ahead_key *key)
{
    const snag_scope *spec = &engine->pipeline->scopes[scope];
    snag_buf buf = snag_buf_on(key->key, sizeof key->key);
    snag_cell_key_put(&buf, spec->tag, owner, (snag_str){"", 0});
    key->per_at = (uint16_t)buf.size;
    key->scope = scope;
    key->absent = !per_join(spec, event, &buf);
    if (key->absent)
        buf.size = key->per_at;
    key->bytes = (uint16_t)buf.size;
    key->hash = snag_table_hash(snag_buf_str(&buf));
    key->node = 0;
    snag_table_prefetch(&engine->table, key->hash);
}

void snag_ahead_look(snag_engine *engine, const snag_event *event, snag_ahead *ahead)
{
    const snag_row *row = snag_dispatch_find(&engine->dispatch, event->type);
    snag_str owner = engine->pipeline->key_account ? event->account : event->customer;
    ahead->count = 0;
    ahead->row = row && snag_dispatch_stays(&engine->dispatch, row) ? row : NULL;
    if (row == NULL || owner.size == 0)
        return;
    SNAG_ASSERT(owner.size <= SNAG_CUSTOMER_BYTES_MAX);
    look_at(engine, event, owner, 0, &ahead->keys[ahead->count++]);
    for (uint32_t i = 0; i < row->count; i++)
        if (row->ops[i].scope != 0 && row->ops[i].scope != ahead->keys[ahead->count - 1].scope)
            look_at(engine, event, owner, row->ops[i].scope, &ahead->keys[ahead->count++]);
    uint16_t facts = engine->pipeline->fact_scope;
    if (facts && !snag_ahead_key_of(ahead, facts)) /* whatever the event is, it is asked with them */
        look_at(engine, event, owner, (uint8_t)facts, &ahead->keys[ahead->count++]);
}

const snag_ahead_key *snag_ahead_key_of(const snag_ahead *ahead, uint32_t scope)
{
    for (uint32_t k = 0; k < ahead->count; k++)
        if (ahead->keys[k].scope == scope)
            return &ahead->keys[k];
    return NULL;
}

void snag_ahead_nodes(const snag_engine *engine, snag_ahead *ahead)
{
    for (uint32_t k = 0; k < ahead->count; k++)
        ahead->keys[k].node = snag_table_prefetch_node(&engine->table, ahead->keys[k].hash);
}

void snag_ahead_chains(const snag_engine *engine, snag_ahead *ahead)
{
    for (uint32_t k = 0; k < ahead->count; k++)
        ahead->keys[k].node =
            snag_table_prefetch_chain(&engine->table, ahead->keys[k].node, ahead->keys[k].hash);
}

void snag_ahead_cells(const snag_engine *engine, const snag_ahead *ahead)
{
    for (uint32_t k = 0; k < ahead->count; k++)
        snag_table_prefetch_cell(&engine->table, ahead->keys[k].node, 0, SNAG_CELL_BEGIN_BYTES);
}

void snag_ahead_tails(const snag_engine *engine, const snag_ahead *ahead)
{
    for (uint32_t k = 0; k < ahead->count; k++)
        snag_table_prefetch_cell(&engine->table, ahead->keys[k].node, SNAG_CELL_BEGIN_BYTES,
                                 SNAG_CELL_AHEAD_BYTES);
}
