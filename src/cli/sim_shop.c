/* SPDX-License-Identifier: Apache-2.0
 *
 * A web shop: clicks, carts, orders. Friction: carts that are left for more than a day; some of them are
 * ordered after all, the other customers are never seen again.
 */
#include "cli/sim.h"

static void say(snag_sim *sim, size_t who, int64_t time_ms, const char *type)
{
    snag_sim_entry *entry = snag_sim_event(sim, who, time_ms, type);
    snag_sim_prop_add(entry, "aid", NULL, snag_sim_between(sim, 1, 1855602));
}

static int64_t look_around(snag_sim *sim, size_t who, int64_t time_ms)
{
    int64_t clicks = snag_sim_between(sim, 1, 9);
    for (int64_t i = 0; i < clicks; i++) {
        say(sim, who, time_ms, "clicks");
        time_ms += snag_sim_between(sim, 4000, 180000);
    }
    return time_ms;
}

static bool visit(snag_sim *sim, int64_t time_ms)
{
    size_t who = snag_sim_somebody(sim, time_ms);
    if (who == SIZE_MAX)
        return false;
    time_ms = look_around(sim, who, time_ms);
    snag_sim_busy(sim, who, time_ms);
    int64_t kind = snag_sim_between(sim, 1, 100);
    if (kind <= 60)
        return true; /* only looked */
    say(sim, who, time_ms, "carts");
    if (kind <= 90) {
        int64_t order_ms = time_ms + snag_sim_between(sim, SNAG_MINUTE_MS, 20 * SNAG_HOUR_MS);
        say(sim, who, order_ms, "orders");
        snag_sim_busy(sim, who, order_ms);
        return true;
    }
    snag_sim_silence(sim, who, time_ms + SNAG_DAY_MS, "cart left", "cart_left");
    if (kind <= 94) {
        int64_t order_ms =
            time_ms + SNAG_DAY_MS + snag_sim_between(sim, SNAG_MINUTE_MS, 20 * SNAG_HOUR_MS);
        say(sim, who, order_ms, "orders");
        snag_sim_busy(sim, who, order_ms);
    } else {
        snag_sim_leaves(sim, who);
    }
    return true;
}

const snag_sim_scenario snag_sim_shop = {
    .name = "shop",
    .summary = "a web shop: carts that are left",
    .pipeline = "pipelines/shop.yaml",
    .format = "json",
    .visit_events = 6,
    .visit = visit,
};
