/* SPDX-License-Identifier: Apache-2.0
 *
 * The three hashes against published vectors; snag_hash64 is stored, so its values are fixed here.
 */
#include "base/hash.h"

#include "check.h"
#include "seed.h"

static void check_sha(const snag_sha256 *done, const char *want)
{
    snag_sha256 sha = *done;
    uint8_t digest[32];
    char text[65];
    snag_sha256_end(&sha, digest);
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_buf_hex(&buf, digest, sizeof digest);
    CHECK_BUF(&buf, want);
}

/* FIPS 180-4 examples and NIST's long one. */
static void sha256_vectors(void **state)
{
    (void)state;
    snag_sha256 sha;
    snag_sha256_init(&sha);
    check_sha(&sha, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    snag_sha256_add(&sha, "abc", 3);
    check_sha(&sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    snag_sha256_init(&sha);
    snag_sha256_add(&sha, two, sizeof two - 1);
    check_sha(&sha, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    snag_sha256_init(&sha);
    for (int i = 0; i < 100000; i++)
        snag_sha256_add(&sha, "aaaaaaaaaa", 10);
    check_sha(&sha, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Where the processor has instructions of its own, they give the same. */
static void sha256_quick(void **state)
{
    (void)state;
    if (!snag_sha256_quick())
        skip();
    for (uint64_t round = 0; round < 1000; round++) {
        snag_seed seed = snag_seed_from(round);
        unsigned char bytes[400];
        uint8_t digests[2][32];
        size_t size = snag_seed_below(&seed, sizeof bytes + 1);
        snag_seed_bytes(&seed, bytes, sizeof bytes);
        for (int quick = 0; quick < 2; quick++) {
            snag_sha256 sha;
            snag_sha256_init(&sha);
            sha.quick = quick;
            snag_sha256_add(&sha, bytes, size);
            snag_sha256_end(&sha, digests[quick]);
        }
        assert_memory_equal(digests[0], digests[1], 32);
    }
}

/* However the bytes are cut into pieces, the digest is the same; every length around a block. */
static void sha256_in_pieces(void **state)
{
    (void)state;
    unsigned char bytes[200];
    snag_seed seed = snag_seed_from(7);
    snag_seed_bytes(&seed, bytes, sizeof bytes);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        uint8_t whole[32];
        uint8_t pieces[32];
        snag_sha256 sha;
        snag_sha256_init(&sha);
        snag_sha256_add(&sha, bytes, size);
        snag_sha256_end(&sha, whole);
        snag_sha256_init(&sha);
        for (size_t at = 0; at < size;) {
            size_t part = 1 + snag_seed_below(&seed, size - at);
            snag_sha256_add(&sha, bytes + at, part);
            at += part;
        }
        snag_sha256_end(&sha, pieces);
        assert_memory_equal(whole, pieces, sizeof whole);
    }
}

static void texts_do_not_run_together(void **state)
{
    (void)state;
    snag_sha256 sha;
    uint8_t first[32];
    uint8_t second[32];
    snag_sha256_init(&sha);
    snag_sha256_add_text(&sha, SNAG_STR("ab"));
    snag_sha256_add_text(&sha, SNAG_STR("c"));
    snag_sha256_end(&sha, first);
    snag_sha256_init(&sha);
    snag_sha256_add_text(&sha, SNAG_STR("a"));
    snag_sha256_add_text(&sha, SNAG_STR("bc"));
    snag_sha256_end(&sha, second);
    assert_memory_not_equal(first, second, sizeof first);
    snag_sha256_init(&sha);
    snag_sha256_add(&sha, "\0\0\0\0\0\0\0\2ab\0\0\0\0\0\0\0\1c", 19);
    snag_sha256_end(&sha, second);
    assert_memory_equal(first, second, sizeof first);
}

/* Apache Kafka's UtilsTest.testMurmur2, made positive as its partitioner does. */
static void murmur2_is_kafkas(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int32_t hash;
    } rows[] = {{"21", -973932308},
                {"foobar", -790332482},
                {"a-little-bit-long-string", -985981536},
                {"a-little-bit-longer-string", -1486304829},
                {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                {"abc", 479470107},
                {"", 275646681}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(snag_murmur2(snag_str_from(rows[i].key)),
                         (uint32_t)rows[i].hash & 0x7fffffff);
}

/* Stored in the duplicate ring and in keys: these values may never change. */
static void hash64_stands_still(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t seed;
        uint64_t hash;
    } rows[] = {
        {"", 0, 0x832ff0d450935050u},
        {"", 1, 0xca9df55c70fbb518u},
        {"a", 0, 0xe2b88cd3646c6394u},
        {"abcdefgh", 0, 0x2e5c0d312f6461b1u},
        {"abcdefghi", 0, 0xdb16f1cd20a144d4u},
        {"0123456789abcdef", 0, 0xb35bb3b7cde06309u},
        {"0123456789abcdefg", 0, 0x41099ac3f837c51cu},
        {"c-48213", 1, 0x5a0496fdc40082dcu},
        {"a text that is longer than two blocks of sixteen", 12345, 0x6919b02586338b62u},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t hash = snag_hash64(snag_str_from(rows[i].text), rows[i].seed);
        if (hash != rows[i].hash)
            fail_msg("\"%s\", %llu: 0x%016llx", rows[i].text, (unsigned long long)rows[i].seed,
                     (unsigned long long)hash);
    }
}

/* Each bit of the hash is set about half the time, for keys that differ in one byte or in length. */
static void hash64_spreads(void **state)
{
    (void)state;
    enum { KEYS = 4096 };
    int set[64] = {0};
    uint64_t zeros = 0;
    char text[40] = {0};
    for (uint64_t i = 0; i < KEYS; i++) {
        snag_buf buf = snag_buf_on(text, sizeof text);
        snag_buf_put(&buf, "customer-", i % 10);
        snag_buf_int(&buf, (int64_t)i);
        uint64_t hash = snag_hash64(snag_buf_str(&buf), 0);
        zeros += hash == 0;
        for (int bit = 0; bit < 64; bit++)
            set[bit] += (int)(hash >> bit & 1);
    }
    assert_true(zeros <= 1);
    for (int bit = 0; bit < 64; bit++)
        assert_in_range(set[bit], KEYS / 2 - 200, KEYS / 2 + 200);
    /* length matters even where the bytes are all zero */
    uint64_t seen[33];
    memset(text, 0, sizeof text);
    for (size_t size = 0; size <= 32; size++) {
        seen[size] = snag_hash64(snag_str_of(text, size), 0);
        for (size_t other = 0; other < size; other++)
            assert_true(seen[other] != seen[size]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_vectors),
        cmocka_unit_test(sha256_quick),
        cmocka_unit_test(sha256_in_pieces),
        cmocka_unit_test(texts_do_not_run_together),
        cmocka_unit_test(murmur2_is_kafkas),
        cmocka_unit_test(hash64_stands_still),
        cmocka_unit_test(hash64_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
