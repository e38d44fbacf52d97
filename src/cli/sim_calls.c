/* SPDX-License-Identifier: Apache-2.0
 *
 * A call centre: started, queued, answered, ended. Friction: long waits, and hanging up again and again.
 * Usual waits stay well under a minute, and nobody hangs up twice within an hour by chance, so that what is
 * labelled is all there is.
 */
#include "cli/sim.h"

typedef struct call {
    snag_sim *sim;
    size_t who;
    int64_t line;
    int64_t id;
    const char *service;
} call;

static call call_new(snag_sim *sim, size_t who)
{
    static const char *const services[] = {"PS", "NE", "NW", "IN"};
    call one = {.sim = sim, .who = who};
    one.line = snag_sim_between(sim, 1, 9); /* one draw a statement: their order is the stream's */
    one.id = snag_sim_fresh(sim);
    one.service = services[snag_sim_between(sim, 0, 3)];
    return one;
}

static snag_sim_entry *say(const call *one, int64_t time_ms, const char *type)
{
    snag_sim_entry *entry = snag_sim_event(one->sim, one->who, time_ms, type);
    snag_sim_prop_add(entry, "callId", "", one->id);
    snag_sim_prop_add(entry, "line", "L", one->line);
    snag_sim_prop_add(entry, "service", one->service, -1);
    return entry;
}

/* Whoever waits that long is told of by each rule whose time it passes. */
static void wait_label(const call *one, int64_t queued_ms, int64_t wait_ms)
{
    static const struct {
        int64_t after_ms;
        const char *rule;
    } rules[] = {{60000, "stuck_60"}, {60000, "call.queued.late"}, {120000, "stuck_120"},
                 {300000, "stuck_300"}};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (wait_ms > rules[i].after_ms)
            snag_sim_silence(one->sim, one->who, queued_ms + rules[i].after_ms, "long wait",
                             rules[i].rule);
}

/* Returns when the queue was left. */
static int64_t queue(const call *one, int64_t time_ms, int64_t wait_ms)
{
    say(one, time_ms, "Call Started");
    int64_t queued_ms = time_ms + snag_sim_between(one->sim, 3000, 15000);
    say(one, queued_ms, "Call Queued");
    wait_label(one, queued_ms, wait_ms);
    return queued_ms + wait_ms;
}

static int64_t usual_wait_ms(snag_sim *sim)
{
    return snag_sim_between(sim, 1000, 55000);
}

static int64_t answered(const call *one, int64_t time_ms, int64_t wait_ms)
{
    int64_t answered_ms = queue(one, time_ms, wait_ms);
    int64_t ended_ms = answered_ms + snag_sim_between(one->sim, 20000, 600000);
    say(one, answered_ms, "Call Answered");
    say(one, ended_ms, "Call Ended");
    return ended_ms;
}

/* Hangs up `times` times within an hour, never answered in between. */
static int64_t hang_up(snag_sim *sim, size_t who, int64_t time_ms, int64_t times)
{
    for (int64_t i = 1; i <= times; i++) {
        call one = call_new(sim, who);
        int64_t left_ms = queue(&one, time_ms, usual_wait_ms(sim));
        snag_sim_entry *entry = say(&one, left_ms, "Call Abandoned");
        if (i == 2) {
            snag_sim_label_add(entry, "hung up twice", "hung_up_twice");
            snag_sim_label_add(entry, "hung up twice", "hung_up_twice_unanswered");
        }
        if (i == 3)
            snag_sim_label_add(entry, "hung up three times", "hung_up_thrice");
        time_ms = left_ms + snag_sim_between(sim, 60000, 1200000);
    }
    return time_ms + SNAG_HOUR_MS; /* not again before that hour has passed */
}

static bool visit(snag_sim *sim, int64_t time_ms)
{
    size_t who = snag_sim_somebody(sim, time_ms);
    if (who == SIZE_MAX)
        return false;
    int64_t kind = snag_sim_between(sim, 1, 100);
    int64_t until_ms;
    if (kind <= 88) {
        call one = call_new(sim, who);
        until_ms = answered(&one, time_ms, usual_wait_ms(sim));
    } else if (kind <= 94) {
        call one = call_new(sim, who);
        until_ms = answered(&one, time_ms, snag_sim_between(sim, 61000, 420000));
    } else if (kind <= 98) {
        until_ms = hang_up(sim, who, time_ms, 1);
    } else {
        until_ms = hang_up(sim, who, time_ms, kind == 99 ? 2 : 3);
    }
    snag_sim_busy(sim, who, until_ms);
    return true;
}

const snag_sim_scenario snag_sim_calls = {
    .name = "calls",
    .summary = "a call centre: long waits, callers who hang up again and again",
    .pipeline = "pipelines/support-calls.yaml",
    .format = "segment",
    .visit_events = 4,
    .visit = visit,
};
