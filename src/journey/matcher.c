/* SPDX-License-Identifier: Apache-2.0 */
#include "journey/matcher.h"

bool snag_matcher_takes(const snag_matcher *matcher, snag_str type)
{
    for (uint32_t i = 0; i < matcher->count; i++)
        if (snag_pattern_matches(&matcher->patterns[i], type))
            return true;
    return false;
}

void snag_matcher_print(snag_buf *buf, const snag_matcher *matcher)
{
    for (uint32_t i = 0; i < matcher->count; i++) {
        if (i)
            snag_buf_str_put(buf, i + 1 == matcher->count ? SNAG_STR(" or ") : SNAG_STR(", "));
        if (matcher->patterns[i].prefix && matcher->patterns[i].text.size == 0)
            snag_buf_str_put(buf, SNAG_STR("any event"));
        else
            snag_buf_str_put(buf, matcher->patterns[i].text);
        if (matcher->patterns[i].prefix && matcher->patterns[i].text.size > 0)
            snag_buf_byte(buf, '*');
    }
}
