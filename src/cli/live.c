/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"

enum { ASK_MS = 6000, SPACE_MAX = 700 };

static const struct {
    const char *suffix;
    bool compact;
    const char *help;
} topic_rows[SNAG_TOPIC_COUNT] = {
#define X(name, suffix, compact, help) {suffix, compact, help},
    SNAG_TOPIC_TABLE(X)
#undef X
};

snag_str snag_topic_suffix(snag_topic topic)
{
    SNAG_ASSERT(topic < SNAG_TOPIC_COUNT);
    return snag_str_from(topic_rows[topic].suffix);
}

bool snag_topic_compact(snag_topic topic)
{
    SNAG_ASSERT(topic < SNAG_TOPIC_COUNT);
    return topic_rows[topic].compact;
}

const char *snag_topic_help(snag_topic topic)
{
    SNAG_ASSERT(topic < SNAG_TOPIC_COUNT);
    return topic_rows[topic].help;
}

static bool name_set(char to[SNAG_LIVE_NAME_MAX], snag_str first, snag_str second)
{
    snag_buf buf = snag_buf_on(to, SNAG_LIVE_NAME_MAX - 1);
    snag_buf_str_put(&buf, first);
    snag_buf_str_put(&buf, second);
    to[buf.size] = '\0';
    return !buf.full && buf.size > 0;
}

snag_str snag_live_without_topic(const snag_pipeline *pipeline)
{
    for (uint32_t s = 0; s < pipeline->source_count; s++)
        if (pipeline->sources[s].topic.size == 0)
            return pipeline->sources[s].name;
    return (snag_str){"", 0};
}

const char *snag_live_name(const snag_live *live, uint32_t at)
{
    return at < SNAG_TOPIC_COUNT ? live->names[at] : live->inputs[at - SNAG_TOPIC_COUNT];
}

bool snag_live_names(snag_live *live, const snag_pipeline *pipeline, const char *group)
{
    const snag_str none = SNAG_STR("");
    bool fine = name_set(live->group, group ? snag_str_from(group) : pipeline->name, none);
    live->pipeline = pipeline;
    for (int i = 0; i < SNAG_TOPIC_COUNT; i++) {
        fine = name_set(live->names[i], pipeline->prefix, snag_topic_suffix((snag_topic)i)) && fine;
        live->topics[i] = (snag_kafka_topic){.name = snag_str_from(live->names[i]), .partitions = -1};
    }
    live->input_count = pipeline->source_count;
    live->topic_count = SNAG_TOPIC_COUNT + live->input_count;
    for (uint32_t s = 0; s < live->input_count; s++) {
        if (pipeline->sources[s].topic.size)
            fine = name_set(live->inputs[s], pipeline->sources[s].topic, none) && fine;
        live->topics[SNAG_TOPIC_COUNT + s] =
            (snag_kafka_topic){.name = snag_str_from(live->inputs[s]), .partitions = -1};
    }
    return fine;
}

static void property_add(snag_live *live, snag_str name, snag_str value)
{
    SNAG_ASSERT(live->property_count < SNAG_LIVE_PROPERTIES_MAX);
    live->properties[live->property_count++] = (snag_kafka_property){name, value};
    if (snag_str_equal(name, SNAG_STR("bootstrap.servers")))
        snprintf(live->brokers, sizeof live->brokers, "%.*s", SNAG_FMT(value));
}

snag_err snag_live_kafka(snag_live *live, const char *brokers, const snag_voice *voice,
                         snag_diag *diag)
{
    const snag_pipeline *pipeline = live->pipeline;
    if (pipeline->kafka_count >= SNAG_LIVE_PROPERTIES_MAX)
        return snag_fail(diag, SNAG_CONFIG, "kafka: too many properties");
    for (uint32_t i = 0; i < pipeline->kafka_count; i++)
        property_add(live, pipeline->kafka[i].name, pipeline->kafka[i].value);
    if (brokers)
        property_add(live, SNAG_STR("bootstrap.servers"), snag_str_from(brokers));
    if (!*live->brokers)
        return snag_fail(diag, SNAG_CONFIG,
                         "no broker is given: write `kafka: { bootstrap.servers: HOST:PORT }` in the "
                         "pipeline, or --brokers HOST:PORT");
    snag_err err = snag_kafka_new(&live->kafka, live->properties, live->property_count, voice, diag);
    if (err == SNAG_OK)
        err = snag_kafka_describe(live->kafka, live->topics, live->topic_count, ASK_MS, diag);
    if (err == SNAG_BROKER)
        snag_fail(diag, err, "no broker answers at %s", live->brokers);
    if (err == SNAG_OK)
        err = snag_kafka_age_check(live->kafka, diag);
    if (err == SNAG_OK)
        err = snag_kafka_describe_configs(live->kafka, live->topics, live->topic_count, diag);
    return err;
}

static snag_err missing_topics(const snag_live *live, snag_diag *diag)
{
    char list[256] = "";
    size_t size = 0;
    unsigned count = 0;
    for (int i = 0; i < SNAG_TOPIC_COUNT; i++) {
        if (live->topics[i].partitions > 0)
            continue;
        count++;
        int more = snprintf(list + size, sizeof list - size, "%s%s", size ? ", " : "", live->names[i]);
        size = more > 0 && size + (size_t)more < sizeof list ? size + (size_t)more : sizeof list - 1;
    }
    if (count == 0)
        return SNAG_OK;
    return snag_fail(diag, SNAG_BROKER, "%s missing at %s: %s. `snag topics PIPELINE --create` makes them",
                     count > 1 ? "topics are" : "a topic is", live->brokers, list);
}

snag_err snag_live_topics_check(const snag_live *live, snag_diag *diag)
{
    const snag_kafka_topic *input = &live->topics[SNAG_TOPIC_COUNT];
    const snag_kafka_topic *changelog = &live->topics[SNAG_TOPIC_CHANGELOG];
    for (uint32_t s = 0; s < live->input_count; s++) {
        if (input[s].partitions <= 0)
            return snag_fail(diag, SNAG_BROKER,
                             "the input topic %s does not exist at %s, or snag may not see it",
                             live->inputs[s], live->brokers);
        if (input[s].partitions != input->partitions)
            return snag_fail(diag, SNAG_BROKER,
                             "the input topics %s and %s have %" PRId32 " and %" PRId32 " partitions: all "
                             "of a pipeline's must have as many, so that a customer's events meet in one",
                             live->inputs[0], live->inputs[s], input->partitions, input[s].partitions);
    }
    snag_err err = missing_topics(live, diag);
    if (err != SNAG_OK)
        return err;
    if (changelog->partitions != input->partitions)
        return snag_fail(diag, SNAG_BROKER,
                         "%s has %" PRId32 " partitions, its input %s has %" PRId32
                         ": they must be as many. Delete the changelog and make it anew with a new --group",
                         live->names[SNAG_TOPIC_CHANGELOG], changelog->partitions, live->inputs[0],
                         input->partitions);
    if (*changelog->cleanup && !strstr(changelog->cleanup, "compact"))
        return snag_fail(diag, SNAG_BROKER,
                         "%s is not compacted (cleanup.policy=%s): it would forget state. Set "
                         "cleanup.policy=compact",
                         live->names[SNAG_TOPIC_CHANGELOG], changelog->cleanup);
    if (*changelog->cleanup && strstr(changelog->cleanup, "delete"))
        return snag_fail(diag, SNAG_BROKER,
                         "%s deletes by age (cleanup.policy=%s): it would forget state. Set "
                         "cleanup.policy=compact",
                         live->names[SNAG_TOPIC_CHANGELOG], changelog->cleanup);
    return SNAG_OK;
}

snag_err snag_live_redis(snag_live *live, const char *url, const snag_voice *voice, snag_diag *diag)
{
    char space[SPACE_MAX];
    const snag_pipeline_redis *of = &live->pipeline->redis;
    const snag_redis_options options = {
        .url = url ? snag_str_from(url) : of->url, .user = of->user, .password = of->password,
        .sentinel_password = of->sentinel_password, .tls_ca = of->tls_ca, .tls_cert = of->tls_cert,
        .tls_key = of->tls_key};
    if (options.url.size == 0)
        return SNAG_END;
    int size = snprintf(space, sizeof space, "%s/%s", live->group, live->inputs[0]);
    if (size < 0 || (size_t)size >= sizeof space)
        return snag_fail(diag, SNAG_CONFIG, "redis: the names of group and topic are too long");
    return snag_redis_new(&live->redis, &options, snag_str_from(space), voice, diag);
}

void snag_live_finish(snag_live *live)
{
    snag_kafka_free(live->kafka);
    snag_redis_free(live->redis);
    live->kafka = NULL;
    live->redis = NULL;
}

int snag_live_exit_code(snag_err err)
{
    if (err == SNAG_OK)
        return SNAG_EXIT_FINE;
    /* SNAG_REFUSED is the broker's word about a good file: 3. */
    return err == SNAG_CONFIG || err == SNAG_USAGE ? SNAG_EXIT_USAGE : SNAG_EXIT_OUTSIDE;
}
