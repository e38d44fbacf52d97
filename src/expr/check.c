/* SPDX-License-Identifier: Apache-2.0
 *
 * Types: every node learns its kind from below; what can never have a value is refused here, with
 * the column, instead of failing at the first event. "any" agrees with everything.
 *
 * Two things are wider than CEL's own checker: numbers of different kinds may be compared, and
 * has(x) may ask for a bare name.
 */
#include "base/assert.h"
#include "base/nearest.h"
#include "expr/builtin.h"
#include "expr/names.h"

enum { SHOWN_MAX = 96 };

#define BIT(kind) SNAG_KIND_BIT(kind)
static const uint32_t numbers = BIT(INT) | BIT(UINT) | BIT(DOUBLE);
static const uint32_t ordered = BIT(BOOL) | BIT(INT) | BIT(UINT) | BIT(DOUBLE) | BIT(TEXT) |
                                BIT(BYTES) | BIT(TIME) | BIT(DURATION);

static snag_err check_node(snag_check *check, snag_node *node);

/* A refusal; where the scope is unchecked, the node is merely of unknown type. */
#define REFUSE(check, node, at, ...)                                                     \
    ((check)->compilation->unchecked                                              \
         ? ((node)->type = snag_type_of(SNAG_KIND_DYN), (snag_err)SNAG_OK)               \
         : snag_compilation_fail((check)->compilation, (at), __VA_ARGS__))

static bool is_any(const snag_node *node)
{
    return node->type->kind == SNAG_KIND_DYN;
}

static bool is_one_of(const snag_node *node, uint32_t kinds)
{
    return is_any(node) || (kinds >> node->type->kind & 1u) != 0;
}

/* "amount (double)" or "text", for messages. */
static const char *shown(const snag_node *node, char text[SHOWN_MAX])
{
    const char *word = snag_kind_word(node->type->kind);
    snag_buf buf = snag_buf_on(text, SHOWN_MAX - 1);
    if (node->kind == SNAG_NODE_VAR && node->name.size <= 64)
        snag_buf_printf(&buf, "%.*s (%s)", SNAG_FMT(node->name), word);
    else
        snag_buf_str_put(&buf, snag_str_from(word));
    text[buf.size] = '\0';
    return text;
}

static snag_err check_children(snag_check *check, snag_node *node)
{
    node->reach = SNAG_REACH_NONE;
    for (snag_node *child = node->first; child; child = child->next) {
        snag_err err = check_node(check, child);
        if (err)
            return err;
        if (child->reach < node->reach)
            node->reach = child->reach;
    }
    return SNAG_OK;
}

static snag_err check_select(snag_check *check, snag_node *node)
{
    bool found;
    char text[SHOWN_MAX];
    snag_err err = snag_name_resolve(check, node, &found);
    if (err || found)
        return err;
    if ((err = check_children(check, node)))
        return err;
    node->type = node->first->type->item;
    if (!is_one_of(node->first, BIT(MAP)))
        return REFUSE(check, node, node->at, "%s has no fields, so .%.*s cannot be asked of it",
                      shown(node->first, text), SNAG_FMT(node->name));
    return SNAG_OK;
}

static snag_err check_has(snag_check *check, snag_node *node)
{
    bool found;
    char text[SHOWN_MAX];
    snag_node *asked = node->first;
    node->type = snag_type_of(SNAG_KIND_BOOL);
    snag_err err = snag_name_resolve(check, asked, &found);
    if (err)
        return err;
    if (!found) {
        if ((err = check_children(check, asked)))
            return err;
        asked->type = snag_type_of(SNAG_KIND_DYN);
        if (!is_one_of(asked->first, BIT(MAP)))
            err = REFUSE(check, node, asked->at, "%s has no fields, so has() cannot ask for .%.*s",
                         shown(asked->first, text), SNAG_FMT(asked->name));
    }
    node->reach = asked->reach;
    return err;
}

static snag_err check_index(snag_check *check, snag_node *node)
{
    char text[SHOWN_MAX];
    snag_err err = check_children(check, node);
    if (err)
        return err;
    const snag_node *index = node->first->next;
    node->type = node->first->type->item;
    if (!is_one_of(node->first, BIT(LIST) | BIT(MAP)))
        return REFUSE(check, node, node->at, "[] asks a list or a map, not %s",
                      shown(node->first, text));
    if (node->first->type->kind == SNAG_KIND_LIST && !is_one_of(index, BIT(INT) | BIT(UINT)))
        return REFUSE(check, node, index->at, "a list's index is int, not %s", shown(index, text));
    return SNAG_OK;
}

static snag_err unknown_function(snag_check *check, snag_node *node)
{
    size_t count;
    const snag_builtin *all = snag_builtins(&count);
    snag_nearest nearest = {.wanted = node->name};
    for (size_t i = 0; i < count; i++)
        snag_nearest_offer(&nearest, snag_str_from(all[i].name));
    node->type = snag_type_of(SNAG_KIND_DYN);
    node->reach = SNAG_REACH_VARS;
    int size = node->name.size > 80 ? 80 : (int)node->name.size;
    if (nearest.best.size)
        return REFUSE(check, node, node->at, "there is no function %.*s; did you mean %.*s?", size,
                      node->name.data, SNAG_FMT(nearest.best));
    return REFUSE(check, node, node->at, "there is no function %.*s", size, node->name.data);
}

static snag_err check_arguments(snag_check *check, snag_node *node)
{
    char text[SHOWN_MAX];
    const snag_builtin *builtin = node->builtin;
    size_t i = 0;
    for (const snag_node *child = node->first; child; child = child->next, i++) {
        if (is_one_of(child, builtin->takes[i]))
            continue;
        if (i == 0 && node->method)
            return REFUSE(check, node, node->at, "%s has no %s() (%s)", shown(child, text),
                          builtin->name, builtin->help);
        return REFUSE(check, node, child->at, "%s() does not take %s (%s)", builtin->name,
                      shown(child, text), builtin->help);
    }
    return SNAG_OK;
}

static snag_err check_call(snag_check *check, snag_node *node)
{
    node->builtin = snag_builtin_find(node->name);
    snag_err err = SNAG_OK;
    if (!node->builtin && (err = unknown_function(check, node)))
        return err;
    if (!node->builtin)
        return SNAG_OK; /* unchecked: a fault when it is reached, whatever its arguments */
    if ((err = check_children(check, node)))
        return err;
    node->type = snag_type_of(node->builtin->result);
    const snag_builtin *builtin = node->builtin;
    if (!(builtin->calls & (node->method ? SNAG_CALL_METHOD : SNAG_CALL_PLAIN))) {
        node->builtin = NULL;
        node->reach = SNAG_REACH_VARS;
        return REFUSE(check, node, node->at,
                      node->method ? "%s is written %s(x), not x.%s()" : "%s is written x.%s(…), not %s(x)",
                      builtin->name, builtin->name, builtin->name);
    }
    if (node->count < builtin->least || node->count > builtin->most) {
        node->builtin = NULL;
        node->reach = SNAG_REACH_VARS;
        return REFUSE(check, node, node->at, "%s() takes %u argument%s, got %u (%s)", builtin->name,
                      (unsigned)builtin->most - node->method,
                      builtin->most - node->method == 1 ? "" : "s", node->count - node->method,
                      builtin->help);
    }
    return check_arguments(check, node);
}

static snag_err check_sign(snag_check *check, snag_node *node)
{
    char text[SHOWN_MAX];
    bool not = node->kind == SNAG_NODE_NOT;
    snag_err err = check_children(check, node);
    if (err)
        return err;
    node->type = not ? snag_type_of(SNAG_KIND_BOOL) : node->first->type;
    if (not && !is_one_of(node->first, BIT(BOOL)))
        return REFUSE(check, node, node->at, "! needs bool, got %s", shown(node->first, text));
    if (!not && !is_one_of(node->first, BIT(INT) | BIT(DOUBLE)))
        return REFUSE(check, node, node->at, "- does not work on %s", shown(node->first, text));
    return SNAG_OK;
}

/* The kind of a sum, difference …; ABSENT where there is none. */
static snag_kind sum_kind(int sign, snag_kind a, snag_kind b)
{
    bool plus = sign == SNAG_TOKEN_PLUS;
    bool minus = sign == SNAG_TOKEN_MINUS;
    uint32_t same = sign == SNAG_TOKEN_MODULO ? BIT(INT) | BIT(UINT) : numbers;
    if (plus)
        same |= BIT(TEXT) | BIT(BYTES) | BIT(LIST) | BIT(DURATION);
    if (minus)
        same |= BIT(DURATION);
    if (a == b && (same >> a & 1u))
        return a;
    if (minus && a == SNAG_KIND_TIME && b == SNAG_KIND_TIME)
        return SNAG_KIND_DURATION;
    if ((plus || minus) && a == SNAG_KIND_TIME && b == SNAG_KIND_DURATION)
        return SNAG_KIND_TIME;
    if (plus && a == SNAG_KIND_DURATION && b == SNAG_KIND_TIME)
        return SNAG_KIND_TIME;
    return SNAG_KIND_ABSENT;
}

static snag_err check_arithmetic(snag_check *check, snag_node *node)
{
    char left[SHOWN_MAX];
    char right[SHOWN_MAX];
    const snag_node *a = node->first;
    const snag_node *b = a->next;
    const char *word = snag_token_word((snag_token_kind)node->sign);
    if (is_any(a) || is_any(b)) {
        node->type = snag_type_of(SNAG_KIND_DYN);
        return SNAG_OK;
    }
    snag_kind kind = sum_kind(node->sign, a->type->kind, b->type->kind);
    node->type = kind == SNAG_KIND_LIST && a->type->item == b->type->item
                     ? a->type
                     : snag_type_of(kind == SNAG_KIND_ABSENT ? SNAG_KIND_DYN : kind);
    if (kind != SNAG_KIND_ABSENT)
        return SNAG_OK;
    if (is_one_of(a, numbers) && is_one_of(b, numbers) && a->type != b->type)
        return REFUSE(check, node, node->at,
                      "%s needs both sides of one kind, got %s and %s; write %s(…) around one of them",
                      word, shown(a, left), shown(b, right),
                      a->type->kind == SNAG_KIND_DOUBLE || b->type->kind == SNAG_KIND_DOUBLE ? "double"
                                                                                             : "int");
    return REFUSE(check, node, node->at, "%s does not work on %s and %s", word, shown(a, left),
                  shown(b, right));
}

static bool comparable(const snag_node *a, const snag_node *b)
{
    return is_any(a) || is_any(b) || a->type->kind == b->type->kind ||
           (is_one_of(a, numbers) && is_one_of(b, numbers));
}

static snag_err check_comparison(snag_check *check, snag_node *node)
{
    char left[SHOWN_MAX];
    char right[SHOWN_MAX];
    const snag_node *a = node->first;
    const snag_node *b = a->next;
    const char *word = snag_token_word((snag_token_kind)node->sign);
    bool equality = node->sign == SNAG_TOKEN_EQUAL || node->sign == SNAG_TOKEN_NOT_EQUAL;
    node->type = snag_type_of(SNAG_KIND_BOOL);
    bool null = a->type->kind == SNAG_KIND_NULL || b->type->kind == SNAG_KIND_NULL;
    if (equality && null && !comparable(a, b))
        return REFUSE(check, node, node->at, "%s is never null; has(…) asks whether a name is there",
                      shown(a->type->kind == SNAG_KIND_NULL ? b : a, left));
    if (!comparable(a, b))
        return REFUSE(check, node, node->at, "%s cannot compare %s with %s", word, shown(a, left),
                      shown(b, right));
    if (!equality && (!is_one_of(a, ordered) || !is_one_of(b, ordered)))
        return REFUSE(check, node, node->at, "%s does not order %s", word,
                      shown(is_one_of(a, ordered) ? b : a, left));
    return SNAG_OK;
}

static snag_err check_in(snag_check *check, snag_node *node)
{
    char left[SHOWN_MAX];
    const snag_node *a = node->first;
    const snag_node *b = a->next;
    node->type = snag_type_of(SNAG_KIND_BOOL);
    if (!is_one_of(b, BIT(LIST) | BIT(MAP)))
        return REFUSE(check, node, b->at, "in looks into a list or a map, not %s; %s", shown(b, left),
                      b->type->kind == SNAG_KIND_TEXT ? "a part of a text: text.contains(part)"
                                                      : "a list is written [1, 2, 3]");
    const snag_type *item = b->type->kind == SNAG_KIND_MAP ? b->type->key : b->type->item;
    snag_node stand_in = {.type = item};
    if (!comparable(a, &stand_in))
        return REFUSE(check, node, node->at, "%s is never in a %s of %s", shown(a, left),
                      snag_kind_word(b->type->kind), snag_kind_word(item->kind));
    return SNAG_OK;
}

static snag_err check_binary(snag_check *check, snag_node *node)
{
    snag_err err = check_children(check, node);
    if (err)
        return err;
    switch (node->sign) {
    case SNAG_TOKEN_IN: return check_in(check, node);
    case SNAG_TOKEN_PLUS:
    case SNAG_TOKEN_MINUS:
    case SNAG_TOKEN_TIMES:
    case SNAG_TOKEN_DIVIDE:
    case SNAG_TOKEN_MODULO: return check_arithmetic(check, node);
    default: return check_comparison(check, node);
    }
}

static snag_err check_logic(snag_check *check, snag_node *node)
{
    char text[SHOWN_MAX];
    snag_err err = check_children(check, node);
    node->type = snag_type_of(SNAG_KIND_BOOL);
    for (const snag_node *child = node->first; child && !err; child = child->next)
        if (!is_one_of(child, BIT(BOOL)))
            err = REFUSE(check, node, child->at, "%s needs bool on both sides, got %s",
                         snag_token_word((snag_token_kind)node->sign), shown(child, text));
    return err;
}

/* Both, or anything where they differ. */
static const snag_type *join(const snag_type *a, const snag_type *b)
{
    if (a == NULL || a == b)
        return b;
    return snag_type_of(a->kind == b->kind ? a->kind : SNAG_KIND_DYN);
}

static snag_err check_choose(snag_check *check, snag_node *node)
{
    char text[SHOWN_MAX];
    snag_err err = check_children(check, node);
    if (err)
        return err;
    node->type = join(node->first->next->type, node->first->next->next->type);
    if (!is_one_of(node->first, BIT(BOOL)))
        return REFUSE(check, node, node->at, "? needs bool before it, got %s",
                      shown(node->first, text));
    return SNAG_OK;
}

static snag_err check_collection(snag_check *check, snag_node *node)
{
    char text[SHOWN_MAX];
    bool map = node->kind == SNAG_NODE_MAP;
    snag_err err = check_children(check, node);
    if (err)
        return err;
    snag_type *type = snag_arena_take(check->compilation->temp, sizeof *type);
    if (!type)
        return snag_compilation_fail(check->compilation, node->at,
                                     "the expression is too large for its memory");
    node->type = type;
    bool key = map;
    for (const snag_node *child = node->first; child; child = child->next, key = map && !key) {
        if (key && !is_one_of(child, BIT(BOOL) | BIT(INT) | BIT(UINT) | BIT(TEXT)))
            return REFUSE(check, node, child->at, "a map's keys are text, int, uint or bool, not %s",
                          shown(child, text));
        const snag_type **part = key ? &type->key : &type->item;
        *part = join(*part, child->type);
    }
    type->kind = map ? SNAG_KIND_MAP : SNAG_KIND_LIST;
    type->key = type->key ? type->key : snag_type_of(SNAG_KIND_DYN);
    type->item = type->item ? type->item : snag_type_of(SNAG_KIND_DYN);
    return SNAG_OK;
}

static snag_err loop_type(snag_check *check, snag_node *node, const snag_node *value)
{
    if (node->sign != SNAG_LOOP_MAP && node->sign != SNAG_LOOP_FILTER) {
        node->type = snag_type_of(SNAG_KIND_BOOL);
        return SNAG_OK;
    }
    snag_type *type = snag_arena_take(check->compilation->temp, sizeof *type);
    if (!type)
        return snag_compilation_fail(check->compilation, node->at,
                                     "the expression is too large for its memory");
    *type = (snag_type){SNAG_KIND_LIST, snag_type_of(SNAG_KIND_DYN),
                        node->sign == SNAG_LOOP_MAP ? value->type
                                                    : check->locals[check->levels].type};
    node->type = type;
    return SNAG_OK;
}

static snag_err check_loop(snag_check *check, snag_node *node)
{
    char text[SHOWN_MAX];
    snag_node *range = node->first;
    snag_node *last = range->next;
    snag_err err = check_node(check, range);
    if (err)
        return err;
    SNAG_ASSERT(check->levels < SNAG_EXPR_NESTING_MAX);
    uint32_t level = check->levels++;
    const snag_type *range_type = range->type;
    check->locals[level] = (snag_local){
        node->name, range_type->kind == SNAG_KIND_MAP ? range_type->key : range_type->item};
    node->reach = range->reach;
    for (snag_node *part = range->next; part && !err; part = part->next) {
        last = part;
        err = check_node(check, part);
        uint32_t reach = part->reach == level + 1 ? SNAG_REACH_NONE : part->reach;
        if (reach < node->reach)
            node->reach = reach;
    }
    check->levels--;
    if (err || (err = loop_type(check, node, last)))
        return err;
    if (!is_one_of(range, BIT(LIST) | BIT(MAP)))
        return REFUSE(check, node, node->at, "%s has no items to go through", shown(range, text));
    bool asks = node->sign != SNAG_LOOP_MAP || node->count == 3;
    if (asks && !is_one_of(range->next, BIT(BOOL)))
        return REFUSE(check, node, range->next->at, "the condition must be bool, not %s",
                      shown(range->next, text));
    return SNAG_OK;
}

static snag_err check_node(snag_check *check, snag_node *node)
{
    bool found;
    switch (node->kind) {
    case SNAG_NODE_NAME: return snag_name_resolve(check, node, &found);
    case SNAG_NODE_SELECT: return check_select(check, node);
    case SNAG_NODE_HAS: return check_has(check, node);
    case SNAG_NODE_INDEX: return check_index(check, node);
    case SNAG_NODE_CALL: return check_call(check, node);
    case SNAG_NODE_NOT:
    case SNAG_NODE_NEGATE: return check_sign(check, node);
    case SNAG_NODE_BINARY: return check_binary(check, node);
    case SNAG_NODE_LOGIC: return check_logic(check, node);
    case SNAG_NODE_CHOOSE: return check_choose(check, node);
    case SNAG_NODE_LIST:
    case SNAG_NODE_MAP: return check_collection(check, node);
    case SNAG_NODE_LOOP: return check_loop(check, node);
    case SNAG_NODE_VALUE:
        node->type = snag_type_of(node->value.kind);
        node->reach = SNAG_REACH_NONE;
        return SNAG_OK;
    case SNAG_NODE_VAR:
    case SNAG_NODE_LOCAL: return SNAG_OK; /* resolved already, by has() or a chain */
    }
    SNAG_ASSERT(false); /* a kind of node */
    return SNAG_EXPR;
}

snag_err snag_expr_check(snag_compilation *compilation, snag_node *root)
{
    snag_check check = {.compilation = compilation};
    return check_node(&check, root);
}
