/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "kafka/look.h"

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

bool snag_live_is_input(const snag_live *live, uint32_t at)
{
    return at >= SNAG_TOPIC_COUNT && at < SNAG_TOPIC_COUNT + live->input_count;
}

bool snag_live_is_lane(const snag_live *live, uint32_t at)
{
    return at >= SNAG_TOPIC_COUNT + live->input_count;
}

const char *snag_live_name(const snag_live *live, uint32_t at)
{
    if (at < SNAG_TOPIC_COUNT)
        return live->names[at];
    at -= SNAG_TOPIC_COUNT;
    return at < live->input_count ? live->inputs[at] : live->lanes[at - live->input_count];
}

bool snag_live_rekeys(const snag_live *live)
{
    bool any = false;
    for (uint32_t s = 0; s < live->pipeline->source_count; s++)
        any = any || live->pipeline->sources[s].rekey;
    return any;
}

uint32_t snag_live_streams(const snag_live *live, const char *names[SNAG_FLOWS_MAX])
{
    uint32_t count = 0, lane = 0;
    for (uint32_t s = 0; s < live->input_count; s++) {
        for (uint32_t i = 0; i < live->sources[s].lanes; i++)
            names[count++] = live->lanes[lane++];
        if (!live->sources[s].rekey)
            names[count++] = live->inputs[s];
    }
    return count;
}

void snag_live_rekey_group(const snag_live *live, uint32_t source, char *name, size_t room)
{
    snprintf(name, room, "%s-rekey-%.*s", live->group, SNAG_FMT(live->pipeline->sources[source].name));
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
    live->running = *pipeline;
    live->running.sources = live->sources;
    memcpy(live->sources, pipeline->sources, pipeline->source_count * sizeof *live->sources);
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
        err = snag_live_look(live, diag);
    if (err == SNAG_BROKER)
        snag_fail(diag, err, "no broker answers at %s", live->brokers);
    if (err == SNAG_OK)
        err = snag_kafka_age_check(live->kafka, diag);
    if (err == SNAG_OK)
        err = snag_kafka_describe_configs(live->kafka, live->topics, live->topic_count, diag);
    return err;
}

/* Lane `lane` of a source, behind those there are. */
static bool lane_add(snag_live *live, uint32_t source, uint32_t lane)
{
    char *name = live->lanes[live->lane_count];
    const snag_pipeline *pipeline = live->pipeline;
    int size = snprintf(name, SNAG_LIVE_NAME_MAX, "%.*srekey.%.*s.%" PRIu32, SNAG_FMT(pipeline->prefix),
                        SNAG_FMT(pipeline->sources[source].name), lane);
    live->topics[SNAG_TOPIC_COUNT + live->input_count + live->lane_count++] =
        (snag_kafka_topic){.name = snag_str_from(name), .partitions = -1};
    return size > 0 && size < SNAG_LIVE_NAME_MAX;
}

static snag_err lanes_name(snag_live *live, snag_diag *diag)
{
    const snag_kafka_topic *inputs = &live->topics[SNAG_TOPIC_COUNT];
    uint32_t flows = 0;
    bool fine = true;
    live->lane_count = 0;
    for (uint32_t s = 0; s < live->input_count; s++) {
        bool rekey = live->pipeline->sources[s].rekey;
        live->sources[s].lanes = rekey && inputs[s].partitions > 0 ? (uint32_t)inputs[s].partitions : 0;
        flows += rekey ? live->sources[s].lanes : 1;
    }
    if (flows > SNAG_FLOWS_MAX)
        return snag_fail(diag, SNAG_CONFIG,
                         "the topics of the rekeyed sources have %" PRIu32 " partitions together with the "
                         "other sources: at most %u can be merged",
                         flows, SNAG_FLOWS_MAX);
    for (uint32_t s = 0; s < live->input_count; s++)
        for (uint32_t lane = 0; lane < live->sources[s].lanes; lane++)
            fine = lane_add(live, s, lane) && fine;
    live->topic_count = SNAG_TOPIC_COUNT + live->input_count + live->lane_count;
    return fine ? SNAG_OK : snag_fail(diag, SNAG_CONFIG, "the name of an internal topic is too long");
}

/* What is keyed already says how many partitions the state has; else what was made for it. */
static void partitions_find(snag_live *live)
{
    const snag_kafka_topic *inputs = &live->topics[SNAG_TOPIC_COUNT];
    int32_t count = 0;
    for (uint32_t s = 0; s < live->input_count && count <= 0; s++)
        if (!live->sources[s].rekey)
            count = inputs[s].partitions;
    if (snag_live_rekeys(live) && count <= 0)
        count = live->topics[SNAG_TOPIC_CHANGELOG].partitions;
    live->partitions = count > 0 ? (uint32_t)count : 0;
}

snag_err snag_live_look(snag_live *live, snag_diag *diag)
{
    uint32_t known = SNAG_TOPIC_COUNT + live->input_count;
    snag_err err = snag_kafka_describe(live->kafka, live->topics, known, ASK_MS, diag);
    if (err == SNAG_OK)
        err = lanes_name(live, diag);
    if (err == SNAG_OK && live->lane_count)
        err = snag_kafka_describe(live->kafka, live->topics, live->topic_count, ASK_MS, diag);
    if (err == SNAG_OK)
        partitions_find(live);
    return err;
}

static bool lacks(const snag_live *live)
{
    for (uint32_t i = 0; i < live->topic_count; i++)
        if (live->topics[i].partitions <= 0)
            return true;
    return false;
}

snag_err snag_live_topics_wait(snag_live *live, snag_diag *diag)
{
    enum { TRIES = 20 };
    const struct timespec rest = {0, 200000000};
    snag_err err = SNAG_OK;
    for (int tries = 0; tries < TRIES && lacks(live) && err == SNAG_OK; tries++) {
        nanosleep(&rest, NULL);
        err = snag_live_look(live, diag);
    }
    return err;
}

static snag_err missing_topics(const snag_live *live, snag_diag *diag)
{
    char list[256] = "";
    size_t size = 0;
    unsigned count = 0;
    for (uint32_t i = 0; i < live->topic_count; i++) {
        if (live->topics[i].partitions > 0 || snag_live_is_input(live, i))
            continue;
        count++;
        int more = snprintf(list + size, sizeof list - size, "%s%s", size ? ", " : "",
                            snag_live_name(live, i));
        size = more > 0 && size + (size_t)more < sizeof list ? size + (size_t)more : sizeof list - 1;
    }
    if (count == 0)
        return SNAG_OK;
    return snag_fail(diag, SNAG_BROKER, "%s missing at %s: %s. `snag topics PIPELINE --create` makes them",
                     count > 1 ? "topics are" : "a topic is", live->brokers, list);
}

/* The inputs that are keyed by the customer. */
static snag_err inputs_check(const snag_live *live, snag_diag *diag)
{
    const snag_kafka_topic *inputs = &live->topics[SNAG_TOPIC_COUNT];
    const snag_kafka_topic *first = NULL;
    for (uint32_t s = 0; s < live->input_count; s++) {
        const snag_kafka_topic *input = &inputs[s];
        if (input->partitions <= 0)
            return snag_fail(diag, SNAG_BROKER,
                             "the input topic %s does not exist at %s, or snag may not see it",
                             live->inputs[s], live->brokers);
        if (live->sources[s].rekey)
            continue;
        first = first ? first : input;
        if (input->partitions != first->partitions)
            return snag_fail(diag, SNAG_BROKER,
                             "the input topics %.*s and %s have %" PRId32 " and %" PRId32 " partitions: all "
                             "of a pipeline's must have as many, so that a customer's events meet in one",
                             SNAG_FMT(first->name), live->inputs[s], first->partitions, input->partitions);
    }
    return SNAG_OK;
}

static snag_err lanes_fit(const snag_live *live, snag_diag *diag)
{
    for (uint32_t i = SNAG_TOPIC_COUNT + live->input_count; i < live->topic_count; i++) {
        const snag_kafka_topic *lane = &live->topics[i];
        if ((uint32_t)lane->partitions != live->partitions)
            return snag_fail(diag, SNAG_BROKER,
                             "the internal topic %.*s has %" PRId32 " partitions, but the state has %" PRIu32
                             ": they must be as many. Delete it and the changelog, make them anew (`snag "
                             "topics PIPELINE --create`) and begin a new --group",
                             SNAG_FMT(lane->name), lane->partitions, live->partitions);
        if (strstr(lane->cleanup, "compact"))
            return snag_fail(diag, SNAG_BROKER,
                             "the internal topic %.*s is compacted (cleanup.policy=%s): it would lose "
                             "records. Set cleanup.policy=delete",
                             SNAG_FMT(lane->name), lane->cleanup);
    }
    return SNAG_OK;
}

static bool on_record(void *context, const snag_raw *record)
{
    (void)record;
    *(bool *)context = true;
    return false;
}

/* Whether anything was ever committed to it; what was tried and taken back does not count. */
static snag_err lane_is_used(snag_kafka_look *look, const char *name, uint32_t partition, bool *used,
                             snag_diag *diag)
{
    int64_t first, end;
    snag_err err = snag_kafka_look_range(look, name, partition, &first, &end, diag);
    if (err == SNAG_OK && first == 0 && end > 0)
        return snag_kafka_look_read(look, name, partition, 0, on_record, used, diag);
    *used = *used || (err == SNAG_OK && first > 0);
    return err;
}

/* Lanes first: what lies in one was put there after its place was committed. */
static snag_err lane_check(const snag_live *live, snag_kafka_look *look, uint32_t source, uint32_t lane,
                           const char *name, snag_diag *diag)
{
    snag_place place = {.partition = lane, .offset = -1};
    bool used = false;
    snag_err err = SNAG_OK;
    for (uint32_t p = 0; p < live->partitions && err == SNAG_OK && !used; p++)
        err = lane_is_used(look, name, p, &used, diag);
    if (err == SNAG_OK && used)
        err = snag_kafka_look_places(look, live->inputs[source], &place, 1, diag);
    if (err != SNAG_OK || !used || place.offset >= 0)
        return err;
    return snag_fail(diag, SNAG_STATE,
                     "the internal topic %s holds records, but group %s has never read partition %" PRIu32
                     " of %s: they are of another start, or the group's offsets were deleted. Delete the "
                     "internal topics and the changelog, make them anew (`snag topics PIPELINE --create`), "
                     "and begin a new --group",
                     name, live->group, lane, live->inputs[source]);
}

snag_err snag_live_lanes_check(const snag_live *live, snag_diag *diag)
{
    char group[SNAG_LIVE_NAME_MAX + 80];
    uint32_t at = 0;
    snag_err err = SNAG_OK;
    for (uint32_t s = 0; s < live->input_count && err == SNAG_OK; s++) {
        snag_kafka_look *look = NULL;
        snag_live_rekey_group(live, s, group, sizeof group);
        if (live->sources[s].lanes)
            err = snag_kafka_look_new(&look, live->kafka, group, diag);
        for (uint32_t lane = 0; lane < live->sources[s].lanes && err == SNAG_OK; lane++)
            err = lane_check(live, look, s, lane, live->lanes[at++], diag);
        snag_kafka_look_free(look);
    }
    return err;
}

snag_err snag_live_topics_check(const snag_live *live, snag_diag *diag)
{
    const snag_kafka_topic *changelog = &live->topics[SNAG_TOPIC_CHANGELOG];
    snag_err err = inputs_check(live, diag);
    if (err == SNAG_OK)
        err = missing_topics(live, diag);
    if (err == SNAG_OK)
        err = lanes_fit(live, diag);
    if (err != SNAG_OK)
        return err;
    if ((uint32_t)changelog->partitions != live->partitions)
        return snag_fail(diag, SNAG_BROKER,
                         "%s has %" PRId32 " partitions, its input %s has %" PRIu32
                         ": they must be as many. Delete the changelog and make it anew with a new --group",
                         live->names[SNAG_TOPIC_CHANGELOG], changelog->partitions, live->inputs[0],
                         live->partitions);
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

static void mute(void *context, const char *line)
{
    (void)context;
    (void)line; /* what is wrong comes back as an error */
}

static snag_err copy_read(snag_live *live, const snag_live_copy *copy, snag_diag *diag)
{
    snag_store store = {.ops = NULL};
    uint32_t partitions;
    snag_err err = snag_redis_store_new(&store, live->redis, diag);
    if (err != SNAG_OK)
        return err;
    err = snag_redis_partitions_get(&store, &partitions, diag);
    if (err == SNAG_OK)
        err = copy->read(copy->context, &store, partitions, diag);
    else if (err == SNAG_END)
        err = snag_fail(diag, SNAG_STORE, "no worker of group %s has written to this Redis", live->group);
    store.ops->close(store.self);
    return err;
}

int snag_live_read_copy(snag_live *live, const snag_command *command, const snag_pipeline *pipeline,
                        const snag_live_copy *copy)
{
    const snag_voice voice = {.say = mute};
    snag_diag diag = {.text = ""};
    if (!snag_live_names(live, pipeline, copy->group))
        return snag_command_fail(command, SNAG_EXIT_USAGE, "a name is too long");
    snag_err err = snag_live_redis(live, copy->url, &voice, &diag);
    if (err == SNAG_END)
        return snag_command_fail(command, SNAG_EXIT_USAGE,
                                 "no Redis is given: write `redis: { url: redis://HOST:PORT }` in the "
                                 "pipeline, or --redis URL; or %s", copy->instead);
    if (err == SNAG_OK)
        err = copy_read(live, copy, &diag);
    snag_live_finish(live);
    return err == SNAG_OK ? -1 : snag_command_fail(command, snag_live_exit_code(err), "%s", diag.text);
}

int snag_live_exit_code(snag_err err)
{
    if (err == SNAG_OK)
        return SNAG_EXIT_FINE;
    /* SNAG_REFUSED is the broker's word about a good file: 3. */
    return err == SNAG_CONFIG || err == SNAG_USAGE ? SNAG_EXIT_USAGE : SNAG_EXIT_OUTSIDE;
}
