/* SPDX-License-Identifier: Apache-2.0
 *
 * iCalendar files from hostile hands: days in bounds, or a sentence.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "config/ics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX = 1000 };
    static int64_t days[MAX];
    snag_diag diag = {.text = ""};
    uint32_t count = 0;
    snag_err err = snag_ics_read(snag_str_of(data, size), days, MAX, &count, &diag);
    SNAG_ASSERT(count <= MAX);
    SNAG_ASSERT(err == SNAG_OK || diag.text[0] != '\0');
    for (uint32_t i = 0; i < count; i++)
        SNAG_ASSERT(days[i] > -720000 && days[i] < 3000000);
    return 0;
}
