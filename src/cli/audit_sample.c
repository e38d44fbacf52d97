/* SPDX-License-Identifier: Apache-2.0
 *
 * The newest records of the input, a few thousand of each partition: whether they can be read, whether their
 * key is the customer, and whether a customer lies in one partition only (rules see all of a customer's
 * events only then); how disordered their time is, and how late they come.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "cli/audit.h"
#include "cli/disorder.h"
#include "codec/codec.h"
#include "codec/screen.h"
#include "local/registry.h"

enum {
    EACH = 5000,
    EACH_BYTES = 16 << 20,
    PARTITIONS_MAX = 32,
    ARENA_BYTES = 4 << 20,
    REGISTRY_MS = 3000,
    HOMES = EACH * PARTITIONS_MAX
};

typedef struct home {
    uint64_t customer; /* hash */
    uint32_t partition;
} home;

typedef struct taster {
    snag_audit *audit;
    snag_decoder *decoders[SNAG_SOURCES_MAX];
    uint32_t source; /* at hand */
    snag_registry *registry;
    snag_arena arena;
    void *block;
    home *homes;
    snag_event events[SNAG_EACH_MAX];
    size_t home_count;
    uint64_t records;
    uint64_t bad;
    uint64_t wrong_key;
    uint64_t left; /* of the partition at hand: records, … */
    uint64_t bytes; /* … and how many bytes they have had */
    int64_t newest_ms;
    snag_disorder disorders[SNAG_SOURCES_MAX];
    snag_diag first_bad;
    char first_wrong[200];
} taster;

static void wrong_key(taster *self, const snag_raw *record, snag_str who)
{
    if (self->wrong_key++)
        return;
    size_t key = record->key.size < 64 ? record->key.size : 64,
           size = who.size < 64 ? who.size : 64;
    if (snag_source_hashes(&self->audit->pipeline->sources[self->source])) {
        snprintf(self->first_wrong, sizeof self->first_wrong, "not told, hash: is set");
        return;
    }
    snprintf(self->first_wrong, sizeof self->first_wrong, "key \"%.*s\", %s \"%.*s\"", (int)key,
             key ? record->key.data : "",
             self->audit->pipeline->key_account ? "account" : "customer", (int)size,
             size ? who.data : "");
}

/* Whether one more shall come. */
static bool goes_on(taster *self, const snag_raw *record)
{
    self->bytes += record->value.size;
    return --self->left > 0 && self->bytes < EACH_BYTES;
}

static void key_check(taster *self, const snag_raw *record)
{
    snag_str who = snag_decoder_key(self->decoders[self->source], self->audit->pipeline->key_account);
    if (!snag_str_equal(record->key, who))
        wrong_key(self, record, who);
    if (self->home_count < HOMES)
        self->homes[self->home_count++] =
            (home){snag_hash64(who, 0), record->position.partition};
}

static bool on_record(void *context, const snag_raw *record)
{
    taster *self = context;
    size_t count = 0;
    snag_diag why = {.text = ""};
    snag_arena_reset(&self->arena);
    self->records++;
    if (snag_decode_all(self->decoders[self->source], record, &self->arena, self->events, SNAG_EACH_MAX,
                        &count, &why) != SNAG_OK) {
        if (self->bad++ == 0)
            self->first_bad = why;
        return goes_on(self, record);
    }
    for (size_t i = 0; i < count; i++)
        snag_disorder_event(&self->disorders[self->source], &self->newest_ms, &self->events[i]);
    if (count > 0)
        key_check(self, record);
    return goes_on(self, record);
}

static int by_customer(const void *a, const void *b)
{
    const home *x = a, *y = b;
    return x->customer < y->customer ? -1 : x->customer > y->customer;
}

static uint64_t scattered(taster *self)
{
    uint64_t count = 0;
    qsort(self->homes, self->home_count, sizeof *self->homes, by_customer);
    for (size_t i = 1; i < self->home_count; i++)
        count += self->homes[i].customer == self->homes[i - 1].customer &&
                 self->homes[i].partition != self->homes[i - 1].partition;
    return count;
}

/* A rekeyed source's topic may have any keys. */
static void keys_tell(taster *self, const snag_source_spec *source)
{
    snag_audit *audit = self->audit;
    const char *what = audit->pipeline->key_account ? "account" : "customer";
    uint64_t homes = scattered(self);
    bool keyed = self->wrong_key == 0 && homes == 0;
    if (source->rekey && keyed && self->records > self->bad)
        snag_audit_note(audit, "%.*s: the keys are the %ss already: `rekey: true` is not needed",
                        SNAG_FMT(source->name), what);
    if (source->rekey && !keyed)
        snag_audit_note(audit, "%.*s is rekeyed: %" PRIu64 " of them have a key that is not the %s",
                        SNAG_FMT(source->name), self->wrong_key, what);
    if (source->rekey)
        return;
    if (self->wrong_key)
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "%" PRIu64
                           " of them have a key that is not the %s (%s) and would go to the dead "
                           "letter: the producer must key the topic by %s, or source %.*s needs "
                           "`rekey: true`",
                           self->wrong_key, what, self->first_wrong, what, SNAG_FMT(source->name));
    else if (homes)
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "%" PRIu64
                           " %ss have records in several partitions: all producers must use "
                           "the same "
                           "partitioner, or source %.*s needs `rekey: true`",
                           homes, what, SNAG_FMT(source->name));
}

static void tell(taster *self)
{
    snag_audit *audit = self->audit;
    const snag_source_spec *source = &audit->pipeline->sources[self->source];
    if (audit->live->input_count > 1)
        snag_audit_note(audit, "%" PRIu64 " of the newest records of %.*s read", self->records,
                        SNAG_FMT(source->name));
    else
        snag_audit_note(audit, "%" PRIu64 " of the newest records read", self->records);
    if (self->bad)
        snag_audit_finding(audit, SNAG_AUDIT_ONCE,
                           "%" PRIu64
                           " of them cannot be read and would go to the dead letter (%.300s): "
                           "correct "
                           "`format:` or `map:`",
                           self->bad, self->first_bad.text);
    keys_tell(self, source);
}

static snag_err taste(taster *self, uint32_t partition, uint32_t source, snag_diag *diag)
{
    const char *input = self->audit->live->inputs[source];
    int64_t first, end;
    snag_err err = snag_kafka_look_range(self->audit->look, input, partition, &first, &end, diag);
    if (err != SNAG_OK || end <= first)
        return err;
    self->left = EACH;
    self->bytes = 0;
    self->newest_ms = SNAG_TIME_NONE;
    return snag_kafka_look_read(self->audit->look, input, partition,
                                end - first > EACH ? end - EACH : first, on_record, self, diag);
}

static snag_err taste_source(taster *self, uint32_t source, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    int32_t partitions = self->audit->live->topics[SNAG_TOPIC_COUNT + source].partitions;
    self->source = source;
    self->records = self->bad = self->wrong_key = 0;
    self->home_count = 0;
    snag_disorder_init(&self->disorders[source], &self->audit->pipeline->sources[source],
                       self->audit->asked_ms, self->audit->asked_count);
    for (int32_t i = 0; i < partitions && i < PARTITIONS_MAX && err == SNAG_OK; i++)
        err = taste(self, (uint32_t)i, source, diag);
    if (err == SNAG_OK)
        tell(self);
    return err;
}

static snag_err open(taster *self, snag_diag *diag)
{
    const snag_config *config = self->audit->config;
    const snag_pipeline *pipeline = self->audit->pipeline;
    snag_decoder_options options = {.now_ms = SNAG_NEVER};
    self->block = malloc(ARENA_BYTES);
    self->homes = calloc(HOMES, sizeof *self->homes);
    if (!self->block || !self->homes)
        return snag_fail(diag, SNAG_MEMORY, "out of memory");
    snag_arena_init(&self->arena, self->block, ARENA_BYTES);
    if (pipeline->registry_url.size) {
        snag_err err =
            snag_registry_new(&self->registry, pipeline->registry_url, REGISTRY_MS, diag);
        if (err != SNAG_OK)
            return err;
        options.fetch = snag_registry_fetch;
        options.fetch_context = self->registry;
    }
    snag_err err = SNAG_OK;
    for (uint32_t s = 0; s < pipeline->source_count && err == SNAG_OK; s++)
        err = snag_decoder_new(&self->decoders[s], &pipeline->sources[s], config->base_dir, &options, diag);
    return err;
}

static void order_tell(const taster *self, uint32_t source)
{
    char text[300];
    snag_audit *audit = self->audit;
    const snag_disorder *disorder = &self->disorders[source];
    if (disorder->behind.count == 0)
        return;
    snprintf(text, sizeof text, "order of %s, the newest %" PRIu64 " events", audit->live->inputs[source],
             disorder->behind.count);
    snag_audit_heading(audit, text);
    audit->findings += snag_disorder_print(disorder, audit->file, audit->colour);
}

snag_err snag_audit_sample(snag_audit *audit, snag_diag *diag)
{
    taster *self = calloc(1, sizeof *self);
    if (!self)
        return snag_fail(diag, SNAG_MEMORY, "out of memory");
    self->audit = audit;
    snag_audit_heading(audit, "input");
    snag_err err = open(self, diag);
    for (uint32_t s = 0; s < audit->live->input_count && err == SNAG_OK; s++)
        err = taste_source(self, s, diag);
    for (uint32_t s = 0; s < audit->live->input_count && err == SNAG_OK; s++)
        order_tell(self, s);
    if (err == SNAG_REFUSED) {
        snag_audit_finding(audit, SNAG_AUDIT_ONCE, "%s", diag->text);
        err = SNAG_OK;
    }
    for (uint32_t s = 0; s < SNAG_SOURCES_MAX; s++)
        snag_decoder_free(self->decoders[s]);
    snag_registry_free(self->registry);
    free(self->homes);
    free(self->block);
    free(self);
    return err;
}
