/* SPDX-License-Identifier: Apache-2.0
 *
 * A source as the pipeline file declares it: format, mapping and time bounds. The config builds it, a
 * codec compiles its decoder from it, the runtime reads topic and bounds.
 */
#ifndef SNAG_EVENT_SOURCE_H
#define SNAG_EVENT_SOURCE_H

#include "base/zone.h"
#include "event/event.h"

struct snag_expr;

#define SNAG_FORMAT_TABLE(X)      \
    X(JSON, "json")               \
    X(SEGMENT, "segment")         \
    X(CLOUDEVENTS, "cloudevents") \
    X(AVRO, "avro")

#define X(name, word) SNAG_FORMAT_##name,
typedef enum snag_format { SNAG_FORMAT_TABLE(X) SNAG_FORMAT_COUNT } snag_format;
#undef X

typedef enum snag_time_unit {
    SNAG_UNIT_AUTO, /* RFC 3339 text, or an epoch number told apart by size */
    SNAG_UNIT_S,
    SNAG_UNIT_MS,
    SNAG_UNIT_US,
    SNAG_UNIT_NS
} snag_time_unit;

/* Where one name comes from. Exactly one of paths, expr, constant is set; none = the name is absent.
 * A path is dotted ("properties.callId"); a step that itself holds a dot is written "a\\.b". */
typedef struct snag_mapping {
    snag_str name;              /* the fixed or kept name */
    snag_kind as;               /* TEXT unless `as:` says otherwise; TIME for time */
    snag_time_unit unit;        /* for TIME */
    const snag_zone *zone;      /* for TIME written without one: by whose clocks; NULL = it is unreadable */
    const snag_str *paths;      /* the first present and not null wins */
    uint32_t path_count;
    const struct snag_expr *expr; /* `= EXPRESSION`, open scope over the record's paths */
    snag_value constant;        /* kind ABSENT = none */
    bool used;                  /* some rule, journey, headline or output looks at it */
    bool hash;                  /* what rules see and outputs say is a hash of it (snag_text_hashed) */
} snag_mapping;

/* One line of `exclude:`: events for which it is true are counted and never judged. */
typedef struct snag_exclusion {
    snag_str name;
    const struct snag_expr *expr; /* over the event's names as the record has them, before `hash:` */
} snag_exclusion;

/* `device:`: whose clock stamps the events, and how it is known to be off. */
typedef struct snag_device_spec {
    snag_mapping id;       /* not mapped: clocks are taken as they are */
    snag_mapping sent;     /* by the device's clock */
    snag_mapping received; /* by a right one; not mapped: the record's own timestamp */
    int64_t tolerance_ms;
    bool given;
    bool has_sent;
    bool has_received;
} snag_device_spec;

typedef struct snag_source_spec {
    snag_str name;
    snag_str topic; /* empty where `file:` is given */
    snag_str file;  /* path or empty */
    snag_format format;
    snag_str schema_file; /* avro: a schema file, or empty with a registry (see registry_url) */
    snag_mapping fixed[SNAG_VAR_KEPT]; /* by SNAG_VAR_*; id may be absent = derived */
    const snag_mapping *kept;          /* as many as the pipeline's kept names, same order */
    uint32_t kept_count;
    snag_str each; /* path of a list: one event an item, whose names lie below this path; empty = none */
    int64_t out_of_order_ms;
    int64_t delay_ms;
    int64_t max_skew_ms;
    int64_t remember_ms;
    snag_device_spec device;
    bool clock_log; /* W moves by events only */
    bool rekey;     /* its topic is not keyed by the customer: an internal topic is */
    uint32_t lanes; /* live, of a rekeyed one: partitions of its topic, each a flow of its own; else 0 */
    bool table;     /* its records are rows, the last of each key: they feed facts and are no happenings */
    uint8_t key;    /* of a table: whose the record's key is, SNAG_VAR_CUSTOMER or SNAG_VAR_ACCOUNT */
    const snag_exclusion *exclusions; /* in file order; the first that is true counts */
    uint32_t exclusion_count;
    uint32_t exclusion_first; /* the number of its first among all sources' */
} snag_source_spec;

/* The word of a format, e.g. "segment". */
const char *snag_format_word(snag_format format);

#endif
