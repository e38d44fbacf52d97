/* SPDX-License-Identifier: Apache-2.0
 *
 * The arena: alignment, zeroing, bounds, and what a reset gives back.
 */
#include "base/arena.h"

#include <stdlib.h>

#include "check.h"
#include "seed.h"

enum { BLOCK = 4096 };

static void pieces_are_aligned_zeroed_and_apart(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 500; round++) {
        snag_seed seed = snag_seed_from(round);
        snag_arena arena;
        unsigned char *block = malloc(BLOCK);
        assert_non_null(block);
        memset(block, 0xee, BLOCK);
        snag_arena_init(&arena, block, BLOCK);
        unsigned char *end = block;
        for (;;) {
            size_t size = snag_seed_below(&seed, 200);
            bool bytes = snag_seed_below(&seed, 2);
            unsigned char *piece = bytes ? (unsigned char *)snag_arena_bytes(&arena, size)
                                         : snag_arena_take(&arena, size);
            if (!piece)
                break;
            assert_true(piece >= end && piece + size <= block + BLOCK);
            if (!bytes)
                assert_int_equal((uintptr_t)piece % 16, (uintptr_t)block % 16);
            for (size_t i = 0; i < size && !bytes; i++)
                assert_int_equal(piece[i], 0);
            memset(piece, 0xee, size);
            end = piece + size;
        }
        assert_true(arena.used <= BLOCK && arena.used_max == arena.used);
        snag_arena_reset(&arena);
        assert_int_equal(arena.used, 0);
        assert_true(arena.used_max > BLOCK - 256);
        assert_ptr_equal(snag_arena_take(&arena, 1), block);
        free(block);
    }
}

static void too_much_is_refused(void **state)
{
    (void)state;
    static _Alignas(16) unsigned char block[64];
    snag_arena arena;
    snag_arena_init(&arena, block, sizeof block);
    assert_null(snag_arena_take(&arena, 65));
    assert_null(snag_arena_take(&arena, SIZE_MAX));
    assert_null(snag_arena_bytes(&arena, SIZE_MAX - 8));
    assert_int_equal(arena.used, 0);
    assert_non_null(snag_arena_take(&arena, 49));
    assert_null(snag_arena_take(&arena, 1)); /* the next aligned place is the end */
    assert_non_null(snag_arena_bytes(&arena, 15));
    assert_null(snag_arena_bytes(&arena, 1));
    assert_non_null(snag_arena_bytes(&arena, 0));
    snag_arena empty;
    snag_arena_init(&empty, NULL, 0);
    assert_null(snag_arena_take(&empty, 1));
}

static void copies(void **state)
{
    (void)state;
    static _Alignas(16) unsigned char block[32];
    snag_arena arena;
    snag_arena_init(&arena, block, sizeof block);
    char text[] = "stays";
    snag_str copy = snag_arena_copy(&arena, snag_str_from(text));
    text[0] = 'X';
    assert_true(snag_str_equal(copy, SNAG_STR("stays")));
    snag_str nothing = snag_arena_copy(&arena, (snag_str){0});
    assert_int_equal(nothing.size, 0);
    snag_str refused = snag_arena_copy(&arena, SNAG_STR("more than there is room for, by far"));
    assert_null(refused.data);
    assert_int_equal(refused.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_zeroed_and_apart),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
