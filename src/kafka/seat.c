/* SPDX-License-Identifier: Apache-2.0
 *
 * Seats: does somebody else have ours, and giving it back.
 *
 * An error that says "fenced" is no proof of a rival: a coordinator that was replaced and does not know it
 * says so too, and one that gave up a transaction. The group's list of members is: the coordinator names a
 * static member INSTANCE-UUID, with a new UUID each time somebody takes the seat.
 */
#include <string.h>
#include <time.h>

#include "kafka/client.h"

enum { LIST_MS = 3000, LEAVE_MS = 3000, LEAVE_STEP_MS = 10, UUID_BYTES = 36, SHORT_UUID_BYTES = 22 };

static bool seat_is(const char *instance, const char *member)
{
    size_t size = strlen(instance);
    if (strncmp(member, instance, size) != 0 || member[size] != '-')
        return false;
    size_t rest = strlen(member + size + 1); /* ann is not ann-0 */
    return rest == UUID_BYTES || rest == SHORT_UUID_BYTES;
}

/* Whether the group lists a member of our instance name whose id is, or is not, this one. */
static bool listed(snag_kafka *kafka, const char *group, const char *instance, const char *member, bool same)
{
    const struct rd_kafka_group_list *list = NULL;
    bool found = false;
    rd_kafka_resp_err_t code = rd_kafka_list_groups(kafka->probe, group, &list, LIST_MS);
    if (code && code != RD_KAFKA_RESP_ERR__PARTIAL)
        return false;
    for (int g = 0; list && g < list->group_cnt; g++) {
        for (int m = 0; m < list->groups[g].member_cnt; m++) {
            const char *id = list->groups[g].members[m].member_id;
            found = found || (seat_is(instance, id) && (strcmp(id, member) == 0) == same);
        }
    }
    if (list)
        rd_kafka_group_list_destroy(list);
    return found;
}

bool snag_kafka_rival(snag_kafka *kafka, const char *group, const char *instance, const char *ours)
{
    return listed(kafka, group, instance, ours, false);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The client forgets its member id before it has sent that it leaves, and would take the request with it
 * when it is destroyed: only the group's own list says that the seat is free. */
static void leave_wait(rd_kafka_t *client, snag_kafka *kafka, const char *group, const char *instance,
                       const char *member)
{
    for (int64_t until_ms = now_ms() + LEAVE_MS; now_ms() < until_ms;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, LEAVE_STEP_MS);
        if (message)
            rd_kafka_message_destroy(message);
        char *known = rd_kafka_memberid(client);
        bool sending = !known || !*known;
        rd_kafka_mem_free(client, known);
        if (sending && !listed(kafka, group, instance, member, true))
            return;
    }
}

void snag_kafka_leave(rd_kafka_t *client, snag_kafka *kafka, const char *group, const char *instance)
{
    char *member = rd_kafka_memberid(client);
    if (member && *member && !rd_kafka_unsubscribe(client))
        leave_wait(client, kafka, group, instance, member);
    if (member)
        rd_kafka_mem_free(client, member);
}
