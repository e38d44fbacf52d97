/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a partition's log begins and ends, asked of its leader.
 *
 * Not by rd_kafka_query_watermark_offsets: in librdkafka 2.0.2 it forgets its timeout where the leader is
 * gone, and a worker would stand still for a minute. The question for the offset of a time keeps its timeout,
 * and the protocol has two special times, the beginning and the end.
 */
#include "kafka/client.h"

static rd_kafka_resp_err_t offset_of(rd_kafka_t *client, const char *topic, uint32_t partition, int64_t time,
                                     int64_t *offset, int timeout_ms)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(list, topic, (int32_t)partition);
    at->offset = time;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client, list, timeout_ms);
    if (!code)
        code = at->err;
    if (!code && at->offset < 0)
        code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (!code)
        *offset = at->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

snag_err snag_kafka_range(rd_kafka_t *client, const char *topic, uint32_t partition, int64_t *first,
                          int64_t *end, int timeout_ms, snag_diag *diag)
{
    rd_kafka_resp_err_t code =
        offset_of(client, topic, partition, RD_KAFKA_OFFSET_BEGINNING, first, timeout_ms);
    if (!code)
        code = offset_of(client, topic, partition, RD_KAFKA_OFFSET_END, end, timeout_ms);
    return code ? snag_kafka_fail(diag, code, "asking for the log's end", NULL) : SNAG_OK;
}

/* A client asks the leader it knows, and a plain one would ask a dead one until its metadata are next due. */
snag_err snag_kafka_end(rd_kafka_t *client, rd_kafka_topic_t *topic, uint32_t partition, int64_t *end,
                        int timeout_ms, snag_diag *diag)
{
    const struct rd_kafka_metadata *seen;
    rd_kafka_resp_err_t code = offset_of(client, rd_kafka_topic_name(topic), partition, RD_KAFKA_OFFSET_END,
                                         end, timeout_ms);
    if (code && !rd_kafka_metadata(client, 0, topic, &seen, timeout_ms))
        rd_kafka_metadata_destroy(seen);
    return code ? snag_kafka_fail(diag, code, "asking for the log's end", NULL) : SNAG_OK;
}

/* The broker answers -1 where no record is as new: one question a leader, however many partitions. */
snag_err snag_kafka_quiet(rd_kafka_t *client, const char *topic, uint32_t partitions, int64_t since_ms,
                          bool *quiet, int timeout_ms, snag_diag *diag)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)partitions);
    for (uint32_t i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, (int32_t)i)->offset = since_ms;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client, list, timeout_ms);
    *quiet = true;
    for (int i = 0; i < list->cnt && !code; i++) {
        code = list->elems[i].err;
        *quiet = *quiet && list->elems[i].offset == RD_KAFKA_OFFSET_END;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? snag_kafka_fail(diag, code, "asking when the last record came", NULL) : SNAG_OK;
}
