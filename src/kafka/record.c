/* SPDX-License-Identifier: Apache-2.0
 *
 * What the client hands over, as the ports have it. All is borrowed from the client's message, for as long as
 * that lives.
 */
#include "kafka/client.h"

size_t snag_kafka_consume(rd_kafka_queue_t *queue, int wait_ms, rd_kafka_message_t **messages, size_t max)
{
    ssize_t count = rd_kafka_consume_batch_queue(queue, wait_ms, messages, 1);
    if (count != 1 || max == 1)
        return count == 1;
    count = rd_kafka_consume_batch_queue(queue, 0, messages + 1, max - 1);
    return count > 0 ? 1 + (size_t)count : 1;
}

snag_raw snag_kafka_raw(const rd_kafka_message_t *message, uint32_t source)
{
    rd_kafka_timestamp_type_t type;
    int64_t stamp_ms = rd_kafka_message_timestamp(message, &type);
    return (snag_raw){.position = {.offset = message->offset, .partition = (uint32_t)message->partition,
                                   .source = (uint16_t)source},
                      .stamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? SNAG_TIME_NONE : stamp_ms,
                      .key = snag_str_of(message->key, message->key_len),
                      .value = snag_str_of(message->payload, message->len)};
}

uint32_t snag_kafka_headers(const rd_kafka_message_t *message, snag_header *list, uint32_t max)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size;
    uint32_t count = 0;
    if (rd_kafka_message_headers(message, &headers))
        return 0;
    for (; count < max && !rd_kafka_header_get_all(headers, count, &name, &value, &size); count++)
        list[count] = (snag_header){snag_str_from(name), snag_str_of(value, size)};
    return count;
}
