/* SPDX-License-Identifier: Apache-2.0
 *
 * Where Redis is: what the url and the options say; private to src/redis.
 */
#ifndef SNAG_REDIS_ADDRESS_H
#define SNAG_REDIS_ADDRESS_H

#include "redis/redis.h"

enum {
    SNAG_REDIS_HOST_MAX = 256,
    SNAG_REDIS_SEEDS_MAX = 16,
    SNAG_REDIS_PLACE_TEXT = SNAG_REDIS_HOST_MAX + 8
};

typedef enum snag_redis_kind { SNAG_REDIS_SERVER, SNAG_REDIS_CLUSTER, SNAG_REDIS_SENTINEL } snag_redis_kind;

typedef struct snag_redis_place {
    char host[SNAG_REDIS_HOST_MAX];
    int port;
} snag_redis_place;

typedef struct snag_redis_address {
    snag_redis_kind kind;
    bool tls;
    snag_redis_place seeds[SNAG_REDIS_SEEDS_MAX]; /* servers; of kind SENTINEL the Sentinels */
    uint32_t seed_count;
    char *user; /* NULL: none */
    char *password;
    char *sentinel_password;
    char *master; /* the name that the Sentinels know */
    int db;
} snag_redis_address;

/* SNAG_CONFIG: no such address. Finish it in any case. */
SNAG_MUST_CHECK snag_err snag_redis_address_init(snag_redis_address *address,
                                                 const snag_redis_options *options, snag_diag *diag);
void snag_redis_address_finish(snag_redis_address *address);

/* A terminated copy for libraries that want one; the caller frees it. NULL: out of memory. (Not strndup:
 * AddressSanitizer's strict checks take it to read on to the terminator.) */
char *snag_redis_text_new(snag_str text);

/* HOST:PORT, [HOST]:PORT or, as Redis itself writes it, with the port behind the last colon. An empty host
 * or "?" is `asked`'s. False: no place. */
bool snag_redis_place_read(snag_redis_place *place, snag_str text, const snag_redis_place *asked);
bool snag_redis_place_equal(const snag_redis_place *a, const snag_redis_place *b);
/* For words: "HOST:PORT"; port 0: the host alone. */
void snag_redis_place_text(char text[SNAG_REDIS_PLACE_TEXT], const snag_redis_place *place);

#endif
