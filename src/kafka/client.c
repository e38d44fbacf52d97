/* SPDX-License-Identifier: Apache-2.0
 *
 * Client properties, words for errors, and the one place that says that the broker is lost or back.
 *
 * A client reports "all brokers down" also when it merely closed idle connections, so this is a doubt, not a
 * fact: only a question that goes unanswered makes an outage, and it is said once.
 */
#include "kafka/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

enum { ASK_MS = 2000, NAME_MAX_BYTES = 256, VALUE_MAX_BYTES = 4096 };

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    snag_kafka *kafka = ((snag_kafka_owner *)opaque)->kafka;
    (void)client;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        atomic_store(&kafka->doubted, true);
    if (opaque != kafka) /* only the probe's words are kept: they come in the thread that asks it */
        return;
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL) {
        kafka->refusal = (rd_kafka_resp_err_t)code;
        snprintf(kafka->refusal_words, sizeof kafka->refusal_words, "%s", reason);
    }
}

/* The client's own log would say one outage a thousand times; what matters comes as an error. But it is the
 * only place where the client tells which protocol a broker speaks ("  ApiKey NAME (N) Versions MIN..MAX").
 * */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    static const char speaks[] = "ApiKey TxnOffsetCommit (28) Versions ";
    snag_kafka *kafka = ((snag_kafka_owner *)rd_kafka_opaque(client))->kafka;
    const char *found = strcmp(facility, "APIVERSION") == 0 ? strstr(text, speaks) : NULL;
    const char *newest = found ? strstr(found, "..") : NULL;
    (void)level;
    if (!newest)
        return;
    int version = (int)strtol(newest + 2, NULL, 10), before = atomic_load(&kafka->offsets_version);
    while ((before < 0 || version < before) &&
           !atomic_compare_exchange_weak(&kafka->offsets_version, &before, version)) {
    }
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, snag_diag *diag)
{
    char words[256];
    if (rd_kafka_conf_set(conf, name, value, words, sizeof words) == RD_KAFKA_CONF_OK)
        return true;
    snag_fail(diag, SNAG_CONFIG, "kafka: %s", words);
    return false;
}

static bool set_property(rd_kafka_conf_t *conf, const snag_kafka_property *property, snag_diag *diag)
{
    char name[NAME_MAX_BYTES];
    char value[VALUE_MAX_BYTES];
    if (property->name.size >= sizeof name || property->value.size >= sizeof value) {
        snag_fail(diag, SNAG_CONFIG, "kafka: %.*s is too long", SNAG_FMT(property->name));
        return false;
    }
    memcpy(name, property->name.data, property->name.size);
    name[property->name.size] = '\0';
    memcpy(value, property->value.data, property->value.size);
    value[property->value.size] = '\0';
    return set(conf, name, value, diag);
}

rd_kafka_conf_t *snag_kafka_conf(snag_kafka_owner *owner, const snag_kafka_default *defaults,
                                 const snag_kafka_default *demands, snag_diag *diag)
{
    const snag_kafka *kafka = owner->kafka;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool fine = set(conf, "client.id", "snag", diag) &&
                set(conf, "socket.nagle.disable", "true", diag) &&
                set(conf, "reconnect.backoff.max.ms", "2000", diag);
    for (; fine && defaults && defaults->name; defaults++)
        fine = set(conf, defaults->name, defaults->value, diag);
    for (size_t i = 0; fine && i < kafka->property_count; i++)
        fine = set_property(conf, &kafka->properties[i], diag);
    for (; fine && demands && demands->name; demands++)
        fine = set(conf, demands->name, demands->value, diag);
    if (!fine) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_opaque(conf, owner);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    return conf;
}

rd_kafka_t *snag_kafka_client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, snag_diag *diag)
{
    char words[256];
    rd_kafka_t *client = rd_kafka_new(type, conf, words, sizeof words);
    if (!client) {
        rd_kafka_conf_destroy(conf);
        snag_fail(diag, SNAG_CONFIG, "kafka: %s", words);
    }
    return client;
}

snag_err snag_kafka_new(snag_kafka **out, const snag_kafka_property *properties, size_t count,
                        const snag_voice *voice, snag_diag *diag)
{
    /* The probe sees records that are still undecided: an open transaction is no silence. */
    static const snag_kafka_default demands[] = {
        {"isolation.level", "read_uncommitted"}, {"debug", "feature"}, {NULL, NULL}};
    snag_kafka *kafka = calloc(1, sizeof *kafka);
    if (!kafka)
        return snag_fail(diag, SNAG_MEMORY, "kafka: out of memory");
    kafka->owner.kafka = kafka;
    atomic_init(&kafka->offsets_version, -1);
    kafka->properties = properties;
    kafka->property_count = count;
    kafka->voice = *voice;
    rd_kafka_conf_t *conf = snag_kafka_conf(&kafka->owner, NULL, demands, diag);
    if (conf)
        kafka->probe = snag_kafka_client_new(RD_KAFKA_PRODUCER, conf, diag);
    if (!kafka->probe) {
        snag_kafka_free(kafka);
        return SNAG_CONFIG;
    }
    *out = kafka;
    return SNAG_OK;
}

void snag_kafka_free(snag_kafka *kafka)
{
    if (!kafka)
        return;
    if (kafka->probe)
        snag_kafka_client_end(kafka, kafka->probe, 0);
    free(kafka);
}

void snag_kafka_prefetch_set(snag_kafka *kafka, size_t bytes)
{
    kafka->prefetch_bytes = bytes;
}

/* A record waiting in the client costs some 250 bytes besides its own: half of the room is for these. */
snag_kafka_prefetch snag_kafka_prefetch_of(const snag_kafka *kafka, size_t queues)
{
    enum { RECORD_BYTES = 256, MESSAGES_MAX = 400000, BYTES_MAX = 256 << 20, KBYTES_MIN = 1024 };
    enum { QUEUE_KBYTES_MIN = 64, MESSAGES_MIN = 100 };
    snag_kafka_prefetch prefetch;
    size_t bytes = kafka->prefetch_bytes && kafka->prefetch_bytes < BYTES_MAX ? kafka->prefetch_bytes
                                                                             : BYTES_MAX;
    bytes /= queues ? queues : 1;
    size_t messages = bytes / 2 / RECORD_BYTES, kbytes = bytes / 2 / 1024;
    size_t least = queues > 1 ? QUEUE_KBYTES_MIN : KBYTES_MIN;
    if (messages < MESSAGES_MIN)
        messages = MESSAGES_MIN;
    snprintf(prefetch.messages, sizeof prefetch.messages, "%zu",
             messages < MESSAGES_MAX ? messages : (size_t)MESSAGES_MAX);
    snprintf(prefetch.kbytes, sizeof prefetch.kbytes, "%zu",
             kbytes > least ? kbytes : least);
    return prefetch;
}

/* What no retry will change: which code, and what to do about it. */
static const struct {
    rd_kafka_resp_err_t code;
    const char *remedy;
} refusals[] = {
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, "look at the kafka: section's sasl. and ssl. properties"},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, "look at sasl.username and sasl.password"},
    {RD_KAFKA_RESP_ERR__SSL, "look at the kafka: section's ssl. properties"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
     "snag needs the rights Read on its input, Write on its outputs, Read and Write on its changelog"},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, "snag needs the right Read on its group"},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
     "snag needs the right Write on the transactional ids that begin with GROUP-INSTANCE"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
     "snag needs the right IdempotentWrite on the cluster (brokers before 2.8 ask for it)"},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
     "the broker's transaction.max.timeout.ms must be at least 10000"},
    {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT,
     "session.timeout.ms must lie between the broker's group.min. and group.max.session.timeout.ms"},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "raise the topic's max.message.bytes to 1048588 or more"},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, "raise the topic's segment.bytes"},
    {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL,
     "other consumers use this group: give snag a --group of its own"},
    {RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED, "the broker's group.max.size bounds the workers of a group"},
    {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, "give another --group"},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, "a policy of the broker forbids it"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, "snag needs brokers of Kafka 2.5 or newer"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, "the topic's message format is too old"},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, "snag needs brokers of Kafka 2.5 or newer"},
};

static const char *remedy_of(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (refusals[i].code == code)
            return refusals[i].remedy;
    return NULL;
}

snag_err snag_kafka_judge(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return SNAG_OK;
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID: return SNAG_FENCED;
    default: return remedy_of(code) ? SNAG_REFUSED : SNAG_BROKER;
    }
}

snag_err snag_kafka_fail(snag_diag *diag, rd_kafka_resp_err_t code, const char *doing,
                         const char *detail)
{
    if (!detail || !*detail)
        detail = rd_kafka_err2str(code);
    const char *remedy = remedy_of(code);
    if (remedy)
        return snag_fail(diag, SNAG_REFUSED, "%s: %s: %s", doing, detail, remedy);
    return snag_fail(diag, snag_kafka_judge(code), "%s: %s", doing, detail);
}

void snag_kafka_watch(snag_kafka *kafka)
{
    if (!atomic_load(&kafka->doubted))
        return;
    const struct rd_kafka_metadata *seen = NULL;
    bool answered = rd_kafka_metadata(kafka->probe, 0, NULL, &seen, ASK_MS) == 0;
    if (seen)
        rd_kafka_metadata_destroy(seen);
    if (answered)
        atomic_store(&kafka->doubted, false);
    bool before = atomic_exchange(&kafka->lost, !answered);
    if (before == !answered)
        return;
    kafka->voice.say(kafka->voice.self,
                     answered ? "the broker is back" : "the broker is lost; trying until it is back");
}
