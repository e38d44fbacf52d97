/* SPDX-License-Identifier: Apache-2.0
 *
 * stored/learned1.txt and so on are what a life with learned deadlines left behind once, cells of format 2 in
 * the first: all must still be read, and the last one is written byte by byte. When a format changes on
 * purpose, what `test_learn_stored --print` says is the next file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "unit/learn_side.h"
#include "unit/stored_file.h"

static const char *const files[] = {"tests/unit/stored/learned1.txt", "tests/unit/stored/learned2.txt"};

enum { STORED_AT = 900 };

static snag_str head_of(const life *s)
{
    static char bytes[1024];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    snag_engine_head_write(s->engine, &buf);
    assert_false(buf.full);
    return snag_buf_str(&buf);
}

static life *young(void)
{
    life *s = side_new(plain);
    for (int i = 0; i < STORED_AT; i++)
        feed(s, i);
    return s;
}

static void assert_written(const char *path)
{
    life *s = young();
    assert_stored_as(s->engine, head_of(s), path);
    side_free(s);
}

static life *revive(const char *path)
{
    life *revived = side_new(plain);
    stored_revive(revived->engine, path);
    return revived;
}

static void test_stored(void **state)
{
    (void)state;
    assert_written(files[sizeof files / sizeof files[0] - 1]);
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        life *s = young();
        life *revived = revive(files[f]);
        s->said.size = 0;
        for (int i = STORED_AT; i < STORED_AT + 500; i++) {
            feed(s, i);
            feed(revived, i);
        }
        assert_true(s->said.size > 1000);
        assert_alike(s, revived);
        side_free(s);
        side_free(revived);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stored)};
    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        life *s = young();
        stored_print(s->engine, head_of(s), stdout);
        side_free(s);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
