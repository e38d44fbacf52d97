/* SPDX-License-Identifier: Apache-2.0
 *
 * Three witnesses of one state: the group's offset with its words (n, incarnation), the newest head
 * in the changelog, and the input's log. They are read while workers may be committing, so a head
 * counts as fitting if the offsets read before and after it enclose its n.
 *
 *     offset n=41  ->  head n=42  ->  offset n=43        fits
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "cli/audit.h"

enum { NEAR_RECORDS = 20000, TRIES = 4, REST_MS = 300, HEAD_ROOM = 1 << 20 };

typedef struct seen {
    snag_head head;
    bool present;
    bool foreign; /* a head that this program cannot read */
    bool any;     /* a record at all */
    char *bytes;  /* HEAD_ROOM, the newest head's */
    size_t size;
} seen;

static bool on_record(void *context, const snag_raw *record)
{
    seen *found = context;
    found->any = true;
    bool head = record->key.size == 1 && record->key.data[0] == SNAG_HEAD_KEY;
    if (!head || record->value.size == 0 || record->value.size > HEAD_ROOM)
        return true;
    memcpy(found->bytes, record->value.data, record->value.size);
    found->size = record->value.size;
    found->present = true;
    return true;
}

/* The newest head lies near the end: every commit ends with one. */
static snag_err head_find(snag_audit *audit, uint32_t partition, seen *found, snag_diag *diag)
{
    const char *changelog = audit->live->names[SNAG_TOPIC_CHANGELOG];
    int64_t first, end;
    found->present = found->foreign = found->any = false;
    snag_err err = snag_kafka_look_range(audit->look, changelog, partition, &first, &end, diag);
    int64_t from = end - NEAR_RECORDS > first ? end - NEAR_RECORDS : first;
    if (err == SNAG_OK && end > first)
        err = snag_kafka_look_read(audit->look, changelog, partition, from, on_record, found, diag);
    if (err == SNAG_OK && !found->present && from > first)
        err =
            snag_kafka_look_read(audit->look, changelog, partition, first, on_record, found, diag);
    if (err == SNAG_OK && found->present)
        found->foreign =
            snag_head_read(&found->head, snag_str_of(found->bytes, found->size), NULL) != SNAG_OK;
    return err;
}

static void head_check(snag_audit *audit, uint32_t partition, const seen *found)
{
    const snag_pipeline *pipeline = audit->pipeline;
    const snag_head *head = &found->head;
    if (head->partitions != audit->partitions)
        snag_audit_finding(
            audit, SNAG_AUDIT_HEAD,
            "partition %" PRIu32 ": the stored state was made with %" PRIu32 " partitions "
            "of the "
            "input, now it has %" PRIu32 ": customers have moved between partitions; begin "
            "a new "
            "--group, which reads the topic anew",
            partition, head->partitions, audit->partitions);
    if (head->pipeline > pipeline->version)
        snag_audit_finding(audit, SNAG_AUDIT_HEAD,
                           "partition %" PRIu32 " was last run with version %" PRIu32
                           " of this pipeline, "
                           "this "
                           "file is version %" PRIu32 ": use the newer file",
                           partition, head->pipeline, pipeline->version);
    if (head->pipeline == pipeline->version && memcmp(head->config, pipeline->config, 32) != 0)
        snag_audit_finding(audit, SNAG_AUDIT_HEAD,
                           "the pipeline was changed, but its version is still %" PRIu32
                           ": write `version: "
                           "%" PRIu32 "`",
                           head->pipeline, head->pipeline + 1);
}

/* Whether the three readings enclose each other; the words were read. */
static bool fits(const seen *found, const uint8_t incarnation[16], int64_t before, int64_t after)
{
    return found->present && !found->foreign &&
           memcmp(found->head.incarnation, incarnation, 16) == 0 && found->head.n >= before &&
           found->head.n <= after;
}

static void disagreement_tell(snag_audit *audit, uint32_t partition, const seen *found, int64_t n)
{
    const char *changelog = audit->live->names[SNAG_TOPIC_CHANGELOG];
    if (found->foreign)
        snag_audit_finding(audit, SNAG_AUDIT_DISAGREE,
                           "partition %" PRIu32
                           ": this program cannot read the state in %s: it was "
                           "written by a "
                           "newer snag; use that one",
                           partition, changelog);
    else if (!found->present)
        snag_audit_finding(audit, SNAG_AUDIT_NO_HEAD,
                           "partition %" PRIu32
                           ": group %s has offsets, but %s holds no state for them: "
                           "it was "
                           "deleted or cut; begin a new --group, which reads the topic anew",
                           partition, audit->live->group, changelog);
    else
        snag_audit_finding(
            audit, SNAG_AUDIT_DISAGREE,
            "partition %" PRIu32 ": the offsets name commit %" PRId64 ", %s ends with commit "
            "%" PRId64 "%s: one of them was deleted or reset; begin a new --group, which "
            "reads "
            "the topic anew",
            partition, n, changelog, found->head.n, found->head.n == n ? " of another start" : "");
}

static void rest(void)
{
    const struct timespec pause = {REST_MS / 1000, REST_MS % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static snag_err witnesses(snag_audit *audit, snag_place *place, seen *found, snag_diag *diag)
{
    int64_t before = 0, after = 0;
    uint8_t incarnation[16];
    snag_err err = SNAG_OK;
    for (int tries = 0; tries < TRIES && err == SNAG_OK; tries++) {
        snag_place later = {.partition = place->partition};
        if (tries)
            rest();
        snag_head_words_read(place->text, &before, incarnation);
        err = head_find(audit, place->partition, found, diag);
        if (err == SNAG_OK)
            err = snag_kafka_look_places(audit->look, audit->streams[0], &later, 1, diag);
        if (err != SNAG_OK)
            return err;
        if (!snag_head_words_read(later.text, &after, incarnation))
            break;
        if (fits(found, incarnation, before, after)) {
            head_check(audit, place->partition, found);
            return SNAG_OK;
        }
        *place = later;
    }
    disagreement_tell(audit, place->partition, found, after);
    return err;
}

static snag_err range_check(snag_audit *audit, const snag_place *place, uint32_t source, snag_diag *diag)
{
    int64_t first, end;
    snag_err err = snag_kafka_look_range(audit->look, audit->streams[source], place->partition, &first,
                                         &end, diag);
    if (err == SNAG_OK && (place->offset < first || place->offset > end))
        snag_audit_finding(
            audit, SNAG_AUDIT_RANGE,
            "partition %" PRIu32 ": the next record to read is %" PRId64 ", but the input "
            "holds "
            "%" PRId64 " to %" PRId64 ": records were deleted before they were read, or "
            "the topic "
            "was made anew; begin a new --group",
            place->partition, place->offset, first, end);
    return err;
}

static snag_err partition_look(snag_audit *audit, snag_place *place, seen *found, snag_diag *diag)
{
    uint8_t incarnation[16];
    int64_t n;
    if (place->offset >= 0 && !snag_head_words_read(place->text, &n, incarnation)) {
        snag_audit_finding(audit, SNAG_AUDIT_WORDS,
                           "partition %" PRIu32
                           ": the offsets of group %s were not written by snag, or were "
                           "reset by hand: the state does not fit them; begin a new --group",
                           place->partition, audit->live->group);
        return SNAG_OK;
    }
    if (place->offset >= 0) {
        snag_err err = range_check(audit, place, 0, diag);
        return err == SNAG_OK && audit->changelog ? witnesses(audit, place, found, diag) : err;
    }
    snag_err err = audit->changelog ? head_find(audit, place->partition, found, diag) : SNAG_OK;
    if (err == SNAG_OK && audit->changelog && found->present)
        snag_audit_finding(
            audit, SNAG_AUDIT_NO_OFFSETS,
            "partition %" PRIu32 ": %s holds state, but group %s has no offsets: they were "
            "deleted "
            "(offsets.retention.minutes), or the state belongs to another group; give the "
            "right "
            "--group, or delete the changelog to begin anew",
            place->partition, audit->live->names[SNAG_TOPIC_CHANGELOG], audit->live->group);
    return err;
}

static const snag_kafka_topic *stream_topic(const snag_audit *audit, uint32_t stream)
{
    const snag_live *live = audit->live;
    uint32_t at = SNAG_TOPIC_COUNT;
    while (at + 1 < live->topic_count &&
           !snag_str_equal(live->topics[at].name, snag_str_from(audit->streams[stream])))
        at++;
    return &live->topics[at];
}

/* The first source's offsets bear witness for all; the others' must at least be there to be read. */
static snag_err others_look(snag_audit *audit, uint32_t source, snag_place *places, snag_diag *diag)
{
    const snag_kafka_topic *topic = stream_topic(audit, source);
    uint32_t count = audit->partitions;
    if (topic->partitions >= 0 && (uint32_t)topic->partitions < count)
        count = (uint32_t)topic->partitions;
    for (uint32_t i = 0; i < count; i++)
        places[i] = (snag_place){.partition = i, .offset = -1};
    if (topic->partitions <= 0)
        return SNAG_OK;
    snag_err err = snag_kafka_look_places(audit->look, audit->streams[source], places, count, diag);
    for (uint32_t i = 0; i < count && err == SNAG_OK; i++)
        if (places[i].offset >= 0)
            err = range_check(audit, &places[i], source, diag);
    return err;
}

/* What may not be looked at is a finding, too, and the rest of this part is left out. */
static snag_err forgive(snag_audit *audit, snag_err err, const snag_diag *diag)
{
    if (err != SNAG_REFUSED)
        return err;
    snag_audit_finding(audit, SNAG_AUDIT_ONCE, "%s", diag->text);
    return SNAG_OK;
}

snag_err snag_audit_state(snag_audit *audit, snag_diag *diag)
{
    size_t begun = 0;
    seen found = {.bytes = malloc(HEAD_ROOM)};
    snag_place *places = calloc(audit->partitions, sizeof *places);
    snag_audit_heading(audit, "state");
    if (!places || !found.bytes) {
        free(places);
        free(found.bytes);
        return snag_fail(diag, SNAG_MEMORY, "out of memory");
    }
    for (uint32_t i = 0; i < audit->partitions; i++)
        places[i] = (snag_place){.partition = i, .offset = -1};
    snag_err err = SNAG_OK;
    if (stream_topic(audit, 0)->partitions > 0)
        err = snag_kafka_look_places(audit->look, audit->streams[0], places, audit->partitions, diag);
    for (uint32_t i = 0; i < audit->partitions && err == SNAG_OK; i++) {
        begun += places[i].offset >= 0;
        err = partition_look(audit, &places[i], &found, diag);
    }
    for (uint32_t s = 1; s < audit->stream_count && err == SNAG_OK; s++)
        err = others_look(audit, s, places, diag);
    if (err == SNAG_OK && begun == 0)
        snag_audit_note(audit, "group %s has read nothing yet", audit->live->group);
    else if (err == SNAG_OK)
        snag_audit_note(audit, "group %s: %zu of %" PRIu32 " partitions begun", audit->live->group,
                        begun, audit->partitions);
    free(places);
    free(found.bytes);
    return forgive(audit, err, diag);
}
