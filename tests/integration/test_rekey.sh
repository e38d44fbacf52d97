#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A topic that is not keyed by the customer (`rekey: true`), through a real broker: each customer's records
# lie in all three partitions, the state has two, two processes share both hops, both are killed in the
# middle; what is said in the end is what a replay of the file says, all of it, once. Then a topic falls
# silent, and the clock of the first hop alone lets a deadline pass.
set -uo pipefail
. "$SNAG_SOURCE/tests/tools/kafka.sh"

live_begin
kafka_start
export KAFKA="$BROKERS"
RECORDS="python3 $TOOLS/records.py"

# pipeline NAME TOPIC AFTER REKEY
pipeline() {
    cat >"$LIVE/$1.yaml" <<YAML
pipeline: $1
sources:
  calls:
    topic: $2
    format: segment
    rekey: $4
    keep: { line: properties.line, call: properties.callId }
rules:
  stuck: { event: Call Queued, per: [line, call], missing: [Call Answered, Call Abandoned], after: $3 }
  twice: { event: Call Abandoned, count: 2, within: 1h }
kafka: { bootstrap.servers: "$BROKERS" }
YAML
}

run_start() { # NAME INSTANCE OPTION…
    local name=$1 instance=$2
    shift 2
    "$SNAG" run "$LIVE/$name.yaml" --instance "$instance" "$@" >>"$LIVE/$name-$instance.log" 2>&1 &
    RUN_PID=$!
    STARTED+=("$RUN_PID")
}
run_stop() { # NAME INSTANCE PID
    kill -TERM "$3" 2>/dev/null
    wait "$3" || fail "snag run ended badly: $(tail -2 "$LIVE/$1-$2.log")"
}
said() { tool consume "$1.alerts" values 2>/dev/null | wc -l; }

"$SNAG" simulate --scenario calls --events 8000 --seed 5 >"$LIVE/calls.jsonl" || fail "simulate"
tool create calls 3 retention.ms=-1 || fail "create"
tool produce calls "$LIVE/calls.jsonl" messageId timestamp 2>/dev/null || fail "produce"

# Without rekey: the check says what is wrong, and what to write.
pipeline plain calls 60s false
"$SNAG" topics "$LIVE/plain.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "topics"
"$SNAG" check "$LIVE/plain.yaml" --kafka >"$LIVE/check.log" 2>&1
[ $? = 1 ] && grep -q "rekey: true" "$LIVE/check.log" ||
    fail "check does not say rekey: $(cat "$LIVE/check.log")"

pipeline care calls 60s true
"$SNAG" run "$LIVE/care.yaml" >"$LIVE/refused.log" 2>&1
[ $? = 3 ] && grep -q "care.rekey.calls.2" "$LIVE/refused.log" ||
    fail "missing topics: $(cat "$LIVE/refused.log")"
"$SNAG" topics "$LIVE/care.yaml" --create --partitions 2 >"$LIVE/topics.log" 2>&1 ||
    fail "topics: $(cat "$LIVE/topics.log")"
for lane in 0 1 2; do
    grep -q "created care.rekey.calls.$lane with 2 partitions" "$LIVE/topics.log" ||
        fail "lane $lane was not made"
done
"$SNAG" check "$LIVE/care.yaml" --kafka >"$LIVE/check.log" 2>&1 || fail "check: $(cat "$LIVE/check.log")"

"$SNAG" replay "$LIVE/care.yaml" "$LIVE/calls.jsonl" --drain --format json --only alerts --quiet \
    --now 2030-01-01T00:00:00Z >"$LIVE/expected" || fail "replay"
"$SNAG" replay "$LIVE/care.yaml" "$LIVE/calls.jsonl" --drain --format json --only alerts --quiet \
    --partitions 2 --now 2030-01-01T00:00:00Z >"$LIVE/expected-2" || fail "replay --partitions"
$RECORDS compare "$LIVE/expected" "$LIVE/expected-2" 2031-01-01T00:00:00Z ||
    fail "replay --partitions differs"
[ "$(wc -l <"$LIVE/expected")" -gt 50 ] || fail "too few alerts to compare"

SLOW="--max-batch 40 --commit-every 1ms"
# shellcheck disable=SC2086
run_start care one $SLOW --workers 2
one=$RUN_PID
# shellcheck disable=SC2086
run_start care two $SLOW
two=$RUN_PID
carried() { tool consume "care.rekey.calls.$1" 2>/dev/null | wc -l; }
more_than() { [ "$(carried 0)" -gt "$1" ]; }
wait_for 150 "the first records" more_than 100
kill -KILL "$one"
wait "$one" 2>/dev/null
# shellcheck disable=SC2086
run_start care one $SLOW --workers 2
one=$RUN_PID
some_said() { [ "$(said care)" -ge 1 ]; }
wait_for 150 "the first alerts" some_said
kill -KILL "$two"
wait "$two" 2>/dev/null
echo "killed with $(carried 0), $(carried 1), $(carried 2) carried, $(said care) alerts said"
run_start care two
two=$RUN_PID
all_said() { [ "$(said care)" -ge "$(wc -l <"$LIVE/expected")" ]; }
wait_for 300 "all alerts" all_said
run_stop care one "$one"
run_stop care two "$two"
sleep 0.5 # the last transactions' markers
tool consume care.alerts values >"$LIVE/seen" || fail "consume"
$RECORDS compare "$LIVE/expected" "$LIVE/seen" 2031-01-01T00:00:00Z || fail "live differs from the replay"
[ "$(tool consume care.late 2>/dev/null | wc -l)" = 0 ] || fail "late events"
[ "$(tool consume care.dead-letter 2>/dev/null | wc -l)" = 0 ] || fail "dead letters"
# Evidence names the record where its producer put it.
tool consume calls >"$LIVE/records" || fail "consume"
python3 - "$LIVE/records" "$LIVE/seen" <<'PY' || fail "evidence does not name the records"
import json, sys
ids = {}
for line in open(sys.argv[1], encoding="utf-8"):
    record = json.loads(line)
    ids[record["partition"], record["offset"]] = json.loads(record["value"])["messageId"]
named = 0
for line in open(sys.argv[2], encoding="utf-8"):
    for entry in json.loads(line)["data"]["snag"]["evidence"]:
        assert entry["topic"] == "calls", entry
        assert ids[entry["partition"], entry["offset"]] == entry["id"], entry
        named += 1
assert named > 100
PY
"$SNAG" check "$LIVE/care.yaml" --kafka >"$LIVE/check.log" 2>&1 || fail "check: $(cat "$LIVE/check.log")"
admin set care.rekey.calls.0 cleanup.policy=delete retention.ms=86400000 || fail "set"
"$SNAG" check "$LIVE/care.yaml" --kafka >"$LIVE/check.log" 2>&1 && fail "a lane that ages is not found"
grep -q "finding: the internal topic .* deletes records after 1d, read or not" "$LIVE/check.log" ||
    fail "$(cat "$LIVE/check.log")"

# One question now, without a key, and nothing more: the first hop proves silence.
pipeline idle quiet 2s true
tool create quiet 3 || fail "create"
"$SNAG" topics "$LIVE/idle.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "topics: $(cat "$LIVE/topics.log")"
run_start idle one
idle=$RUN_PID
wait_for 150 "the worker" grep -q "running idle" "$LIVE/idle-one.log"
printf '{"messageId":"q","userId":"ann","event":"Call Queued","timestamp":"%s","properties":{%s}}\n' \
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" '"line":"1","callId":"1"' >"$LIVE/one.jsonl"
echo 'not json' >>"$LIVE/one.jsonl"
tool produce quiet "$LIVE/one.jsonl" nothing timestamp 2>/dev/null || fail "produce"
stuck() { tool consume idle.alerts values 2>/dev/null | grep -q '"rule":"stuck"'; }
wait_for 150 "the stall" stuck
dead() { tool consume idle.dead-letter 2>/dev/null | grep -q '"snag.topic":"quiet"'; }
wait_for 150 "the dead letter" dead
run_stop idle one "$idle"

# Offsets of another start: nothing is carried twice.
"$SNAG" run "$LIVE/care.yaml" --group other >"$LIVE/refused.log" 2>&1
[ $? = 3 ] && grep -q "are of another start" "$LIVE/refused.log" ||
    fail "another group over used lanes: $(cat "$LIVE/refused.log")"
echo "rekeyed, live: as replayed"
