/* SPDX-License-Identifier: Apache-2.0
 *
 * snag simulate: invented event streams with planted friction, and the labels that say where it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/nearest.h"
#include "cli/command.h"
#include "cli/sim_format.h"
#include "cli/terminal.h"

enum { BUFFER_BYTES = 64 * 1024, FLUSH_BYTES = 60 * 1024, CUSTOMERS_MAX = 10000000 };
#define EVENTS_OTHERWISE INT64_MIN

static const snag_sim_scenario *const scenarios[] = {&snag_sim_calls, &snag_sim_shop, &snag_sim_uploads};
enum { SCENARIO_COUNT = sizeof scenarios / sizeof scenarios[0] };

/* A label whose deadline no event has passed yet. */
typedef struct waiting {
    snag_sim_entry *entries;
    size_t count;
    size_t room;
} waiting;

typedef struct simulate {
    const snag_command *command;
    const char *scenario_name;
    const char *format_name;
    const char *rate;
    const char *labels_path;
    int64_t customers;
    int64_t events;
    int64_t seed;
    int64_t start_ms;
    bool live;
    bool keys;

    const snag_sim_scenario *scenario;
    snag_sim_format format;
    int64_t hour_events;
    FILE *labels;
    waiting waiting;
    snag_buf buf;
    char bytes[BUFFER_BYTES];
} simulate;

static bool write_out(simulate *self)
{
    bool good = fwrite(self->bytes, 1, self->buf.size, stdout) == self->buf.size && fflush(stdout) == 0;
    self->buf.size = 0;
    return good;
}

static void label_write(simulate *self, const snag_sim_entry *entry)
{
    char bytes[512];
    for (uint32_t i = 0; self->labels && i < entry->label_count; i++) {
        snag_buf buf = snag_buf_on(bytes, sizeof bytes);
        snag_sim_label_put(&buf, entry, &entry->labels[i]);
        fwrite(bytes, 1, buf.size, self->labels);
    }
}

static bool label_wait(simulate *self, const snag_sim_entry *entry)
{
    waiting *list = &self->waiting;
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 64;
        snag_sim_entry *entries = realloc(list->entries, room * sizeof *entries);
        if (!entries)
            return false;
        list->entries = entries;
        list->room = room;
    }
    list->entries[list->count++] = *entry;
    return true;
}

/* Time has come to time_ms: labels of deadlines before it are true now. */
static void labels_pass(simulate *self, int64_t time_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->waiting.count; i++) {
        const snag_sim_entry *entry = &self->waiting.entries[i];
        if (entry->time_ms < time_ms)
            label_write(self, entry);
        else
            self->waiting.entries[kept++] = *entry;
    }
    self->waiting.count = kept;
}

static void sleep_until(int64_t time_ms)
{
    int64_t rest_ms = time_ms - snag_clock_wall_ms();
    if (rest_ms <= 0)
        return;
    struct timespec rest = {rest_ms / 1000, (long)(rest_ms % 1000) * 1000000};
    nanosleep(&rest, NULL);
}

static int stream(simulate *self, snag_sim *sim)
{
    int64_t written = 0;
    while (self->events == 0 || written < self->events) {
        const snag_sim_entry *entry;
        if (snag_sim_next(sim, &entry) != SNAG_OK)
            return snag_command_fail(self->command, SNAG_EXIT_USAGE, "out of memory");
        if (!entry->type) {
            if (!label_wait(self, entry))
                return snag_command_fail(self->command, SNAG_EXIT_USAGE, "out of memory");
            continue;
        }
        if (self->live)
            sleep_until(entry->time_ms);
        labels_pass(self, entry->time_ms);
        if (self->keys)
            snag_buf_printf(&self->buf, "c-%llu\t", (unsigned long long)entry->customer);
        snag_sim_event_put(&self->buf, self->scenario, self->format, entry, (uint64_t)written);
        label_write(self, entry);
        written++;
        if ((self->live || self->buf.size > FLUSH_BYTES) && !write_out(self))
            break;
    }
    if (!write_out(self))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "not all output could be written");
    return SNAG_EXIT_FINE;
}

/* "5", "5/s", "90/m", "20/h": events an hour. */
static bool rate_parse(const char *text, int64_t *hour_events)
{
    char *end;
    long long number = strtoll(text, &end, 10);
    if (end == text || number < 1 || number > 1000000)
        return false;
    if (strcmp(end, "") == 0 || strcmp(end, "/s") == 0)
        *hour_events = number * 3600;
    else if (strcmp(end, "/m") == 0)
        *hour_events = number * 60;
    else if (strcmp(end, "/h") == 0)
        *hour_events = number;
    else
        return false;
    return true;
}

static int scenario_find(simulate *self)
{
    snag_nearest nearest = {.wanted = snag_str_from(self->scenario_name)};
    for (size_t i = 0; i < SCENARIO_COUNT; i++) {
        snag_nearest_offer(&nearest, snag_str_from(scenarios[i]->name));
        if (strcmp(scenarios[i]->name, self->scenario_name) == 0)
            self->scenario = scenarios[i];
    }
    if (self->scenario)
        return -1;
    if (nearest.best.size > 0)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                 "there is no scenario %s; did you mean %.*s?", self->scenario_name,
                                 SNAG_FMT(nearest.best));
    return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                             "there is no scenario %s: calls, shop or uploads", self->scenario_name);
}

static int check_options(simulate *self)
{
    int code = scenario_find(self);
    if (code >= 0)
        return code;
    const char *format = self->format_name ? self->format_name : self->scenario->format;
    self->format = snag_sim_format_find(snag_str_from(format));
    if (self->format == SNAG_SIM_FORMAT_COUNT)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                 "--format %s: expected segment, cloudevents or json", format);
    if (!rate_parse(self->rate, &self->hour_events))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                 "--rate %s: expected events a second, or 90/m, or 20/h", self->rate);
    if (self->customers < 1 || self->customers > CUSTOMERS_MAX)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--customers: from 1 to %d",
                                 CUSTOMERS_MAX);
    if (self->events == EVENTS_OTHERWISE)
        self->events = self->live ? 0 : 10000;
    if (self->events < 0)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--events: 0 (without end) or more");
    if (self->labels_path && !(self->labels = fopen(self->labels_path, "wb")))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "cannot write %s", self->labels_path);
    return -1;
}

static int run_checked(simulate *self)
{
    snag_sim *sim;
    if (self->live)
        self->start_ms = snag_clock_wall_ms();
    if (snag_sim_new(&sim, self->scenario, (uint32_t)self->customers, (uint64_t)self->seed,
                     self->start_ms, self->hour_events) != SNAG_OK)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "out of memory");
    self->buf = snag_buf_on(self->bytes, sizeof self->bytes);
    int code = stream(self, sim);
    snag_sim_free(sim);
    free(self->waiting.entries);
    return code;
}

static int run(const snag_command *command, int argc, char **argv)
{
    simulate *self = calloc(1, sizeof *self);
    int words;
    if (!self)
        return snag_command_fail(command, SNAG_EXIT_USAGE, "out of memory");
    self->command = command;
    self->scenario_name = "calls";
    self->rate = "1/s";
    self->customers = 1000;
    self->events = EVENTS_OTHERWISE;
    self->seed = 1;
    self->start_ms = INT64_C(1767571200000); /* 2026-01-05, a Monday: as in cases */
    const snag_option_row rows[] = {
        {"scenario", SNAG_OPTION_TEXT, &self->scenario_name, "NAME", "calls (default), shop or uploads"},
        {"customers", SNAG_OPTION_INT, &self->customers, "N", "how many there are; default 1000"},
        {"events", SNAG_OPTION_INT, &self->events, "N",
         "how many to write, 0 = without end; default 10000, with --live without end"},
        {"rate", SNAG_OPTION_TEXT, &self->rate, "R",
         "events a second of their own time, on average; also 90/m or 20/h; default 1/s"},
        {"seed", SNAG_OPTION_INT, &self->seed, "N", "another number, another stream; default 1"},
        {"start", SNAG_OPTION_TIME, &self->start_ms, "TIME",
         "when the first visit begins; default 2026-01-05T00:00:00Z"},
        {"format", SNAG_OPTION_TEXT, &self->format_name, "HOW",
         "segment, cloudevents or json; default: what the scenario's pipeline reads"},
        {"labels", SNAG_OPTION_TEXT, &self->labels_path, "FILE",
         "writes the truth there: customer, friction, the rule that must find it, and when"},
        {"live", SNAG_OPTION_FLAG, &self->live, NULL,
         "begins now and writes each event when its time has come"},
        {"keys", SNAG_OPTION_FLAG, &self->keys, NULL,
         "writes the customer and a tab before each event, for producers that want a key"},
    };
    int code = snag_options_parse(command, rows, sizeof rows / sizeof rows[0], argc, argv, &words);
    if (code < 0 && words > 0)
        code = snag_command_fail(command, SNAG_EXIT_USAGE, "%s is too much: %s", argv[0], command->usage);
    if (code < 0)
        code = check_options(self);
    if (code < 0)
        code = run_checked(self);
    if (self->labels && fclose(self->labels) != 0 && code == SNAG_EXIT_FINE)
        code = snag_command_fail(command, SNAG_EXIT_USAGE, "cannot write %s", self->labels_path);
    free(self);
    return code;
}

const snag_command snag_command_simulate = {
    .name = "simulate",
    .usage = "snag simulate [--scenario NAME]",
    .summary = "Writes realistic event streams with planted, labelled friction.",
    .help = "Scenarios, each watched by a pipeline of the same folder:\n"
            "  calls     a call centre                     pipelines/support-calls.yaml\n"
            "  shop      carts that are left               pipelines/shop.yaml\n"
            "  uploads   uploads that fail, hang or stall  pipelines/uploads.yaml\n"
            "\n"
            "The same options give the same bytes on every machine (not with --live).\n"
            "\n"
            "  snag simulate --scenario uploads --labels truth.jsonl | snag replay pipelines/uploads.yaml\n"
            "  snag simulate --live --keys | kcat -P -b localhost:9092 -t calls -K '\\t'",
    .run = run,
};
