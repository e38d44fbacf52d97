/* SPDX-License-Identifier: Apache-2.0
 *
 * The report, and what can be seen without reading records: brokers, topics, the group, rights.
 */
#include "cli/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/time.h"
#include "cli/figure.h"
#include "cli/terminal.h"

enum {
    SHOWN_MAX = 3,
    MEMBERS_MAX = 64,
    RECORD_BYTES =
        1000000, /* what a producer may send at once: its message.max.bytes and batch.size */
    SESSION_MS = 10000,
    TRANSACTION_MS = 10000
};

/* --- the report --------------------------------------------------------------------------------
 */

void snag_audit_heading(const snag_audit *audit, const char *text)
{
    fprintf(audit->file, "\n%s%s%s\n", snag_style_code(audit->colour, SNAG_STYLE_BOLD), text,
            snag_style_code(audit->colour, SNAG_STYLE_PLAIN));
}

void snag_audit_note(const snag_audit *audit, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("  ", audit->file);
    vfprintf(audit->file, format, args);
    fputc('\n', audit->file);
    va_end(args);
}

void snag_audit_finding(snag_audit *audit, snag_audit_kind kind, const char *format, ...)
{
    va_list args;
    audit->findings++;
    if (++audit->shown[kind] > SHOWN_MAX && kind != SNAG_AUDIT_ONCE)
        return;
    va_start(args, format);
    fprintf(audit->file, "  %sfinding:%s ", snag_style_code(audit->colour, SNAG_STYLE_YELLOW),
            snag_style_code(audit->colour, SNAG_STYLE_PLAIN));
    vfprintf(audit->file, format, args);
    fputc('\n', audit->file);
    va_end(args);
}

static void more_tell(const snag_audit *audit)
{
    for (int kind = SNAG_AUDIT_ONCE + 1; kind < SNAG_AUDIT_KINDS; kind++)
        if (audit->shown[kind] > SHOWN_MAX)
            snag_audit_note(audit, "… and %" PRIu32 " more like it",
                            audit->shown[kind] - SHOWN_MAX);
}

/* --- brokers -----------------------------------------------------------------------------------
 */

static int64_t session_ms(const snag_audit *audit)
{
    const snag_pipeline *pipeline = audit->pipeline;
    for (uint32_t i = 0; i < pipeline->kafka_count; i++)
        if (snag_str_equal(pipeline->kafka[i].name, SNAG_STR("session.timeout.ms")))
            return strtoll(pipeline->kafka[i].value.data, NULL, 10);
    return SESSION_MS;
}

static void brokers_look(snag_audit *audit)
{
    snag_kafka_bounds bounds;
    snag_diag why = {.text = ""};
    int64_t session = session_ms(audit);
    snag_audit_heading(audit, "brokers");
    snag_audit_note(audit, "%s, Kafka 2.5 or newer", audit->live->brokers);
    if (snag_kafka_look_bounds(audit->live->kafka, &bounds, &why) != SNAG_OK) {
        snag_audit_note(audit, "their settings may not be asked (%s)", why.text);
        return;
    }
    if (bounds.transaction_max_timeout_ms >= 0 &&
        bounds.transaction_max_timeout_ms < TRANSACTION_MS)
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "transaction.max.timeout.ms is %" PRId64 ": raise it to %d at least",
                           bounds.transaction_max_timeout_ms, TRANSACTION_MS);
    if (bounds.session_min_ms > session ||
        (bounds.session_max_ms >= 0 && bounds.session_max_ms < session))
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "session.timeout.ms %" PRId64
                           " lies outside what the brokers take (%" PRId64 " to %" PRId64
                           "): set another one in the kafka: section",
                           session, bounds.session_min_ms, bounds.session_max_ms);
    snag_audit_offsets_keep(audit, bounds.offsets_minutes);
}

/* --- topics ------------------------------------------------------------------------------------
 */

static void topic_settings(snag_audit *audit, const snag_kafka_topic *topic, int at)
{
    const char *name = snag_live_name(audit->live, (uint32_t)at);
    if (topic->min_insync > topic->replicas && at < SNAG_TOPIC_COUNT)
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "%s has %" PRId32 " replicas, but wants %" PRId32
                           " of them in step for every "
                           "write: "
                           "lower min.insync.replicas, or give it more replicas",
                           name, topic->replicas, topic->min_insync);
    if (topic->max_message_bytes > 0 && topic->max_message_bytes < RECORD_BYTES &&
        at < SNAG_TOPIC_COUNT)
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "%s takes %" PRId64 " bytes at once, snag may write %d: raise its "
                           "max.message.bytes",
                           name, topic->max_message_bytes, RECORD_BYTES);
    if (at < SNAG_TOPIC_COUNT && !snag_topic_compact((snag_topic)at) &&
        strstr(topic->cleanup, "compact"))
        snag_audit_finding(
            audit, SNAG_AUDIT_ONCE,
            "%s is compacted (cleanup.policy=%s): of each customer only the newest record "
            "would "
            "stay; set cleanup.policy=delete",
            name, topic->cleanup);
    if (at < SNAG_TOPIC_COUNT && (uint32_t)topic->partitions != audit->partitions &&
        audit->partitions && at != SNAG_TOPIC_CHANGELOG)
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "%s has %" PRId32 " partitions, the input %" PRIu32
                           ": make it anew with as "
                           "many, so "
                           "that a customer's records lie in the same partition everywhere",
                           name, topic->partitions, audit->partitions);
}

static void changelog_look(snag_audit *audit, const snag_kafka_topic *topic)
{
    const char *name = audit->live->names[SNAG_TOPIC_CHANGELOG];
    if (audit->partitions && (uint32_t)topic->partitions != audit->partitions)
        snag_audit_finding(
            audit, SNAG_AUDIT_ONCE,
            "%s has %" PRId32 " partitions, the input %" PRIu32 ": they must be as many; "
            "delete it, "
            "make it anew with `snag topics PIPELINE --create` and begin a new --group",
            name, topic->partitions, audit->partitions);
    else
        audit->changelog = audit->partitions > 0;
    snag_audit_changelog_keeps(audit, topic);
}

/* Customers meet in one partition only where all inputs have as many. */
static void counts_look(snag_audit *audit, const snag_kafka_topic *topic, uint32_t i)
{
    if (!audit->pipeline->sources[i].rekey && audit->partitions &&
        (uint32_t)topic->partitions != audit->partitions)
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "the input %s has %" PRId32 " partitions, the input %s %" PRIu32
                           ": all of a pipeline's must have as many, so that a customer's events meet in one",
                           audit->live->inputs[i], topic->partitions, audit->live->inputs[0],
                           audit->partitions);
}

static void lane_look(snag_audit *audit, const snag_kafka_topic *topic)
{
    if (audit->partitions && (uint32_t)topic->partitions != audit->partitions)
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "the internal topic %.*s has %" PRId32 " partitions, the state %" PRIu32
                           ": they must be as many; delete it and the changelog, make them anew with `snag "
                           "topics PIPELINE --create` and begin a new --group",
                           SNAG_FMT(topic->name), topic->partitions, audit->partitions);
    snag_audit_lane_keeps(audit, topic);
}

static void topic_absent(snag_audit *audit, const char *name, int at, snag_err err,
                         const snag_diag *why)
{
    if (err == SNAG_REFUSED)
        snag_audit_finding(audit, SNAG_AUDIT_ONCE, "%s", why->text);
    else if (snag_live_is_input(audit->live, (uint32_t)at))
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "the input topic %s does not exist: make it, or correct `topic:` in the "
                           "pipeline",
                           name);
    else
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "%s is missing: `snag topics PIPELINE --create` makes it", name);
}

static snag_err topic_look(snag_audit *audit, int at, snag_diag *diag)
{
    const snag_kafka_topic *topic = &audit->live->topics[at];
    const char *name = snag_live_name(audit->live, (uint32_t)at);
    snag_diag why = {.text = ""};
    snag_err err = snag_kafka_look_topic(audit->look, name, &why);
    if (err == SNAG_BROKER)
        return snag_fail(diag, err, "%s", why.text);
    if (err != SNAG_OK || topic->partitions <= 0) {
        topic_absent(audit, name, at, err, &why);
        return SNAG_OK;
    }
    if (!*topic->cleanup)
        snag_audit_note(audit, "the settings of %s may not be asked (right DescribeConfigs)", name);
    if (snag_live_is_input(audit->live, (uint32_t)at)) {
        counts_look(audit, topic, (uint32_t)at - SNAG_TOPIC_COUNT);
        snag_audit_input_keeps(audit, topic, (uint32_t)at - SNAG_TOPIC_COUNT);
    }
    if (snag_live_is_lane(audit->live, (uint32_t)at))
        lane_look(audit, topic);
    if (at == SNAG_TOPIC_CHANGELOG)
        changelog_look(audit, topic);
    topic_settings(audit, topic, at);
    snag_audit_leader_look(audit, topic);
    return SNAG_OK;
}

static snag_err topics_look(snag_audit *audit, snag_diag *diag)
{
    snag_audit_heading(audit, "topics");
    snag_err err = SNAG_OK;
    bool all = true;
    for (uint32_t i = 0; i < audit->live->input_count; i++)
        all = all && audit->live->topics[SNAG_TOPIC_COUNT + i].partitions > 0;
    audit->partitions = all ? audit->live->partitions : 0;
    audit->stream_count = snag_live_streams(audit->live, audit->streams);
    for (uint32_t i = 0; i < audit->live->input_count && err == SNAG_OK; i++) {
        int32_t count = audit->live->topics[SNAG_TOPIC_COUNT + i].partitions;
        err = topic_look(audit, (int)(SNAG_TOPIC_COUNT + i), diag);
        if (count > 0)
            snag_audit_note(audit, "%s: %" PRId32 " partition%s", audit->live->inputs[i], count,
                            count == 1 ? "" : "s");
    }
    for (int i = 0; i < SNAG_TOPIC_COUNT && err == SNAG_OK; i++)
        err = topic_look(audit, i, diag);
    for (uint32_t i = 0; i < audit->live->lane_count && err == SNAG_OK; i++)
        err = topic_look(audit, (int)(SNAG_TOPIC_COUNT + audit->live->input_count + i), diag);
    return err;
}

/* --- the group ---------------------------------------------------------------------------------
 */

/* INSTANCE-0, INSTANCE-1 … */
static bool is_worker_of(const snag_kafka_member *member, const char *instance)
{
    size_t size = strlen(instance);
    return strncmp(member->instance, instance, size) == 0 && member->instance[size] == '-' &&
           member->instance[size + 1] != '\0' &&
           strspn(member->instance + size + 1, "0123456789") == strlen(member->instance + size + 1);
}

static void member_look(snag_audit *audit, const snag_kafka_member *member)
{
    if (*member->instance == '\0')
        snag_audit_finding(
            audit, SNAG_AUDIT_ONCE,
            "another program reads in the group %s (client %s at %s): it takes partitions "
            "away; "
            "give snag a --group of its own",
            audit->live->group, member->client, member->host);
    else if (audit->instance && is_worker_of(member, audit->instance))
        snag_audit_finding(
            audit, SNAG_AUDIT_ONCE,
            "%s is running already (at %s): two processes with one --instance take turns in "
            "fencing each other; give each its own",
            member->instance, member->host);
    else
        snag_audit_note(audit, "worker %s at %s", member->instance, member->host);
}

static void group_look(snag_audit *audit)
{
    snag_kafka_member members[MEMBERS_MAX];
    snag_diag why = {.text = ""};
    snag_audit_heading(audit, "group");
    snag_err err = snag_kafka_look_members(audit->live->kafka, audit->live->group, members,
                                           MEMBERS_MAX, &audit->members, &why);
    if (err != SNAG_OK) {
        audit->barred = err == SNAG_REFUSED;
        if (audit->barred)
            snag_audit_finding(audit, SNAG_AUDIT_ONCE, "%s", why.text);
        else
            snag_audit_note(audit, "its members cannot be asked for: %s", why.text);
        return;
    }
    if (audit->members == 0)
        snag_audit_note(audit, "%s: nobody is running", audit->live->group);
    for (size_t i = 0; i < audit->members && i < MEMBERS_MAX; i++)
        member_look(audit, &members[i]);
}

/* --- rights to write ---------------------------------------------------------------------------
 */

static void rights_look(snag_audit *audit)
{
    const char *names[SNAG_KAFKA_OUTPUTS_MAX];
    char id[SNAG_LIVE_NAME_MAX * 2];
    size_t count = 0;
    snag_diag why = {.text = ""};
    snag_place place = {.partition = 0, .offset = -1};
    for (int i = 0; i < SNAG_TOPIC_COUNT; i++)
        if (audit->live->topics[i].partitions > 0)
            names[count++] = audit->live->names[i];
    for (uint32_t i = 0; i < audit->live->lane_count; i++)
        if (audit->live->topics[SNAG_TOPIC_COUNT + audit->live->input_count + i].partitions > 0)
            names[count++] = audit->live->lanes[i];
        else
            return; /* a finding already, and what the offset would be of */
    if (!audit->partitions || count == 0 || audit->barred)
        return;
    snag_audit_heading(audit, "rights");
    snprintf(id, sizeof id, "%s-%s-check", audit->live->group,
             audit->instance ? audit->instance : "snag");
    if (snag_kafka_look_places(audit->look, audit->streams[0], &place, 1, &why) == SNAG_REFUSED) {
        snag_audit_finding(audit, SNAG_AUDIT_ONCE, "%s", why.text);
        return;
    }
    snag_err err =
        snag_kafka_look_try(audit->look, id, audit->streams[0], &place, names, count, &why);
    if (err == SNAG_OK)
        snag_audit_note(
            audit, "a transaction with all outputs and an offset was accepted, and taken back");
    else
        snag_audit_finding(audit, SNAG_AUDIT_ONCE, "%s (tried as the transactional id %s)",
                           why.text, id);
}

/* --- all of it ---------------------------------------------------------------------------------
 */

/* Whether the lanes belong to the offsets of the first hop. */
static snag_err lanes_look(snag_audit *audit, snag_diag *diag)
{
    snag_diag why = {.text = ""};
    bool all = true;
    for (uint32_t i = 0; i < audit->live->lane_count; i++)
        all = all && audit->live->topics[SNAG_TOPIC_COUNT + audit->live->input_count + i].partitions ==
                         (int32_t)audit->partitions;
    snag_err err = all ? snag_live_lanes_check(audit->live, &why) : SNAG_OK;
    if (err != SNAG_STATE && err != SNAG_REFUSED) {
        if (err != SNAG_OK)
            *diag = why;
        return err;
    }
    snag_audit_finding(audit, SNAG_AUDIT_ONCE, "%s", why.text);
    return SNAG_OK;
}

snag_err snag_audit_run(snag_audit *audit, snag_diag *diag)
{
    snag_err err = snag_kafka_look_new(&audit->look, audit->live->kafka, audit->live->group, diag);
    if (err != SNAG_OK)
        return err;
    brokers_look(audit);
    err = topics_look(audit, diag);
    if (err == SNAG_OK)
        group_look(audit);
    if (err == SNAG_OK && audit->partitions && !audit->barred)
        err = lanes_look(audit, diag);
    if (err == SNAG_OK && audit->partitions && !audit->barred)
        err = snag_audit_state(audit, diag);
    if (err == SNAG_OK && audit->live->topics[SNAG_TOPIC_COUNT].partitions > 0)
        err = snag_audit_sample(audit, diag);
    if (err == SNAG_OK)
        rights_look(audit);
    more_tell(audit);
    snag_kafka_look_free(audit->look);
    return err;
}
