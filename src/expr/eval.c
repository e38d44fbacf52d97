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
#include "expr/text_set.h"

enum { LOOP_PLACES = SNAG_LOOP_AT_VARIABLE + 1 };

static const snag_value *variable(const snag_evaluation *eval, const snag_use *use)
{
    if (use->slot >= eval->var_count || eval->vars[use->slot].kind == SNAG_KIND_ABSENT)
        return NULL;
    return &eval->vars[use->slot];
}

static void put_bool(snag_value *to, bool boolean)
{
    to->as.boolean = boolean;
    to->kind = SNAG_KIND_BOOL;
}

static void put_fault(snag_value *to, snag_value fault, const snag_insn *insn)
{
    *to = snag_fault_placed(fault, insn);
}

static void put_absent(snag_value *to, const snag_use *use)
{
    *to = snag_fault_value(SNAG_FAULT_ABSENT, &use->name, SNAG_KIND_ABSENT, SNAG_KIND_ABSENT);
    to->as.error.column = use->column;
}

static void load(const snag_evaluation *eval, const snag_insn *insn, snag_value *to)
{
    const snag_use *use = &eval->expr->uses[insn->b];
    const snag_value *value = variable(eval, use);
    if (value)
        *to = *value;
    else
        put_absent(to, use);
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

/* Operators that answer yes or no write it in place: building a value and copying it costs more than
 * most comparisons do. `a` or `b` may be `to`. */

static void invert(snag_value *a, const snag_insn *insn)
{
    if (a->kind == SNAG_KIND_BOOL)
        a->as.boolean = !a->as.boolean;
    else
        put_fault(a, snag_condition(a, "!"), insn);
}

/* The first of two operands that is a fault, NULL where neither is. */
static const snag_value *faulty(const snag_value *a, const snag_value *b)
{
    if (a->kind == SNAG_KIND_ERROR)
        return a;
    return b->kind == SNAG_KIND_ERROR ? b : NULL;
}

/* Kinds that have no order, or a fault. */
static void disorder(const snag_value *a, const snag_value *b, const snag_insn *insn, snag_value *to)
{
    const snag_value *fault = faulty(a, b);
    const char *word = snag_token_word((snag_token_kind)insn->a);
    put_fault(to, fault ? *fault : snag_fault_value(SNAG_FAULT_OPERANDS, word, a->kind, b->kind), insn);
}

static void order(const snag_value *a, const snag_value *b, const snag_insn *insn, snag_value *to)
{
    int found;
    if (a->kind == SNAG_KIND_DOUBLE && b->kind == SNAG_KIND_DOUBLE) {
        double left = a->as.number;
        double right = b->as.number;
        found = left < right ? -1 : left > right ? 1 : left == right ? 0 : 2;
    } else {
        found = snag_value_order(a, b);
    }
    if (found == 3) {
        disorder(a, b, insn, to);
        return;
    }
    switch (insn->a) {
    case SNAG_TOKEN_LESS: put_bool(to, found < 0); break;
    case SNAG_TOKEN_LESS_EQUAL: put_bool(to, found <= 0); break;
    case SNAG_TOKEN_GREATER: put_bool(to, found == 1); break;
    default: put_bool(to, found == 0 || found == 1); break;
    }
}

static void equal(snag_evaluation *eval, const snag_value *a, const snag_value *b, const snag_insn *insn,
                  snag_value *to)
{
    const snag_value *fault = faulty(a, b);
    bool same;
    if (a->kind == SNAG_KIND_TEXT && b->kind == SNAG_KIND_TEXT)
        same = snag_str_equal(a->as.text, b->as.text);
    else if (fault) {
        *to = *fault;
        return;
    } else
        same = snag_value_equal(eval, a, b);
    if (eval->steps < 0)
        put_fault(to, snag_fault_plain(SNAG_FAULT_STEPS), insn);
    else
        put_bool(to, same != (insn->a != 0));
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

static bool find_in(snag_evaluation *eval, const snag_value *a, const snag_value *b)
{
    if (b->kind == SNAG_KIND_MAP)
        return snag_map_find(eval, b, a) != NULL;
    if (a->kind == SNAG_KIND_TEXT)
        return text_in(a->as.text, b);
    for (size_t i = 0; i < b->as.list.count; i++)
        if (snag_value_equal(eval, a, &b->as.list.items[i]))
            return true;
    return false;
}

static void is_in(snag_evaluation *eval, const snag_value *a, const snag_value *b, const snag_insn *insn,
                  snag_value *to)
{
    const snag_value *fault = faulty(a, b);
    if (fault) {
        *to = *fault;
        return;
    }
    if (b->kind != SNAG_KIND_LIST && b->kind != SNAG_KIND_MAP) {
        put_fault(to, snag_fault_value(SNAG_FAULT_OPERANDS, "in", a->kind, b->kind), insn);
        return;
    }
    bool found = snag_evaluation_work(eval, b->as.list.count / 4) && find_in(eval, a, b);
    if (eval->steps < 0)
        put_fault(to, snag_fault_plain(SNAG_FAULT_STEPS), insn);
    else
        put_bool(to, found);
}

static void test(snag_evaluation *eval, const snag_builtin *builtin, const snag_value *a,
                 const snag_value *b, const snag_insn *insn, snag_value *to)
{
    if (a->kind != SNAG_KIND_TEXT || b->kind != SNAG_KIND_TEXT) {
        const snag_value *fault = faulty(a, b);
        snag_kind kind = a->kind != SNAG_KIND_TEXT ? a->kind : b->kind;
        put_fault(to, fault ? *fault
                            : snag_fault_value(SNAG_FAULT_ARGUMENT, builtin->name, kind, SNAG_KIND_ABSENT),
                  insn);
        return;
    }
    bool found = builtin->test(eval, a->as.text, b->as.text);
    if (eval->steps < 0)
        put_fault(to, snag_fault_plain(SNAG_FAULT_STEPS), insn);
    else
        put_bool(to, found);
}

/* A variable in a list of texts that was known at load. */
static void in_set(const snag_evaluation *eval, const snag_insn *insn, snag_value *to)
{
    const snag_use *use = &eval->expr->uses[insn->c];
    const snag_value *a = variable(eval, use);
    if (!a)
        put_absent(to, use);
    else if (a->kind == SNAG_KIND_ERROR)
        *to = *a;
    else
        put_bool(to, a->kind == SNAG_KIND_TEXT &&
                         snag_text_set_has(eval->expr->sets[insn->b], a->as.text));
}

/* One of the four above with a variable and a constant, taken where they lie. */
static void with_var(snag_evaluation *eval, const snag_insn *insn, snag_value *to)
{
    size_t count;
    const snag_use *use = &eval->expr->uses[insn->c];
    const snag_value *a = variable(eval, use);
    const snag_value *b = &eval->expr->consts[insn->b];
    if (!a) {
        put_absent(to, use);
        return;
    }
    switch ((snag_op)insn->op) {
    case SNAG_OP_ORDER_VAR: order(a, b, insn, to); break;
    case SNAG_OP_EQUAL_VAR: equal(eval, a, b, insn, to); break;
    case SNAG_OP_IN_VAR: is_in(eval, a, b, insn, to); break;
    default: test(eval, &snag_builtins(&count)[insn->a], a, b, insn, to); break;
    }
}

static snag_value arithmetic(snag_evaluation *eval, const snag_value *a, int sign)
{
    const snag_value *fault = faulty(&a[0], &a[1]);
    return fault ? *fault : snag_arithmetic(eval, sign, &a[0], &a[1]);
}

static snag_value index_of(snag_evaluation *eval, const snag_value *a)
{
    const snag_value *fault = faulty(&a[0], &a[1]);
    return fault ? *fault : snag_indexed(eval, &a[0], &a[1]);
}

/* a[0] && a[1] (decides = false) or a[0] || a[1] (true), into a[0]: who decides wins, even over a fault. */
static void merge(snag_value *a, const snag_insn *insn)
{
    bool decides = insn->a != 0;
    if (a[0].kind == SNAG_KIND_BOOL && a[1].kind == SNAG_KIND_BOOL) {
        a[0].as.boolean = a[1].as.boolean; /* a[0] does not decide, or we would not be here */
        return;
    }
    if (snag_value_is(&a[1], decides)) {
        put_bool(a, decides);
        return;
    }
    const char *word = decides ? "||" : "&&";
    snag_value left = snag_condition(&a[0], word);
    put_fault(a, left.kind == SNAG_KIND_ERROR ? left : snag_condition(&a[1], word), insn);
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
    case SNAG_OP_MATCHES: *top = snag_fault_placed(matches(eval, insn, top), insn); break;
    case SNAG_OP_CALL:
        top -= insn->a - 1;
        *top = snag_fault_placed(call(eval, insn, top), insn);
        break;
    case SNAG_OP_SELECT: *top = snag_fault_placed(field(eval, insn, top, false), insn); break;
    case SNAG_OP_HAS_FIELD: *top = snag_fault_placed(field(eval, insn, top, true), insn); break;
    case SNAG_OP_HAS_VAR: *++top = snag_value_bool(variable(eval, &expr->uses[insn->b]) != NULL); break;
    case SNAG_OP_NEGATE:
        if (top->kind != SNAG_KIND_ERROR)
            put_fault(top, snag_negated(top), insn);
        break;
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

const snag_value *snag_evaluation_run(snag_evaluation *eval, snag_value *stack, uint32_t from,
                                      uint32_t base)
{
    size_t count;
    const snag_expr *expr = eval->expr;
    const snag_insn *insn = &expr->code[from];
    snag_value *top = stack + base - 1;
    for (;;) {
        switch ((snag_op)insn->op) {
        case SNAG_OP_END: return top;
        case SNAG_OP_ORDER_VAR:
        case SNAG_OP_EQUAL_VAR:
        case SNAG_OP_IN_VAR:
        case SNAG_OP_TEST_VAR: with_var(eval, insn, ++top); break;
        case SNAG_OP_IN_SET: in_set(eval, insn, ++top); break;
        case SNAG_OP_CONST: *++top = expr->consts[insn->b]; break;
        case SNAG_OP_VAR: load(eval, insn, ++top); break;
        case SNAG_OP_LOCAL: *++top = stack[insn->b]; break;
        case SNAG_OP_ORDER: top--, order(top, top + 1, insn, top); break;
        case SNAG_OP_EQUAL: top--, equal(eval, top, top + 1, insn, top); break;
        case SNAG_OP_IN: top--, is_in(eval, top, top + 1, insn, top); break;
        case SNAG_OP_TEST: top--, test(eval, &snag_builtins(&count)[insn->b], top, top + 1, insn, top); break;
        case SNAG_OP_NOT: invert(top, insn); break;
        case SNAG_OP_LOGIC_FIRST: insn = decide(eval, insn, top); continue;
        case SNAG_OP_LOGIC_NEXT:
            merge(--top, insn);
            insn = decide(eval, insn, top);
            continue;
        case SNAG_OP_LOGIC_LAST: merge(--top, insn); break;
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
