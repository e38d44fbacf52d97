/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary of the pipeline file: one row a key. Reading, defaults, bounds, "did you mean", what is not
 * built yet and the manual all come from these rows (rule fields from the rule kinds' own tables).
 */
#ifndef SNAG_CONFIG_KEY_H
#define SNAG_CONFIG_KEY_H

#include "config/loader.h"

typedef enum snag_key_type {
    SNAG_KEY_TEXT,     /* snag_str */
    SNAG_KEY_PLACE,    /* snag_str in which ${NAME} is replaced from the environment */
    SNAG_KEY_WORD,     /* int64_t: which of `words` */
    SNAG_KEY_COUNT,    /* int64_t */
    SNAG_KEY_BOOL,     /* bool */
    SNAG_KEY_DURATION, /* int64_t, milliseconds */
    SNAG_KEY_WAIT,     /* snag_wait: a duration that a calendar may count */
    SNAG_KEY_BYTES,    /* int64_t */
    SNAG_KEY_NODE,     /* const snag_yaml *: the section's own code reads it */
    SNAG_KEY_LATER     /* part of the language, refused as not built yet */
} snag_key_type;

typedef struct snag_key {
    const char *name;
    snag_key_type type;
    size_t target;         /* offset in the section's struct */
    const char *otherwise; /* the default, written as in the file; NULL = none */
    int64_t min;
    int64_t max;
    const char *const *words; /* of SNAG_KEY_WORD, NULL-terminated */
    const char *form;         /* of SNAG_KEY_NODE: what it looks like */
    const char *summary;      /* SNAG_KEY_LATER: what to do instead, or NULL */
    const char *const *later; /* of SNAG_KEY_WORD: words that are not built yet, or NULL */
} snag_key;

typedef struct snag_section {
    const char *name;    /* "rule": the manual's heading */
    const char *title;   /* "a rule": in messages */
    const char *summary;
    const snag_key *keys;
    uint32_t key_count;
} snag_section;

#define SNAG_SECTION(word, words, about, rows)                                     \
    {                                                                              \
        .name = (word), .title = (words), .summary = (about), .keys = (rows),      \
        .key_count = sizeof(rows) / sizeof(rows)[0]                                \
    }

/* Every section, in the manual's order. */
extern const snag_section *const snag_sections[];
extern const uint32_t snag_section_count;
extern const snag_section snag_section_pipeline;
extern const snag_section snag_section_source;
extern const snag_section snag_section_mapping;
extern const snag_section snag_section_silence;
extern const snag_section snag_section_quiet;
extern const snag_section snag_section_fact;
extern const snag_section snag_section_journey;
extern const snag_section snag_section_stage;
extern const snag_section snag_section_survey;
extern const snag_section snag_section_device;
extern const snag_section snag_section_matcher;
extern const snag_section snag_section_rule;
extern const snag_section snag_section_calendar;
extern const snag_section snag_section_zone;
extern const snag_section snag_section_season;
extern const snag_section snag_section_outputs;
extern const snag_section snag_section_redis;

/* Handles a key that no row names; false = unknown to it too (more names may be offered to `nearest`). */
typedef bool snag_key_other(snag_loader *loader, const snag_yaml *child, void *context);

/* Reads a map into *target (defaults first). Unknown keys, wrong values and keys not built yet are findings.
 * False where node is no map. */
bool snag_section_load(snag_loader *loader, const snag_section *section, const snag_yaml *node,
                       void *target, snag_key_other *other, void *context);
/* "unknown key … in a rule; did you mean …? (known: …)"; extra: more known names, or NULL. */
void snag_key_unknown(snag_loader *loader, const snag_section *section, const snag_yaml *child,
                      const char *const *extra);

/* One value each; false: a finding was added. */
bool snag_text_load(snag_loader *loader, const snag_yaml *node, snag_str *out);
bool snag_expression_text_load(snag_loader *loader, const snag_yaml *node, snag_str *out);
bool snag_place_load(snag_loader *loader, const snag_yaml *node, snag_str *out);
bool snag_count_load(snag_loader *loader, const snag_yaml *node, int64_t min, int64_t max,
                     int64_t *out);
bool snag_bool_load(snag_loader *loader, const snag_yaml *node, bool *out);
bool snag_duration_load(snag_loader *loader, const snag_yaml *node, int64_t min_ms, int64_t max_ms,
                        int64_t *out);
bool snag_bytes_load(snag_loader *loader, const snag_yaml *node, int64_t min, int64_t max,
                     int64_t *out);
bool snag_word_load(snag_loader *loader, const snag_yaml *node, const char *const *words,
                    const char *const *later, int64_t *out);

/* Client properties that snag sets itself, and what to do instead. */
typedef struct snag_owned_property {
    const char *name;
    const char *instead;
} snag_owned_property;
extern const snag_owned_property snag_owned_properties[];
extern const uint32_t snag_owned_property_count;

/* What the manual says of Redis besides its keys. */
typedef struct snag_redis_row {
    const char *name;
    const char *about;
} snag_redis_row;
extern const snag_redis_row snag_redis_rows[];
extern const uint32_t snag_redis_row_count;

/* Whether it holds ${…}. */
bool snag_variable_in(snag_str text);
/* A text in which ${NAME} is replaced, or { file: PATH }. */
bool snag_secret_load(snag_loader *loader, const snag_yaml *node, snag_str *out);

/* The name of a key or value for messages: its key, or "this value" in a list. */
snag_str snag_yaml_name(const snag_yaml *node);

/* --- the sections as they are read ---------------------------------------------------------------- */

typedef struct snag_pipeline_raw {
    snag_str name;
    const snag_yaml *name_node;
    int64_t version;
    int64_t key;
    int64_t budget_bytes;
    const snag_yaml *calendars;
    const snag_yaml *calendar;
    const snag_yaml *seasons;
    const snag_yaml *sources;
    const snag_yaml *facts;
    const snag_yaml *shapes;
    const snag_yaml *journeys;
    const snag_yaml *rules;
    const snag_yaml *quiet_event;
    const snag_yaml *outputs;
    const snag_yaml *kafka;
    const snag_yaml *redis;
} snag_pipeline_raw;

typedef struct snag_source_raw {
    snag_str topic;
    snag_str file;
    int64_t format;
    snag_str schema;
    snag_str registry;
    const snag_yaml *map;
    const snag_yaml *keep;
    const snag_yaml *constants;
    const snag_yaml *exclude;
    snag_str each;
    bool hash;
    bool rekey;
    bool table;
    int64_t out_of_order_ms;
    int64_t delay_ms;
    int64_t clock;
    int64_t max_skew_ms;
    int64_t remember_ms;
    const snag_yaml *silent;
    const snag_yaml *device;
    const snag_yaml *zone;
} snag_source_raw;

typedef struct snag_device_raw {
    const snag_yaml *id;
    const snag_yaml *sent;
    const snag_yaml *received;
    int64_t tolerance_ms;
} snag_device_raw;

typedef struct snag_silence_raw {
    int64_t after_ms;
    const snag_yaml *events;
    int64_t severity;
    snag_str owner;
    snag_str playbook;
} snag_silence_raw;

typedef struct snag_quiet_raw {
    int64_t after_ms;
    int64_t severity;
    snag_str owner;
    snag_str playbook;
} snag_quiet_raw;

typedef struct snag_mapping_raw {
    const snag_yaml *from;
    int64_t as;
    int64_t unit;
    bool hash;
    bool rekey;
} snag_mapping_raw;

typedef struct snag_fact_raw {
    const snag_yaml *form; /* whichever was read last: the form is found by its key */
    const snag_yaml *of;
    const snag_yaml *event;
    const snag_yaml *where;
    int64_t within_ms;
    const snag_yaml *per;
} snag_fact_raw;

typedef struct snag_journey_raw {
    const snag_yaml *per;
    bool again;
    int64_t expire_ms;
    int64_t settle_ms;
    const snag_yaml *survey;
    const snag_yaml *stages;
} snag_journey_raw;

/* What rules and stages have in common stands first in both. */
typedef struct snag_told_raw {
    int64_t severity;
    snag_str owner;
    snag_wait sla;
    snag_str playbook;
    const snag_yaml *headline;
    const snag_yaml *tags;
} snag_told_raw;

typedef struct snag_survey_raw {
    const snag_yaml *event;
    const snag_yaml *where;
    const snag_yaml *asked;
    const snag_yaml *score;
    const snag_yaml *about;
    const snag_yaml *by;
} snag_survey_raw;

typedef struct snag_stage_raw {
    snag_told_raw told;
    const snag_yaml *event;
    const snag_yaml *where;
    const snag_yaml *due;
    const snag_yaml *during;
    const snag_yaml *promise;
    const snag_yaml *warn;
    int64_t waits_on;
    const snag_yaml *pause;
    const snag_yaml *resume;
    snag_str milestone;
    snag_str end;
} snag_stage_raw;

typedef struct snag_matcher_raw {
    const snag_yaml *event;
    const snag_yaml *where;
} snag_matcher_raw;

typedef struct snag_rule_raw {
    snag_told_raw told;
    const snag_yaml *event;
    const snag_yaml *where;
    const snag_yaml *per;
    const snag_yaml *exclude;
    const snag_yaml *use;
    const snag_yaml *during;
    int64_t cooldown_ms;
    int64_t expire_ms;
    int64_t mode;
} snag_rule_raw;

typedef struct snag_calendar_raw {
    const snag_yaml *zone;
    const snag_yaml *hours;
    const snag_yaml *holidays;
} snag_calendar_raw;

typedef struct snag_zone_raw {
    snag_str from;
    const snag_yaml *otherwise;
} snag_zone_raw;

typedef struct snag_season_raw {
    const snag_yaml *from;
    const snag_yaml *to;
    const snag_yaml *zone;
} snag_season_raw;

typedef struct snag_outputs_raw {
    snag_str prefix;
    int64_t format;
    snag_str registry;
} snag_outputs_raw;

typedef struct snag_redis_raw {
    const snag_yaml *url;
    const snag_yaml *password;
    const snag_yaml *sentinel_password;
    snag_str user;
    snag_str tls_ca;
    snag_str tls_cert;
    snag_str tls_key;
} snag_redis_raw;

#endif
