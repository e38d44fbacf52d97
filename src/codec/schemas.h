/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts of schemas/, compiled in (schemas/embed.cmake writes the bytes into the build folder).
 */
#ifndef SNAG_CODEC_SCHEMAS_H
#define SNAG_CODEC_SCHEMAS_H

#include <stddef.h>

extern const unsigned char snag_schema_alert[];
extern const size_t snag_schema_alert_bytes;
extern const unsigned char snag_schema_change[];
extern const size_t snag_schema_change_bytes;
extern const unsigned char snag_schema_decision[];
extern const size_t snag_schema_decision_bytes;
extern const unsigned char snag_schema_event[];
extern const size_t snag_schema_event_bytes;

#endif
