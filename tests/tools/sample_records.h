/* SPDX-License-Identifier: Apache-2.0
 *
 * One output record of each kind with every field set, and one with as little set as there can be: for the
 * unit test of the encoders and for the comparison with other people's libraries.
 */
#ifndef SNAG_TESTS_SAMPLE_RECORDS_H
#define SNAG_TESTS_SAMPLE_RECORDS_H

#include "codec/codec.h"

enum { SAMPLE_COUNT = 6 }; /* alert, change, decision: full, then bare */

static const int64_t sample_ms = INT64_C(1795143281000); /* 2026-11-20T02:54:41.000Z */

static const snag_evidence sample_evidence[] = {
    {.time_ms = 1795142920000,
     .position = {.offset = 81101, .partition = 4, .source = 0},
     .id = {.data = "pay-877", .size = 7},
     .type = {.data = "Payment Failed", .size = 14}},
    {.time_ms = 1795143281000,
     .position = {.offset = INT64_C(9007199254740993), .partition = 4, .source = 1},
     .id = {.data = "\"quoted\"\n", .size = 9},
     .type = {.data = "Zahlung f\xC3\xBCr K\xC3\xB6ln", .size = 18}},
};
static const snag_str sample_alerts[] = {{.data = "shop/declined/c-48213/o-7731", .size = 28},
                                         {.data = "b", .size = 1}};
static const snag_str sample_tags[] = {{.data = "payments", .size = 8}, {.data = "tier \"1\"", .size = 8}};
static const snag_contribution sample_contributions[] = {{{.data = "declined", .size = 8}, 0.25},
                                                         {{.data = "rage", .size = 4}, 0.15}};
static const snag_str sample_topics[] = {{.data = "payments", .size = 8}, {.data = NULL, .size = 0}};

static inline snag_encode_context sample_context(bool full)
{
    static const uint8_t config[32] = {0x5b, 0xe1, 0xff, 0x00, 0x7f};
    snag_encode_context context = {.pipeline = SNAG_STR("shop & care"),
                                   .version = 12,
                                   .config = config,
                                   .detected_at_ms = SNAG_TIME_NONE};
    if (full) {
        context.topics = sample_topics;
        context.topic_count = 2;
        context.detected_at_ms = sample_ms + 18;
    }
    return context;
}

static inline void sample_alert_full(snag_alert *alert)
{
    *alert = (snag_alert){
        .episode = {0x9f, 0x2c, 0x51, 0xd0, 0xe7, 0xaa, 0x4b, 0x1c, 0, 1, 2, 3, 4, 5, 6, 7},
        .seq = 2,
        .time_ms = sample_ms,
        .action = SNAG_ACTION_RESOLVE,
        .severity = SNAG_SEVERITY_ERROR,
        .shadow = true,
        .customer = SNAG_STR("c-48213"),
        .key = SNAG_STR("a-77"),
        .account = SNAG_STR("a-77"),
        .channel = SNAG_STR("phone"),
        .shape = SNAG_STR("needs_approval"),
        .headline = SNAG_STR("Card declined 3 times in 6 min, \"order\" o-7731 still open \xF0\x9F\x98\x80"),
        .owner = SNAG_STR("payments-duty"),
        .playbook = SNAG_STR("offer-invoice"),
        .tags = sample_tags,
        .tag_count = 2,
        .respond_by_ms = sample_ms + 900000,
        .journey = SNAG_STR("order"),
        .instance = SNAG_STR("o-7731"),
        .stage = SNAG_STR("checkout"),
        .since_ms = sample_ms - 812000,
        .rule = SNAG_STR("declined"),
        .test = SNAG_STR("count"),
        .observed = 3,
        .threshold = 3,
        .within_ms = 1800000,
        .clears_when = SNAG_STR("Order Completed"),
        .deadline_ms = sample_ms - 1,
        .basis = SNAG_BASIS_BUSINESS,
        .calendar = SNAG_STR("de"),
        .zone = SNAG_STR("Europe/Berlin"),
        .season = SNAG_STR("peak"),
        .overdue_by_ms = 90061001,
        .reason = SNAG_REASON_LATE_EVIDENCE,
        .lasted_ms = 361000,
        .total = 5,
        .first_ms = sample_ms - 361000,
        .last_ms = sample_ms,
        .attempts = 12,
        .contributions = sample_contributions,
        .contribution_count = 2,
        .level = 2,
        .first_deadline_ms = sample_ms - 86400000,
        .waits_on = SNAG_STR("us"),
        .value = 0.4,
        .limit = 0.3,
        .quantile = 0.95,
        .learned_from = 212,
        .usual = 7.5,
        .dedup_key = sample_alerts[0],
        .evidence = sample_evidence,
        .evidence_count = 2,
        .evidence_total = 300,
    };
}

static inline void sample_alert_bare(snag_alert *alert)
{
    *alert = (snag_alert){.seq = 1,
                          .time_ms = -1, /* the last millisecond of 1969 */
                          .key = SNAG_STR("k"),
                          .respond_by_ms = SNAG_NEVER,
                          .since_ms = SNAG_TIME_NONE,
                          .observed = -1,
                          .threshold = -1,
                          .within_ms = -1,
                          .deadline_ms = SNAG_TIME_NONE,
                          .overdue_by_ms = -1,
                          .lasted_ms = -1,
                          .total = -1,
                          .first_ms = SNAG_TIME_NONE,
                          .last_ms = SNAG_TIME_NONE,
                          .attempts = -1,
                          .level = -1,
                          .first_deadline_ms = SNAG_TIME_NONE,
                          .value = -1,
                          .limit = -1,
                          .quantile = -1,
                          .learned_from = -1,
                          .usual = -1};
}

static inline void sample_change_full(snag_change *change)
{
    *change = (snag_change){.move = SNAG_MOVE_ENDED,
                            .effective_ms = sample_ms,
                            .customer = SNAG_STR("c-48213"),
                            .key = SNAG_STR("c-48213"),
                            .account = SNAG_STR("a-77"),
                            .channel = SNAG_STR("phone"),
                            .shape = SNAG_STR("needs_approval"),
                            .journey = SNAG_STR("call"),
                            .instance = SNAG_STR("AA0102/30075"),
                            .walk = {0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                            .seq = 3,
                            .from = SNAG_STR("queued"),
                            .to = SNAG_STR("abandoned"),
                            .milestone = SNAG_STR("first_value"),
                            .corrects = 2,
                            .cause = SNAG_CAUSE_EVENT,
                            .dwell_ms = 61000,
                            .outcome = SNAG_STR("abandoned"),
                            .scored = true,
                            .score = 7.5,
                            .evidence = sample_evidence,
                            .evidence_count = 2,
                            .open_alerts = sample_alerts,
                            .open_alert_count = 2};
}

static inline void sample_decision_full(snag_decision *decision)
{
    *decision = (snag_decision){.episode = {1, 2, 3},
                                .seq = 7,
                                .action = SNAG_ACTION_TRIGGER,
                                .decision = SNAG_DECISION_HELD,
                                .reason = SNAG_HOLD_QUIET_HOURS,
                                .at_ms = sample_ms,
                                .until_ms = sample_ms + 3600000,
                                .customer = SNAG_STR("c-48213"),
                                .key = SNAG_STR("c-48213"),
                                .rule = SNAG_STR("declined"),
                                .by = SNAG_STR("night")};
}

/* i < SAMPLE_COUNT; the even ones are full. */
static inline void sample_record(snag_record *record, int i)
{
    memset(record, 0, sizeof *record);
    bool full = i % 2 == 0;
    record->kind = (snag_record_kind)(i / 2);
    switch (record->kind) {
    case SNAG_RECORD_ALERT:
        if (full)
            sample_alert_full(&record->as.alert);
        else
            sample_alert_bare(&record->as.alert);
        return;
    case SNAG_RECORD_CHANGE:
        if (full)
            sample_change_full(&record->as.change);
        else
            record->as.change = (snag_change){.seq = 1, .dwell_ms = -1};
        return;
    default:
        if (full)
            sample_decision_full(&record->as.decision);
        else
            record->as.decision = (snag_decision){.seq = 1, .until_ms = SNAG_NEVER};
        return;
    }
}

#endif
