/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the loader share: the file, the memory, the findings. Private to src/config.
 *
 *     text --yaml.c--> tree --key.c--> raw sections --source.c, journey.c, rule.c, connect.c--> pipeline
 *                                                    (words.c: headlines; identity.c: fingerprints)
 *
 * Every part goes on after a finding, so that one run tells all of them; a pipeline with findings is
 * never handed out as valid.
 */
#ifndef SNAG_CONFIG_LOADER_H
#define SNAG_CONFIG_LOADER_H

#include "base/arena.h"
#include "base/hash.h"
#include "config/config.h"
#include "config/yaml.h"
#include "config/zones.h"

enum {
    SNAG_FINDINGS_MAX = 200,       /* past it only their number is told */
    SNAG_FILE_BYTES_MAX = 262144,  /* a pipeline file; a generous hundred pages */
    SNAG_NODES_MAX = 16384         /* keys and values in it */
};

/* An expression of the file and its text: fingerprints are over the text. */
typedef struct snag_expr_text {
    const snag_expr *expr;
    snag_str text;
    struct snag_expr_text *next;
} snag_expr_text;

/* A name that an unknown key was probably meant to be: that it is missing need not be said as well. */
typedef struct snag_guess {
    const snag_yaml *map;
    snag_str name;
    struct snag_guess *next;
} snag_guess;

enum { SNAG_KEPT_NAMES_MAX = SNAG_KEPT_MAX - SNAG_VAR_KEPT }; /* with the fixed names a bit each of 64 */

/* A kept name: the same slot in every source that keeps it. */
typedef struct snag_kept_name {
    snag_str name;
    snag_kind as;
    uint32_t source; /* who kept it first … */
    snag_place at;   /* … and where */
} snag_kept_name;

typedef struct snag_loader {
    snag_config *config;
    snag_pipeline *pipeline; /* of config */
    snag_arena arena;
    const char *(*environment)(const char *name);
    uint32_t findings_left_out;
    uint32_t findings;      /* ever added, also those that are told already or left out */
    size_t secret_bytes;    /* read from files so far */
    uint32_t pattern_count; /* event names so far, over all rules and stages */

    snag_source_spec *sources;
    snag_source_spec *source;  /* the one that is read now */
    snag_mapping *kept;        /* of it, by slot */
    snag_kept_name *kept_names; /* of all sources, in the order in which they were met */
    uint32_t kept_count;
    const snag_yaml *registry; /* the first source's that has one */
    snag_expr_name *names; /* fixed, kept, facts */
    uint32_t name_count;
    snag_fact *facts;
    struct snag_matcher_cache *matchers;
    uint64_t names_used;   /* bit = slot */
    snag_expr_text *expr_texts;
    snag_guess *guesses;
    snag_exclusion *exclusions;
    snag_exclusion *rule_exclusions;
    const snag_yaml *silent[SNAG_SOURCES_MAX]; /* `silent:` of each source; NULL = not given */
    snag_source_watch *watches;
    snag_calendar_spec *calendars;
    uint32_t calendar_count;
    const snag_calendar_spec *calendar; /* that counts where none is named; NULL = it must be */
    bool calendar_fault; /* something is wrong with them, and told */
    snag_season *seasons;
    uint32_t season_count;
    snag_place device_at; /* the first source's `device:`; line 0 = none has one */
    snag_scope *scopes;
    snag_journey *journeys;
    snag_rule *rules;
} snag_loader;

/* Zeroed memory that lives as long as the config. Never NULL: the block is sized for the largest file. */
void *snag_loader_take(snag_loader *loader, size_t size);
snag_str snag_loader_copy(snag_loader *loader, snag_str text);
/* What a buffer on `data` holds, copied. */
snag_str snag_loader_keep(snag_loader *loader, const snag_buf *buf);

/* Adds a finding; the same one at the same place is told once. */
void snag_finding_add(snag_loader *loader, snag_place at, const char *format, ...) SNAG_PRINTF(3, 4);
void snag_guess_add(snag_loader *loader, const snag_yaml *map, snag_str name);
/* Whether the map has the key, or an unknown one that was probably meant to be it. */
bool snag_key_given(const snag_loader *loader, const snag_yaml *map, const char *name);
/* Puts the findings in file order. */
void snag_findings_sort(snag_loader *loader);

/* Line `number` of the file, from 1, without its end; empty past the last. */
snag_str snag_text_line(snag_str text, uint32_t number);

/* --- parts, in the order they run; each reads its node of the tree (NULL = not given) ------------ */

/* root: of the file, to see whether sources was meant by another key. */
void snag_sources_load(snag_loader *loader, const snag_yaml *root, const snag_yaml *node);
void snag_facts_load(snag_loader *loader, const snag_yaml *node);
void snag_shapes_load(snag_loader *loader, const snag_yaml *node);
/* chosen: `calendar:`, the name of the one that counts where none is named. */
void snag_calendars_load(snag_loader *loader, const snag_yaml *node, const snag_yaml *chosen);
void snag_seasons_load(snag_loader *loader, const snag_yaml *node);
void snag_journeys_load(snag_loader *loader, const snag_yaml *node);
void snag_rules_load(snag_loader *loader, const snag_yaml *node);
/* `silent:` of the sources; after all that may wait for their events. */
void snag_silences_load(snag_loader *loader);
/* Both as they are in the pipeline's hash. */
struct snag_sha256;
void snag_silences_hash(const snag_pipeline *pipeline, struct snag_sha256 *sha);
/* `quiet_event:`; after the rules. */
void snag_quiet_load(snag_loader *loader, const snag_yaml *node);
void snag_outputs_load(snag_loader *loader, const snag_yaml *node);
void snag_kafka_load(snag_loader *loader, const snag_yaml *node);
void snag_redis_load(snag_loader *loader, const snag_yaml *node);
/* After all others and only without findings: which names are used, tags, fingerprints, hash. */
void snag_identity_fill(snag_loader *loader);
/* After that: which stages and rules are measured. */
void snag_sketches_fill(snag_loader *loader);
/* What rules with enter: 2x compare with; after the fingerprints. */
void snag_segments_fill(snag_loader *loader);

/* --- pieces that several parts read -------------------------------------------------------------- */

/* `event:`, `missing:`, `until:`: a name, a list, or {event:, where:}. `where` is the `where:` that
 * stands beside it, or NULL. False: a finding was added. */
bool snag_matcher_load(snag_loader *loader, const snag_yaml *node, const snag_yaml *where,
                       snag_matcher *out);
/* An expression over the event's names that must be true or false. */
const snag_expr *snag_where_load(snag_loader *loader, const snag_yaml *node);
/* Compiles and remembers the text; NULL with diag where it does not compile. */
const snag_expr *snag_expression_load(snag_loader *loader, snag_str text,
                                      const snag_expr_scope *scope, snag_kind want,
                                      snag_diag *diag);
/* The text of a loaded expression; empty for NULL. */
snag_str snag_where_text(const snag_loader *loader, const snag_expr *expr);
/* `per:` of the rule or journey at `owner`; NULL = the default. The number of the scope. */
uint16_t snag_scope_load(snag_loader *loader, const snag_yaml *owner, const snag_yaml *node);
/* The names of what a map declares (rules, journeys, stages): letters, digits, - and _. */
bool snag_name_check(snag_loader *loader, const snag_yaml *node, const char *what);

/* The system's time zones, looked at when somebody asks first. */
snag_zones *snag_loader_zones(snag_loader *loader);
/* The same, for expressions. */
snag_expr_zones snag_loader_expr_zones(snag_loader *loader);

/* A headline template: every {name} is known; *vars gets the slots it inserts. */
/* A headline without words of our own, as if they said what they say otherwise: a pipeline's hash is over it,
 * so that a file is the same pipeline to every version that words it. */
typedef struct snag_headline_room {
    char text[1024];
} snag_headline_room;
snag_str snag_headline_plain(snag_str headline, snag_headline_room *room);
void snag_headline_check(snag_loader *loader, const snag_yaml *node, snag_str headline,
                         uint64_t *vars);
/* Default headline and clears_when, written from the rule or the stage. */
void snag_words_rule(snag_loader *loader, snag_rule *rule, const snag_yaml *node);
void snag_words_stage(snag_loader *loader, const snag_journey *journey, snag_stage *stage);
/* Whether a map (a rule, a stage) holds a value by shape; what is wrong with one is a finding. */
bool snag_by_shape(snag_loader *loader, const snag_yaml *map);
/* The map as it is for a shape (by its number; shape_count = else): values by shape replaced by its own. */
const snag_yaml *snag_shaped(snag_loader *loader, const snag_yaml *map, uint32_t shape);
/* How long a journey's walks may stay, and settle: said once, or for all others and then for each shape; by a
 * stage of it, all of which know it. */
uint32_t snag_terms_count(const snag_pipeline *pipeline, const snag_journey *journey);
const snag_stage *snag_terms_of(const snag_journey *journey, uint32_t i);
/* A dotted path. False: a finding was added. */
bool snag_path_check(snag_loader *loader, const snag_yaml *node);
/* After map and keep are read. */
void snag_each_load(snag_loader *loader, const snag_yaml *node, snag_str each);
/* The time zone that a text names; NULL: a finding was added. */
const snag_zone *snag_zone_load(snag_loader *loader, const snag_yaml *node);
/* `device:` of the source that is read, and its `map:`, or NULL. */
void snag_device_load(snag_loader *loader, const snag_yaml *node, const snag_yaml *map);
/* What a source says of clocks (device:, zone:), into the hash of the config; nothing where it does not. */
void snag_clocks_identity(const snag_loader *loader, snag_sha256 *sha, const snag_source_spec *source);
/* After all rules and journeys: the scope of the clocks, where a source has them. */
void snag_clocks_load(snag_loader *loader);
/* What a kept name or a fact may be called. False: a finding was added. */
bool snag_kept_name_check(snag_loader *loader, snag_str name, snag_place at);
/* The slot of a name an event or a fact has, or -1. */
int snag_name_slot(const snag_loader *loader, snag_str name);
/* Names used here, as bits of slots, that no event of any source can have (account, channel …): a finding. */
void snag_names_mapped_check(snag_loader *loader, snag_place at, uint64_t slots);
/* One name's mapping: a path, a list, an expression, or {from, as, unit}. */
void snag_mapping_load(snag_loader *loader, const snag_yaml *node, snag_mapping *out);
/* Of the source that is read: keep.c. map: that source's `map:`, or NULL. */
void snag_keep_load(snag_loader *loader, const snag_yaml *node);
void snag_const_load(snag_loader *loader, const snag_yaml *node, const snag_yaml *map);
/* After all sources: every name an event may have. */
void snag_names_fill(snag_loader *loader);
/* The slot of a fixed name, -1 for any other. */
int snag_fixed_slot(snag_str name);
/* Whether a mapping says anything. */
bool snag_mapping_given(const snag_mapping *mapping);

/* A known misreading of the line by YAML ("write: where: '…'"): adds that finding and returns true. key:
 * only a value of that key (size 0 = any). flow: the line lies inside {}. */
bool snag_trap_tell(snag_loader *loader, uint32_t line, snag_str key, bool flow);

#endif
