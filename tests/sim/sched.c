/* SPDX-License-Identifier: Apache-2.0
 *
 * Time, the baton, processes, requests on their way.
 *
 *     a worker calls a port --> waits --> takes the next event itself --> ... --> one wakes somebody:
 *     itself: goes on at once;  another: hands the baton over and sleeps on its own semaphore
 *
 * A killed process has no effect from that moment on: its ports refuse without waiting, so that it unwinds by
 * the ways the real worker has and frees its memory. What it had sent before still arrives.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "world.h"

enum { CHUNK_BYTES = 1 << 20, ALIGN = 16, MEMORY_MOST = 256 << 20 };

typedef struct sim_chunk {
    struct sim_chunk *next;
    size_t used;
    size_t size;
    _Alignas(16) char bytes[];
} sim_chunk;

/* --- memory ------------------------------------------------------------------------------------ */

void *sim_take(sim_world *world, size_t size)
{
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    sim_chunk *chunk = world->chunks;
    if ((world->taken += size) > MEMORY_MOST)
        sim_fail(world, "the world does not come to rest (%d MiB)", MEMORY_MOST >> 20);
    if (!chunk || size > chunk->size - chunk->used) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        chunk = malloc(sizeof *chunk + room);
        SNAG_ASSERT(chunk != NULL);
        *chunk = (sim_chunk){.next = world->chunks, .size = room};
        world->chunks = chunk;
    }
    void *piece = chunk->bytes + chunk->used;
    chunk->used += size;
    memset(piece, 0, size);
    return piece;
}

snag_str sim_copy_of(sim_world *world, snag_str text)
{
    if (!text.data)
        return text;
    char *bytes = sim_take(world, text.size + 1);
    if (text.size)
        memcpy(bytes, text.data, text.size);
    return snag_str_of(bytes, text.size);
}

void sim_forget_memory(sim_world *world)
{
    while (world->chunks) {
        sim_chunk *next = world->chunks->next;
        free(world->chunks);
        world->chunks = next;
    }
}

/* --- words ------------------------------------------------------------------------------------- */

void sim_fail(sim_world *world, const char *format, ...)
{
    va_list args;
    if (world->failed)
        return;
    va_start(args, format);
    vsnprintf(world->why, sizeof world->why, format, args);
    va_end(args);
    world->failed = world->over = true;
    sim_trace(world, "FAILED: %s", world->why);
}

void sim_trace(const sim_world *world, const char *format, ...)
{
    va_list args;
    if (!world->setup.trace)
        return;
    printf("%9.3f  ", (double)world->now_ms / 1000);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

/* --- events ------------------------------------------------------------------------------------ */

static bool earlier(const sim_event *a, const sim_event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void event_add(sim_world *world, const sim_event *event)
{
    if (world->event_count == world->event_room) {
        world->event_room = world->event_room ? world->event_room * 2 : 256;
        world->events = realloc(world->events, world->event_room * sizeof *world->events);
        SNAG_ASSERT(world->events != NULL);
    }
    size_t at = world->event_count++;
    for (; at > 0 && earlier(event, &world->events[(at - 1) / 2]); at = (at - 1) / 2)
        world->events[at] = world->events[(at - 1) / 2];
    world->events[at] = *event;
}

static sim_event event_take(sim_world *world)
{
    sim_event first = world->events[0];
    sim_event last = world->events[--world->event_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= world->event_count)
            break;
        if (child + 1 < world->event_count && earlier(&world->events[child + 1], &world->events[child]))
            child++;
        if (!earlier(&world->events[child], &last))
            break;
        world->events[at] = world->events[child];
        at = child;
    }
    world->events[at] = last;
    return first;
}

void sim_at(sim_world *world, int64_t at_ms, void (*run)(sim_world *, void *, uint64_t), void *what,
            uint64_t number)
{
    sim_event event = {.at_ms = at_ms < world->now_ms ? world->now_ms : at_ms, .order = world->orders++,
                       .run = run, .what = what, .number = number};
    event_add(world, &event);
}

/* --- the baton --------------------------------------------------------------------------------- */

bool sim_frozen(const sim_proc *proc)
{
    return proc->frozen_until_ms > proc->world->now_ms;
}

/* Takes events until one wakes a process; NULL: main is next. */
static sim_proc *next_runner(sim_world *world)
{
    while (!world->over && world->event_count) {
        if (++world->steps > SIM_STEPS_MAX) {
            sim_fail(world, "the world does not come to rest (%d steps)", SIM_STEPS_MAX);
            break;
        }
        sim_event event = event_take(world);
        if (event.at_ms > world->now_ms)
            world->now_ms = event.at_ms;
        if (event.run) {
            event.run(world, event.what, event.number);
            continue;
        }
        sim_proc *proc = event.what;
        if (proc->done || proc->wait != event.number)
            continue;
        if (!sim_frozen(proc) || proc->dead)
            return proc;
        proc->woken_late = event.number;
    }
    return NULL;
}

static void hand_over(sim_world *world, sim_proc *next)
{
    sem_post(next ? &next->go : &world->main_go);
}

static void sleep_on(sem_t *go)
{
    while (sem_wait(go) != 0) {
    }
}

void sim_run_events(sim_world *world)
{
    sim_proc *next = next_runner(world);
    if (!next)
        return;
    hand_over(world, next);
    sleep_on(&world->main_go);
}

void sim_settle(sim_world *world)
{
    while (world->event_count) {
        sim_event event = event_take(world);
        if (event.at_ms > world->now_ms)
            world->now_ms = event.at_ms;
        if (event.run)
            event.run(world, event.what, event.number);
    }
}

void sim_proc_wake(sim_proc *proc)
{
    sim_at(proc->world, proc->world->now_ms, NULL, proc, proc->wait);
}

bool sim_wait(sim_proc *proc, int64_t wait_ms)
{
    sim_world *world = proc->world;
    if (proc->dead)
        return false;
    proc->wait++;
    proc->waits = true;
    sim_at(world, world->now_ms + wait_ms, NULL, proc, proc->wait);
    sim_proc *next = next_runner(world);
    if (next != proc) {
        hand_over(world, next);
        sleep_on(&proc->go);
    }
    proc->waits = false;
    return !proc->dead;
}

bool sim_step(sim_proc *proc, int64_t wait_ms)
{
    if (proc->world->failed)
        proc->dead = true;
    if (proc->dead)
        return false;
    if (proc->kill_calls && --proc->kill_calls == 0) {
        sim_proc_kill(proc, "between two calls");
        return false;
    }
    return wait_ms ? sim_wait(proc, wait_ms) : true;
}

/* --- processes --------------------------------------------------------------------------------- */

static bool name_lives(const sim_world *world, uint32_t slot)
{
    for (uint32_t i = 0; i < world->proc_count; i++)
        if (world->procs[i]->slot == slot && !world->procs[i]->dead && !world->procs[i]->done)
            return true;
    return false;
}

static void start_again(sim_world *world, void *what, uint64_t slot)
{
    (void)what;
    if (!world->closing && !name_lives(world, (uint32_t)slot))
        sim_proc_start(world, (uint32_t)slot);
}

static void start_later(sim_world *world, uint32_t slot)
{
    int64_t rest_ms = sim_chance(&world->dice, 60) ? sim_between(&world->dice, 100, 3000)
                                                   : sim_between(&world->dice, 3000, 20000);
    sim_at(world, world->now_ms + rest_ms, start_again, NULL, slot);
}

/* What a worker may end with: being asked to (then the last commit may fail), and being fenced twice. */
static void ended(sim_proc *proc)
{
    sim_world *world = proc->world;
    if (proc->dead)
        return;
    sim_trace(world, "%u.%u ends: %s", proc->slot, proc->number,
              proc->err == SNAG_OK ? "asked to" : proc->diag.text);
    sim_group_expire_later(proc);
    if (world->lost) {
        sim_loss_ended(world, proc);
        return;
    }
    bool outside = proc->err == SNAG_FENCED || (proc->stopping && proc->err == SNAG_BROKER);
    if (proc->err != SNAG_OK && !outside)
        sim_fail(world, "worker %u.%u ends by itself: %s", proc->slot, proc->number, proc->diag.text);
    else if (proc->err == SNAG_OK && !proc->stopping)
        sim_fail(world, "worker %u.%u ends without being asked to", proc->slot, proc->number);
    start_later(world, proc->slot);
}

static void *proc_main(void *context)
{
    sim_proc *proc = context;
    sim_world *world = proc->world;
    sleep_on(&proc->go);
    proc->waits = false;
    proc->err = snag_worker_run(&proc->options, &proc->ports, &proc->shared, &proc->stats, &proc->diag);
    free(proc->producer.messages);
    if (proc->blocks != 0)
        sim_fail(world, "worker %u.%u kept %d blocks of memory", proc->slot, proc->number,
                 (int)proc->blocks);
    ended(proc);
    proc->done = true;
    hand_over(world, next_runner(world));
    return NULL;
}

static void options_fill(sim_proc *proc)
{
    sim_world *world = proc->world;
    snag_worker_options *options = &proc->options;
    *options = (snag_worker_options){.pipeline = world->running, .partitions = world->parts,
                                     .schema_ids = {-1, -1, -1, -1}, .group = "group",
                                     .instance = "instance", .batch_max = SIM_BATCH,
                                     .commit_every_ms = 50, .tombstones_ms = world->tombstones_ms,
                                     .timer_budget = world->timer_budget,
                                     .reload_items = world->reload_items, .passed = sim_passed,
                                     .passed_context = proc};
    for (int i = 0; i < SNAG_TOPIC_COUNT; i++)
        options->topic_partitions[i] = world->parts;
}

sim_proc *sim_proc_start(sim_world *world, uint32_t slot)
{
    SNAG_ASSERT(world->proc_count < SIM_PROCS);
    sim_proc *proc = sim_take(world, sizeof *proc);
    proc->world = world;
    proc->slot = slot;
    proc->number = world->proc_count;
    proc->producer.epoch = -1;
    proc->clock_off_ms = sim_between(&world->dice, -40, 40);
    proc->ports.input = sim_input_port(proc);
    proc->ports.output = sim_output_port(proc);
    proc->ports.changelog = sim_changelog_port(proc);
    if (world->with_store)
        proc->ports.store = sim_store_port(proc);
    sim_other_ports(proc, &proc->ports);
    options_fill(proc);
    world->procs[world->proc_count++] = proc;
    world->seats[slot] = proc;
    sem_init(&proc->go, 0, 0);
    int failed = pthread_create(&proc->thread, NULL, proc_main, proc);
    SNAG_ASSERT(failed == 0);
    proc->waits = true;
    sim_trace(world, "%u.%u starts", slot, proc->number);
    sim_proc_wake(proc);
    return proc;
}

void sim_proc_kill(sim_proc *proc, const char *why)
{
    sim_world *world = proc->world;
    if (proc->dead || proc->done)
        return;
    sim_trace(world, "%u.%u dies %s", proc->slot, proc->number, why);
    proc->dead = true;
    atomic_store(&proc->shared.stop, true);
    sim_group_expire_later(proc);
    if (!name_lives(world, proc->slot))
        start_later(world, proc->slot);
    if (proc->waits)
        sim_proc_wake(proc);
}

static void thaw(sim_world *world, void *what, uint64_t number)
{
    sim_proc *proc = what;
    (void)number;
    if (proc->done || proc->dead || sim_frozen(proc))
        return;
    sim_trace(world, "%u.%u is awake again", proc->slot, proc->number);
    proc->frozen_until_ms = 0;
    if (proc->woken_late == proc->wait)
        sim_proc_wake(proc);
}

void sim_proc_freeze(sim_proc *proc, int64_t span_ms)
{
    sim_world *world = proc->world;
    if (proc->dead || proc->done || sim_frozen(proc))
        return;
    sim_trace(world, "%u.%u is frozen for %d ms", proc->slot, proc->number, (int)span_ms);
    proc->frozen_until_ms = world->now_ms + span_ms;
    proc->woken_late = 0;
    sim_at(world, proc->frozen_until_ms, thaw, proc, 0);
    sim_group_expire_later(proc);
}

void sim_passed(void *context, snag_point point)
{
    sim_proc *proc = context;
    sim_world *world = proc->world;
    if (proc->dead)
        return;
    world->passed[point]++;
    int64_t *after = &world->kill_after[proc->slot];
    if (*after == 0 || world->kill_point[proc->slot] != point || --*after > 0)
        return;
    static const char *const words[] = {
#define X(name, word, left) word,
        SNAG_POINT_TABLE(X)
#undef X
    };
    sim_trace(world, "%u.%u reaches %s", proc->slot, proc->number, words[point]);
    if (world->freeze_ms[proc->slot]) {
        sim_proc_freeze(proc, world->freeze_ms[proc->slot]);
        sim_wait(proc, 0);
        return;
    }
    world->died[point]++;
    sim_proc_kill(proc, "at a point");
}

/* --- requests ---------------------------------------------------------------------------------- */

static void answered(sim_world *world, void *what, uint64_t code)
{
    sim_request *request = what;
    sim_proc *proc = request->from;
    (void)world;
    if (request->reply->answered)
        return;
    request->reply->answered = true;
    request->reply->code = (sim_code)code;
    if (proc && proc->waits_reply && !proc->done)
        sim_proc_wake(proc);
}

static int64_t latency_ms(sim_world *world)
{
    int64_t luck = sim_below(&world->dice, 100);
    if (luck < 94)
        return sim_below(&world->dice, 3);
    return luck < 99 ? sim_below(&world->dice, 40) : sim_below(&world->dice, 400);
}

static void arrives(sim_world *world, void *what, uint64_t number)
{
    sim_request *request = what;
    (void)number;
    if (!request->store && world->now_ms < world->broker_down_ms)
        return;
    sim_code code = request->run(world, request);
    if (!request->mute)
        sim_at(world, world->now_ms + latency_ms(world), answered, request, (uint64_t)code);
}

sim_reply *sim_post(sim_proc *proc, const sim_request *request)
{
    sim_world *world = proc->world;
    sim_request *copy = sim_take(world, sizeof *copy);
    *copy = *request;
    copy->from = proc;
    copy->reply = sim_take(world, sizeof *copy->reply);
    if (request->delay_ms < 0)
        return copy->reply;
    int64_t at_ms = world->now_ms + request->delay_ms + latency_ms(world);
    if (request->store && at_ms < proc->store_at_ms)
        at_ms = proc->store_at_ms;
    if (request->store)
        proc->store_at_ms = at_ms;
    sim_at(world, at_ms, arrives, copy, 0);
    if (request->again_ms > 0)
        sim_at(world, at_ms + request->again_ms, arrives, copy, 0);
    return copy->reply;
}

sim_code sim_await(sim_proc *proc, sim_reply *const *replies, size_t count, int64_t limit_ms)
{
    int64_t until_ms = proc->world->now_ms + limit_ms;
    size_t left = 0;
    while (left < count) {
        if (replies[left]->answered) {
            left++;
            continue;
        }
        if (proc->world->now_ms >= until_ms)
            return SIM_SILENT;
        proc->waits_reply = true;
        bool lives = sim_wait(proc, until_ms - proc->world->now_ms);
        proc->waits_reply = false;
        if (!lives)
            return SIM_SILENT;
    }
    for (size_t i = 0; i < count; i++)
        if (replies[i]->code != SIM_OK)
            return replies[i]->code;
    return SIM_OK;
}

sim_code sim_call(sim_proc *proc, const sim_request *request, sim_reply *out)
{
    if (!sim_step(proc, 0))
        return SIM_SILENT;
    sim_reply *reply = sim_post(proc, request);
    sim_code code = sim_await(proc, &reply, 1, SIM_CALL_MS);
    if (out && reply->answered)
        *out = *reply;
    return code;
}
