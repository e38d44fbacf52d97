/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_index.h"

#include <charconv>
#include <memory>
#include <new>
#include <system_error>

#include <simdjson.h>

struct snag_json_index {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

/* simdjson chooses the fastest kernel this processor has, once, at its first use. */
extern "C" snag_json_index *snag_json_index_new(size_t bytes_max)
{
    auto *index = new (std::nothrow) snag_json_index;
    if (index == nullptr)
        return nullptr;
    auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        bytes_max, 1, index->parser);
    if (error != simdjson::SUCCESS) {
        delete index;
        return nullptr;
    }
    return index;
}

extern "C" void snag_json_index_free(snag_json_index *index)
{
    delete index;
}

static snag_json_index_result result_of(simdjson::error_code error)
{
    switch (error) {
    case simdjson::SUCCESS: return SNAG_JSON_INDEX_OK;
    case simdjson::EMPTY: return SNAG_JSON_INDEX_EMPTY;
    case simdjson::UNCLOSED_STRING: return SNAG_JSON_INDEX_UNCLOSED;
    case simdjson::UNESCAPED_CHARS: return SNAG_JSON_INDEX_CONTROL;
    case simdjson::UTF8_ERROR: return SNAG_JSON_INDEX_UTF8;
    default: return SNAG_JSON_INDEX_BROKEN;
    }
}

extern "C" snag_json_index_result snag_json_index_make(snag_json_index *index, const char *data,
                                                       size_t size, const uint32_t **at,
                                                       uint32_t *count)
{
    auto error = index->parser->stage1(reinterpret_cast<const uint8_t *>(data), size,
                                       simdjson::stage1_mode::regular);
    *at = index->parser->structural_indexes.get();
    *count = index->parser->n_structural_indexes;
    return result_of(error);
}

/* from_chars says "out of range" for both ends. The first digit that counts and the power tell which: its
 * place is above 1 at the large end. */
static bool is_large(const char *at, const char *end)
{
    long place = 0;
    bool point = false;
    bool digits = false; /* met one that is not 0 */
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        point = point || *at == '.';
        if (*at < '0' || *at > '9')
            continue;
        digits = digits || *at != '0';
        place += !point && digits ? 1 : point && !digits ? -1 : 0;
    }
    long power = 0;
    bool negative = at + 1 < end && at[1] == '-';
    for (; at < end; at++)
        if (*at >= '0' && *at <= '9' && power < 100000000)
            power = power * 10 + (*at - '0');
    return place + (negative ? -power : power) > 0;
}

extern "C" bool snag_json_double(const char *data, size_t size, double *out)
{
    double value = 0;
    auto result = std::from_chars(data, data + size, value);
    if (result.ptr != data + size || size == 0)
        return false;
    if (result.ec == std::errc::result_out_of_range && is_large(data, data + size))
        return false;
    *out = result.ec == std::errc() ? value : 0;
    return *out - *out == 0; /* "inf" and "nan" are words from_chars knows */
}
