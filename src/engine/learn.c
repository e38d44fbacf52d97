/* SPDX-License-Identifier: Apache-2.0
 *
 * Learned deadlines: how long a stage, or the wait of a rule, takes in this partition, by shape; counted in
 * buckets (base/sketch.h), so that the order of what comes does not matter.
 *
 *     enters, asks ---> waiting, by the hour of entry  --leaves, is answered--> ended, by how long it took
 *                                  |                                            (buckets)
 *                                  +--expires, is let go, until---------------> lost, by how long it was seen
 *
 *     at each whole hour: ended, lost and those that wait --Kaplan, Meier--> the deadline until the next hour
 *
 * The deadline of an hour is worked out before the first thing in it is counted, so it rests on what came
 * before that hour and on nothing else: not on which of two events of the same moment is applied first.
 * Who waits is taken to have come in the middle of the hour of entry.
 *
 * Everything is counted under the generation of 28 days in which it began. Four generations count; older ones
 * go, with those who still wait in them: so an old regime is forgotten after 12 to 16 weeks, and nothing that
 * takes longer than others is seen more often for it.
 *
 * The state is cells like those of customers, in the changelog and in Redis with them. Each sketch has a
 * first cell (as a customer has), and beside it one a block of 64 buckets, one a day of entries
 * (learn_cell.h).
 *
 * Only what began after `since` counts: where a pipeline learns what it did not learn before, there are walks
 * under way whose beginning nobody counted. Where the journey or the rule changes (its stamp), those who wait
 * are as good as lost, for the walks are carried over by words (retire.c), and `since` is that moment.
 */
#include "engine/learn.h"

#include "base/assert.h"
#include "engine/learn_cell.h"
#include "engine/state.h"

/* --- cells in the table ------------------------------------------------------------------------ */

static uint32_t cell_find(const snag_engine *engine, snag_str key)
{
    return snag_table_find(&engine->table, key, snag_table_hash(key));
}

/* 0: memory is used up. */
static uint32_t cell_add(snag_engine *engine, snag_str key, uint32_t parent, snag_str bytes)
{
    uint32_t index = snag_table_add(&engine->table, key, snag_table_hash(key),
                                    parent ? SNAG_SCOPE_LEARNED : 0, parent, bytes);
    if (index == 0)
        engine->full = true;
    else if (!parent)
        engine->learn.cells++;
    return index;
}

static snag_learn_first first_get(const snag_engine *engine, uint32_t index)
{
    snag_learn_first is;
    bool sound = snag_learn_first_unpack(snag_table_bytes(&engine->table, index), &is);
    SNAG_ASSERT(sound);
    return is;
}

static void first_put(snag_engine *engine, uint32_t index, const snag_learn_first *is)
{
    char bytes[64];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    snag_learn_first_pack(is, &buf);
    if (!snag_table_set(&engine->table, index, snag_buf_str(&buf)))
        engine->full = true;
    else
        snag_table_change(&engine->table, index);
}

static uint32_t first_add(snag_engine *engine, snag_str owner, const snag_learn_first *is)
{
    char key[SNAG_LEARN_KEY_BYTES_MAX];
    char bytes[64];
    snag_buf key_buf = snag_buf_on(key, sizeof key);
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    snag_learn_key_put(&key_buf, owner, NULL);
    snag_learn_first_pack(is, &buf);
    return cell_add(engine, snag_buf_str(&key_buf), 0, snag_buf_str(&buf));
}

static bool is_empty(const uint32_t counts[SNAG_SKETCH_BLOCK])
{
    uint32_t any = 0;
    for (uint32_t i = 0; i < SNAG_SKETCH_BLOCK; i++)
        any |= counts[i];
    return any == 0;
}

/* One more or one less at a place of a cell; a cell that comes to hold nothing goes. */
static void count(snag_engine *engine, uint32_t sketch, const snag_learn_other *which, uint32_t place,
                  uint32_t by, bool more)
{
    char key[SNAG_LEARN_KEY_BYTES_MAX];
    char bytes[SNAG_SKETCH_BLOCK_BYTES_MAX];
    uint32_t counts[SNAG_SKETCH_BLOCK] = {0};
    snag_buf key_buf = snag_buf_on(key, sizeof key);
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    snag_learn_key_put(&key_buf, engine->pipeline->sketches[sketch].owner, which);
    uint32_t index = cell_find(engine, snag_buf_str(&key_buf));
    if (index) {
        bool sound = snag_sketch_unpack(snag_table_bytes(&engine->table, index), counts);
        SNAG_ASSERT(sound);
    }
    uint32_t is = counts[place];
    counts[place] = more ? (is > UINT32_MAX - by ? UINT32_MAX : is + by) : (is > by ? is - by : 0);
    if (counts[place] == is)
        return;
    if (is_empty(counts)) {
        snag_table_remove(&engine->table, index, true);
        return;
    }
    snag_sketch_pack(counts, &buf);
    if (!index)
        index = cell_add(engine, snag_buf_str(&key_buf), engine->learn.first[sketch], snag_buf_str(&buf));
    else if (!snag_table_set(&engine->table, index, snag_buf_str(&buf)))
        engine->full = true;
    if (index)
        snag_table_change(&engine->table, index);
}

static void took(snag_engine *engine, uint32_t sketch, int32_t generation, int64_t took_ms, uint32_t many,
                 bool ended)
{
    uint32_t bucket = snag_sketch_bucket(took_ms);
    snag_learn_other which = {ended ? SNAG_LEARN_ENDED : SNAG_LEARN_LOST, generation,
                              (uint16_t)(bucket / SNAG_SKETCH_BLOCK)};
    count(engine, sketch, &which, bucket % SNAG_SKETCH_BLOCK, many, true);
}

/* --- each of a sketch's other cells ------------------------------------------------------------ */

typedef void each_cell(snag_engine *engine, uint32_t sketch, uint32_t index, const snag_learn_other *which,
                       void *context);

/* The callback may remove the cell it is given. */
static void each(snag_engine *engine, uint32_t sketch, each_cell *call, void *context)
{
    snag_table *table = &engine->table;
    uint32_t head = engine->learn.first[sketch];
    uint32_t left = snag_table_node(table, head)->children;
    uint32_t index = snag_table_node(table, head)->parent;
    for (; left > 0; left--) {
        uint32_t next = snag_table_node(table, index)->next;
        snag_str owner;
        bool is_first;
        snag_learn_other which;
        bool sound = snag_learn_key_get(snag_table_key(table, index), &owner, &is_first, &which);
        SNAG_ASSERT(sound && !is_first);
        call(engine, sketch, index, &which, context);
        index = next;
    }
}

static void drop_old(snag_engine *engine, uint32_t sketch, uint32_t index, const snag_learn_other *which,
                     void *context)
{
    (void)sketch;
    if (!snag_learn_other_new(which, *(const int64_t *)context))
        snag_table_remove(&engine->table, index, true);
}

static void sum_up(snag_engine *engine, uint32_t sketch, uint32_t index, const snag_learn_other *which,
                   void *context)
{
    (void)sketch;
    int64_t at_ms = *(const int64_t *)context;
    snag_str bytes = snag_table_bytes(&engine->table, index);
    bool sound = snag_learn_add_cell(which, bytes, at_ms, engine->learn.sum);
    SNAG_ASSERT(sound);
}

/* Who waits is as good as lost. */
static void lose(snag_engine *engine, uint32_t sketch, uint32_t index, const snag_learn_other *which,
                 void *context)
{
    uint32_t counts[SNAG_SKETCH_BLOCK];
    int64_t at_ms = *(const int64_t *)context;
    if (which->kind != SNAG_LEARN_WAITING)
        return;
    bool sound = snag_sketch_unpack(snag_table_bytes(&engine->table, index), counts);
    SNAG_ASSERT(sound);
    snag_table_remove(&engine->table, index, true);
    for (uint32_t hour = 0; hour < SNAG_LEARN_DAY_HOURS; hour++)
        if (counts[hour])
            took(engine, sketch, snag_learn_generation(which->number * SNAG_LEARN_DAY_MS),
                 snag_learn_waited_ms(which, hour, at_ms), counts[hour], false);
}

static uint32_t clamp(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* The deadline as of a whole hour, from what was counted so far. */
static void learn(snag_engine *engine, uint32_t sketch, int64_t at_ms, snag_learn_first *is)
{
    const snag_sketch_spec *spec = &engine->pipeline->sketches[sketch];
    is->now = (snag_learned_now){at_ms, -1, 0, 0};
    if (spec->millionths == 0)
        return;
    snag_sketch *sum = engine->learn.sum;
    snag_sketch_clear(sum);
    each(engine, sketch, sum_up, &at_ms);
    is->now.ended = clamp(sum->ended);
    is->now.waiting = clamp(sum->waiting);
    is->now.value_ms = snag_learn_quantile(sum, spec->millionths);
}

/* A new hour: nothing of it was counted yet. */
static void turn(snag_engine *engine, uint32_t sketch, int64_t at_ms, snag_learn_first *is)
{
    int64_t hour_ms = snag_learn_hour(at_ms);
    if (is->now.at_ms != SNAG_TIME_NONE && hour_ms <= is->now.at_ms)
        return;
    if (is->now.at_ms == SNAG_TIME_NONE ||
        snag_learn_generation(hour_ms) != snag_learn_generation(is->now.at_ms))
        each(engine, sketch, drop_old, &hour_ms);
    learn(engine, sketch, hour_ms, is);
    first_put(engine, engine->learn.first[sketch], is);
}

/* --- what the engine tells --------------------------------------------------------------------- */

/* Cells of sketches that this pipeline does not have. */
static void drop_strange(snag_engine *engine)
{
    snag_table *table = &engine->table;
    for (int firsts = 0; firsts < 2; firsts++)
        for (uint32_t index = 1; index < table->node_top; index++) {
            const snag_node *node = snag_table_node(table, index);
            if ((node->flags & SNAG_NODE_LIVE) == 0 || (node->scope == 0) != (firsts == 1))
                continue;
            snag_str key = snag_table_key(table, index);
            if (!snag_learn_is_cell(key) ||
                snag_learn_which(engine->pipeline, key) < engine->pipeline->sketch_count)
                continue;
            engine->learn.cells -= (uint64_t)(firsts == 1);
            snag_table_remove(table, index, true);
        }
}

/* What is measured became something else. */
static void renew(snag_engine *engine, uint32_t sketch, snag_learn_first *is)
{
    int64_t w_ms = engine->learn.since_ms;
    if (w_ms != SNAG_TIME_NONE)
        each(engine, sketch, lose, &w_ms);
    is->since_ms = w_ms;
    is->stamp = engine->pipeline->sketches[sketch].stamp;
    if (is->now.at_ms != SNAG_TIME_NONE)
        learn(engine, sketch, is->now.at_ms, is);
}

void snag_learn_begin(snag_engine *engine)
{
    const snag_pipeline *pipeline = engine->pipeline;
    char key[SNAG_LEARN_KEY_BYTES_MAX];
    if (engine->learn.strange)
        drop_strange(engine);
    for (uint32_t i = 0; i < pipeline->sketch_count && !engine->full; i++) {
        snag_buf buf = snag_buf_on(key, sizeof key);
        snag_learn_key_put(&buf, pipeline->sketches[i].owner, NULL);
        uint32_t index = cell_find(engine, snag_buf_str(&buf));
        snag_learn_first is = {.since_ms = engine->learn.since_ms, .stamp = pipeline->sketches[i].stamp,
                    .now = {SNAG_TIME_NONE, -1, 0, 0}};
        if (index)
            is = first_get(engine, index);
        else if ((index = first_add(engine, pipeline->sketches[i].owner, &is)) == 0)
            return;
        else
            snag_table_change(&engine->table, index);
        engine->learn.first[i] = index;
        if (is.stamp == pipeline->sketches[i].stamp)
            continue;
        renew(engine, i, &is);
        first_put(engine, index, &is);
    }
    engine->learn.ready = true;
}

static bool is_counted(const snag_learn_first *is, int64_t began_ms)
{
    return (is->since_ms == SNAG_TIME_NONE || began_ms > is->since_ms) &&
           snag_learn_counts(snag_learn_generation(began_ms), is->now.at_ms);
}

int64_t snag_learn_began(snag_engine *engine, uint32_t sketch, int64_t at_ms, snag_learned *learned)
{
    const snag_sketch_spec *spec = &engine->pipeline->sketches[sketch];
    uint32_t hour;
    snag_learn_first is = first_get(engine, engine->learn.first[sketch]);
    turn(engine, sketch, at_ms, &is);
    if (is_counted(&is, at_ms)) {
        snag_learn_other which = snag_learn_waiting(at_ms, &hour);
        count(engine, sketch, &which, hour, 1, true);
    }
    if (spec->millionths && is.now.value_ms >= 0)
        *learned = (snag_learned){is.now.ended, spec->millionths};
    return spec->millionths ? is.now.value_ms : -1;
}

void snag_learn_over(snag_engine *engine, uint32_t sketch, int64_t began_ms, int64_t at_ms, bool ended)
{
    uint32_t hour;
    snag_learn_first is = first_get(engine, engine->learn.first[sketch]);
    turn(engine, sketch, at_ms, &is);
    if (!is_counted(&is, began_ms))
        return;
    snag_learn_other which = snag_learn_waiting(began_ms, &hour);
    count(engine, sketch, &which, hour, 1, false);
    took(engine, sketch, snag_learn_generation(began_ms), at_ms - began_ms, 1, ended);
}

uint32_t snag_learn_sketch(const snag_pipeline *pipeline, uint16_t base, const snag_item *item)
{
    uint32_t shape = snag_shape_index(pipeline, item);
    return base - 1u + (shape < pipeline->shape_count ? 1 + shape : 0);
}

/* A rule of this cell, or a walk's stage, waits no longer: nobody will see how it ends. */
void snag_learn_lost(snag_engine *engine, const snag_cell *cell)
{
    const snag_pipeline *pipeline = engine->pipeline;
    snag_item item;
    for (uint32_t i = 0; pipeline->sketch_count && snag_cell_item(cell, i, &item); i++) {
        uint16_t base = 0;
        int64_t since_ms = SNAG_TIME_NONE;
        for (uint32_t j = 0; j < pipeline->journey_count; j++)
            if (pipeline->journeys[j].fingerprint == item.fingerprint)
                since_ms = snag_walk_since(&pipeline->journeys[j], &item, &base);
        for (uint32_t r = 0; r < pipeline->rule_count; r++) {
            const snag_rule *rule = &pipeline->rules[r];
            if (rule->signal.fingerprint != item.fingerprint || !rule->sketch)
                continue;
            base = rule->sketch;
            since_ms = rule->kind->waits_since(item.state, item.state_bytes);
        }
        if (base && since_ms != SNAG_TIME_NONE)
            snag_learn_over(engine, snag_learn_sketch(pipeline, base, &item), since_ms, engine->work.at_ms,
                            false);
    }
}

int64_t snag_learn_wait_began(void *context, const snag_rule *rule, const snag_item *item,
                              snag_learned *learned)
{
    snag_engine *engine = context;
    uint32_t sketch = snag_learn_sketch(engine->pipeline, rule->sketch, item);
    return snag_learn_began(engine, sketch, engine->work.at_ms, learned);
}

void snag_learn_wait_over(void *context, const snag_rule *rule, const snag_item *item, int64_t since_ms,
                          bool ended)
{
    snag_engine *engine = context;
    uint32_t sketch = snag_learn_sketch(engine->pipeline, rule->sketch, item);
    snag_learn_over(engine, sketch, since_ms, engine->work.at_ms, ended);
}

/* --- recovery ---------------------------------------------------------------------------------- */

/* A sketch's first cell, for one that came before it; what it says comes later in the log. */
static uint32_t restore_first(snag_engine *engine, snag_str owner)
{
    char key[SNAG_LEARN_KEY_BYTES_MAX];
    snag_buf buf = snag_buf_on(key, sizeof key);
    const snag_learn_first none = {SNAG_TIME_NONE, 0, {SNAG_TIME_NONE, -1, 0, 0}};
    snag_learn_key_put(&buf, owner, NULL);
    uint32_t index = cell_find(engine, snag_buf_str(&buf));
    return index ? index : first_add(engine, owner, &none);
}

static void restore_remove(snag_engine *engine, uint32_t index, bool is_first)
{
    snag_node *node = snag_table_node(&engine->table, index);
    if (is_first && node->children > 0)
        return; /* its others go later in the log, or it comes back */
    engine->learn.cells -= (uint64_t)is_first;
    snag_table_remove(&engine->table, index, false);
}

snag_err snag_learn_restore(snag_engine *engine, snag_str key, snag_str blob)
{
    snag_str owner;
    bool is_first;
    snag_learn_other which;
    snag_learn_first is;
    uint32_t counts[SNAG_SKETCH_BLOCK];
    if (!snag_learn_key_get(key, &owner, &is_first, &which))
        return SNAG_STATE;
    uint32_t index = cell_find(engine, key);
    if (blob.size == 0) {
        if (index)
            restore_remove(engine, index, is_first);
        return SNAG_OK;
    }
    bool sound = is_first ? snag_learn_first_unpack(blob, &is)
                          : snag_sketch_unpack(blob, counts) && !is_empty(counts);
    if (!sound)
        return SNAG_STATE;
    if (!snag_table_has_room(&engine->table))
        return SNAG_FULL;
    engine->learn.ready = false;
    engine->learn.strange |= snag_learn_find(engine->pipeline, owner) == engine->pipeline->sketch_count;
    if (index)
        return snag_table_set(&engine->table, index, blob) ? SNAG_OK : SNAG_FULL;
    uint32_t parent = is_first ? 0 : restore_first(engine, owner);
    if ((!is_first && parent == 0) || cell_add(engine, key, parent, blob) == 0)
        return SNAG_FULL;
    return SNAG_OK;
}
