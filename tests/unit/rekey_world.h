/* SPDX-License-Identifier: Apache-2.0
 *
 * Logs in memory for both hops of a rekeyed source, and a worker's ports on them. Workers run in turns of
 * some polls each; a run may be killed, at a poll or at any call of its output, and calls fail before or
 * after they took effect. Time goes on with polls, and the topic's records come with it.
 */
#ifndef SNAG_TESTS_REKEY_WORLD_H
#define SNAG_TESTS_REKEY_WORLD_H

#include "config/config.h"
#include "fresh.h"
#include "rekey_tape.h"
#include "runtime/lane.h"
#include "runtime/worker.h"
#include "seed.h"

enum { TOPIC_MAX = 4, STATE_MAX = 3, BATCH = 9 };
#define EPOCH_MS 1767225600000

typedef struct sending {
    snag_topic topic;
    uint32_t partition;
    entry what;
} sending;

typedef struct world {
    snag_seed seed;
    snag_config config;
    snag_pipeline hop_pipeline;  /* the source as it is … */
    snag_pipeline lane_pipeline; /* … and with its lanes */
    snag_source_spec source;
    snag_rekey_options rekey;
    uint32_t topic_partitions, state_partitions;
    tape topic[TOPIC_MAX];
    tape lanes[TOPIC_MAX][STATE_MAX];
    tape outputs[SNAG_TOPIC_COUNT][TOPIC_MAX];
    snag_place hop_places[TOPIC_MAX];
    snag_place state_places[TOPIC_MAX][STATE_MAX];
    int64_t lane_firsts[TOPIC_MAX][STATE_MAX]; /* what lies before is deleted */
    int64_t now_ms;
    uint64_t restarts, forgotten;
    bool old_words; /* beside the hops' offsets: as the version before wrote them */
} world;

/* One run of one worker: a few polls, then it is stopped or killed. */
typedef struct run {
    world *world;
    bool hop;
    uint32_t given[TOPIC_MAX];
    size_t given_count;
    int64_t next[TOPIC_MAX][TOPIC_MAX]; /* by source, partition; -1 = not started */
    uint32_t want[TOPIC_MAX];
    snag_seat seat;
    int polls;
    int64_t calls, fails_at;
    bool after, killed, dead;
    sending *pending;
    size_t pending_count;
    snag_place *places;
    size_t place_count;
    snag_raw raws[BATCH * TOPIC_MAX * TOPIC_MAX];
    const entry *entries[BATCH * TOPIC_MAX * TOPIC_MAX];
    snag_reached reached[TOPIC_MAX * TOPIC_MAX];
    size_t log_at;
    uint32_t log_part;
    snag_shared shared;
    snag_stats stats;
    int64_t blocks; /* given and not yet back */
} run;

/* --- logs -------------------------------------------------------------------------------------- */

/* What can be read of it now: the topic's records come with the clock. */
static int64_t visible(const run *r, uint32_t source, uint32_t partition)
{
    const world *w = r->world;
    const tape *of = r->hop ? &w->topic[partition] : &w->lanes[source][partition];
    size_t count = of->count;
    while (r->hop && count > 0 && of->list[count - 1].stamp_ms > EPOCH_MS + w->now_ms)
        count--;
    return (int64_t)count;
}

/* --- the input --------------------------------------------------------------------------------- */

static uint32_t sources(const run *r)
{
    return r->hop ? 1 : r->world->topic_partitions;
}

static void harvest(run *r, uint32_t s, uint32_t p, size_t max, snag_batch *batch)
{
    int64_t *next = &r->next[s][p];
    const tape *of = r->hop ? &r->world->topic[p] : &r->world->lanes[s][p];
    for (size_t i = 0; i < max && *next < visible(r, s, p); i++, (*next)++) {
        const entry *what = &of->list[*next];
        r->entries[batch->count] = what;
        r->raws[batch->count++] = (snag_raw){
            .position = {.offset = *next, .partition = p, .source = (uint16_t)s},
            .stamp_ms = r->hop ? what->stamp_ms : EPOCH_MS + r->world->now_ms, .key = what->key,
            .value = what->value};
    }
}

static snag_err input_poll(void *self, int wait_ms, size_t max, snag_batch *batch, snag_seat *seat,
                           snag_diag *diag)
{
    run *r = self;
    (void)wait_ms;
    *batch = (snag_batch){.records = r->raws, .reached = r->reached};
    *seat = r->seat;
    r->seat = SNAG_SEAT_KEPT;
    r->world->now_ms += (int64_t)snag_seed_below(&r->world->seed, 100);
    if (--r->polls == 0) {
        r->dead = r->killed;
        atomic_store(&r->shared.stop, true);
    }
    if (r->dead)
        return snag_fail(diag, SNAG_BROKER, "killed");
    for (size_t i = 0; i < r->given_count; i++) {
        uint32_t p = r->given[i], want = r->hop ? 0 : r->want[p];
        for (uint32_t k = 0; k < sources(r) && max > 1; k++) {
            uint32_t s = (want + k) % sources(r);
            if (r->next[s][p] < 0)
                continue;
            size_t before = batch->count;
            if (r->next[want][p] < visible(r, want, p) || s == want)
                harvest(r, s, p, 1 + snag_seed_below(&r->world->seed, BATCH), batch);
            bool alone = r->hop || batch->count == before; /* of several, what is left comes again */
            if (alone && r->next[s][p] == visible(r, s, p))
                r->reached[batch->reached_count++] = (snag_reached){p, s, r->next[s][p]};
        }
    }
    return SNAG_OK;
}

static void input_release(void *self)
{
    (void)self;
}

static uint32_t input_headers(void *self, size_t i, snag_header *out, uint32_t max)
{
    const entry *what = ((run *)self)->entries[i];
    assert_true(what->header_count <= max);
    for (uint32_t h = 0; h < what->header_count; h++)
        out[h] = what->headers[h];
    return what->header_count;
}

static void input_want(void *self, uint32_t partition, uint32_t source)
{
    ((run *)self)->want[partition] = source;
}

static void input_leave(void *self, uint32_t partition, uint32_t source, int64_t offset)
{
    ((run *)self)->next[source][partition] = offset;
}

static bool input_holds(void *self, uint32_t partition, uint32_t source)
{
    const run *r = self;
    return r->next[source][partition] >= 0 && r->next[source][partition] < visible(r, source, partition);
}

static const uint32_t *input_given(void *self, size_t *count)
{
    const run *r = self;
    *count = r->given_count;
    return r->given;
}

static snag_err input_committed(void *self, snag_place *places, size_t count, snag_diag *diag)
{
    const run *r = self;
    if (r->dead)
        return snag_fail(diag, SNAG_BROKER, "killed");
    for (size_t i = 0; i < count; i++) {
        uint32_t s = places[i].source, p = places[i].partition;
        places[i] = r->hop ? r->world->hop_places[p] : r->world->state_places[s][p];
        places[i].source = s;
        places[i].partition = p;
    }
    return SNAG_OK;
}

static snag_err input_start(void *self, const snag_place *places, size_t count, snag_diag *diag)
{
    (void)diag;
    run *r = self;
    for (size_t i = 0; i < count; i++) {
        uint32_t s = places[i].source, p = places[i].partition;
        assert_true(r->hop || places[i].offset >= r->world->lane_firsts[s][p]);
        r->next[s][p] = places[i].offset;
    }
    return SNAG_OK;
}

static void stop_reading(run *r)
{
    memset(r->next, 0xff, sizeof r->next);
}

static snag_err input_give_back(void *self, snag_diag *diag)
{
    (void)diag;
    stop_reading(self);
    return SNAG_OK;
}

static snag_err input_rejoin(void *self, snag_diag *diag)
{
    run *r = self;
    (void)diag;
    stop_reading(r);
    r->seat = SNAG_SEAT_GIVEN;
    r->world->restarts++;
    return SNAG_OK;
}

static snag_err input_range(void *self, uint32_t partition, uint32_t source, int64_t *first, int64_t *end,
                            snag_diag *diag)
{
    (void)diag;
    const run *r = self;
    *first = r->hop ? 0 : r->world->lane_firsts[source][partition];
    *end = visible(r, source, partition);
    return SNAG_OK;
}

static snag_err input_log_end(void *self, uint32_t partition, uint32_t source, int64_t *end, snag_diag *diag)
{
    int64_t first;
    return input_range(self, partition, source, &first, end, diag);
}

/* Whether no partition of the topic holds a record as new as that. */
static snag_err input_quiet(void *self, uint32_t source, uint32_t partitions, int64_t since_ms, bool *quiet,
                            snag_diag *diag)
{
    const run *r = self;
    assert_true(r->hop && source == 0 && partitions == r->world->topic_partitions);
    *quiet = true;
    if (r->dead)
        return snag_fail(diag, SNAG_BROKER, "killed");
    for (uint32_t u = 0; u < partitions; u++)
        for (int64_t i = 0; i < visible(r, 0, u); i++)
            *quiet = *quiet && r->world->topic[u].list[i].stamp_ms < since_ms;
    return SNAG_OK;
}

/* Only what is committed may go. */
static void input_forget(void *self, const snag_place *places, size_t count)
{
    run *r = self;
    assert_false(r->hop);
    for (size_t i = 0; i < count; i++) {
        uint32_t s = places[i].source, p = places[i].partition;
        assert_true(places[i].offset <= r->world->state_places[s][p].offset);
        if (places[i].offset > r->world->lane_firsts[s][p])
            r->world->lane_firsts[s][p] = places[i].offset;
        r->world->forgotten++;
    }
}

/* --- the output -------------------------------------------------------------------------------- */

static void pending_drop(run *r)
{
    for (size_t i = 0; i < r->pending_count; i++)
        entry_free(&r->pending[i].what);
    r->pending_count = r->place_count = 0;
}

static void die(run *r)
{
    r->dead = true;
    atomic_store(&r->shared.stop, true);
}

/* Counts the call; true: it fails, and is the last one where the worker is to be killed. */
static bool fails(run *r)
{
    if (r->dead)
        return true;
    if (++r->calls != r->fails_at)
        return false;
    if (r->killed)
        die(r);
    return true;
}

static snag_err lost(snag_diag *diag)
{
    return snag_fail(diag, SNAG_BROKER, "planted");
}

static snag_err output_renew(void *self, snag_diag *diag)
{
    pending_drop(self);
    return ((run *)self)->dead ? lost(diag) : SNAG_OK;
}

static snag_err output_begin(void *self, snag_diag *diag)
{
    assert_int_equal(((run *)self)->pending_count, 0);
    return fails(self) ? lost(diag) : SNAG_OK;
}

static snag_err output_send(void *self, const snag_message *message, snag_diag *diag)
{
    run *r = self;
    if (fails(r))
        return lost(diag);
    entry what = {.key = copy(message->key), .value = copy(message->value),
                  .header_count = message->header_count,
                  .headers = calloc(message->header_count + 1, sizeof *what.headers)};
    for (uint32_t i = 0; i < message->header_count; i++)
        what.headers[i] = (snag_header){copy(message->headers[i].name), copy(message->headers[i].value)};
    r->pending = realloc(r->pending, (r->pending_count + 1) * sizeof *r->pending);
    r->pending[r->pending_count++] = (sending){message->topic, message->partition, what};
    return SNAG_OK;
}

static snag_err output_offsets(void *self, const snag_place *places, size_t count, snag_diag *diag)
{
    run *r = self;
    r->places = realloc(r->places, count * sizeof *places);
    memcpy(r->places, places, count * sizeof *places);
    r->place_count = count;
    return fails(r) ? lost(diag) : SNAG_OK;
}

static void take_effect(run *r)
{
    world *w = r->world;
    for (size_t i = 0; i < r->pending_count; i++) {
        const sending *one = &r->pending[i];
        bool lane = one->topic >= SNAG_TOPIC_COUNT;
        tape_add(lane ? &w->lanes[one->topic - SNAG_TOPIC_COUNT][one->partition]
                      : &w->outputs[one->topic][one->partition], one->what);
    }
    for (size_t i = 0; i < r->place_count; i++)
        if (r->hop)
            w->hop_places[r->places[i].partition] = r->places[i];
        else
            w->state_places[r->places[i].source][r->places[i].partition] = r->places[i];
    r->pending_count = r->place_count = 0;
}

static snag_err output_commit(void *self, snag_diag *diag)
{
    run *r = self;
    bool dead = r->dead, failing = fails(r);
    if (failing && (!r->after || dead))
        return lost(diag);
    take_effect(r);
    return failing ? lost(diag) : SNAG_OK;
}

static void nothing(void *self)
{
    (void)self;
}

/* --- the changelog, the clock ------------------------------------------------------------------ */

static snag_err log_open(void *self, uint32_t partition, int64_t from, snag_diag *diag)
{
    run *r = self;
    (void)diag;
    r->log_part = partition;
    r->log_at = (size_t)from;
    return SNAG_OK;
}

static snag_err log_next(void *self, int wait_ms, snag_change_record *record, snag_diag *diag)
{
    run *r = self;
    const tape *log = &r->world->outputs[SNAG_TOPIC_CHANGELOG][r->log_part];
    (void)wait_ms;
    (void)diag;
    if (r->log_at >= log->count)
        return SNAG_END;
    const entry *at = &log->list[r->log_at];
    *record = (snag_change_record){(int64_t)r->log_at++, at->key, at->value};
    return SNAG_OK;
}

static int64_t wall_ms(void *self)
{
    return EPOCH_MS + ((run *)self)->world->now_ms;
}

static int64_t monotonic_ms(void *self)
{
    return ((run *)self)->world->now_ms;
}

static void sleep_ms(void *self, int64_t ms)
{
    ((run *)self)->world->now_ms += ms;
}

static uint64_t random_bits(void *self)
{
    return snag_seed_next(&((run *)self)->world->seed);
}

static void say(void *self, const char *line)
{
    (void)self;
    (void)line;
}

static snag_err block_give(void *self, size_t size, void **block, snag_diag *diag)
{
    (void)diag;
    *block = fresh_give(size);
    ((run *)self)->blocks++;
    return SNAG_OK;
}

static void block_back(void *self, void *block, size_t size)
{
    fresh_back(block, size);
    ((run *)self)->blocks--;
}

/* --- runs -------------------------------------------------------------------------------------- */

/* What the worker ended with; told = its words. */
static snag_err run_go(run *r, snag_diag *diag)
{
    static const snag_input_ops input = {
        .poll = input_poll, .release = input_release, .headers = input_headers, .want = input_want,
        .leave = input_leave, .holds = input_holds, .given = input_given, .committed = input_committed,
        .start = input_start, .give_back = input_give_back, .rejoin = input_rejoin, .range = input_range,
        .log_end = input_log_end, .forget = input_forget, .quiet = input_quiet, .close = nothing};
    static const snag_output_ops output = {
        .renew = output_renew, .begin = output_begin, .send = output_send, .offsets = output_offsets,
        .commit = output_commit, .close = nothing};
    static const snag_changelog_ops changelog = {.open = log_open, .next = log_next, .shut = nothing,
                                                 .close = nothing};
    world *w = r->world;
    snag_ports ports = {.input = {&input, r}, .output = {&output, r}, .changelog = {&changelog, r},
                        .clock = {wall_ms, monotonic_ms, sleep_ms, random_bits, r},
                        .voice = {say, r}, .blocks = {.give = block_give, .back = block_back, .self = r}};
    snag_worker_options options = {
        .pipeline = r->hop ? &w->hop_pipeline : &w->lane_pipeline, .schema_ids = {-1, -1, -1, -1},
        .partitions = r->hop ? w->topic_partitions : w->state_partitions, .group = "g", .instance = "i",
        .rekey = r->hop ? &w->rekey : NULL, .batch_max = BATCH, .commit_every_ms = 20,
        .tombstones_ms = 86400000, .timer_budget = 2};
    for (int i = 0; i < SNAG_TOPIC_COUNT; i++)
        options.topic_partitions[i] = w->state_partitions;
    r->seat = SNAG_SEAT_GIVEN;
    stop_reading(r);
    snag_err err = snag_worker_run(&options, &ports, &r->shared, &r->stats, diag);
    assert_int_equal(r->blocks, 0);
    pending_drop(r);
    free(r->pending);
    free(r->places);
    return err;
}

#endif
