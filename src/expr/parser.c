/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens -> tree, by precedence climbing. The grammar is CEL's:
 *
 *     choice   = logic ["?" logic ":" choice]
 *     logic    = || over && over relations (== != < <= > >= in) over + - over * / %
 *     unary    = {"!"} member | {"-"} member
 *     member   = primary {"." name ["(" args ")"] | "[" choice "]"}
 *     primary  = literal | name | name "(" args ")" | "(" choice ")" | list | map
 *
 * Depth is bounded twice: brackets and signs inside each other (this file's own recursion) and the
 * height of the tree (the recursion of the later passes).
 */
#include "base/assert.h"
#include "base/nearest.h"
#include "expr/tree.h"

typedef struct parser {
    snag_compilation *compilation;
    snag_lexer lexer;
    snag_token token; /* the one not yet taken */
    uint32_t nesting;
} parser;

static snag_err parse_choice(parser *p, snag_node **out);

static const char *const loop_words[SNAG_LOOP_COUNT] = {
#define X(name, word) word,
    SNAG_LOOP_TABLE(X)
#undef X
};

/* Words that CEL keeps for itself; they may stand behind a point. */
static const char *const reserved[] = {
    "as",   "break",  "const",   "continue",  "else",   "for", "function", "if",    "import",
    "let",  "loop",   "package", "namespace", "return", "var", "void",     "while",
};

/* How other languages say it. */
static const struct {
    const char *word;
    const char *sign;
} foreign[] = {{"and", "&&"}, {"or", "||"}, {"not", "!"}, {"AND", "&&"}, {"OR", "||"}, {"NOT", "!"},
               {"is", "=="},  {"eq", "=="}, {"ne", "!="}, {"gt", ">"},   {"lt", "<"},  {"IN", "in"}};

static const char *foreign_sign(snag_str word)
{
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (snag_str_equal(word, snag_str_from(foreign[i].word)))
            return foreign[i].sign;
    return NULL;
}

static snag_err advance(parser *p)
{
    return snag_lexer_next(&p->lexer, &p->token);
}

/* "expected X, got Y", and what the writer may have meant. */
static snag_err unexpected(parser *p, const char *expected)
{
    const snag_token *token = &p->token;
    if (token->kind == SNAG_TOKEN_END)
        return snag_compilation_fail(p->compilation, token->at,
                                     "expected %s, but the expression ends here", expected);
    const char *sign = token->kind == SNAG_TOKEN_NAME ? foreign_sign(token->text) : NULL;
    if (sign)
        return snag_compilation_fail(p->compilation, token->at, "%.*s is written %s in expressions",
                                     SNAG_FMT(token->text), sign);
    int size = token->text.size > 40 ? 40 : (int)token->text.size;
    return snag_compilation_fail(p->compilation, token->at, "expected %s, got %.*s%s", expected, size,
                                 token->text.data, size == 40 ? "…" : "");
}

static snag_err expect(parser *p, snag_token_kind kind, const char *expected)
{
    return p->token.kind == kind ? advance(p) : unexpected(p, expected);
}

static snag_err node_new(parser *p, snag_node_kind kind, uint32_t at, snag_node **out)
{
    snag_node *node = snag_arena_take(p->compilation->temp, sizeof *node);
    *out = node;
    if (!node)
        return snag_compilation_fail(p->compilation, at, "the expression is too large for its memory");
    node->kind = kind;
    node->at = at;
    node->height = 1;
    p->compilation->nodes++;
    return SNAG_OK;
}

/* Appends a child behind *tail (the place the next one goes). */
static snag_err adopt(parser *p, snag_node *parent, snag_node ***tail, snag_node *child)
{
    **tail = child;
    *tail = &child->next;
    parent->count++;
    if (child->height >= parent->height)
        parent->height = child->height + 1;
    if (parent->height > SNAG_EXPR_HEIGHT_MAX)
        return snag_compilation_fail(p->compilation, parent->at,
                                     "the expression is nested or chained more than %u deep",
                                     SNAG_EXPR_HEIGHT_MAX);
    return SNAG_OK;
}

static snag_err deeper(parser *p)
{
    if (++p->nesting > SNAG_EXPR_NESTING_MAX)
        return snag_compilation_fail(p->compilation, p->token.at, "nested more than %u deep",
                                     SNAG_EXPR_NESTING_MAX);
    return SNAG_OK;
}

/* choices up to `close`, which is taken. Map: key ":" value pairs. */
static snag_err parse_items(parser *p, snag_node *parent, snag_node ***tail, snag_token_kind close)
{
    char expected[24];
    while (p->token.kind != close) {
        snag_node *item = NULL;
        snag_err err = parse_choice(p, &item);
        if (err || (err = adopt(p, parent, tail, item)))
            return err;
        if (parent->kind == SNAG_NODE_MAP) {
            if ((err = expect(p, SNAG_TOKEN_COLON, ": between key and value")) ||
                (err = parse_choice(p, &item)) || (err = adopt(p, parent, tail, item)))
                return err;
        }
        if (p->token.kind != SNAG_TOKEN_COMMA)
            break;
        if ((err = advance(p)))
            return err;
        if (close == SNAG_TOKEN_CLOSE && p->token.kind == close)
            return unexpected(p, "another argument behind the comma");
    }
    snag_buf words = snag_buf_on(expected, sizeof expected);
    snag_buf_printf(&words, ", or %s%c", snag_token_word(close), '\0');
    return expect(p, close, expected);
}

static bool find_loop(snag_str name, int *loop)
{
    for (int i = 0; i < SNAG_LOOP_COUNT; i++) {
        *loop = i;
        if (snag_str_equal(name, snag_str_from(loop_words[i])))
            return true;
    }
    *loop = SNAG_LOOP_EXISTS_ONE;
    return snag_str_equal(name, SNAG_STR("existsOne"));
}

/* list.all(x, …): turns the call into a loop whose variable is x. */
static snag_err make_loop(parser *p, snag_node *call, int loop)
{
    uint32_t most = loop == SNAG_LOOP_MAP ? 4 : 3;
    if (call->count < 3 || call->count > most)
        return snag_compilation_fail(p->compilation, call->at,
                                     "%s needs a variable and %s, as in list.%s(x, x > 0)",
                                     loop_words[loop],
                                     loop == SNAG_LOOP_MAP ? "an expression" : "a condition",
                                     loop_words[loop]);
    snag_node *variable = call->first->next;
    if (variable->kind != SNAG_NODE_NAME || variable->rooted)
        return snag_compilation_fail(p->compilation, variable->at,
                                     "expected a plain name for %s's variable, as in list.%s(x, x > 0)",
                                     loop_words[loop], loop_words[loop]);
    call->kind = SNAG_NODE_LOOP;
    call->sign = loop;
    call->name = variable->name;
    call->first->next = variable->next;
    call->count--;
    return SNAG_OK;
}

static snag_err make_has(parser *p, snag_node *call)
{
    snag_node *asked = call->first;
    if (call->count != 1 || (asked->kind != SNAG_NODE_NAME && asked->kind != SNAG_NODE_SELECT))
        return snag_compilation_fail(p->compilation, call->at,
                                     "has() asks for one name, as in has(amount) or has(user.name)");
    call->kind = SNAG_NODE_HAS;
    return SNAG_OK;
}

/* Behind the opening bracket of a call. */
static snag_err parse_call(parser *p, snag_str name, uint32_t at, snag_node *target, snag_node **out)
{
    snag_node *call = NULL;
    int loop;
    snag_err err = node_new(p, SNAG_NODE_CALL, at, &call);
    if (err || (err = deeper(p)))
        return err;
    call->name = name;
    call->method = target != NULL;
    snag_node **tail = &call->first;
    if (target && (err = adopt(p, call, &tail, target)))
        return err;
    if ((err = advance(p)) || (err = parse_items(p, call, &tail, SNAG_TOKEN_CLOSE)))
        return err;
    p->nesting--;
    *out = call;
    if (target && find_loop(name, &loop))
        return make_loop(p, call, loop);
    if (!target && snag_str_equal(name, SNAG_STR("has")))
        return make_has(p, call);
    return SNAG_OK;
}

static snag_err parse_list(parser *p, snag_node_kind kind, snag_node **out)
{
    snag_err err = node_new(p, kind, p->token.at, out);
    if (err || (err = deeper(p)) || (err = advance(p)))
        return err;
    snag_node **tail = &(*out)->first;
    err = parse_items(p, *out, &tail,
                      kind == SNAG_NODE_MAP ? SNAG_TOKEN_MAP_CLOSE : SNAG_TOKEN_LIST_CLOSE);
    p->nesting--;
    return err;
}

static snag_err parse_brackets(parser *p, snag_node **out)
{
    char expected[32];
    uint32_t column = snag_lexer_column(p->compilation->text, p->token.at);
    snag_err err = deeper(p);
    if (err || (err = advance(p)) || (err = parse_choice(p, out)))
        return err;
    p->nesting--;
    snag_buf words = snag_buf_on(expected, sizeof expected);
    snag_buf_printf(&words, ") for the ( at %u", column);
    return expect(p, SNAG_TOKEN_CLOSE, expected);
}

static bool is_constant(snag_str name, snag_value *value)
{
    if (snag_str_equal(name, SNAG_STR("null")))
        *value = (snag_value){.kind = SNAG_KIND_NULL};
    else if (snag_str_equal(name, SNAG_STR("true")) || snag_str_equal(name, SNAG_STR("false")))
        *value = (snag_value){.as.boolean = name.size == 4, .kind = SNAG_KIND_BOOL};
    else
        return false;
    return true;
}

static snag_err parse_name(parser *p, bool rooted, snag_node **out)
{
    snag_token name = p->token;
    if (name.kind != SNAG_TOKEN_NAME)
        return unexpected(p, "a name");
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (snag_str_equal(name.text, snag_str_from(reserved[i])))
            return snag_compilation_fail(p->compilation, name.at,
                                         "%s is a word CEL keeps for itself; it cannot be a name here",
                                         reserved[i]);
    snag_err err = advance(p);
    if (err)
        return err;
    if (p->token.kind == SNAG_TOKEN_OPEN)
        return parse_call(p, name.text, name.at, NULL, out);
    if ((err = node_new(p, SNAG_NODE_NAME, name.at, out)))
        return err;
    (*out)->name = name.text;
    (*out)->rooted = rooted;
    if (!rooted && is_constant(name.text, &(*out)->value))
        (*out)->kind = SNAG_NODE_VALUE;
    return SNAG_OK;
}

static snag_err parse_value(parser *p, snag_node **out)
{
    snag_err err = node_new(p, SNAG_NODE_VALUE, p->token.at, out);
    if (err)
        return err;
    (*out)->value = p->token.value;
    if (p->token.value.kind == SNAG_KIND_INT && p->token.value.as.integer == INT64_MIN)
        return snag_compilation_fail(p->compilation, p->token.at,
                                     "the number does not fit into 64 bits");
    return advance(p);
}

static snag_err parse_primary(parser *p, snag_node **out)
{
    snag_err err;
    switch (p->token.kind) {
    case SNAG_TOKEN_VALUE: return parse_value(p, out);
    case SNAG_TOKEN_NAME: return parse_name(p, false, out);
    case SNAG_TOKEN_OPEN: return parse_brackets(p, out);
    case SNAG_TOKEN_LIST_OPEN: return parse_list(p, SNAG_NODE_LIST, out);
    case SNAG_TOKEN_MAP_OPEN: return parse_list(p, SNAG_NODE_MAP, out);
    case SNAG_TOKEN_DOT: err = advance(p); return err ? err : parse_name(p, true, out);
    default: return unexpected(p, "a value or a name");
    }
}

/* Behind the point: a field or a method. */
static snag_err parse_field(parser *p, snag_node *target, snag_node **out)
{
    snag_err err = advance(p);
    if (err)
        return err;
    snag_token name = p->token;
    bool word = name.kind == SNAG_TOKEN_NAME || name.kind == SNAG_TOKEN_IN;
    if (!word && name.kind != SNAG_TOKEN_QUOTED)
        return unexpected(p, "a field or a function behind the point");
    if ((err = advance(p)))
        return err;
    if (word && p->token.kind == SNAG_TOKEN_OPEN)
        return parse_call(p, name.text, name.at, target, out);
    if ((err = node_new(p, SNAG_NODE_SELECT, name.at, out)))
        return err;
    snag_node **tail = &(*out)->first;
    (*out)->name = name.text;
    (*out)->quoted = name.kind == SNAG_TOKEN_QUOTED;
    return adopt(p, *out, &tail, target);
}

static snag_err parse_index(parser *p, snag_node *target, snag_node **out)
{
    snag_node *index = NULL;
    snag_err err = node_new(p, SNAG_NODE_INDEX, p->token.at, out);
    if (err || (err = deeper(p)) || (err = advance(p)) || (err = parse_choice(p, &index)))
        return err;
    p->nesting--;
    snag_node **tail = &(*out)->first;
    if ((err = adopt(p, *out, &tail, target)) || (err = adopt(p, *out, &tail, index)))
        return err;
    return expect(p, SNAG_TOKEN_LIST_CLOSE, "]");
}

static snag_err parse_member(parser *p, snag_node **out)
{
    snag_err err = parse_primary(p, out);
    while (!err) {
        if (p->token.kind == SNAG_TOKEN_DOT)
            err = parse_field(p, *out, out);
        else if (p->token.kind == SNAG_TOKEN_LIST_OPEN)
            err = parse_index(p, *out, out);
        else
            break;
    }
    return err;
}

/* "-" directly before a number belongs to it, so that -9223372036854775808 can be written. */
static snag_err parse_negative(parser *p, uint32_t at, bool *done, snag_node **out)
{
    snag_value *value = &p->token.value;
    *done = false;
    if (p->token.kind != SNAG_TOKEN_VALUE)
        return SNAG_OK;
    if (value->kind == SNAG_KIND_INT)
        *value = snag_value_int(value->as.integer == INT64_MIN ? INT64_MIN : -value->as.integer);
    else if (value->kind == SNAG_KIND_DOUBLE)
        value->as.number = -value->as.number;
    else
        return SNAG_OK;
    *done = true;
    snag_err err = node_new(p, SNAG_NODE_VALUE, at, out);
    if (err)
        return err;
    (*out)->value = *value;
    err = advance(p);
    while (!err && (p->token.kind == SNAG_TOKEN_DOT || p->token.kind == SNAG_TOKEN_LIST_OPEN))
        err = p->token.kind == SNAG_TOKEN_DOT ? parse_field(p, *out, out) : parse_index(p, *out, out);
    return err;
}

static snag_err parse_unary(parser *p, snag_node **out)
{
    snag_token sign = p->token;
    bool done = false;
    if (sign.kind != SNAG_TOKEN_NOT && sign.kind != SNAG_TOKEN_MINUS)
        return parse_member(p, out);
    snag_err err = deeper(p);
    if (err || (err = advance(p)))
        return err;
    if (sign.kind == SNAG_TOKEN_MINUS)
        err = parse_negative(p, sign.at, &done, out);
    if (!err && !done) {
        snag_node *operand = NULL;
        snag_node_kind kind = sign.kind == SNAG_TOKEN_NOT ? SNAG_NODE_NOT : SNAG_NODE_NEGATE;
        if ((err = parse_unary(p, &operand)) || (err = node_new(p, kind, sign.at, out)))
            return err;
        snag_node **tail = &(*out)->first;
        err = adopt(p, *out, &tail, operand);
    }
    p->nesting--;
    return err;
}

/* How tightly a sign binds; 0 = it is none. */
static int binding(snag_token_kind kind)
{
    switch (kind) {
    case SNAG_TOKEN_OR: return 1;
    case SNAG_TOKEN_AND: return 2;
    case SNAG_TOKEN_EQUAL:
    case SNAG_TOKEN_NOT_EQUAL:
    case SNAG_TOKEN_LESS:
    case SNAG_TOKEN_LESS_EQUAL:
    case SNAG_TOKEN_GREATER:
    case SNAG_TOKEN_GREATER_EQUAL:
    case SNAG_TOKEN_IN: return 3;
    case SNAG_TOKEN_PLUS:
    case SNAG_TOKEN_MINUS: return 4;
    case SNAG_TOKEN_TIMES:
    case SNAG_TOKEN_DIVIDE:
    case SNAG_TOKEN_MODULO: return 5;
    default: return 0;
    }
}

/* Everything that binds tighter than `above`; a && b && c becomes one node with three children. */
static snag_err parse_binary(parser *p, int above, snag_node **out)
{
    snag_err err = parse_unary(p, out);
    snag_node *chain = NULL;
    snag_node **tail = NULL;
    while (!err && binding(p->token.kind) > above) {
        snag_token sign = p->token;
        bool logic = sign.kind == SNAG_TOKEN_AND || sign.kind == SNAG_TOKEN_OR;
        snag_node *right = NULL;
        if ((err = advance(p)) || (err = parse_binary(p, binding(sign.kind), &right)))
            return err;
        if (!chain || !logic || chain->sign != (int)sign.kind) {
            if ((err = node_new(p, logic ? SNAG_NODE_LOGIC : SNAG_NODE_BINARY, sign.at, &chain)))
                return err;
            chain->sign = (int)sign.kind;
            tail = &chain->first;
            if ((err = adopt(p, chain, &tail, *out)))
                return err;
            *out = chain;
        }
        err = adopt(p, chain, &tail, right);
    }
    return err;
}

static snag_err parse_choice(parser *p, snag_node **out)
{
    snag_err err = parse_binary(p, 0, out);
    if (err || p->token.kind != SNAG_TOKEN_QUESTION)
        return err;
    snag_node *choice = NULL;
    snag_node *yes = NULL;
    snag_node *no = NULL;
    if ((err = node_new(p, SNAG_NODE_CHOOSE, p->token.at, &choice)) || (err = deeper(p)) ||
        (err = advance(p)) || (err = parse_binary(p, 0, &yes)) ||
        (err = expect(p, SNAG_TOKEN_COLON, ": of the choice (a ? b : c)")) || (err = parse_choice(p, &no)))
        return err;
    p->nesting--;
    snag_node **tail = &choice->first;
    if ((err = adopt(p, choice, &tail, *out)) || (err = adopt(p, choice, &tail, yes)))
        return err;
    *out = choice;
    return adopt(p, choice, &tail, no);
}

snag_err snag_expr_parse(snag_compilation *compilation, snag_node **root)
{
    parser p = {.compilation = compilation,
                .lexer = {.text = compilation->text,
                          .arena = compilation->temp,
                          .diag = compilation->diag}};
    snag_err err = advance(&p);
    if (err || (err = parse_choice(&p, root)))
        return err;
    if (p.token.kind != SNAG_TOKEN_END)
        return unexpected(&p, "a sign such as && == + or the end");
    SNAG_ASSERT(p.nesting == 0);
    return SNAG_OK;
}
