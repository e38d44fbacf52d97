#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Two sources of one pipeline through a real broker say what a replay of their files says: the questions on
# one topic, the answers on another, two partitions, two workers, killed in the middle, one topic far ahead of
# the other. Then both topics fall silent, and the clock alone lets a deadline pass.
set -uo pipefail
. "$SNAG_SOURCE/tests/tools/kafka.sh"

live_begin
kafka_start
export KAFKA="$BROKERS"
RECORDS="python3 $TOOLS/records.py"
NOW="--now 2030-01-01T00:00:00Z"

# pipeline NAME CLOCK
pipeline() {
    cat >"$LIVE/$1.yaml" <<YAML
pipeline: $1
sources:
  queue:
    topic: queue
    format: segment
    clock: $2
    keep: { line: properties.line, call: properties.callId }
  desk:
    topic: desk
    format: segment
    clock: $2
    out_of_order: 2s
    keep: { line: properties.line, call: properties.callId }
rules:
  stuck: { event: Call Queued, per: [line, call], missing: [Call Answered, Call Abandoned], after: 60s }
  twice: { event: Call Abandoned, count: 2, within: 1h }
kafka: { bootstrap.servers: "$BROKERS" }
YAML
}

# Events of nobody, long after the last, in every partition of both: every deadline passes, live and replayed.
ends() {
    for i in $(seq 1 40); do
        printf '{"messageId":"end-%s-%s","userId":"end-%s","event":"End","timestamp":"%s"}\n' \
            "$1" "$i" "$i" 2026-02-01T00:00:00Z
    done
}

"$SNAG" simulate --scenario calls --events 8000 --seed 3 >"$LIVE/calls.jsonl" || fail "simulate"
grep -E '"event":"Call (Started|Queued)"' "$LIVE/calls.jsonl" >"$LIVE/queue.jsonl"
grep -vE '"event":"Call (Started|Queued)"' "$LIVE/calls.jsonl" >"$LIVE/desk.jsonl"
ends queue >>"$LIVE/queue.jsonl"
ends desk >>"$LIVE/desk.jsonl"

behind() { tool lag "$1" "$2" 2>/dev/null || echo unknown; }
run_start() {
    local name=$1
    shift
    "$SNAG" run "$LIVE/$name.yaml" --group "$name" --instance one "$@" >>"$LIVE/$name-run.log" 2>&1 &
    RUN_PID=$!
    STARTED+=("$RUN_PID")
}
run_stop() {
    kill -TERM "$RUN_PID" 2>/dev/null
    wait "$RUN_PID" || fail "snag run ended badly: $(tail -2 "$LIVE/$1-run.log")"
}

pipeline two log
tool create queue 2 retention.ms=-1 || fail "create"
tool create desk 3 retention.ms=-1 || fail "create"
"$SNAG" topics "$LIVE/two.yaml" --create >"$LIVE/topics.log" 2>&1
"$SNAG" run "$LIVE/two.yaml" >"$LIVE/refused.log" 2>&1
[ $? = 3 ] && grep -q "queue and desk have 2 and 3 partitions" "$LIVE/refused.log" ||
    fail "unequal partition counts: $(cat "$LIVE/refused.log")"
sed -i 's/topic: desk/topic: desk2/' "$LIVE/two.yaml"
"$SNAG" topics "$LIVE/two.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "topics: $(cat "$LIVE/topics.log")"
grep -q "created desk2 with 2 partitions" "$LIVE/topics.log" || fail "the second input was not made"

# All questions are there before the first answer.
tool produce queue "$LIVE/queue.jsonl" userId timestamp 2>/dev/null || fail "produce"
run_start two --workers 2 --max-batch 64 --commit-every 1ms
wait_for 60 "the workers" grep -q "running two" "$LIVE/two-run.log"
head -n 1500 "$LIVE/desk.jsonl" >"$LIVE/desk-a.jsonl"
tail -n +1501 "$LIVE/desk.jsonl" >"$LIVE/desk-b.jsonl"
tool produce desk2 "$LIVE/desk-a.jsonl" userId timestamp 2>/dev/null || fail "produce"
some() { [ "$(behind two desk2)" != unknown ] && [ "$(behind two desk2)" -lt 1400 ]; }
wait_for 60 "the first answers" some
kill -KILL "$RUN_PID"
wait "$RUN_PID" 2>/dev/null
echo "killed with $(behind two queue) of queue and $(behind two desk2) of desk to go"
run_start two --workers 2
tool produce desk2 "$LIVE/desk-b.jsonl" userId timestamp 2>/dev/null || fail "produce"
"$SNAG" replay "$LIVE/two.yaml" queue="$LIVE/queue.jsonl" desk="$LIVE/desk.jsonl" --partitions 2 \
    --format json --only alerts --quiet $NOW >"$LIVE/expected" || fail "replay"
# The last records of the one that has come further wait for the other: alerts are counted, not records.
all_said() { [ "$(tool consume two.alerts values 2>/dev/null | wc -l)" -ge "$(wc -l <"$LIVE/expected")" ]; }
wait_for 90 "all alerts" all_said
run_stop two
sleep 0.5 # the last transaction's markers
tool consume two.alerts values >"$LIVE/seen" || fail "consume"
[ "$(wc -l <"$LIVE/expected")" -gt 50 ] || fail "too few alerts to compare"
$RECORDS compare "$LIVE/expected" "$LIVE/seen" 2026-01-31T00:00:00Z || fail "live differs from the replay"
"$SNAG" check "$LIVE/two.yaml" --kafka >"$LIVE/check.log" 2>&1 || fail "check: $(cat "$LIVE/check.log")"

# One question now, and nothing more on either topic: the clock of both must prove silence.
pipeline idle wall
sed -i -e 's/topic: queue/topic: queue3/' -e 's/topic: desk/topic: desk3/' -e 's/after: 60s/after: 2s/' \
    "$LIVE/idle.yaml"
"$SNAG" topics "$LIVE/idle.yaml" --create --partitions 2 >"$LIVE/topics.log" 2>&1 || fail "topics"
run_start idle
wait_for 60 "the worker" grep -q "running idle" "$LIVE/idle-run.log"
printf '{"messageId":"q","userId":"ann","event":"Call Queued","timestamp":"%s","properties":{%s}}\n' \
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" '"line":"1","callId":"1"' >"$LIVE/one.jsonl"
tool produce queue3 "$LIVE/one.jsonl" userId timestamp 2>/dev/null || fail "produce"
said() { tool consume idle.alerts values 2>/dev/null | grep -q '"rule":"stuck"'; }
wait_for 60 "the stall" said
run_stop idle

# A table is read from its beginning, also where the events are read from now on; and a record without a value
# takes its row away.
cat >"$LIVE/known.yaml" <<YAML
pipeline: known
sources:
  web: { topic: web5, format: segment }
  crm: { topic: crm5, format: json, table: true, keep: { plan: plan } }
rules:
  gold: { event: Failed, where: plan == "gold", count: 1, within: 1h, headline: "{customer} has {plan}" }
kafka: { bootstrap.servers: "$BROKERS" }
YAML
"$SNAG" topics "$LIVE/known.yaml" --create --partitions 2 >"$LIVE/topics.log" 2>&1 || fail "topics"
LONG_AGO=1700000000000
for who in ann bob cid; do
    tool send crm5 "$who" '{"plan":"gold"}' "$LONG_AGO" || fail "produce"
done
tool send crm5 bob "" "$((LONG_AGO + 1000))" || fail "produce"
tool send crm5 cid '{"plan":"free"}' "$((LONG_AGO + 1000))" || fail "produce"
run_start known --from latest
table_read() { [ "$(behind known crm5)" = 0 ]; }
wait_for 60 "the table" table_read
for who in bob cid ann; do
    printf '{"messageId":"f-%s","userId":"%s","event":"Failed","timestamp":"%s"}\n' \
        "$who" "$who" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
done >"$LIVE/failed.jsonl"
tool produce web5 "$LIVE/failed.jsonl" userId timestamp 2>/dev/null || fail "produce"
known() { tool consume known.alerts values 2>/dev/null | grep -q 'ann has gold'; }
wait_for 60 "the alert of what the table knows" known
run_stop known
[ "$(tool consume known.alerts values 2>/dev/null | wc -l)" = 1 ] || fail "others were alerted as well"
echo "two sources, live: as replayed; a table: known from its first row on"
