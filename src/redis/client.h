/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection and its outages; private to src/redis.
 */
#ifndef SNAG_REDIS_CLIENT_H
#define SNAG_REDIS_CLIENT_H

#include <stdatomic.h>

#include <hiredis/hiredis.h>

#include "redis/redis.h"
#include "redis/scripts.h"

enum { SNAG_REDIS_HOST_MAX = 256, SNAG_REDIS_SECRET_MAX = 256, SNAG_REDIS_SHA_BYTES = 40 };

struct snag_redis {
    char host[SNAG_REDIS_HOST_MAX];
    char user[SNAG_REDIS_SECRET_MAX];
    char password[SNAG_REDIS_SECRET_MAX];
    int port;
    int db;
    uint32_t partitions; /* of the input; 0 = we only read */
    char *space;
    snag_voice voice;
    atomic_bool lost;
    atomic_bool quiet; /* nothing is said of it */
};

typedef struct snag_redis_client {
    snag_redis *redis;
    redisContext *context; /* NULL = not connected */
    int64_t retry_at_ms;   /* monotonic: not earlier */
    int64_t backoff_ms;
    char sha[SNAG_SCRIPT_COUNT][SNAG_REDIS_SHA_BYTES + 1];
} snag_redis_client;

/* Connects where it is not connected and the last failure is long enough ago. */
snag_err snag_redis_connect(snag_redis_client *client, snag_diag *diag);
void snag_redis_disconnect(snag_redis_client *client);
/* The connection is of no more use: drops it, says so once, and lets the next tries wait longer. */
snag_err snag_redis_lose(snag_redis_client *client, const char *words, snag_diag *diag);
/* Sends one command and waits. The reply is the caller's; an error reply is a failure with its words. */
snag_err snag_redis_call(snag_redis_client *client, int argc, const char **argv, const size_t *sizes,
                         redisReply **reply, snag_diag *diag);
/* The words of an error reply, with advice where there is some. Keeps the reply. */
snag_err snag_redis_refused(const redisReply *reply, snag_diag *diag);
/* (Re)loads the scripts into the server's cache. */
snag_err snag_redis_scripts_load(snag_redis_client *client, snag_diag *diag);
/* NUL-terminated; false: does not fit. Reads a url's parts into redis. */
snag_err snag_redis_url_parse(snag_redis *redis, snag_str url, snag_diag *diag);

#endif
