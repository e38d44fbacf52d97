/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/dispatch.h"

#include "base/assert.h"
#include "base/hash.h"
#include "engine/ties.h"

enum { CACHE_ROWS = 256 };

/* Calls back for every matcher of the pipeline, in the order in which ops are to stand in a row. */
typedef void each_matcher(void *context, const snag_matcher *matcher, const snag_op *op);

/* First what enters a stage; then turns of the clock, and what may bring a promise. */
static void walk_stages(const snag_journey *journey, snag_op op, each_matcher *each, void *context)
{
    static const uint16_t roles[] = {0, SNAG_ROLE_PAUSE, SNAG_ROLE_RESUME, SNAG_ROLE_FOUND};
    for (uint32_t r = 0; r < sizeof roles / sizeof roles[0]; r++) {
        for (uint32_t s = 0; s < journey->stage_count; s++) {
            const snag_stage *stage = &journey->stages[s];
            const snag_matcher *matchers[] = {&stage->event, &stage->pause, &stage->resume,
                                              &stage->promised_by};
            op.where = matchers[r]->where;
            op.stage = (uint8_t)s;
            op.role = roles[r];
            if (matchers[r]->count)
                each(context, matchers[r], &op);
        }
    }
}

/* Answers of surveys, and when they are asked; the ops name no stage. */
static void walk_survey(const snag_poll *survey, snag_op op, each_matcher *each, void *context)
{
    const snag_matcher *matchers[] = {&survey->asked, &survey->event};
    static const uint16_t roles[] = {SNAG_ROLE_EVENT, SNAG_ROLE_ANSWER};
    for (uint32_t r = 0; r < sizeof roles / sizeof roles[0]; r++) {
        op.where = matchers[r]->where;
        op.role = roles[r];
        if (matchers[r]->count)
            each(context, matchers[r], &op);
    }
}

static void walk_journeys(const snag_pipeline *pipeline, uint32_t scope, each_matcher *each,
                          void *context)
{
    for (uint32_t j = 0; j < pipeline->journey_count; j++) {
        const snag_journey *journey = &pipeline->journeys[j];
        if (journey->scope != scope)
            continue;
        snag_op op = {.index = (uint16_t)j, .scope = (uint8_t)scope};
        walk_stages(journey, op, each, context);
        walk_survey(&journey->survey, op, each, context);
    }
}

typedef struct rule_walk {
    each_matcher *each;
    void *context;
    const snag_rule *rule;
    bool shaped; /* there are shapes: what starts it is known of each customer only */
    snag_op op;
} rule_walk;

static void walk_rule_matcher(void *context, const snag_matcher *matcher, uint16_t role)
{
    rule_walk *walk = context;
    walk->op.where = matcher->where;
    walk->op.role = role;
    walk->op.starts = walk->shaped || walk->rule->kind->starts(walk->rule, role);
    walk->each(walk->context, matcher, &walk->op);
}

static void walk_rules(const snag_pipeline *pipeline, uint32_t scope, each_matcher *each,
                       void *context)
{
    for (uint32_t r = 0; r < pipeline->rule_count; r++) {
        const snag_rule *rule = &pipeline->rules[r];
        rule_walk walk = {each, context, rule, pipeline->shape_count > 0,
                          {.fingerprint = rule->signal.fingerprint, .index = (uint16_t)r,
                           .scope = (uint8_t)scope, .stage = SNAG_OP_RULE,
                           .ties = snag_ties_wanted(rule)}};
        if (rule->scope == scope)
            snag_rule_matchers(rule, walk_rule_matcher, &walk);
    }
}

/* They are the customer's own, or the account's. */
static void walk_facts(const snag_pipeline *pipeline, uint32_t scope, each_matcher *each, void *context)
{
    for (uint32_t i = 0; i < pipeline->fact_count; i++) {
        const snag_fact *fact = &pipeline->facts[i];
        snag_op op = {.where = fact->event.where, .index = (uint16_t)i, .scope = (uint8_t)scope,
                      .stage = SNAG_OP_FACT, .role = SNAG_ROLE_EVENT};
        if (fact->scope != scope)
            continue;
        each(context, &fact->event, &op);
        op.where = fact->of.where;
        op.role = SNAG_ROLE_ANSWER;
        if (fact->of.count)
            each(context, &fact->of, &op);
    }
}

static void walk_matchers(const snag_pipeline *pipeline, each_matcher *each, void *context)
{
    for (uint32_t scope = pipeline->scope_count; scope-- > 0;) {
        walk_facts(pipeline, scope, each, context);
        walk_journeys(pipeline, scope, each, context);
        walk_rules(pipeline, scope, each, context);
    }
}

typedef struct totals {
    uint32_t matchers;
    uint32_t exact_patterns;
    uint32_t prefix_matchers;
} totals;

static void count_matcher(void *context, const snag_matcher *matcher, const snag_op *op)
{
    totals *sums = context;
    bool prefix = false;
    (void)op;
    sums->matchers++;
    for (uint32_t i = 0; i < matcher->count; i++) {
        if (matcher->patterns[i].prefix)
            prefix = true;
        else
            sums->exact_patterns++;
    }
    sums->prefix_matchers += prefix;
}

static totals totals_of(const snag_pipeline *pipeline)
{
    totals sums = {0};
    walk_matchers(pipeline, count_matcher, &sums);
    return sums;
}

static uint32_t exact_slots(const totals *sums)
{
    uint32_t slots = 8;
    while (slots < sums->exact_patterns * 2)
        slots *= 2;
    return slots;
}

size_t snag_dispatch_bytes(const snag_pipeline *pipeline)
{
    totals sums = totals_of(pipeline);
    size_t bytes = exact_slots(&sums) * sizeof(snag_row);
    bytes += (pipeline->journey_count + pipeline->rule_count) * sizeof(snag_watched);
    bytes += (size_t)sums.exact_patterns * (sums.matchers * sizeof(snag_op) + 16);
    if (sums.prefix_matchers)
        bytes += CACHE_ROWS * (sizeof(snag_row) + SNAG_TYPE_BYTES_MAX +
                               sums.prefix_matchers * sizeof(snag_op));
    return bytes + 256;
}

typedef struct row_builder {
    snag_str type;
    snag_op *ops;
    uint32_t count;
} row_builder;

static void row_matcher(void *context, const snag_matcher *matcher, const snag_op *op)
{
    row_builder *builder = context;
    if (snag_matcher_takes(matcher, builder->type))
        builder->ops[builder->count++] = *op;
}

/* The ops of a type. */
static void row_build(const snag_pipeline *pipeline, row_builder *builder)
{
    walk_matchers(pipeline, row_matcher, builder);
    for (uint32_t i = builder->count; i-- > 1;)
        if (builder->ops[i].stage == SNAG_OP_RULE && builder->ops[i - 1].stage == SNAG_OP_RULE &&
            builder->ops[i].index == builder->ops[i - 1].index)
            builder->ops[i - 1].more = (uint16_t)(builder->ops[i].more + 1);
}

static snag_row *exact_slot(const snag_dispatch *dispatch, snag_str type, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & dispatch->exact_mask;
    for (;; at = (at + 1) & dispatch->exact_mask) {
        snag_row *row = &dispatch->exact[at];
        if (row->ops == NULL || (row->hash == hash && snag_str_equal(row->type, type)))
            return row;
    }
}

typedef struct exact_builder {
    snag_dispatch *dispatch;
    snag_arena *arena;
    uint32_t matchers;
} exact_builder;

static void exact_matcher(void *context, const snag_matcher *matcher, const snag_op *op)
{
    exact_builder *builder = context;
    (void)op;
    for (uint32_t i = 0; i < matcher->count; i++) {
        snag_str type = matcher->patterns[i].text;
        uint64_t hash = snag_hash64(type, 0);
        snag_row *row = exact_slot(builder->dispatch, type, hash);
        if (matcher->patterns[i].prefix || row->ops)
            continue;
        row_builder ops = {type, snag_arena_take(builder->arena,
                                                 builder->matchers * sizeof(snag_op)), 0};
        SNAG_ASSERT(ops.ops != NULL);
        row_build(builder->dispatch->pipeline, &ops);
        *row = (snag_row){hash, type, ops.ops, ops.count};
    }
}

static void watched_init(snag_dispatch *dispatch, const snag_pipeline *pipeline, snag_arena *arena)
{
    uint32_t count = pipeline->journey_count + pipeline->rule_count;
    snag_watched *next = dispatch->watched = snag_arena_take(arena, count * sizeof(snag_watched));
    SNAG_ASSERT(next != NULL);
    for (uint32_t j = 0; j < pipeline->journey_count; j++)
        *next++ = (snag_watched){pipeline->journeys[j].fingerprint, pipeline->journeys[j].scope};
    for (uint32_t r = 0; r < pipeline->rule_count; r++)
        *next++ = (snag_watched){pipeline->rules[r].signal.fingerprint, pipeline->rules[r].scope};
}

void snag_dispatch_init(snag_dispatch *dispatch, const snag_pipeline *pipeline, snag_arena *arena)
{
    totals sums = totals_of(pipeline);
    uint32_t slots = exact_slots(&sums);
    *dispatch = (snag_dispatch){.pipeline = pipeline, .exact_mask = slots - 1};
    dispatch->exact = snag_arena_take(arena, slots * sizeof(snag_row));
    SNAG_ASSERT(dispatch->exact != NULL);
    exact_builder builder = {dispatch, arena, sums.matchers};
    walk_matchers(pipeline, exact_matcher, &builder);
    watched_init(dispatch, pipeline, arena);
    if (sums.prefix_matchers == 0)
        return;
    dispatch->any_prefix = true;
    dispatch->cache_ops_max = sums.prefix_matchers;
    dispatch->cache = snag_arena_take(arena, CACHE_ROWS * sizeof(snag_row));
    dispatch->cache_ops =
        snag_arena_take(arena, CACHE_ROWS * (size_t)sums.prefix_matchers * sizeof(snag_op));
    dispatch->cache_types = snag_arena_take(arena, (size_t)CACHE_ROWS * SNAG_TYPE_BYTES_MAX);
    SNAG_ASSERT(dispatch->cache && dispatch->cache_ops && dispatch->cache_types);
}

/* The row of a type that is not named literally, from the cache or made now. */
static const snag_row *cached_row(snag_dispatch *dispatch, snag_str type, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (CACHE_ROWS - 1);
    snag_row *row = &dispatch->cache[at];
    if (row->ops && row->hash == hash && snag_str_equal(row->type, type))
        return row;
    char *bytes = dispatch->cache_types + (size_t)at * SNAG_TYPE_BYTES_MAX;
    if (type.size)
        memcpy(bytes, type.data, type.size);
    row_builder ops = {snag_str_of(bytes, type.size),
                       dispatch->cache_ops + (size_t)at * dispatch->cache_ops_max, 0};
    row_build(dispatch->pipeline, &ops);
    SNAG_ASSERT(ops.count <= dispatch->cache_ops_max);
    *row = (snag_row){hash, ops.type, ops.ops, ops.count};
    return row;
}

const snag_row *snag_dispatch_find(snag_dispatch *dispatch, snag_str type)
{
    uint64_t hash = snag_hash64(type, 0);
    const snag_row *row = exact_slot(dispatch, type, hash);
    if (row->ops == NULL) {
        if (!dispatch->any_prefix || type.size > SNAG_TYPE_BYTES_MAX)
            return NULL; /* no decoder lets a longer type through */
        row = cached_row(dispatch, type, hash);
    }
    return row->count ? row : NULL;
}
