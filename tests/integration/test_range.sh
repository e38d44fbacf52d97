#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A live run on two sources and two partitions, with pauses in which the clock moves time, events seconds
# late, and workers killed in the middle; then `snag replay` of the same topics: the same ids, times and
# evidence of all alerts, journey changes and decisions, the same late events. Without what the workers
# recorded of the clock it is another run: the test is tested. Then ranges by time and by offset, and what
# they must not do.
set -uo pipefail
. "$SNAG_SOURCE/tests/tools/kafka.sh"
. "$SNAG_SOURCE/tests/tools/range.sh"

live_begin
kafka_start
redis_start
RANGE="python3 $TOOLS/range.py"
SEED=${SNAG_SEED:-$(date +%s)}
ROUNDS=${SNAG_ROUNDS:-24}

cat >"$LIVE/range.yaml" <<YAML
pipeline: range
sources:
  ask:
    { topic: ask, format: json, map: { id: id, time: at, type: what, customer: who }, keep: { order: order },
      out_of_order: 300ms, delay: 100ms }
  answer:
    { topic: answer, format: json, map: { id: id, time: at, type: what, customer: who },
      keep: { order: order }, delay: 200ms }
journeys:
  order:
    per: order
    again: true
    stages:
      opened: { event: Opened, due: 1s }
      paid:   { event: Paid, due: 2s }
      closed: { event: Closed, end: true }
rules:
  silent: { event: Asked, missing: Answered, after: 1s }
  often:  { event: Failed, count: 3, within: 3s, until: Closed, cooldown: 2s }
  mixed:  { path: [Asked, Failed, Answered], within: 4s }
kafka: { bootstrap.servers: "$BROKERS" }
redis: { url: "$REDIS_URL" }
YAML
tool create ask 2 retention.ms=-1 && tool create answer 2 retention.ms=-1 || fail "create"
"$SNAG" topics "$LIVE/range.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "topics"

produce() { tool produce "$1" "$LIVE/$1.jsonl" who at 2>>"$LIVE/produce.log" || fail "produce"; }

echo "seed $SEED"
RANDOM=$SEED
start one
start two
wait_for 60 "the first worker" grep -q "running range" "$LIVE/run-one.log"
for round in $(seq 1 "$ROUNDS"); do
    $RANGE round "$SEED" "$round" "$LIVE" || fail "events"
    [ "$round" != $((ROUNDS / 2)) ] || MIDDLE=$(date -u +%FT%T.%3NZ)
    for topic in ask answer; do
        [ $((RANDOM % 4)) = 0 ] || produce "$topic" # sometimes one of them has nothing to say
    done
    [ $((RANDOM % 3)) = 0 ] || rest
    [ $((round % 7)) != 3 ] || kill_one
done
read_up() { [ "$(tool lag range ask 2>/dev/null)" = 0 ] && [ "$(tool lag range answer 2>/dev/null)" = 0 ]; }
answer_late "produce ask" "produce answer" read_up 0
stop_both
values >"$LIVE/seen"
tool consume range.late >"$LIVE/late"
tool consume range.ticks values >"$LIVE/ticks"

# --- the same again -------------------------------------------------------------------------------
replay "$LIVE/again" --from earliest
cat "$LIVE/replay.log"
$RANGE compare "$LIVE/seen" "$LIVE/again" || fail "the replay differs from the live run"
$RANGE late "$LIVE/late" "$LIVE/again" || fail "the replay's late events differ from the live run's"
ticks=$(grep -c " w=" "$LIVE/ticks")
echo "$(wc -l <"$LIVE/late") late events, $ticks recorded ticks"
[ "$(wc -l <"$LIVE/seen")" -gt 100 ] && [ "$(wc -l <"$LIVE/late")" -ge 24 ] && [ "$ticks" -gt 5 ] ||
    fail "too little happened"
grep -q "[1-9][0-9]* recorded ticks" "$LIVE/replay.log" || fail "no tick was taken"

sed 's/^pipeline: range/&\noutputs: { prefix: none. }/' "$LIVE/range.yaml" >"$LIVE/none.yaml"
"$SNAG" replay "$LIVE/none.yaml" --from earliest --format json >"$LIVE/none" 2>"$LIVE/none.log" || fail "none"
grep -q "there is no topic none.ticks" "$LIVE/none.log" || fail "it does not say that ticks are missing"
{ $RANGE compare "$LIVE/seen" "$LIVE/none" && $RANGE late "$LIVE/late" "$LIVE/none"; } >/dev/null &&
    fail "without the recorded ticks it is the same: no test"

# --- speed: the same records, as they are judged ---------------------------------------------------
replay "$LIVE/fast" --from earliest --speed 1000000000x
cmp <(sort "$LIVE/fast") <(sort "$LIVE/again") >&2 || fail "--speed changes what is said"

# --- ranges ---------------------------------------------------------------------------------------
halves
replay "$LIVE/part" --from 3 --to 5
grep -q "^8 records of 2 partitions from 3 to 5" "$LIVE/replay.log" || fail "offsets 3 and 4 of two topics"

# Where time stands at the end of a range: where a worker that has read it all knows of silence.
cat >"$LIVE/edge.yaml" <<YAML
pipeline: edge
sources: { s: { topic: edge, format: json, map: { id: id, time: at, type: what, customer: who }, delay: 1s } }
rules: { silent: { event: Asked, missing: Answered, after: 10s } }
kafka: { bootstrap.servers: "$BROKERS" }
YAML
tool create edge 1 retention.ms=-1 || fail "create"
for second in 00 30; do
    what=$([ $second = 00 ] && echo Asked || echo Answered)
    at="2026-01-05T10:00:$second.000Z"
    echo "{\"id\":\"$second\",\"at\":\"$at\",\"what\":\"$what\",\"who\":\"ann\"}"
done >"$LIVE/edge.jsonl"
tool produce edge "$LIVE/edge.jsonl" who at 2>>"$LIVE/produce.log" || fail "produce"
edge() { # RECORDS ALERTS --to …
    "$SNAG" replay "$LIVE/edge.yaml" --from earliest --format json "${@:3}" >"$LIVE/edge" \
        2>"$LIVE/edge.log" || fail "edge"
    grep -q "^$1 records\? of 1 partition" "$LIVE/edge.log" && [ "$(wc -l <"$LIVE/edge")" = "$2" ] ||
        fail "edge ${*:3}: $(head -1 "$LIVE/edge.log"), $(wc -l <"$LIVE/edge") alerts"
}
edge 1 0 --to 2026-01-05T10:00:11.000Z # W = 10:00:10.000: exactly at the deadline is in time
edge 1 1 --to 2026-01-05T10:00:11.001Z
edge 1 1 --to 2026-01-05T10:00:30.000Z # what is stamped then does not belong to it
edge 2 2 --to 2026-01-05T10:00:30.001Z # the answer comes: resolved
edge 1 0 --to 1                        # an offset says nothing about the clock
edge 2 2 --to latest

expect() { # CODE WORDS OPTIONS…
    local want=$1 words=$2 code=0
    shift 2
    "$SNAG" replay "$LIVE/range.yaml" "$@" >/dev/null 2>"$LIVE/expect.log" || code=$?
    [ "$code" = "$want" ] && grep -q -- "$words" "$LIVE/expect.log" ||
        fail "replay $*: $code, not $want, $words"
}
expect 2 "expected earliest, a time such as" --from yesterday
expect 2 "expected latest, a time such as" --to earliest
expect 2 "does not lie before" --from 2026-01-02T00:00:00Z --to 2026-01-01T00:00:00Z
expect 2 "not both" --from earliest "$LIVE/seen"
expect 2 "those of its topics" --from earliest --partitions 3
expect 3 "no broker answers" --from earliest --brokers "127.0.0.1:$(free_port)"
sed -i 's/topic: answer/topic: nowhere/' "$LIVE/range.yaml"
expect 3 "the input topic nowhere does not exist" --from earliest

# Nothing was committed for anybody: a pipeline that was only replayed begins at the beginning.
sed 's/^pipeline: range/pipeline: fresh/; s/topic: nowhere/topic: answer/' "$LIVE/range.yaml" \
    >"$LIVE/fresh.yaml"
"$SNAG" replay "$LIVE/fresh.yaml" --from earliest --format none --quiet || fail "replay of fresh"
[ "$(tool lag fresh ask)" -gt 20 ] || fail "a replay has committed offsets"
echo "a live run replayed: the same"
