/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses of Redis and where keys lie in a cluster: what is read, what is refused, and that neither says a
 * password.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "config/key.h"
#include "redis/address.h"
#include "redis/slot.h"

static snag_diag diag;

static snag_err read_url(snag_redis_address *address, const char *url)
{
    const snag_redis_options options = {.url = snag_str_from(url)};
    return snag_redis_address_init(address, &options, &diag);
}

static void test_forms(void **state)
{
    snag_redis_address a;
    (void)state;
    assert_int_equal(read_url(&a, "redis://localhost"), SNAG_OK);
    assert_int_equal(a.kind, SNAG_REDIS_SERVER);
    assert_int_equal(a.seeds[0].port, 6379);
    assert_null(a.password);
    snag_redis_address_finish(&a);

    assert_int_equal(read_url(&a, "rediss://me:s%40cr%2Fet@[::1]:7000/3"), SNAG_OK);
    assert_true(a.tls);
    assert_string_equal(a.user, "me");
    assert_string_equal(a.password, "s@cr/et");
    assert_string_equal(a.seeds[0].host, "::1");
    assert_int_equal(a.seeds[0].port, 7000);
    assert_int_equal(a.db, 3);
    snag_redis_address_finish(&a);

    assert_int_equal(read_url(&a, "redis+cluster://:p@ss@a:1,b,c:3"), SNAG_OK);
    assert_int_equal(a.kind, SNAG_REDIS_CLUSTER);
    assert_int_equal(a.seed_count, 3);
    assert_string_equal(a.password, "p@ss"); /* unusual, but there is only one way to read it */
    assert_string_equal(a.seeds[1].host, "b");
    assert_int_equal(a.seeds[2].port, 3);
    snag_redis_address_finish(&a);

    assert_int_equal(read_url(&a, "redis+sentinel://a,b:5/mymaster/2"), SNAG_OK);
    assert_int_equal(a.kind, SNAG_REDIS_SENTINEL);
    assert_int_equal(a.seeds[0].port, 26379);
    assert_int_equal(a.seeds[1].port, 5);
    assert_string_equal(a.master, "mymaster");
    assert_int_equal(a.db, 2);
    snag_redis_address_finish(&a);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "", "http://x", "redis://", "redis://host:port", "redis://host:99999", "redis://secret@host",
        "redis://h/x", "redis://a,b", "redis+cluster://a/1", "redis+sentinel://a", "redis+sentinel://a/",
        "redis+sentinel://a/m/x", "redis://:%zz@h", "redis://[::1", "redis://[::1]x",
        "redis+cluster://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "redis+cluster://a,,b"};
    snag_redis_address a;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(read_url(&a, bad[i]), SNAG_CONFIG);
        snag_redis_address_finish(&a);
    }
    assert_int_equal(read_url(&a, "redis://me:geheim@host:port"), SNAG_CONFIG);
    assert_null(strstr(diag.text, "geheim"));
    snag_redis_address_finish(&a);
}

/* What stands in its own key is taken as it is, and wins. */
static void test_options(void **state)
{
    const snag_redis_options options = {.url = SNAG_STR("redis://u:p@h"), .user = SNAG_STR("me"),
                                        .password = SNAG_STR("100%/@:"), .sentinel_password = SNAG_STR("x")};
    const snag_redis_options alone = {.url = SNAG_STR("redis://h"), .user = SNAG_STR("me")};
    snag_redis_address a;
    (void)state;
    assert_int_equal(snag_redis_address_init(&a, &options, &diag), SNAG_OK);
    assert_string_equal(a.user, "me");
    assert_string_equal(a.password, "100%/@:");
    assert_string_equal(a.sentinel_password, "x");
    snag_redis_address_finish(&a);
    assert_int_equal(snag_redis_address_init(&a, &alone, &diag), SNAG_CONFIG);
    snag_redis_address_finish(&a);
}

static void say(void *self, const char *line)
{
    (void)self;
    (void)line;
}

/* Built without TLS: said at once, with words on what to do. With it: so is a missing file. */
static void test_tls(void **state)
{
    const snag_redis_options options = {.url = SNAG_STR("rediss://h"), .tls_ca = SNAG_STR("/nowhere/ca.pem")};
    const snag_voice voice = {.say = say};
    snag_redis *redis = NULL;
    (void)state;
    assert_int_equal(snag_redis_new(&redis, &options, SNAG_STR("g/t"), &voice, &diag), SNAG_CONFIG);
    assert_null(redis);
    assert_non_null(strstr(diag.text, "TLS"));
    assert_true(strstr(diag.text, "hiredis_ssl") || strstr(diag.text, "/nowhere/ca.pem"));
}

static void test_manual(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < snag_redis_form_count; i++) {
        assert_string_equal(snag_redis_rows[i].name, snag_redis_forms[i].form);
        assert_string_equal(snag_redis_rows[i].about, snag_redis_forms[i].help);
    }
}

/* Values of the cluster specification and of redis-cli's CLUSTER KEYSLOT. */
static void test_slots(void **state)
{
    (void)state;
    assert_int_equal(snag_redis_slot(SNAG_STR("123456789")), 0x31c3 % SNAG_REDIS_SLOTS);
    assert_int_equal(snag_redis_slot(SNAG_STR("foo")), 12182);
    assert_int_equal(snag_redis_slot(SNAG_STR("a{foo}b")), 12182);
    assert_int_equal(snag_redis_slot(SNAG_STR("{foo}{bar}")), 12182);
    assert_int_equal(snag_redis_slot(SNAG_STR("{}foo")), snag_redis_slot(SNAG_STR("{}foo")));
    assert_int_not_equal(snag_redis_slot(SNAG_STR("{}foo")), 12182);
    assert_int_equal(snag_redis_slot(SNAG_STR("")), 0);
}

/* However many partitions and however many masters: none gets more than two beyond its share. */
static void test_spread(void **state)
{
    char tag[SNAG_REDIS_TAG_MAX], key[SNAG_REDIS_TAG_MAX + 16];
    (void)state;
    for (unsigned masters = 2; masters <= 7; masters++) {
        unsigned have[7] = {0};
        for (uint32_t p = 0; p < 100; p++) {
            unsigned slot = snag_redis_tag(tag, SNAG_STR("care/web"), p);
            int size = snprintf(key, sizeof key, "snag:{%s}:17", tag);
            assert_int_equal(snag_redis_slot(snag_str_of(key, (size_t)size)), slot);
            have[slot * masters / SNAG_REDIS_SLOTS]++;
            for (unsigned i = 0; i < masters; i++)
                assert_true(have[i] <= p / masters + 3);
        }
    }
}

/* The places that Redis itself writes. */
static void test_places(void **state)
{
    const snag_redis_place asked = {"here", 1};
    snag_redis_place place;
    (void)state;
    assert_true(snag_redis_place_read(&place, SNAG_STR("192.0.2.1:7000"), &asked));
    assert_string_equal(place.host, "192.0.2.1");
    assert_true(snag_redis_place_read(&place, SNAG_STR(":7001"), &asked));
    assert_string_equal(place.host, "here");
    assert_true(snag_redis_place_read(&place, SNAG_STR("?:7001"), &asked));
    assert_string_equal(place.host, "here");
    assert_true(snag_redis_place_read(&place, SNAG_STR("2001:db8::1:7002"), &asked));
    assert_string_equal(place.host, "2001:db8::1");
    assert_int_equal(place.port, 7002);
    assert_false(snag_redis_place_read(&place, SNAG_STR("host"), &asked));
    assert_false(snag_redis_place_read(&place, SNAG_STR("host:0"), &asked));
    assert_false(snag_redis_place_read(&place, SNAG_STR("host:70000"), &asked));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),  cmocka_unit_test(test_refused), cmocka_unit_test(test_options),
        cmocka_unit_test(test_tls),    cmocka_unit_test(test_manual),  cmocka_unit_test(test_slots),
        cmocka_unit_test(test_spread), cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
