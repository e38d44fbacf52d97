/* SPDX-License-Identifier: Apache-2.0
 *
 * A Redis connection that may be lost at any time: it comes back by itself, later and later up to 30 s, and
 * an outage is said once for the process.
 */
#include "redis/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"

enum { CONNECT_MS = 2000, CALL_S = 5, BACKOFF_MIN_MS = 250, BACKOFF_MAX_MS = 30000 };

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- the address ------------------------------------------------------------------------------- */

static bool copy(char *to, size_t room, snag_str from)
{
    if (from.size >= room)
        return false;
    if (from.size)
        memcpy(to, from.data, from.size);
    to[from.size] = '\0';
    return true;
}

/* Splits at the first `mark`; without one everything is the head. */
static bool split(snag_str text, char mark, snag_str *head, snag_str *tail)
{
    const char *at = text.size ? memchr(text.data, mark, text.size) : NULL;
    *head = at ? snag_str_of(text.data, (size_t)(at - text.data)) : text;
    *tail = at ? snag_str_of(at + 1, text.size - head->size - 1) : (snag_str){NULL, 0};
    return at != NULL;
}

static bool number(snag_str text, int most, int *out)
{
    int value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > most)
            return false;
        value = value * 10 + (text.data[i] - '0');
    }
    *out = value;
    return text.size > 0 && value <= most;
}

static bool parse(snag_redis *redis, snag_str rest)
{
    snag_str where, db, credentials, address, user, password, host, port;
    split(rest, '/', &where, &db);
    if (split(where, '@', &credentials, &address)) {
        if (!split(credentials, ':', &user, &password))
            return false;
        if (!copy(redis->user, sizeof redis->user, user) ||
            !copy(redis->password, sizeof redis->password, password))
            return false;
    } else {
        address = where;
    }
    redis->port = 6379;
    redis->db = 0;
    if (split(address, ':', &host, &port) && !number(port, 65535, &redis->port))
        return false;
    if (db.size && !number(db, 1000000, &redis->db))
        return false;
    return host.size > 0 && copy(redis->host, sizeof redis->host, host);
}

snag_err snag_redis_url_parse(snag_redis *redis, snag_str url, snag_diag *diag)
{
    static const snag_str plain = {"redis://", 8}, tls = {"rediss://", 9};
    if (snag_str_starts(url, tls))
        return snag_fail(diag, SNAG_CONFIG,
                         "redis: this build has no TLS: use redis:// (a tunnel can carry it)");
    if (!snag_str_starts(url, plain) ||
        !parse(redis, snag_str_of(url.data + plain.size, url.size - plain.size)))
        return snag_fail(diag, SNAG_CONFIG,
                         "redis: expected redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]");
    return SNAG_OK;
}

/* --- failures ---------------------------------------------------------------------------------- */

void snag_redis_disconnect(snag_redis_client *client)
{
    if (client->context)
        redisFree(client->context);
    client->context = NULL;
}

snag_err snag_redis_lose(snag_redis_client *client, const char *words, snag_diag *diag)
{
    char line[384];
    snag_redis *redis = client->redis;
    snprintf(line, sizeof line, "%s", words && *words ? words : "the connection was closed");
    snag_redis_disconnect(client);
    client->backoff_ms = client->backoff_ms ? client->backoff_ms * 2 : BACKOFF_MIN_MS;
    if (client->backoff_ms > BACKOFF_MAX_MS)
        client->backoff_ms = BACKOFF_MAX_MS;
    client->retry_at_ms = now_ms() + client->backoff_ms;
    snag_fail(diag, SNAG_STORE, "Redis at %s:%d: %s", redis->host, redis->port, line);
    if (!atomic_load(&redis->quiet) && !atomic_exchange(&redis->lost, true)) {
        snprintf(line, sizeof line, "Redis at %s:%d is lost; going on without it, trying until it is back",
                 redis->host, redis->port);
        redis->voice.say(redis->voice.self, line);
    }
    return SNAG_STORE;
}

snag_err snag_redis_refused(const redisReply *reply, snag_diag *diag)
{
    static const struct {
        const char *begins;
        const char *advice;
    } known[] = {
        {"MOVED", "this server is part of a Redis Cluster, which this version does not route to: give the "
                  "address of a single server"},
        {"CLUSTERDOWN", "the Redis Cluster is down (and this version needs a single server)"},
        {"READONLY", "this server is a replica: give the address of its primary"},
        {"NOAUTH", "it wants a password: redis://:PASSWORD@HOST:PORT"},
        {"WRONGPASS", "it refused the user or password"},
        {"OOM", "its memory is full (maxmemory)"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strncmp(reply->str, known[i].begins, strlen(known[i].begins)) == 0)
            return snag_fail(diag, SNAG_STORE, "Redis: %s", known[i].advice);
    return snag_fail(diag, SNAG_STORE, "Redis: %.200s", reply->str);
}

/* --- calls ------------------------------------------------------------------------------------- */

snag_err snag_redis_call(snag_redis_client *client, int argc, const char **argv, const size_t *sizes,
                         redisReply **reply, snag_diag *diag)
{
    redisReply *got = redisCommandArgv(client->context, argc, argv, sizes);
    if (!got)
        return snag_redis_lose(client, client->context->errstr, diag);
    if (got->type == REDIS_REPLY_ERROR) {
        snag_err err = snag_redis_refused(got, diag);
        freeReplyObject(got);
        return err;
    }
    *reply = got;
    return SNAG_OK;
}

/* A call whose answer does not matter, with terminated words. */
static snag_err order(snag_redis_client *client, int argc, const char **argv, snag_diag *diag)
{
    redisReply *reply = NULL;
    snag_err err = snag_redis_call(client, argc, argv, NULL, &reply, diag);
    if (err == SNAG_OK)
        freeReplyObject(reply);
    return err;
}

snag_err snag_redis_scripts_load(snag_redis_client *client, snag_diag *diag)
{
    for (int i = 0; i < SNAG_SCRIPT_COUNT; i++) {
        const char *argv[] = {"SCRIPT", "LOAD", snag_script_text((snag_script)i)};
        redisReply *reply = NULL;
        snag_err err = snag_redis_call(client, 3, argv, NULL, &reply, diag);
        if (err != SNAG_OK)
            return err;
        bool fine = reply->type == REDIS_REPLY_STRING && reply->len == SNAG_REDIS_SHA_BYTES;
        if (fine)
            memcpy(client->sha[i], reply->str, SNAG_REDIS_SHA_BYTES + 1);
        freeReplyObject(reply);
        if (!fine)
            return snag_fail(diag, SNAG_STORE, "Redis: SCRIPT LOAD gave no name");
    }
    return SNAG_OK;
}

static snag_err greet(snag_redis_client *client, snag_diag *diag)
{
    const snag_redis *redis = client->redis;
    char db[16];
    snag_err err = SNAG_OK;
    snprintf(db, sizeof db, "%d", redis->db);
    if (*redis->password && *redis->user)
        err = order(client, 3, (const char *[]){"AUTH", redis->user, redis->password}, diag);
    else if (*redis->password)
        err = order(client, 2, (const char *[]){"AUTH", redis->password}, diag);
    if (err == SNAG_OK && redis->db)
        err = order(client, 2, (const char *[]){"SELECT", db}, diag);
    return err == SNAG_OK ? snag_redis_scripts_load(client, diag) : err;
}

snag_err snag_redis_connect(snag_redis_client *client, snag_diag *diag)
{
    snag_redis *redis = client->redis;
    if (client->context)
        return SNAG_OK;
    if (now_ms() < client->retry_at_ms)
        return snag_fail(diag, SNAG_STORE, "Redis at %s:%d is lost", redis->host, redis->port);
    struct timeval patience = {CONNECT_MS / 1000, 0};
    client->context = redisConnectWithTimeout(redis->host, redis->port, patience);
    if (!client->context || client->context->err)
        return snag_redis_lose(client, client->context ? client->context->errstr : "out of memory", diag);
    redisSetTimeout(client->context, (struct timeval){CALL_S, 0});
    redisEnableKeepAlive(client->context);
    snag_err err = greet(client, diag);
    if (err != SNAG_OK) {
        char words[sizeof diag->text];
        snprintf(words, sizeof words, "%s", diag ? diag->text : "");
        if (client->context)
            snag_redis_lose(client, words, NULL);
        return err;
    }
    client->backoff_ms = 0;
    if (atomic_exchange(&redis->lost, false))
        redis->voice.say(redis->voice.self, "Redis is back");
    return SNAG_OK;
}
