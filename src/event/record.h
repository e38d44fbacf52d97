/* SPDX-License-Identifier: Apache-2.0
 *
 * What snag says: alerts, journey changes, decisions (records.md). Plain structs; a codec turns them
 * into JSON or Avro. All strings are borrowed from the engine and are valid only during the emit call.
 */
#ifndef SNAG_EVENT_RECORD_H
#define SNAG_EVENT_RECORD_H

#include "base/err.h"
#include "event/event.h"

#define SNAG_ACTION_TABLE(X)      \
    X(TRIGGER, "trigger")         \
    X(UPDATE, "update")           \
    X(ACKNOWLEDGE, "acknowledge") \
    X(ESCALATE, "escalate")       \
    X(RESOLVE, "resolve")

#define SNAG_SEVERITY_TABLE(X) \
    X(INFO, "info")            \
    X(WARNING, "warning")      \
    X(ERROR, "error")          \
    X(CRITICAL, "critical")

/* Why an episode ended. */
#define SNAG_REASON_TABLE(X)            \
    X(NONE, "")                         \
    X(UNTIL, "until")                   \
    X(MOVED_ON, "moved_on")             \
    X(LATE_EVIDENCE, "late_evidence")   \
    X(WINDOW_EMPTY, "window_empty")     \
    X(BELOW, "below")                   \
    X(SOURCE_SILENT, "source_silent")   \
    X(RULE_CHANGED, "rule_changed")     \
    X(EXPIRED, "expired")               \
    X(MERGED, "merged")                 \
    X(ERASED, "erased")

/* Why a signal did not become an alert. */
#define SNAG_HOLD_TABLE(X)              \
    X(DUPLICATE, "duplicate")           \
    X(COOLDOWN, "cooldown")             \
    X(CAP, "cap")                       \
    X(QUIET_HOURS, "quiet_hours")       \
    X(POLICY, "policy")                 \
    X(CUSTOMER_STATE, "customer_state") \
    X(GROUP, "group")                   \
    X(SOURCE_SILENT, "source_silent")   \
    X(EXCLUDED, "excluded")             \
    X(BOUND, "bound")

#define SNAG_DECISION_TABLE(X)  \
    X(SUPPRESSED, "suppressed") \
    X(HELD, "held")             \
    X(RELEASED, "released")

/* What a deadline was counted by, or where it comes from. */
#define SNAG_BASIS_TABLE(X) \
    X(NONE, "")             \
    X(FIXED, "fixed")       \
    X(CALENDAR, "calendar") \
    X(BUSINESS, "business") \
    X(PROMISE, "promise")   \
    X(LEARNED, "learned")

#define SNAG_MOVE_TABLE(X) \
    X(ENTERED, "entered")  \
    X(STALLED, "stalled")  \
    X(RESUMED, "resumed")  \
    X(ENDED, "ended")      \
    X(ANSWERED, "answered")

#define SNAG_CAUSE_TABLE(X)     \
    X(EVENT, "event")           \
    X(TIMER, "timer")           \
    X(MERGE, "merge")           \
    X(MANUAL, "manual")         \
    X(CORRECTION, "correction") \
    X(ERASURE, "erasure")

/* How a walk went, where its stage has no word of its own for it. */
#define SNAG_OUTCOME_TABLE(X)                               \
    X(OWN, "")                                              \
    X(SMOOTH, "smooth")                                     \
    X(WITH_FRICTION, "with_friction")                       \
    X(ABANDONED, "abandoned")                               \
    X(ABANDONED_AFTER_FRICTION, "abandoned_after_friction")

#define X(name, word) SNAG_ACTION_##name,
typedef enum snag_action { SNAG_ACTION_TABLE(X) SNAG_ACTION_COUNT } snag_action;
#undef X
#define X(name, word) SNAG_SEVERITY_##name,
typedef enum snag_severity { SNAG_SEVERITY_TABLE(X) SNAG_SEVERITY_COUNT } snag_severity;
#undef X
#define X(name, word) SNAG_REASON_##name,
typedef enum snag_reason { SNAG_REASON_TABLE(X) SNAG_REASON_COUNT } snag_reason;
#undef X
#define X(name, word) SNAG_HOLD_##name,
typedef enum snag_hold { SNAG_HOLD_TABLE(X) SNAG_HOLD_COUNT } snag_hold;
#undef X
#define X(name, word) SNAG_DECISION_##name,
typedef enum snag_decision_kind { SNAG_DECISION_TABLE(X) SNAG_DECISION_COUNT } snag_decision_kind;
#undef X
#define X(name, word) SNAG_MOVE_##name,
typedef enum snag_move { SNAG_MOVE_TABLE(X) SNAG_MOVE_COUNT } snag_move;
#undef X
#define X(name, word) SNAG_BASIS_##name,
typedef enum snag_basis { SNAG_BASIS_TABLE(X) SNAG_BASIS_COUNT } snag_basis;
#undef X
#define X(name, word) SNAG_CAUSE_##name,
typedef enum snag_cause { SNAG_CAUSE_TABLE(X) SNAG_CAUSE_COUNT } snag_cause;
#undef X
#define X(name, word) SNAG_OUTCOME_##name,
typedef enum snag_outcome { SNAG_OUTCOME_TABLE(X) SNAG_OUTCOME_COUNT } snag_outcome;
#undef X

/* The words, e.g. snag_action_word(SNAG_ACTION_TRIGGER) = "trigger". */
const char *snag_action_word(snag_action action);
const char *snag_severity_word(snag_severity severity);
const char *snag_reason_word(snag_reason reason);
const char *snag_hold_word(snag_hold hold);
const char *snag_decision_word(snag_decision_kind kind);
const char *snag_move_word(snag_move move);
const char *snag_cause_word(snag_cause cause);
const char *snag_outcome_word(snag_outcome outcome);
const char *snag_basis_word(snag_basis basis);

/* An event that led here, as it stands in timeline and evidence. */
typedef struct snag_evidence {
    int64_t time_ms;
    snag_position position;
    snag_str id;
    snag_str type;
} snag_evidence;

/* What a rule's episodes bring to a score. */
typedef struct snag_contribution {
    snag_str rule;
    double value;
} snag_contribution;

/* The envelope: CloudEvents id, subject, time; the type follows from kind and action or move. */
typedef struct snag_alert {
    uint8_t episode[16]; /* id = hex(episode)-action-seq */
    uint32_t seq;        /* of the records of this episode, from 1 */
    int64_t time_ms;     /* the deadline for what a timer made, else the event's time */
    snag_action action;
    snag_severity severity;
    bool shadow;         /* goes to <prefix>shadow, data.snag.mode = shadow */
    snag_str customer;   /* subject */
    snag_str key;        /* Kafka key: customer or account, as the pipeline's `key` says */
    snag_str account;    /* empty = absent, as all texts below */
    snag_str channel;
    snag_str shape; /* of the customer when it began */
    snag_str headline;
    snag_str owner;
    snag_str playbook;
    const snag_str *tags;
    uint32_t tag_count;
    int64_t respond_by_ms; /* SNAG_NEVER = no sla */
    /* where */
    snag_str journey;
    snag_str instance;
    snag_str stage;
    int64_t since_ms; /* SNAG_TIME_NONE = absent */
    /* why */
    snag_str rule;
    snag_str test; /* missing, count, due */
    int64_t observed;  /* -1 = absent */
    int64_t threshold; /* -1 = absent */
    int64_t within_ms; /* -1 = absent */
    snag_str clears_when;
    snag_str within_words; /* "3 business days": instead of within_ms, where it is no elapsed time */
    int64_t deadline_ms; /* SNAG_TIME_NONE = absent, then basis is none */
    snag_basis basis;
    snag_str calendar; /* that the deadline was counted by, and its zone */
    snag_str zone;
    snag_str season; /* that widened it */
    int64_t first_deadline_ms; /* of a promise that was moved; SNAG_TIME_NONE = absent */
    snag_str waits_on;
    int64_t level; /* of an episode with several: 0 a warning, 1 due, 2 the second; -1 = absent */
    double quantile;      /* of a learned deadline: the share that had ended by then; below 0 = absent */
    int64_t learned_from; /* … and how many these were; -1 = absent */
    int64_t overdue_by_ms; /* on resolve of a deadline; -1 = absent */
    snag_reason reason;  /* on resolve */
    int64_t lasted_ms;   /* on resolve; -1 = absent */
    /* a burst, when it closes: -1 / SNAG_TIME_NONE = absent */
    int64_t total;
    int64_t first_ms;
    int64_t last_ms;
    /* ratio: observed of so many, and what that comes to; what it is held against stands in limit, instead of
     * threshold. Below 0 = absent */
    int64_t attempts;
    double value;
    double limit;
    double usual; /* what the observed are compared with: a mean */
    const snag_contribution *contributions; /* of a score: they sum to the value */
    uint32_t contribution_count;
    snag_str dedup_key;
    const snag_evidence *evidence; /* oldest first; the timeline is the same list */
    uint32_t evidence_count;
    uint32_t evidence_total;
} snag_alert;

typedef struct snag_change {
    snag_move move;
    int64_t effective_ms;
    snag_str customer;
    snag_str key;
    snag_str account;
    snag_str channel;
    snag_str shape;
    snag_str journey;
    snag_str instance;
    uint8_t walk[16]; /* names this walk for ever: SHA-256 as an episode's; id = hex(walk)-move-seq */
    uint32_t seq; /* rising per instance, from 1 */
    snag_str from; /* empty: the walk opens here */
    snag_str to;   /* empty: the walk stalled or resumed in `from` */
    snag_str milestone; /* name of the milestone reached by `to`, empty = none */
    snag_cause cause;
    int64_t dwell_ms; /* time in `from`; -1 = absent */
    /* On the closing change, and on answers after it: the stage's `end:` word, or snag_outcome_word */
    snag_str outcome;
    uint32_t corrects; /* seq of the closing change (of this walk) that this one amends; 0 = none */
    snag_str amended;  /* the outcome it had; not told, for sums */
    bool scored;       /* answered: what the customer said of `from` is */
    double score;
    const snag_evidence *evidence;
    uint32_t evidence_count;
    const snag_str *open_alerts; /* dedup keys of this walk's open episodes */
    uint32_t open_alert_count;
} snag_change;

typedef struct snag_decision {
    uint8_t episode[16]; /* would_be = hex(episode)-action-seq */
    uint32_t seq;
    snag_action action;
    snag_decision_kind decision;
    snag_hold reason;
    int64_t at_ms;
    int64_t until_ms; /* SNAG_NEVER = absent */
    snag_str customer;
    snag_str key;
    snag_str rule;
    snag_str by; /* what held it: the rule's cooldown, a policy's name … */
} snag_decision;

typedef enum snag_record_kind {
    SNAG_RECORD_ALERT,
    SNAG_RECORD_CHANGE,
    SNAG_RECORD_DECISION,
    SNAG_RECORD_LATE, /* an event judged too late: its original record goes to <prefix>late */
    SNAG_RECORD_KIND_COUNT
} snag_record_kind;

typedef struct snag_record {
    snag_record_kind kind;
    union {
        snag_alert alert;
        snag_change change;
        snag_decision decision;
        struct {
            snag_position position;
            int64_t time_ms;
            int64_t judged_ms; /* this customer was judged up to here */
            int64_t clock_off_ms; /* of its time, what was added because its device's clock is off */
            int64_t came_ms;
            bool future; /* it lies too far behind came_ms: not late, but a dead letter */
            snag_str customer;
            snag_str id;
            snag_str type;
        } late;
    } as;
} snag_record;

/* Why the event of a `late` record that is `future` is a dead letter: one sentence. */
void snag_record_future(snag_diag *words, const snag_record *record);

/* The engine calls this for each record, in order. Whatever must outlive the call is copied. */
typedef void snag_emit(void *context, const snag_record *record);

#endif
