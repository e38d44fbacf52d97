/* SPDX-License-Identifier: Apache-2.0
 *
 * Explain: a cell's packed bytes as JSON, for people. Works on stored bytes, so that it can read Redis and
 * never touches a worker.
 */
#include "base/assert.h"
#include "base/time.h"
#include "engine/state.h"

static void put_time(snag_buf *buf, const char *name, int64_t time_ms)
{
    snag_buf_printf(buf, ",\"%s\":\"", name);
    snag_time_print(buf, time_ms);
    snag_buf_byte(buf, '"');
}

static void put_text(snag_buf *buf, const char *name, snag_str text)
{
    if (text.size == 0)
        return;
    snag_buf_printf(buf, ",\"%s\":", name);
    snag_buf_json(buf, text);
}

static void put_evidence(snag_buf *buf, snag_cell *cell, const snag_item *item)
{
    snag_evidence evidence;
    snag_buf_printf(buf, ",\"evidence_total\":%u,\"evidence\":[", item->evidence_total);
    for (uint32_t i = 0; snag_item_evidence(cell, item, i, &evidence); i++) {
        snag_buf_printf(buf, "%s{\"at\":\"", i ? "," : "");
        snag_time_print(buf, evidence.time_ms);
        snag_buf_byte(buf, '"');
        put_text(buf, "type", evidence.type);
        put_text(buf, "id", evidence.id);
        snag_buf_printf(buf, ",\"partition\":%u,\"offset\":", evidence.position.partition);
        snag_buf_int(buf, evidence.position.offset);
        snag_buf_byte(buf, '}');
    }
    snag_buf_byte(buf, ']');
}

/* What the rule's own kind says. `usual` is as of the newest event of the cell. */
static void put_rule(snag_buf *buf, const snag_segments_stored *segments, const snag_cell *cell,
                     const snag_rule *rule, const snag_item *item)
{
    uint64_t usual = 0;
    if (!rule->kind->explain ||
        !rule->kind->sound(rule, item->state, item->state_bytes, item->open, item->due_ms))
        return;
    bool known = rule->segments > 0 && cell->judged_ms != SNAG_TIME_NONE &&
                 snag_segment_usual_stored(segments, rule, item, cell->judged_ms, &usual);
    rule->kind->explain(rule, item->state, item->state_bytes, known ? &usual : NULL, buf);
}

static void put_item(snag_buf *buf, const snag_segments_stored *segments, snag_cell *cell,
                     const snag_item *item)
{
    const snag_pipeline *pipeline = segments->pipeline;
    const snag_journey *journey = NULL;
    const snag_rule *rule = NULL;
    const snag_fact *fact = snag_fact_find(pipeline, item->fingerprint);
    if (fact) {
        snag_fact_explain(fact, item, cell->judged_ms, buf);
        return;
    }
    if (item->fingerprint == SNAG_CLOCK_FINGERPRINT) {
        snag_device_explain(item, buf);
        return;
    }
    for (uint32_t j = 0; j < pipeline->journey_count; j++)
        if (pipeline->journeys[j].fingerprint == item->fingerprint)
            journey = &pipeline->journeys[j];
    for (uint32_t r = 0; r < pipeline->rule_count; r++)
        if (pipeline->rules[r].signal.fingerprint == item->fingerprint)
            rule = &pipeline->rules[r];
    uint32_t stage;
    const snag_journey *promised = snag_promise_find(pipeline, item->fingerprint, &stage);
    const snag_stage *awaited = promised ? &promised->stages[stage] : NULL;
    snag_buf_printf(buf, "{\"kind\":\"%s\"",
                    awaited ? "promise" : journey ? "journey" : rule ? "rule" : "unknown");
    put_text(buf, "name",
             awaited   ? awaited->late.name
             : journey ? journey->name
             : rule    ? rule->signal.name
                       : (snag_str){"", 0});
    if (journey)
        snag_walk_explain(pipeline, journey, item, buf);
    if (awaited)
        snag_promise_explain(awaited, item, buf);
    if (rule)
        put_text(buf, "test", rule->signal.test);
    put_text(buf, "shape", snag_shape_of(pipeline, item));
    if (rule)
        put_rule(buf, segments, cell, snag_rule_of(pipeline, rule, item), item);
    if (item->due_ms != SNAG_NEVER)
        put_time(buf, "deadline", item->due_ms);
    if (item->frozen || item->held)
        put_text(buf, "waits_for", SNAG_STR("a silent source"));
    if (item->held)
        put_text(buf, "held", SNAG_STR("source_silent"));
    if (item->open) {
        put_time(buf, "open_since", item->opened_ms);
        snag_buf_printf(buf, ",\"published\":%s,\"episode\":\"", item->suppressed ? "false" : "true");
        snag_buf_hex(buf, item->episode, sizeof item->episode);
        snag_buf_byte(buf, '"');
    }
    if (item->cooldown_ms != SNAG_TIME_NONE)
        put_time(buf, "cooldown_until", item->cooldown_ms);
    put_evidence(buf, cell, item);
    snag_buf_byte(buf, '}');
}

snag_err snag_cell_explain(const snag_segments_stored *segments, snag_str key, snag_str blob,
                           snag_buf *buf)
{
    const snag_pipeline *pipeline = segments->pipeline;
    snag_cell cell; /* 61 KB of stack: this runs in a command, never in a worker */
    snag_item item;
    uint16_t tag;
    snag_str owner;
    snag_str per;
    if (!snag_cell_key_get(key, &tag, &owner, &per) || !snag_cell_unpack(&cell, blob) ||
        !snag_cell_check(&cell))
        return SNAG_STATE;
    snag_buf_printf(buf, "{\"customer\":");
    snag_buf_json(buf, owner);
    for (uint32_t s = 0; s < pipeline->scope_count && tag != 0; s++) {
        if (pipeline->scopes[s].tag != tag)
            continue;
        snag_buf_printf(buf, ",\"per\":[");
        for (uint32_t i = 0; i < pipeline->scopes[s].count; i++) {
            snag_buf_printf(buf, "%s", i ? "," : "");
            snag_buf_json(buf, pipeline->scopes[s].names[i]);
        }
        snag_buf_byte(buf, ']');
    }
    put_text(buf, "instance", per);
    put_text(buf, "account", cell.account);
    put_text(buf, "channel", cell.channel);
    if (cell.judged_ms != SNAG_TIME_NONE)
        put_time(buf, "judged_up_to", cell.judged_ms);
    snag_buf_printf(buf, ",\"remembered_ids\":%u,\"items\":[", cell.ring_count);
    for (uint32_t i = 0; snag_cell_item(&cell, i, &item); i++) {
        snag_buf_printf(buf, "%s", i ? "," : "");
        put_item(buf, segments, &cell, &item);
    }
    snag_buf_printf(buf, "]}");
    return buf->full ? SNAG_FULL : SNAG_OK;
}

static void explain_one(const snag_engine *engine, uint32_t index, snag_buf *buf)
{
    snag_str blobs[(SNAG_SHAPES_MAX + 1) * SNAG_RULES_MAX];
    const snag_pipeline *pipeline = engine->pipeline;
    for (uint32_t i = 0; i < pipeline->segment_count; i++)
        blobs[i] = snag_segment_blob(engine, i);
    snag_segments_stored segments = {pipeline, blobs};
    snag_err err = snag_cell_explain(&segments, snag_table_key(&engine->table, index),
                                     snag_table_bytes(&engine->table, index), buf);
    SNAG_ASSERT(err != SNAG_STATE);
}

bool snag_engine_explain(const snag_engine *engine, snag_str customer, snag_buf *buf)
{
    char key[4 + SNAG_CUSTOMER_BYTES_MAX];
    snag_buf key_buf = snag_buf_on(key, sizeof key);
    snag_cell_key_put(&key_buf, 0, customer, (snag_str){"", 0});
    if (key_buf.full)
        return false;
    snag_str own = snag_buf_str(&key_buf);
    uint32_t index = snag_table_find(&engine->table, own, snag_table_hash(own));
    if (index == 0)
        return false;
    snag_buf_byte(buf, '[');
    explain_one(engine, index, buf);
    const snag_node *node = snag_table_node(&engine->table, index);
    uint32_t child = node->parent;
    for (uint32_t i = 0; i < node->children; i++) {
        snag_buf_byte(buf, ',');
        explain_one(engine, child, buf);
        child = snag_table_node(&engine->table, child)->next;
    }
    snag_buf_byte(buf, ']');
    return true;
}
