/* SPDX-License-Identifier: Apache-2.0
 *
 * Optimal string alignment distance (F. Damerau, 1964), three rows at a time.
 */
#include "base/nearest.h"

enum { BYTES_MAX = 64 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t snag_str_distance(snag_str a, snag_str b)
{
    size_t rows[3][BYTES_MAX + 1];
    size_t *before = rows[0];
    size_t *above = rows[1];
    size_t *row = rows[2];
    size_t width = least(b.size, BYTES_MAX);
    for (size_t j = 0; j <= width; j++)
        above[j] = before[j] = j;
    for (size_t i = 0; i < least(a.size, BYTES_MAX); i++) {
        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            bool same = lower(a.data[i]) == lower(b.data[j]);
            row[j + 1] = least(above[j] + !same, least(above[j + 1], row[j]) + 1);
            if (i > 0 && j > 0 && lower(a.data[i]) == lower(b.data[j - 1]) &&
                lower(a.data[i - 1]) == lower(b.data[j]))
                row[j + 1] = least(row[j + 1], before[j - 1] + 1);
        }
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[width];
}

void snag_nearest_offer(snag_nearest *nearest, snag_str name)
{
    size_t distance = snag_str_distance(nearest->wanted, name);
    size_t longer = nearest->wanted.size > name.size ? nearest->wanted.size : name.size;
    if (distance * 3 > longer + 1)
        return;
    if (nearest->best.size > 0 && distance >= nearest->distance)
        return;
    nearest->best = name;
    nearest->distance = distance;
}
