/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/scripts.h"

#include <stddef.h>

/* The head hash: i incarnation, n commit, k step, t token, c cells, o changelog offset, a written at.
 *
 * write: ARGV = i n k t (what must be there), c (the same, "" = as the step says: the chunk before, sent in
 * the same breath, was compared in full), then n t o a of the final chunk ("" = more chunks follow).
 * Returns {1, cells} or {0, the head that was found}. */
static const char write[] =
    "local h = redis.call('HMGET', KEYS[1], 'i', 'n', 'k', 't', 'c', 'o', 'a')\n"
    "if h[1] ~= ARGV[1] or h[2] ~= ARGV[2] or h[3] ~= ARGV[3] or h[4] ~= ARGV[4]\n"
    "   or (ARGV[5] ~= '' and h[5] ~= ARGV[5]) then\n"
    "  return {0, h[1], h[2], h[3], h[4], h[5], h[6], h[7]}\n"
    "end\n"
    "local c = tonumber(h[5])\n"
    "for i = 2, #KEYS do\n"
    "  local f, b = ARGV[6 + 2 * i], ARGV[7 + 2 * i]\n"
    "  if b == '' then c = c - redis.call('HDEL', KEYS[i], f)\n"
    "  else c = c + redis.call('HSET', KEYS[i], f, b) end\n"
    "end\n"
    "if ARGV[6] == '' then\n"
    "  redis.call('HSET', KEYS[1], 'k', string.format('%d', h[3] + 1), 'c', string.format('%d', c))\n"
    "else\n"
    "  redis.call('HSET', KEYS[1], 'n', ARGV[6], 'k', '0', 't', ARGV[7], 'o', ARGV[8], 'a', ARGV[9],\n"
    "             'c', string.format('%d', c))\n"
    "end\n"
    "return {1, c}\n";

/* take: KEYS = m and every bucket; ARGV = incarnation, token, partitions. Unconditional: what is written
 * under the token is some committed state, and whoever has a newer one notices by his next compare. */
static const char take[] =
    "for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end\n"
    "redis.call('HSET', KEYS[1], 'i', ARGV[1], 'n', '-1', 'k', '0', 't', ARGV[2], 'c', '0', 'o', '-1',\n"
    "           'a', '0', 'p', ARGV[3])\n"
    "return 1\n";

const char *snag_script_text(snag_script script)
{
    return script == SNAG_SCRIPT_WRITE ? write : take;
}
