/* SPDX-License-Identifier: Apache-2.0
 *
 * Choosing a planted bug (base/planted.h), where this program was built with them.
 */
#include "many.h"

#ifdef SNAG_PLANTED
bool sim_plant(snag_plant plant)
{
    snag_planted_now = plant;
    return true;
}
#else
bool sim_plant(snag_plant plant)
{
    (void)plant;
    fprintf(stderr, "sim: this program has no planted bugs: build with -DSNAG_PLANTED=ON, run sim_planted\n");
    return false;
}
#endif
