/* SPDX-License-Identifier: Apache-2.0
 *
 * Ending a client in bounded time. librdkafka waits for its broker threads without a limit, and such a thread
 * stays as long as anything refers to its broker; after some rebalances something does for ever (its issues
 * 3954, 4519, 4674). What matters is committed by then. So another thread waits, and what does not end is
 * left behind and told: a stop comes to its end, and a new client may take the old one's place.
 */
#define _GNU_SOURCE /* pthread_clockjoin_np */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "kafka/client.h"

enum { END_MS = 5000 };

typedef struct ending {
    rd_kafka_t *client;
    int flags;
} ending;

static void *end(void *context)
{
    ending *it = context;
    rd_kafka_destroy_flags(it->client, it->flags);
    free(it);
    return NULL;
}

/* Whether the thread is over within so long. */
static bool is_over(pthread_t thread, int limit_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += limit_ms / 1000;
    until.tv_nsec += (long)(limit_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0;
}

bool snag_kafka_client_end_within(const snag_kafka *kafka, rd_kafka_t *client, int flags, int limit_ms)
{
    pthread_t thread;
    ending *it = malloc(sizeof *it);
    rd_kafka_set_log_level(client, 0); /* its opaque may be gone before its threads are */
    if (it)
        *it = (ending){client, flags};
    if (!it || pthread_create(&thread, NULL, end, it) != 0) {
        free(it);
        rd_kafka_destroy_flags(client, flags);
        return true;
    }
    if (is_over(thread, limit_ms))
        return true;
    pthread_detach(thread);
    kafka->voice.say(kafka->voice.self,
                     "kafka: a client that is not needed any more does not end; it is left behind, and "
                     "nothing is lost");
    return false;
}

bool snag_kafka_client_end(const snag_kafka *kafka, rd_kafka_t *client, int flags)
{
    return snag_kafka_client_end_within(kafka, client, flags, END_MS);
}
