/* SPDX-License-Identifier: Apache-2.0 */
#include "config/yaml.h"

#include <yaml.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "config/loader.h"

enum { DEPTH_MAX = 16 }; /* the language needs six */

/* The tree grows from events; the stack holds the lists and maps that are still open. */
typedef struct builder {
    snag_loader *loader;
    snag_yaml *root;
    struct {
        snag_yaml *node;
        snag_yaml *last;
    } stack[DEPTH_MAX];
    uint32_t depth;
    uint32_t nodes;
    bool has_key; /* a key was read and waits for its value */
    snag_str key;
    snag_place key_at;
    bool stop;
} builder;

static snag_place place_of(yaml_mark_t mark)
{
    return (snag_place){(uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static void stop(builder *tree, snag_place at, const char *words)
{
    snag_finding_add(tree->loader, at, "%s", words);
    tree->stop = true;
}

static bool inside_flow(const builder *tree)
{
    return tree->depth > 0 && tree->stack[tree->depth - 1].node->flow;
}

static bool key_expected(const builder *tree)
{
    return tree->depth > 0 && tree->stack[tree->depth - 1].node->kind == SNAG_YAML_MAP &&
           !tree->has_key;
}

/* Anchors and tags say something only to YAML; most tags are an expression that lost its quotes.
 * True: told. */
static bool refuse_extras(builder *tree, const yaml_event_t *event, const yaml_char_t *anchor,
                          const yaml_char_t *tag)
{
    snag_place at = place_of(event->start_mark);
    if (anchor)
        snag_finding_add(tree->loader, at, "anchors (&%s) are not taken: write the value out",
                         (const char *)anchor);
    else if (tag && !snag_trap_tell(tree->loader, at.line, tree->key, inside_flow(tree)))
        snag_finding_add(tree->loader, at, "tags (%s) are not taken: quote the text instead",
                         (const char *)tag);
    return tag != NULL; /* what an anchor names is still read */
}

static void append(builder *tree, snag_yaml *node)
{
    if (tree->depth == 0) {
        tree->root = node;
        return;
    }
    snag_yaml *parent = tree->stack[tree->depth - 1].node;
    snag_yaml *last = tree->stack[tree->depth - 1].last;
    node->parent = parent;
    if (parent->kind == SNAG_YAML_MAP) {
        node->key = tree->key;
        node->key_at = tree->key_at;
        tree->has_key = false;
    }
    if (last)
        last->next = node;
    else
        parent->first = node;
    tree->stack[tree->depth - 1].last = node;
    parent->count++;
}

static snag_yaml *add(builder *tree, snag_yaml_kind kind, const yaml_event_t *event)
{
    snag_place at = place_of(event->start_mark);
    if (key_expected(tree)) {
        stop(tree, at, "a key must be a plain text: \"name: value\"");
        return NULL;
    }
    if (++tree->nodes > SNAG_NODES_MAX) {
        stop(tree, at, "the file holds too many keys and values");
        return NULL;
    }
    snag_yaml *node = snag_loader_take(tree->loader, sizeof *node);
    node->kind = kind;
    node->at = at;
    node->end = place_of(event->end_mark);
    append(tree, node);
    return node;
}

static void open_collection(builder *tree, snag_yaml_kind kind, const yaml_event_t *event,
                            bool flow, bool told)
{
    if (tree->depth == DEPTH_MAX) {
        stop(tree, place_of(event->start_mark), "nested too deeply");
        return;
    }
    snag_yaml *node = add(tree, kind, event);
    if (!node)
        return;
    node->flow = flow;
    node->told = told;
    tree->stack[tree->depth].node = node;
    tree->stack[tree->depth].last = NULL;
    tree->depth++;
}

static void close_collection(builder *tree, const yaml_event_t *event)
{
    SNAG_ASSERT(tree->depth > 0);
    tree->depth--;
    tree->stack[tree->depth].node->end = place_of(event->end_mark);
}

static void on_key(builder *tree, const yaml_event_t *event)
{
    snag_loader *loader = tree->loader;
    tree->key = snag_loader_copy(
        loader, snag_str_of(event->data.scalar.value, event->data.scalar.length));
    tree->key_at = place_of(event->start_mark);
    tree->has_key = true;
    const snag_yaml *map = tree->stack[tree->depth - 1].node;
    for (const snag_yaml *child = map->first; child; child = child->next)
        if (snag_str_equal(child->key, tree->key)) {
            snag_finding_add(loader, tree->key_at, "\"%.*s\" is given twice; first on line %u",
                             SNAG_FMT(tree->key), child->key_at.line);
            return;
        }
}

static void on_scalar(builder *tree, const yaml_event_t *event)
{
    bool told = refuse_extras(tree, event, event->data.scalar.anchor, event->data.scalar.tag);
    if (key_expected(tree)) {
        on_key(tree, event);
        return;
    }
    snag_yaml *node = add(tree, SNAG_YAML_TEXT, event);
    if (!node)
        return;
    node->told = told;
    yaml_scalar_style_t style = event->data.scalar.style;
    node->plain = style == YAML_PLAIN_SCALAR_STYLE;
    node->literal = style == YAML_LITERAL_SCALAR_STYLE;
    node->text = snag_loader_copy(
        tree->loader, snag_str_of(event->data.scalar.value, event->data.scalar.length));
}

static void on_alias(builder *tree, const yaml_event_t *event)
{
    snag_place at = place_of(event->start_mark);
    snag_finding_add(tree->loader, at, "aliases are not taken: write the value out, or quote the text: '*%s'",
                     (const char *)event->data.alias.anchor);
    snag_yaml *node = key_expected(tree) ? NULL : add(tree, SNAG_YAML_TEXT, event);
    tree->stop = tree->stop || !node;
    if (node)
        node->told = true;
}

static void on_event(builder *tree, const yaml_event_t *event)
{
    bool told = false;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (tree->root)
            stop(tree, place_of(event->start_mark), "a second document (---): one file, one pipeline");
        break;
    case YAML_SCALAR_EVENT: on_scalar(tree, event); break;
    case YAML_ALIAS_EVENT: on_alias(tree, event); break;
    case YAML_SEQUENCE_START_EVENT:
        told = refuse_extras(tree, event, event->data.sequence_start.anchor,
                             event->data.sequence_start.tag);
        open_collection(tree, SNAG_YAML_LIST, event,
                        event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE, told);
        break;
    case YAML_MAPPING_START_EVENT:
        told = refuse_extras(tree, event, event->data.mapping_start.anchor,
                             event->data.mapping_start.tag);
        open_collection(tree, SNAG_YAML_MAP, event,
                        event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE, told);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: close_collection(tree, event); break;
    default: break;
    }
}

static bool has_tab_indent(snag_str line)
{
    for (size_t i = 0; i < line.size && (line.data[i] == ' ' || line.data[i] == '\t'); i++)
        if (line.data[i] == '\t')
            return true;
    return false;
}

static void tell_problem(snag_loader *loader, const yaml_parser_t *parser, const char *context)
{
    snag_place at = place_of(parser->problem_mark);
    bool map = strstr(context, "flow mapping") != NULL;
    if (map || strstr(context, "flow sequence"))
        snag_finding_add(loader, place_of(parser->context_mark),
                         "this %s is not closed, or lacks a comma before line %u, column %u",
                         map ? "{" : "[", at.line, at.column);
    else if (strstr(context, "block mapping") || strstr(context, "block collection"))
        snag_finding_add(loader, at, "this does not fit the lines above: the keys of one map begin in the "
                         "same column, and each is \"name: value\"");
    else
        snag_finding_add(loader, at, "not YAML: %s%s%s",
                         parser->problem ? parser->problem : "unreadable", *context ? " " : "", context);
}

/* libyaml's words are about tokens; a trap or a tab is what a person can act on. */
static void tell_syntax(builder *tree, const yaml_parser_t *parser)
{
    snag_loader *loader = tree->loader;
    snag_place at = place_of(parser->problem_mark);
    const char *context = parser->context ? parser->context : "";
    bool flow = inside_flow(tree) || strstr(context, "flow") != NULL;
    uint32_t context_line = parser->context ? (uint32_t)parser->context_mark.line + 1 : at.line;
    if (has_tab_indent(snag_text_line(loader->config->text, at.line))) {
        snag_finding_add(loader, (snag_place){at.line, 1}, "indented with a tab; YAML wants blanks");
        return;
    }
    if (snag_trap_tell(loader, at.line, (snag_str){0}, flow))
        return;
    if (at.line > 1 && snag_trap_tell(loader, at.line - 1, (snag_str){0}, flow))
        return;
    if (context_line != at.line && snag_trap_tell(loader, context_line, (snag_str){0}, flow))
        return;
    tell_problem(loader, parser, context);
}

static void read_events(builder *tree, yaml_parser_t *parser)
{
    bool end = false;
    while (!end && !tree->stop) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            tell_syntax(tree, parser);
            tree->stop = true;
            return;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        on_event(tree, &event);
        yaml_event_delete(&event);
    }
}

static bool readable(snag_loader *loader)
{
    snag_str text = loader->config->text;
    size_t at = 0;
    snag_place place = {1, 1};
    while (at < text.size) {
        size_t from = at;
        if (snag_utf8_next(text, &at) < 0) {
            snag_finding_add(loader, place, "this byte is not UTF-8");
            return false;
        }
        place.column++;
        if (text.data[from] == '\n')
            place = (snag_place){place.line + 1, 1};
    }
    return true;
}

snag_yaml *snag_yaml_parse(snag_loader *loader)
{
    snag_str text = loader->config->text;
    if (!readable(loader))
        return NULL;
    builder tree = {.loader = loader};
    yaml_parser_t parser;
    SNAG_ASSERT(yaml_parser_initialize(&parser));
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.size);
    read_events(&tree, &parser);
    yaml_parser_delete(&parser);
    if (!tree.root && !tree.stop)
        snag_finding_add(loader, (snag_place){1, 1}, "the file is empty; begin with \"pipeline: NAME\"");
    return tree.stop ? NULL : tree.root;
}

bool snag_yaml_is_empty(const snag_yaml *node)
{
    return node->kind == SNAG_YAML_TEXT && node->plain &&
           (node->text.size == 0 || snag_str_equal(node->text, SNAG_STR("~")) ||
            snag_str_equal(node->text, SNAG_STR("null")));
}

const snag_yaml *snag_yaml_get(const snag_yaml *node, const char *key)
{
    if (!node || node->kind != SNAG_YAML_MAP)
        return NULL;
    snag_str wanted = snag_str_from(key);
    for (const snag_yaml *child = node->first; child; child = child->next)
        if (snag_str_equal(child->key, wanted))
            return child;
    return NULL;
}

const char *snag_yaml_kind_word(const snag_yaml *node)
{
    static const char *const words[] = {"a text", "a list", "a map"};
    return words[node->kind];
}
