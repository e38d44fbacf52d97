/* SPDX-License-Identifier: Apache-2.0
 *
 * Decay against the C library's long double, over random values, ages and half-lives; its corners.
 */
#include "unit/check.h"

#include <math.h>

#include "base/decay.h"
#include "unit/seed.h"

static void test_corners(void **state)
{
    (void)state;
    assert_true(snag_decay(1000, 0, 5) == 1000);
    assert_true(snag_decay(1000, 5, 5) == 500);
    assert_true(snag_decay(1000, 10, 5) == 250);
    assert_true(snag_decay(UINT64_MAX, 63, 1) == 1);
    assert_true(snag_decay(UINT64_MAX, 64, 1) == 0);
    assert_true(snag_decay(UINT64_MAX, INT64_MAX, 1) == 0);
    assert_true(snag_decay(0, 3, 7) == 0);
}

static void test_close(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 200000; round++) {
        snag_seed seed = snag_seed_from(round);
        int64_t half_life = 1 + (int64_t)(snag_seed_next(&seed) >> (2 + snag_seed_below(&seed, 60)));
        int64_t elapsed = (int64_t)(snag_seed_next(&seed) % ((uint64_t)half_life * 2));
        uint64_t value = snag_seed_next(&seed) | UINT64_C(1) << 63;
        long double exact = (long double)value * exp2l(-(long double)elapsed / (long double)half_life);
        long double got = (long double)snag_decay(value, elapsed, half_life);
        if (fabsl(got - exact) > 2 + exact * 0x1p-56L)
            fail_msg("round %llu: %llu x 2^-(%lld / %lld) is %Lf, got %Lf", (unsigned long long)round,
                     (unsigned long long)value, (long long)elapsed, (long long)half_life, exact, got);
    }
}

/* It never rises with age, so that the moment at which it falls under a bound can be found by halving. */
static void test_falls(void **state)
{
    (void)state;
    for (int64_t half_life = 1000; half_life < 10000000; half_life *= 3) {
        uint64_t before = UINT64_MAX;
        for (int64_t elapsed = 0; elapsed < 5 * half_life; elapsed += 1 + half_life / 3000) {
            uint64_t now = snag_decay(UINT64_C(9) << 44, elapsed, half_life);
            assert_true(now <= before);
            before = now;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corners), cmocka_unit_test(test_close),
                                       cmocka_unit_test(test_falls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
