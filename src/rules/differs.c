/* SPDX-License-Identifier: Apache-2.0
 *
 * differs: the same `per` shows two values of a name on two `between` values inside `within`.
 *
 *     web: 19.90     shop: 19.90     shop: 24.90            web: 24.90
 *        |--------------|---------------|--> signal ----------|--> moved_on: the values agree
 *
 * Of each `between` value the newest counts, up to and including its time + within. The episode ends when
 * the values agree, or when what differed has left the window.
 *
 * State: one of each `between` value, oldest first; values are known by their hashes:
 *     | time 8 | between 8 | value 8 | … up to 16 |
 */
#include "base/assert.h"
#include "base/hash.h"
#include "rules/rule.h"

typedef struct seen {
    int64_t time_ms;
    uint64_t between;
    uint64_t value;
} seen;

typedef struct state {
    seen list[SNAG_BETWEEN_MAX];
} state;

static const snag_field fields[] = {
    SNAG_FIELD("differs", NAME, differs, true, 0, 0, -1, "the name whose values should agree"),
    SNAG_FIELD("between", NAME, between, true, 0, 0, -1,
               "the name that tells apart where it stands, as channel; the newest 16 are remembered"),
    SNAG_FIELD("within", DURATION, within_ms, true, 1, INT64_MAX / 4, 0,
               "how long a value counts"),
    SNAG_FIELD_MATCHER("until", until, false, SNAG_ROLE_UNTIL,
                       "an event that makes all values forgotten and ends the episode"),
};

static bool starts(const snag_rule *rule, uint32_t roles)
{
    (void)rule;
    return (roles & SNAG_ROLE_EVENT) != 0;
}

static size_t seen_count(const snag_rule_step *step)
{
    return snag_rule_state_bytes(step) / sizeof(seen);
}

static void forget(snag_rule_step *step)
{
    snag_rule_arm(step, SNAG_NEVER);
    snag_rule_forget_all(step);
    snag_rule_keep(step, 0);
}

/* The hash of a value's text; false where the event has none. */
static bool value_hash(const snag_event *event, int64_t slot, uint64_t *hash)
{
    char text[SNAG_TEXT_BYTES_MAX + 64];
    snag_buf buf = snag_buf_on(text, sizeof text);
    if (slot < 0 || slot >= event->var_count)
        return false;
    snag_value_print(&buf, &event->vars[slot]);
    *hash = snag_hash64(snag_buf_str(&buf), 0);
    return buf.size > 0;
}

static int64_t values(const state *kept, size_t count)
{
    int64_t different = 0;
    for (size_t i = 0; i < count; i++) {
        bool again = false;
        for (size_t k = 0; k < i; k++)
            again = again || kept->list[k].value == kept->list[i].value;
        different += !again;
    }
    return different;
}

static snag_rule_facts facts_of(const snag_rule *rule, const state *kept, size_t count)
{
    snag_rule_facts facts = SNAG_RULE_FACTS_NONE;
    facts.observed = values(kept, count);
    facts.within_ms = rule->params.within_ms;
    return facts;
}

static void close_episode(const snag_rule *rule, snag_rule_step *step, snag_reason reason, size_t count)
{
    snag_rule_facts facts = facts_of(rule, snag_rule_state(step), count);
    snag_rule_close(step, reason, &facts);
}

static void remove_at(state *kept, size_t *count, size_t at)
{
    memmove(kept->list + at, kept->list + at + 1, (*count - at - 1) * sizeof(seen));
    (*count)--;
}

/* What is no newer than `before_ms` goes. */
static size_t expire(state *kept, size_t count, int64_t before_ms)
{
    while (count > 0 && kept->list[0].time_ms < before_ms)
        remove_at(kept, &count, 0);
    return count;
}

/* Puts what was seen in its place; false where newer news of the same `between` value stands already, or
 * the event is out of the window. */
static bool put(const snag_rule *rule, state *kept, size_t *count, const seen *now)
{
    for (size_t i = 0; i < *count; i++)
        if (kept->list[i].between == now->between) {
            if (kept->list[i].time_ms > now->time_ms)
                return false;
            remove_at(kept, count, i);
            break;
        }
    if (*count > 0 && now->time_ms < kept->list[*count - 1].time_ms - rule->params.within_ms)
        return false;
    if (*count == SNAG_BETWEEN_MAX) {
        if (now->time_ms < kept->list[0].time_ms)
            return false;
        remove_at(kept, count, 0);
    }
    size_t at = *count;
    while (at > 0 && kept->list[at - 1].time_ms > now->time_ms)
        at--;
    memmove(kept->list + at + 1, kept->list + at, (*count - at) * sizeof(seen));
    kept->list[at] = *now;
    (*count)++;
    return true;
}

static int64_t counts_until(const snag_rule *rule, const void *bytes, size_t size)
{
    const state *kept = bytes;
    return kept->list[size / sizeof(seen) - 1].time_ms + rule->params.within_ms;
}

static void keep(const snag_rule *rule, snag_rule_step *step, const state *kept, size_t count)
{
    int64_t within_ms = rule->params.within_ms;
    if (count == 0) {
        forget(step);
        return;
    }
    snag_rule_keep(step, count * sizeof(seen));
    if (snag_rule_is_open(step)) {
        snag_rule_arm(step, kept->list[0].time_ms + within_ms);
        return;
    }
    snag_rule_forget_before(step, kept->list[0].time_ms);
    int64_t gap_ms = within_ms > SNAG_TIDY_MS ? within_ms : SNAG_TIDY_MS;
    snag_rule_arm(step, kept->list[count - 1].time_ms + gap_ms);
}

static void on_until(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    const state *kept = snag_rule_state(step);
    size_t count = seen_count(step);
    if (count == 0 || event->time_ms < kept->list[count - 1].time_ms)
        return;
    if (snag_rule_is_open(step)) {
        snag_rule_note(step);
        close_episode(rule, step, SNAG_REASON_UNTIL, count);
    }
    forget(step);
}

static void on_seen(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    state *kept = snag_rule_state(step);
    size_t count = seen_count(step);
    seen now = {.time_ms = event->time_ms};
    if (!value_hash(event, rule->params.differs, &now.value) ||
        !value_hash(event, rule->params.between, &now.between) || !put(rule, kept, &count, &now))
        return;
    count = expire(kept, count, kept->list[count - 1].time_ms - rule->params.within_ms);
    snag_rule_keep(step, count * sizeof(seen));
    snag_rule_note(step);
    bool differ = values(kept, count) > 1;
    if (snag_rule_is_open(step) && !differ)
        close_episode(rule, step, SNAG_REASON_MOVED_ON, count);
    else if (!snag_rule_is_open(step) && differ) {
        snag_rule_facts facts = facts_of(rule, kept, count);
        snag_rule_forget_before(step, kept->list[0].time_ms);
        snag_rule_open(step, &facts);
    }
    keep(rule, step, kept, count);
}

static void on_event(const snag_rule *rule, snag_rule_step *step, const snag_event *event, uint32_t roles)
{
    if (roles & SNAG_ROLE_UNTIL)
        on_until(rule, step, event);
    if (roles & SNAG_ROLE_EVENT)
        on_seen(rule, step, event);
}

static void on_close(const snag_rule *rule, snag_rule_step *step, int64_t at_ms, snag_reason reason)
{
    (void)at_ms;
    close_episode(rule, step, reason, seen_count(step));
}

static void on_timer(const snag_rule *rule, snag_rule_step *step, int64_t deadline_ms)
{
    state *kept = snag_rule_state(step);
    size_t count = expire(kept, seen_count(step), deadline_ms - rule->params.within_ms + 1);
    if (snag_rule_is_open(step) && values(kept, count) < 2)
        close_episode(rule, step, SNAG_REASON_WINDOW_EMPTY, count);
    keep(rule, step, kept, count);
}

static bool sound(const snag_rule *rule, const void *bytes, size_t size, bool open, int64_t due_ms)
{
    state kept = {0};
    (void)rule;
    if (size == 0)
        return !open && due_ms == SNAG_NEVER;
    if (size > sizeof kept || size % sizeof(seen))
        return false;
    memcpy(&kept, bytes, size);
    for (size_t i = 0; i < size / sizeof(seen); i++)
        if (!snag_time_sane(kept.list[i].time_ms) ||
            (i > 0 && kept.list[i].time_ms < kept.list[i - 1].time_ms))
            return false;
    return true;
}

static void explain(const snag_rule *rule, const void *bytes, size_t size, const uint64_t *usual,
                    snag_buf *buf)
{
    state kept = {0};
    (void)usual;
    (void)rule;
    memcpy(&kept, bytes, size);
    snag_buf_str_put(buf, SNAG_STR(",\"places\":"));
    snag_buf_int(buf, (int64_t)(size / sizeof(seen)));
    snag_buf_str_put(buf, SNAG_STR(",\"values\":"));
    snag_buf_int(buf, values(&kept, size / sizeof(seen)));
}

static snag_err check(const snag_rule *rule, snag_diag *diag)
{
    if (rule->params.differs == rule->params.between)
        return snag_fail(diag, SNAG_CONFIG, "between must be another name than differs");
    return SNAG_OK;
}

extern const snag_rule_kind snag_rule_differs;
const snag_rule_kind snag_rule_differs = {
    .name = "differs",
    .summary = "The same thing shows two values in two places inside a window.",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .tells = SNAG_TELLS_OBSERVED,
    .any_event = true,
    .state_bytes_max = sizeof(state),
    .state_grows = sizeof(seen),
    .check = check,
    .starts = starts,
    .counts_until = counts_until,
    .event = on_event,
    .close = on_close,
    .timer = on_timer,
    .sound = sound,
    .explain = explain,
};
