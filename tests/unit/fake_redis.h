/* SPDX-License-Identifier: Apache-2.0
 *
 * A Redis server that answers what a script says, in a thread of the test: for what a real one does too
 * rarely, or not on request. It serves one connection after the other, reads commands (RESP arrays) and
 * sends, one a command, the next words of the script.
 */
#ifndef SNAG_TESTS_FAKE_REDIS_H
#define SNAG_TESTS_FAKE_REDIS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { FAKE_ANSWERS = 24 };

typedef struct fake_redis {
    const char *_Atomic answers[FAKE_ANSWERS]; /* one a command; behind the last one it is silent */
    const char *map;                           /* not NULL: what CLUSTER SLOTS gives, uncounted */
    atomic_uint asked;                         /* commands seen */
    char seen[FAKE_ANSWERS][16];               /* their first words */
    char text[1 << 16];                        /* what is being read */
    atomic_uint connects;
    atomic_bool closed; /* it has closed a connection */
    int drip_ms;  /* between the bytes of an answer */
    bool hang_up; /* closes behind the last answer */
    int port;
    int listener;
    atomic_bool stop;
    pthread_t thread;
} fake_redis;

/* Takes a free port. */
void fake_redis_listen(fake_redis *fake);
void fake_redis_start(fake_redis *fake);
void fake_redis_stop(fake_redis *fake);
/* Waits until it has closed a connection. */
void fake_redis_closed(const fake_redis *fake);
/* The first word of a command that was seen. */
const char *fake_redis_seen(const fake_redis *fake, unsigned index);

#endif
