/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots of a Redis Cluster: which a key lies in, and tags that spread partitions evenly over them.
 *
 * Partition p aims at slot  base + p * 10127  (mod 16384), 10127 being the golden section of 16384: however
 * many partitions there are, and into however many ranges the slots are cut, neighbours lie far apart. base
 * is from the space, so that two groups do not load the same servers first. The number behind the dot is
 * the first that brings the tag into the 64 slots from there:
 *
 *     {care/web/0.31} -> slot 9211    {care/web/1.8} -> 2960    {care/web/2.105} -> 13102 …
 */
#ifndef SNAG_REDIS_SLOT_H
#define SNAG_REDIS_SLOT_H

#include "base/str.h"

enum { SNAG_REDIS_SLOTS = 16384, SNAG_REDIS_TAG_MAX = 480 };

/* CRC16 (XMODEM) of the key's hash tag, or of the whole key where there is none, mod 16384: as the Redis
 * Cluster specification defines it. */
unsigned snag_redis_slot(snag_str key);

/* Writes the tag of a partition (without braces), terminated; returns its slot. space has at most
 * SNAG_REDIS_TAG_MAX - 32 bytes. */
unsigned snag_redis_tag(char tag[SNAG_REDIS_TAG_MAX], snag_str space, uint32_t partition);

#endif
