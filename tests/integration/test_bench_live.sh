#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The benchmark from Kafka to Kafka runs small, so that it cannot rot, and says the same as a replay's count.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bash "$SNAG_SOURCE/bench/live_kafka.sh" --tiny --out "$work/figures" || exit $?
python3 - "$work/figures" <<'PYTHON'
import json
import sys

rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
names = [row["name"] for row in rows]
assert names == ["kafka_to_kafka_two_rules", "kafka_to_kafka_two_rules_peak", "kafka_to_kafka_with_journey",
                 "kafka_to_kafka_with_journey_peak"], names
assert all(row["value"] > 0 and row["tiny"] for row in rows), rows
# The rules are the same in both, so the alerts must be: but for the journey's own late ones, so ids differ.
assert rows[0]["hash"] == rows[1]["hash"], rows
PYTHON
