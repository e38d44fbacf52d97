/* SPDX-License-Identifier: Apache-2.0
 *
 * A world in memory for one worker: 400 records of one partition, what was committed, and calls that fail.
 */
#ifndef SNAG_TESTS_WORKER_WORLD_H
#define SNAG_TESTS_WORKER_WORLD_H

#include "config/config.h"
#include "fresh.h"
#include "runtime/worker.h"

enum { RECORDS = 400, MOST = 20000, POLLS_IDLE = 4, POLLS_BUSY = 600, BATCH = 7 };

typedef struct said {
    snag_topic topic;
    char *key;
    size_t key_size;
    char *value; /* NULL = tombstone */
    size_t value_size;
} said;

typedef struct world {
    const snag_pipeline *pipeline;
    int64_t records; /* that there are by now, at most RECORDS */
    int64_t pace_ms; /* between two of them */
    char lines[RECORDS][160];
    char customers[RECORDS][8];
    /* what was committed */
    said log[MOST];
    size_t log_count;
    snag_place place;
    /* the transaction that is open */
    size_t pending; /* log entries behind log_count */
    snag_place pending_place;
    bool pending_offsets;
    /* the member */
    snag_seat seat;
    int64_t next; /* -1 = not started */
    uint32_t given[1];
    snag_raw raws[BATCH];
    snag_reached reached[1];
    int idle;
    /* the changelog's reader */
    size_t read_at;
    /* faults: the call that fails, counted over begin, send, offsets, commit; after = it took effect first */
    int64_t calls;
    int64_t fail_at;
    bool fail_after;
    int64_t fail_gap; /* 0 = once; else so many calls later once more */
    int fences;             /* so many commits, from fail_at on, say that another one took the id … */
    int64_t fence_after_ms; /* … after so long */
    bool no_rival;          /* whoever asks is told that nobody has the seat */
    bool stop_at_fail;      /* told to stop at the moment of the failure; from then on nothing works */
    snag_shared shared;
    snag_store store; /* ops NULL: none */
    int64_t now_ms;
    int64_t haste_ms; /* by which the clock goes on faster at each look */
    int64_t wall_ms;
    int64_t wall_reads; /* of the wall clock; the glitch_at-th is wrong by … */
    int64_t glitch_at;
    int64_t glitch_ms;
    int64_t late_ms; /* records from `late_from` on are stamped so much later than they happened */
    int64_t late_from;
    int quiet_asks;
    int quiet_fails; /* so many questions for silence get no answer */
    int asks_fail;  /* so many questions for places and ranges get no answer */
    int early_asks; /* so many questions for places were asked before anybody committed */
    bool undecided; /* there is an open transaction at the changelog's end */
    snag_stats stats;
    uint32_t timer_budget;
    bool from_latest;
    char told[8192]; /* all lines for people */
    int64_t blocks;  /* of memory, given and not yet back */
} world;

/* --- the world as ports ------------------------------------------------------------------------ */

static int64_t stamp_of(const world *w, int64_t offset)
{
    return 1767225600000 + offset * w->pace_ms + (w->late_ms && offset >= w->late_from ? w->late_ms : 0);
}

static snag_err input_quiet(void *self, uint32_t source, uint32_t partitions, int64_t since_ms, bool *quiet,
                            snag_diag *diag)
{
    world *w = self;
    assert_true(source == 0 && partitions == 1);
    w->quiet_asks++;
    if (w->quiet_fails > 0 && w->quiet_fails--)
        return snag_fail(diag, SNAG_BROKER, "no answer");
    *quiet = true;
    for (int64_t i = 0; i < w->records; i++)
        *quiet = *quiet && stamp_of(w, i) < since_ms;
    return SNAG_OK;
}

static snag_err input_poll(void *self, int wait_ms, size_t max, snag_batch *batch, snag_seat *seat,
                           snag_diag *diag)
{
    world *w = self;
    (void)wait_ms;
    (void)diag;
    *batch = (snag_batch){.records = w->raws, .reached = w->reached};
    *seat = w->seat;
    w->seat = SNAG_SEAT_KEPT;
    if (w->next < 0)
        return SNAG_OK;
    while (batch->count < BATCH && batch->count < max && w->next < w->records) {
        w->raws[batch->count++] = (snag_raw){
            .position = {.offset = w->next}, .stamp_ms = stamp_of(w, w->next),
            .key = snag_str_from(w->customers[w->next]), .value = snag_str_from(w->lines[w->next])};
        w->next++;
    }
    if (w->next == w->records) {
        w->reached[0] = (snag_reached){.offset = w->next};
        batch->reached_count = 1;
    }
    int most = w->timer_budget ? POLLS_BUSY : POLLS_IDLE; /* some deadlines a turn */
    if (batch->count == 0 && ++w->idle > most && w->place.offset == w->records)
        atomic_store(&w->shared.stop, true);
    assert_true(w->idle < 10000);
    return SNAG_OK;
}

static void input_release(void *self)
{
    (void)self;
}

static uint32_t input_headers(void *self, size_t i, snag_header *out, uint32_t max)
{
    (void)self;
    (void)i;
    (void)out;
    (void)max;
    return 0;
}

static const uint32_t *input_given(void *self, size_t *count)
{
    *count = 1;
    return ((world *)self)->given;
}

static bool no_answer(world *w)
{
    return w->asks_fail > 0 && w->asks_fail--;
}

static snag_err input_committed(void *self, snag_place *places, size_t count, snag_diag *diag)
{
    assert_int_equal(count, 1);
    if (no_answer(self))
        return snag_fail(diag, SNAG_BROKER, "not the coordinator");
    world *w = self;
    bool early = w->early_asks > 0 && w->early_asks--;
    places[0] = early ? (snag_place){.offset = -1} : w->place;
    return SNAG_OK;
}

static snag_err input_start(void *self, const snag_place *places, size_t count, snag_diag *diag)
{
    (void)diag;
    assert_true(count <= 1); /* none: it is set aside */
    ((world *)self)->next = count ? places[0].offset : -1;
    return SNAG_OK;
}

static snag_err input_give_back(void *self, snag_diag *diag)
{
    (void)diag;
    ((world *)self)->next = -1;
    return SNAG_OK;
}

static snag_err input_rejoin(void *self, snag_diag *diag)
{
    world *w = self;
    (void)diag;
    w->next = -1;
    w->seat = SNAG_SEAT_GIVEN;
    return SNAG_OK;
}

static bool input_rival(void *self)
{
    return !((world *)self)->no_rival;
}

static snag_err input_range(void *self, uint32_t partition, uint32_t source, int64_t *first, int64_t *end,
                            snag_diag *diag)
{
    (void)source;
    (void)partition;
    if (no_answer(self))
        return snag_fail(diag, SNAG_BROKER, "not the leader");
    *first = 0;
    *end = ((world *)self)->records;
    return SNAG_OK;
}

static snag_err input_log_end(void *self, uint32_t partition, uint32_t source, int64_t *end, snag_diag *diag)
{
    int64_t first;
    return input_range(self, partition, source, &first, end, diag);
}

static void nothing(void *self)
{
    (void)self;
}

static void forget_pending(world *w)
{
    for (size_t i = 0; i < w->pending; i++) {
        free(w->log[w->log_count + i].key);
        free(w->log[w->log_count + i].value);
    }
    w->pending = 0;
    w->pending_offsets = false;
}

/* Counts the call; true: it is the one that fails. */
static bool fails(world *w)
{
    w->calls++;
    if (w->calls != w->fail_at && (w->fail_gap == 0 || w->calls != w->fail_at + w->fail_gap))
        return false;
    if (w->stop_at_fail)
        atomic_store(&w->shared.stop, true);
    return true;
}

static snag_err lost(snag_diag *diag)
{
    return snag_fail(diag, SNAG_BROKER, "planted");
}

static snag_err output_renew(void *self, snag_diag *diag)
{
    forget_pending(self);
    return atomic_load(&((world *)self)->shared.stop) ? lost(diag) : SNAG_OK;
}

static snag_err output_begin(void *self, snag_diag *diag)
{
    world *w = self;
    assert_int_equal(w->pending, 0);
    return fails(w) ? lost(diag) : SNAG_OK;
}

static char *copy(snag_str text)
{
    char *bytes = malloc(text.size + 1);
    assert_non_null(bytes);
    memcpy(bytes, text.data ? text.data : "", text.size);
    bytes[text.size] = '\0';
    return bytes;
}

static snag_err output_send(void *self, const snag_message *message, snag_diag *diag)
{
    world *w = self;
    if (fails(w))
        return lost(diag);
    assert_true(w->log_count + w->pending < MOST);
    w->log[w->log_count + w->pending++] = (said){message->topic, copy(message->key), message->key.size,
                                                 message->value.data ? copy(message->value) : NULL,
                                                 message->value.size};
    return SNAG_OK;
}

static snag_err output_offsets(void *self, const snag_place *places, size_t count, snag_diag *diag)
{
    world *w = self;
    assert_int_equal(count, 1);
    w->pending_place = places[0];
    w->pending_offsets = true;
    return fails(w) ? lost(diag) : SNAG_OK;
}

static snag_err output_commit(void *self, snag_diag *diag)
{
    world *w = self;
    bool failing = fails(w);
    if (w->fences > 0 && w->calls >= w->fail_at) {
        w->fences--;
        w->now_ms += w->fence_after_ms;
        return snag_fail(diag, SNAG_FENCED, "planted");
    }
    assert_true(w->pending_offsets); /* a commit without offsets would forget where it was */
    if (failing && !w->fail_after)
        return lost(diag);
    w->log_count += w->pending;
    w->place = w->pending_place;
    w->pending = 0;
    w->pending_offsets = false;
    return failing ? lost(diag) : SNAG_OK;
}

static snag_err log_open(void *self, uint32_t partition, int64_t from, snag_diag *diag)
{
    (void)partition;
    (void)diag;
    ((world *)self)->read_at = (size_t)from;
    return SNAG_OK;
}

static snag_err log_next(void *self, int wait_ms, snag_change_record *record, snag_diag *diag)
{
    world *w = self;
    (void)wait_ms;
    (void)diag;
    while (w->read_at < w->log_count && w->log[w->read_at].topic != SNAG_TOPIC_CHANGELOG)
        w->read_at++;
    if (w->read_at == w->log_count)
        return SNAG_END;
    const said *at = &w->log[w->read_at];
    *record = (snag_change_record){(int64_t)w->read_at++, snag_str_of(at->key, at->key_size),
                                   snag_str_of(at->value, at->value_size)};
    return SNAG_OK;
}

static bool log_settled(void *self)
{
    return !((world *)self)->undecided;
}

static int64_t wall_ms(void *self)
{
    world *w = self;
    return w->wall_ms + (++w->wall_reads == w->glitch_at ? w->glitch_ms : 0);
}

static int64_t monotonic_ms(void *self)
{
    world *w = self;
    return w->now_ms += 1 + w->haste_ms;
}

static void sleep_ms(void *self, int64_t ms)
{
    ((world *)self)->now_ms += ms;
}

static uint64_t random_bits(void *self)
{
    (void)self;
    return 42;
}

static void say(void *self, const char *line)
{
    world *w = self;
    size_t at = strlen(w->told);
    snprintf(w->told + at, sizeof w->told - at, "%s\n", line);
}

static snag_err block_give(void *self, size_t size, void **block, snag_diag *diag)
{
    (void)diag;
    *block = fresh_give(size);
    ((world *)self)->blocks++;
    return SNAG_OK;
}

static void block_back(void *self, void *block, size_t size)
{
    fresh_back(block, size);
    ((world *)self)->blocks--;
}

/* --- runs -------------------------------------------------------------------------------------- */

static world *world_new_paced(const snag_pipeline *pipeline, int pace_s)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    *w = (world){.pipeline = pipeline, .records = RECORDS, .pace_ms = pace_s * 1000, .place = {.offset = -1},
                 .seat = SNAG_SEAT_GIVEN, .next = -1, .wall_ms = 1767225600000};
    for (int i = 0; i < RECORDS; i++) {
        int customer = i * 7 % 13;
        int at_s = i * pace_s;
        const char *what = i % 3 == 0 && i % 5 ? "Answered" : "Asked";
        snprintf(w->customers[i], sizeof w->customers[i], "c%d", customer);
        snprintf(w->lines[i], sizeof w->lines[i],
                 "{\"id\":\"e%d\",\"at\":\"2026-01-01T%02d:%02d:%02dZ\",\"what\":\"%s\",\"who\":\"%s\"}", i,
                 at_s / 3600 % 24, at_s / 60 % 60, at_s % 60, i % 50 == 17 ? "\\" : what,
                 i % 40 == 11 ? "" : w->customers[i]);
    }
    return w;
}

static world *world_new(const snag_pipeline *pipeline)
{
    return world_new_paced(pipeline, 1);
}

static void world_free(world *w)
{
    forget_pending(w);
    w->pending = w->log_count;
    w->log_count = 0;
    forget_pending(w);
    free(w);
}

static snag_err world_try(world *w, snag_diag *diag)
{
    static const snag_input_ops input = {
        .poll = input_poll, .release = input_release, .headers = input_headers, .given = input_given,
        .committed = input_committed, .start = input_start, .give_back = input_give_back,
        .rejoin = input_rejoin, .rival = input_rival, .range = input_range, .log_end = input_log_end,
        .quiet = input_quiet, .close = nothing};
    static const snag_output_ops output = {
        .renew = output_renew, .begin = output_begin, .send = output_send, .offsets = output_offsets,
        .commit = output_commit, .close = nothing};
    static const snag_changelog_ops changelog = {
        .open = log_open, .next = log_next, .settled = log_settled, .shut = nothing, .close = nothing};
    snag_ports ports = {.input = {&input, w}, .output = {&output, w}, .changelog = {&changelog, w},
                        .store = w->store,
                        .clock = {wall_ms, monotonic_ms, sleep_ms, random_bits, w},
                        .voice = {say, w}, .blocks = {.give = block_give, .back = block_back, .self = w}};
    snag_worker_options options = {
        .pipeline = w->pipeline, .schema_ids = {-1, -1, -1, -1}, .partitions = 1, .group = "g",
        .instance = "i", .batch_max = BATCH, .from_latest = w->from_latest, .commit_every_ms = 20,
        .tombstones_ms = 86400000, .timer_budget = w->timer_budget};
    memset(&w->stats, 0, sizeof w->stats);
    for (int i = 0; i < SNAG_TOPIC_COUNT; i++)
        options.topic_partitions[i] = 1;
    snag_err err = snag_worker_run(&options, &ports, &w->shared, &w->stats, diag);
    assert_int_equal(w->blocks, 0);
    return err;
}

static void world_run(world *w)
{
    snag_diag diag = {.text = ""};
    if (world_try(w, &diag) != SNAG_OK)
        fail_msg("%s", diag.text);
    assert_int_equal(w->place.offset, w->records);
}

/* The pipeline of a world, with so much memory; what is wrong with its text is said. */
static inline snag_err world_config(snag_config *to, const char *text, uint32_t budget_mib)
{
    snag_err err = snag_config_parse(to, snag_str_from(text), "w.yaml", NULL);
    for (uint32_t i = 0; i < to->error_count; i++)
        fprintf(stderr, "%u: %s\n", to->errors[i].diag.line, to->errors[i].diag.text);
    to->pipeline.budget_bytes = (uint64_t)budget_mib << 20;
    return err;
}

/* Another process takes over. */
static inline void next_life(world *w, const snag_pipeline *pipeline, int64_t records)
{
    w->pipeline = pipeline;
    w->records = records;
    atomic_store(&w->shared.stop, false);
    atomic_store(&w->shared.state_bytes, 0);
    w->seat = SNAG_SEAT_GIVEN;
    w->next = -1;
    w->idle = 0;
    w->calls = 0;
}

#endif
