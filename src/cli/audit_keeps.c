/* SPDX-License-Identifier: Apache-2.0
 *
 * What topics let go of, and when: by age, by size, by compaction, with a leader that knows less. What is
 * lost so is lost without a word, so each is a finding; what only a new start would miss is a note.
 */
#include <inttypes.h>

#include "base/time.h"
#include "cli/audit.h"
#include "cli/figure.h"

enum { TOMBSTONES_LEAST_MS = 3600000, OFFSETS_LEAST_MIN = 1440 };

static const int64_t weeks_compared_ms = 35 * (int64_t)SNAG_DAY_MS; /* four, and the one that is judged */

static bool is_compacted(const snag_kafka_topic *topic)
{
    return strstr(topic->cleanup, "compact") != NULL;
}

/* By age or by size. */
static bool lets_go(const snag_kafka_topic *topic)
{
    return strstr(topic->cleanup, "delete") && (topic->retention_ms >= 0 || topic->retention_bytes >= 0);
}

/* "after 7d", "above 1073741824 bytes", or both. */
typedef struct limits {
    char text[128];
} limits;

static limits limits_of(const snag_kafka_topic *topic)
{
    limits said = {""};
    bool aged = topic->retention_ms >= 0, sized = topic->retention_bytes >= 0;
    int size = 0;
    if (aged)
        size = snprintf(said.text, sizeof said.text, "after %s",
                        snag_figure_duration(topic->retention_ms).text);
    if (sized && size >= 0)
        snprintf(said.text + size, sizeof said.text - (size_t)size, "%sabove %" PRId64 " bytes a partition",
                 aged ? " or " : "", topic->retention_bytes);
    return said;
}

/* --- tables ------------------------------------------------------------------------------------ */

static void table_look(snag_audit *audit, const snag_kafka_topic *topic, const char *name)
{
    if (!is_compacted(topic) && lets_go(topic))
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "%s is a table (table: true), but is not compacted (cleanup.policy=%s): a row "
                           "that "
                           "was not written again is deleted %s, and is unknown to whoever starts after "
                           "that; "
                           "set cleanup.policy=compact",
                           name, topic->cleanup, limits_of(topic).text);
    else if (!is_compacted(topic))
        snag_audit_note(audit,
                        "%s is a table, but is not compacted: every row there ever was is kept, and is read "
                        "at "
                        "each first start; cleanup.policy=compact keeps the newest of each key",
                        name);
    else if (lets_go(topic))
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "%s is a table (table: true), but deletes rows as well (cleanup.policy=%s): one "
                           "that was not written again is deleted %s; set cleanup.policy=compact",
                           name, topic->cleanup, limits_of(topic).text);
    if (is_compacted(topic) && topic->delete_retention_ms < TOMBSTONES_LEAST_MS)
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "%s forgets after %s that a row was taken away: a worker that was stopped for "
                           "longer "
                           "keeps the row; set delete.retention.ms=86400000",
                           name, snag_figure_duration(topic->delete_retention_ms).text);
}

/* --- events ------------------------------------------------------------------------------------ */

typedef struct longest {
    int64_t ms;
    snag_str name; /* of the rule or stage; empty: remember: */
} longest;

static void longer(longest *so_far, int64_t ms, snag_str name)
{
    if (ms > so_far->ms)
        *so_far = (longest){ms, name};
}

static void stage_longest(longest *found, const snag_stage *stage)
{
    longer(found, stage->wait.after.ms, stage->late.name);
    longer(found, stage->wait.after.then_ms, stage->late.name);
}

static void rule_longest(longest *found, const snag_rule *rule)
{
    const snag_rule_params *params = &rule->params;
    longer(found, params->wait.after.ms, rule->signal.name);
    longer(found, params->wait.after.then_ms, rule->signal.name);
    longer(found, params->within_ms, rule->signal.name);
    if (params->each)
        longer(found, weeks_compared_ms, rule->signal.name);
}

/* How far back anything looks that this source may feed. */
static longest longest_of(const snag_pipeline *pipeline, const snag_source_spec *source)
{
    longest found = {source->remember_ms, {"", 0}};
    uint32_t shapes = pipeline->shape_count;
    for (uint32_t j = 0; j < pipeline->journey_count; j++)
        for (uint32_t s = 0; s < pipeline->journeys[j].stage_count; s++) {
            const snag_stage *stage = &pipeline->journeys[j].stages[s];
            stage_longest(&found, stage);
            for (uint32_t k = 0; stage->by_shape && k < shapes; k++)
                stage_longest(&found, &stage->by_shape[k]);
        }
    for (uint32_t r = 0; r < pipeline->rule_count; r++) {
        const snag_rule *rule = &pipeline->rules[r];
        rule_longest(&found, rule);
        for (uint32_t k = 0; rule->by_shape && k < shapes; k++)
            rule_longest(&found, &rule->by_shape[k]);
    }
    return found;
}

static void age_look(snag_audit *audit, const snag_kafka_topic *topic, const char *name,
                     const snag_source_spec *source)
{
    longest needs = longest_of(audit->pipeline, source);
    if (topic->retention_ms <= source->out_of_order_ms + source->delay_ms)
        snag_audit_finding(
            audit, SNAG_AUDIT_ONCE,
            "%s keeps records for %s, but out_of_order holds them back for %s: they could be "
            "deleted before they are judged; raise its retention.ms",
            name, snag_figure_duration(topic->retention_ms).text,
            snag_figure_duration(source->out_of_order_ms).text);
    else if (topic->retention_ms < needs.ms && needs.name.size)
        snag_audit_note(audit,
                        "%s keeps records for %s, and %.*s looks back for %s: the state knows what is "
                        "older, a "
                        "new --group could not read it again",
                        name, snag_figure_duration(topic->retention_ms).text, SNAG_FMT(needs.name),
                        snag_figure_duration(needs.ms).text);
    else if (topic->retention_ms < needs.ms)
        snag_audit_note(
            audit,
            "%s keeps records for %s, less than what is remembered (%s): a new --group cannot "
            "read everything again",
            name, snag_figure_duration(topic->retention_ms).text, snag_figure_duration(needs.ms).text);
}

static void events_look(snag_audit *audit, const snag_kafka_topic *topic, const char *name,
                        const snag_source_spec *source)
{
    if (is_compacted(topic))
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "the input %s is compacted (cleanup.policy=%s): of each key only the newest "
                           "record is "
                           "kept, so events can be gone before they are read; set cleanup.policy=delete, or "
                           "say "
                           "table: true where its records are rows",
                           name, topic->cleanup);
    if (topic->retention_ms >= 0 && strstr(topic->cleanup, "delete"))
        age_look(audit, topic, name, source);
    if (topic->retention_bytes >= 0 && strstr(topic->cleanup, "delete"))
        snag_audit_note(audit,
                        "%s also deletes by size "
                        "(retention.bytes=%" PRId64 " a partition): a worker that was "
                        "stopped for long may find records gone",
                        name, topic->retention_bytes);
}

void snag_audit_input_keeps(snag_audit *audit, const snag_kafka_topic *topic, uint32_t source)
{
    const snag_source_spec *spec = &audit->pipeline->sources[source];
    const char *name = audit->live->inputs[source];
    if (!*topic->cleanup)
        return;
    if (spec->table)
        table_look(audit, topic, name);
    else
        events_look(audit, topic, name, spec);
}

/* --- our own ------------------------------------------------------------------------------------ */

void snag_audit_changelog_keeps(snag_audit *audit, const snag_kafka_topic *topic)
{
    const char *name = audit->live->names[SNAG_TOPIC_CHANGELOG];
    if (!*topic->cleanup)
        return;
    if (strcmp(topic->cleanup, "compact") != 0)
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "%s must never forget state by age (cleanup.policy=%s): set "
                           "cleanup.policy=compact",
                           name, topic->cleanup);
    if (topic->delete_retention_ms < TOMBSTONES_LEAST_MS)
        snag_audit_finding(
            audit, SNAG_AUDIT_ONCE,
            "%s forgets deletions after %s: a slow takeover could bring back what is gone; "
            "set "
            "delete.retention.ms=86400000",
            name, snag_figure_duration(topic->delete_retention_ms).text);
    if (topic->replicas > 2 && topic->min_insync == 1)
        snag_audit_note(audit,
                        "%s has %" PRId32 " replicas, and a write counts when one of them has it "
                        "(min.insync.replicas=1): lose that one, and the state is older than the offsets; 2 "
                        "is "
                        "safer",
                        name, topic->replicas);
}

void snag_audit_lane_keeps(snag_audit *audit, const snag_kafka_topic *topic)
{
    if (is_compacted(topic))
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "the internal topic %.*s is compacted (cleanup.policy=%s): it would lose records; "
                           "set cleanup.policy=delete",
                           SNAG_FMT(topic->name), topic->cleanup);
    else if (*topic->cleanup && lets_go(topic))
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "the internal topic %.*s deletes records %s, read or not: what workers that are "
                           "stopped for longer have not read is lost; set retention.ms=-1 and "
                           "retention.bytes=-1",
                           SNAG_FMT(topic->name), limits_of(topic).text);
}

void snag_audit_leader_look(snag_audit *audit, const snag_kafka_topic *topic)
{
    if (topic->unclean)
        snag_audit_finding(audit, SNAG_AUDIT_UNCLEAN,
                           "%.*s lets a replica that is behind become its leader "
                           "(unclean.leader.election.enable=true): what was committed could be lost; set it "
                           "to "
                           "false",
                           SNAG_FMT(topic->name));
}

void snag_audit_offsets_keep(snag_audit *audit, int64_t minutes)
{
    if (minutes >= 0 && minutes < OFFSETS_LEAST_MIN)
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "the brokers forget a group's offsets %s after its last worker stopped "
                           "(offsets.retention.minutes=%" PRId64
                           "): a longer stop would cost the state its place; raise it to %d at least",
                           snag_figure_duration(minutes * 60000).text, minutes, OFFSETS_LEAST_MIN);
}
