/* SPDX-License-Identifier: Apache-2.0
 *
 * Dead letters of a feed: counted, and told.
 */
#include "cli/feed_inside.h"

void snag_feed_dead_count(snag_feed *feed, const snag_dead *dead)
{
    feed->counts.dead++;
    feed->counts.dead_by[dead->reason]++;
    feed->options.dead(feed->options.context, dead);
}

void snag_feed_future(snag_feed *feed, const snag_record *record)
{
    snag_diag words;
    snag_record_future(&words, record);
    snag_dead dead = {.reason = SNAG_BAD_FUTURE, .position = feed->line.position, .words = words.text,
                      .value = feed->line.value, .size = feed->line.value.size};
    snag_feed_dead_count(feed, &dead);
}
