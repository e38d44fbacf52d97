/* SPDX-License-Identifier: Apache-2.0
 *
 * The clock as a source of time, where silence is proved: read the clock, THEN ask the log's end; if all of
 * it has been read and processed, then nothing that happened before the clock's time is still to come (but
 * for `delay` and `out_of_order`). Only asked when a timer is due. A lagging reader never moves time; a
 * failed question, an upstream transaction that is still open, a wall clock that jumps neither.
 */
#include "base/assert.h"
#include "runtime/inside.h"

enum { ASK_AGAIN_MS = 20, ASK_LATER_MS = 1000, JUMP_MS = 500, WAIT_MAX_MS = 100, PARKED_MS = 20 };

/* Of a rekeyed source the first hop knows when it is silent. */
static bool by_clock(const snag_worker *worker, uint32_t source)
{
    return !snag_worker_spec(worker, source)->clock_log && worker->lane_of[source] < 0;
}

/* Time may go up to here at clock time T, as far as this source is concerned. */
static int64_t target(const snag_worker *worker, uint32_t source, int64_t wall_ms)
{
    const snag_source_spec *spec = snag_worker_spec(worker, source);
    return wall_ms - spec->out_of_order_ms - spec->delay_ms;
}

/* Records at hand wait until it is their source's turn, which is when the others have come as far as it. */
static int64_t held(const snag_partition *partition)
{
    const snag_worker *worker = partition->worker;
    const snag_input *input = &worker->ports->input;
    uint32_t turn = snag_partition_turn(partition);
    int64_t held_ms = SNAG_NEVER;
    for (uint32_t s = 0; s < worker->sources; s++) {
        int64_t low_ms = snag_engine_low(partition->engine, s);
        if (s != turn && low_ms < held_ms && input->ops->holds(input->self, partition->index, s))
            held_ms = low_ms;
    }
    return held_ms;
}

/* The earliest time that something waits for W to pass; SNAG_NEVER = nothing. Never before W itself: what the
 * engine says may be early, by much right after a takeover. */
static int64_t due(const snag_partition *partition)
{
    int64_t at_ms = snag_engine_next_due(partition->engine);
    int64_t w_ms = snag_engine_w(partition->engine);
    int64_t silence_ms = snag_partition_silence_due(partition, snag_partition_turn(partition));
    at_ms = silence_ms < at_ms ? silence_ms : at_ms;
    if (partition->worker->sources > 1) {
        int64_t held_ms = held(partition);
        at_ms = held_ms < at_ms ? held_ms : at_ms;
        return at_ms < w_ms ? w_ms : at_ms;
    }
    bool waits = snag_engine_oldest_waiting(partition->engine, 0) != INT64_MAX;
    int64_t newest_ms = waits ? snag_engine_newest(partition->engine) - 1 : SNAG_NEVER;
    if (newest_ms < at_ms) /* waiting events apply at W = theirs */
        at_ms = newest_ms;
    return at_ms < w_ms ? w_ms : at_ms;
}

static bool wants(const snag_worker *worker, const snag_partition *partition)
{
    if (!partition || !partition->engine || partition->draining)
        return false;
    uint32_t source = snag_partition_turn(partition);
    const snag_stream *stream = &partition->streams[source];
    bool read = (stream->reached >= stream->next && snag_stream_is_back(stream)) ||
                snag_planted(TICK_WHILE_BEHIND);
    return read && by_clock(worker, source) && worker->now_ms >= stream->asked_ms &&
           due(partition) < target(worker, source, worker->wall_ms);
}

/* How far the wall clock moved against the monotonic one since the turn began. */
static bool is_jump(int64_t moved_ms)
{
    return moved_ms > JUMP_MS || moved_ms < -JUMP_MS;
}

bool snag_partition_is_silent(snag_partition *partition, uint32_t source, int64_t *wall_ms)
{
    snag_worker *worker = partition->worker;
    const snag_clock *clock = &worker->ports->clock;
    const snag_input *input = &worker->ports->input;
    snag_stream *stream = &partition->streams[source];
    int64_t end;
    *wall_ms = clock->wall_ms(clock->self);
    if (is_jump(*wall_ms - clock->monotonic_ms(clock->self) - worker->drift_ms))
        return false; /* the next turn sees to it */
    snag_err err = input->ops->log_end(input->self, partition->index, source, &end, NULL);
    if (err == SNAG_OK && stream->reached >= end)
        err = snag_partition_silence(partition, source, target(worker, source, *wall_ms));
    if ((err != SNAG_OK || stream->reached < end) && !snag_planted(TICK_WHILE_BEHIND)) {
        stream->asked_ms = clock->monotonic_ms(clock->self) + (err ? ASK_LATER_MS : ASK_AGAIN_MS);
        atomic_fetch_add(&worker->stats->no_ticks, 1);
        return false;
    }
    atomic_fetch_add(&worker->stats->ticks, 1);
    return true;
}

static void tick(snag_worker *worker, snag_partition *partition)
{
    const snag_clock *clock = &worker->ports->clock;
    uint32_t source = snag_partition_turn(partition);
    snag_stream *stream = &partition->streams[source];
    int64_t wall_ms;
    if (!snag_partition_is_silent(partition, source, &wall_ms))
        return;
    snag_worker_dirty(worker, partition);
    if (worker->sources > 1) /* events of the others ask for it, many a second */
        stream->asked_ms = clock->monotonic_ms(clock->self) + ASK_AGAIN_MS;
    partition->draining =
        !snag_engine_tick_source(partition->engine, source, target(worker, source, wall_ms),
                                 snag_worker_timer_budget(worker));
    snag_worker_pass(worker, SNAG_POINT_TICKED);
}

bool snag_worker_is_busy(const snag_worker *worker)
{
    for (uint32_t i = 0; i < worker->options->partitions; i++)
        if (worker->partitions[i]->engine && snag_partition_is_busy(worker->partitions[i]))
            return true;
    return false;
}

snag_err snag_worker_tick(snag_worker *worker, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    if (worker->rekeys)
        return snag_rekey_tick(worker, diag);
    for (uint32_t i = 0; i < worker->options->partitions && err == SNAG_OK; i++)
        if (worker->partitions[i]->engine)
            err = snag_partition_drain(worker->partitions[i], diag);
    for (uint32_t i = 0; i < worker->options->partitions && err == SNAG_OK && !worker->jumped; i++)
        for (uint32_t s = 0; s < worker->sources && err == SNAG_OK; s++) /* each may be the one that waits */
            if (wants(worker, worker->partitions[i]))
                tick(worker, worker->partitions[i]);
    return err;
}

void snag_worker_clock(snag_worker *worker)
{
    const snag_clock *clock = &worker->ports->clock;
    worker->wall_ms = clock->wall_ms(clock->self);
    worker->now_ms = clock->monotonic_ms(clock->self);
    int64_t drift_ms = worker->wall_ms - worker->now_ms;
    int64_t moved_ms = worker->drift_ms == SNAG_TIME_NONE ? 0 : drift_ms - worker->drift_ms;
    worker->jumped = is_jump(moved_ms);
    worker->drift_ms = drift_ms;
    worker->encode.detected_at_ms = worker->wall_ms;
    if (worker->jumped)
        atomic_fetch_add(&worker->stats->jumps, 1);
}

int snag_worker_wait(const snag_worker *worker)
{
    if (worker->rekeys)
        return snag_rekey_wait(worker);
    if (snag_worker_is_busy(worker))
        return 0;
    int64_t wait_ms = worker->parked ? PARKED_MS : WAIT_MAX_MS;
    if (worker->dirty_ms != SNAG_NEVER)
        wait_ms = worker->dirty_ms + worker->options->commit_every_ms - worker->now_ms;
    for (uint32_t i = 0; i < worker->options->partitions; i++) {
        const snag_partition *partition = worker->partitions[i];
        if (!partition || !partition->engine)
            continue;
        uint32_t source = snag_partition_turn(partition);
        const snag_stream *stream = &partition->streams[source];
        bool ahead = worker->sources > 1 && stream->reached < stream->next; /* its next record wakes us */
        if (!by_clock(worker, source) || ahead)
            continue;
        int64_t at_ms = due(partition);
        bool never = at_ms == SNAG_NEVER || at_ms == SNAG_TIME_NONE;
        int64_t left_ms = never ? WAIT_MAX_MS : at_ms - target(worker, source, worker->wall_ms) + 1;
        int64_t asked_ms = stream->asked_ms - worker->now_ms;
        left_ms = left_ms > asked_ms ? left_ms : asked_ms;
        wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
    }
    return wait_ms < 1 ? 1 : wait_ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int)wait_ms;
}
