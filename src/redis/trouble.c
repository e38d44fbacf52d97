/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong is said when it begins and when all of it is over; not each time, not by each worker, and
 * not for each of the servers that a cluster has. A server that refuses writes but can be read stays on the
 * list until a write went well: else every look at it would be a return, every write a new loss.
 */
#include <stdio.h>

#include "redis/client.h"

static void say(snag_redis *redis, const char *line)
{
    redis->voice.say(redis->voice.self, line);
}

void snag_redis_trouble_note(snag_redis *redis, const snag_redis_place *place,
                             snag_redis_trouble trouble, const char *words)
{
    snag_redis_troubles *all = &redis->troubles;
    char where[SNAG_REDIS_PLACE_TEXT], line[768];
    if (atomic_load(&redis->quiet))
        return;
    pthread_mutex_lock(&all->lock);
    unsigned count = atomic_load(&all->count), i = 0;
    while (i < count && !snag_redis_place_equal(&all->rows[i].place, place))
        i++;
    if (i == count && count < SNAG_REDIS_TROUBLES_MAX) {
        all->rows[i].place = *place;
        all->rows[i].troubles = 0;
        atomic_store(&all->count, count + 1);
    }
    if (i < SNAG_REDIS_TROUBLES_MAX)
        all->rows[i].troubles |= trouble;
    pthread_mutex_unlock(&all->lock);
    if (count > 0)
        return;
    snag_redis_place_text(where, place);
    snprintf(line, sizeof line, "%s%s %s (%s); going on without it, trying until it is back",
             place->port ? "Redis at " : "", where,
             trouble == SNAG_REDIS_LOST ? "is lost" : "refuses writes", words);
    say(redis, line);
}

void snag_redis_trouble_clear(snag_redis *redis, const snag_redis_place *place, unsigned troubles)
{
    snag_redis_troubles *all = &redis->troubles;
    if (atomic_load(&all->count) == 0)
        return;
    pthread_mutex_lock(&all->lock);
    unsigned count = atomic_load(&all->count), left = count;
    for (unsigned i = 0; i < left; i++) {
        if (!snag_redis_place_equal(&all->rows[i].place, place))
            continue;
        all->rows[i].troubles &= ~troubles;
        if (all->rows[i].troubles == 0)
            all->rows[i--] = all->rows[--left];
    }
    atomic_store(&all->count, left);
    pthread_mutex_unlock(&all->lock);
    if (count > 0 && left == 0)
        say(redis, "Redis is back");
}

void snag_redis_trouble_forget(snag_redis *redis, const snag_redis_place *place)
{
    snag_redis_trouble_clear(redis, place, SNAG_REDIS_LOST | SNAG_REDIS_REFUSING);
}
