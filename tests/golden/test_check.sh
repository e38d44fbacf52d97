#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# snag check: exit codes, the report over a sample that does not quite fit, the shipped pipelines.
set -euo pipefail
cd "$SNAG_SOURCE"
. tests/golden/compare.sh

expect_code() {
    local want=$1 code=0
    shift
    "$@" >/dev/null 2>&1 || code=$?
    if [ "$code" != "$want" ]; then
        echo "exit code $code, want $want: $*"
        exit 1
    fi
}

sample="$SNAG check tests/golden/check/care.yaml --sample tests/golden/check/care.jsonl"
{ $sample || true; } | compare tests/golden/check/care.txt
expect_code 1 $sample
# Clocks that are off; the same without a word of when the records were received.
phones="$SNAG check pipelines/app.yaml --sample pipelines/data/app.jsonl --now 2026-12-01T00:00:00Z"
{ $phones || true; } | compare tests/golden/check/app.txt
{ sed 's/receivedAt/at/' pipelines/data/app.jsonl | "$SNAG" check pipelines/app.yaml --sample - \
    --now 2026-12-01T00:00:00Z || true; } | compare tests/golden/check/app_not_received.txt
for file in pipelines/*.yaml; do
    expect_code 0 "$SNAG" check "$file"
done
expect_code 2 "$SNAG" check tests/golden/wrong/rule_many.yaml
expect_code 2 "$SNAG" check no/such/file.yaml
expect_code 2 "$SNAG" check tests/golden/check/care.yaml --sample no/such/file.jsonl
expect_code 2 "$SNAG" check
expect_code 2 "$SNAG" check tests/golden/check/care.yaml --against old.yaml
# What a new version changes for customers in flight.
change="$SNAG check tests/golden/check/after.yaml --against tests/golden/check/before.yaml"
{ $change || true; } | compare tests/golden/check/against.txt
expect_code 1 $change
expect_code 0 "$SNAG" check tests/golden/check/after.yaml --against tests/golden/check/after.yaml
expect_code 2 "$SNAG" check tests/golden/check/after.yaml --against tests/golden/wrong/rule_many.yaml
{ "$SNAG" check tests/golden/wrong/rule_many.yaml 2>&1 || true; } | compare tests/golden/check/rule_many.txt
