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
# Rows of a table are never late; a survey's events and those between which a clock stands are named ones.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/odd.yaml" <<'END'
pipeline: odd
sources:
  crm: { topic: crm, format: json, table: true, map: { time: at, customer: who }, keep: { plan: plan } }
  web: { topic: web, format: json, map: { id: id, time: at, type: what, customer: who },
         keep: { score: { from: score, as: int } } }
journeys:
  order:
    survey: { event: Answred, score: score, asked: Asked }
    stages: { paid: { event: Paid, due: 3d, pause: Hold, resume: Unhold }, sent: { event: Sent, end: true } }
rules: { gold: { event: Paid, where: 'plan == "gold"', count: 1, within: 1h } }
END
printf '%s\n' '{"at":"2026-01-05T10:00:00Z","who":"a","plan":"x"}' \
    '{"at":"2026-01-03T10:00:00Z","who":"b","plan":"y"}' \
    >"$work/crm.jsonl"
printf '{"id":"%s","at":"2026-01-05T10:00:0%sZ","what":"%s","who":"a","score":1}\n' \
    1 1 Paid 2 2 Hold 3 3 Unhold 4 4 Asked 5 5 Answered 6 6 Sent >"$work/web.jsonl"
{ "$SNAG" check "$work/odd.yaml" --sample crm="$work/crm.jsonl" --sample web="$work/web.jsonl" || true; } \
    >"$work/said" 2>&1
grep -q 'rows of a table: .* none is late' "$work/said" && ! grep -q 'behind\|would be late' "$work/said" ||
    { cat "$work/said"; exit 1; }
grep -q 'the survey of order names "Answred", which is not in the sample' "$work/said"
[ "$(grep 'no rule or stage names it' "$work/said" | awk '{print $2}')" = Answered ] ||
    { cat "$work/said"; exit 1; }
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
