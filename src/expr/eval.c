/* SPDX-License-Identifier: Apache-2.0
 *
 * The evaluator: a loop over instructions (program.h). A fault is a value on the stack; operators pass
 * it on, && || and the macros all and exists absorb it where the other side decides.
 *
 * `top` points at the highest value; its height at each instruction is fixed by the compiler, so the
 * stack is as large as the program says and is never checked here.
 */
#include "base/assert.h"
#include "expr/builtin.h"
#include "expr/lexer.h"
#include "expr/regex.h"

enum { LOOP_PLACES = SNAG_LOOP_AT_VARIABLE + 1 };

static const snag_value *variable(const snag_evaluation *eval, const snag_use *use)
{
    if (use->slot >= eval->var_count || eval->vars[use->slot].kind == SNAG_KIND_ABSENT)
        return NULL;
    return &eval->vars[use->slot];
}

static snag_value load(const snag_evaluation *eval, const snag_insn *insn)
{
    const snag_use *use = &eval->expr->uses[insn->b];
    const snag_value *value = variable(eval, use);
    if (value)
        return *value;
    snag_value fault = snag_fault_value(SNAG_FAULT_ABSENT, &use->name, SNAG_KIND_ABSENT,
                                        SNAG_KIND_ABSENT);
    return snag_fault_placed(fault, insn);
}

/* map.field, or has(map.field) */
static snag_value field(snag_evaluation *eval, const snag_insn *insn, const snag_value *map, bool asks)
{
    const snag_value *name = &eval->expr->consts[insn->b];
    if (map->kind == SNAG_KIND_ERROR) {
        bool absent = asks && map->as.error.fault == SNAG_FAULT_ABSENT;
        return absent ? snag_value_bool(false) : *map; /* has(user.name) where there is no user */
    }
    if (map->kind != SNAG_KIND_MAP)
        return snag_fault_value(SNAG_FAULT_OPERAND, ".", map->kind, SNAG_KIND_ABSENT);
    const snag_value *found = snag_map_find(eval, map, name);
    if (asks)
        return snag_value_bool(found != NULL);
    return found ? *found
                 : snag_fault_value(SNAG_FAULT_FIELD, &name->as.text, SNAG_KIND_ABSENT, SNAG_KIND_ABSENT);
}

static snag_value negate(const snag_value *a)
{
    return a->kind == SNAG_KIND_ERROR ? *a : snag_negated(a);
}

static snag_value invert(const snag_value *a)
{
    snag_value value = snag_condition(a, "!");
    if (value.kind == SNAG_KIND_BOOL)
        value.as.boolean = !value.as.boolean;
    return value;
}

/* The first of two operands that is a fault, NULL where neither is. */
static const snag_value *faulty(const snag_value *a)
{
    if (a[0].kind == SNAG_KIND_ERROR)
        return &a[0];
    return a[1].kind == SNAG_KIND_ERROR ? &a[1] : NULL;
}

static snag_value order(const snag_value *a, int sign)
{
    const snag_value *fault = faulty(a);
    if (fault)
        return *fault;
    int found = snag_value_order(&a[0], &a[1]);
    if (found == 3)
        return snag_fault_value(SNAG_FAULT_OPERANDS, snag_token_word((snag_token_kind)sign), a[0].kind,
                                a[1].kind);
    if (found == 2)
        return snag_value_bool(false);
    switch (sign) {
    case SNAG_TOKEN_LESS: return snag_value_bool(found < 0);
    case SNAG_TOKEN_LESS_EQUAL: return snag_value_bool(found <= 0);
    case SNAG_TOKEN_GREATER: return snag_value_bool(found > 0);
    default: return snag_value_bool(found >= 0);
    }
}

static snag_value equal(snag_evaluation *eval, const snag_value *a, bool turned)
{
    const snag_value *fault = faulty(a);
    if (fault)
        return *fault;
    bool same = snag_value_equal(eval, &a[0], &a[1]);
    return eval->steps < 0 ? snag_fault_plain(SNAG_FAULT_STEPS) : snag_value_bool(same != turned);
}

static snag_value arithmetic(snag_evaluation *eval, const snag_value *a, int sign)
{
    const snag_value *fault = faulty(a);
    return fault ? *fault : snag_arithmetic(eval, sign, &a[0], &a[1]);
}

/* The common case apart: a text in a list of texts. */
static bool text_in(snag_str text, const snag_value *list)
{
    const snag_value *end = list->as.list.items + list->as.list.count;
    for (const snag_value *item = list->as.list.items; item < end; item++)
        if (item->kind == SNAG_KIND_TEXT && snag_str_equal(item->as.text, text))
            return true;
    return false;
}

static snag_value is_in(snag_evaluation *eval, const snag_value *a)
{
    const snag_value *fault = faulty(a);
    bool found = false;
    if (fault)
        return *fault;
    if (a[1].kind != SNAG_KIND_LIST && a[1].kind != SNAG_KIND_MAP)
        return snag_fault_value(SNAG_FAULT_OPERANDS, "in", a[0].kind, a[1].kind);
    if (!snag_evaluation_work(eval, a[1].as.list.count / 4))
        return snag_fault_plain(SNAG_FAULT_STEPS);
    if (a[1].kind == SNAG_KIND_MAP)
        found = snag_map_find(eval, &a[1], &a[0]) != NULL;
    else if (a[0].kind == SNAG_KIND_TEXT)
        found = text_in(a[0].as.text, &a[1]);
    else
        for (size_t i = 0; i < a[1].as.list.count && !found; i++)
            found = snag_value_equal(eval, &a[0], &a[1].as.list.items[i]);
    return eval->steps < 0 ? snag_fault_plain(SNAG_FAULT_STEPS) : snag_value_bool(found);
}

static snag_value index_of(snag_evaluation *eval, const snag_value *a)
{
    const snag_value *fault = faulty(a);
    return fault ? *fault : snag_indexed(eval, &a[0], &a[1]);
}

/* a[0] && a[1] (decides = false) or a[0] || a[1] (true): who decides wins, even over a fault. */
static snag_value merge(const snag_value *a, bool decides)
{
    const char *word = decides ? "||" : "&&";
    if (snag_value_is(&a[1], decides))
        return a[1];
    snag_value left = snag_condition(&a[0], word);
    return left.kind == SNAG_KIND_ERROR ? left : snag_condition(&a[1], word);
}

static snag_value make_collection(snag_evaluation *eval, const snag_value *from, size_t count, bool map)
{
    snag_value value = {.kind = map ? SNAG_KIND_MAP : SNAG_KIND_LIST};
    size_t values = map ? 2 * count : count;
    for (size_t i = 0; i < values; i++)
        if (from[i].kind == SNAG_KIND_ERROR)
            return from[i];
    snag_value *items = snag_arena_take(eval->scratch, values * sizeof *items);
    if (!items)
        return snag_fault_plain(SNAG_FAULT_SCRATCH);
    if (values)
        memcpy(items, from, values * sizeof *items);
    value.as.list.items = items;
    for (size_t i = 0; i < count && map; i++) {
        if (!snag_is_key(&items[2 * i], false))
            return snag_fault_value(SNAG_FAULT_KEY_KIND, NULL, items[2 * i].kind, SNAG_KIND_ABSENT);
        value.as.list.count = i;
        if (snag_map_find(eval, &value, &items[2 * i]))
            return snag_fault_plain(SNAG_FAULT_KEY_TWICE);
    }
    value.as.list.count = count;
    return eval->steps < 0 ? snag_fault_plain(SNAG_FAULT_STEPS) : value;
}

static snag_value call(snag_evaluation *eval, const snag_insn *insn, const snag_value *args)
{
    size_t count;
    const snag_builtin *builtin = &snag_builtins(&count)[insn->b];
    for (uint32_t i = 0; i < insn->a; i++)
        if (!(builtin->takes[i] >> args[i].kind & 1u))
            return args[i].kind == SNAG_KIND_ERROR
                       ? args[i]
                       : snag_fault_value(SNAG_FAULT_ARGUMENT, builtin->name, args[i].kind,
                                          SNAG_KIND_ABSENT);
    return builtin->run(eval, args, insn->a);
}

static snag_value matches(snag_evaluation *eval, const snag_insn *insn, const snag_value *text)
{
    if (text->kind == SNAG_KIND_ERROR)
        return *text;
    if (text->kind != SNAG_KIND_TEXT)
        return snag_fault_value(SNAG_FAULT_ARGUMENT, "matches", text->kind, SNAG_KIND_ABSENT);
    return snag_regex_evaluate(eval, eval->expr->patterns[insn->b], text->as.text);
}

/* One instruction that is not a jump, for which speed matters less. */
static snag_value *step(snag_evaluation *eval, const snag_insn *insn, snag_value *top)
{
    const snag_expr *expr = eval->expr;
    switch ((snag_op)insn->op) {
    case SNAG_OP_SELECT: *top = snag_fault_placed(field(eval, insn, top, false), insn); break;
    case SNAG_OP_HAS_FIELD: *top = snag_fault_placed(field(eval, insn, top, true), insn); break;
    case SNAG_OP_HAS_VAR: *++top = snag_value_bool(variable(eval, &expr->uses[insn->b]) != NULL); break;
    case SNAG_OP_NEGATE: *top = snag_fault_placed(negate(top), insn); break;
    case SNAG_OP_ARITHMETIC:
        top--;
        *top = snag_fault_placed(arithmetic(eval, top, insn->a), insn);
        break;
    case SNAG_OP_INDEX:
        top--;
        *top = snag_fault_placed(index_of(eval, top), insn);
        break;
    case SNAG_OP_LIST:
    case SNAG_OP_MAP: {
        bool map = insn->op == SNAG_OP_MAP;
        snag_value *first = top + 1 - (size_t)insn->b * (map ? 2 : 1);
        *first = snag_fault_placed(make_collection(eval, first, insn->b, map), insn);
        return first;
    }
    case SNAG_OP_FAULT:
        *++top = snag_fault_placed(snag_fault_value((snag_fault)insn->a, &expr->consts[insn->b].as.text,
                                         SNAG_KIND_ABSENT, SNAG_KIND_ABSENT),
                        insn);
        break;
    default: SNAG_ASSERT(false); /* an instruction */
    }
    return top;
}

/* Behind && and ||: where to go. */
static const snag_insn *decide(const snag_evaluation *eval, const snag_insn *insn, const snag_value *top)
{
    return snag_value_is(top, insn->a != 0) ? &eval->expr->code[insn->b] : insn + 1;
}

static const snag_insn *choose(const snag_evaluation *eval, const snag_insn *insn, snag_value *asked)
{
    const snag_insn *otherwise = &eval->expr->code[insn->b];
    *asked = snag_fault_placed(snag_condition(asked, "?"), insn);
    if (asked->kind == SNAG_KIND_ERROR)
        return &eval->expr->code[otherwise[-1].b]; /* the value is the fault: to the end */
    return asked->as.boolean ? insn + 1 : otherwise;
}

snag_value snag_evaluation_run(snag_evaluation *eval, snag_value *stack, uint32_t from, uint32_t base)
{
    const snag_expr *expr = eval->expr;
    const snag_insn *insn = &expr->code[from];
    snag_value *top = stack + base - 1;
    for (;;) {
        switch ((snag_op)insn->op) {
        case SNAG_OP_END: return *top;
        case SNAG_OP_CONST: *++top = expr->consts[insn->b]; break;
        case SNAG_OP_VAR: *++top = load(eval, insn); break;
        case SNAG_OP_LOCAL: *++top = stack[insn->b]; break;
        case SNAG_OP_ORDER: top--, *top = snag_fault_placed(order(top, insn->a), insn); break;
        case SNAG_OP_EQUAL: top--, *top = snag_fault_placed(equal(eval, top, insn->a), insn); break;
        case SNAG_OP_IN: top--, *top = snag_fault_placed(is_in(eval, top), insn); break;
        case SNAG_OP_NOT: *top = snag_fault_placed(invert(top), insn); break;
        case SNAG_OP_MATCHES: *top = snag_fault_placed(matches(eval, insn, top), insn); break;
        case SNAG_OP_CALL:
            top -= insn->a - 1;
            *top = snag_fault_placed(call(eval, insn, top), insn);
            break;
        case SNAG_OP_LOGIC_FIRST: insn = decide(eval, insn, top); continue;
        case SNAG_OP_LOGIC_NEXT:
            top--, *top = snag_fault_placed(merge(top, insn->a), insn);
            insn = decide(eval, insn, top);
            continue;
        case SNAG_OP_LOGIC_LAST: top--, *top = snag_fault_placed(merge(top, insn->a), insn); break;
        case SNAG_OP_JUMP: insn = &expr->code[insn->b]; continue;
        case SNAG_OP_CHOOSE:
            insn = choose(eval, insn, top);
            top -= top->kind != SNAG_KIND_ERROR;
            continue;
        case SNAG_OP_LOOP_BEGIN:
            if (snag_loop_begin(eval, top, insn->a)) {
                top += SNAG_LOOP_AT_VARIABLE;
                break;
            }
            *top = snag_fault_placed(*top, insn);
            insn = &expr->code[insn->b];
            continue;
        case SNAG_OP_LOOP_TEST:
        case SNAG_OP_LOOP_NEXT: {
            bool over;
            top -= LOOP_PLACES;
            insn = insn->op == SNAG_OP_LOOP_TEST ? snag_loop_test(eval, insn, top, &over)
                                                 : snag_loop_next(eval, insn, top, &over);
            top += over ? 0 : SNAG_LOOP_AT_VARIABLE;
            continue;
        }
        default: top = step(eval, insn, top); break;
        }
        insn++;
    }
}
