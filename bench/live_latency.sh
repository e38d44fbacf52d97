#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# How long after an event was appended its alert is readable (read_committed), with other events flowing at a
# moderate rate, exactly once and at least once (loose_output.c), one after the other; and how long after its
# deadline a stall alert is readable with no other traffic at all. One broker, one Redis and the worker on the
# same machine.
#
#   bench/live_latency.sh [--tiny] [--out FILE]        SNAG, SNAG_BUILD, SNAG_SOURCE as in tests
set -uo pipefail
. "$SNAG_SOURCE/bench/live.sh"

count=2000
stalls=40
bench_options "count=100 stalls=3" "$@"
bench_begin

# report NAME TARGET_P50 TARGET_P99 FILE: a row each for p50 and p99 of the numbers in FILE
report() {
    local p row value target
    for p in 50 99; do
        row=$(sort -n "$4" | awk -v p=$p '{v[NR] = $1} END {i = int((NR - 1) * p / 100) + 1; print v[i]}')
        value=${row:-0}
        target=$2
        [ $p = 50 ] || target=$3
        printf '{"name":"live_%s_p%s","unit":"ms","value":%s,"target":%s,"samples":%s,' \
            "$1" $p "$value" "$target" "$(wc -l <"$4")" >&3
        printf '"machine":"%s","cores":%s}\n' \
            "$MACHINE" "$(nproc)" >&3
        echo "live_$1: p$p $value ms (target $target)" >&2
    done
}

# worker PROGRAM NAME: over the topic NAME-in, and ready
worker() {
    cat >"$LIVE/$2.yaml" <<PIPELINE
pipeline: $2
sources:
  hits: { topic: $2-in, format: json, map: { id: id, time: at, type: what, customer: who }, delay: 1ms }
rules:
  hit: { event: Hit, count: 1, within: 24h }
  stuck: { event: Asked, missing: Answered, after: 1s }
kafka: { bootstrap.servers: "\${KAFKA}" }
redis: { url: "\${REDIS_URL}" }
PIPELINE
    tool create "$2-in" 1 || fail "create"
    "$SNAG" topics "$LIVE/$2.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "snag topics"
    "$1" run "$LIVE/$2.yaml" --instance bench >"$LIVE/$2.log" 2>&1 &
    PID=$!
    STARTED+=("$PID")
    ready() { tool consume "$2.changelog" values | grep -q .; }
    wait_for 30 "the first transaction of $2" ready "$@"
}

worker "$SNAG_BUILD/bench/snag_loose" loose
tool latency loose-in loose.alerts "$count" 100 >"$LIVE/loose" || fail "not every alert came"
report latency_at_least_once 0 0 "$LIVE/loose"
stop_pid "$PID" TERM
worker "$SNAG" hit
tool latency hit-in hit.alerts "$count" 100 >"$LIVE/hits" || fail "not every alert came"
report latency 25 75 "$LIVE/hits"

# The deadline stands in the alert; when it was readable is seen by whoever polls for it.
for i in $(seq "$stalls"); do
    at=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
    tool send hit-in "s$i" "{\"id\":\"s$i\",\"at\":\"$at\",\"what\":\"Asked\",\"who\":\"s$i\"}" || fail "send"
    sleep 1.5
done
all_noticed() { [ "$(tool consume hit.alerts values | grep -c '"rule":"stuck"')" = "$stalls" ]; }
wait_for 20 "every stall to be noticed" all_noticed
tool consume hit.alerts values | python3 -c '
import datetime, json, sys
read = lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
for alert in map(json.loads, sys.stdin):
    if alert["data"]["why"]["rule"] == "stuck":
        late = read(alert["data"]["snag"]["detected_at"]) - read(alert["data"]["why"]["deadline"])
        print(late.total_seconds() * 1000)' >"$LIVE/stalls"
[ "$(wc -l <"$LIVE/stalls")" = "$stalls" ] || fail "not every stall was noticed"
report stall_detected 250 250 "$LIVE/stalls"
