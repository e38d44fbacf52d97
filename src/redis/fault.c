/* SPDX-License-Identifier: Apache-2.0
 *
 * What an error reply means: one table. Nothing here ends a worker: a copy that cannot be written is stale,
 * and is written anew when Redis takes it again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "redis/client.h"

enum { HOPS_MAX = 8 };

typedef enum action {
    MOVED,   /* go there, and read the map anew */
    ASK,     /* go there this once */
    WAIT,    /* the same once more in a moment; after that it is out of reach */
    RESHARD, /* the same, but nobody needs to be told: a reshard is no outage */
    REPLICA, /* writes to a replica: its master is elsewhere by now */
    SCRIPTS, /* the server was restarted and has forgotten them */
    LOCKED,  /* it does not let us in */
    FULL,    /* it takes nothing more; neither do transactions run, though they only read */
    REFUSE   /* it does not take this; not to be tried again at once */
} action;

static const struct {
    const char *begins;
    action action;
    const char *advice; /* NULL: its own words */
} faults[] = {
    {"MOVED", MOVED, "sends from one node of the Redis Cluster to the next without end"},
    {"ASK", ASK, "sends from one node of the Redis Cluster to the next without end"},
    {"TRYAGAIN", RESHARD, "the keys of this partition are just being moved to another node"},
    {"CLUSTERDOWN", WAIT, "the Redis Cluster is down: not every slot has a live master"},
    {"LOADING", WAIT, "it is still loading its data"},
    {"MASTERDOWN", WAIT, "it is a replica that has lost its master"},
    {"BUSY", WAIT, "a script has been running for long (SCRIPT KILL ends it)"},
    {"READONLY", REPLICA, "it is a replica: give the address of its master, or redis+sentinel://…/MASTER"},
    {"NOSCRIPT", SCRIPTS, "it keeps forgetting scripts"},
    {"NOAUTH", LOCKED, "it wants a password: redis: { url: …, password: \"${NAME}\" }"},
    {"WRONGPASS", LOCKED, "it does not know this user and password"},
    {"ERR invalid password", LOCKED, "it does not know this password"},
    {"ERR Client sent AUTH, but no password is set", LOCKED, "it has no password, but one is given"},
    {"ERR AUTH <password> called without any password configured", LOCKED,
     "it has no password, but one is given"},
    {"ERR SELECT is not allowed in cluster mode", LOCKED,
     "it is a node of a Redis Cluster, which has database 0 only: leave the number away"},
    {"ERR DB index is out of range", LOCKED, "it has no database of this number"},
    {"NOPERM", REFUSE, NULL},
    {"OOM", FULL, "its memory is full (maxmemory)"},
    {"MISCONF", REFUSE, "it takes no writes because it cannot save its data to disk (MISCONF)"},
    {"NOREPLICAS", REFUSE, "it takes no writes because too few replicas follow it (NOREPLICAS)"},
    {"WRONGTYPE", REFUSE, "somebody else uses our keys: WRONGTYPE"},
    {"ERR unknown command", REFUSE, NULL},
};
enum { FAULTS = sizeof faults / sizeof faults[0], OTHER = FAULTS };

/* Up to Redis 6 an error inside a script comes as "ERR Error running script …: @user_script:2: -OOM …". */
static const char *inner(const char *text)
{
    const char *in = strncmp(text, "ERR Error running script", 24) == 0 ? strstr(text, ": -") : NULL;
    return in ? in + 3 : text;
}

static size_t fault_of(const char *text)
{
    size_t i = 0;
    while (i < FAULTS && strncmp(text, faults[i].begins, strlen(faults[i].begins)) != 0)
        i++;
    return i;
}

void snag_redis_words(char words[256], const snag_redis_client *client, const redisReply *reply)
{
    const char *text = inner(reply->str);
    size_t fault = fault_of(text);
    if (fault < FAULTS && faults[fault].action == SCRIPTS && client->hops < HOPS_MAX)
        snprintf(words, 256, "%.200s", text);
    else if (fault < FAULTS && faults[fault].advice)
        snprintf(words, 256, "%s", faults[fault].advice);
    else if (strncmp(text, "NOPERM", 6) == 0)
        snprintf(words, 256, "its user lacks a right: %.150s (`snag manual redis` has the ACL)", text + 7);
    else
        snprintf(words, 256, "%.200s", text);
}

/* --- actions --------------------------------------------------------------------------------------- */

static snag_err give_up(snag_redis_client *client, const redisReply *reply, snag_redis_trouble trouble,
                        bool said, snag_diag *diag)
{
    char where[SNAG_REDIS_PLACE_TEXT], words[256];
    snag_redis_node *node = client->node;
    snag_redis_words(words, client, reply);
    snag_redis_place_text(where, &node->place);
    if (trouble == SNAG_REDIS_REFUSING) {
        int64_t ms = node->write_backoff_ms ? node->write_backoff_ms * 2 : SNAG_REDIS_BACKOFF_MIN_MS;
        node->write_backoff_ms = ms < SNAG_REDIS_BACKOFF_MAX_MS ? ms : SNAG_REDIS_BACKOFF_MAX_MS;
        node->write_at_ms = snag_clock_monotonic_ms() + node->write_backoff_ms;
    }
    if (said)
        snag_redis_trouble_note(client->redis, &node->place, trouble, words);
    return snag_fail(diag, SNAG_STORE, "Redis at %s: %s", where, words);
}

/* "MOVED 3999 host:port": the node there, or NULL. */
static snag_redis_node *target(snag_redis_client *client, const char *text, unsigned *slot)
{
    snag_redis_place place;
    const char *at = strchr(text, ' ');
    char *end = NULL;
    unsigned long number = at ? strtoul(at, &end, 10) : 0;
    if (!end || *end != ' ' || number >= SNAG_REDIS_SLOTS)
        return NULL;
    snag_str rest = snag_str_from(end + 1);
    const char *more = memchr(rest.data, ' ', rest.size);
    if (more)
        rest.size = (size_t)(more - rest.data);
    *slot = (unsigned)number;
    return snag_redis_place_read(&place, rest, &client->node->place)
               ? snag_redis_node_at(client, &place, false)
               : NULL;
}

/* It is part of a cluster, though the address did not say so. */
static snag_err cluster_found(snag_redis_client *client)
{
    client->kind = SNAG_REDIS_CLUSTER;
    client->route_old = true;
    return SNAG_AGAIN;
}

static snag_err redirect(snag_redis_client *client, const redisReply *reply, bool asked, snag_diag *diag)
{
    unsigned slot;
    snag_redis_node *node = target(client, inner(reply->str), &slot);
    atomic_fetch_add(asked ? &client->redis->counts.asked : &client->redis->counts.moved, 1);
    if (!node || ++client->hops > HOPS_MAX || (client->hops > 4 && !snag_redis_pause(client)))
        return give_up(client, reply, SNAG_REDIS_LOST, true, diag);
    if (client->kind != SNAG_REDIS_CLUSTER)
        return cluster_found(client);
    client->asked = NULL;
    if (asked) {
        client->asked = node;
        return SNAG_AGAIN;
    }
    for (uint32_t i = 0; i < client->node_count; i++)
        if (client->nodes[i] == node)
            client->serves[slot] = (uint8_t)i;
    /* This one knows better than a map that others may give just now: the next conversation reads it. */
    client->routed_ms = snag_clock_monotonic_ms();
    client->route_old = true;
    return SNAG_AGAIN;
}

static snag_err wait_and_see(snag_redis_client *client, const redisReply *reply, bool said, snag_diag *diag)
{
    client->asked = NULL;
    client->route_old = client->route_old || said;
    if (client->kind == SNAG_REDIS_SERVER && strncmp(inner(reply->str), "CLUSTERDOWN", 11) == 0)
        return cluster_found(client);
    if (!snag_redis_pause(client))
        return give_up(client, reply, said && client->writes ? SNAG_REDIS_REFUSING : SNAG_REDIS_LOST, said,
                       diag);
    client->hops = 0;
    return SNAG_AGAIN;
}

/* It was the master when it was connected: the name, the Sentinels, the cluster know the new one. */
static snag_err replica(snag_redis_client *client, const redisReply *reply, snag_diag *diag)
{
    atomic_fetch_add(&client->redis->counts.readonly, 1);
    if (!snag_redis_pause(client))
        return give_up(client, reply, SNAG_REDIS_REFUSING, true, diag);
    snag_redis_node_drop(client->node);
    client->asked = NULL;
    client->route_old = true;
    return SNAG_AGAIN;
}

snag_err snag_redis_refused(snag_redis_client *client, const redisReply *reply, snag_diag *diag)
{
    SNAG_ASSERT(reply->type == REDIS_REPLY_ERROR && client->node);
    size_t fault = fault_of(inner(reply->str));
    char words[256];
    client->node->served = true;
    switch (fault < FAULTS ? faults[fault].action : REFUSE) {
    case MOVED: return redirect(client, reply, false, diag);
    case ASK: return redirect(client, reply, true, diag);
    case WAIT: return wait_and_see(client, reply, true, diag);
    case RESHARD: return wait_and_see(client, reply, false, diag);
    case REPLICA: return replica(client, reply, diag);
    case SCRIPTS:
        client->node->scripts = false;
        return ++client->hops > HOPS_MAX ? give_up(client, reply, SNAG_REDIS_REFUSING, true, diag)
                                         : SNAG_AGAIN;
    case LOCKED:
        client->node->served = false;
        snag_redis_words(words, client, reply);
        return snag_redis_node_lose(client, client->node, words, diag);
    case FULL: return give_up(client, reply, SNAG_REDIS_REFUSING, true, diag);
    case REFUSE: break;
    }
    return give_up(client, reply, client->writes ? SNAG_REDIS_REFUSING : SNAG_REDIS_LOST, true, diag);
}
