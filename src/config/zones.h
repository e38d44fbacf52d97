/* SPDX-License-Identifier: Apache-2.0
 *
 * The system's time zones, read from files when a pipeline is loaded, never later: one by one as the file
 * names them, or all at once where events name them.
 *
 *     /usr/share/zoneinfo/Europe/Berlin --base/tzif.c--> snag_zone
 *
 * TZDIR names another folder, as for everything else on the system. posix/ and right/ are left out.
 */
#ifndef SNAG_CONFIG_ZONES_H
#define SNAG_CONFIG_ZONES_H

#include "base/zone.h"
#include "base/err.h"

typedef struct snag_zones snag_zones;

/* environment: getenv-like, or NULL. Reads nothing yet. NULL: out of memory. */
snag_zones *snag_zones_new(const char *(*environment)(const char *name));
void snag_zones_free(snag_zones *zones);

/* A zone by its name, which the zone borrows no further than the call. NULL: diag says why, with the nearest
 * name. Lives as long as `zones`. */
const snag_zone *snag_zones_get(snag_zones *zones, snag_str name, snag_diag *diag);
/* Every zone of the system, sorted by name; NULL: diag says why. */
const snag_zone_table *snag_zones_all(snag_zones *zones, snag_diag *diag);

/* Memory that lives as long, for what is made of zones. */
snag_arena *snag_zones_arena(snag_zones *zones);

/* What the folder calls its data ("2025b"); empty where it does not say. */
snag_str snag_zones_version(snag_zones *zones);
/* First 8 bytes of the SHA-256 over names and bytes of all that was read; zeros: nothing was. */
void snag_zones_hash(const snag_zones *zones, uint8_t hash[8]);


#endif
