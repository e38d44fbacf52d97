/* SPDX-License-Identifier: Apache-2.0
 *
 * Does somebody else have our seat? An error that says "fenced" is no proof: a coordinator that was replaced
 * and does not know it says so too, and one that gave up a transaction. The group's list of members is: the
 * coordinator names a static member INSTANCE-UUID, with a new UUID each time somebody takes the seat.
 */
#include <string.h>

#include "kafka/client.h"

enum { LIST_MS = 3000, UUID_BYTES = 36, SHORT_UUID_BYTES = 22 };

static bool seat_is(const char *instance, const char *member)
{
    size_t size = strlen(instance);
    if (strncmp(member, instance, size) != 0 || member[size] != '-')
        return false;
    size_t rest = strlen(member + size + 1); /* ann is not ann-0 */
    return rest == UUID_BYTES || rest == SHORT_UUID_BYTES;
}

bool snag_kafka_rival(snag_kafka *kafka, const char *group, const char *instance, const char *ours)
{
    const struct rd_kafka_group_list *list = NULL;
    bool found = false;
    rd_kafka_resp_err_t code = rd_kafka_list_groups(kafka->probe, group, &list, LIST_MS);
    if (code && code != RD_KAFKA_RESP_ERR__PARTIAL)
        return false;
    for (int g = 0; list && g < list->group_cnt; g++) {
        for (int m = 0; m < list->groups[g].member_cnt; m++) {
            const char *member = list->groups[g].members[m].member_id;
            found = found || (seat_is(instance, member) && strcmp(member, ours) != 0);
        }
    }
    if (list)
        rd_kafka_group_list_destroy(list);
    return found;
}
