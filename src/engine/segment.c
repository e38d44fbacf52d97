/* SPDX-License-Identifier: Apache-2.0
 *
 * What is usual in a segment (the customers of one shape; where there are none, all): for `enter: 2x`, the
 * attempts and failures of all its customers in this partition, in panes of six hours aligned to the epoch.
 *
 *     |--28 panes: seven days--|     |
 *     | 3/80 | 1/75 | … | 2/91 | 0/7 |     failed/tried
 *                              ^     ^ the time that is asked about lies in this pane, which does not count
 *
 * Only panes that are over count, so what is usual does not depend on which of two events of the same moment
 * is applied first, nor on batches or restarts. A late event is counted where it belongs, and known to what
 * is asked after it.
 *
 * Small segments are not believed at once: their share is that of all the rule's segments for a start (by
 * Laplace's rule of succession), worth a hundred attempts, and their own attempts weigh in (an empirical
 * Bayes estimate: Efron and Morris, "Stein's Paradox in Statistics", 1977; Casella, "An Introduction to
 * Empirical Bayes Data Analysis", 1985):
 *
 *     all = (F + 1) / (A + 2)          F of A attempts failed in all segments of the rule
 *     usual = (f + 100 all) / (a + 100)     f of a in this one
 *
 * Nothing is usual before A is 100. Shares are whole numbers of 2^-26: nothing drifts.
 *
 * The state is a cell a segment, like those of customers, in the changelog and in Redis with them:
 *
 *     key   | SNAG_SCOPE_TAG_SEGMENT 2 | owner length 2 | owner: RULE, RULE/SHAPE |
 *     bytes | format 1 | stamp 4 | newest pane 8 | failed 4, tried 4 of it, of the one before … 29 |
 *
 * The stamp is the rule's fingerprint: where the rule is another one, counting begins anew.
 */
#include "base/assert.h"
#include "base/pack.h"
#include "engine/state.h"

enum { FORMAT = 1, PANES = 28, PANE_HOURS = 6, STRENGTH = 100 };
enum { KEY_BYTES = 4 + SNAG_CUSTOMER_BYTES_MAX, BLOB_BYTES = 13 + 8 * (PANES + 1) };

static const int64_t pane_ms = PANE_HOURS * INT64_C(3600000);

typedef struct pane {
    uint32_t failed;
    uint32_t tried;
} pane;

typedef struct counts {
    uint32_t stamp;
    int64_t newest;
    pane panes[PANES + 1]; /* by age */
} counts;

static int64_t pane_of(int64_t time_ms)
{
    return time_ms / pane_ms - (time_ms % pane_ms < 0);
}

/* --- cells --------------------------------------------------------------------------------------- */

static void counts_pack(const counts *are, snag_buf *buf)
{
    snag_pack_u8(buf, FORMAT);
    snag_pack_u32(buf, are->stamp);
    snag_pack_i64(buf, are->newest);
    for (uint32_t i = 0; i <= PANES; i++) {
        snag_pack_u32(buf, are->panes[i].failed);
        snag_pack_u32(buf, are->panes[i].tried);
    }
}

static bool counts_unpack(snag_str bytes, counts *are)
{
    snag_unpack unpack = snag_unpack_on(bytes);
    bool known = snag_unpack_u8(&unpack) == FORMAT;
    are->stamp = snag_unpack_u32(&unpack);
    are->newest = snag_unpack_i64(&unpack);
    for (uint32_t i = 0; i <= PANES; i++) {
        are->panes[i].failed = snag_unpack_u32(&unpack);
        are->panes[i].tried = snag_unpack_u32(&unpack);
    }
    return known && !unpack.bad && unpack.at == unpack.end && snag_time_sane(are->newest);
}

bool snag_segment_is_cell(snag_str key)
{
    uint16_t tag;
    snag_str owner;
    snag_str per;
    return snag_cell_key_get(key, &tag, &owner, &per) && tag == SNAG_SCOPE_TAG_SEGMENT;
}

static snag_str key_of(snag_buf *buf, snag_str owner)
{
    snag_cell_key_put(buf, SNAG_SCOPE_TAG_SEGMENT, owner, (snag_str){"", 0});
    SNAG_ASSERT(!buf->full);
    return snag_buf_str(buf);
}

static counts counts_get(const snag_engine *engine, uint32_t index)
{
    counts are;
    bool sound = counts_unpack(snag_table_bytes(&engine->table, index), &are);
    SNAG_ASSERT(sound);
    return are;
}

/* Puts it back, or adds it where index is 0. */
static void counts_put(snag_engine *engine, uint32_t segment, const counts *are)
{
    char key[KEY_BYTES];
    char bytes[BLOB_BYTES];
    snag_buf key_buf = snag_buf_on(key, sizeof key);
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    uint32_t *index = &engine->segments.index[segment];
    counts_pack(are, &buf);
    if (*index) {
        bool stored = snag_table_set(&engine->table, *index, snag_buf_str(&buf));
        SNAG_ASSERT(stored); /* it is as long as it was */
    } else {
        snag_str name = key_of(&key_buf, engine->pipeline->segments[segment].owner);
        *index = snag_table_add(&engine->table, name, snag_table_hash(name), 0, 0, snag_buf_str(&buf));
        engine->segments.cells += *index != 0;
    }
    if (*index)
        snag_table_change(&engine->table, *index);
    else
        engine->full = true;
}

/* --- counting ------------------------------------------------------------------------------------ */

void snag_segment_count(snag_engine *engine, uint32_t segment, int64_t time_ms, bool failed, bool tried)
{
    uint32_t index = engine->segments.index[segment];
    int64_t number = pane_of(time_ms);
    counts are = {.stamp = engine->pipeline->segments[segment].stamp, .newest = number};
    if (index)
        are = counts_get(engine, index);
    if (number > are.newest) {
        int64_t moved = number - are.newest < PANES + 1 ? number - are.newest : PANES + 1;
        memmove(are.panes + moved, are.panes, (size_t)(PANES + 1 - moved) * sizeof are.panes[0]);
        memset(are.panes, 0, (size_t)moved * sizeof are.panes[0]);
        are.newest = number;
    }
    if (are.newest - number > PANES)
        return;
    pane *at = &are.panes[are.newest - number];
    at->failed += failed && at->failed < UINT32_MAX;
    at->tried += tried && at->tried < UINT32_MAX;
    counts_put(engine, segment, &are);
}

typedef struct sums {
    uint64_t failed;
    uint64_t tried;
} sums;

/* Of the panes that were over at a time. */
static void add_panes(const counts *are, int64_t at_ms, sums *to)
{
    int64_t now = pane_of(at_ms);
    for (int64_t age = 0; age <= PANES; age++) {
        int64_t number = are->newest - age;
        if (number >= now || number < now - PANES)
            continue;
        to->failed += are->panes[age].failed;
        to->tried += are->panes[age].tried;
    }
}

static void add_closed(const snag_engine *engine, uint32_t segment, int64_t at_ms, sums *to)
{
    uint32_t index = engine->segments.index[segment];
    if (index == 0)
        return;
    counts are = counts_get(engine, index);
    add_panes(&are, at_ms, to);
}

static bool usual_of(const sums *all, const sums *own, uint64_t *usual)
{
    uint64_t share = ((all->failed + 1) << SNAG_USUAL_BITS) / (all->tried + 2);
    *usual = ((own->failed << SNAG_USUAL_BITS) + STRENGTH * share) / (own->tried + STRENGTH);
    return all->tried >= STRENGTH;
}

bool snag_segment_usual(const snag_engine *engine, uint32_t first, uint32_t segment, int64_t at_ms,
                        uint64_t *usual)
{
    sums own = {0, 0};
    sums all = {0, 0};
    for (uint32_t i = 0; i <= engine->pipeline->shape_count; i++)
        add_closed(engine, first + i, at_ms, &all);
    add_closed(engine, segment, at_ms, &own);
    return usual_of(&all, &own, usual);
}

/* --- what rules ask ------------------------------------------------------------------------------ */

static uint32_t segment_in(const snag_pipeline *pipeline, const snag_rule *rule, const snag_item *item)
{
    uint32_t shape = pipeline->shape_count ? snag_shape_index(pipeline, item) : 0;
    return rule->segments - 1u + (shape < pipeline->shape_count ? 1 + shape : 0);
}

static uint32_t segment_of(const snag_engine *engine, const snag_rule *rule, const snag_item *item)
{
    return segment_in(engine->pipeline, rule, item);
}

void snag_segment_tell(void *context, const snag_rule *rule, const snag_item *item, int64_t time_ms,
                       bool failed, bool tried)
{
    snag_engine *engine = context;
    snag_segment_count(engine, segment_of(engine, rule, item), time_ms, failed, tried);
}

bool snag_segment_ask(void *context, const snag_rule *rule, const snag_item *item, int64_t at_ms,
                      uint64_t *usual)
{
    const snag_engine *engine = context;
    return snag_segment_usual(engine, rule->segments - 1u, segment_of(engine, rule, item), at_ms, usual);
}

/* --- what is stored ------------------------------------------------------------------------------ */

static uint32_t segment_named(const snag_pipeline *pipeline, snag_str owner)
{
    uint32_t i = 0;
    while (i < pipeline->segment_count && !snag_str_equal(pipeline->segments[i].owner, owner))
        i++;
    return i;
}

uint32_t snag_segment_of_cell(const snag_pipeline *pipeline, snag_str key)
{
    uint16_t tag;
    snag_str owner;
    snag_str per;
    bool is = snag_cell_key_get(key, &tag, &owner, &per) && tag == SNAG_SCOPE_TAG_SEGMENT;
    return is ? segment_named(pipeline, owner) : pipeline->segment_count;
}

snag_str snag_segment_blob(const snag_engine *engine, uint32_t segment)
{
    char key[KEY_BYTES];
    snag_buf buf = snag_buf_on(key, sizeof key);
    snag_str name = key_of(&buf, engine->pipeline->segments[segment].owner);
    uint32_t index = snag_table_find(&engine->table, name, snag_table_hash(name));
    return index ? snag_table_bytes(&engine->table, index) : (snag_str){"", 0};
}

bool snag_segment_usual_stored(const snag_segments_stored *stored, const snag_rule *rule,
                               const snag_item *item, int64_t at_ms, uint64_t *usual)
{
    const snag_pipeline *pipeline = stored->pipeline;
    uint32_t mine = segment_in(pipeline, rule, item);
    sums own = {0, 0};
    sums all = {0, 0};
    for (uint32_t i = 0; i <= pipeline->shape_count; i++) {
        uint32_t segment = rule->segments - 1u + i;
        counts are;
        if (!stored->blobs || !counts_unpack(stored->blobs[segment], &are) ||
            are.stamp != pipeline->segments[segment].stamp)
            continue;
        add_panes(&are, at_ms, &all);
        if (segment == mine)
            add_panes(&are, at_ms, &own);
    }
    return usual_of(&all, &own, usual);
}

/* --- recovery ------------------------------------------------------------------------------------ */

/* Cells of segments that this pipeline does not have, or of rules that were others. */
static void drop_strange(snag_engine *engine)
{
    snag_table *table = &engine->table;
    const snag_pipeline *pipeline = engine->pipeline;
    for (uint32_t index = 1; index < table->node_top; index++) {
        uint16_t tag;
        snag_str owner;
        snag_str per;
        if ((snag_table_node(table, index)->flags & SNAG_NODE_LIVE) == 0 ||
            !snag_segment_is_cell(snag_table_key(table, index)) ||
            !snag_cell_key_get(snag_table_key(table, index), &tag, &owner, &per))
            continue;
        uint32_t segment = segment_named(pipeline, owner);
        if (segment < pipeline->segment_count &&
            counts_get(engine, index).stamp == pipeline->segments[segment].stamp)
            continue;
        engine->segments.cells--;
        snag_table_remove(table, index, true);
    }
}

void snag_segments_begin(snag_engine *engine)
{
    const snag_pipeline *pipeline = engine->pipeline;
    char key[KEY_BYTES];
    if (engine->segments.strange)
        drop_strange(engine);
    engine->segments.strange = false;
    for (uint32_t i = 0; i < pipeline->segment_count; i++) {
        snag_buf buf = snag_buf_on(key, sizeof key);
        snag_str name = key_of(&buf, pipeline->segments[i].owner);
        engine->segments.index[i] = snag_table_find(&engine->table, name, snag_table_hash(name));
    }
    engine->segments.ready = true;
}

snag_err snag_segment_restore(snag_engine *engine, snag_str key, snag_str owner, snag_str blob)
{
    const snag_pipeline *pipeline = engine->pipeline;
    counts are;
    uint32_t hash = snag_table_hash(key);
    uint32_t index = snag_table_find(&engine->table, key, hash);
    engine->segments.ready = false;
    if (blob.size == 0) {
        engine->segments.cells -= index != 0;
        if (index)
            snag_table_remove(&engine->table, index, false);
        return SNAG_OK;
    }
    if (!counts_unpack(blob, &are))
        return SNAG_STATE;
    uint32_t segment = segment_named(pipeline, owner);
    engine->segments.strange |=
        segment == pipeline->segment_count || pipeline->segments[segment].stamp != are.stamp;
    if (index)
        return snag_table_set(&engine->table, index, blob) ? SNAG_OK : SNAG_FULL;
    if (!snag_table_has_room(&engine->table) ||
        snag_table_add(&engine->table, key, hash, 0, 0, blob) == 0)
        return SNAG_FULL;
    engine->segments.cells++;
    return SNAG_OK;
}
