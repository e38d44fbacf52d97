/* SPDX-License-Identifier: Apache-2.0
 *
 * A YAML file as a tree that knows where everything stands: line and column of each key and value.
 *
 * Only the plain part of YAML is taken: one document of texts, lists and maps. Anchors, aliases, tags, keys
 * that are not text and a key given twice are findings: a pipeline file should read the same to a person
 * who has never heard of them.
 */
#ifndef SNAG_CONFIG_YAML_H
#define SNAG_CONFIG_YAML_H

#include "base/str.h"

struct snag_loader;

typedef enum snag_yaml_kind {
    SNAG_YAML_TEXT,
    SNAG_YAML_LIST,
    SNAG_YAML_MAP
} snag_yaml_kind;

/* Counted from 1, in characters; 0 = unknown. */
typedef struct snag_place {
    uint32_t line;
    uint32_t column;
} snag_place;

typedef struct snag_yaml {
    snag_yaml_kind kind;
    bool plain; /* a text without quotes, on one or more lines */
    bool literal; /* a text after |: its lines are the file's lines */
    bool flow;  /* a list or map in [] or {} */
    bool told;  /* what is wrong with it was said already: read nothing more into it */
    uint32_t count; /* of a list or map */
    snag_place at;
    snag_place end; /* one past the last character */
    snag_str text;
    snag_str key; /* where it is the value in a map */
    snag_place key_at;
    struct snag_yaml *first;
    struct snag_yaml *next;
    const struct snag_yaml *parent;
} snag_yaml;

/* The tree of the loader's text, in its memory; NULL where there is none, with findings saying why. */
snag_yaml *snag_yaml_parse(struct snag_loader *loader);

/* True for nothing, ~ and null: a key without a value. */
bool snag_yaml_is_empty(const snag_yaml *node);
/* The value of a key in a map; NULL where it is not given (or node is NULL or no map). */
const snag_yaml *snag_yaml_get(const snag_yaml *node, const char *key);
/* "a list", "a map", "a text": for messages. */
const char *snag_yaml_kind_word(const snag_yaml *node);

#endif
