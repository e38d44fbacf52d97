/* SPDX-License-Identifier: Apache-2.0
 *
 * Seats: does somebody else have ours, and giving it back.
 *
 * An error that says "fenced" is no proof of a rival: a coordinator that was replaced and does not know it
 * says so too, and one that gave up a transaction. The group's list of members is: the coordinator names a
 * static member INSTANCE-UUID, with a new UUID each time somebody takes the seat. But it may list one that
 * we had ourselves: a coordinator that dies amid a rebalance takes the newest ids with it, and the next one
 * knows those of the round before (and fences us for the one we have). So all of ours are remembered.
 */
#include <string.h>

#include "base/hash.h"
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

static bool is_known(const snag_kafka_seats *seats, const char *member)
{
    const uint32_t room = sizeof seats->ids / sizeof seats->ids[0];
    uint64_t id = snag_hash64(snag_str_from(member), 0);
    for (uint32_t i = 0; i < seats->count && i < room; i++)
        if (seats->ids[i] == id)
            return true;
    return false;
}

void snag_kafka_seat_note(snag_kafka_seats *seats, rd_kafka_t *client)
{
    const uint32_t room = sizeof seats->ids / sizeof seats->ids[0];
    char *member = rd_kafka_memberid(client);
    if (member && *member && !is_known(seats, member))
        seats->ids[seats->count++ % room] = snag_hash64(snag_str_from(member), 0);
    if (member)
        rd_kafka_mem_free(client, member);
}

/* Whether the group lists a member of our instance name: this one; or, where member is NULL, none of ours. */
static bool listed(snag_kafka *kafka, const char *group, const char *instance, const char *member,
                   const snag_kafka_seats *ours)
{
    const struct rd_kafka_group_list *list = NULL;
    bool found = false;
    rd_kafka_resp_err_t code = rd_kafka_list_groups(kafka->probe, group, &list, LIST_MS);
    if (code && code != RD_KAFKA_RESP_ERR__PARTIAL)
        return false;
    for (int g = 0; list && g < list->group_cnt; g++) {
        for (int m = 0; m < list->groups[g].member_cnt; m++) {
            const char *id = list->groups[g].members[m].member_id;
            bool wanted = member ? strcmp(id, member) == 0 : !is_known(ours, id);
            found = found || (seat_is(instance, id) && wanted);
        }
    }
    if (list)
        rd_kafka_group_list_destroy(list);
    return found;
}

bool snag_kafka_rival(snag_kafka *kafka, const char *group, const char *instance,
                      const snag_kafka_seats *ours)
{
    return listed(kafka, group, instance, NULL, ours);
}

/* The client forgets its member id before it has sent that it leaves, and would take the request with it
 * when it is destroyed: only the group's own list says that the seat is free. */
static void leave_wait(rd_kafka_t *client, snag_kafka *kafka, const char *group, const char *instance,
                       const char *member)
{
    for (int64_t until_ms = snag_clock_monotonic_ms() + LEAVE_MS; snag_clock_monotonic_ms() < until_ms;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, LEAVE_STEP_MS);
        if (message)
            rd_kafka_message_destroy(message);
        char *known = rd_kafka_memberid(client);
        bool sending = !known || !*known;
        rd_kafka_mem_free(client, known);
        if (sending && !listed(kafka, group, instance, member, NULL))
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
