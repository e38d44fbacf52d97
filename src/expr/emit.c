/* SPDX-License-Identifier: Apache-2.0
 *
 * Checked tree -> flat program. What depends on no variable is run at once and stands in the program
 * as a constant: ["DE", "AT"], duration("1h"), 24 * 60 cost nothing at an event.
 */
#include "base/assert.h"
#include "expr/builtin.h"
#include "expr/regex.h"
#include "expr/text_set.h"
#include "expr/tree.h"

enum {
    INSNS_PER_NODE = 4, /* the most one node makes: a loop with a test */
    LOOP_PLACES = 4,    /* range, index, gathered, variable */
    FOLD_BYTES_MAX = 65536,
    FOLD_STEPS_MAX = SNAG_EXPR_STEPS_MAX / 10
};

typedef struct emitter {
    snag_compilation *compilation;
    snag_arena *arena; /* of the program */
    snag_expr *expr;   /* its arrays still lie in the temporary arena */
    snag_insn *code;
    snag_value *consts;
    snag_use *uses;
    const snag_regex **patterns;
    const snag_text_set **sets;
    const snag_zone **zones;
    uint32_t set_count;
    uint32_t const_count;
    uint32_t use_count;
    uint32_t pattern_count;
    uint32_t depth; /* of the stack */
    uint32_t levels;
    uint32_t places[SNAG_EXPR_NESTING_MAX + 1]; /* of the loops' variables */
    bool folding;
} emitter;

static snag_err emit(emitter *e, const snag_node *node);

static snag_err too_large(emitter *e)
{
    return snag_compilation_fail(e->compilation, 0, "the expression is too large for its memory");
}

static uint32_t put(emitter *e, snag_op op, uint32_t a, uint32_t b, const snag_node *node)
{
    SNAG_ASSERT(a <= UINT8_MAX);
    e->code[e->expr->size] = (snag_insn){(uint8_t)op, (uint8_t)a, 0, b, node->at + 1};
    return e->expr->size++;
}

/* The value just pushed lies at `depth`. */
static void pushed(emitter *e)
{
    if (++e->depth > e->expr->height)
        e->expr->height = e->depth;
}

/* A copy that borrows from nothing but the arena; false: it is full. */
static bool copy_value(snag_arena *arena, const snag_value *from, snag_value *to)
{
    *to = *from;
    if (from->kind == SNAG_KIND_TEXT || from->kind == SNAG_KIND_BYTES) {
        to->as.text = snag_arena_copy(arena, from->as.text);
        return to->as.text.data != NULL || from->as.text.size == 0;
    }
    if (from->kind != SNAG_KIND_LIST && from->kind != SNAG_KIND_MAP)
        return true;
    size_t count = from->as.list.count * (from->kind == SNAG_KIND_MAP ? 2 : 1);
    snag_value *items = snag_arena_take(arena, count * sizeof *items);
    for (size_t i = 0; i < count && items; i++)
        if (!copy_value(arena, &from->as.list.items[i], &items[i]))
            return false;
    to->as.list.items = items;
    return items != NULL;
}

static snag_err put_const(emitter *e, snag_op op, const snag_value *value, const snag_node *node)
{
    snag_value *kept = &e->consts[e->const_count];
    *kept = *value;
    if (!e->folding && !copy_value(e->arena, value, kept))
        return too_large(e);
    put(e, op, 0, e->const_count++, node);
    return SNAG_OK;
}

static snag_err put_use(emitter *e, snag_op op, const snag_node *node)
{
    uint32_t i = 0;
    while (i < e->use_count && e->uses[i].slot != node->slot)
        i++;
    snag_str name = i < e->use_count ? e->uses[i].name : snag_arena_copy(e->arena, node->name);
    if (!name.data)
        return too_large(e);
    put(e, op, 0, e->use_count, node);
    e->uses[e->use_count++] = (snag_use){name, node->slot, node->at + 1};
    return SNAG_OK;
}

static snag_err put_fault(emitter *e, snag_fault fault, snag_str detail, const snag_node *node)
{
    snag_value text = snag_value_text(detail);
    snag_err err = put_const(e, SNAG_OP_FAULT, &text, node);
    e->code[e->expr->size - 1].a = (uint8_t)fault;
    return err;
}

static snag_err emit_children(emitter *e, const snag_node *node)
{
    snag_err err = SNAG_OK;
    for (const snag_node *child = node->first; child && !err; child = child->next)
        err = emit(e, child);
    return err;
}

static snag_err emit_logic(emitter *e, const snag_node *node)
{
    bool decides = node->sign == SNAG_TOKEN_OR;
    uint32_t jumps = UINT32_MAX; /* those to the end, each holding the one before in b */
    snag_err err = emit(e, node->first);
    uint32_t last = put(e, SNAG_OP_LOGIC_FIRST, decides, jumps, node->first);
    for (const snag_node *child = node->first->next; child && !err; child = child->next) {
        jumps = last;
        err = emit(e, child);
        last = put(e, child->next ? SNAG_OP_LOGIC_NEXT : SNAG_OP_LOGIC_LAST, decides, jumps, child);
        e->depth--;
    }
    while (jumps != UINT32_MAX) {
        uint32_t before = e->code[jumps].b;
        e->code[jumps].b = e->expr->size;
        jumps = before;
    }
    return err;
}

static snag_err emit_choose(emitter *e, const snag_node *node)
{
    snag_err err = emit(e, node->first);
    uint32_t choose = put(e, SNAG_OP_CHOOSE, 0, 0, node);
    e->depth--;
    if (err || (err = emit(e, node->first->next)))
        return err;
    uint32_t jump = put(e, SNAG_OP_JUMP, 0, 0, node);
    e->code[choose].b = e->expr->size;
    e->depth--;
    err = emit(e, node->first->next->next);
    e->code[jump].b = e->expr->size;
    return err;
}

static snag_err emit_loop(emitter *e, const snag_node *node)
{
    snag_err err = emit(e, node->first);
    uint32_t range = e->depth - 1;
    uint32_t begin = put(e, SNAG_OP_LOOP_BEGIN, (uint32_t)node->sign, 0, node);
    while (e->depth < range + LOOP_PLACES)
        pushed(e);
    e->places[e->levels++] = range + LOOP_PLACES - 1;
    uint32_t body = e->expr->size;
    const snag_node *value = node->first->next;
    if (err || (err = emit(e, value)))
        return err;
    uint32_t test = UINT32_MAX;
    if (value->next) {
        test = put(e, SNAG_OP_LOOP_TEST, (uint32_t)node->sign, 0, value);
        e->depth--;
        if ((err = emit(e, value->next)))
            return err;
    }
    uint32_t next = put(e, SNAG_OP_LOOP_NEXT, (uint32_t)node->sign, body, value);
    if (test != UINT32_MAX)
        e->code[test].b = next;
    e->code[begin].b = e->expr->size;
    e->levels--;
    e->depth = range + 1;
    return SNAG_OK;
}

/* x.matches("…"): the pattern is compiled now. */
static snag_err emit_matches(emitter *e, const snag_node *node)
{
    const snag_node *pattern = node->first->next;
    snag_diag words = {0};
    const snag_regex *regex;
    snag_arena *arena = e->folding ? e->compilation->temp : e->arena;
    snag_err err = snag_regex_compile(arena, pattern->value.as.text, &regex, &words);
    if (err && e->compilation->unchecked) {
        pushed(e);
        return put_fault(e, SNAG_FAULT_PATTERN, snag_str_from(words.text), node);
    }
    if (err)
        return snag_compilation_fail(e->compilation, pattern->at, "the pattern is not valid: %s",
                                     words.text);
    if ((err = emit(e, node->first)))
        return err;
    e->patterns[e->pattern_count] = regex;
    put(e, SNAG_OP_MATCHES, 0, e->pattern_count++, node);
    return SNAG_OK;
}

/* A long list of texts becomes a table. */
static void use_set(emitter *e, snag_insn *insn)
{
    if (insn->op != SNAG_OP_IN_VAR || e->folding)
        return;
    const snag_text_set *set = snag_text_set_make(e->arena, &e->consts[insn->b]);
    if (!set)
        return;
    e->sets[e->set_count] = set;
    insn->op = SNAG_OP_IN_SET;
    insn->b = e->set_count++;
}

/* VAR, CONST, op -> one instruction that takes its operands where they lie. */
static void fuse(emitter *e, uint32_t from)
{
    static const struct {
        snag_op plain;
        snag_op fused;
    } pairs[] = {{SNAG_OP_ORDER, SNAG_OP_ORDER_VAR},
                 {SNAG_OP_EQUAL, SNAG_OP_EQUAL_VAR},
                 {SNAG_OP_IN, SNAG_OP_IN_VAR},
                 {SNAG_OP_TEST, SNAG_OP_TEST_VAR}};
    snag_insn *insns = &e->code[from];
    if (e->expr->size != from + 3 || insns[0].op != SNAG_OP_VAR || insns[1].op != SNAG_OP_CONST ||
        insns[0].b > UINT16_MAX)
        return;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (insns[2].op != pairs[i].plain)
            continue;
        bool test = pairs[i].plain == SNAG_OP_TEST;
        insns[0] = (snag_insn){(uint8_t)pairs[i].fused, test ? (uint8_t)insns[2].b : insns[2].a,
                               (uint16_t)insns[0].b, insns[1].b, insns[2].column};
        e->expr->size = from + 1;
        use_set(e, &insns[0]);
        return;
    }
}

static snag_err emit_call(emitter *e, const snag_node *node)
{
    size_t count;
    uint32_t from = e->expr->size;
    if (!node->builtin) {
        pushed(e);
        return put_fault(e, SNAG_FAULT_FUNCTION, node->name, node);
    }
    const snag_node *second = node->first->next;
    if (strcmp(node->builtin->name, "matches") == 0 && second->kind == SNAG_NODE_VALUE &&
        second->value.kind == SNAG_KIND_TEXT)
        return emit_matches(e, node);
    uint32_t depth = e->depth;
    snag_err err = SNAG_OK;
    if (second && snag_builtin_zoned(node->builtin))
        err = snag_expr_use_zone(e->compilation, second, e->expr, e->zones);
    if (err || (err = emit_children(e, node)))
        return err;
    put(e, node->builtin->test ? SNAG_OP_TEST : SNAG_OP_CALL, node->count,
        (uint32_t)(node->builtin - snag_builtins(&count)), node);
    fuse(e, from);
    e->depth = depth + 1;
    return err;
}

static snag_err emit_has(emitter *e, const snag_node *node)
{
    const snag_node *asked = node->first;
    snag_value name = snag_value_text(asked->name);
    snag_value yes = {.as.boolean = true, .kind = SNAG_KIND_BOOL};
    if (asked->kind == SNAG_NODE_SELECT) {
        snag_err err = emit(e, asked->first);
        return err ? err : put_const(e, SNAG_OP_HAS_FIELD, &name, asked);
    }
    pushed(e);
    if (asked->kind == SNAG_NODE_VAR)
        return put_use(e, SNAG_OP_HAS_VAR, asked);
    return put_const(e, SNAG_OP_CONST, &yes, node); /* a macro's variable is always there */
}

static snag_err emit_binary(emitter *e, const snag_node *node)
{
    uint32_t from = e->expr->size;
    snag_err err = emit_children(e, node);
    switch (node->sign) {
    case SNAG_TOKEN_IN: put(e, SNAG_OP_IN, 0, 0, node); break;
    case SNAG_TOKEN_EQUAL:
    case SNAG_TOKEN_NOT_EQUAL:
        put(e, SNAG_OP_EQUAL, node->sign == SNAG_TOKEN_NOT_EQUAL, 0, node);
        break;
    case SNAG_TOKEN_LESS:
    case SNAG_TOKEN_LESS_EQUAL:
    case SNAG_TOKEN_GREATER:
    case SNAG_TOKEN_GREATER_EQUAL: put(e, SNAG_OP_ORDER, (uint32_t)node->sign, 0, node); break;
    default: put(e, SNAG_OP_ARITHMETIC, (uint32_t)node->sign, 0, node); break;
    }
    fuse(e, from);
    e->depth--;
    return err;
}

static snag_err emit_collection(emitter *e, const snag_node *node)
{
    bool map = node->kind == SNAG_NODE_MAP;
    uint32_t depth = e->depth;
    snag_err err = emit_children(e, node);
    put(e, map ? SNAG_OP_MAP : SNAG_OP_LIST, 0, map ? node->count / 2 : node->count, node);
    e->depth = depth;
    pushed(e);
    return err;
}

static snag_err emit_node(emitter *e, const snag_node *node)
{
    snag_err err;
    snag_value name = snag_value_text(node->name);
    switch (node->kind) {
    case SNAG_NODE_VALUE: pushed(e); return put_const(e, SNAG_OP_CONST, &node->value, node);
    case SNAG_NODE_VAR: pushed(e); return put_use(e, SNAG_OP_VAR, node);
    case SNAG_NODE_LOCAL:
        pushed(e);
        put(e, SNAG_OP_LOCAL, 0, e->places[node->slot], node);
        return SNAG_OK;
    case SNAG_NODE_SELECT:
        err = emit(e, node->first);
        return err ? err : put_const(e, SNAG_OP_SELECT, &name, node);
    case SNAG_NODE_HAS: return emit_has(e, node);
    case SNAG_NODE_INDEX:
        err = emit_children(e, node);
        put(e, SNAG_OP_INDEX, 0, 0, node);
        e->depth--;
        return err;
    case SNAG_NODE_CALL: return emit_call(e, node);
    case SNAG_NODE_NOT:
    case SNAG_NODE_NEGATE:
        err = emit(e, node->first);
        put(e, node->kind == SNAG_NODE_NOT ? SNAG_OP_NOT : SNAG_OP_NEGATE, 0, 0, node);
        return err;
    case SNAG_NODE_BINARY: return emit_binary(e, node);
    case SNAG_NODE_LOGIC: return emit_logic(e, node);
    case SNAG_NODE_CHOOSE: return emit_choose(e, node);
    case SNAG_NODE_LIST:
    case SNAG_NODE_MAP: return emit_collection(e, node);
    case SNAG_NODE_LOOP: return emit_loop(e, node);
    case SNAG_NODE_NAME: break;
    }
    SNAG_ASSERT(false); /* a resolved node */
    return SNAG_EXPR;
}

/* Runs the instructions from `from` on; the value, or the fault they end in. */
static snag_value run(emitter *e, uint32_t from, uint32_t base, snag_arena *scratch)
{
    snag_arena *temp = e->compilation->temp;
    snag_value *stack = snag_arena_take(temp, (e->expr->height + 1) * sizeof *stack);
    if (!stack)
        return snag_fault_value(SNAG_FAULT_SCRATCH, NULL, SNAG_KIND_ABSENT, SNAG_KIND_ABSENT);
    size_t left = (temp->size - temp->used) / 2 & ~(size_t)15;
    size_t size = left < FOLD_BYTES_MAX ? left : FOLD_BYTES_MAX;
    snag_arena_init(scratch, snag_arena_take(temp, size), size);
    snag_evaluation eval = {.expr = e->expr, .scratch = scratch, .steps = FOLD_STEPS_MAX};
    return *snag_evaluation_run(&eval, stack, from, base);
}

/* Replaces the code of a constant expression by its value, or leaves it where it has none. */
static snag_err fold(emitter *e, const snag_node *node)
{
    snag_arena scratch;
    size_t temp_used = e->compilation->temp->used;
    uint32_t size = e->expr->size;
    uint32_t base = e->depth;
    uint32_t consts = e->const_count;
    uint32_t patterns = e->pattern_count;
    e->folding = true;
    snag_err err = emit_node(e, node);
    e->folding = false;
    if (err)
        return err;
    put(e, SNAG_OP_END, 0, 0, node);
    snag_value value = run(e, size, base, &scratch);
    e->expr->size = size;
    e->depth = base;
    e->const_count = consts;
    e->pattern_count = patterns;
    bool fault = value.kind == SNAG_KIND_ERROR;
    bool bound = fault && (value.as.error.fault == SNAG_FAULT_SCRATCH ||
                           value.as.error.fault == SNAG_FAULT_STEPS);
    if (fault && !bound && !e->compilation->unchecked) {
        snag_diag words = {0};
        err = snag_fault_tell(&value, &words);
        return snag_compilation_fail(e->compilation, value.as.error.column - 1, "%s", words.text);
    }
    if (!fault) {
        pushed(e);
        err = put_const(e, SNAG_OP_CONST, &value, node);
    }
    e->compilation->temp->used = temp_used;
    if (!fault)
        return err;
    e->folding = false;
    return emit_node(e, node);
}

static snag_err emit(emitter *e, const snag_node *node)
{
    bool leaf = node->kind == SNAG_NODE_VALUE;
    if (!e->folding && !leaf && node->reach == SNAG_REACH_NONE)
        return fold(e, node);
    return emit_node(e, node);
}

static void *keep(snag_arena *arena, const void *from, size_t count, size_t size)
{
    void *to = snag_arena_take(arena, count * size);
    if (to && count)
        memcpy(to, from, count * size);
    return to;
}

/* Byte offsets -> columns. */
static snag_err set_columns(emitter *e)
{
    snag_str text = e->compilation->text;
    uint32_t *columns = snag_arena_take(e->compilation->temp, (text.size + 1) * sizeof *columns);
    if (!columns)
        return too_large(e);
    uint32_t column = 1;
    for (size_t i = 0; i <= text.size; i++) {
        columns[i] = column;
        column += i < text.size && ((unsigned char)text.data[i] & 0xC0) != 0x80;
    }
    for (uint32_t i = 0; i < e->expr->size; i++)
        e->code[i].column = columns[e->code[i].column - 1];
    for (uint32_t i = 0; i < e->use_count; i++)
        e->uses[i].column = columns[e->uses[i].column - 1];
    return SNAG_OK;
}

static snag_err finish(emitter *e)
{
    snag_expr *expr = e->expr;
    snag_compilation *c = e->compilation;
    snag_err err = set_columns(e);
    if (err)
        return err;
    expr->code = keep(e->arena, e->code, expr->size, sizeof *e->code);
    expr->consts = keep(e->arena, e->consts, e->const_count, sizeof *e->consts);
    expr->uses = keep(e->arena, e->uses, e->use_count, sizeof *e->uses);
    expr->patterns = keep(e->arena, e->patterns, e->pattern_count, sizeof *e->patterns);
    expr->sets = keep(e->arena, e->sets, e->set_count, sizeof *e->sets);
    expr->zones = keep(e->arena, e->zones, expr->zone_count, sizeof *e->zones);
    snag_str *names = keep(e->arena, c->free_names, c->free_count, sizeof *names);
    expr->free_names = names;
    expr->free_count = c->free_count;
    expr->used_slots = c->uses;
    bool whole = expr->code && expr->consts && expr->uses && expr->patterns && expr->sets && expr->zones;
    if (!whole || !names)
        return too_large(e);
    for (uint32_t i = 0; i < c->free_count; i++) {
        names[i] = snag_arena_copy(e->arena, names[i]);
        if (!names[i].data)
            return too_large(e);
    }
    return SNAG_OK;
}

snag_err snag_expr_emit(snag_compilation *compilation, snag_node *root, snag_arena *arena,
                        snag_expr **out)
{
    emitter e = {.compilation = compilation, .arena = arena};
    size_t nodes = compilation->nodes;
    snag_arena *temp = compilation->temp;
    e.expr = snag_arena_take(arena, sizeof *e.expr);
    e.code = snag_arena_take(temp, (nodes * INSNS_PER_NODE + 2) * sizeof *e.code);
    e.consts = snag_arena_take(temp, (nodes + 1) * sizeof *e.consts);
    e.uses = snag_arena_take(temp, (nodes + 1) * sizeof *e.uses);
    e.patterns = snag_arena_take(temp, (nodes + 1) * sizeof *e.patterns);
    e.sets = snag_arena_take(temp, (nodes + 1) * sizeof *e.sets);
    e.zones = snag_arena_take(temp, (nodes + 1) * sizeof *e.zones);
    bool room = e.code && e.consts && e.uses && e.patterns && e.sets && e.zones;
    if (!e.expr || !room)
        return too_large(&e);
    e.expr->code = e.code; /* as far as it has come, for what is computed at load */
    e.expr->consts = e.consts;
    e.expr->patterns = e.patterns;
    e.expr->zones = e.zones;
    e.expr->kind = root->type->kind;
    snag_err err = emit(&e, root);
    if (err)
        return err;
    put(&e, SNAG_OP_END, 0, 0, root);
    *out = e.expr;
    return finish(&e);
}
