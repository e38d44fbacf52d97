/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void snag_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "snag: bug at %s:%d: %s does not hold\n", file, line, condition);
    abort();
}
