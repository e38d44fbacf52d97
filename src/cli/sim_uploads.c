/* SPDX-License-Identifier: Apache-2.0
 *
 * A web application that lives from its customers' files: a project is created, a file uploaded, a report
 * viewed. Friction: uploads that fail again and again, uploads that hang, projects that get no file.
 */
#include "cli/sim.h"

typedef struct project {
    snag_sim *sim;
    size_t who;
    int64_t id;
    int64_t created_ms;
} project;

static snag_sim_entry *say(const project *one, int64_t time_ms, const char *type, int64_t upload)
{
    snag_sim_entry *entry = snag_sim_event(one->sim, one->who, time_ms, type);
    snag_sim_prop_add(entry, "project", "p-", one->id);
    if (upload >= 0) {
        snag_sim_prop_add(entry, "upload", "u-", upload);
        snag_sim_prop_add(entry, "megabytes", NULL, snag_sim_between(one->sim, 1, 900));
    }
    return entry;
}

/* One try that ends `type` within ten minutes; returns when. */
static int64_t try_once(const project *one, int64_t time_ms, const char *type, snag_sim_entry **last)
{
    int64_t upload = snag_sim_fresh(one->sim);
    int64_t end_ms = time_ms + snag_sim_between(one->sim, 2000, 120000);
    say(one, time_ms, "Upload Started", upload);
    *last = say(one, end_ms, type, upload);
    return end_ms;
}

/* A file gets in, after one or two failures at most, and is looked at. */
static int64_t succeed(const project *one, int64_t time_ms, int64_t failures)
{
    snag_sim_entry *last;
    for (int64_t i = 0; i < failures; i++) {
        time_ms = try_once(one, time_ms, "Upload Failed", &last);
        time_ms += snag_sim_between(one->sim, 5000, 60000);
    }
    time_ms = try_once(one, time_ms, "Upload Finished", &last);
    time_ms += snag_sim_between(one->sim, 10000, 1800000);
    say(one, time_ms, "Report Viewed", -1);
    return time_ms;
}

/* Three to five failures in a row; then it works, or the customer has had enough. */
static void fail(const project *one, int64_t time_ms)
{
    int64_t failures = snag_sim_between(one->sim, 3, 5);
    for (int64_t i = 1; i <= failures; i++) {
        snag_sim_entry *last;
        int64_t end_ms = try_once(one, time_ms, "Upload Failed", &last);
        if (i == 3)
            snag_sim_label_add(last, "uploads fail", "uploads_failing");
        time_ms = end_ms + snag_sim_between(one->sim, 5000, 120000);
    }
    if (snag_sim_percent(one->sim, 50)) {
        time_ms = succeed(one, time_ms, 0);
        snag_sim_busy(one->sim, one->who, time_ms);
        return;
    }
    snag_sim_silence(one->sim, one->who, one->created_ms + SNAG_DAY_MS, "project gets no file",
                     "import.created.late");
    snag_sim_leaves(one->sim, one->who);
}

/* An upload of which nothing is heard for more than ten minutes; the next try works. */
static void hang(const project *one, int64_t time_ms)
{
    int64_t upload = snag_sim_fresh(one->sim);
    say(one, time_ms, "Upload Started", upload);
    snag_sim_silence(one->sim, one->who, time_ms + 10 * SNAG_MINUTE_MS, "upload hangs", "upload_hangs");
    time_ms += snag_sim_between(one->sim, 11 * SNAG_MINUTE_MS, 2 * SNAG_HOUR_MS);
    if (snag_sim_percent(one->sim, 50))
        say(one, time_ms - 1000, "Upload Failed", upload);
    snag_sim_busy(one->sim, one->who, succeed(one, time_ms, 0));
}

static void stall(const project *one, int64_t time_ms)
{
    snag_sim_silence(one->sim, one->who, one->created_ms + SNAG_DAY_MS, "project gets no file",
                     "import.created.late");
    time_ms += SNAG_DAY_MS + snag_sim_between(one->sim, SNAG_HOUR_MS, 20 * SNAG_HOUR_MS);
    snag_sim_busy(one->sim, one->who, succeed(one, time_ms, 0));
}

static bool visit(snag_sim *sim, int64_t time_ms)
{
    size_t who = snag_sim_somebody(sim, time_ms);
    if (who == SIZE_MAX)
        return false;
    project one = {.sim = sim, .who = who, .id = snag_sim_fresh(sim), .created_ms = time_ms};
    say(&one, time_ms, "Project Created", -1);
    time_ms += snag_sim_between(sim, 20000, 1200000);
    int64_t kind = snag_sim_between(sim, 1, 100);
    if (kind <= 88)
        snag_sim_busy(sim, who, succeed(&one, time_ms, kind <= 70 ? 0 : kind <= 82 ? 1 : 2));
    else if (kind <= 92)
        fail(&one, time_ms);
    else if (kind <= 96)
        hang(&one, time_ms);
    else
        stall(&one, time_ms);
    return true;
}

const snag_sim_scenario snag_sim_uploads = {
    .name = "uploads",
    .summary = "a web application: uploads that fail or hang, projects that get no file",
    .pipeline = "pipelines/uploads.yaml",
    .format = "cloudevents",
    .visit_events = 4,
    .visit = visit,
};
