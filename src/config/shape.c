/* SPDX-License-Identifier: Apache-2.0
 *
 * `shapes:`, and values by shape: a rule or stage that has some is read once for each shape, from a copy of
 * its map in which they are replaced.
 *
 *     due: { needs_approval: 10d, else: 48h }   -->   due: 10d      for needs_approval
 *                                                     due: 48h      for all others
 */
#include "base/assert.h"
#include "base/nearest.h"
#include "config/key.h"

/* 1 = true and 0 = false, whatever the event; -1 = that depends. */
static int answer_of(const snag_expr *when)
{
    char bytes[1024];
    snag_arena scratch;
    bool erred = false;
    if (!when || snag_expr_uses(when))
        return -1;
    snag_arena_init(&scratch, bytes, sizeof bytes);
    bool yes = snag_expr_true(when, NULL, 0, &scratch, &erred);
    return erred ? -1 : yes;
}

static void shape_load(snag_loader *loader, const snag_yaml *node, snag_shape *shape)
{
    static const char *const taken[] = {"else", "otherwise", "event", "where", "file", "from"};
    shape->name = node->key;
    snag_name_check(loader, node, "a shape");
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (snag_str_equal(node->key, snag_str_from(taken[i])))
            snag_finding_add(loader, node->key_at, "\"%s\" means something else; call the shape otherwise",
                             taken[i]);
    if (snag_yaml_is_empty(node)) {
        snag_finding_add(loader, node->key_at, "\"%.*s\" has no value; expected an expression, or otherwise",
                         SNAG_FMT(node->key));
        return;
    }
    bool rest = node->kind == SNAG_YAML_TEXT && snag_str_equal(node->text, SNAG_STR("otherwise"));
    shape->when = rest ? NULL : snag_where_load(loader, node);
    int answer = answer_of(shape->when);
    if (answer == 0)
        snag_finding_add(loader, node->key_at, "shape \"%.*s\" can never be: its expression is always false",
                         SNAG_FMT(node->key));
    if ((rest || answer == 1) && node->next)
        snag_finding_add(loader, node->next->key_at,
                         "shape \"%.*s\" can never be: \"%.*s\" before it is %s", SNAG_FMT(node->next->key),
                         SNAG_FMT(node->key), rest ? "otherwise" : "always true");
}

/* One that asks what another before it has asked. */
static void again_check(snag_loader *loader, const snag_yaml *node, const snag_shape *shapes, uint32_t at)
{
    for (uint32_t i = 0; shapes[at].when && i < at; i++)
        if (shapes[i].when && snag_str_equal(snag_where_text(loader, shapes[i].when),
                                             snag_where_text(loader, shapes[at].when)))
            snag_finding_add(loader, node->key_at,
                             "shape \"%.*s\" can never be: \"%.*s\" before it is the same",
                             SNAG_FMT(shapes[at].name), SNAG_FMT(shapes[i].name));
}

void snag_shapes_load(snag_loader *loader, const snag_yaml *node)
{
    snag_pipeline *pipeline = loader->pipeline;
    if (!node)
        return;
    if (node->kind != SNAG_YAML_MAP || node->count > SNAG_SHAPES_MAX) {
        snag_finding_add(loader, node->at,
                         "shapes: expected a map of at most %u names to expressions, the last may be "
                         "otherwise",
                         SNAG_SHAPES_MAX);
        return;
    }
    if (snag_name_slot(loader, SNAG_STR("shape")) >= 0) {
        snag_finding_add(loader, node->key_at,
                         "shapes: the customer's shape is called \"shape\", and so is a kept name or a fact: "
                         "call that otherwise");
        return;
    }
    if (loader->name_count == SNAG_KEPT_MAX) {
        snag_finding_add(loader, node->key_at, "more than %u names: kept names, facts and the shape together",
                         SNAG_KEPT_MAX - SNAG_VAR_KEPT);
        return;
    }
    snag_shape *shapes = snag_loader_take(loader, node->count * sizeof *shapes);
    for (const snag_yaml *child = node->first; child; child = child->next) {
        shape_load(loader, child, &shapes[pipeline->shape_count]);
        again_check(loader, child, shapes, pipeline->shape_count++);
    }
    pipeline->shapes = shapes;
    pipeline->shape_slot = (uint16_t)loader->name_count;
    loader->names[loader->name_count++] =
        (snag_expr_name){SNAG_STR("shape"), SNAG_KIND_TEXT, pipeline->shape_slot};
}

/* The number of a shape; shape_count = else, above it: neither. */
static uint32_t shape_find(const snag_pipeline *pipeline, snag_str name)
{
    uint32_t i = 0;
    while (i < pipeline->shape_count && !snag_str_equal(pipeline->shapes[i].name, name))
        i++;
    if (i == pipeline->shape_count && !snag_str_equal(name, SNAG_STR("else")))
        i++;
    return i;
}

/* A map with at least one key that is a shape, or else. What is a map anyway may name things that are called
 * like a shape: kept names and their texts, rules and their weights, stages. */
static bool is_by_shape(const snag_pipeline *pipeline, const snag_yaml *node)
{
    bool maps = snag_str_equal(node->key, SNAG_STR("exclude")) ||
                snag_str_equal(node->key, SNAG_STR("score"));
    bool names = snag_str_equal(node->key, SNAG_STR("stages")) ||
                 snag_str_equal(node->key, SNAG_STR("survey"));
    if (node->kind != SNAG_YAML_MAP || names)
        return false;
    for (const snag_yaml *child = node->first; child; child = child->next)
        if (shape_find(pipeline, child->key) <= pipeline->shape_count &&
            (!maps || child->kind == SNAG_YAML_MAP))
            return true;
    return false;
}

/* What decides which events are asked, and about what, is one for all shapes. */
static bool is_one_for_all(snag_str key)
{
    static const char *const words[] = {"event", "where", "per", "end", "milestone", "exclude", "again"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (snag_str_equal(key, snag_str_from(words[i])))
            return true;
    for (uint32_t i = 0; i < snag_rule_kind_count; i++)
        for (uint32_t k = 0; k < snag_rule_kinds[i]->field_count; k++) {
            const snag_field *field = &snag_rule_kinds[i]->fields[k];
            bool names = field->type == SNAG_FIELD_MATCHER || field->type == SNAG_FIELD_STEPS ||
                         field->type == SNAG_FIELD_NAME || field->type == SNAG_FIELD_WEIGHTS;
            if (names && snag_str_equal(key, snag_str_from(field->name)))
                return true;
        }
    return false;
}

static void by_shape_check(snag_loader *loader, const snag_yaml *node)
{
    const snag_pipeline *pipeline = loader->pipeline;
    bool rest = false;
    if (is_one_for_all(node->key)) {
        snag_finding_add(loader, node->at,
                         "%.*s: is the same for all shapes; instead: where: shape == \"…\" on rules of "
                         "their own",
                         SNAG_FMT(node->key));
        return;
    }
    if (pipeline->shape_count == 0) {
        snag_finding_add(loader, node->at,
                         "%.*s: a value by shape, and there are no shapes: declare shapes:, or give one "
                         "value",
                         SNAG_FMT(node->key));
        return;
    }
    for (const snag_yaml *child = node->first; child; child = child->next) {
        uint32_t shape = shape_find(pipeline, child->key);
        rest = rest || shape == pipeline->shape_count;
        if (shape <= pipeline->shape_count)
            continue;
        snag_nearest nearest = {.wanted = child->key, .best = SNAG_STR("")};
        for (uint32_t i = 0; i < pipeline->shape_count; i++)
            snag_nearest_offer(&nearest, pipeline->shapes[i].name);
        snag_finding_add(loader, child->key_at, "%.*s: there is no shape \"%.*s\"%s%.*s%s",
                         SNAG_FMT(node->key), SNAG_FMT(child->key),
                         nearest.best.size ? "; did you mean \"" : "",
                         SNAG_FMT(nearest.best), nearest.best.size ? "\"?" : "");
    }
    if (!rest)
        snag_finding_add(loader, node->at, "%.*s: a value by shape needs else: for all others",
                         SNAG_FMT(node->key));
}

/* Weights, each of which may be by shape. */
static bool is_weights(const snag_pipeline *pipeline, const snag_yaml *node)
{
    bool any = false;
    if (node->kind != SNAG_YAML_MAP || !snag_str_equal(node->key, SNAG_STR("score")))
        return false;
    for (const snag_yaml *child = node->first; child; child = child->next)
        any = any || is_by_shape(pipeline, child);
    return any;
}

bool snag_by_shape(snag_loader *loader, const snag_yaml *map)
{
    bool any = false;
    if (map->kind != SNAG_YAML_MAP)
        return false;
    for (const snag_yaml *child = map->first; child; child = child->next) {
        if (!child->told && is_weights(loader->pipeline, child))
            any = snag_by_shape(loader, child) || any;
        if (child->told || is_weights(loader->pipeline, child) || !is_by_shape(loader->pipeline, child))
            continue;
        by_shape_check(loader, child);
        any = true;
    }
    return any;
}

/* The value of a shape, or that of else; the node itself where there is neither. */
static const snag_yaml *value_of(const snag_pipeline *pipeline, const snag_yaml *node, uint32_t shape)
{
    const snag_yaml *found = node;
    for (const snag_yaml *child = node->first; child; child = child->next) {
        uint32_t is = shape_find(pipeline, child->key);
        if (is == shape)
            return child;
        if (is == pipeline->shape_count)
            found = child;
    }
    return found;
}

const snag_yaml *snag_shaped(snag_loader *loader, const snag_yaml *map, uint32_t shape)
{
    const snag_pipeline *pipeline = loader->pipeline;
    snag_yaml *copy = snag_loader_take(loader, sizeof *copy);
    snag_yaml **end = &copy->first;
    *copy = *map;
    copy->first = NULL;
    for (const snag_yaml *child = map->first; child; child = child->next) {
        bool weights = is_weights(pipeline, child);
        bool shaped = !weights && is_by_shape(pipeline, child);
        snag_yaml *mine = snag_loader_take(loader, sizeof *mine);
        const snag_yaml *value = weights  ? snag_shaped(loader, child, shape)
                                 : shaped ? value_of(pipeline, child, shape)
                                          : child;
        *mine = *value;
        mine->key = child->key;
        mine->key_at = child->key_at;
        mine->told = mine->told || (shaped && value == child); /* no value: that is said already */
        mine->parent = copy;
        mine->next = NULL;
        for (snag_yaml *inner = weights ? mine->first : NULL; inner; inner = inner->next)
            inner->parent = mine;
        *end = mine;
        end = &mine->next;
    }
    return copy;
}
