/* SPDX-License-Identifier: Apache-2.0
 *
 * Declared things: what the pipeline file says of signals, journeys and stages. Immutable after load.
 */
#ifndef SNAG_JOURNEY_JOURNEY_H
#define SNAG_JOURNEY_JOURNEY_H

#include "event/record.h"
#include "journey/fact.h"
#include "journey/matcher.h"
#include "journey/span.h"

/* What every watched thing has, a rule or a stage with `due:`: who is told, and how. */
typedef struct snag_signal_spec {
    snag_str name;  /* the rule's name, or <journey>.<stage>.late */
    snag_str test;  /* "missing", "count", "due" */
    snag_severity severity;
    snag_str owner;
    snag_str playbook;
    const snag_str *tags; /* words for routing, carried into the alerts */
    uint32_t tag_count;
    snag_str headline;   /* template; never empty (the config writes the default one) */
    snag_str clears_when; /* "Call Answered or Call Abandoned"; empty = nothing clears it */
    int64_t sla_ms;      /* -1 = none */
    const snag_span *sla; /* where the sla is by a calendar */
    int64_t cooldown_ms; /* 0 = none: no new alert of this rule and instance within it */
    bool shadow;
    uint64_t headline_vars; /* bit = slot in event vars that the headline inserts */
    /* The names behind these bits, in their order, as stored beside captured values (snag_capture_tag): slots
     * change from one version of the pipeline to the next. */
    const uint32_t *headline_tags;
    /* First 4 bytes of the SHA-256 over what decides (not headline, owner, sla, playbook,
     * severity): names the stored state of this rule or journey. Unique in the pipeline, never 0. */
    uint32_t fingerprint;
    uint16_t shape_slot; /* where the customer's shape stands among the names; 0 = there are no shapes */
    uint8_t waits; /* bit = a source watched for silence (`silent:`) that may bring what it waits for */
} snag_signal_spec;

/* A shape (segment) of customers; of those declared the first that is true is a customer's own. */
typedef struct snag_shape {
    snag_str name;
    const snag_expr *when; /* over names and facts; NULL = otherwise: always true */
} snag_shape;

/* Whose state: the values of `per`. Scope 0 is the pipeline's key itself, with no names. */
typedef struct snag_scope {
    const uint16_t *slots; /* in event vars */
    const snag_str *names;
    uint32_t count;
    uint16_t tag; /* first 2 bytes of the SHA-256 over the names; 0 for scope 0; unique */
} snag_scope;

typedef struct snag_stage {
    snag_str name;
    snag_matcher event;
    snag_patience wait; /* due:, or promise: when it must have been reached; warn:, waits_on: */
    snag_matcher pause; /* of the wait's clock: it is the other side's turn … */
    snag_matcher resume;
    snag_matcher promised_by; /* what may bring a promise, or move it */
    uint16_t sketch; /* of its times: from 1, among the pipeline's; that of the first shape stands behind it,
                        and so on; 0 = nobody asks for them */
    snag_str milestone;
    snag_str end; /* outcome word; empty = not an end */
    bool judged;  /* `end: true`: smooth, or with_friction */
    snag_signal_spec late; /* valid where the stage waits (snag_stage_waits) */
    int64_t expire_ms; /* a walk that stays here so long is abandoned; -1 = never */
    int64_t settle_ms; /* for so long after it ended here its outcome may be amended; 0 = final at once */
    /* Values by shape: the stage as it is for each of the pipeline's shapes; NULL = the same for all. */
    const struct snag_stage *by_shape;
} snag_stage;

/* Whether something is overdue at some time: the walk in this stage, or on its way there. */
static inline bool snag_stage_waits(const snag_stage *stage)
{
    return stage->wait.after.ms >= 0 || stage->wait.promise >= 0;
}

/* A survey about a journey: an answer belongs to the walk with its `per` value and to one of its stages. */
typedef struct snag_poll {
    snag_matcher event; /* an answer; empty = there is no survey */
    snag_matcher asked; /* it is asked: the stage the walk is in then; empty = not said by any event */
    uint16_t score;     /* the slot of what was said */
    uint16_t about;     /* the slot of the name of the stage it is about; 0 = where it was asked, or is now */
    uint16_t by;        /* the slot of what a question and its answers share; 0 = nothing */
} snag_poll;

typedef struct snag_journey {
    snag_str name;
    uint16_t scope;
    bool again; /* after its end, the same `per` value may walk again */
    bool judged; /* some outcome depends on what went wrong on the way, or may still be amended */
    bool patient;  /* some stage warns, has two levels, or a clock that stands */
    bool promised; /* some stage has a promise: */
    bool learns;   /* some stage's due: is learned */
    bool stands;   /* some stage warns of what a calendar counts whose clock may stand; or has a survey */
    bool expires;  /* some walk may be abandoned for having stayed in its stage */
    bool shaped;   /* for how long, or how long it settles, depends on the shape */
    snag_poll survey;
    uint8_t waits; /* as in snag_signal_spec: of all its stages' events */
    const snag_stage *stages;
    uint32_t stage_count;
    uint32_t fingerprint; /* as in snag_signal_spec */
} snag_journey;

#endif
