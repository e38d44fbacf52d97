/* SPDX-License-Identifier: Apache-2.0
 *
 * Which planted bug is at work (base/planted.h); linked only into the variants that have them. SNAG_PLANT in
 * the environment names it; the simulator sets it by --plant.
 */
#include "base/planted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

snag_plant snag_planted_now;

__attribute__((constructor)) static void planted_choose(void)
{
    static const char *const words[] = {
#define X(name, word, where, help) word,
        SNAG_PLANTED_TABLE(X)
#undef X
    };
    const char *wanted = getenv("SNAG_PLANT");
    if (!wanted || !*wanted)
        return;
    for (int i = 0; i < SNAG_PLANTED_COUNT - 1; i++)
        if (strcmp(words[i], wanted) == 0)
            snag_planted_now = (snag_plant)(i + 1);
    if (snag_planted_now == SNAG_PLANTED_NONE) {
        fprintf(stderr, "SNAG_PLANT=%s: there is no such planted bug\n", wanted);
        exit(2);
    }
    fprintf(stderr, "planted bug at work: %s\n", wanted);
}
