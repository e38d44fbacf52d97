/* SPDX-License-Identifier: Apache-2.0 */
#include "event/source.h"

#include "base/assert.h"

const char *snag_format_word(snag_format format)
{
    static const char *const words[SNAG_FORMAT_COUNT] = {
#define X(name, word) word,
        SNAG_FORMAT_TABLE(X)
#undef X
    };
    SNAG_ASSERT(format < SNAG_FORMAT_COUNT);
    return words[format];
}
