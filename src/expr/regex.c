/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces -> program -> match. See regex.h for the idea.
 *
 * A pattern that is only characters, perhaps tied to the text's begin or end, is not simulated but
 * compared (^Call, done$, error).
 */
#include "expr/regex.h"

#include "base/assert.h"
#include "base/utf8.h"
#include "expr/builtin.h"
#include "expr/regex_class.h"

enum { CODE_MAX = 4096u }; /* instructions: counted repetitions are written out */

typedef enum regex_op {
    REGEX_CHAR,
    REGEX_FOLDED, /* the character's small letter */
    REGEX_CLASS,
    REGEX_ANY,
    REGEX_PLACE,
    REGEX_SPLIT, /* x and y */
    REGEX_JUMP,  /* x */
    REGEX_MATCH
} regex_op;

typedef struct regex_insn {
    uint32_t op;
    uint32_t x;
    uint32_t y;
    const snag_char_class *chars;
} regex_insn;

struct snag_regex {
    const regex_insn *code;
    uint32_t size;
    bool literal; /* then `text`, from the begin, to the end */
    bool begin;
    bool end;
    snag_str text;
};

typedef struct writer {
    regex_insn *code;
    uint32_t size;
    uint32_t room;
    bool full;
} writer;

static void write_piece(writer *w, const snag_piece *piece);

static uint32_t put(writer *w, regex_op op, uint32_t x, uint32_t y)
{
    if (w->size == w->room) {
        w->full = true;
        return 0;
    }
    w->code[w->size] = (regex_insn){.op = (uint32_t)op, .x = x, .y = y};
    return w->size++;
}

static void write_either(writer *w, const snag_piece *piece)
{
    uint32_t jumps = UINT32_MAX; /* to the end, each holding the one before */
    for (const snag_piece *child = piece->first; child && !w->full; child = child->next) {
        uint32_t split = child->next ? put(w, REGEX_SPLIT, w->size + 1, 0) : 0;
        write_piece(w, child);
        if (!child->next)
            break;
        jumps = put(w, REGEX_JUMP, jumps, 0);
        w->code[split].y = w->size;
    }
    while (jumps != UINT32_MAX && !w->full) {
        uint32_t before = w->code[jumps].x;
        w->code[jumps].x = w->size;
        jumps = before;
    }
}

static void write_repeat(writer *w, const snag_piece *piece)
{
    bool forever = piece->most == SNAG_REPEAT_FOREVER;
    uint32_t from = w->size;
    for (uint32_t i = 0; i < piece->least && !w->full; i++) {
        from = w->size;
        write_piece(w, piece->first);
    }
    if (forever && piece->least > 0) {
        put(w, REGEX_SPLIT, from, w->size + 1);
    } else if (forever) {
        uint32_t split = put(w, REGEX_SPLIT, w->size + 1, 0);
        write_piece(w, piece->first);
        put(w, REGEX_JUMP, split, 0);
        w->code[split].y = w->size;
    }
    uint32_t splits = UINT32_MAX;
    for (uint32_t i = piece->least; !forever && i < piece->most && !w->full; i++) {
        splits = put(w, REGEX_SPLIT, w->size + 1, splits);
        write_piece(w, piece->first);
    }
    while (splits != UINT32_MAX && !w->full) {
        uint32_t before = w->code[splits].y;
        w->code[splits].y = w->size;
        splits = before;
    }
}

static void write_piece(writer *w, const snag_piece *piece)
{
    switch (piece->kind) {
    case SNAG_PIECE_EMPTY: break;
    case SNAG_PIECE_CHAR: put(w, piece->folded ? REGEX_FOLDED : REGEX_CHAR, piece->code, 0); break;
    case SNAG_PIECE_CLASS: w->code[put(w, REGEX_CLASS, 0, 0)].chars = piece->chars; break;
    case SNAG_PIECE_ANY: put(w, REGEX_ANY, 0, 0); break;
    case SNAG_PIECE_PLACE: put(w, REGEX_PLACE, piece->code, 0); break;
    case SNAG_PIECE_CHAIN:
        for (const snag_piece *child = piece->first; child && !w->full; child = child->next)
            write_piece(w, child);
        break;
    case SNAG_PIECE_EITHER: write_either(w, piece); break;
    case SNAG_PIECE_REPEAT: write_repeat(w, piece); break;
    }
}

/* Whether comparing is enough; then its characters are written to the arena. */
static bool find_literal(snag_arena *arena, const snag_piece *piece, size_t pattern_bytes,
                         snag_regex *regex)
{
    if (piece->kind != SNAG_PIECE_CHAIN)
        return false;
    char *text = snag_arena_bytes(arena, pattern_bytes + 4);
    size_t size = 0;
    if (!text)
        return false;
    for (const snag_piece *child = piece->first; child; child = child->next) {
        bool place = child->kind == SNAG_PIECE_PLACE;
        if (place && child->code == SNAG_PLACE_TEXT_BEGIN && child == piece->first)
            regex->begin = true;
        else if (place && child->code == SNAG_PLACE_TEXT_END && !child->next)
            regex->end = true;
        else if (child->kind == SNAG_PIECE_CHAR && !child->folded)
            size += snag_utf8_encode(child->code, text + size);
        else
            return false;
    }
    regex->text = snag_str_of(text, size);
    regex->literal = true;
    return true;
}

snag_err snag_regex_compile(snag_arena *arena, snag_str pattern, const snag_regex **out, snag_diag *diag)
{
    snag_piece *root;
    snag_regex *regex = snag_arena_take(arena, sizeof *regex);
    if (!regex)
        return snag_fail(diag, SNAG_EXPR, "it is too large");
    if (!snag_utf8_valid(pattern)) /* then no character takes more bytes than it is written with */
        return snag_fail(diag, SNAG_EXPR, "it holds bytes that are not UTF-8");
    snag_err err = snag_regex_parse(arena, pattern, &root, diag);
    if (err)
        return err;
    *out = regex;
    if (find_literal(arena, root, pattern.size, regex))
        return SNAG_OK;
    size_t room = (arena->size - arena->used) / sizeof(regex_insn);
    room -= room > 0; /* for the alignment */
    writer w = {.room = room > CODE_MAX ? CODE_MAX : (uint32_t)room};
    w.code = snag_arena_take(arena, (w.room + 1) * sizeof *w.code);
    if (!w.code)
        return snag_fail(diag, SNAG_EXPR, "it is too large for its memory");
    write_piece(&w, root);
    put(&w, REGEX_MATCH, 0, 0);
    if (w.full)
        return snag_fail(diag, SNAG_EXPR, "it is too large: more than %u steps with its repetitions",
                         w.room);
    arena->used = (size_t)((unsigned char *)(w.code + w.size) - arena->block); /* gives the rest back */
    regex->code = w.code;
    regex->size = w.size;
    return SNAG_OK;
}

/* The ways the pattern stands in at one place of the text: each instruction once. */
typedef struct threads {
    uint32_t *at;
    uint32_t count;
} threads;

typedef struct matcher {
    const snag_regex *regex;
    uint32_t *mark;  /* by instruction: the round it was last added in */
    uint32_t *stack; /* instructions still to be followed */
    uint32_t round;
    int32_t before; /* the characters around the place, -1 = none */
    int32_t after;
    bool matched;
} matcher;

static bool is_word(int32_t code)
{
    return (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') || code == '_' ||
           (code >= 'a' && code <= 'z');
}

static bool stands(const matcher *m, uint32_t place)
{
    switch ((snag_place)place) {
    case SNAG_PLACE_TEXT_BEGIN: return m->before < 0;
    case SNAG_PLACE_TEXT_END: return m->after < 0;
    case SNAG_PLACE_LINE_BEGIN: return m->before < 0 || m->before == '\n';
    case SNAG_PLACE_LINE_END: return m->after < 0 || m->after == '\n';
    case SNAG_PLACE_WORD: return is_word(m->before) != is_word(m->after);
    case SNAG_PLACE_NOT_WORD: return is_word(m->before) == is_word(m->after);
    }
    return false;
}

static void push(matcher *m, uint32_t *height, uint32_t at)
{
    if (m->mark[at] == m->round)
        return;
    m->mark[at] = m->round;
    m->stack[(*height)++] = at;
}

/* Adds an instruction and all it leads to without taking a character. */
static void follow(matcher *m, threads *to, uint32_t at)
{
    uint32_t height = 0;
    push(m, &height, at);
    while (height > 0) {
        at = m->stack[--height];
        const regex_insn *insn = &m->regex->code[at];
        switch ((regex_op)insn->op) {
        case REGEX_JUMP: push(m, &height, insn->x); break;
        case REGEX_SPLIT:
            push(m, &height, insn->x);
            push(m, &height, insn->y);
            break;
        case REGEX_PLACE:
            if (stands(m, insn->x))
                push(m, &height, at + 1);
            break;
        case REGEX_MATCH: m->matched = true; break;
        default: to->at[to->count++] = at; break;
        }
    }
}

static bool takes(const regex_insn *insn, uint32_t code)
{
    switch ((regex_op)insn->op) {
    case REGEX_CHAR: return insn->x == code;
    case REGEX_FOLDED: return insn->x == snag_code_fold(code);
    case REGEX_CLASS: return snag_class_has(insn->chars, code);
    case REGEX_ANY: return true;
    default: return false;
    }
}

static int32_t code_at(snag_str text, size_t at, size_t *next)
{
    *next = at;
    if (at == text.size)
        return -1;
    int32_t code = snag_utf8_next(text, next);
    return code < 0 ? 0xFFFD : code;
}

/* False: too many steps. */
static bool simulate(snag_evaluation *eval, matcher *m, snag_str text, threads *now, threads *then)
{
    size_t at = 0;
    size_t next;
    m->before = -1;
    m->after = code_at(text, 0, &next);
    m->round = 1;
    follow(m, now, 0);
    while (!m->matched && at < text.size) {
        if (!snag_evaluation_work(eval, 1 + now->count / 2))
            return false;
        at = next;
        m->before = m->after;
        m->after = code_at(text, at, &next);
        m->round++;
        then->count = 0;
        for (uint32_t i = 0; i < now->count && !m->matched; i++)
            if (takes(&m->regex->code[now->at[i]], (uint32_t)m->before))
                follow(m, then, now->at[i] + 1);
        follow(m, then, 0);
        threads *spare = now;
        now = then;
        then = spare;
    }
    return true;
}

static bool compare(const snag_regex *regex, snag_str text, snag_evaluation *eval, bool *matched)
{
    snag_str part = regex->text;
    *matched = false;
    if (part.size > text.size)
        return true;
    if (regex->begin && regex->end)
        *matched = snag_str_equal(text, part);
    else if (regex->begin)
        *matched = snag_str_starts(text, part);
    else if (regex->end)
        *matched = part.size == 0 ||
                   memcmp(text.data + text.size - part.size, part.data, part.size) == 0;
    else
        *matched = snag_text_holds(eval, text, part);
    return eval->steps >= 0;
}

snag_value snag_regex_evaluate(snag_evaluation *eval, const snag_regex *regex, snag_str text)
{
    bool matched;
    snag_fault fault = SNAG_FAULT_STEPS;
    if (regex->literal) {
        if (compare(regex, text, eval, &matched))
            return (snag_value){.as.boolean = matched, .kind = SNAG_KIND_BOOL};
    } else {
        size_t used = eval->scratch->used;
        uint32_t *room = snag_arena_take(eval->scratch, (size_t)regex->size * 4 * sizeof *room);
        if (room) {
            threads now = {.at = room};
            threads then = {.at = room + regex->size};
            matcher m = {.regex = regex, .mark = room + 2 * (size_t)regex->size,
                         .stack = room + 3 * (size_t)regex->size};
            bool done = simulate(eval, &m, text, &now, &then);
            eval->scratch->used = used;
            if (done)
                return (snag_value){.as.boolean = m.matched, .kind = SNAG_KIND_BOOL};
        } else {
            fault = SNAG_FAULT_SCRATCH;
        }
    }
    return snag_fault_value(fault, NULL, SNAG_KIND_ABSENT, SNAG_KIND_ABSENT);
}
