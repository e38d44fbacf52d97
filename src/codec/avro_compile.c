/* SPDX-License-Identifier: Apache-2.0
 *
 * A writer's schema and the wanted paths -> a program (avro.h shows one). The tree of types is walked once; a
 * named type is laid out wherever it is used, so that the program needs no calls.
 */
#include "codec/avro_compiler.h"

#include <stdlib.h>

#include "base/limits.h"
#include "codec/avro_schema.h"

typedef snag_avro_compiler compiler;
typedef snag_avro_least least;
typedef snag_avro_named named;

enum {
    OPS_MAX = 1 << 16,   /* named types are laid out wherever they are used: a bound against explosion */
    NAMES_MAX = 1 << 12
};

static least compile_type(compiler *c, const snag_value *type, snag_str space, uint32_t node);

least snag_avro_failed(compiler *c, snag_err err, const char *words, snag_str name)
{
    if (!c->err)
        c->err = snag_fail(c->diag, err, "the Avro schema %s%s%.*s", words, name.size ? " " : "",
                           SNAG_FMT(name));
    return 0;
}

void *snag_avro_one_more(compiler *c, void *items, uint32_t count, uint32_t *room, size_t size)
{
    if (count < *room)
        return items;
    uint32_t more = *room ? *room * 2 : 32;
    void *grown = count < OPS_MAX ? realloc(items, more * size) : NULL;
    if (!grown) {
        snag_avro_failed(c, count < OPS_MAX ? SNAG_MEMORY : SNAG_BAD_SCHEMA, "is too large", SNAG_STR(""));
        return NULL;
    }
    *room = more;
    return grown;
}

uint32_t snag_avro_emit(compiler *c, snag_avro_op op)
{
    snag_avro_program *p = c->program;
    void *ops = snag_avro_one_more(c, p->ops, p->op_count, &p->op_room, sizeof *p->ops);
    if (!ops)
        return 0;
    p->ops = ops;
    p->ops[p->op_count] = op;
    return p->op_count++;
}

static uint32_t here(compiler *c)
{
    c->barrier = c->program->op_count;
    return c->program->op_count;
}

int32_t snag_avro_slot_of(const compiler *c, uint32_t node)
{
    if (node == SNAG_AVRO_ROOT)
        return c->root_slot;
    return node == SNAG_PATHS_NONE ? -1 : c->paths->nodes[node].slot;
}

/* Where the node's children hang. */
static uint32_t place_of(uint32_t node)
{
    return node == SNAG_AVRO_ROOT ? 0 : node;
}

/* --- unions ------------------------------------------------------------------------------------ */

static bool is_null(const snag_value *type)
{
    if (type->kind == SNAG_KIND_MAP)
        return snag_str_equal(snag_avro_member_text(type, "type"), SNAG_STR("null"));
    return type->kind == SNAG_KIND_TEXT && snag_str_equal(type->as.text, SNAG_STR("null"));
}

/* [null, T] or [T, null], by far the most frequent. */
static void compile_optional(compiler *c, const snag_value *branches, snag_str space, uint32_t node)
{
    uint32_t null_at = is_null(&branches[0]) ? 0 : 1;
    uint32_t at = snag_avro_emit(c, (snag_avro_op){.code = SNAG_AVRO_OPTIONAL,
                                                   .slot = snag_avro_slot_of(c, node),
                                                   .a = null_at});
    here(c);
    compile_type(c, &branches[1 - null_at], space, node);
    uint32_t end = here(c);
    if (!c->err)
        c->program->ops[at].b = end;
}

static void compile_branches(compiler *c, const snag_value *list, snag_str space, uint32_t node)
{
    snag_avro_program *p = c->program;
    uint32_t count = (uint32_t)list->as.list.count;
    uint32_t first = p->jump_count;
    snag_avro_emit(c, (snag_avro_op){.code = SNAG_AVRO_UNION, .slot = -1, .a = first, .b = count});
    for (uint32_t i = 0; i < count && !c->err; i++) { /* inner unions take jumps behind ours */
        void *room = snag_avro_one_more(c, p->jumps, p->jump_count, &p->jump_room, sizeof *p->jumps);
        if (!room)
            return;
        p->jumps = room;
        p->jumps[p->jump_count++] = 0;
    }
    uint32_t last_jump = UINT32_MAX; /* the branches' ends are chained until the end is known */
    for (uint32_t i = 0; i < count && !c->err; i++) {
        p->jumps[first + i] = here(c);
        compile_type(c, &list->as.list.items[i], space, node);
        last_jump = snag_avro_emit(c, (snag_avro_op){.code = SNAG_AVRO_JUMP, .slot = -1, .a = last_jump});
    }
    uint32_t end = here(c);
    while (!c->err && last_jump != UINT32_MAX) {
        uint32_t before = p->ops[last_jump].a;
        p->ops[last_jump].a = end;
        last_jump = before;
    }
}

static least compile_union(compiler *c, const snag_value *list, snag_str space, uint32_t node)
{
    const snag_value *branches = list->as.list.items;
    size_t count = list->as.list.count;
    if (count == 0 || count > 256)
        return snag_avro_failed(c, SNAG_BAD_SCHEMA, "has a union of none or very many branches",
                                SNAG_STR(""));
    if (count == 2 && is_null(&branches[0]) != is_null(&branches[1]))
        compile_optional(c, branches, space, node);
    else
        compile_branches(c, list, space, node);
    return 1;
}

/* --- containers -------------------------------------------------------------------------------- */

static void mark(compiler *c, uint32_t node, snag_slot_kind kind)
{
    if (snag_avro_slot_of(c, node) >= 0)
        snag_avro_emit(c, (snag_avro_op){.code = SNAG_AVRO_MARK,
                                         .slot = snag_avro_slot_of(c, node),
                                         .a = (uint32_t)kind});
}

/* The values of an array or map as a program of their own, up to its END. */
static least compile_items(compiler *c, const snag_value *type, snag_str space, uint32_t node)
{
    here(c);
    least bytes = compile_type(c, type, space, node);
    snag_avro_emit(c, (snag_avro_op){.code = SNAG_AVRO_END, .slot = -1});
    here(c);
    return bytes;
}

/* Whether the items of the array at this node are wanted one by one. */
static bool is_each(const compiler *c, uint32_t node)
{
    return c->paths->items && node != SNAG_AVRO_ROOT && snag_avro_slot_of(c, node) >= 0 &&
           (uint32_t)snag_avro_slot_of(c, node) == c->paths->items_slot;
}

/* The program that reads an item, for its own paths. */
static uint32_t compile_each(compiler *c, const snag_value *items, snag_str space)
{
    const snag_paths *paths = c->paths;
    int32_t root_slot = c->root_slot;
    c->paths = paths->items;
    c->root_slot = (int32_t)c->paths->slot_count;
    uint32_t at = c->program->op_count;
    compile_items(c, items, space, SNAG_AVRO_ROOT);
    c->paths = paths;
    c->root_slot = root_slot;
    return at;
}

static least compile_array(compiler *c, const snag_value *type, snag_str space, uint32_t node)
{
    const snag_value *items = snag_avro_member(type, "items");
    if (!items)
        return snag_avro_failed(c, SNAG_BAD_SCHEMA, "has an array without items", SNAG_STR(""));
    mark(c, node, SNAG_SLOT_LIST);
    uint32_t at = snag_avro_emit(c, (snag_avro_op){.code = SNAG_AVRO_ARRAY, .slot = -1});
    least bytes = compile_items(c, items, space, SNAG_PATHS_NONE);
    uint32_t each = !c->err && is_each(c, node) ? compile_each(c, items, space) : 0;
    if (c->err)
        return 0;
    c->program->ops[at].a = c->program->op_count;
    c->program->ops[at].b = bytes;
    c->program->ops[at].c = each;
    return 1;
}

static least compile_map(compiler *c, const snag_value *type, snag_str space, uint32_t node)
{
    snag_avro_program *p = c->program;
    const snag_value *values = snag_avro_member(type, "values");
    if (!values)
        return snag_avro_failed(c, SNAG_BAD_SCHEMA, "has a map without values", SNAG_STR(""));
    mark(c, node, SNAG_SLOT_MAP);
    uint32_t at = snag_avro_emit(c, (snag_avro_op){.code = SNAG_AVRO_MAP, .slot = 0, .c = p->child_count});
    compile_items(c, values, space, SNAG_PATHS_NONE);
    uint32_t child = node == SNAG_PATHS_NONE ? SNAG_PATHS_NONE : c->paths->nodes[place_of(node)].child;
    uint32_t first = p->child_count;
    uint32_t count = 0;
    for (uint32_t i = child; i != SNAG_PATHS_NONE && !c->err; i = c->paths->nodes[i].next) {
        void *room = snag_avro_one_more(c, p->children, p->child_count, &p->child_room, sizeof *p->children);
        if (!room)
            return 0;
        p->children = room;
        p->children[p->child_count++] = (snag_avro_child){.node = i};
        count++;
    }
    for (uint32_t i = 0; i < count && !c->err; i++) {
        p->children[first + i].at = p->op_count;
        compile_items(c, values, space, p->children[first + i].node);
    }
    if (c->err)
        return 0;
    p->ops[at].a = p->op_count;
    p->ops[at].b = 1; /* a key takes a byte at least */
    p->ops[at].c = first;
    p->ops[at].slot = (int32_t)count;
    return 1;
}

static least compile_record(compiler *c, const snag_value *type, snag_str space, uint32_t node)
{
    const snag_value *fields = snag_avro_member(type, "fields");
    uint64_t bytes = 0;
    if (!fields || fields->kind != SNAG_KIND_LIST)
        return snag_avro_failed(c, SNAG_BAD_SCHEMA, "has a record without fields", SNAG_STR(""));
    mark(c, node, SNAG_SLOT_MAP);
    for (size_t i = 0; i < fields->as.list.count && !c->err; i++) {
        const snag_value *field = &fields->as.list.items[i];
        snag_str name = snag_avro_member_text(field, "name");
        const snag_value *field_type = snag_avro_member(field, "type");
        uint32_t child = node == SNAG_PATHS_NONE
                             ? SNAG_PATHS_NONE
                             : snag_paths_find(c->paths->nodes, place_of(node), name.data, name.size);
        if (!field_type)
            return snag_avro_failed(c, SNAG_BAD_SCHEMA, "has a field without a type:", name);
        bytes += compile_type(c, field_type, space, child);
    }
    return bytes > SNAG_RECORD_BYTES_MAX ? SNAG_RECORD_BYTES_MAX : (least)bytes;
}

/* --- named types ------------------------------------------------------------------------------- */

static named *find_name(compiler *c, snag_str name, snag_str space)
{
    char room[SNAG_AVRO_NAME_BYTES_MAX];
    snag_buf full = snag_buf_on(room, sizeof room);
    snag_avro_fullname(&full, name, space);
    for (uint32_t i = 0; i < c->name_count; i++)
        if (snag_str_equal(snag_str_of(c->names[i].text, c->names[i].size), snag_buf_str(&full)))
            return &c->names[i];
    return NULL;
}

static uint32_t add_name(compiler *c, const snag_value *type, snag_str space)
{
    void *room = c->name_count < NAMES_MAX
                     ? snag_avro_one_more(c, c->names, c->name_count, &c->name_room, sizeof *c->names)
                     : NULL;
    if (!room) {
        snag_avro_failed(c, SNAG_BAD_SCHEMA, "has too many names", SNAG_STR(""));
        return 0;
    }
    c->names = room;
    named *name = &c->names[c->name_count];
    snag_buf full = snag_buf_on(name->text, sizeof name->text);
    snag_avro_fullname(&full, snag_avro_member_text(type, "name"), snag_avro_space_of(type, space));
    if (full.full)
        snag_avro_failed(c, SNAG_BAD_SCHEMA, "has a very long name", SNAG_STR(""));
    name->size = (uint32_t)full.size;
    name->open = false;
    name->type = type;
    name->space = space;
    return c->name_count++;
}

/* The body of the name at an index (the table may move while it grows). */
static least compile_named(compiler *c, uint32_t index, uint32_t node)
{
    const snag_value *type = c->names[index].type;
    snag_str word = snag_avro_member_text(type, "type");
    snag_str space = snag_avro_space_of(type, c->names[index].space);
    if (snag_str_equal(word, SNAG_STR("enum")))
        return snag_avro_enum(c, type, node);
    if (snag_str_equal(word, SNAG_STR("fixed")))
        return snag_avro_fixed(c, type, node);
    if (c->names[index].open)
        return snag_avro_failed(c, SNAG_BAD_SCHEMA, "holds itself, which cannot be read:",
                      snag_str_of(c->names[index].text, c->names[index].size));
    c->names[index].open = true;
    least bytes = compile_record(c, type, space, node);
    c->names[index].open = false;
    return bytes;
}

static least compile_reference(compiler *c, snag_str word, const snag_value *type, snag_str space,
                               uint32_t node)
{
    if (snag_avro_is_primitive(word))
        return snag_avro_primitive(c, word, type, node);
    named *name = find_name(c, word, space);
    if (!name)
        name = find_name(c, word, SNAG_STR(""));
    if (!name)
        return snag_avro_failed(c, SNAG_BAD_SCHEMA, "uses a name it does not define:", word);
    return compile_named(c, (uint32_t)(name - c->names), node);
}

static least compile_object(compiler *c, const snag_value *type, snag_str space, uint32_t node)
{
    const snag_value *inner = snag_avro_member(type, "type");
    if (!inner)
        return snag_avro_failed(c, SNAG_BAD_SCHEMA, "has an object without a type", SNAG_STR(""));
    if (inner->kind != SNAG_KIND_TEXT)
        return compile_type(c, inner, space, node);
    snag_str word = inner->as.text;
    if (snag_str_equal(word, SNAG_STR("array")))
        return compile_array(c, type, space, node);
    if (snag_str_equal(word, SNAG_STR("map")))
        return compile_map(c, type, space, node);
    if (!snag_str_equal(word, SNAG_STR("record")) && !snag_str_equal(word, SNAG_STR("enum")) &&
        !snag_str_equal(word, SNAG_STR("fixed")))
        return compile_reference(c, word, type, space, node);
    snag_str own = snag_avro_space_of(type, space);
    named *known = find_name(c, snag_avro_member_text(type, "name"), own);
    uint32_t index = known ? (uint32_t)(known - c->names) : add_name(c, type, space);
    return c->err ? 0 : compile_named(c, index, node);
}

static least compile_type(compiler *c, const snag_value *type, snag_str space, uint32_t node)
{
    least bytes = 0;
    if (c->err)
        return 0;
    if (c->depth == SNAG_DEPTH_MAX)
        return snag_avro_failed(c, SNAG_BAD_SCHEMA, "is nested too deeply", SNAG_STR(""));
    c->depth++;
    if (type->kind == SNAG_KIND_TEXT)
        bytes = compile_reference(c, type->as.text, type, space, node);
    else if (type->kind == SNAG_KIND_LIST)
        bytes = compile_union(c, type, space, node);
    else if (type->kind == SNAG_KIND_MAP)
        bytes = compile_object(c, type, space, node);
    else
        snag_avro_failed(c, SNAG_BAD_SCHEMA, "has something that is no type", SNAG_STR(""));
    c->depth--;
    return bytes;
}

/* --- the whole --------------------------------------------------------------------------------- */

snag_err snag_avro_compile(snag_avro_program **out, snag_str schema, const snag_paths *paths,
                           snag_diag *diag)
{
    snag_avro_schema_tree tree = {0};
    snag_avro_program *program = calloc(1, sizeof *program);
    compiler c = {.program = program, .paths = paths, .root_slot = -1, .diag = diag};
    *out = NULL;
    if (!program)
        return snag_fail(diag, SNAG_MEMORY, "no memory for an Avro schema");
    c.err = snag_avro_tree_init(&tree, schema, diag);
    if (!c.err)
        c.err = snag_avro_fingerprint(&tree, &program->fingerprint, diag);
    if (!c.err && !snag_str_equal(snag_avro_member_text(&tree.root, "type"), SNAG_STR("record")))
        snag_avro_failed(&c, SNAG_BAD_SCHEMA, "is not a record", SNAG_STR(""));
    if (!c.err)
        compile_type(&c, &tree.root, (snag_str){0}, SNAG_AVRO_ROOT);
    snag_avro_emit(&c, (snag_avro_op){.code = SNAG_AVRO_END, .slot = -1});
    program->tree = tree; /* symbols live in it */
    free(c.names);
    if (c.err)
        snag_avro_program_free(program);
    else
        *out = program;
    return c.err;
}

void snag_avro_program_free(snag_avro_program *program)
{
    if (!program)
        return;
    free(program->ops);
    free(program->jumps);
    free(program->children);
    free(program->symbols);
    snag_avro_tree_finish(&program->tree);
    free(program);
}
