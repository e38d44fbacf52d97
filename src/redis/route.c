/* SPDX-License-Identifier: Apache-2.0
 *
 * Which server has a slot. One server: it. Sentinels: the master they name, if it says of itself that it is
 * one. A cluster: its map of slots, read from whichever node answers.
 *
 * A map is read anew when something showed that it is old (MOVED, a lost connection, a replica that was
 * asked to write), before the next use, and not more often than every 100 ms. Servers that are in it no
 * more are forgotten, and what was wrong with them too.
 */
#include <stdio.h>
#include <stdlib.h>

#include "redis/client.h"

enum { ROUTE_MIN_MS = 100, ROUNDS = 2 };

static snag_err seeds_add(snag_redis_client *client, snag_diag *diag)
{
    const snag_redis_address *address = &client->redis->address;
    bool sentinel = address->kind == SNAG_REDIS_SENTINEL;
    for (uint32_t i = 0; i < address->seed_count; i++) {
        snag_redis_node *node = snag_redis_node_at(client, &address->seeds[i], sentinel);
        if (!node)
            return snag_fail(diag, SNAG_MEMORY, "Redis: too many servers");
        node->listed = false;
    }
    return SNAG_OK;
}

static bool is_seed(const snag_redis_client *client, const snag_redis_node *node)
{
    const snag_redis_address *address = &client->redis->address;
    for (uint32_t i = 0; i < address->seed_count; i++)
        if (snag_redis_place_equal(&address->seeds[i], &node->place))
            return true;
    return false;
}

/* After a map was read: those that are not in it go (seeds stay, but are no trouble). serves[] is by index,
 * so it is written after this. */
static void unlisted_drop(snag_redis_client *client)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < client->node_count; i++) {
        snag_redis_node *node = client->nodes[i];
        bool stays = node->listed || node->sentinel || is_seed(client, node);
        if (!node->listed && !node->sentinel)
            snag_redis_trouble_forget(client->redis, &node->place);
        if (stays) {
            client->nodes[kept++] = node;
            continue;
        }
        snag_redis_node_drop(node);
        free(node);
    }
    client->node_count = kept;
}

static uint8_t index_of(const snag_redis_client *client, const snag_redis_node *node)
{
    for (uint32_t i = 0; i < client->node_count; i++)
        if (client->nodes[i] == node)
            return (uint8_t)i;
    return SNAG_REDIS_NO_NODE;
}

/* --- a cluster's map ------------------------------------------------------------------------------- */

/* A node of CLUSTER SLOTS: host, port, id … */
static snag_redis_node *node_read(snag_redis_client *client, const redisReply *row,
                                  const snag_redis_place *asked)
{
    char text[SNAG_REDIS_PLACE_TEXT];
    snag_redis_place place;
    if (row->type != REDIS_REPLY_ARRAY || row->elements < 2 || row->element[1]->type != REDIS_REPLY_INTEGER)
        return NULL;
    const redisReply *host = row->element[0];
    bool named = host->type == REDIS_REPLY_STRING;
    int size = snprintf(text, sizeof text, "%.*s:%lld", named ? (int)host->len : 0, named ? host->str : "",
                        row->element[1]->integer);
    if (size < 0 || (size_t)size >= sizeof text ||
        !snag_redis_place_read(&place, snag_str_of(text, (size_t)size), asked))
        return NULL;
    return snag_redis_node_at(client, &place, false);
}

static bool range_good(const redisReply *range)
{
    return range->type == REDIS_REPLY_ARRAY && range->elements >= 3 &&
           range->element[0]->type == REDIS_REPLY_INTEGER && range->element[1]->type == REDIS_REPLY_INTEGER &&
           range->element[0]->integer >= 0 && range->element[0]->integer <= range->element[1]->integer &&
           range->element[1]->integer < SNAG_REDIS_SLOTS;
}

static bool map_read(snag_redis_client *client, const redisReply *map, const snag_redis_place *asked)
{
    for (uint32_t i = 0; i < client->node_count; i++)
        client->nodes[i]->listed = false;
    for (size_t i = 0; i < map->elements; i++) { /* first who there is … */
        const redisReply *range = map->element[i];
        snag_redis_node *node = range_good(range) ? node_read(client, range->element[2], asked) : NULL;
        if (!node)
            return false;
        node->listed = true;
    }
    unlisted_drop(client);
    memset(client->serves, SNAG_REDIS_NO_NODE, sizeof client->serves);
    for (size_t i = 0; i < map->elements; i++) { /* … then who has what */
        const redisReply *range = map->element[i];
        uint8_t index = index_of(client, node_read(client, range->element[2], asked));
        size_t first = (size_t)range->element[0]->integer, last = (size_t)range->element[1]->integer;
        memset(client->serves + first, index, last - first + 1);
    }
    return map->elements > 0;
}

/* SNAG_OK: the map is read. */
static snag_err map_ask(snag_redis_client *client, snag_redis_node *node, snag_diag *diag)
{
    const char *argv[] = {"CLUSTER", "SLOTS"};
    snag_redis_place asked = node->place;
    char words[256];
    redisReply *reply = NULL;
    snag_err err = snag_redis_node_connect(client, node, diag);
    if (err == SNAG_OK)
        err = snag_redis_node_call(client, node, 2, argv, &reply, diag);
    if (err != SNAG_OK)
        return err;
    node->served = true;
    if (reply->type == REDIS_REPLY_ERROR) {
        snag_redis_words(words, client, reply);
        bool none = strstr(reply->str, "cluster support disabled") != NULL;
        err = snag_fail(diag, SNAG_STORE, "Redis at %s:%d: %s", asked.host, asked.port,
                        none ? "this is no Redis Cluster: write redis:// for a single server" : words);
    } else if (reply->type != REDIS_REPLY_ARRAY || !map_read(client, reply, &asked)) {
        err = snag_fail(diag, SNAG_STORE, "the Redis Cluster at %s:%d has given no slots to its nodes yet",
                        asked.host, asked.port);
    }
    freeReplyObject(reply);
    return err;
}

/* --- Sentinels -------------------------------------------------------------------------------------- */

/* Whether it thinks itself the master; who may not ask believes the Sentinel. */
static snag_err role_check(snag_redis_client *client, snag_redis_node *node, snag_diag *diag)
{
    const char *argv[] = {"ROLE"};
    redisReply *reply = NULL;
    snag_err err = snag_redis_node_connect(client, node, diag);
    if (err == SNAG_OK)
        err = snag_redis_node_call(client, node, 1, argv, &reply, diag);
    if (err != SNAG_OK)
        return err;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 && reply->element[0]->str &&
        strcmp(reply->element[0]->str, "master") != 0)
        err = snag_fail(diag, SNAG_STORE, "Redis at %s:%d is a %s, though a Sentinel names it as master",
                        node->place.host, node->place.port, reply->element[0]->str);
    freeReplyObject(reply);
    return err;
}

static snag_err master_named(snag_redis_client *client, const redisReply *reply,
                             const snag_redis_node *sentinel, snag_redis_node **node, snag_diag *diag)
{
    char text[SNAG_REDIS_PLACE_TEXT];
    snag_redis_place place;
    if (reply->type == REDIS_REPLY_ERROR) {
        snag_redis_words(text, client, reply);
        return snag_fail(diag, SNAG_STORE, "the Sentinel at %s:%d: %s", sentinel->place.host,
                         sentinel->place.port, text);
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !reply->element[0]->str ||
        !reply->element[1]->str)
        return snag_fail(diag, SNAG_STORE, "the Sentinel at %s:%d knows no master \"%s\"",
                         sentinel->place.host, sentinel->place.port, client->redis->address.master);
    snprintf(text, sizeof text, "%s:%s", reply->element[0]->str, reply->element[1]->str);
    *node = snag_redis_place_read(&place, snag_str_from(text), &sentinel->place)
                ? snag_redis_node_at(client, &place, false)
                : NULL;
    return *node ? SNAG_OK : snag_fail(diag, SNAG_STORE, "the Sentinel's answer is no address: %s", text);
}

static snag_err master_ask(snag_redis_client *client, snag_redis_node *sentinel, snag_diag *diag)
{
    const char *argv[] = {"SENTINEL", "get-master-addr-by-name", client->redis->address.master};
    snag_redis_node *node = NULL;
    redisReply *reply = NULL;
    snag_err err = snag_redis_node_connect(client, sentinel, diag);
    if (err == SNAG_OK)
        err = snag_redis_node_call(client, sentinel, 3, argv, &reply, diag);
    if (err != SNAG_OK)
        return err;
    sentinel->served = true;
    err = master_named(client, reply, sentinel, &node, diag);
    freeReplyObject(reply);
    if (err == SNAG_OK)
        err = role_check(client, node, diag);
    if (err != SNAG_OK)
        return err;
    for (uint32_t i = 0; i < client->node_count; i++)
        client->nodes[i]->listed = client->nodes[i] == node;
    unlisted_drop(client);
    client->serves[0] = index_of(client, node);
    return SNAG_OK;
}

/* --- asking whoever answers -------------------------------------------------------------------------- */

/* Those first that are connected; in a second round those that only turned out to have hung up. */
static snag_err ask_all(snag_redis_client *client, bool connected, snag_diag *diag)
{
    bool sentinels = client->kind == SNAG_REDIS_SENTINEL;
    snag_err err = SNAG_STORE;
    for (uint32_t i = 0; i < client->node_count; i++) {
        snag_redis_node *node = client->nodes[i];
        if (node->sentinel != sentinels || (node->context != NULL) != connected ||
            snag_clock_monotonic_ms() >= client->until_ms)
            continue;
        err = sentinels ? master_ask(client, node, diag) : map_ask(client, node, diag);
        if (err == SNAG_OK)
            return err;
    }
    return err;
}

static snag_err route_ask(snag_redis_client *client, snag_diag *diag)
{
    static const snag_redis_place all[] = {{"Redis", 0}, {"The Redis Cluster", 0}, {"Sentinel's Redis", 0}};
    snag_diag last = {.text = "no server answers"};
    snag_err err = seeds_add(client, diag);
    if (err != SNAG_OK)
        return err;
    for (uint32_t i = 0; i < client->node_count; i++)
        if (client->nodes[i]->ahead) /* other answers are on their way there */
            snag_redis_node_drop(client->nodes[i]);
    err = SNAG_STORE;
    client->seeking = true;
    for (int i = 0; i < ROUNDS && err != SNAG_OK; i++) {
        err = ask_all(client, true, &last);
        if (err != SNAG_OK)
            err = ask_all(client, false, &last);
    }
    client->seeking = false;
    client->routed_ms = snag_clock_monotonic_ms();
    if (err != SNAG_OK) {
        snag_redis_trouble_note(client->redis, &all[client->kind], SNAG_REDIS_LOST, last.text);
        return snag_fail(diag, SNAG_STORE, "%s", last.text);
    }
    client->route_old = false;
    atomic_fetch_add(&client->redis->counts.routes, 1);
    snag_redis_trouble_forget(client->redis, &all[client->kind]);
    return SNAG_OK;
}

snag_err snag_redis_route(snag_redis_client *client, snag_diag *diag)
{
    if (client->kind == SNAG_REDIS_SERVER) {
        client->node = snag_redis_node_at(client, &client->redis->address.seeds[0], false);
        return client->node ? SNAG_OK : snag_fail(diag, SNAG_MEMORY, "Redis: out of memory");
    }
    unsigned slot = client->kind == SNAG_REDIS_CLUSTER ? client->slot : 0;
    bool known = client->serves[slot] != SNAG_REDIS_NO_NODE;
    bool soon = known && snag_clock_monotonic_ms() - client->routed_ms < ROUTE_MIN_MS;
    snag_err err = (client->route_old || !known) && !soon ? route_ask(client, diag) : SNAG_OK;
    if (err != SNAG_OK && !known)
        return err; /* else the old way may still lead there */
    if (client->serves[slot] == SNAG_REDIS_NO_NODE)
        return snag_fail(diag, SNAG_STORE, "the Redis Cluster is down: nobody has slot %u", slot);
    client->node = client->nodes[client->serves[slot]];
    return SNAG_OK;
}
