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

#include "unit/hex.h"
#include "unit/learn_side.h"

static const char *const files[] = {"tests/unit/stored/learned1.txt", "tests/unit/stored/learned2.txt"};

enum { STORED_AT = 900, LINE_BYTES = 1 << 16 };

static void print_side(const side *s, FILE *to)
{
    char head[1024];
    snag_str key, blob;
    snag_buf buf = snag_buf_on(head, sizeof head);
    snag_engine_head_write(s->engine, &buf);
    fputs("head ", to);
    put_hex(to, snag_buf_str(&buf));
    for (uint64_t cursor = 0; snag_engine_each(s->engine, &cursor, &key, &blob);) {
        fputs("\ncell ", to);
        put_hex(to, key);
        fputc(' ', to);
        put_hex(to, blob);
    }
    fputc('\n', to);
}

static side *young(void)
{
    side *s = side_new(plain);
    for (int i = 0; i < STORED_AT; i++)
        feed(s, i);
    return s;
}

/* Byte by byte what is written today. */
static void assert_written(const char *path)
{
    side *s = young();
    FILE *mine = tmpfile();
    FILE *kept = fopen(path, "r");
    assert_true(mine && kept);
    print_side(s, mine);
    rewind(mine);
    for (int c = fgetc(mine); c != EOF; c = fgetc(mine))
        assert_int_equal(c, fgetc(kept));
    assert_int_equal(fgetc(kept), EOF);
    fclose(mine);
    fclose(kept);
    side_free(s);
}

static side *revive(const char *path)
{
    static char line[LINE_BYTES];
    side *revived = side_new(plain);
    FILE *kept = fopen(path, "r");
    assert_non_null(kept);
    while (fgets(line, sizeof line, kept)) {
        char *at = line + 5;
        snag_str word = from_hex(&at);
        if (line[0] == 'h')
            assert_int_equal(snag_engine_head_read(revived->engine, word), SNAG_OK);
        else
            assert_int_equal(snag_engine_restore(revived->engine, word, from_hex(&at)), SNAG_OK);
    }
    fclose(kept);
    return revived;
}

static void test_stored(void **state)
{
    (void)state;
    assert_written(files[sizeof files / sizeof files[0] - 1]);
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        side *s = young();
        side *revived = revive(files[f]);
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
        side *s = young();
        print_side(s, stdout);
        side_free(s);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
