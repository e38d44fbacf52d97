/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's way to Redis; private to src/redis. An operation of the store is a conversation about one slot:
 *
 *     snag_redis_begin(client, slot, writes)     the clock of 2 s starts
 *     do {
 *         snag_redis_ready(client)               picks the server, connects
 *         snag_redis_send(client, …) …           one command or transaction after the other
 *         snag_redis_answer(client, …) …         their answers; error replies are left to the caller, who
 *                                                gives the first of them to snag_redis_refused
 *     } while (SNAG_AGAIN)                       any of these may say: all is set right, say it once more
 *     snag_redis_end(client)                     it went well
 *
 *     client.c   connections, sending, reading     route.c    which server: Cluster map, Sentinels
 *     fault.c    what each error reply means       trouble.c  what is said of it, once
 */
#ifndef SNAG_REDIS_CLIENT_H
#define SNAG_REDIS_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "redis/address.h"
#include "redis/scripts.h"
#include "redis/secure.h"
#include "redis/slot.h"

enum {
    SNAG_REDIS_SHA_BYTES = 40,
    SNAG_REDIS_NODES_MAX = 128,
    SNAG_REDIS_NO_NODE = 255,
    SNAG_REDIS_TROUBLES_MAX = 64,
    SNAG_REDIS_CALL_MS = 2000,    /* one operation, tries included */
    SNAG_REDIS_CONNECT_MS = 1000, /* of it at most for one connection */
    SNAG_REDIS_PATIENCE_MS = 400, /* of it at most asleep, waiting for Redis to sort itself out */
    SNAG_REDIS_BACKOFF_MIN_MS = 250,
    SNAG_REDIS_BACKOFF_MAX_MS = 30000
};

/* --- what is wrong, for the whole process (trouble.c) -------------------------------------------- */

typedef enum snag_redis_trouble { SNAG_REDIS_LOST = 1, SNAG_REDIS_REFUSING = 2 } snag_redis_trouble;

typedef struct snag_redis_troubles {
    pthread_mutex_t lock;
    atomic_uint count; /* rows in use */
    struct {
        snag_redis_place place;
        unsigned troubles; /* bits of snag_redis_trouble */
    } rows[SNAG_REDIS_TROUBLES_MAX];
} snag_redis_troubles;

struct snag_redis {
    snag_redis_address address;
    snag_redis_secure *secure; /* NULL: no TLS */
    uint32_t partitions;       /* of the input; 0 = we only read */
    char *space;
    snag_voice voice;
    atomic_bool quiet; /* nothing is said of it */
    snag_redis_troubles troubles;
    struct {
        atomic_uint_fast64_t moved, asked, waited, readonly, routes, connects, losses;
    } counts;
};

/* Notes it and, where nothing was wrong before, says it. */
void snag_redis_trouble_note(snag_redis *redis, const snag_redis_place *place,
                             snag_redis_trouble trouble, const char *words);
/* Something went well there. Says so where it was the last thing wrong. */
void snag_redis_trouble_clear(snag_redis *redis, const snag_redis_place *place, unsigned troubles);
/* Nobody will ask there again. */
void snag_redis_trouble_forget(snag_redis *redis, const snag_redis_place *place);

/* --- the client --------------------------------------------------------------------------------- */

typedef struct snag_redis_node {
    snag_redis_place place;
    redisContext *context; /* NULL = not connected */
    int64_t retry_at_ms;   /* monotonic: no connection earlier */
    int64_t backoff_ms;
    int64_t write_at_ms; /* it refused a write: no other one earlier */
    int64_t write_backoff_ms;
    bool sentinel; /* a Sentinel: another password, no database */
    bool scripts;  /* loaded there */
    bool served;   /* it answered something in this connection */
    bool ahead;    /* answers of a page that nobody asked for yet are on their way (store.c) */
    bool listed;   /* in the map that is being read */
} snag_redis_node;

typedef struct snag_redis_client {
    snag_redis *redis;
    snag_redis_kind kind; /* as the address says, or as a server told */
    snag_redis_node *nodes[SNAG_REDIS_NODES_MAX];
    uint32_t node_count;
    uint8_t serves[SNAG_REDIS_SLOTS]; /* which node has a slot; other kinds: [0] is the server */
    bool route_old;                   /* to be asked for again before the next use */
    int64_t routed_ms;                /* when it was asked for last */
    bool seeking;                     /* one of many is asked: that it does not answer is not said */
    char sha[SNAG_SCRIPT_COUNT][SNAG_REDIS_SHA_BYTES + 1];
    /* The conversation in hand. */
    snag_redis_node *node;
    snag_redis_node *asked; /* told by ASK to go there this once */
    unsigned slot;
    bool writes;
    unsigned hops;     /* redirections followed */
    int64_t slept_ms;
    int64_t until_ms;
    bool reconnected;
} snag_redis_client;

void snag_redis_client_init(snag_redis_client *client, snag_redis *redis);
void snag_redis_client_finish(snag_redis_client *client);

void snag_redis_begin(snag_redis_client *client, unsigned slot, bool writes);
snag_err snag_redis_ready(snag_redis_client *client, snag_diag *diag);
/* A command, or with `first` false one inside the transaction before it. Errors show in the answer. */
void snag_redis_send(snag_redis_client *client, bool first, int argc, const char **argv, const size_t *sizes);
/* Gives the server what it takes of that by now: it works while more is made. Errors show in the answer. */
void snag_redis_push(snag_redis_client *client);
/* The next answer, which is the caller's. */
snag_err snag_redis_answer(snag_redis_client *client, bool first, redisReply **reply, snag_diag *diag);
void snag_redis_end(snag_redis_client *client);

/* An error reply. SNAG_AGAIN: it was set right, or it was time to wait for a moment; else SNAG_STORE. */
snag_err snag_redis_refused(snag_redis_client *client, const redisReply *reply, snag_diag *diag);
/* Whether its script is missing there. */
snag_err snag_redis_scripts_load(snag_redis_client *client, snag_diag *diag);

/* --- between client.c, route.c and fault.c -------------------------------------------------------- */

/* The node of that place, made where there is none; NULL: there are too many. */
snag_redis_node *snag_redis_node_at(snag_redis_client *client, const snag_redis_place *place, bool sentinel);
void snag_redis_node_drop(snag_redis_node *node);
/* Connects, says who we are, and waits no longer than until_ms. */
snag_err snag_redis_node_connect(snag_redis_client *client, snag_redis_node *node, snag_diag *diag);
/* One command to that very node, and its answer, which may be an error reply. */
snag_err snag_redis_node_call(snag_redis_client *client, snag_redis_node *node, int argc,
                              const char **argv, redisReply **reply, snag_diag *diag);
/* The connection is of no more use. SNAG_AGAIN where the conversation may start anew with another one. */
snag_err snag_redis_node_lose(snag_redis_client *client, snag_redis_node *node, const char *words,
                              snag_diag *diag);
/* Sleeps a little longer each time; false: that was long enough. */
bool snag_redis_pause(snag_redis_client *client);
/* Sets client->node for client->slot. */
snag_err snag_redis_route(snag_redis_client *client, snag_diag *diag);
/* Words for an error reply, with advice where there is some. */
void snag_redis_words(char words[256], const snag_redis_client *client, const redisReply *reply);

#endif
