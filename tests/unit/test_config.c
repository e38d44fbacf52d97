/* SPDX-License-Identifier: Apache-2.0
 *
 * Pipeline files: what they compile to, and what a change of them changes. (Wrong ones: test_config_wrong.c.)
 */
#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/time.h"
#include "config/config.h"

static const char *environment(const char *name)
{
    if (strcmp(name, "KAFKA") == 0)
        return "broker:9092";
    return NULL;
}

static void parse(snag_config *config, const char *text)
{
    if (snag_config_parse(config, snag_str_from(text), "test.yaml", environment) == SNAG_OK)
        return;
    for (uint32_t i = 0; i < config->error_count; i++)
        print_error("%u:%u: %s\n", config->errors[i].diag.line, config->errors[i].diag.column,
                    config->errors[i].diag.text);
    fail_msg("a good pipeline was refused");
}

#define CHECK_STR(got, want)                                                               \
    do {                                                                                   \
        snag_str check_got_ = (got);                                                       \
        if (!snag_str_equal(check_got_, snag_str_from(want)))                              \
            fail_msg("got \"%.*s\", want \"%s\"", SNAG_FMT(check_got_), want);             \
    } while (0)

#define SOURCE                                                                             \
    "pipeline: care\n"                                                                     \
    "sources: { calls: { topic: calls, format: segment, keep: { line: properties.line, "   \
    "call: properties.callId, spare: properties.spare } } }\n"

/* --- what a file compiles to ------------------------------------------------------------------------ */

static void test_defaults(void **state)
{
    (void)state;
    snag_config config;
    parse(&config, SOURCE "rules: { stuck: { event: Call Queued, missing: [Call Answered, Call "
                          "Abandoned], after: 60s } }\n");
    const snag_pipeline *pipeline = &config.pipeline;
    const snag_rule *rule = &pipeline->rules[0];
    CHECK_STR(pipeline->name, "care");
    CHECK_STR(pipeline->prefix, "care.");
    assert_int_equal(pipeline->version, 1);
    assert_int_equal(pipeline->budget_bytes, 512u << 20);
    assert_int_equal(pipeline->scope_count, 1);
    assert_int_equal(pipeline->sources[0].delay_ms, SNAG_SECOND_MS);
    assert_int_equal(pipeline->sources[0].max_skew_ms, 5 * SNAG_MINUTE_MS);
    assert_int_equal(pipeline->sources[0].out_of_order_ms, 0);
    assert_true(pipeline->remember_ms == INT64_C(30) * SNAG_DAY_MS);
    assert_false(pipeline->sources[0].clock_log);
    assert_int_equal(rule->signal.severity, SNAG_SEVERITY_WARNING);
    assert_int_equal(rule->signal.sla_ms, -1);
    assert_int_equal(rule->params.wait.after.ms, SNAG_MINUTE_MS);
    assert_int_equal(rule->params.overtake_ms, 0);
    assert_int_equal(rule->scope, 0);
    CHECK_STR(rule->signal.test, "missing");
    CHECK_STR(rule->signal.headline, "No Call Answered or Call Abandoned within 60s of Call Queued");
    CHECK_STR(rule->signal.clears_when, "Call Answered or Call Abandoned");
    snag_config_free(&config);
}

static void test_segment_map(void **state)
{
    (void)state;
    snag_config config;
    parse(&config, "pipeline: care\nsources: { calls: { topic: calls, format: segment, map: { "
                   "customer: account.id }, "
                   "keep: [line], const: { channel: phone, shop: de } } }\n"
                   "rules: { r: { event: A, count: 1, until: B, headline: \"{line} {shop}\" } }\n");
    const snag_source_spec *source = &config.pipeline.sources[0];
    CHECK_STR(source->fixed[SNAG_VAR_ID].paths[0], "messageId");
    CHECK_STR(source->fixed[SNAG_VAR_TIME].paths[0], "timestamp");
    assert_int_equal(source->fixed[SNAG_VAR_TIME].as, SNAG_KIND_TIME);
    assert_int_equal(source->fixed[SNAG_VAR_CUSTOMER].path_count, 1);
    CHECK_STR(source->fixed[SNAG_VAR_CUSTOMER].paths[0], "account.id");
    CHECK_STR(source->fixed[SNAG_VAR_CHANNEL].constant.as.text, "phone");
    assert_int_equal(source->fixed[SNAG_VAR_ACCOUNT].path_count, 0);
    assert_int_equal(source->kept_count, 2);
    CHECK_STR(source->kept[0].paths[0], "properties.line");
    CHECK_STR(source->kept[1].constant.as.text, "de");
    assert_int_equal(config.pipeline.name_count, SNAG_VAR_KEPT + 2);
    snag_config_free(&config);
    parse(&config, SOURCE "rules: { r: { event: A, count: 1, until: B } }\n");
    source = &config.pipeline.sources[0];
    assert_int_equal(source->fixed[SNAG_VAR_CUSTOMER].path_count, 2);
    CHECK_STR(source->fixed[SNAG_VAR_CUSTOMER].paths[1], "anonymousId");
    snag_config_free(&config);
}

static void test_mapping_forms(void **state)
{
    (void)state;
    snag_config config;
    parse(&config,
          "pipeline: p\nsources: { s: { file: f.jsonl, format: json, map: { time: { from: [ts, t], "
          "unit: ms }, "
          "type: \"= kind + '-' + step\", customer: c }, keep: { n: { from: n, as: int } } } }\n"
          "rules: { r: { event: A, where: n > 3, count: 1, until: B } }\n");
    const snag_source_spec *source = &config.pipeline.sources[0];
    CHECK_STR(source->file, "f.jsonl");
    assert_int_equal(source->topic.size, 0);
    assert_int_equal(source->fixed[SNAG_VAR_TIME].unit, SNAG_UNIT_MS);
    assert_int_equal(source->fixed[SNAG_VAR_TIME].path_count, 2);
    assert_non_null(source->fixed[SNAG_VAR_TYPE].expr);
    assert_int_equal(source->kept[0].as, SNAG_KIND_INT);
    assert_true(source->kept[0].used);
    assert_int_equal(config.pipeline.names[SNAG_VAR_KEPT].kind, SNAG_KIND_INT);
    assert_non_null(config.pipeline.rules[0].event.where);
    snag_config_free(&config);
}

static void test_used(void **state)
{
    (void)state;
    snag_config config;
    parse(&config, SOURCE "rules: { r: { event: A, per: call, count: 1, until: B, headline: "
                          "\"{line} {{spare}\" } }\n");
    const snag_source_spec *source = &config.pipeline.sources[0];
    assert_true(source->kept[0].used);
    assert_true(source->kept[1].used);
    assert_false(source->kept[2].used);
    assert_true(config.pipeline.rules[0].signal.headline_vars == UINT64_C(1) << SNAG_VAR_KEPT);
    snag_config_free(&config);
}

static void test_scopes(void **state)
{
    (void)state;
    snag_config config;
    parse(&config, SOURCE "rules:\n"
                          "  a: { event: A, per: [line, call], count: 1, until: B }\n"
                          "  b: { event: A, per: customer, count: 1, until: B }\n"
                          "  c: { event: A, per: [line, call], count: 2, until: B }\n"
                          "  d: { event: A, per: [call, line], count: 2, until: B }\n");
    const snag_pipeline *pipeline = &config.pipeline;
    assert_int_equal(pipeline->scope_count, 3);
    assert_int_equal(pipeline->rules[0].scope, 1);
    assert_int_equal(pipeline->rules[1].scope, 0);
    assert_int_equal(pipeline->rules[2].scope, 1);
    assert_int_equal(pipeline->rules[3].scope, 2);
    assert_int_equal(pipeline->scopes[0].tag, 0);
    assert_true(pipeline->scopes[1].tag != 0 && pipeline->scopes[2].tag != 0);
    assert_true(pipeline->scopes[1].tag != pipeline->scopes[2].tag);
    assert_int_equal(pipeline->scopes[1].slots[0], SNAG_VAR_KEPT);
    CHECK_STR(pipeline->scopes[1].names[1], "call");
    snag_config_free(&config);
}

static void test_key_account(void **state)
{
    (void)state;
    snag_config config;
    parse(&config, "pipeline: p\nkey: account\n"
                   "sources: { s: { topic: s, format: segment, map: { account: properties.account } } }\n"
                   "rules:\n"
                   "  a: { event: A, count: 1, until: B }\n"
                   "  b: { event: A, per: account, count: 1, until: B }\n"
                   "  c: { event: A, per: customer, count: 1, until: B }\n");
    const snag_pipeline *pipeline = &config.pipeline;
    assert_true(pipeline->key_account);
    assert_int_equal(pipeline->rules[0].scope, 1);
    assert_int_equal(pipeline->rules[1].scope, 0);
    assert_int_equal(pipeline->rules[2].scope, 1);
    assert_int_equal(pipeline->scopes[1].slots[0], SNAG_VAR_CUSTOMER);
    snag_config_free(&config);
}

static void test_journey(void **state)
{
    (void)state;
    snag_config config;
    parse(&config, SOURCE
          "journeys: { call: { per: call, again: true, stages: { queued: { event: Call Queued, "
          "due: 90s, "
          "owner: floor, sla: 2m }, answered: { event: [Call Answered, Call Taken], milestone: "
          "answered }, ended: { event: Call End*, end: served } } } }\n");
    const snag_journey *journey = &config.pipeline.journeys[0];
    assert_true(journey->again);
    assert_int_equal(journey->scope, 1);
    assert_int_equal(journey->stage_count, 3);
    assert_int_equal(journey->stages[0].wait.after.ms, 90 * SNAG_SECOND_MS);
    assert_int_equal(journey->stages[1].wait.after.ms, -1);
    CHECK_STR(journey->stages[0].late.name, "call.queued.late");
    CHECK_STR(journey->stages[0].late.test, "due");
    CHECK_STR(journey->stages[0].late.headline, "Stuck in queued for {elapsed}");
    CHECK_STR(journey->stages[0].late.owner, "floor");
    assert_int_equal(journey->stages[0].late.sla_ms, 2 * SNAG_MINUTE_MS);
    assert_true(journey->fingerprint != 0 && journey->stages[0].late.fingerprint != 0);
    assert_true(journey->fingerprint != journey->stages[0].late.fingerprint);
    CHECK_STR(journey->stages[1].milestone, "answered");
    assert_int_equal(journey->stages[1].event.count, 2);
    CHECK_STR(journey->stages[2].end, "served");
    assert_true(journey->stages[2].event.patterns[0].prefix);
    CHECK_STR(journey->stages[2].event.patterns[0].text, "Call End");
    snag_config_free(&config);
}

static const struct {
    const char *rule;
    const char *headline;
    const char *clears;
} words[] = {
    {"event: A, missing: B, after: 72h", "No B within 72h of A", "B"},
    {"event: A *, missing: [B, C, D.*], after: 1h, until: E", "No B, C or D within 1h of A",
     "B, C or D.* or E"},
    {"event: \"*\", missing: \"*\", after: 5d", "No event within 5d", "any event"},
    {"event: A, count: 1, until: B", "A", "B"},
    {"event: [A, C], count: 1, until: B", "{type}", "B"},
    {"event: A x*, count: 1, within: 1h", "{type}", "1h without A x*"},
    {"event: A, count: 3, within: 30m, until: B", "A {observed} times within {.ran|30m}",
     "B or 30m without A"},
    {"event: A, count: 3, until: B", "A {observed} times", "B"},
    {"event: A, count: 4, within: 1s, burst: true, quiet: 2s", "A {observed} times within {.ran|1s}",
     "2s without A"},
    {"event: \"{A}\", missing: B, after: 1m", "No B within 1m of (A)", "B"},
    {"event: A, count: 4, gap: 999ms, burst: true, found: C", "{.found|4}A {observed} times",
     "999ms without A"},
    {"event: A, missing: B, after: [3s, 72h], found: C", "{.found|0}No B within {.within|3s} of A", "B"},
    {"event: A, count: 2, within: 1m, headline: \"{{value}} {{{observed}\"", "{{value}} {{{observed}",
     "1m without A"},
    {"event: A, missing: B, after: 1m, headline: \"{customer}: call {line}\"",
     "{customer}: call {line}", "B"},
};

static void test_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char text[1024];
        snag_config config;
        snprintf(text, sizeof text, SOURCE "rules: { r: { %s } }\n", words[i].rule);
        parse(&config, text);
        CHECK_STR(config.pipeline.rules[0].signal.headline, words[i].headline);
        CHECK_STR(config.pipeline.rules[0].signal.clears_when, words[i].clears);
        snag_config_free(&config);
    }
}

static void test_connection(void **state)
{
    (void)state;
    snag_config config;
    parse(&config, SOURCE
          "rules: { r: { event: A, count: 1, until: B } }\n"
          "outputs: { prefix: x., format: avro, registry: \"http://${HOST:-localhost}:8081\" }\n"
          "kafka: { bootstrap.servers: \"${KAFKA},two\", sasl.password: \"${NONE:-}-\" }\n"
          "redis: { url: \"redis://localhost\" }\nbudget: 1GB\n");
    const snag_pipeline *pipeline = &config.pipeline;
    CHECK_STR(pipeline->prefix, "x.");
    assert_true(pipeline->output_avro);
    CHECK_STR(pipeline->registry_url, "http://localhost:8081");
    assert_int_equal(pipeline->kafka_count, 2);
    CHECK_STR(pipeline->kafka[0].name, "bootstrap.servers");
    CHECK_STR(pipeline->kafka[0].value, "broker:9092,two");
    CHECK_STR(pipeline->kafka[1].value, "-");
    CHECK_STR(pipeline->redis.url, "redis://localhost");
    assert_int_equal(pipeline->budget_bytes, 1000000000);
    snag_config_free(&config);
}

/* A secret from a file: as it stands there, without the line end that editors put behind it. */
static void test_secret_file(void **state)
{
    (void)state;
    char path[] = "/tmp/snag-secret-XXXXXX";
    char text[1024];
    snag_config config;
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, "hunter 2\r\n", 10), 10);
    close(file);
    snprintf(text, sizeof text,
             SOURCE "rules: { r: { event: A, count: 1, until: B } }\n"
                    "kafka: { sasl.password: { file: %s } }\n",
             path);
    parse(&config, text);
    CHECK_STR(config.pipeline.kafka[0].value, "hunter 2");
    snag_config_free(&config);
    unlink(path);
}

/* --- what a change changes --------------------------------------------------------------------------- */

typedef struct identity {
    uint32_t rule;
    uint32_t journey;
    uint8_t config[32];
} identity;

static identity identity_of(const char *extra_rule, const char *due, const char *rest)
{
    char text[2048];
    snag_config config;
    identity id;
    snprintf(text, sizeof text,
             SOURCE "rules: { r: { event: A, missing: B, after: 1m%s } }\n"
                    "journeys: { j: { stages: { a: { event: A, due: %s } } } }\n%s",
             extra_rule, due, rest);
    parse(&config, text);
    id.rule = config.pipeline.rules[0].signal.fingerprint;
    id.journey = config.pipeline.journeys[0].fingerprint;
    memcpy(id.config, config.pipeline.config, sizeof id.config);
    snag_config_free(&config);
    return id;
}

static void test_identity(void **state)
{
    (void)state;
    identity base = identity_of("", "1m", "");
    static const char *const wordings[] = {", owner: x", ", sla: 1m", ", playbook: x", ", severity: error",
                                           ", headline: hello"};
    for (size_t i = 0; i < sizeof wordings / sizeof wordings[0]; i++) {
        identity id = identity_of(wordings[i], "1m", "");
        assert_int_equal(id.rule, base.rule);
        assert_int_equal(id.journey, base.journey);
        assert_memory_not_equal(id.config, base.config, sizeof id.config);
    }
    static const char *const deciding[] = {", until: C", ", overtake: 1s", ", per: line", ", cooldown: 1m",
                                           ", mode: shadow", ", where: line == 'x'"};
    for (size_t i = 0; i < sizeof deciding / sizeof deciding[0]; i++) {
        identity id = identity_of(deciding[i], "1m", "");
        assert_int_not_equal(id.rule, base.rule);
        assert_int_equal(id.journey, base.journey);
        assert_memory_not_equal(id.config, base.config, sizeof id.config);
    }
    assert_int_not_equal(identity_of("", "2m", "").journey, base.journey);
    identity version = identity_of("", "1m", "version: 2\n");
    assert_memory_not_equal(version.config, base.config, sizeof version.config);
}

/* Where it runs and how the file is laid out say nothing about what it does. */
static void test_identity_place(void **state)
{
    (void)state;
    identity base = identity_of("", "1m", "");
    static const char *const places[] = {
        "kafka: { bootstrap.servers: x }\n", "redis: { url: \"redis://x\" }\n", "budget: 1GB\n",
        "# a comment\n", "outputs: { format: avro, prefix: z. }\n"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        assert_memory_equal(identity_of("", "60s", places[i]).config, base.config, sizeof base.config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_segment_map),
        cmocka_unit_test(test_mapping_forms),
        cmocka_unit_test(test_used),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_key_account),
        cmocka_unit_test(test_journey),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_secret_file),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_identity_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
