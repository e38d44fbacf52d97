/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop: poll a batch; decode it, the unreadable to the dead letter; feed the engine; commit outputs,
 * state and offsets together; flush to the store; begin anew.
 *
 * Whatever fails, the answer is the same: a new producer (which settles what was left open), a new membership
 * (which forgets what was read ahead), and every state read back from what was committed.
 */
#include "runtime/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "runtime/inside.h"

enum {
    URGENT_MS = 5,           /* alerts are committed at once, but not more often than this */
    BEHIND_FACTOR = 2,       /* in a backlog commits are so much rarer */
    HEADERS_MAX = 1024,
    ITEMS_LEAST = 4096,
    BACKOFF_MIN_MS = 200,
    BACKOFF_MAX_MS = 5000,
    FENCED_TWICE_MS = 60000,
    TRUCE_MS = 3000,         /* whoever was fenced lets the other one settle before it asks again */
    LEFT_EVERY_MS = 500,
    LINE_MAX_BYTES = 700
};

void snag_worker_say(const snag_worker *worker, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    worker->ports->voice.say(worker->ports->voice.self, line);
}

void snag_worker_dirty(snag_worker *worker, snag_partition *partition)
{
    partition->dirty = true;
    if (worker->dirty_ms == SNAG_NEVER)
        worker->dirty_ms = worker->now_ms;
}

uint32_t snag_worker_timer_budget(const snag_worker *worker)
{
    return worker->options->timer_budget ? worker->options->timer_budget : worker->timers;
}

static void pause_ms(const snag_worker *worker, int64_t ms)
{
    const snag_clock *clock = &worker->ports->clock;
    for (int64_t slept = 0; slept < ms && !atomic_load(&worker->shared->stop); slept += 50)
        clock->sleep_ms(clock->self, 50);
}

/* --- one turn ---------------------------------------------------------------------------------- */

static bool commit_is_due(const snag_worker *worker)
{
    int64_t now_ms = worker->ports->clock.monotonic_ms(worker->ports->clock.self);
    if (worker->dirty_ms == SNAG_NEVER)
        return false;
    if (worker->behind) /* an alert that is late already may wait for a transaction of a good size */
        return now_ms - worker->dirty_ms >= BEHIND_FACTOR * worker->options->commit_every_ms;
    if (worker->bundle.urgent && now_ms - worker->committed_ms >= URGENT_MS)
        return true;
    return now_ms - worker->dirty_ms >= worker->options->commit_every_ms;
}

/* Every source's end was reached. */
static bool is_read(const snag_partition *partition)
{
    bool read = true;
    for (uint32_t s = 0; s < partition->worker->sources; s++)
        read = read && partition->streams[s].reached >= partition->streams[s].next;
    return read;
}

/* Records left, and how old the news is: for people, so from what the client happens to know. */
static void left_sum(snag_worker *worker)
{
    const snag_input *input = &worker->ports->input;
    uint64_t left = 0;
    int64_t behind_ms = 0;
    if (worker->now_ms < worker->left_ms || !input->ops->seen_end)
        return;
    worker->left_ms = worker->now_ms + LEFT_EVERY_MS;
    for (uint32_t i = 0; i < worker->options->partitions; i++) {
        const snag_partition *partition = worker->partitions[i];
        if (!snag_partition_is_owned(partition) || is_read(partition))
            continue;
        int64_t newest_ms = worker->rekeys ? partition->low_ms : snag_engine_newest(partition->engine);
        for (uint32_t s = 0; s < worker->sources; s++) {
            int64_t end = input->ops->seen_end(input->self, i, s), next = partition->streams[s].next;
            left += end > next && partition->streams[s].reached < next ? (uint64_t)(end - next) : 0;
        }
        if (newest_ms != SNAG_TIME_NONE && worker->wall_ms - newest_ms > behind_ms)
            behind_ms = worker->wall_ms - newest_ms;
    }
    atomic_store(&worker->stats->left, left);
    atomic_store(&worker->stats->behind_ms, (uint64_t)behind_ms);
}

static void stats_sum(snag_worker *worker)
{
    snag_engine_usage usage;
    uint64_t walks = 0, episodes = 0, armed = 0, bytes = 0, behind = 0;
    for (uint32_t i = 0; i < worker->options->partitions; i++) {
        const snag_partition *partition = worker->partitions[i];
        if (!snag_partition_is_owned(partition))
            continue;
        behind += !is_read(partition);
        if (worker->rekeys)
            continue;
        snag_engine_usage_get(partition->engine, &usage);
        walks += usage.open_walks;
        episodes += usage.open_episodes;
        armed += usage.armed;
        bytes += usage.bytes_used;
    }
    atomic_store(&worker->stats->walks, walks);
    atomic_store(&worker->stats->episodes, episodes);
    atomic_store(&worker->stats->armed, armed);
    atomic_store(&worker->stats->state_bytes, bytes);
    atomic_store(&worker->stats->caught_up, behind == 0);
    left_sum(worker);
}

static snag_err commit(snag_worker *worker, snag_diag *diag)
{
    snag_err err = snag_worker_commit(worker, diag);
    if (err == SNAG_OK)
        stats_sum(worker);
    return err;
}

/* Of a turn in which more was due than it fired. */
static snag_err commit_busy(snag_worker *worker, snag_diag *diag)
{
    size_t bytes = worker->bundle.bytes;
    snag_err err = commit(worker, diag);
    if (err != SNAG_OK)
        return err;
    worker->timers = snag_timers_next(worker->timers, worker->committed_ms - worker->now_ms, bytes,
                                      worker->shares.bundle_bytes);
    snag_worker_pass(worker, SNAG_POINT_DRAINED_PART);
    return SNAG_OK;
}

/* What the group wants of us. */
static snag_err seat(snag_worker *worker, snag_diag *diag)
{
    const snag_input *input = &worker->ports->input;
    snag_seat now = worker->seat;
    snag_err err = SNAG_OK;
    worker->seat = SNAG_SEAT_KEPT;
    switch (now) {
    case SNAG_SEAT_KEPT: return SNAG_OK;
    case SNAG_SEAT_ASKED:
        err = commit(worker, diag);
        worker->away = true;
        snag_worker_unpark(worker); /* or its end would begin to read what is no longer ours */
        for (uint32_t i = 0; i < worker->options->partitions; i++)
            for (uint32_t s = 0; s < worker->sources; s++)
                worker->partitions[i]->streams[s].reached = -1;
        snag_worker_pass(worker, SNAG_POINT_LEAVING);
        if (err == SNAG_OK)
            err = input->ops->give_back(input->self, diag);
        snag_worker_pass(worker, SNAG_POINT_LEFT);
        return err;
    case SNAG_SEAT_LOST: return snag_fail(diag, SNAG_BROKER, "the group gave the partitions away");
    case SNAG_SEAT_GIVEN:
        snag_worker_unpark(worker); /* what is taken over is read from its place on, and asked for anew */
        err = snag_worker_take_over(worker, diag);
        worker->away = worker->away && err != SNAG_OK;
        if (err == SNAG_AGAIN && worker->seat != SNAG_SEAT_KEPT)
            return SNAG_OK; /* it changed again meanwhile: the next turn sees to it */
        return err == SNAG_OK ? commit(worker, diag) : err;
    }
    return err;
}

/* What is read, what was reached and the clock all change whose turn it is. */
static void want(const snag_worker *worker)
{
    for (uint32_t i = 0; i < worker->options->partitions && worker->sources > 1; i++)
        if (worker->partitions[i]->engine)
            snag_partition_want(worker->partitions[i]);
}

static snag_err turn(snag_worker *worker, snag_diag *diag)
{
    const snag_input *input = &worker->ports->input;
    snag_batch batch;
    snag_err err = SNAG_OK;
    if (worker->seat == SNAG_SEAT_KEPT) {
        want(worker);
        err = input->ops->poll(input->self, snag_worker_wait(worker), worker->options->batch_max, &batch,
                               &worker->seat, diag);
        snag_worker_clock(worker);
        if (err == SNAG_OK)
            err = snag_worker_feed(worker, &batch, diag);
        bool idle = batch.count == 0;
        worker->behind = batch.count == worker->options->batch_max;
        input->ops->release(input->self);
        if (err == SNAG_OK && worker->seat == SNAG_SEAT_KEPT)
            err = snag_worker_parked(worker, diag);
        if (err == SNAG_OK && worker->pipeline->watches)
            snag_worker_silences(worker);
        if (err == SNAG_OK)
            err = snag_worker_tick(worker, diag);
        bool busy = err == SNAG_OK && snag_worker_is_busy(worker);
        if (err == SNAG_OK && (busy || commit_is_due(worker)))
            err = busy ? commit_busy(worker, diag) : commit(worker, diag);
        if (err == SNAG_OK && idle && worker->dirty_ms == SNAG_NEVER)
            stats_sum(worker); /* an end that was reached behind the last commit is seen too */
        if (err == SNAG_OK)
            snag_worker_mend(worker, idle);
        if (err == SNAG_OK)
            snag_worker_forget(worker);
    }
    return err == SNAG_OK ? seat(worker, diag) : err;
}

/* --- failures ---------------------------------------------------------------------------------- */

static bool for_good(snag_err err)
{
    return err == SNAG_CONFIG || err == SNAG_REFUSED || err == SNAG_STATE || err == SNAG_FULL ||
           err == SNAG_MEMORY;
}

/* The coordinator gave up our transaction (the process was stopped, say): that looks just like a rival. */
static bool expired(const snag_worker *worker)
{
    return worker->begun_ms != SNAG_TIME_NONE && worker->now_ms - worker->begun_ms >= SNAG_OUTPUT_PATIENCE_MS;
}

/* Two workers with one name take the id from each other, producer and consumer one after the other. With a
 * truce each attack is felt as one, so that of two processes one is the first to be fenced twice. Where to
 * take over takes longer than the truce, the other may be it too, a little later. */
static bool fenced_twice(snag_worker *worker)
{
    const snag_input *input = &worker->ports->input;
    if (expired(worker))
        return false;
    pause_ms(worker, TRUCE_MS);
    if (input->ops->rival && !input->ops->rival(input->self))
        return false;
    int64_t before_ms = worker->fenced_ms;
    worker->fenced_ms = worker->now_ms;
    return before_ms != SNAG_TIME_NONE && worker->now_ms - before_ms < FENCED_TWICE_MS;
}

/* SNAG_AGAIN: told to stop before it worked. */
static snag_err renew(snag_worker *worker, snag_diag *diag)
{
    const snag_output *output = &worker->ports->output;
    snag_err err = SNAG_AGAIN;
    for (int64_t wait_ms = BACKOFF_MIN_MS; !atomic_load(&worker->shared->stop);) {
        err = output->ops->renew(output->self, diag);
        if (err == SNAG_OK || for_good(err))
            break;
        err = SNAG_AGAIN;
        if (!worker->said_lost)
            snag_worker_say(worker, "%s; trying until it works", diag->text);
        worker->said_lost = true;
        pause_ms(worker, wait_ms);
        wait_ms = wait_ms * 2 < BACKOFF_MAX_MS ? wait_ms * 2 : BACKOFF_MAX_MS;
    }
    return err;
}

/* Back to what was committed. diag: what failed. */
static snag_err start_over(snag_worker *worker, snag_err failed, snag_diag *diag)
{
    const snag_input *input = &worker->ports->input;
    snag_worker_clock(worker);
    if (failed != SNAG_AGAIN) {
        if (!worker->said_lost)
            snag_worker_say(worker, "%s; starting over from what was committed", diag->text);
        worker->said_lost = true;
        atomic_fetch_add(&worker->stats->restarts, 1);
    }
    snag_worker_pass(worker, SNAG_POINT_FAILED);
    snag_worker_drop_all(worker);
    snag_worker_unpark(worker);
    if (failed == SNAG_FENCED && fenced_twice(worker))
        return snag_fail(diag, SNAG_FENCED,
                         "fenced twice within a minute: another process runs with the instance name %s. "
                         "Give each its own --instance",
                         worker->options->instance);
    worker->begun_ms = SNAG_TIME_NONE;
    bool keep = snag_planted(PRODUCER_KEPT) && failed != SNAG_FENCED;
    snag_err err = keep ? SNAG_OK : renew(worker, diag); /* the old producer is gone only now: */
    if (err == SNAG_AGAIN)
        return err;
    snag_bundle_reset(&worker->bundle); /* it had borrowed these bytes */
    worker->item_count = 0;
    worker->seat = SNAG_SEAT_KEPT;
    snag_worker_pass(worker, SNAG_POINT_RENEWED);
    if (err == SNAG_OK)
        err = input->ops->rejoin(input->self, diag);
    snag_worker_pass(worker, SNAG_POINT_REJOINED);
    return err;
}

/* --- life -------------------------------------------------------------------------------------- */

void snag_partition_clear(snag_partition *partition)
{
    snag_worker *worker = partition->worker;
    *partition = (snag_partition){.worker = worker, .index = partition->index, .n = -1, .logged = -1,
                                  .words_at = -1, .stale = true, .low_ms = SNAG_TIME_NONE,
                                  .own_ms = SNAG_TIME_NONE, .told_ms = SNAG_TIME_NONE,
                                  .last_ms = SNAG_TIME_NONE};
    for (uint32_t s = 0; s < worker->sources; s++)
        partition->streams[s] = (snag_stream){.placed = -1, .reached = -1,
                                                .told_ms = SNAG_TIME_NONE};
}

/* The streams of a partition, in the order of the engine's flows. */
static void streams_number(snag_worker *worker)
{
    uint32_t stream = 0;
    SNAG_ASSERT(worker->sources <= SNAG_FLOWS_MAX);
    for (uint32_t s = 0; s < worker->pipeline->source_count; s++)
        for (uint32_t lane = 0; lane < snag_source_flows(&worker->pipeline->sources[s]); lane++) {
            worker->source_of[stream] = (uint8_t)s;
            worker->lane_of[stream++] = worker->pipeline->sources[s].lanes ? (int16_t)lane : -1;
        }
}

snag_stream_name snag_worker_stream_name(const snag_worker *worker, uint32_t stream)
{
    snag_stream_name name;
    snag_buf buf = snag_buf_on(name.text, sizeof name.text);
    snag_buf_str_put(&buf, snag_worker_spec(worker, stream)->name);
    if (worker->lane_of[stream] >= 0)
        snag_buf_printf(&buf, "/%d", worker->lane_of[stream]);
    name.size = buf.size < sizeof name.text ? buf.size : sizeof name.text;
    return name;
}

static snag_err memory(snag_worker *worker, snag_diag *diag)
{
    uint32_t count = worker->options->partitions;
    worker->arena_block = malloc(SNAG_CHUNK_BYTES);
    worker->events = malloc(SNAG_CHUNK_EVENTS * sizeof *worker->events);
    worker->headers = malloc(HEADERS_MAX * sizeof *worker->headers);
    worker->items = malloc(ITEMS_LEAST * sizeof *worker->items);
    worker->item_room = ITEMS_LEAST;
    worker->partitions = calloc(count, sizeof *worker->partitions);
    bool fine = worker->arena_block && worker->events && worker->headers && worker->items &&
                worker->partitions;
    for (uint32_t i = 0; i < count && fine; i++) {
        worker->partitions[i] =
            calloc(1, sizeof **worker->partitions + worker->sources * sizeof(snag_stream));
        fine = worker->partitions[i] != NULL;
        if (!fine)
            break;
        worker->partitions[i]->worker = worker;
        worker->partitions[i]->index = i;
        snag_partition_clear(worker->partitions[i]);
    }
    if (!fine)
        return snag_fail(diag, SNAG_MEMORY, "out of memory");
    snag_arena_init(&worker->arena, worker->arena_block, SNAG_CHUNK_BYTES);
    return SNAG_OK;
}

static snag_err prepare(snag_worker *worker, snag_diag *diag)
{
    const snag_worker_options *options = worker->options;
    const snag_pipeline *pipeline = worker->pipeline;
    snag_decoder_options decoding = {.now_ms = SNAG_NEVER, .fetch = options->fetch,
                                     .fetch_context = options->fetch_context};
    snag_err err = memory(worker, diag);
    for (uint32_t s = 0; s < pipeline->source_count; s++)
        worker->topics[s] = pipeline->sources[s].topic;
    worker->encode = (snag_encode_context){.pipeline = pipeline->name,
                                           .version = pipeline->version,
                                           .config = pipeline->config,
                                           .topics = worker->topics,
                                           .topic_count = pipeline->source_count,
                                           .detected_at_ms = SNAG_TIME_NONE};
    for (uint32_t s = 0; s < pipeline->source_count && err == SNAG_OK; s++)
        err = snag_decoder_new(&worker->decoders[s], &pipeline->sources[s], options->base_dir, &decoding,
                               diag);
    return err;
}

static void finish(snag_worker *worker)
{
    for (uint32_t i = 0; worker->partitions && i < worker->options->partitions; i++) {
        if (worker->partitions[i])
            snag_partition_drop(worker->partitions[i]);
        free(worker->partitions[i]);
    }
    free(worker->partitions);
    for (uint32_t s = 0; s < worker->pipeline->source_count; s++)
        snag_decoder_free(worker->decoders[s]);
    snag_bundle_finish(&worker->bundle);
    free(worker->arena_block);
    free(worker->events);
    free(worker->headers);
    free(worker->items);
}

static snag_err loop(snag_worker *worker, snag_diag *diag)
{
    snag_err err = renew(worker, diag);
    while (err == SNAG_OK && !atomic_load(&worker->shared->stop)) {
        err = turn(worker, diag);
        if (err == SNAG_OK && worker->said_lost && worker->dirty_ms == SNAG_NEVER) {
            snag_worker_say(worker, "working again");
            worker->said_lost = false;
        }
        if (err != SNAG_OK && !for_good(err))
            err = start_over(worker, err, diag);
    }
    snag_worker_pass(worker, SNAG_POINT_STOPPING);
    if (err == SNAG_OK && atomic_load(&worker->shared->stop))
        err = commit(worker, diag); /* the drain: what is in hand, and no more */
    return err == SNAG_AGAIN ? SNAG_OK : err; /* stopped amid a failure: nothing was in hand */
}

snag_err snag_worker_run(const snag_worker_options *options, const snag_ports *ports,
                         snag_shared *shared, snag_stats *stats, snag_diag *diag)
{
    snag_worker worker = {.options = options, .ports = ports, .pipeline = options->pipeline,
                          .sources = snag_pipeline_flows(options->pipeline), .rekeys = options->rekey != NULL,
                          .shares = snag_shares_of(options->pipeline->budget_bytes, options->workers),
                          .shared = shared, .stats = stats, .dirty_ms = SNAG_NEVER,
                          .drift_ms = SNAG_TIME_NONE, .fenced_ms = SNAG_TIME_NONE,
                          .begun_ms = SNAG_TIME_NONE, .timers = SNAG_TIMERS_FIRST};
    streams_number(&worker);
    for (uint32_t s = 0; s < SNAG_SOURCES_MAX; s++)
        worker.pulses[s] = (snag_pulse){.known_ms = SNAG_TIME_NONE};
    snag_bundle_init(&worker.bundle);
    snag_worker_clock(&worker);
    snag_err err = prepare(&worker, diag);
    if (err == SNAG_OK)
        err = loop(&worker, diag);
    /* The producer may still hold bytes of an unfinished transaction. */
    ports->output.ops->close(ports->output.self);
    finish(&worker);
    return err;
}
