/* SPDX-License-Identifier: Apache-2.0
 *
 * The line reader against files written here: offsets, gzip, over-long lines, ends without a newline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "local/lines.h"
#include "local/memory.h"

enum { BATCH = 3 };

static char path[] = "/tmp/snag-lines-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_plain(const void *data, size_t size, const char *mode)
{
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_gzip(const void *data, size_t size, const char *mode)
{
    gzFile file = gzopen(path, mode);
    assert_non_null(file);
    assert_int_equal(gzwrite(file, data, (unsigned)size), size);
    assert_int_equal(gzclose(file), Z_OK);
}

/* All lines as "offset:text;" and how reading ended. */
static snag_err read_all(char *out, size_t room)
{
    snag_lines *lines;
    snag_line batch[BATCH];
    snag_buf buf = snag_buf_on(out, room - 1);
    size_t count;
    snag_diag diag = {0};
    assert_int_equal(snag_lines_new(&lines, path, &diag), SNAG_OK);
    snag_err err;
    while ((err = snag_lines_read(lines, batch, BATCH, &count, &diag)) == SNAG_OK)
        for (size_t i = 0; i < count; i++)
            snag_buf_printf(&buf, "%lld:%.*s;", (long long)batch[i].offset, SNAG_FMT(batch[i].text));
    snag_lines_free(lines);
    assert_false(buf.full);
    out[buf.size] = '\0';
    return err;
}

static void offsets_are_of_the_text(void **state)
{
    (void)state;
    static const char text[] = "one\n\n  \ntwo\r\nthree\nfour\nlast";
    static const char *const want = "0:one;8:two\r;13:three;19:four;24:last;";
    char got[256];
    write_plain(text, sizeof text - 1, "wb");
    assert_int_equal(read_all(got, sizeof got), SNAG_END);
    assert_string_equal(got, want);
    write_gzip(text, sizeof text - 1, "wb");
    assert_int_equal(read_all(got, sizeof got), SNAG_END);
    assert_string_equal(got, want);
}

static void members_of_gzip_are_one_text(void **state)
{
    (void)state;
    char got[256];
    write_gzip("a\nb", 3, "wb");
    write_gzip("c\nd\n", 4, "ab");
    write_plain("\0\0\0", 3, "ab");
    assert_int_equal(read_all(got, sizeof got), SNAG_END);
    assert_string_equal(got, "0:a;2:bc;5:d;");
    write_plain("junk", 4, "ab");
    assert_int_equal(read_all(got, sizeof got), SNAG_IO);
}

static void small_files(void **state)
{
    (void)state;
    char got[64];
    write_plain("", 0, "wb");
    assert_int_equal(read_all(got, sizeof got), SNAG_END);
    assert_string_equal(got, "");
    write_plain("x", 1, "wb");
    assert_int_equal(read_all(got, sizeof got), SNAG_END);
    assert_string_equal(got, "0:x;");
    write_plain("\xef\xbb\xbf{}\n", 6, "wb");
    assert_int_equal(read_all(got, sizeof got), SNAG_END);
    assert_string_equal(got, "3:{};");
}

static void a_cut_gzip_is_told(void **state)
{
    (void)state;
    char text[5000];
    snag_lines *lines;
    snag_line batch[BATCH];
    size_t count;
    snag_diag diag = {0};
    uint32_t noise = 7;
    for (size_t i = 0; i < sizeof text; i++) {
        noise = noise * 1664525u + 1013904223u;
        text[i] = i % 50 == 49 ? '\n' : (char)('a' + (noise >> 24) % 26);
    }
    write_gzip(text, sizeof text, "wb");
    assert_int_equal(truncate(path, 2000), 0);
    assert_int_equal(snag_lines_new(&lines, path, &diag), SNAG_OK);
    size_t all = 0;
    snag_err err;
    while ((err = snag_lines_read(lines, batch, BATCH, &count, &diag)) == SNAG_OK)
        all += count;
    snag_lines_free(lines);
    assert_int_equal(err, SNAG_IO);
    assert_non_null(strstr(diag.text, "cut short"));
    assert_true(all > 10 && all < 100);
}

/* before, a line of `size` bytes, after: the long one comes with size, offset and SHA-256. */
static void check_long(size_t size, bool newline)
{
    size_t total = 7 + size + (newline ? 7 : 0);
    char *text = malloc(total);
    snag_lines *lines;
    snag_line batch[BATCH];
    size_t count;
    snag_sha256 sha;
    uint8_t want[32];
    uint8_t got[32];
    assert_non_null(text);
    memcpy(text, "before\n", 7);
    for (size_t i = 0; i < size; i++)
        text[7 + i] = (char)('a' + i % 23);
    if (newline)
        memcpy(text + 7 + size, "\nafter\n", 7);
    write_plain(text, total, "wb");
    snag_sha256_init(&sha);
    snag_sha256_add(&sha, text + 7, size);
    snag_sha256_end(&sha, want);
    assert_int_equal(snag_lines_new(&lines, path, NULL), SNAG_OK);
    assert_int_equal(snag_lines_read(lines, batch, BATCH, &count, NULL), SNAG_OK);
    assert_int_equal(count, 1);
    assert_int_equal(snag_lines_read(lines, batch, BATCH, &count, NULL), SNAG_OK);
    assert_int_equal(count, 1);
    assert_int_equal(batch[0].offset, 7);
    assert_int_equal(batch[0].size, size);
    assert_int_equal(batch[0].text.size, SNAG_RECORD_BYTES_MAX);
    assert_memory_equal(batch[0].text.data, text + 7, SNAG_RECORD_BYTES_MAX);
    snag_lines_sha256(lines, got);
    assert_memory_equal(got, want, sizeof want);
    if (newline) {
        assert_int_equal(snag_lines_read(lines, batch, BATCH, &count, NULL), SNAG_OK);
        assert_int_equal(batch[0].offset, 7 + size + 1);
        assert_memory_equal(batch[0].text.data, "after", 5);
    }
    assert_int_equal(snag_lines_read(lines, batch, BATCH, &count, NULL), SNAG_END);
    snag_lines_free(lines);
    free(text);
}

static void long_lines_are_bounded(void **state)
{
    (void)state;
    check_long(SNAG_RECORD_BYTES_MAX + 1, true);
    check_long(SNAG_RECORD_BYTES_MAX + 1, false);
    check_long(10 * 1024 * 1024 + 3, true);
    check_long(10 * 1024 * 1024 + 3, false);
}

static void the_greatest_line_is_whole(void **state)
{
    (void)state;
    char *text = malloc(SNAG_RECORD_BYTES_MAX + 1);
    snag_lines *lines;
    snag_line batch[BATCH];
    size_t count;
    assert_non_null(text);
    memset(text, 'x', SNAG_RECORD_BYTES_MAX);
    text[SNAG_RECORD_BYTES_MAX] = '\n';
    write_gzip(text, SNAG_RECORD_BYTES_MAX + 1, "wb");
    assert_int_equal(snag_lines_new(&lines, path, NULL), SNAG_OK);
    assert_int_equal(snag_lines_read(lines, batch, BATCH, &count, NULL), SNAG_OK);
    assert_int_equal(batch[0].size, SNAG_RECORD_BYTES_MAX);
    assert_int_equal(batch[0].text.size, SNAG_RECORD_BYTES_MAX);
    assert_int_equal(snag_lines_read(lines, batch, BATCH, &count, NULL), SNAG_END);
    snag_lines_free(lines);
    free(text);
}

static void what_is_not_there(void **state)
{
    (void)state;
    snag_lines *lines;
    snag_diag diag = {0};
    assert_int_equal(snag_lines_new(&lines, "/no/such/file", &diag), SNAG_IO);
    assert_null(lines);
    assert_non_null(strstr(diag.text, "/no/such/file"));
    assert_int_equal(snag_lines_new(&lines, "/", &diag), SNAG_IO);
    assert_null(lines);
}

static void reserved_memory_costs_nothing(void **state)
{
    (void)state;
    snag_memory memory;
    assert_int_equal(snag_memory_init(&memory, (size_t)64 << 30, NULL), SNAG_OK);
    assert_int_equal(((char *)memory.block)[memory.size - 1], 0);
    snag_memory_finish(&memory);
    snag_memory_finish(&memory);
    assert_int_equal(snag_memory_init(&memory, SIZE_MAX / 2, NULL), SNAG_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_of_the_text),   cmocka_unit_test(members_of_gzip_are_one_text),
        cmocka_unit_test(small_files),               cmocka_unit_test(a_cut_gzip_is_told),
        cmocka_unit_test(long_lines_are_bounded),    cmocka_unit_test(the_greatest_line_is_whole),
        cmocka_unit_test(what_is_not_there),         cmocka_unit_test(reserved_memory_costs_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
