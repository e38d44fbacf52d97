/* SPDX-License-Identifier: Apache-2.0
 *
 * Assertions that stay on in release: a wrong alert is worse than a restart.
 * They guard against our own bugs only; bad data and outside trouble are errors (err.h).
 */
#ifndef SNAG_BASE_ASSERT_H
#define SNAG_BASE_ASSERT_H

_Noreturn void snag_assert_failed(const char *condition, const char *file, int line);

#define SNAG_ASSERT(condition) \
    ((condition) ? (void)0 : snag_assert_failed(#condition, __FILE__, __LINE__))

#endif
