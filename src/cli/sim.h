/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulator: customers who come, do what people do, and sometimes get stuck; with the truth about it.
 *
 *     arrivals --> scenario: one visit = events and labels, all planned at once --> heap --> in time order
 *
 * Whole numbers only and one generator of random numbers: the same seed gives the same bytes on every
 * machine. A label says what a right pipeline must find: which customer, which friction, which rule, when. It
 * comes out once the stream has reached the moment at which the rule can know: with the event that completes
 * it, or for silence with the first event after the deadline.
 */
#ifndef SNAG_CLI_SIM_H
#define SNAG_CLI_SIM_H

#include "base/err.h"
#include "base/time.h"

enum { SNAG_SIM_PROPS_MAX = 4, SNAG_SIM_LABELS_MAX = 3 };

/* A property: "L7" (word and number), "PS" (number < 0), or the number 7 (word NULL). */
typedef struct snag_sim_prop {
    const char *name;
    const char *word;
    int64_t number;
} snag_sim_prop;

/* Literals live for ever. */
typedef struct snag_sim_label {
    const char *friction; /* in words, for people */
    const char *rule;
} snag_sim_label;

typedef struct snag_sim_entry {
    int64_t time_ms;
    uint64_t number; /* order of planning: breaks ties */
    uint64_t customer;
    const char *type; /* NULL: a label that waits for its deadline */
    uint32_t prop_count;
    uint32_t label_count;
    snag_sim_prop props[SNAG_SIM_PROPS_MAX];
    snag_sim_label labels[SNAG_SIM_LABELS_MAX];
} snag_sim_entry;

typedef struct snag_sim snag_sim;

typedef struct snag_sim_scenario {
    const char *name;
    const char *summary;
    const char *pipeline;    /* the shipped one that watches it */
    const char *format;      /* what that one reads */
    int64_t visit_events;    /* on average, for the rate */
    /* Plans one visit that begins at time_ms; false: nobody is free just now. */
    bool (*visit)(snag_sim *sim, int64_t time_ms);
} snag_sim_scenario;

extern const snag_sim_scenario snag_sim_calls;
extern const snag_sim_scenario snag_sim_shop;
extern const snag_sim_scenario snag_sim_uploads;

/* hour_events: events an hour of event time, on average. */
SNAG_MUST_CHECK snag_err snag_sim_new(snag_sim **out, const snag_sim_scenario *scenario,
                                      uint32_t customers, uint64_t seed, int64_t start_ms,
                                      int64_t hour_events);
void snag_sim_free(snag_sim *sim);
/* The next entry in order of time; borrowed until the next call. SNAG_MEMORY: too much is planned at once. */
SNAG_MUST_CHECK snag_err snag_sim_next(snag_sim *sim, const snag_sim_entry **entry);

/* --- what a scenario may do ------------------------------------------------------------------ */

/* A whole number from..to, both included. */
int64_t snag_sim_between(snag_sim *sim, int64_t from, int64_t to);
bool snag_sim_percent(snag_sim *sim, int64_t percent);
/* A number never given before, for ids of calls and uploads. */
int64_t snag_sim_fresh(snag_sim *sim);
/* Somebody who does nothing at time_ms; SIZE_MAX where nobody is found. */
size_t snag_sim_somebody(snag_sim *sim, int64_t time_ms);
/* That one is busy up to then. */
void snag_sim_busy(snag_sim *sim, size_t who, int64_t until_ms);
/* That one never comes back; a new customer takes the place. */
void snag_sim_leaves(snag_sim *sim, size_t who);
/* Plans an event; more properties and labels may be added to it until the next is planned. */
snag_sim_entry *snag_sim_event(snag_sim *sim, size_t who, int64_t time_ms, const char *type);
void snag_sim_prop_add(snag_sim_entry *entry, const char *name, const char *word, int64_t number);
void snag_sim_label_add(snag_sim_entry *entry, const char *friction, const char *rule);
/* Plans a label for a silence: it is true from deadline_ms on. */
void snag_sim_silence(snag_sim *sim, size_t who, int64_t deadline_ms, const char *friction,
                      const char *rule);

#endif
