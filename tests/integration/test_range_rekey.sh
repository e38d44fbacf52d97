#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# As test_range.sh, where one of two topics is not keyed by the customer (`rekey: true`), and the other's
# events are stamped by devices whose clocks are off: three partitions of the one, two of the state, events
# seconds late, workers of both hops killed in the middle. What was carried is deleted; then `snag replay` of
# the two topics: the same ids, times and evidence of all alerts, journey changes and decisions, the same late
# events. Both sources are watched for silence (`silent:`), and are silent and back now and then: the hops
# find that of the one, the workers of the other. Without what the hops recorded it is another run.
set -uo pipefail
. "$SNAG_SOURCE/tests/tools/kafka.sh"
. "$SNAG_SOURCE/tests/tools/range.sh"

live_begin
kafka_start
RANGE="python3 $TOOLS/range.py"
SEED=${SNAG_SEED:-$(date +%s)}
ROUNDS=${SNAG_ROUNDS:-20}

cat >"$LIVE/range.yaml" <<YAML
pipeline: range
sources:
  ask:
    { topic: ask, format: json, map: { id: id, time: at, type: what, customer: who }, keep: { order: order },
      out_of_order: 300ms, delay: 100ms, device: { id: dev, sent: sent }, silent: 1s }
  answer:
    { topic: answer, format: json, map: { id: id, time: at, type: what, customer: who },
      keep: { order: order }, delay: 200ms, rekey: true, silent: { after: 1s, events: [Paid] } }
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
YAML
tool create ask 2 retention.ms=-1 && tool create answer 3 retention.ms=-1 || fail "create"
"$SNAG" topics "$LIVE/range.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "topics"

produce() { tool produce "$1" "$LIVE/$1.jsonl" "$2" "$3" 2>>"$LIVE/produce.log" || fail "produce"; }

echo "seed $SEED"
RANDOM=$SEED
start one
start two
wait_for 60 "the first worker" grep -q "running range" "$LIVE/run-one.log"
for round in $(seq 1 "$ROUNDS"); do
    $RANGE round "$SEED" "$round" "$LIVE" devices || fail "events"
    [ "$round" != $((ROUNDS / 2)) ] || MIDDLE=$(date -u +%FT%T.%3NZ)
    [ $((RANDOM % 4)) = 0 ] || produce ask who came # sometimes one of them has nothing to say
    [ $((RANDOM % 4)) = 0 ] || produce answer id at
    [ $((RANDOM % 3)) = 0 ] || rest
    [ $((round % 7)) != 3 ] || kill_one
done
read_up() {
    [ "$(tool lag range ask 2>/dev/null)" = 0 ] && [ "$(tool lag range-rekey-answer answer 2>/dev/null)" = 0 ]
}
answer_late "produce ask who came" "produce answer id at" read_up 10
stop_both
sleep 0.5 # the last transactions' markers
values >"$LIVE/seen"
tool consume range.late >"$LIVE/late"
tool consume range.ticks values >"$LIVE/ticks"

# --- the same again, without the internal topics ---------------------------------------------------
for lane in 0 1 2; do
    tool delete "range.rekey.answer.$lane" >>"$LIVE/delete.log" 2>&1 || fail "delete"
done
replay "$LIVE/again" --from earliest
cat "$LIVE/replay.log"
grep -q "were not judged" "$LIVE/replay.log" && fail "not all was judged"
$RANGE compare "$LIVE/seen" "$LIVE/again" || fail "the replay differs from the live run"
$RANGE late "$LIVE/late" "$LIVE/again" || fail "the replay's late events differ from the live run's"
ticks=$(grep -c " p=.* w=" "$LIVE/ticks")
hops=$(grep -c " u=.* s=1 .* w=" "$LIVE/ticks")
echo "$(wc -l <"$LIVE/late") late events, $ticks recorded ticks, $hops of the first hop"
[ "$(wc -l <"$LIVE/seen")" -gt 100 ] && [ "$(wc -l <"$LIVE/late")" -ge 24 ] && [ "$ticks" -gt 3 ] ||
    fail "too little happened"
for lane in 0 1 2; do # each had late answers
    grep -q " u=$lane s=1 .* w=" "$LIVE/ticks" || fail "the first hop of partition $lane recorded no tick"
done
python3 - "$LIVE/seen" <<'PYTHON' || fail "the silences"
import json, sys
begun, over = {}, {}
for line in open(sys.argv[1], encoding="utf-8"):
    alert = json.loads(line)
    if alert["data"].get("why", {}).get("rule") == "source_silent":
        episode, action, _ = alert["id"].rsplit("-", 2)
        of = {"trigger": begun, "resolve": over}[action]
        assert episode not in of, alert # once, though all partitions of the topic hear of it
        of[episode] = alert["subject"], alert["time"]
assert set(over) <= set(begun) and all(over[e][1] > begun[e][1] for e in over), (begun, over)
lasting = sorted(begun[e][0] for e in set(begun) - set(over))
assert lasting == ["answer", "ask"] and {s for s, _ in over.values()} == {"answer", "ask"}, (begun, over)
PYTHON
for found in "q=[0-9]*\"*$" "q=.* b="; do
    grep -q " u=.* s=1 .* $found" "$LIVE/ticks" || fail "the first hops recorded nothing like $found"
done
python3 - "$LIVE/again" <<'PYTHON' || fail "evidence does not name the topic's own partitions"
import json, sys
partitions = set()
for line in open(sys.argv[1], encoding="utf-8"):
    for entry in json.loads(line)["data"].get("snag", {}).get("evidence", []):
        partitions |= {entry["partition"]} if entry["topic"] == "answer" else set()
assert 2 in partitions, partitions
PYTHON

sed 's/^pipeline: range/&\noutputs: { prefix: none. }/' "$LIVE/range.yaml" >"$LIVE/none.yaml"
"$SNAG" replay "$LIVE/none.yaml" --from earliest --format json >"$LIVE/none" 2>"$LIVE/none.log" || fail "none"
grep -q "there is no topic none.ticks" "$LIVE/none.log" || fail "it does not say that ticks are missing"
{ $RANGE compare "$LIVE/seen" "$LIVE/none" && $RANGE late "$LIVE/late" "$LIVE/none"; } >/dev/null &&
    fail "without the recorded ticks it is the same: no test"

# --- speed, ranges ---------------------------------------------------------------------------------
replay "$LIVE/fast" --from earliest --speed 1000000000x
cmp <(sort "$LIVE/fast") <(sort "$LIVE/again") >&2 || fail "--speed changes what is said"
replay "$LIVE/part" --from 3 --to 5
grep -q "^10 records of 2 partitions from 3 to 5" "$LIVE/replay.log" || fail "offsets 3 and 4 of five logs"
halves
echo "a live run of a rekeyed topic replayed: the same"
