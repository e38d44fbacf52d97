/* SPDX-License-Identifier: Apache-2.0
 *
 * The flat program: instructions over a stack of values whose height is known at every instruction,
 * so that macro variables have fixed places and the stack cannot overflow.
 *
 *     amount > 1 && n in [2, 3]        0  VAR amount
 *                                      1  CONST 1
 *                                      2  ORDER >
 *                                      3  LOGIC_FIRST  false? -> 8
 *                                      4  VAR n
 *                                      5  CONST [2, 3]       (folded at load)
 *                                      6  IN
 *                                      7  LOGIC_LAST         merges the two; faults as CEL says
 *                                      8  END
 *
 * A loop (list.map(x, …)) owns four places: the range, the index, what is gathered, the variable.
 * Work is charged at backward jumps and where an operation walks over texts or lists; straight code
 * is bounded by the size of the program.
 */
#ifndef SNAG_EXPR_PROGRAM_H
#define SNAG_EXPR_PROGRAM_H

#include "expr/expr.h"
#include "expr/fault.h"

typedef enum snag_op {
    SNAG_OP_END,
    SNAG_OP_CONST,       /* b: constant */
    SNAG_OP_VAR,         /* b: index in uses */
    SNAG_OP_LOCAL,       /* b: place in the stack */
    SNAG_OP_SELECT,      /* b: constant text */
    SNAG_OP_HAS_VAR,     /* b: index in uses */
    SNAG_OP_HAS_FIELD,   /* b: constant text */
    SNAG_OP_INDEX,
    SNAG_OP_NOT,
    SNAG_OP_NEGATE,
    SNAG_OP_ARITHMETIC,  /* a: token */
    SNAG_OP_EQUAL,       /* a: 1 = the answer is turned round */
    SNAG_OP_ORDER,       /* a: token */
    SNAG_OP_IN,
    SNAG_OP_LOGIC_FIRST, /* a: the value that decides (&& false, || true); b: where to go then */
    SNAG_OP_LOGIC_NEXT,  /* the same, merging with the value below */
    SNAG_OP_LOGIC_LAST,  /* a */
    SNAG_OP_CHOOSE,      /* b: the "else" part; before it stands the JUMP to the end */
    SNAG_OP_JUMP,        /* b */
    SNAG_OP_LIST,        /* b: count */
    SNAG_OP_MAP,         /* b: pairs */
    SNAG_OP_CALL,        /* a: arguments, b: builtin */
    SNAG_OP_TEST,        /* two texts, yes or no; b: builtin */
    SNAG_OP_ORDER_VAR,   /* the same with a variable (c: index in uses) and a constant (b) */
    SNAG_OP_EQUAL_VAR,
    SNAG_OP_IN_VAR,
    SNAG_OP_TEST_VAR,    /* a: builtin */
    SNAG_OP_IN_SET,      /* c: index in uses, b: set */
    SNAG_OP_MATCHES,     /* b: pattern */
    SNAG_OP_FAULT,       /* a: snag_fault, b: constant text */
    SNAG_OP_LOOP_BEGIN,  /* a: snag_loop, b: behind the loop */
    SNAG_OP_LOOP_TEST,   /* map's condition; b: the LOOP_NEXT */
    SNAG_OP_LOOP_NEXT    /* a: snag_loop, b: the body; the loop ends behind it */
} snag_op;

/* The macros that go through a list or a map: kind, word */
#define SNAG_LOOP_TABLE(X)       \
    X(ALL, "all")                \
    X(EXISTS, "exists")          \
    X(EXISTS_ONE, "exists_one")  \
    X(MAP, "map")                \
    X(FILTER, "filter")

typedef enum snag_loop {
#define X(name, word) SNAG_LOOP_##name,
    SNAG_LOOP_TABLE(X)
#undef X
        SNAG_LOOP_COUNT
} snag_loop;

typedef struct snag_insn {
    uint8_t op;
    uint8_t a;
    uint16_t c;
    uint32_t b;
    uint32_t column; /* while compiling: byte offset + 1 */
} snag_insn;

/* One place where a variable is used. */
typedef struct snag_use {
    snag_str name;
    uint32_t slot;
    uint32_t column; /* as in snag_insn */
} snag_use;

struct snag_regex;
struct snag_text_set;

struct snag_expr {
    const snag_insn *code;
    const snag_value *consts;
    const snag_use *uses;
    const struct snag_regex *const *patterns;
    const struct snag_text_set *const *sets;
    const snag_zone *const *zones; /* that it names */
    const snag_zone_table *all_zones; /* that a variable may name; NULL = none does */
    const snag_str *free_names;
    uint32_t free_count;
    uint32_t zone_count;
    uint32_t size;   /* instructions */
    uint32_t height; /* of the stack */
    snag_kind kind;
    snag_kind want;
    uint64_t used_slots;
};

/* One evaluation's means. */
typedef struct snag_evaluation {
    const snag_expr *expr;
    const snag_value *vars;
    size_t var_count;
    snag_arena *scratch;
    int64_t steps; /* left */
} snag_evaluation;

/* Charges work; false: the limit is reached. */
static inline bool snag_evaluation_work(snag_evaluation *eval, size_t steps)
{
    eval->steps -= (int64_t)steps;
    return eval->steps >= 0;
}

static inline snag_value snag_value_bool(bool boolean)
{
    return (snag_value){.as.boolean = boolean, .kind = SNAG_KIND_BOOL};
}

static inline bool snag_value_is(const snag_value *value, bool boolean)
{
    return value->kind == SNAG_KIND_BOOL && value->as.boolean == boolean;
}

/* A fault that is about nothing else than itself. */
static inline snag_value snag_fault_plain(snag_fault fault)
{
    return snag_fault_value(fault, NULL, SNAG_KIND_ABSENT, SNAG_KIND_ABSENT);
}

/* A fault that is new gets the instruction's column; one that only passes keeps its own. */
static inline snag_value snag_fault_placed(snag_value value, const snag_insn *insn)
{
    if (value.kind == SNAG_KIND_ERROR && value.as.error.column == 0)
        value.as.error.column = insn->column;
    return value;
}

/* The condition of && || ?: and the macros: a bool, or why it is none. */
static inline snag_value snag_condition(const snag_value *value, const char *word)
{
    if (value->kind == SNAG_KIND_BOOL || value->kind == SNAG_KIND_ERROR)
        return *value;
    return snag_fault_value(SNAG_FAULT_CONDITION, word, value->kind, SNAG_KIND_ABSENT);
}

/* loop.c: a loop's places on the stack, from its range on; the body's value comes behind them. */
enum { SNAG_LOOP_AT_RANGE, SNAG_LOOP_AT_CURSOR, SNAG_LOOP_AT_GATHERED, SNAG_LOOP_AT_VARIABLE };
/* False: the loop is over before it begins, its value in place of the range. */
bool snag_loop_begin(snag_evaluation *eval, snag_value *loop, int kind);
/* Behind the body, or behind map's condition: where to go on; *over: the value is in place of the range. */
const snag_insn *snag_loop_next(snag_evaluation *eval, const snag_insn *insn, snag_value *loop, bool *over);
const snag_insn *snag_loop_test(snag_evaluation *eval, const snag_insn *insn, snag_value *loop, bool *over);

/* Runs from instruction `from` to the END; the value is stack[base]. */
const snag_value *snag_evaluation_run(snag_evaluation *eval, snag_value *stack, uint32_t from, uint32_t base);

/* operators.c. Operands are never faults. */
snag_value snag_arithmetic(snag_evaluation *eval, int sign, const snag_value *a, const snag_value *b);
snag_value snag_negated(const snag_value *a);
/* -1, 0, 1; 2: not ordered (NaN); 3: kinds that have no order. */
int snag_value_order(const snag_value *a, const snag_value *b);
bool snag_value_equal(snag_evaluation *eval, const snag_value *a, const snag_value *b);
/* NULL: no such key. */
const snag_value *snag_map_find(snag_evaluation *eval, const snag_value *map, const snag_value *key);
bool snag_is_key(const snag_value *key, bool lookup);
snag_value snag_indexed(snag_evaluation *eval, const snag_value *a, const snag_value *index);
/* A text, bytes or list of both. */
snag_value snag_joined(snag_evaluation *eval, const snag_value *a, const snag_value *b);

#endif
