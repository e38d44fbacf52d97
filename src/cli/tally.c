/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tally.h"

#include <stdlib.h>

#include "base/assert.h"
#include "cli/terminal.h"
#include "cli/view.h"
#include "engine/learn.h"
#include "journey/cell.h"

enum { NAME_WIDTH_LEAST = 24, COUNT_WIDTH = 10 };

/* A rule, or a stage with a deadline. */
typedef struct rule_row {
    snag_str name;
    uint32_t fingerprint;
    bool waits; /* something can be armed without being open */
    uint64_t published;
    uint64_t suppressed;
    uint64_t held; /* now */
    uint64_t resolved;
    uint64_t by_reason[SNAG_REASON_COUNT];
    uint64_t armed;
} rule_row;

typedef struct journey_row {
    const snag_journey *journey;
    uint64_t opened;
    uint64_t ended;
    uint64_t stalled;
    uint64_t armed;
    uint64_t by_end[SNAG_STAGES_MAX]; /* by the stage whose `end:` word came */
    uint64_t by_outcome[SNAG_OUTCOME_COUNT];
} journey_row;

struct snag_tally {
    uint32_t rule_count;
    uint32_t journey_count;
    rule_row *rules;
    journey_row journeys[];
};

static void rule_add(snag_tally *tally, const snag_signal_spec *spec, bool waits)
{
    tally->rules[tally->rule_count++] =
        (rule_row){.name = spec->name, .fingerprint = spec->fingerprint, .waits = waits};
}

static size_t rule_rows_max(const snag_pipeline *pipeline)
{
    size_t count = pipeline->rule_count;
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        count += pipeline->journeys[i].stage_count;
    return count + 3;
}

snag_err snag_tally_new(snag_tally **out, const snag_pipeline *pipeline)
{
    snag_tally *tally = calloc(1, sizeof *tally + pipeline->journey_count * sizeof(journey_row));
    *out = tally;
    if (!tally)
        return SNAG_MEMORY;
    tally->rules = calloc(rule_rows_max(pipeline), sizeof *tally->rules);
    if (!tally->rules) {
        free(tally);
        *out = NULL;
        return SNAG_MEMORY;
    }
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        rule_add(tally, &pipeline->rules[i].signal, pipeline->rules[i].params.missing.count > 0);
    for (uint32_t i = 0; i < pipeline->journey_count; i++) {
        const snag_journey *journey = &pipeline->journeys[i];
        tally->journeys[i].journey = journey;
        for (uint32_t j = 0; j < journey->stage_count; j++)
            if (snag_stage_waits(&journey->stages[j]))
                rule_add(tally, &journey->stages[j].late, false);
    }
    for (uint32_t i = 0, told = 0; pipeline->watches && i < pipeline->source_count && !told; i++)
        if (pipeline->watches[i].after_ms > 0) {
            rule_add(tally, &pipeline->watches[i].signal, false); /* of all sources: they share a name */
            told = 1;
        }
    if (pipeline->quiet)
        rule_add(tally, &pipeline->quiet->signal, false);
    tally->journey_count = pipeline->journey_count;
    return SNAG_OK;
}

void snag_tally_free(snag_tally *tally)
{
    if (tally)
        free(tally->rules);
    free(tally);
}

static rule_row *rule_find(const snag_tally *tally, snag_str name)
{
    for (uint32_t i = 0; i < tally->rule_count; i++)
        if (snag_str_equal(tally->rules[i].name, name))
            return &tally->rules[i];
    SNAG_ASSERT(false); /* a rule of the pipeline: there is no other */
    return NULL;
}

static void alert_count(snag_tally *tally, const snag_alert *alert)
{
    rule_row *row = rule_find(tally, alert->rule);
    if (alert->action == SNAG_ACTION_TRIGGER)
        row->published++;
    if (alert->action != SNAG_ACTION_RESOLVE)
        return;
    row->resolved++;
    row->by_reason[alert->reason]++;
}

static void end_count(journey_row *row, snag_str outcome, uint64_t by)
{
    for (uint32_t i = 1; i < SNAG_OUTCOME_COUNT; i++) {
        if (snag_str_equal(snag_str_from(snag_outcome_word((snag_outcome)i)), outcome)) {
            row->by_outcome[i] += by;
            return;
        }
    }
    for (uint32_t i = 0; i < row->journey->stage_count; i++) {
        if (snag_str_equal(row->journey->stages[i].end, outcome)) {
            row->by_end[i] += by;
            return;
        }
    }
}

static void change_count(snag_tally *tally, const snag_change *change)
{
    journey_row *row = tally->journeys;
    while (row < tally->journeys + tally->journey_count &&
           !snag_str_equal(row->journey->name, change->journey))
        row++;
    SNAG_ASSERT(row < tally->journeys + tally->journey_count);
    row->opened += change->from.size == 0 && change->corrects == 0;
    row->stalled += change->move == SNAG_MOVE_STALLED;
    if (change->corrects) {
        row->ended--;
        end_count(row, change->amended, UINT64_MAX); /* one less */
    }
    if (change->move == SNAG_MOVE_ENDED) {
        row->ended++;
        end_count(row, change->outcome, 1);
    }
}

/* What was held is published, or will not be. */
static void decision_count(rule_row *row, const snag_decision *decision)
{
    bool suppressed = decision->decision == SNAG_DECISION_SUPPRESSED;
    row->suppressed += suppressed;
    row->held += decision->decision == SNAG_DECISION_HELD;
    row->held -= !(decision->decision == SNAG_DECISION_HELD) &&
                 (!suppressed || decision->reason == SNAG_HOLD_SOURCE_SILENT);
}

void snag_tally_record(snag_tally *tally, const snag_record *record)
{
    switch (record->kind) {
    case SNAG_RECORD_ALERT: alert_count(tally, &record->as.alert); break;
    case SNAG_RECORD_CHANGE: change_count(tally, &record->as.change); break;
    case SNAG_RECORD_DECISION:
        if (record->as.decision.action == SNAG_ACTION_TRIGGER)
            decision_count(rule_find(tally, record->as.decision.rule), &record->as.decision);
        break;
    case SNAG_RECORD_LATE:
    case SNAG_RECORD_KIND_COUNT: break;
    }
}

static void item_count(snag_tally *tally, const snag_item *item)
{
    if (item->due_ms == SNAG_NEVER || item->open)
        return;
    for (uint32_t i = 0; i < tally->rule_count; i++)
        if (tally->rules[i].waits && tally->rules[i].fingerprint == item->fingerprint)
            tally->rules[i].armed++;
    for (uint32_t i = 0; i < tally->journey_count; i++)
        if (tally->journeys[i].journey->fingerprint == item->fingerprint)
            tally->journeys[i].armed++;
}

snag_err snag_tally_census(snag_tally *tally, const snag_feed *feed)
{
    snag_cell *cell = malloc(sizeof *cell);
    snag_item *item = malloc(sizeof *item);
    for (uint32_t i = 0; cell && item && i < snag_feed_partitions(feed); i++) {
        uint64_t cursor = 0;
        snag_str key;
        snag_str blob;
        while (snag_engine_each(snag_feed_engine(feed, i), &cursor, &key, &blob)) {
            if (snag_learn_is_cell(key) || snag_segment_is_cell(key))
                continue;
            SNAG_ASSERT(snag_cell_unpack(cell, blob));
            for (uint32_t j = 0; j < cell->item_count; j++)
                if (snag_cell_item(cell, j, item))
                    item_count(tally, item);
        }
    }
    snag_err err = cell && item ? SNAG_OK : SNAG_MEMORY;
    free(item);
    free(cell);
    return err;
}

/* --- the summary ----------------------------------------------------------------------------- */

static void number_put(snag_buf *buf, uint64_t number, size_t width)
{
    char bytes[32];
    snag_buf text = snag_buf_on(bytes, sizeof bytes);
    snag_number_print(&text, number);
    for (size_t i = text.size; i < width; i++)
        snag_buf_byte(buf, ' ');
    snag_buf_str_put(buf, snag_buf_str(&text));
}

/* "  1,461 until, 2 moved_on"; first says whether a comma is due. */
static void part_put(snag_buf *buf, bool *first, uint64_t count, snag_str word)
{
    if (count == 0)
        return;
    snag_buf_str_put(buf, *first ? SNAG_STR("  ") : SNAG_STR(", "));
    number_put(buf, count, 0);
    snag_buf_byte(buf, ' ');
    snag_buf_str_put(buf, word);
    *first = false;
}

static void line_out(snag_buf *buf, FILE *file)
{
    fwrite(buf->data, 1, buf->size, file);
    fputc('\n', file);
    buf->size = 0;
}

static void run_print(const snag_feed_counts *counts, double seconds, snag_buf *buf, FILE *file)
{
    number_put(buf, counts->events, 0);
    snag_buf_printf(buf, counts->events == 1 ? " event in %.2f s" : " events in %.2f s", seconds);
    if (seconds >= 0.01) { /* less says nothing of a speed */
        snag_buf_printf(buf, " (");
        snag_rate_print(buf, (double)counts->events / seconds);
        snag_buf_printf(buf, "/s)");
    }
    if (counts->first_ms != SNAG_TIME_NONE) {
        snag_buf_printf(buf, ", from ");
        snag_view_time(buf, counts->first_ms);
        snag_buf_printf(buf, " to ");
        snag_view_time(buf, counts->last_ms);
    }
    line_out(buf, file);
}

/* Events that the rule's exclude: took; 0 where it has none. */
static uint64_t rule_excluded(const snag_feed *feed, snag_str name)
{
    const snag_pipeline *pipeline = snag_feed_pipeline(feed);
    uint32_t i = 0;
    while (i < pipeline->rule_exclusion_count && !snag_str_equal(pipeline->rule_exclusions[i].name, name))
        i++;
    return i < pipeline->rule_exclusion_count ? snag_feed_rule_excluded(feed, i) : 0;
}

/* The longest name, and a blank. */
static size_t name_width(const snag_tally *tally)
{
    size_t width = NAME_WIDTH_LEAST;
    for (uint32_t i = 0; i < tally->rule_count; i++)
        if (width < tally->rules[i].name.size + 1)
            width = tally->rules[i].name.size + 1;
    return width;
}

static void rules_print(const snag_tally *tally, const snag_feed *feed, snag_buf *buf, bool colour,
                        FILE *file)
{
    if (tally->rule_count == 0)
        return;
    size_t width = name_width(tally);
    snag_buf_printf(buf, "%-*s%*s%*s%*s%*s%*s", (int)width, "rule", COUNT_WIDTH, "signals", COUNT_WIDTH,
                    "published", COUNT_WIDTH, "resolved", COUNT_WIDTH, "open", COUNT_WIDTH, "armed");
    fputs(snag_style_code(colour, SNAG_STYLE_DIM), file);
    line_out(buf, file);
    fputs(snag_style_code(colour, SNAG_STYLE_PLAIN), file);
    for (uint32_t i = 0; i < tally->rule_count; i++) {
        const rule_row *row = &tally->rules[i];
        bool first = true;
        snag_style_put(buf, colour, SNAG_STYLE_BOLD, row->name, width);
        number_put(buf, row->published + row->suppressed + row->held, COUNT_WIDTH);
        number_put(buf, row->published, COUNT_WIDTH);
        number_put(buf, row->resolved, COUNT_WIDTH);
        number_put(buf, row->published - row->resolved, COUNT_WIDTH);
        if (row->waits)
            number_put(buf, row->armed, COUNT_WIDTH);
        else
            snag_buf_printf(buf, "%*s", COUNT_WIDTH, "-");
        for (int reason = 0; reason < SNAG_REASON_COUNT; reason++)
            part_put(buf, &first, row->by_reason[reason],
                     snag_str_from(snag_reason_word((snag_reason)reason)));
        part_put(buf, &first, row->held, SNAG_STR("held"));
        part_put(buf, &first, rule_excluded(feed, row->name), SNAG_STR("excluded"));
        line_out(buf, file);
    }
}

static void journeys_print(const snag_tally *tally, snag_buf *buf, bool colour, FILE *file)
{
    for (uint32_t i = 0; i < tally->journey_count; i++) {
        const journey_row *row = &tally->journeys[i];
        bool first = true;
        snag_buf_printf(buf, "journey ");
        snag_style_put(buf, colour, SNAG_STYLE_BOLD, row->journey->name, 0);
        snag_buf_printf(buf, ": ");
        number_put(buf, row->opened, 0);
        snag_buf_printf(buf, row->opened == 1 ? " walk opened, " : " walks opened, ");
        number_put(buf, row->ended, 0);
        snag_buf_printf(buf, " ended");
        for (uint32_t j = 0; j < row->journey->stage_count; j++)
            part_put(buf, &first, row->by_end[j], row->journey->stages[j].end);
        for (uint32_t j = 1; j < SNAG_OUTCOME_COUNT; j++)
            part_put(buf, &first, row->by_outcome[j],
                     snag_str_from(snag_outcome_word((snag_outcome)j)));
        snag_buf_printf(buf, "; ");
        number_put(buf, row->opened - row->ended, 0);
        snag_buf_printf(buf, " open, ");
        number_put(buf, row->armed, 0);
        snag_buf_printf(buf, " armed");
        line_out(buf, file);
    }
}

static void excluded_put(const snag_feed *feed, snag_buf *buf)
{
    const snag_pipeline *pipeline = snag_feed_pipeline(feed);
    uint64_t sum = 0;
    bool first = true;
    for (uint32_t i = 0; i < pipeline->exclusion_count; i++)
        sum += snag_feed_excluded(feed, i);
    snag_buf_printf(buf, ", excluded ");
    number_put(buf, sum, 0);
    for (uint32_t i = 0; i < pipeline->exclusion_count; i++)
        part_put(buf, &first, snag_feed_excluded(feed, i), pipeline->exclusions[i].name);
}

static void trouble_print(const snag_feed *feed, snag_buf *buf, bool colour, FILE *file)
{
    const snag_feed_counts *counts = snag_feed_counts_get(feed);
    snag_counters counters;
    bool first = true;
    snag_feed_counters(feed, &counters);
    snag_buf_printf(buf, "late ");
    number_put(buf, counters.late + counters.too_old, 0);
    snag_buf_printf(buf, ", duplicates ");
    number_put(buf, counters.duplicate, 0);
    snag_buf_printf(buf, ", unwatched ");
    number_put(buf, counters.unwatched, 0);
    if (snag_feed_pipeline(feed)->exclusion_count)
        excluded_put(feed, buf);
    snag_buf_printf(buf, ", ");
    if (counts->dead > 0)
        snag_buf_str_put(buf, snag_str_from(snag_style_code(colour, SNAG_STYLE_RED)));
    snag_buf_printf(buf, "dead letters ");
    number_put(buf, counts->dead, 0);
    for (int reason = 0; reason < SNAG_ERR_COUNT; reason++)
        part_put(buf, &first, counts->dead_by[reason],
                 snag_str_from(snag_err_name((snag_err)reason)));
    if (counts->dead > 0)
        snag_buf_str_put(buf, snag_str_from(snag_style_code(colour, SNAG_STYLE_PLAIN)));
    line_out(buf, file);
}

/* A counter's words begin with what is counted, as many; one of it has no s. */
static void words_put(snag_buf *buf, const char *words, bool one)
{
    size_t first = strcspn(words, " ");
    bool cut = one && first > 0 && words[first - 1] == 's';
    snag_buf_printf(buf, " %.*s%s", (int)(first - cut), words, words + first);
}

/* What should make somebody look: shown only where it happened. */
static void oddities_print(const snag_feed *feed, snag_buf *buf, FILE *file)
{
    snag_counters counters;
    uint64_t unmarked = snag_feed_counts_get(feed)->unmarked;
    snag_feed_counters(feed, &counters);
    if (unmarked > 0) {
        snag_buf_printf(buf, "note: ");
        number_put(buf, unmarked, 0);
        words_put(buf, "events taken as they are: no device is said, or not when it was received",
                  unmarked == 1);
        line_out(buf, file);
    }
    const struct {
        uint64_t count;
        bool odd;
        const char *words;
    } rows[] = {
#define X(name, help)                                                                             \
    {counters.name,                                                                               \
     offsetof(snag_counters, name) == offsetof(snag_counters, no_per) ||                          \
         offsetof(snag_counters, name) == offsetof(snag_counters, where_erred) ||                 \
         offsetof(snag_counters, name) == offsetof(snag_counters, overflow) ||                    \
         offsetof(snag_counters, name) == offsetof(snag_counters, corrected) ||                   \
         offsetof(snag_counters, name) == offsetof(snag_counters, unasked) ||                     \
         offsetof(snag_counters, name) == offsetof(snag_counters, zone_default) ||                \
         offsetof(snag_counters, name) == offsetof(snag_counters, bound),                         \
     help},
        SNAG_COUNTER_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].count == 0 || !rows[i].odd)
            continue;
        snag_buf_printf(buf, "note: ");
        number_put(buf, rows[i].count, 0);
        words_put(buf, rows[i].words, rows[i].count == 1);
        line_out(buf, file);
    }
}

void snag_tally_print(const snag_tally *tally, const snag_feed *feed, double seconds, FILE *file)
{
    char bytes[4096];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    bool colour = snag_terminal_colour(file);
    run_print(snag_feed_counts_get(feed), seconds, &buf, file);
    rules_print(tally, feed, &buf, colour, file);
    journeys_print(tally, &buf, colour, file);
    trouble_print(feed, &buf, colour, file);
    oddities_print(feed, &buf, file);
}
