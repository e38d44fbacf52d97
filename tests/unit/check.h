/* SPDX-License-Identifier: Apache-2.0
 *
 * cmocka with what it needs before it, and comparisons of byte strings that print both sides.
 */
#ifndef SNAG_TESTS_CHECK_H
#define SNAG_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

/* The bytes written so far are exactly this text, and nothing was cut. */
#define CHECK_BUF(buf, text)                                                          \
    do {                                                                              \
        const snag_buf *check_buf_ = (buf);                                           \
        const char *check_text_ = (text);                                             \
        assert_false(check_buf_->full);                                               \
        if (!snag_str_equal(snag_buf_str(check_buf_), snag_str_from(check_text_)))    \
            fail_msg("got \"%.*s\", want \"%s\"", (int)check_buf_->size, check_buf_->data, \
                     check_text_);                                                    \
    } while (0)

#endif
