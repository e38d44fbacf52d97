/* SPDX-License-Identifier: Apache-2.0
 *
 * Every bound of the program, with its reason. Bounds are refused or cut with a word, never overrun.
 */
#ifndef SNAG_BASE_LIMITS_H
#define SNAG_BASE_LIMITS_H

#include <stdint.h>

/* Names on an event (records.md, "Bounds"). */
#define SNAG_ID_BYTES_MAX 128u        /* an event's id */
#define SNAG_CUSTOMER_BYTES_MAX 256u  /* customer and account: also a Kafka key */
#define SNAG_TEXT_BYTES_MAX 256u      /* a kept text; longer is cut */
#define SNAG_TYPE_BYTES_MAX 256u      /* an event's type */
#define SNAG_RECORD_BYTES_MAX 1048576u /* one input record: Kafka's own default */
#define SNAG_EACH_MAX 256u    /* items of one record under each:, an event each: judged together */
#define SNAG_DEPTH_MAX 64u            /* nesting of a record */

/* A pipeline. */
#define SNAG_KEPT_MAX 64u     /* kept names: one bit each in a 64-bit set */
#define SNAG_PATTERNS_MAX 256u /* event names in all rules and stages together */
#define SNAG_QUIETS_MAX 256u  /* names that are watched by `quiet_event:`; they lie in the head */
#define SNAG_SOURCES_MAX 8u   /* sources of one pipeline: their places are packed in 4 bits */
#define SNAG_FLOWS_MAX 64u    /* their flows: one each, a rekeyed one has one for each of its partitions */
#define SNAG_RULES_MAX 128u   /* rules and journeys together */
#define SNAG_STAGES_MAX 32u   /* stages of one journey: the stage number is packed in a byte */
#define SNAG_PER_MAX 4u       /* names in one `per` */
#define SNAG_SCOPES_MAX 16u   /* different `per`s, the customer among them */
#define SNAG_COUNT_MAX 64u    /* count: n (language.md) */
#define SNAG_TAGS_MAX 16u     /* tags of one rule */
#define SNAG_TAG_BYTES_MAX 64u
#define SNAG_FACTS_MAX 16u    /* facts of one pipeline: their state shares one cell */
#define SNAG_SHAPES_MAX 8u    /* every rule with a value by shape exists once for each */
#define SNAG_EXCLUSIONS_MAX 16u /* lines of exclude: in all sources, a counter each */
#define SNAG_NEAR_MAX 32u     /* … with a radius: each match is kept with its place */
#define SNAG_STEPS_MAX 8u     /* steps of a path: a bit each of an event's roles */
#define SNAG_PANES_MAX 64u    /* a ratio's window slides in so many (language.md) */
#define SNAG_WEIGHTS_MAX 16u  /* rules that one score weighs */
#define SNAG_FED_MAX 64u      /* episodes that begin in one step and are fed to scores */
#define SNAG_BETWEEN_MAX 16u  /* values of `between` that differs remembers; the oldest goes */

/* Output. */
#define SNAG_EVIDENCE_MAX 16u    /* events named by an alert: first and newest are kept */
#define SNAG_HEADLINE_MAX 130u   /* code points: Opsgenie's message */
#define SNAG_DEDUP_BYTES_MAX 250u /* PagerDuty allows 255 */
#define SNAG_PER_BYTES_MAX 1024u /* the joined text of a `per` */

/* State. */
#define SNAG_WALKS_MAX 10000u   /* walks and `per` values of one customer */
#define SNAG_CELL_BYTES_MAX 65536u /* one packed cell: one Redis value, one changelog record */
#define SNAG_RING_MAX 8u        /* event ids remembered a customer against duplicates */

/* State that no longer counts is cleared at its customer's next event, or after this long at the latest: a
 * punctual timer a click would cost as much as the click. */
#define SNAG_TIDY_MS 300000

/* Time, int64 milliseconds since the epoch. */
#define SNAG_NEVER INT64_MAX
#define SNAG_TIME_NONE INT64_MIN
/* Times and spans past this never stand in good state: sums of a few of them cannot overflow. */
#define SNAG_TIME_SANE (INT64_MAX / 8)

#endif
