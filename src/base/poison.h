/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that nobody may touch for now: AddressSanitizer is told, other builds do nothing.
 */
#ifndef SNAG_BASE_POISON_H
#define SNAG_BASE_POISON_H

#if defined(__SANITIZE_ADDRESS__)
#define SNAG_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SNAG_ASAN 1
#endif
#endif

#ifdef SNAG_ASAN
#include <sanitizer/asan_interface.h>
#define SNAG_POISON(data, size) ASAN_POISON_MEMORY_REGION(data, size)
#define SNAG_UNPOISON(data, size) ASAN_UNPOISON_MEMORY_REGION(data, size)
#else
#define SNAG_POISON(data, size) ((void)0)
#define SNAG_UNPOISON(data, size) ((void)0)
#endif

#endif
