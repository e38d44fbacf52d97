#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The outside world as it is: absent at the start, lost while running, sending rubbish, falling silent.
set -uo pipefail
. "$SNAG_SOURCE/tests/tools/kafka.sh"
live_begin

cat >"$LIVE/p.yaml" <<'PIPELINE'
pipeline: outside
sources:
  web:
    topic: web
    format: json
    map: { id: id, time: at, type: what, customer: who }
    keep: { amount: { from: amount, as: int } }
    delay: 200ms
rules:
  stuck: { event: Asked, missing: Answered, after: learned else 1s, owner: desk }
  large: { event: Paid, where: amount > 1000, count: 1, within: 1h, owner: desk }
  worse: { ratio: Failed, of: [Failed, Tried], within: 1h, enter: 2x, min: 3 }
kafka: { bootstrap.servers: "${KAFKA}" }
redis: { url: "${REDIS_URL}" }
PIPELINE

# expect_exit CODE WORDS COMMAND…: the code, and one line on stderr that holds the words
expect_exit() {
    local code=$1 words=$2 got
    shift 2
    timeout 60 "$@" >"$LIVE/out.log" 2>"$LIVE/err.log"
    got=$?
    [ "$got" = "$code" ] || fail "exit $got instead of $code: $*"
    grep -q -- "$words" "$LIVE/err.log" || fail "no \"$words\" from: $*"
    [ "$(wc -l <"$LIVE/err.log")" = 1 ] || fail "more than one line from: $*"
    echo "ok: $(cat "$LIVE/err.log")"
}

now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }
event() { printf '{"id":"%s","at":"%s","what":"%s","who":"%s"}' "$1" "${4:-$(now)}" "$2" "$3"; }
latencies() {
    values alerts | python3 -c '
import datetime, json, sys
read = lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
for alert in map(json.loads, sys.stdin):
    late = read(alert["data"]["snag"]["detected_at"]) - read(alert["data"]["why"]["deadline"])
    print(alert["subject"], f"{late.total_seconds() * 1000:.0f} ms after the deadline (200 ms of it: delay)")'
}
values() { tool consume "outside.$1" values; }
alert_of() { values alerts | grep -q "\"subject\":\"$1\""; }
says() { grep -c -- "$1" "$LIVE/run.log"; }

# --- not there at the start -----------------------------------------------------------------------
export KAFKA="127.0.0.1:$(free_port)" REDIS_URL="redis://127.0.0.1:$(free_port)"
expect_exit 3 "no broker answers at $KAFKA" "$SNAG" run "$LIVE/p.yaml"
expect_exit 3 "no broker answers at $KAFKA" "$SNAG" topics "$LIVE/p.yaml"

KAFKA_MORE="offsets.retention.minutes=600"
kafka_start
export KAFKA="$BROKERS"
expect_exit 3 "input topic web does not exist" "$SNAG" run "$LIVE/p.yaml"
expect_exit 2 "partitions N" "$SNAG" topics "$LIVE/p.yaml" --create
tool create web 2 max.message.bytes=16000000 || fail "create"
expect_exit 3 "snag topics PIPELINE --create" "$SNAG" run "$LIVE/p.yaml"
"$SNAG" topics "$LIVE/p.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "snag topics --create"
[ "$(grep -c '  2  ' "$LIVE/topics.log")" = 9 ] || fail "snag topics does not list 9 topics with 2 partitions"
grep -q 'outside.changelog .* compact' "$LIVE/topics.log" || fail "the changelog is not compacted"
"$SNAG" check "$LIVE/p.yaml" --kafka >"$LIVE/check.log" 2>&1 && fail "short-lived offsets are not found"
grep -q "finding: the brokers forget a group's offsets 10h after" "$LIVE/check.log" ||
    fail "$(cat "$LIVE/check.log")"
expect_exit 3 "Redis at 127.0.0.1" "$SNAG" run "$LIVE/p.yaml"
expect_exit 2 "no TLS" "$SNAG" run "$LIVE/p.yaml" --redis rediss://127.0.0.1
port=$(free_port)
redis-server --port "$port" --bind 127.0.0.1 --cluster-enabled yes --cluster-port "$(free_port)" \
    --cluster-config-file "$LIVE/nodes.conf" --save "" --dir "$LIVE" >"$LIVE/cluster.log" 2>&1 &
STARTED+=($!)
wait_for 20 "a cluster node" redis-cli -p "$port" ping
expect_exit 3 "Redis Cluster" "$SNAG" run "$LIVE/p.yaml" --redis "redis://127.0.0.1:$port"

# --- silence is noticed with no further input ------------------------------------------------------
redis_start
export REDIS_URL
"$SNAG" run "$LIVE/p.yaml" --workers 2 --instance one >"$LIVE/run.log" 2>&1 &
RUN_PID=$!
STARTED+=("$RUN_PID")
tool send web ann "$(event a1 Asked ann)" || fail "send"
wait_for 20 "the stall alert of ann" alert_of ann
# --- rubbish goes to the dead letter and harms nothing ---------------------------------------------
send() { tool send web "$@" || fail "send"; }
send bob '{"id":"b1","at":"2026-'                                       # truncated
printf '{"id":"b2","at":"%s","what":"Asked","who":"b\xff"}' "$(now)" >"$LIVE/utf8"
send bob "@$LIVE/utf8"                                                  # not UTF-8
send bob 'this is no JSON'
send bob "{\"id\":\"b3\",\"at\":\"$(now)\",\"what\":\"Asked\",\"who\":{\"no\":1}}"      # wrong type
send bob '{"id":"b4","what":"Asked","who":"bob"}'                      # no time
send bob "$(event b5 Asked bob 2999-01-01T00:00:00Z)"                   # far future
python3 -c "print('[' * 100000 + ']' * 100000, end='')" >"$LIVE/deep"
send bob "@$LIVE/deep"                                                  # deep nesting
send bob "{\"id\":\"b6\",\"at\":\"$(now)\",\"what\":\"Asked\",\"who\":\"bob\",\"amount\":1e999}" # huge
python3 -c "print('{\"x\":\"' + 'y' * 10000000 + '\"}', end='')" >"$LIVE/large"
send bob "@$LIVE/large"                                                 # 10 MB
send bob "$(event b7 Asked somebody-else)"                              # the key is not the customer
send carl "$(event c1 Asked carl)"                                      # and a good one
dead_count() { [ "$(values dead-letter | wc -l)" -ge "$1" ]; }
wait_for 30 "ten dead letters" dead_count 10
wait_for 20 "the alert of carl" alert_of carl
tool consume outside.dead-letter >"$LIVE/dead"
python3 - "$LIVE/dead" <<'CHECK' || fail "dead letters"
import collections, json, sys
letters = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8", errors="replace")]
reasons = collections.Counter(letter["headers"]["snag.reason"] for letter in letters)
print("ok:", dict(reasons))
assert len(letters) == 10, len(letters)
for letter in letters:
    headers = letter["headers"]
    assert letter["key"] == "bob", letter["key"]
    for name in ("snag.error", "snag.source", "snag.topic", "snag.partition", "snag.offset", "snag.time"):
        assert headers[name], name
assert reasons["bad_key"] == 1 and reasons["bad_future"] == 1 and reasons["bad_missing"] >= 1, reasons
assert reasons["bad_utf8"] == 1 and reasons["bad_truncated"] >= 1, reasons
texts = [letter["value"] for letter in letters]
assert 'this is no JSON' in texts and '{"id":"b1","at":"2026-' in texts
large = [letter for letter in letters if letter["headers"].get("snag.truncated")]
assert len(large) == 1 and large[0]["headers"]["snag.size"] == "10000008", [l["headers"] for l in large]
assert len(large[0]["headers"]["snag.sha256"]) == 64 and len(large[0]["value"]) < 1000000
CHECK

# --- too late ----------------------------------------------------------------------------------------
send ann "$(event a0 Answered ann "$(date -u -d '-30 seconds' +%Y-%m-%dT%H:%M:%SZ)")"
late() { [ "$(values late | wc -l)" = 1 ]; }
wait_for 20 "the late event" late
tool consume outside.late | grep -q '"snag.reason":"late"' || fail "the late event's headers"
values late | grep -q '"id":"a0"' || fail "the late event's bytes"

# --- what is usual, from Redis --------------------------------------------------------------------
for i in $(seq 120); do # half a day ago, ten of them failed
    what=$([ $((i % 12)) = 0 ] && echo Failed || echo Tried)
    event "u$i" "$what" emil "$(date -u -d '-12 hours' +%Y-%m-%dT%H:%M:%SZ)"
    echo
done >"$LIVE/usual.jsonl"
tool produce web "$LIVE/usual.jsonl" who at || fail "produce"
send emil "$(event f1 Failed emil)"
usual_is_told() {
    "$SNAG" explain "$LIVE/p.yaml" emil --json >"$LIVE/usual.json" &&
        grep -q '"failed":1,"attempts":1,' "$LIVE/usual.json"
}
wait_for 20 "emil's newest event in Redis" usual_is_told
python3 - "$LIVE/usual.json" <<'USUAL' || fail "what is usual: $(cat "$LIVE/usual.json")"
import json, sys
items = [item for cell in json.load(open(sys.argv[1]))["cells"] for item in cell["items"]]
worse = next(item for item in items if item["name"] == "worse")
everywhere = 11 / 122
assert abs(worse["usual"] - (10 + 100 * everywhere) / 220) < 1e-6, worse
assert abs(worse["threshold"] - 2 * worse["usual"]) < 1e-9 and worse["value"] == 1, worse
USUAL

# --- Redis is lost and comes back --------------------------------------------------------------------
redis_stop KILL
send dora "$(event d1 Asked dora)"
wait_for 20 "the alert of dora, without Redis" alert_of dora
lost_is_said() { [ "$(says 'is lost')" -ge 1 ]; }
wait_for 20 "the loss of Redis to be said" lost_is_said
redis_again
refilled() { [ "$(redis-cli -p "$REDIS_PORT" --scan | grep -c ":m$")" = 2 ]; }
wait_for 40 "Redis to be filled again" refilled
[ "$(says 'is lost')" = 1 ] || fail "the loss of Redis was not said once"
back_is_said() { [ "$(says 'Redis is back')" -ge 1 ]; }
wait_for 20 "the return of Redis to be said" back_is_said
# A head is written before its cells are.
dora_is_there() { "$SNAG" explain "$LIVE/p.yaml" dora --json >"$LIVE/explain.json" &&
    grep -q '"stuck"' "$LIVE/explain.json"; }
wait_for 20 "the open alert in what snag explain says" dora_is_there
all_are_there() { "$SNAG" learn "$LIVE/p.yaml" --json >"$LIVE/learn.json" &&
    grep -q '"rule":"stuck","ended":0,"waiting":3,' "$LIVE/learn.json"; }
wait_for 20 "three that wait in what snag learn says" all_are_there
[ "$(says 'Redis is back')" = 1 ] || fail "the return of Redis was not said once"
"$SNAG" explain "$LIVE/p.yaml" dora | grep -q stuck || fail "snag explain, for people"
"$SNAG" explain "$LIVE/p.yaml" nobody | grep -q "nothing is known of nobody" || fail "snag explain of nobody"
"$SNAG" learn "$LIVE/p.yaml" >"$LIVE/learn.txt" || fail "snag learn, for people"
grep -q "stuck .* 95%: 1s (nothing is learned yet)" "$LIVE/learn.txt" || fail "$(cat "$LIVE/learn.txt")"

# --- the broker is lost and comes back ---------------------------------------------------------------
kafka_stop TERM
sleep 4
kafka_again
send emil "$(event e1 Asked emil)"
wait_for 60 "the alert of emil, after the broker was away" alert_of emil
[ "$(says 'the broker is lost')" -le 1 ] || fail "the loss of the broker was said more than once"

# --- two processes with one name ---------------------------------------------------------------------
"$SNAG" run "$LIVE/p.yaml" --workers 2 --instance one >"$LIVE/twin.log" 2>&1 &
TWIN_PID=$!
STARTED+=("$TWIN_PID")
one_is_gone() { ! kill -0 "$RUN_PID" 2>/dev/null || ! kill -0 "$TWIN_PID" 2>/dev/null; }
wait_for 60 "one of two twins to give up" one_is_gone
if kill -0 "$RUN_PID" 2>/dev/null; then
    gone=$TWIN_PID log=twin.log left=$RUN_PID
else
    gone=$RUN_PID log=run.log left=$TWIN_PID
fi
gave_up() { # PID LOG
    wait "$1"
    [ $? = 3 ] || fail "the twin that gave up did not end with 3"
    grep -q 'fenced twice within a minute' "$LIVE/$2" || fail "the twin did not say why"
}
gave_up "$gone" $log

# --- drain -------------------------------------------------------------------------------------------
send fred "$(event f1 Asked fred)"
fred_or_gone() { alert_of fred || ! kill -0 "$left" 2>/dev/null; }
wait_for 60 "the alert of fred" fred_or_gone
if ! kill -0 "$left" 2>/dev/null; then # each has two workers: it may be that each was fenced twice in one
    gave_up "$left" $([ $log = run.log ] && echo twin.log || echo run.log)
    "$SNAG" run "$LIVE/p.yaml" --workers 2 --instance one >"$LIVE/third.log" 2>&1 &
    left=$!
    STARTED+=("$left")
    wait_for 60 "the alert of fred" alert_of fred
fi
kill -TERM "$left"
wait "$left"
code=$?
[ "$code" = 0 ] || fail "SIGTERM ended it with $code"
counted=$(values alerts | grep -c '"snag.alert.trigger"')
[ "$counted" = 5 ] || fail "$counted trigger alerts instead of 5"
echo "ok: five stalls, five alerts"
latencies
