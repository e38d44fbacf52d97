/* SPDX-License-Identifier: Apache-2.0
 *
 * Silent sources: of a source with `silent:` time may go no further than so long after its last record in
 * any partition, but by saying that it is silent. The last record's time is asked of the brokers, by the
 * stamps of records: so it is the same for every worker that asks, and after every restart.
 *
 *     known            some partition has a record stamped then, or later
 *     to - silent/8    none so new? then the last one is looked for between the two, by halves
 *
 * What a worker reads itself it knows without asking; a source that is well costs a question each `silent:`.
 * What is decided is decided where time moves (idle.c), from an answer of that moment; so it is recorded, for
 * replays (tick.h). Of a rekeyed source the first hops ask, each for its own partitions of the topic, and say
 * in their lanes what they found (rekey.c); the second hop hears it there.
 */
#include "base/time.h"
#include "runtime/inside.h"
#include "runtime/lane.h"

enum { BACK_EVERY_MS = 500, SHARE = 8 };

/* 0 = it is not watched. */
static int64_t after_ms(const snag_worker *worker, uint32_t stream)
{
    const snag_source_watch *watches = worker->pipeline->watches;
    return watches ? watches[worker->source_of[stream]].after_ms : 0;
}

/* 0 = this worker does not ask: the source is not watched, or by its first hop. */
static int64_t silent_ms(const snag_worker *worker, uint32_t stream)
{
    bool asks = worker->ports->input.ops->quiet && worker->lane_of[stream] < 0;
    return asks ? after_ms(worker, stream) : 0;
}

static snag_err ask(const snag_worker *worker, uint32_t stream, int64_t since_ms, bool *quiet)
{
    const snag_input *input = &worker->ports->input;
    return input->ops->quiet(input->self, stream, worker->options->partitions, since_ms, quiet, NULL);
}

static snag_pulse *pulse_of(snag_worker *worker, uint32_t stream)
{
    return &worker->pulses[worker->source_of[stream]];
}

/* As the engine knows it; a first hop has none, and remembers what it told. */
static snag_engine_silence silence_of(const snag_partition *partition, uint32_t stream)
{
    if (!partition->worker->rekeys)
        return snag_engine_silence_of(partition->engine, partition->worker->source_of[stream]);
    return (snag_engine_silence){.silent = partition->silent, .last_ms = partition->last_ms};
}

int64_t snag_partition_silence_due(const snag_partition *partition, uint32_t stream)
{
    const snag_worker *worker = partition->worker;
    const snag_pulse *pulse = &worker->pulses[worker->source_of[stream]];
    int64_t gap_ms = silent_ms(worker, stream);
    if (gap_ms == 0 || pulse->known_ms == SNAG_TIME_NONE)
        return SNAG_NEVER;
    snag_engine_silence silence = silence_of(partition, stream);
    if (silence.silent) /* it is back, and this partition does not know yet */
        return pulse->known_ms > silence.last_ms ? pulse->known_ms : SNAG_NEVER;
    if (pulse->known_ms <= silence.last_ms) /* that silence was told, and has ended: no news */
        return snag_engine_w(partition->engine) + gap_ms;
    return pulse->known_ms + gap_ms;
}

/* What the engine did not know yet is recorded. */
static void find(snag_partition *partition, uint32_t stream, snag_tick_kind kind, int64_t last_ms,
                 int64_t to_ms)
{
    uint32_t source = partition->worker->source_of[stream];
    if (partition->worker->rekeys) {
        if (kind == SNAG_TICK_SILENT)
            snag_rekey_silent(partition, last_ms, after_ms(partition->worker, stream));
        else
            snag_rekey_back(partition, partition->streams[stream].next, to_ms);
        return;
    }
    snag_engine_silence before = snag_engine_silence_of(partition->engine, source);
    if (kind == SNAG_TICK_SILENT)
        snag_engine_silent(partition->engine, source, last_ms);
    else
        snag_engine_back(partition->engine, source, SNAG_TIME_NONE, to_ms);
    snag_engine_silence now = snag_engine_silence_of(partition->engine, source);
    if (now.silent != before.silent || now.last_ms != before.last_ms || now.back != before.back)
        snag_partition_ticks_found(partition, stream, kind, last_ms, to_ms);
}

/* It is silent: whether something came again. Asked not too often, since all that is held asks. */
static snag_err back_look(snag_partition *partition, uint32_t stream, int64_t last_ms, int64_t to_ms)
{
    snag_worker *worker = partition->worker;
    snag_pulse *pulse = pulse_of(worker, stream);
    bool quiet;
    if (pulse->known_ms <= last_ms && worker->now_ms < pulse->asked_ms)
        return SNAG_OK;
    snag_err err = ask(worker, stream, last_ms + 1, &quiet);
    pulse->asked_ms = worker->now_ms + BACK_EVERY_MS;
    if (err != SNAG_OK || quiet)
        return err;
    pulse->known_ms = pulse->known_ms > last_ms ? pulse->known_ms : last_ms + 1;
    find(partition, stream, SNAG_TICK_BACK, SNAG_TIME_NONE, to_ms);
    return SNAG_OK;
}

/* Looks for the last record's time, of which is known that it is before new_ms. Not found: there is none, or
 * one came just now. */
static snag_err last_find(const snag_worker *worker, uint32_t stream, snag_pulse *pulse, int64_t new_ms,
                          bool *found)
{
    int64_t old_ms = pulse->known_ms == SNAG_TIME_NONE ? 0 : pulse->known_ms;
    bool quiet = false;
    snag_err err = ask(worker, stream, old_ms + 1, &quiet);
    if (err == SNAG_OK && quiet)
        new_ms = old_ms + 1; /* known_ms itself, or there was no record ever */
    while (err == SNAG_OK && new_ms - old_ms > 1) {
        int64_t half_ms = old_ms + (new_ms - old_ms) / 2;
        err = ask(worker, stream, half_ms, &quiet);
        if (quiet)
            new_ms = half_ms;
        else
            old_ms = half_ms;
    }
    if (err == SNAG_OK) /* what came meanwhile may have been stamped earlier */
        err = ask(worker, stream, new_ms, &quiet);
    if (err == SNAG_OK && !quiet)
        pulse->known_ms = new_ms;
    else if (err == SNAG_OK && old_ms > 0)
        pulse->known_ms = old_ms;
    *found = quiet && old_ms > 0;
    return err;
}

snag_err snag_partition_silence(snag_partition *partition, uint32_t stream, int64_t to_ms)
{
    snag_worker *worker = partition->worker;
    snag_pulse *pulse = pulse_of(worker, stream);
    int64_t gap_ms = silent_ms(worker, stream);
    bool quiet, found = false;
    if (gap_ms == 0)
        return SNAG_OK;
    snag_engine_silence silence = silence_of(partition, stream);
    if (silence.silent)
        return back_look(partition, stream, silence.last_ms, to_ms);
    if (pulse->known_ms != SNAG_TIME_NONE && to_ms <= pulse->known_ms + gap_ms)
        return SNAG_OK;
    snag_err err = ask(worker, stream, to_ms - gap_ms / SHARE, &quiet);
    if (err == SNAG_OK && !quiet)
        pulse->known_ms = to_ms - gap_ms / SHARE;
    else if (err == SNAG_OK)
        err = last_find(worker, stream, pulse, to_ms - gap_ms / SHARE, &found);
    if (err == SNAG_OK && found && to_ms > pulse->known_ms + gap_ms)
        find(partition, stream, SNAG_TICK_SILENT, pulse->known_ms, to_ms);
    return err;
}

/* --- rekeyed sources --------------------------------------------------------------------------- */

void snag_rekey_silence_see(snag_partition *partition, const snag_raw *raw, int64_t low_ms)
{
    snag_pulse *pulse = pulse_of(partition->worker, 0);
    if (silent_ms(partition->worker, 0) == 0)
        return;
    if (raw->stamp_ms > pulse->known_ms)
        pulse->known_ms = raw->stamp_ms;
    if (partition->silent && raw->stamp_ms > partition->last_ms)
        snag_rekey_back(partition, raw->position.offset, low_ms);
}

void snag_lane_silence(snag_partition *partition, uint32_t stream, const snag_lane_note *note)
{
    snag_worker *worker = partition->worker;
    uint32_t source = worker->source_of[stream];
    if (!snag_stream_is_back(&partition->streams[stream]) || after_ms(worker, stream) == 0)
        return; /* it was heard before the takeover, or is watched no more */
    if (note->back_ms)
        snag_engine_back(partition->engine, source, note->last_ms, note->back_ms);
    else
        snag_engine_silent(partition->engine, source, note->last_ms);
    snag_worker_dirty(worker, partition);
    partition->draining = !snag_engine_tick_source(partition->engine, stream, note->low_ms,
                                                   snag_worker_timer_budget(worker));
}

/* --- once a turn ------------------------------------------------------------------------------- */

/* For people, from whoever has partition 0. */
static void tell(snag_worker *worker, uint32_t source, const snag_engine_silence *silence)
{
    char text[40];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_pulse *pulse = &worker->pulses[source];
    snag_str name = worker->pipeline->sources[source].name;
    bool silent = silence->silent && snag_engine_w(worker->partitions[0]->engine) > silence->from_ms;
    if (silent == pulse->said && (!silent || silence->last_ms == pulse->said_ms))
        return;
    pulse->said = silent;
    pulse->said_ms = silence->last_ms; /* another may begin at once, as the last one ends */
    snag_time_print(&buf, silence->last_ms);
    if (silent)
        snag_worker_say(worker, "source %.*s is silent: no record since %.*s; what waits for it is held",
                        SNAG_FMT(name), SNAG_FMT(snag_buf_str(&buf)));
    else
        snag_worker_say(worker, "source %.*s is back", SNAG_FMT(name));
}

/* What this worker has seen of it; whether one of its partitions takes it for silent. */
static bool source_see(snag_worker *worker, uint32_t stream, int64_t *last_ms)
{
    uint32_t source = worker->source_of[stream];
    snag_pulse *pulse = &worker->pulses[source];
    bool any = false;
    for (uint32_t i = 0; i < worker->options->partitions; i++) {
        const snag_partition *partition = worker->partitions[i];
        if (i == 0 && !partition->engine)
            pulse->said = false; /* whoever has it now says it, or that it is back */
        if (!partition->engine)
            continue;
        snag_engine_silence silence = snag_engine_silence_of(partition->engine, source);
        int64_t newest_ms = snag_engine_newest_of(partition->engine, stream);
        newest_ms = newest_ms > silence.last_ms ? newest_ms : silence.last_ms;
        pulse->known_ms = newest_ms > pulse->known_ms ? newest_ms : pulse->known_ms;
        any = any || silence.silent;
        *last_ms = silence.silent && silence.last_ms > *last_ms ? silence.last_ms : *last_ms;
        if (i == 0)
            tell(worker, source, &silence);
    }
    return any;
}

static void source_look(snag_worker *worker, uint32_t stream)
{
    snag_pulse *pulse = pulse_of(worker, stream);
    int64_t last_ms = SNAG_TIME_NONE;
    bool quiet = true;
    if (!source_see(worker, stream, &last_ms) || silent_ms(worker, stream) == 0 ||
        pulse->known_ms > last_ms || worker->now_ms < pulse->asked_ms)
        return;
    snag_err err = ask(worker, stream, last_ms + 1, &quiet);
    pulse->asked_ms = worker->now_ms + BACK_EVERY_MS;
    if (err == SNAG_OK && !quiet)
        pulse->known_ms = last_ms + 1;
}

void snag_worker_silences(snag_worker *worker)
{
    uint64_t silent = 0;
    for (uint32_t s = 0; s < worker->sources && worker->pipeline->watches && !worker->rekeys; s++) {
        if (after_ms(worker, s) == 0 || worker->lane_of[s] > 0) /* what is known of one lane is of them all */
            continue;
        source_look(worker, s);
        silent += pulse_of(worker, s)->said && worker->partitions[0]->engine;
    }
    atomic_store(&worker->stats->silent, silent);
}
