/* SPDX-License-Identifier: Apache-2.0
 *
 * What a world works on, from its seed: a small pipeline and the records of its input. Bursts and idle times,
 * several customers and `per` values, events out of order (inside the declared bound and outside), resent,
 * unreadable, of the wrong key, from the future; some written by transactions that may abort.
 *
 * Some worlds are long: their log is of last year, weeks of a record now and then, then days of many; what
 * a pipeline says in seconds it says in hours. So deadlines are learned, and what is usual becomes known.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/time.h"
#include "lanes.h"

enum { LONG_RECORDS = 500, LONG_SPARSE = 150, LONG_DAYS = 200, MINUTE_MS = 60000 };
enum { PIPELINE_BYTES = 4096, RECORD_BYTES = 512, BUDGET_BYTES = 48 << 20 };

typedef struct load {
    sim_world *world;
    sim_dice dice;
    sim_dice source_dice; /* its own: worlds of one source stay what they were */
    sim_dice learn_dice;  /* … and worlds where nothing is learned */
    sim_dice rule_dice;   /* of the rule kinds that came later, for the same reason */
    bool journey, long_ago;
    sim_dice silent_dice; /* its own too */
    sim_dice device_dice; /* and this */
    sim_dice again_dice;  /* and this */
    bool again; /* much is sent again, of the customer's last ten */
    bool devices[SIM_SOURCES]; /* whose events are stamped by devices */
    bool silents[SIM_SOURCES]; /* which are watched, and so have none of these */
    int64_t weights[SIM_SOURCES]; /* how much each source says; 0 = it is silent */
    int64_t lags_ms[SIM_SOURCES]; /* how much later its records come */
    int64_t out_of_order_ms;
    int customers, orders;
    bool disorder;
    int64_t at_ms;
    int64_t then_ms; /* of a long world's log */
} load;

/* --- the pipeline ------------------------------------------------------------------------------ */

/* Some deadlines are learned: mostly of so few that what stands in the file holds, but the state is there. */
static const char *learned(load *self)
{
    return sim_chance(&self->learn_dice, self->long_ago ? 75 : 25) ? "learned 50% else " : "";
}

static void journey_print(load *self, snag_buf *buf)
{
    self->journey = !sim_chance(&self->dice, 35);
    if (!self->journey)
        return;
    snag_buf_printf(buf, "journeys:\n  order:\n    per: order\n%s    stages:\n"
                         "      opened: { event: Opened, due: %s%ds }\n"
                         "      paid: { event: Paid, due: %s%ds }\n"
                         "      done: { event: Done, end: done }\n",
                    self->long_ago ? "    again: true\n" : "", learned(self),
                    (int)sim_between(&self->dice, 3, 7), learned(self),
                    (int)sim_between(&self->dice, 4, 10));
}

static void rules_print(load *self, snag_buf *buf)
{
    sim_dice *dice = &self->dice;
    int after_s = (int)sim_between(dice, 2, 8);
    snag_buf_printf(buf, "rules:\n  stuck: { event: Asked, missing: [Answered, Gone], after: %s%ds%s }\n",
                    learned(self), after_s, sim_chance(dice, 30) ? ", overtake: 2s" : "");
    if (sim_chance(dice, 60))
        snag_buf_printf(buf, "  often: { event: Asked, count: %d, within: %ds, until: Gone%s }\n",
                        (int)sim_between(dice, 2, 4), (int)sim_between(dice, 4, 15),
                        sim_chance(dice, 30) ? ", cooldown: 20s" : "");
    if (sim_chance(dice, 60))
        snag_buf_printf(buf, "  failing: { event: Failed, per: order, count: 2, within: 12s%s }\n",
                        sim_chance(dice, 30) ? ", mode: shadow" : "");
    if (sim_chance(dice, 40))
        snag_buf_printf(buf, "  silent: { event: \"*\", per: order, missing: \"*\", after: %ds }\n",
                        (int)sim_between(dice, 3, 9));
}

/* Of each kind that keeps more than a time: windows in panes, runs of a pattern, values, clicks, clocks that
 * stand, sums that decay, uses by day. A score must stand below what it weighs. */
static void more_rules_print(load *self, snag_buf *buf)
{
    sim_dice *dice = &self->rule_dice;
    if (sim_chance(dice, 35))
        snag_buf_printf(buf, "  flaky: { ratio: Failed, of: [Failed, Paid, Done], within: %ds, enter: 40%%,\n"
                             "           leave: 20%%, hold: %ds, min: 2 }\n",
                        (int)sim_between(dice, 8, 64), (int)sim_between(dice, 0, 4));
    if (sim_chance(dice, 35))
        snag_buf_printf(buf, "  worse: { ratio: Failed, of: [Failed, Asked, Opened, Paid, Done],\n"
                             "           per: order, within: %ds, enter: 2x, leave: 1x, min: 2 }\n",
                        (int)sim_between(dice, 8, 64));
    if (sim_chance(dice, 35))
        snag_buf_printf(buf, "  back: { path: [Opened, Failed, Opened], within: %ds, dwell: 9s%s }\n",
                        (int)sim_between(dice, 5, 30), sim_chance(dice, 50) ? ", until: Done" : "");
    if (self->journey && sim_chance(dice, 50))
        snag_buf_printf(buf, "  again: { path: [opened, paid, opened], per: order, within: journey }\n");
    if (sim_chance(dice, 35))
        snag_buf_printf(buf, "  unlike: { differs: n, between: order, within: %ds }\n",
                        (int)sim_between(dice, 5, 30));
    if (sim_chance(dice, 35))
        snag_buf_printf(buf, "  clicks: { event: Failed, count: 2, gap: %ds, burst: true, quiet: 3s,\n"
                             "            found: Other }\n", (int)sim_between(dice, 2, 9));
    if (sim_chance(dice, 35))
        snag_buf_printf(buf, "  slow: { event: Asked, missing: Answered, after: [%ds, 9s], warn: 30%%,\n"
                             "          pause: Opened, resume: Paid }\n", (int)sim_between(dice, 2, 8));
    if (sim_chance(dice, 35))
        snag_buf_printf(buf, "  usage: { change: Asked, each: %s, by: 30%% }\n",
                        sim_chance(dice, 50) ? "day" : "week");
    if (sim_chance(dice, 50))
        snag_buf_printf(buf, "  effort: { score: { stuck: 3%s }, half_life: %ds, enter: 4, leave: 1 }\n",
                        self->journey ? ", order.opened.late: 2.5" : "", (int)sim_between(dice, 3, 20));
}

/* Idle times are longer than that now and then; a source that says nothing is not silent: it never spoke. */
static void silent_print(load *self, uint32_t source, snag_buf *buf, bool clock_log, int64_t out_of_order_ms)
{
    sim_dice *dice = &self->silent_dice;
    int64_t silent_ms = sim_between(dice, 1500, 8000);
    self->silents[source] = sim_chance(dice, 40) && !clock_log;
    if (self->silents[source])
        snag_buf_printf(buf, "    silent: { after: %dms%s }\n",
                        (int)(silent_ms > out_of_order_ms ? silent_ms : out_of_order_ms),
                        sim_chance(dice, 50) ? ", events: [Answered, Paid]" : "");
}

/* Events stamped by the devices' own clocks, which are off, and corrected. */
static void device_print(load *self, uint32_t source, snag_buf *buf)
{
    static const char *const more[] = {"", ", sent: sent", ", sent: sent, tolerance: 1s"};
    sim_dice *dice = &self->device_dice;
    bool some = sim_chance(dice, 20);
    uint32_t stream = source + (source && self->world->lanes ? self->world->lanes - 1 : 0);
    self->devices[stream] = some && stream >= self->world->lanes;
    if (self->devices[stream])
        snag_buf_printf(buf, "    device: { id: dev%s }\n", more[sim_below(dice, 3)]);
}

static void sources_print(load *self, snag_buf *buf)
{
    sim_dice *dice = &self->source_dice;
    uint32_t count = sim_source_of(self->world, self->world->sources - 1) + 1;
    for (uint32_t s = 1; s < count; s++) {
        snag_buf_printf(buf, "  s%u:\n    topic: t%u\n    format: json\n"
                             "    map: { id: id, time: at, type: what, customer: who }\n"
                             "    keep: { order: order, n: { from: n, as: int } }\n", s, s);
        int64_t bound_s = sim_chance(dice, 50) ? sim_between(dice, 1, 4) : 0;
        if (bound_s)
            snag_buf_printf(buf, "    out_of_order: %ds\n", (int)bound_s);
        if (sim_chance(dice, 50))
            snag_buf_printf(buf, "    delay: %ds\n", (int)sim_between(dice, 0, 3));
        bool clock_log = sim_chance(dice, 10) && !self->world->lanes; /* lanes would be left in the middle */
        if (clock_log)
            snag_buf_printf(buf, "    clock: log\n");
        silent_print(self, s, buf, clock_log, bound_s * 1000);
        device_print(self, s, buf);
    }
}

/* Sources of different speed, one of them perhaps silent, one behind. */
static void sources_make(load *self)
{
    static const int64_t weights[] = {0, 1, 5, 20};
    sim_dice *dice = &self->source_dice;
    int luck = (int)sim_below(dice, 100);
    self->world->sources = luck < 55 ? 1 : luck < 85 ? 2 : 3;
    sim_dice lanes = {self->world->setup.seed * 16 + 9};
    self->world->lanes = sim_chance(&lanes, 15) ? 1 : 0;
    sim_dice ages = {self->world->setup.seed * 64 + 21};
    self->long_ago = sim_chance(&ages, 8);
    if (self->long_ago) { /* no clock may move it, no silent source hold it back, and much come together */
        self->world->parts = (self->world->parts + 1) / 2;
        self->world->lanes = 0;
        self->world->sources = 1;
    }
    if (self->world->lanes) {
        self->world->lanes = self->world->sources = (uint32_t)sim_between(&lanes, 1, SIM_SOURCES);
        self->world->sources += self->world->lanes < SIM_SOURCES && sim_chance(&lanes, 50); /* a keyed one */
    }
    for (uint32_t s = 0; s < SIM_SOURCES; s++) {
        self->weights[s] = s == 0 ? 5 : weights[sim_below(dice, 4)];
        bool lags = self->world->sources > 1 && sim_chance(dice, 40);
        self->lags_ms[s] = lags ? sim_between(dice, 100, 5000) : 0;
    }
}

static uint32_t source_pick(load *self)
{
    int64_t all = 0, luck;
    uint32_t s = 0;
    if (self->world->sources == 1)
        return 0;
    for (uint32_t i = 0; i < self->world->sources; i++)
        all += self->weights[i];
    luck = sim_below(&self->source_dice, all);
    while (luck >= self->weights[s])
        luck -= self->weights[s++];
    return s;
}

/* Every "7s" becomes "7h". */
static void seconds_to_hours(char *text)
{
    for (char *at = text + 1; *at; at++)
        if (*at == 's' && at[-1] >= '0' && at[-1] <= '9')
            *at = 'h';
}

static void pipeline_make(load *self)
{
    sim_world *world = self->world;
    sim_dice *dice = &self->dice;
    char *text = sim_take(world, PIPELINE_BYTES);
    snag_buf buf = snag_buf_on(text, PIPELINE_BYTES - 1);
    self->out_of_order_ms = sim_chance(dice, 50) ? 0 : sim_between(dice, 1, 4) * 1000;
    snag_buf_printf(&buf, "pipeline: w\ncalendars: { here: { zone: UTC } }\n"
                          "sources:\n  s:\n    topic: t\n    format: json\n"
                          "    map: { id: id, time: at, type: what, customer: who }\n"
                          "    keep: { order: order, n: { from: n, as: int } }\n");
    if (self->out_of_order_ms)
        snag_buf_printf(&buf, "    out_of_order: %ds\n", (int)(self->out_of_order_ms / 1000));
    if (sim_chance(dice, 50))
        snag_buf_printf(&buf, "    delay: %ds\n", (int)sim_between(dice, 0, 3));
    bool by_log = sim_chance(dice, 20) || self->long_ago;
    if (self->world->lanes)
        snag_buf_printf(&buf, "    rekey: true\n");
    else if (by_log)
        snag_buf_printf(&buf, "    clock: log\n");
    silent_print(self, 0, &buf, by_log && !self->world->lanes, self->out_of_order_ms);
    device_print(self, 0, &buf);
    if (sim_chance(dice, 25))
        snag_buf_printf(&buf, "    remember: %ds\n", (int)sim_between(dice, 15, 60));
    sources_print(self, &buf);
    journey_print(self, &buf);
    rules_print(self, &buf);
    more_rules_print(self, &buf);
    SNAG_ASSERT(!buf.full);
    if (self->long_ago)
        seconds_to_hours(text);
    world->pipeline = text;
    snag_err err = snag_config_parse(&world->config, snag_str_from(text), "w.yaml", NULL);
    for (uint32_t i = 0; i < world->config.error_count; i++)
        fprintf(stderr, "%u: %s\n", world->config.errors[i].diag.line, world->config.errors[i].diag.text);
    SNAG_ASSERT(err == SNAG_OK);
    world->config.pipeline.budget_bytes = BUDGET_BYTES;
    world->running = &world->config.pipeline;
    if (world->lanes)
        sim_lanes_make(world);
}

/* --- the records ------------------------------------------------------------------------------- */

static int64_t event_time_long(load *self)
{
    sim_dice *dice = &self->dice;
    int64_t bound_ms = self->disorder ? self->out_of_order_ms * 3600 + 12 * MINUTE_MS : MINUTE_MS;
    return self->then_ms - sim_below(dice, sim_chance(dice, 95) ? bound_ms : 20 * bound_ms);
}

static int64_t event_time(load *self)
{
    sim_dice *dice = &self->dice;
    int64_t now_ms = SIM_EPOCH_MS + self->at_ms;
    if (self->long_ago)
        return event_time_long(self);
    if (!self->disorder || sim_chance(dice, 50))
        return now_ms - sim_below(dice, 20);
    if (sim_chance(dice, 85))
        return now_ms - sim_below(dice, self->out_of_order_ms ? self->out_of_order_ms + 200 : 700);
    return now_ms - sim_below(dice, 20000);
}

/* Two devices a customer, each with a clock of its own; one in four is set anew in the middle. Sent just now,
 * but for some uploads that took their time. Returns how far the clock runs ahead. */
static int64_t device_put(load *self, snag_buf *buf, uint32_t i, const char *who)
{
    static const int64_t offs_ms[] = {0, 0, 90000, -40000, 3000, -2500, 94608000000, -1700000000000};
    enum { OFFS = sizeof offs_ms / sizeof offs_ms[0] };
    sim_dice *dice = &self->device_dice;
    int64_t device = sim_below(dice, 2), slow_ms = sim_chance(dice, 10) ? sim_below(dice, 8000) : 0;
    uint32_t clock = (uint32_t)(who[1] * 5 + device * 3);
    bool set = i > self->world->record_count / 2 && clock % 4 == 0;
    int64_t ahead_ms = offs_ms[(clock + set) % OFFS];
    snag_buf_printf(buf, "\"dev\":\"d%d\",\"sent\":\"", (int)device);
    snag_time_print(buf, SIM_EPOCH_MS + self->at_ms - slow_ms + ahead_ms);
    snag_buf_printf(buf, "\",");
    return ahead_ms;
}

static void value_print(load *self, snag_buf *buf, uint32_t source, uint32_t i, const char *who)
{
    static const char *const types[] = {"Asked", "Asked", "Answered", "Gone", "Opened", "Opened",
                                        "Paid", "Done", "Failed", "Other"};
    sim_dice *dice = &self->dice;
    int luck = (int)sim_below(dice, 100);
    int64_t time_ms = luck == 0 ? SIM_EPOCH_MS + self->at_ms + 3600000 : event_time(self);
    if (luck == 1) {
        snag_buf_printf(buf, "{\"id\":\"cut");
        return;
    }
    snag_buf_printf(buf, "{\"id\":\"e%u\",", i);
    if (self->devices[source])
        time_ms += device_put(self, buf, i, who);
    if (luck != 2) {
        snag_buf_printf(buf, "\"at\":\"");
        snag_time_print(buf, time_ms);
        snag_buf_printf(buf, "\",");
    }
    snag_buf_printf(buf, "\"what\":\"%s\"", types[sim_below(dice, (int64_t)(sizeof types / sizeof *types))]);
    if (!sim_chance(dice, 20))
        snag_buf_printf(buf, ",\"order\":\"o%d\"", (int)sim_below(dice, self->orders));
    snag_buf_printf(buf, ",\"n\":%d", (int)sim_below(&self->rule_dice, 3));
    snag_buf_printf(buf, ",\"who\":\"%s\"}", luck == 3 ? "somebody else" : who);
}

/* What the same customer's record said so many records ago, in the same source (or lane of it); NULL: there
 * were not so many. */
static const sim_record *said_before(const load *self, const sim_record *record, int64_t back)
{
    const sim_world *world = self->world;
    for (const sim_record *one = record - 1; one >= world->records; one--)
        if (!one->again && snag_str_equal(one->key, record->key) &&
            sim_source_of(world, one->source) == sim_source_of(world, record->source) && --back == 0)
            return one;
    return NULL;
}

static void send_again(load *self, sim_record *record)
{
    const sim_record *one = NULL;
    bool devices = memchr(self->devices, true, sizeof self->devices) != NULL; /* see again.c */
    if (self->again && !devices && sim_chance(&self->again_dice, 20))
        one = said_before(self, record, sim_between(&self->again_dice, 1, 10));
    if (!one)
        return;
    record->value = one->value;
    record->again = true;
}

static void record_make(load *self, uint32_t i)
{
    sim_world *world = self->world;
    sim_record *record = &world->records[i];
    char who[16], text[RECORD_BYTES];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snprintf(who, sizeof who, "c%d", (int)sim_below(&self->dice, self->customers));
    record->source = source_pick(self);
    record->at_ms = self->at_ms + self->lags_ms[record->source];
    if (i > 0 && sim_chance(&self->dice, 5)) { /* resent */
        record->again = true;
        record->key = world->records[i - 1].key;
        record->value = world->records[i - 1].value;
    } else {
        value_print(self, &buf, record->source, i, who);
        record->key = sim_copy_of(world, snag_str_from(who));
        record->value = sim_copy_of(world, snag_buf_str(&buf));
        send_again(self, record);
    }
    record->partition = snag_murmur2(record->key) % world->parts;
    record->upstream = sim_chance(&self->dice, 15);
    record->aborted = record->upstream && sim_chance(&self->dice, 20);
}

static void records_make(load *self)
{
    sim_world *world = self->world;
    sim_dice *dice = &self->dice;
    uint32_t count = (uint32_t)sim_between(dice, 40, SIM_RECORDS_MOST);
    if (self->long_ago)
        count = LONG_RECORDS;
    int64_t pace_ms = sim_between(dice, 40, 500);
    if (world->setup.records && world->setup.records < count)
        count = world->setup.records;
    world->records = sim_take(world, count * sizeof *world->records);
    world->record_count = count;
    self->at_ms = sim_between(dice, 0, 3000);
    self->then_ms = SIM_EPOCH_MS - LONG_DAYS * INT64_C(86400000);
    for (uint32_t i = 0; i < count; i++) {
        record_make(self, i);
        if (self->long_ago)
            self->then_ms += sim_between(dice, 0, i < LONG_SPARSE ? 840 : 90) * MINUTE_MS;
        self->at_ms += sim_below(dice, 2 * pace_ms);
        if (sim_chance(dice, 4))
            self->at_ms += sim_between(dice, 3000, 12000);
    }
    world->horizon_ms = self->at_ms + 1000;
    for (uint32_t s = 0; s < world->sources; s++)
        if (self->at_ms + self->lags_ms[s] + 1000 > world->horizon_ms)
            world->horizon_ms = self->at_ms + self->lags_ms[s] + 1000;
}

/* --- given to the topic ------------------------------------------------------------------------ */

static void upstream_mark(sim_world *world, void *what, uint64_t commit)
{
    (void)what;
    if (world->now_ms < world->upstream_open_ms && !world->healed) {
        sim_at(world, world->upstream_open_ms, upstream_mark, NULL, commit);
        return;
    }
    world->upstream_marking = false;
    for (uint32_t i = 0; i < world->parts * world->sources; i++) {
        uint32_t s = i / world->parts, p = i % world->parts;
        sim_log *log = &world->logs[SIM_INPUT + s][p];
        if (log->open[SIM_UPSTREAM] < 0)
            continue;
        sim_log_mark(world, log, SIM_UPSTREAM, commit != 0);
        sim_input_arrived(world, s, p);
    }
}

static void record_give(sim_world *world, void *what, uint64_t number)
{
    const sim_record *record = what;
    sim_log *log = &world->logs[SIM_INPUT + record->source][record->partition];
    world->record_given++;
    if (record->source < world->lanes) {
        sim_lane_give(world, record);
        return;
    }
    snag_message message = {.key = record->key, .value = record->value};
    (void)number;
    sim_log_add(world, log, &message, record->upstream ? SIM_UPSTREAM : -1, SIM_EPOCH_MS + world->now_ms);
    if (record->upstream && !world->upstream_marking) {
        world->upstream_marking = true;
        sim_at(world, world->now_ms + 1 + sim_below(&world->dice, 300), upstream_mark, NULL,
               !record->aborted);
    }
    sim_input_arrived(world, record->source, record->partition);
}

void sim_load_make(sim_world *world)
{
    load self = {.world = world, .dice = {world->setup.seed * 2 + 1},
                 .source_dice = {world->setup.seed * 8 + 6},
                 .learn_dice = {world->setup.seed * 32 + 20},
                 .rule_dice = {world->setup.seed * 16 + 12},
                 .silent_dice = {world->setup.seed * 64 + 44},
                 .device_dice = {world->setup.seed * 64 + 52},
                 .again_dice = {world->setup.seed * 64 + 36}};
    sim_dice *dice = &self.dice;
    world->parts = (uint32_t)sim_between(dice, 1, SIM_PARTS);
    world->slots = (uint32_t)sim_between(dice, 1, SIM_SLOTS);
    if (world->setup.slots)
        world->slots = world->setup.slots;
    world->with_store = sim_chance(dice, 65);
    world->timer_budget = sim_chance(dice, 60) ? (uint32_t)sim_between(dice, 1, 2) : 0;
    world->reload_items = (uint32_t)sim_between(dice, 1, 4);
    world->tombstones_ms = 60000;
    self.customers = (int)sim_between(dice, 2, 9);
    self.orders = (int)sim_between(dice, 1, 4);
    self.disorder = sim_chance(dice, 70);
    self.again = sim_chance(&self.again_dice, 20);
    sources_make(&self);
    pipeline_make(&self);
    records_make(&self);
    for (uint32_t i = 0; i < world->record_count; i++)
        sim_at(world, world->records[i].at_ms, record_give, &world->records[i], 0);
}
