/* SPDX-License-Identifier: Apache-2.0
 *
 * The macros: all, exists, exists_one, map, filter over the items of a list or the keys of a map.
 *
 *     range | cursor | gathered | variable | the body's value
 *
 * all and exists go on past a fault, as || and && do: a later item may decide.
 */
#include "expr/program.h"

static const char *const words[SNAG_LOOP_COUNT] = {
#define X(name, word) word,
    SNAG_LOOP_TABLE(X)
#undef X
};

static size_t stride(const snag_value *loop)
{
    return loop[SNAG_LOOP_AT_RANGE].kind == SNAG_KIND_MAP ? 2 : 1;
}

bool snag_loop_begin(snag_evaluation *eval, snag_value *loop, int kind)
{
    bool gathers = kind == SNAG_LOOP_MAP || kind == SNAG_LOOP_FILTER;
    snag_value *range = &loop[SNAG_LOOP_AT_RANGE];
    if (range->kind == SNAG_KIND_ERROR)
        return false;
    if (range->kind != SNAG_KIND_LIST && range->kind != SNAG_KIND_MAP) {
        *range = snag_fault_value(SNAG_FAULT_ARGUMENT, words[kind], range->kind, SNAG_KIND_ABSENT);
        return false;
    }
    size_t count = range->as.list.count;
    snag_value gathered = snag_value_bool(kind == SNAG_LOOP_ALL);
    if (kind == SNAG_LOOP_EXISTS_ONE)
        gathered = snag_value_int(0);
    if (gathers) {
        gathered = (snag_value){.kind = SNAG_KIND_LIST};
        gathered.as.list.items = snag_arena_take(eval->scratch, count * sizeof *loop);
    }
    if (gathers && !gathered.as.list.items)
        gathered = snag_fault_plain(SNAG_FAULT_SCRATCH);
    if (eval->steps < 0)
        gathered = snag_fault_plain(SNAG_FAULT_STEPS);
    if (count == 0 || gathered.kind == SNAG_KIND_ERROR) {
        bool none = kind == SNAG_LOOP_EXISTS_ONE && gathered.kind == SNAG_KIND_INT;
        *range = none ? snag_value_bool(false) : gathered;
        return false;
    }
    loop[SNAG_LOOP_AT_CURSOR] = snag_value_int(0);
    loop[SNAG_LOOP_AT_GATHERED] = gathered;
    loop[SNAG_LOOP_AT_VARIABLE] = range->as.list.items[0];
    return true;
}

static void gather(snag_value *gathered, const snag_value *value)
{
    /* The items are this evaluation's own, taken in loop_begin. */
    snag_value *items = (snag_value *)(uintptr_t)gathered->as.list.items;
    items[gathered->as.list.count++] = *value;
}

/* Takes the body's value; true: it decides the loop, and stands in loop[SNAG_LOOP_AT_GATHERED]. */
static bool loop_take(snag_value *loop, int kind, const snag_value *value)
{
    snag_value asked = kind == SNAG_LOOP_MAP ? *value : snag_condition(value, "the condition");
    snag_value *gathered = &loop[SNAG_LOOP_AT_GATHERED];
    bool fault = asked.kind == SNAG_KIND_ERROR;
    switch (kind) {
    case SNAG_LOOP_ALL:
    case SNAG_LOOP_EXISTS:
        if (fault && gathered->kind != SNAG_KIND_ERROR)
            *gathered = asked;
        if (fault || asked.as.boolean != (kind == SNAG_LOOP_EXISTS))
            return false;
        *gathered = asked;
        return true;
    case SNAG_LOOP_EXISTS_ONE: gathered->as.integer += !fault && asked.as.boolean; break;
    case SNAG_LOOP_MAP:
        if (!fault)
            gather(gathered, &asked);
        break;
    default:
        if (!fault && asked.as.boolean)
            gather(gathered, &loop[SNAG_LOOP_AT_VARIABLE]);
        break;
    }
    if (fault)
        *gathered = asked;
    return fault;
}

/* To the next item; false: there is none, and the loop's value is on loop[SNAG_LOOP_AT_RANGE]. */
static bool loop_move(snag_evaluation *eval, snag_value *loop, int kind, size_t work, bool decided)
{
    if (!decided && !snag_evaluation_work(eval, work)) {
        loop[SNAG_LOOP_AT_GATHERED] = snag_fault_plain(SNAG_FAULT_STEPS);
        decided = true;
    }
    if (!decided && (size_t)++loop[SNAG_LOOP_AT_CURSOR].as.integer < loop[SNAG_LOOP_AT_RANGE].as.list.count) {
        size_t at = (size_t)loop[SNAG_LOOP_AT_CURSOR].as.integer * stride(loop);
        loop[SNAG_LOOP_AT_VARIABLE] = loop[SNAG_LOOP_AT_RANGE].as.list.items[at];
        return true;
    }
    loop[SNAG_LOOP_AT_RANGE] = loop[SNAG_LOOP_AT_GATHERED];
    if (kind == SNAG_LOOP_EXISTS_ONE && loop[SNAG_LOOP_AT_RANGE].kind == SNAG_KIND_INT)
        loop[SNAG_LOOP_AT_RANGE] = snag_value_bool(loop[SNAG_LOOP_AT_RANGE].as.integer == 1);
    return false;
}

const snag_insn *snag_loop_next(snag_evaluation *eval, const snag_insn *insn, snag_value *loop, bool *over)
{
    const snag_insn *body = &eval->expr->code[insn->b];
    bool decided = loop_take(loop, insn->a, &loop[SNAG_LOOP_AT_VARIABLE + 1]);
    *over = !loop_move(eval, loop, insn->a, (size_t)(insn - body) + 1, decided);
    if (*over)
        loop[SNAG_LOOP_AT_RANGE] = snag_fault_placed(loop[SNAG_LOOP_AT_RANGE], insn);
    return *over ? insn + 1 : body;
}

const snag_insn *snag_loop_test(snag_evaluation *eval, const snag_insn *insn, snag_value *loop, bool *over)
{
    const snag_insn *next = &eval->expr->code[insn->b];
    const snag_insn *body = &eval->expr->code[next->b];
    snag_value asked = snag_condition(&loop[SNAG_LOOP_AT_VARIABLE + 1], "the condition");
    *over = false;
    if (snag_value_is(&asked, true))
        return insn + 1;
    if (asked.kind == SNAG_KIND_ERROR)
        loop[SNAG_LOOP_AT_GATHERED] = asked;
    *over = !loop_move(eval, loop, insn->a, (size_t)(insn - body) + 1, asked.kind == SNAG_KIND_ERROR);
    if (*over)
        loop[SNAG_LOOP_AT_RANGE] = snag_fault_placed(loop[SNAG_LOOP_AT_RANGE], insn);
    return *over ? next + 1 : body;
}
