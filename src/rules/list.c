/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/rule.h"

#define X(name) extern const snag_rule_kind snag_rule_##name;
#include "rules/list.h"
#undef X

const snag_rule_kind *const snag_rule_kinds[] = {
#define X(name) &snag_rule_##name,
#include "rules/list.h"
#undef X
};

const uint32_t snag_rule_kind_count = sizeof snag_rule_kinds / sizeof snag_rule_kinds[0];
