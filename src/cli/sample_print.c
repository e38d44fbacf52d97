/* SPDX-License-Identifier: Apache-2.0
 *
 * The report of `snag check --sample`: what came, what did not map, how disordered time is, who names which
 * event, how many alerts there would be. A finding is what somebody should look at before going live.
 */
#include <stdlib.h>

#include "base/time.h"
#include "cli/clocks.h"
#include "cli/sample.h"
#include "cli/figure.h"
#include "cli/named.h"
#include "cli/terminal.h"

enum { SHOWN_TYPES = 20 };

typedef struct report {
    const snag_sample *sample;
    const snag_pipeline *pipeline;
    FILE *file;
    bool colour;
    uint32_t findings;
    double days;
} report;

typedef struct counted_text {
    char text[80];
} counted_text;

static counted_text counted(uint64_t count, const char *things)
{
    counted_text is;
    snprintf(is.text, sizeof is.text, "%s %s", snag_figure_number(count).text, things);
    return is;
}

static counted_text times(uint64_t count)
{
    return counted(count, count == 1 ? "time" : "times");
}

static counted_text events(uint64_t count)
{
    return counted(count, count == 1 ? "event" : "events");
}

static void heading(const report *out, const char *text)
{
    fprintf(out->file, "\n%s%s%s\n", snag_style_code(out->colour, SNAG_STYLE_BOLD), text,
            snag_style_code(out->colour, SNAG_STYLE_PLAIN));
}

static void finding(report *out, const char *format, ...) SNAG_PRINTF(2, 3);
static void finding(report *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(out->file, "  %sfinding:%s ", snag_style_code(out->colour, SNAG_STYLE_YELLOW),
            snag_style_code(out->colour, SNAG_STYLE_PLAIN));
    vfprintf(out->file, format, args);
    fputc('\n', out->file);
    va_end(args);
    out->findings++;
}

static void records_print(report *out, const snag_feed_counts *counts)
{
    heading(out, "records");
    fprintf(out->file, "  %s read, %s became %s (%.2f%%)\n", snag_figure_number(counts->lines).text,
            snag_figure_number(counts->events).text, counts->events == 1 ? "an event" : "events",
            snag_percent(counts->events, counts->lines));
    if (counts->lines == 0)
        finding(out, "the sample is empty");
    for (uint32_t i = 0; i < out->pipeline->exclusion_count; i++) {
        snag_str name = out->pipeline->exclusions[i].name;
        uint64_t count = out->sample->excluded[i];
        if (count > 0 && count == counts->events)
            finding(out, "exclude %.*s takes every event", SNAG_FMT(name));
        else
            fprintf(out->file, "  %s excluded by %.*s (%.2f%%)\n", snag_figure_number(count).text,
                    SNAG_FMT(name),
                    snag_percent(count, counts->events));
    }
    for (uint32_t i = 0; i < SNAG_ERR_COUNT; i++) {
        const snag_sample_bad *bad = &out->sample->bad[i];
        if (bad->count == 0)
            continue;
        snag_str of = out->pipeline->sources[bad->source].name;
        bool several = out->pipeline->source_count > 1;
        finding(out, "%s x %s (%s); first at byte %lld%s%.*s: %s", snag_figure_number(bad->count).text,
                snag_err_name((snag_err)i), snag_err_sentence((snag_err)i), (long long)bad->offset,
                several ? " of " : "", several ? (int)of.size : 0, of.data, bad->words);
    }
}

static bool is_kept(const snag_mapping *mapping)
{
    return mapping->path_count > 0 || mapping->expr || mapping->constant.kind != SNAG_KIND_ABSENT;
}

/* Kept names that rules use, and how often they are there. */
static void source_names_print(report *out, uint32_t i)
{
    const snag_source_spec *source = &out->pipeline->sources[i];
    const snag_sample_source *seen = &out->sample->sources[i];
    const char *of = out->pipeline->source_count > 1 ? " of " : "";
    snag_str name = out->pipeline->source_count > 1 ? source->name : SNAG_STR("");
    for (uint32_t k = 0; k < source->kept_count; k++) {
        uint64_t absent = seen->absent[SNAG_VAR_KEPT + k];
        const snag_mapping *kept = &source->kept[k];
        if (out->pipeline->source_count > 1 &&
            (!is_kept(kept) || snag_str_equal(kept->name, SNAG_STR("source")) || seen->events == 0))
            continue;
        if (!kept->used)
            fprintf(out->file, "  %.*s%s%.*s is kept and nothing uses it\n", SNAG_FMT(kept->name), of,
                    SNAG_FMT(name));
        else if (absent == seen->events)
            finding(out, "%.*s%s%.*s is on no event: is its path right?", SNAG_FMT(kept->name), of,
                    SNAG_FMT(name));
        else
            fprintf(out->file, "  %.*s%s%.*s is on %s (%.2f%%)\n", SNAG_FMT(kept->name), of,
                    SNAG_FMT(name), events(seen->events - absent).text,
                    snag_percent(seen->events - absent, seen->events));
    }
}

static void names_print(report *out)
{
    for (uint32_t i = 0; i < out->pipeline->source_count; i++)
        source_names_print(out, i);
}

/* What `silent:` must be longer than, and whether it is. */
static void source_gap_print(report *out, const snag_sample_source *source, int64_t silent_ms)
{
    if (source->gap_max_ms == 0)
        return;
    fprintf(out->file, "  longest time without an event: %s, after %s\n",
            snag_figure_duration(source->gap_max_ms).text, snag_figure_instant(source->gap_from_ms).text);
    if (source->silences)
        finding(out, "%s nothing came for longer than silent: %s; where that was no outage, it is too short",
                times(source->silences).text, snag_figure_duration(silent_ms).text);
}

static void order_print(report *out)
{
    const snag_pipeline *pipeline = out->pipeline;
    for (uint32_t i = 0; i < pipeline->source_count; i++) {
        char text[96] = "order";
        const snag_sample_source *source = &out->sample->sources[i];
        if (pipeline->source_count > 1)
            snprintf(text, sizeof text, "order of %.*s, %s", SNAG_FMT(pipeline->sources[i].name),
                     events(source->events).text);
        heading(out, text);
        if (source->events == 0)
            continue;
        if (pipeline->sources[i].table) {
            fprintf(out->file, "  rows of a table: in whatever order they come, none is late\n");
            continue;
        }
        out->findings += snag_disorder_print(&source->disorder, out->file, out->colour);
        source_gap_print(out, source, pipeline->watches ? pipeline->watches[i].after_ms : 0);
    }
}

/* --- event names ----------------------------------------------------------------------------------- */

static int by_count(const void *left, const void *right)
{
    const snag_sample_type *a = *(const snag_sample_type *const *)left;
    const snag_sample_type *b = *(const snag_sample_type *const *)right;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return snag_str_compare(snag_str_of(a->name, a->size), snag_str_of(b->name, b->size));
}

static void types_list(report *out, const snag_sample_type **types, uint32_t count)
{
    for (uint32_t i = 0; i < count && i < SHOWN_TYPES; i++) {
        snag_str name = snag_str_of(types[i]->name, types[i]->size);
        fprintf(out->file, "  %12s  %.*s%s\n", snag_figure_number(types[i]->count).text, SNAG_FMT(name),
                snag_is_named(out->pipeline, name) ? "" : "  (no rule or stage names it)");
    }
    if (count > SHOWN_TYPES)
        fprintf(out->file, "  and %u more\n", count - SHOWN_TYPES);
    if (out->sample->types_left_out)
        fprintf(out->file, "  %s still other names\n",
                counted(out->sample->types_left_out,
                        out->sample->types_left_out == 1 ? "event bears" : "events bear").text);
}

static void pattern_check(report *out, const snag_matcher *matcher, snag_str of, const char *what)
{
    for (uint32_t i = 0; i < matcher->count; i++)
        if (snag_sample_count(out->sample, &matcher->patterns[i]) == 0)
            finding(out, "%s %.*s names \"%.*s%s\", which is not in the sample", what, SNAG_FMT(of),
                    SNAG_FMT(matcher->patterns[i].text), matcher->patterns[i].prefix ? "*" : "");
}

typedef struct unseen {
    report *out;
    snag_str rule;
} unseen;

static void rule_pattern_check(void *context, const snag_matcher *matcher, uint16_t role)
{
    const unseen *asked = context;
    if (role != SNAG_ROLE_END && role != SNAG_ROLE_MILESTONE) /* stages are told themselves */
        pattern_check(asked->out, matcher, asked->rule, "rule");
}

static void unseen_print(report *out)
{
    const snag_pipeline *pipeline = out->pipeline;
    for (uint32_t i = 0; i < pipeline->fact_count; i++) {
        pattern_check(out, &pipeline->facts[i].event, pipeline->facts[i].name, "fact");
        pattern_check(out, &pipeline->facts[i].of, pipeline->facts[i].name, "fact");
    }
    for (uint32_t i = 0; i < pipeline->journey_count; i++) {
        const snag_journey *journey = &pipeline->journeys[i];
        pattern_check(out, &journey->survey.event, journey->name, "the survey of");
        pattern_check(out, &journey->survey.asked, journey->name, "the survey of");
        for (uint32_t k = 0; k < journey->stage_count; k++) {
            const snag_stage *stage = &pipeline->journeys[i].stages[k];
            pattern_check(out, &stage->event, stage->name, "stage");
            pattern_check(out, &stage->pause, stage->name, "stage");
            pattern_check(out, &stage->resume, stage->name, "stage");
        }
    }
    for (uint32_t i = 0; i < pipeline->rule_count; i++) {
        unseen asked = {out, pipeline->rules[i].signal.name};
        snag_rule_matchers(&pipeline->rules[i], rule_pattern_check, &asked);
    }
}

static void types_print(report *out)
{
    const snag_sample_type *types[SNAG_SAMPLE_TYPES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < SNAG_SAMPLE_TYPES_MAX; i++)
        if (out->sample->types[i].name)
            types[count++] = &out->sample->types[i];
    qsort(types, count, sizeof types[0], by_count);
    heading(out, "events");
    types_list(out, types, count);
    unseen_print(out);
    names_print(out);
}

/* --- alerts ---------------------------------------------------------------------------------------- */

static void alerts_line(const report *out, snag_str name, uint64_t alerts)
{
    fprintf(out->file, "  %12s  %.*s  (%.1f a day)\n", snag_figure_number(alerts).text, SNAG_FMT(name),
            (double)alerts / out->days);
}

static void alerts_print(report *out)
{
    const snag_pipeline *pipeline = out->pipeline;
    heading(out, "alerts, if this sample were a normal time");
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        for (uint32_t k = 0; k < pipeline->journeys[i].stage_count; k++)
            if (snag_stage_waits(&pipeline->journeys[i].stages[k]))
                alerts_line(out, pipeline->journeys[i].stages[k].late.name, out->sample->stage_alerts[i][k]);
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        alerts_line(out, pipeline->rules[i].signal.name, out->sample->rule_alerts[i]);
}

/* Events that rules would have taken, but for their exclude:. */
static void rules_excluded_print(report *out, const snag_feed *feed)
{
    const snag_pipeline *pipeline = out->pipeline;
    for (uint32_t i = 0; i < pipeline->rule_count; i++) {
        const snag_rule *rule = &pipeline->rules[i];
        uint64_t named = 0;
        if (!rule->exclusion)
            continue;
        uint64_t count = snag_feed_rule_excluded(feed, rule->exclusion - 1u);
        for (uint32_t k = 0; k < rule->event.count; k++)
            named += snag_sample_count(out->sample, &rule->event.patterns[k]);
        if (count > 0 && count >= named)
            finding(out, "exclude of rule %.*s takes every event that it names", SNAG_FMT(rule->signal.name));
        else
            fprintf(out->file, "  %12s  %s excluded by rule %.*s\n", snag_figure_number(count).text,
                    count == 1 ? "event" : "events", SNAG_FMT(rule->signal.name));
    }
}

/* What the engine counted and nobody would otherwise see. */
static void counters_print(report *out, const snag_feed *feed)
{
    snag_counters counters;
    snag_feed_counters(feed, &counters);
    if (counters.where_erred)
        finding(out, "%s a where: had no value and counted as false", times(counters.where_erred).text);
    if (counters.no_per)
        finding(out, "%s a rule skipped an event that lacks its per: name", times(counters.no_per).text);
    if (counters.zone_default)
        fprintf(out->file, "  %s counted in a calendar's own zone: the event named none that is known\n",
                counted(counters.zone_default,
                        counters.zone_default == 1 ? "deadline was" : "deadlines were").text);
    if (counters.duplicate)
        fprintf(out->file, "  %s came twice and %s taken once\n", events(counters.duplicate).text,
                counters.duplicate == 1 ? "was" : "were");
    if (counters.bound)
        finding(out, "%s let go because a bound was reached",
                counters.bound == 1 ? "a walk or value was"
                                    : counted(counters.bound, "walks or values were").text);
}

uint32_t snag_sample_print(const snag_sample *sample, const snag_feed *feed, FILE *file)
{
    const snag_feed_counts *counts = snag_feed_counts_get(feed);
    report out = {.sample = sample, .pipeline = sample->pipeline, .file = file,
                  .colour = snag_terminal_colour(file), .days = 1.0 / 24};
    records_print(&out, counts);
    if (counts->events == 0)
        return out.findings;
    double days = (double)(counts->last_ms - counts->first_ms) / SNAG_DAY_MS;
    out.days = days > out.days ? days : out.days;
    int64_t span_ms = counts->last_ms - counts->first_ms;
    fprintf(file, "  from %s to %s", snag_figure_instant(counts->first_ms).text,
            snag_figure_instant(counts->last_ms).text);
    if (days < 2)
        fprintf(file, " (%s)\n", snag_figure_duration(span_ms - span_ms % SNAG_SECOND_MS).text);
    else
        fprintf(file, " (%.1f days)\n", days);
    order_print(&out);
    out.findings += snag_clocks_print(sample, feed, file, out.colour);
    types_print(&out);
    alerts_print(&out);
    rules_excluded_print(&out, feed);
    counters_print(&out, feed);
    return out.findings;
}
