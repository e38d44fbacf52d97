/* SPDX-License-Identifier: Apache-2.0
 *
 * One line per rule kind: snag_rule_NAME is defined in NAME.c. The order is the manual's order.
 */
X(missing)
X(count)
X(ratio)
X(path)
X(differs)
X(change)
X(score)
