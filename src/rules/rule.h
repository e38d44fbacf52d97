/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of a rule kind (a "test" in language.md). One file per kind; list.h names them all.
 *
 * A kind is pure logic over its own small state. The engine owns everything else: it finds the state of
 * the right customer and `per` value, keeps evidence, arms the timer, folds signals into alerts.
 *
 *                events ---> engine ---> kind->event(...)  --+--> snag_rule_open / close
 *     W passes a deadline -> engine ---> kind->timer(...)  --+--> snag_rule_arm, note, ...
 */
#ifndef SNAG_RULES_RULE_H
#define SNAG_RULES_RULE_H

#include "journey/journey.h"

/* Roles in which one event may meet a rule; they are joined where it meets it in several. */
enum {
    SNAG_ROLE_EVENT = 1,  /* matches `event:` (and `where:`); of ratio, what failed */
    SNAG_ROLE_ANSWER = 2, /* matches `missing:` */
    SNAG_ROLE_UNTIL = 4,  /* matches `until:` */
    SNAG_ROLE_OF = 8,     /* matches `of:`: what was tried */
    SNAG_ROLE_NEVER = 16, /* matches `not:` */
    SNAG_ROLE_MILESTONE = 32, /* enters a milestone of a walk with the same `per` */
    SNAG_ROLE_END = 64,   /* … a stage that ends it */
    SNAG_ROLE_FOUND = 128, /* matches `found:`: another product's word for the same */
    /* Bits that mean something else to other kinds: */
    SNAG_ROLE_PAUSE = 8,   /* of missing: matches `pause:` … */
    SNAG_ROLE_RESUME = 16, /* … and `resume:` */
    SNAG_ROLE_STEP = 256  /* the first of a path's different steps; each has a bit of its own */
};

/* A path's steps. Steps that mean the same events share a role: A, B, A has two. */
typedef struct snag_steps {
    const snag_matcher *matchers;
    uint32_t count;
    uint16_t roles[SNAG_STEPS_MAX];
} snag_steps;

enum { SNAG_WITHIN_JOURNEY = -2 };

/* What a score weighs: signals, and how much an episode of each. */
typedef struct snag_weight {
    const snag_signal_spec *signal;
    int64_t millionths;
} snag_weight;

typedef struct snag_weights {
    const snag_weight *list;
    uint32_t count;
} snag_weights;

/* An episode that began, as scores see it: the fingerprint of its signal, and when; or one that began then
 * and was none, as is known now (back: its reason, else SNAG_REASON_NONE): what it weighed is taken back. */
typedef struct snag_fed {
    uint32_t fingerprint;
    snag_reason back;
    int64_t at_ms;
    int64_t now_ms;
} snag_fed;

/* By how much use may differ from what is usual, and which way counts: -1 fewer, 1 more, 0 both. */
typedef struct snag_margin {
    int64_t millionths; /* 0 = not given */
    int64_t way;
} snag_margin;

/* All fields of all kinds; a kind's field table says which it takes. -1 / 0 = not given. */
typedef struct snag_rule_params {
    snag_matcher missing;
    snag_matcher until;
    snag_matcher failed; /* ratio: */
    snag_matcher of;
    snag_matcher never; /* not: */
    snag_matcher found;
    snag_matcher pause;
    snag_matcher resume;
    snag_matcher change;
    snag_steps path;
    snag_weights score;
    snag_steps stages; /* milestones and ends of walks, for a path */
    snag_patience wait; /* after, warn, promise, waits_on */
    const snag_span *each; /* a day or a week of a calendar */
    snag_margin by;
    int64_t overtake_ms;
    int64_t count;
    int64_t within_ms; /* or SNAG_WITHIN_JOURNEY */
    int64_t quiet_ms;
    int64_t gap_ms;
    int64_t radius; /* pixels */
    int64_t measure;
    int64_t from;
    int64_t x; /* slots of the kept names x and y, where there is a radius */
    int64_t y;
    int64_t dwell_ms;
    int64_t hold_ms;
    int64_t half_life_ms;
    int64_t kinds;
    int64_t enter; /* in millionths; below -1 so many millionths of what is usual in the segment, negated */
    int64_t leave;
    int64_t min;
    int64_t differs; /* slots in event vars */
    int64_t between;
    bool burst;
} snag_rule_params;

static inline bool snag_is_times(int64_t share)
{
    return share < -1;
}

/* A share as the engine knows it: a whole number of 2^-26. */
enum { SNAG_USUAL_BITS = 26 };

typedef enum snag_field_type {
    SNAG_FIELD_MATCHER,
    SNAG_FIELD_STEPS, /* snag_steps: a list of matchers */
    SNAG_FIELD_DURATION,
    SNAG_FIELD_SPAN, /* a duration, or `journey` */
    SNAG_FIELD_LEVELS, /* one or two rising durations: snag_levels */
    SNAG_FIELD_EACH,   /* day or week, of a calendar: const snag_span * */
    SNAG_FIELD_MARGIN, /* -30%, +50%, 30%: snag_margin */
    SNAG_FIELD_COUNT,
    SNAG_FIELD_SHARE, /* 30%, 0.3: int64_t in millionths */
    SNAG_FIELD_TIMES, /* the same, or 2x, 1.5x: of what is usual, negated */
    SNAG_FIELD_DECIMAL, /* 15, 2.5: int64_t in millionths */
    SNAG_FIELD_WEIGHTS, /* snag_weights: a map of signals to decimals */
    SNAG_FIELD_NAME,  /* a name that events have: int64_t, its slot */
    SNAG_FIELD_WORD,  /* one of the field's words: int64_t, which */
    SNAG_FIELD_BOOL
} snag_field_type;

/* One field of a kind in the pipeline file: binding, check and manual come from this row. */
typedef struct snag_field {
    const char *name;
    snag_field_type type;
    size_t offset; /* in snag_rule_params */
    bool required;
    const char *instead; /* … unless this field is given; NULL = always */
    bool added;    /* the kind was known before it: not given, it leaves the fingerprint as it was */
    uint16_t role; /* of a matcher */
    int64_t min;   /* of a duration (ms), count or share */
    int64_t max;
    int64_t otherwise; /* the default where it is not given */
    const char *const *words; /* NULL-terminated; the first is the default */
    const char *summary;
} snag_field;

#define SNAG_FIELD_MATCHER(word, member, must, part, about)                                  \
    {                                                                                        \
        .name = word, .type = SNAG_FIELD_MATCHER, .offset = offsetof(snag_rule_params, member), \
        .required = must, .role = part, .summary = about                                     \
    }
#define SNAG_FIELD(word, kind, member, must, least, most, default_to, about)                 \
    {                                                                                        \
        .name = word, .type = SNAG_FIELD_##kind, .offset = offsetof(snag_rule_params, member), \
        .required = must, .min = least, .max = most, .otherwise = default_to, .summary = about \
    }

/* The same for fields that a kind got after it was first published; never required. */
#define SNAG_FIELD_MATCHER_ADDED(word, member, part, about)                                  \
    {                                                                                        \
        .name = word, .type = SNAG_FIELD_MATCHER, .offset = offsetof(snag_rule_params, member), \
        .added = true, .role = part, .summary = about                                        \
    }
#define SNAG_FIELD_ADDED(word, kind, member, least, most, default_to, about)                 \
    {                                                                                        \
        .name = word, .type = SNAG_FIELD_##kind, .offset = offsetof(snag_rule_params, member), \
        .added = true, .min = least, .max = most, .otherwise = default_to, .summary = about  \
    }
#define SNAG_FIELD_CHOICE(word, member, list, about)                                         \
    {                                                                                        \
        .name = word, .type = SNAG_FIELD_WORD, .offset = offsetof(snag_rule_params, member), \
        .added = true, .words = list, .summary = about                                       \
    }

/* What an alert of a kind can say of its numbers; a headline may insert these words. */
enum {
    SNAG_TELLS_OBSERVED = 1,
    SNAG_TELLS_ATTEMPTS = 2,
    SNAG_TELLS_VALUE = 4,
    SNAG_TELLS_USUAL = 8
};

typedef struct snag_rule_kind snag_rule_kind;

typedef struct snag_rule {
    snag_signal_spec signal;
    const snag_rule_kind *kind;
    /* Values by shape: the rule as it is for each of the pipeline's shapes; NULL = the same for all. Their
     * state is one: what began under a shape goes on with its values. */
    const struct snag_rule *by_shape;
    int64_t expire_ms; /* an episode ends so long after it began; -1 = only by its test */
    uint16_t scope;
    uint16_t sketch;   /* of the times it waits, as of a stage */
    uint16_t segments; /* that it compares with, from 1 among the pipeline's; 0 = it does not */
    snag_matcher event;
    const snag_expr *excluded; /* true of an event that it would take but for `exclude:`; NULL = has none */
    const snag_expr *found_excluded; /* the same of one that says another product found it */
    uint16_t exclusion;        /* its number among the pipeline's, from 1 */
    snag_rule_params params;
} snag_rule;

enum { SNAG_RULE_STATE_MAX = 1024 };

/* The engine's side of one step; lives during the step only. */
typedef struct snag_rule_step snag_rule_step;

struct snag_rule_kind {
    const char *name;    /* also the key in the pipeline file that selects this test */
    const char *summary; /* one sentence for the manual */
    const snag_field *fields;
    uint32_t field_count;
    uint32_t tells;     /* SNAG_TELLS_* */
    bool own_events;    /* its fields name the events: it takes no `event:` */
    bool any_event;     /* `event:` may be left out: then any event */
    size_t state_bytes_max; /* of this kind's state; <= SNAG_RULE_STATE_MAX */
    /* The state grows by at most so much after a call of snag_rule_state: no more is zeroed. 0 = any. */
    size_t state_grows;
    /* What the fields must fulfil together; the message names field and reason. NULL = nothing. */
    snag_err (*check)(const snag_rule *rule, snag_diag *diag);
    /* Whether an event in these roles matters where there is no state yet (else it is skipped). */
    bool (*starts)(const snag_rule *rule, uint32_t roles);
    /* An event of this customer and `per` value, in time order but for late ones. state is zeroed
     * at first; state_bytes 0 = nothing to keep. */
    void (*event)(const snag_rule *rule, snag_rule_step *step, const snag_event *event,
                  uint32_t roles);
    /* Whether snag_rule_answered is asked. NULL: never. */
    bool (*ties)(const snag_rule *rule);
    /* The last moment at which anything counts of a state without an open episode; SNAG_NEVER: until an event
     * ends it. What lies there longer is only not tidied up yet. NULL = all counts. */
    int64_t (*counts_until)(const snag_rule *rule, const void *state, size_t state_bytes);
    /* Episodes of other rules of this customer began, or were none, in this step, by an event or a timer.
     * NULL: the kind is no score. */
    void (*fed)(const snag_rule *rule, snag_rule_step *step, const snag_fed *list, uint32_t count);
    /* The open episode ends at at_ms, whatever its test says of that: with what it can tell of itself then.
     * The engine then has the state forgotten; but a score's remembers since when it counts. */
    void (*close)(const snag_rule *rule, snag_rule_step *step, int64_t at_ms, snag_reason reason);
    /* W has passed the armed deadline. */
    void (*timer)(const snag_rule *rule, snag_rule_step *step, int64_t deadline_ms);
    /* The source it waited for was silent then: what a timer opened is closed (reason source_silent) and
     * armed again for when it opened. False: no timer did. NULL: the kind waits for no event. */
    bool (*take_back)(const snag_rule *rule, snag_rule_step *step);
    /* Whether stored state can be this kind's own: it comes back from outside. due_ms: its deadline or
     * SNAG_NEVER. Whatever event and timer rely on must be looked at here. */
    bool (*sound)(const snag_rule *rule, const void *state, size_t state_bytes, bool open,
                  int64_t due_ms);
    /* The time since when a sound state waits for what the rule's sketch measures; SNAG_TIME_NONE: it does
     * not. NULL = this kind never does. */
    int64_t (*waits_since)(const void *state, size_t state_bytes);
    /* What people may want to know of a sound state, as JSON members, each with its comma before it. usual:
     * the share that usually fails in its segment, NULL where it is not asked or too little is known. NULL =
     * nothing. */
    void (*explain)(const snag_rule *rule, const void *state, size_t state_bytes, const uint64_t *usual,
                    snag_buf *buf);
};

/* A time or span that arithmetic can bear. */
static inline bool snag_time_sane(int64_t time_ms)
{
    return time_ms > -SNAG_TIME_SANE && time_ms < SNAG_TIME_SANE;
}
static inline bool snag_time_sane_or_none(int64_t time_ms)
{
    return time_ms == SNAG_TIME_NONE || snag_time_sane(time_ms);
}

/* --- what a kind may do in a step ------------------------------------------------------------ */

/* The state: snag_rule_state gives the kind's state_bytes_max, zeroed as far past what was kept as it grows;
 * snag_rule_keep says how many of them to keep (0 = forget state, evidence and deadline). */
void *snag_rule_state(snag_rule_step *step);
size_t snag_rule_state_bytes(const snag_rule_step *step);
void snag_rule_keep(snag_rule_step *step, size_t bytes);

/* Whether an event made this step; else a timer did. */
bool snag_rule_has_event(const snag_rule_step *step);
/* Whether an event in the role of an answer, with the time of the step's event, was applied before it. */
bool snag_rule_answered(const snag_rule_step *step);
/* True where this customer was already judged past the event's time. */
bool snag_rule_late(const snag_rule_step *step);

/* Arms the one deadline of this state, instead of any before; SNAG_NEVER disarms. */
void snag_rule_arm(snag_rule_step *step, int64_t deadline_ms);
/* When a wait is over that begins with the step's event; it is measured from here on where the rule has a
 * sketch. *learned: how the deadline was come by. */
int64_t snag_rule_due(snag_rule_step *step, const snag_levels *wait, snag_learned *learned);
/* The wait that began at since_ms is over: ended by what it waited for, or only no longer looked at. */
void snag_rule_waited(snag_rule_step *step, int64_t since_ms, bool ended);
/* The zone that the step's event names; for a timer the one that was captured last. */
const snag_zone *snag_rule_zone(snag_rule_step *step, const snag_calendar_spec *calendar);
/* The zone in which the rule's wait is counted, as captured when it began; NULL where no calendar counts. */
const snag_zone *snag_rule_wait_zone(const snag_rule_step *step);
/* An attempt of the step's event, for what is usual in its segment. */
void snag_rule_tell(snag_rule_step *step, bool failed, bool tried);
/* Which share of attempts usually fails there, as of at_ms; false: too little is known. */
bool snag_rule_usual(const snag_rule_step *step, int64_t at_ms, uint64_t *usual);
/* The same for a customer for ever: what is due for all at one moment is spread by it. */
uint64_t snag_rule_owner_hash(const snag_rule_step *step);
int64_t snag_rule_deadline(const snag_rule_step *step);
/* Whether the state must outlive `remember` without a deadline or an open episode: a clock that stands. */
void snag_rule_hold(snag_rule_step *step, bool hold);

/* Adds the step's event to the evidence (first and newest SNAG_EVIDENCE_MAX are kept), and
 * remembers the names its headline needs where this is the first. */
void snag_rule_note(snag_rule_step *step);
/* Remembers the names that the headline inserts, and the zone, from the step's event. */
void snag_rule_capture(snag_rule_step *step);
/* Drops evidence older than time_ms, except the first entry where keep_first. */
void snag_rule_forget_before(snag_rule_step *step, int64_t time_ms);
void snag_rule_forget_all(snag_rule_step *step);
/* The times of the kept evidence: the first entry's; SNAG_TIME_NONE where there is none. */
int64_t snag_rule_first_ms(const snag_rule_step *step);

typedef struct snag_rule_facts {
    int64_t observed;    /* -1 = absent */
    int64_t threshold;
    int64_t within_ms;
    int64_t deadline_ms; /* SNAG_TIME_NONE where no timer made it */
    const snag_span *span; /* that the deadline was counted by, from from_ms on; NULL: elapsed time */
    int64_t from_ms;
    snag_learned learned; /* instead of span, where its n is not 0 */
    int64_t total;       /* a burst when it closes */
    int64_t first_ms;
    int64_t last_ms;
    int64_t ran_ms;      /* from first to last of the observed, which may be longer than within; else -1 */
    int64_t attempts;    /* that the observed are a share of */
    int64_t value_num;   /* the value is value_num / value_den; value_den 0 = absent */
    int64_t value_den;
    int64_t level;       /* of an episode with several: 0 a warning, 1 due, 2 the second */
    bool promised;       /* the deadline is a promise; where it was moved, the first one is: */
    int64_t first_promise_ms;
    const char *waits_on; /* whose silence it is; NULL = not said */
    const snag_contribution *contributions; /* that sum to the value */
    uint32_t contribution_count;
    int64_t limit;       /* what the value is held against, in millionths; instead of threshold */
    int64_t usual_num;   /* usual is usual_num / usual_den; usual_den 0 = absent */
    int64_t usual_den;
} snag_rule_facts;

#define SNAG_RULE_FACTS_NONE                                                        \
    ((snag_rule_facts){.observed = -1, .threshold = -1, .within_ms = -1,            \
                       .deadline_ms = SNAG_TIME_NONE, .total = -1,                  \
                       .first_ms = SNAG_TIME_NONE, .last_ms = SNAG_TIME_NONE, .ran_ms = -1, \
                       .attempts = -1, .level = -1, .first_promise_ms = SNAG_TIME_NONE, \
                       .limit = -1})

bool snag_rule_is_open(const snag_rule_step *step);
/* When the open episode began. */
int64_t snag_rule_opened_ms(const snag_rule_step *step);
/* The signal: the test came true. Anchor of the episode = the event of this step, or for a timer
 * the first evidence, and the deadline. */
void snag_rule_open(snag_rule_step *step, const snag_rule_facts *facts);
/* The episode that is open got worse. */
void snag_rule_escalate(snag_rule_step *step, const snag_rule_facts *facts);
/* The episode ends. at_ms: the event's time, or the deadline of a timer. */
void snag_rule_close(snag_rule_step *step, snag_reason reason, const snag_rule_facts *facts);

/* --- the kinds --------------------------------------------------------------------------------- */

extern const snag_rule_kind *const snag_rule_kinds[];
extern const uint32_t snag_rule_kind_count;

/* Under which score an episode ends, in millionths. */
int64_t snag_score_leave(const snag_rule *rule);

/* Calls back for each given matcher of a rule, with the role it gives. */
typedef void snag_rule_each(void *context, const snag_matcher *matcher, uint16_t role);
void snag_rule_matchers(const snag_rule *rule, snag_rule_each *each, void *context);

#endif
