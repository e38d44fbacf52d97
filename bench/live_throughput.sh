#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Kafka -> snag -> Kafka, with transactions and Redis: events per CPU-second of the worker process, from its
# start to the last commit. Everything is produced first; broker, Redis and worker share the machine.
#
#   two_rules   stuck 60 s, hung up twice: few events change much, few records leave
#   journey     the same and a journey that changes at nearly each event
#
#   bench/live_throughput.sh [--tiny | --events N] [--out FILE]   SNAG, SNAG_BUILD, SNAG_SOURCE as in tests
set -uo pipefail
. "$SNAG_SOURCE/tests/tools/kafka.sh"

events=2000000
exec 3>&1
while [ $# -gt 0 ]; do
    case "$1" in
    --tiny) events=20000 ;;
    --events) events=$2; shift ;;
    --out) exec 3>>"$2"; shift ;;
    *) echo "usage: live_throughput.sh [--tiny | --events N] [--out FILE]" >&2; exit 2 ;;
    esac
    shift
done
live_begin
kafka_start
redis_start
export KAFKA="$BROKERS" REDIS_URL

"$SNAG" simulate --scenario calls --events "$events" --customers $((events / 20 + 10)) --rate 50 \
    >"$LIVE/calls.jsonl" || fail "simulate"
tool create calls 2 || fail "create"
tool produce calls "$LIVE/calls.jsonl" userId,anonymousId timestamp || fail "produce"

# pipeline NAME: the rules, and with `journey` the journey
pipeline() {
    cat <<PIPELINE
pipeline: $1
sources:
  calls:
    topic: calls
    format: segment
    keep: { line: properties.line, call: properties.callId }
    clock: log
rules:
  stuck:
    event: Call Queued
    per: [line, call]
    missing: [Call Answered, Call Abandoned]
    after: 60s
    overtake: 1m
  hung_up_twice: { event: Call Abandoned, count: 2, within: 1h }
kafka: { bootstrap.servers: "\${KAFKA}" }
redis: { url: "\${REDIS_URL}" }
PIPELINE
    [ "$1" = journey ] && cat <<PIPELINE
journeys:
  call:
    per: [line, call]
    stages:
      started: { event: Call Started }
      queued: { event: Call Queued }
      answered: { event: Call Answered }
      abandoned: { event: Call Abandoned, end: abandoned }
      ended: { event: Call Ended, end: served }
PIPELINE
    return 0
}

caught_up() { [ "$(tool lag "$1" calls 2>/dev/null)" = 0 ]; }

# measure NAME TARGET STRETCH
measure() {
    local name=$1 began ended ticks rate hash
    pipeline "$name" >"$LIVE/$name.yaml"
    "$SNAG" topics "$LIVE/$name.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "snag topics"
    began=$(date +%s%3N)
    "$SNAG" run "$LIVE/$name.yaml" --instance bench >"$LIVE/$name.log" 2>&1 &
    local pid=$!
    STARTED+=("$pid")
    wait_for 600 "$name" caught_up "$name"
    ended=$(date +%s%3N)
    ticks=$(awk '{print $14 + $15}' "/proc/$pid/stat")
    local peak_kb
    peak_kb=$(awk '/VmHWM/ {print $2}' "/proc/$pid/status")
    kill -TERM "$pid"
    wait "$pid" || fail "$name ended badly"
    sleep 0.5
    hash=$(tool consume "$name.alerts" values | grep -o '"id":"[0-9a-f]*-[a-z]*-[0-9]*"' | sort |
        sha256sum)
    rate=$(awk -v e="$events" -v t="$ticks" -v hz="$(getconf CLK_TCK)" 'BEGIN {printf "%.0f", e / (t / hz)}')
    local wall=$((events * 1000 / (ended - began)))
    printf '{"name":"live_%s","unit":"events/CPU-s","value":%s,"target":%s,"stretch":%s,"events":%s,' \
        "$name" "$rate" "$2" "$3" "$events" >&3
    printf '"wall_events_per_s":%s,"peak_mb":%s,"hash":"%s","machine":"%s","cores":%s,"version":"%s"}\n' \
        "$wall" $((peak_kb / 1024)) "${hash:0:16}" \
        "$(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo)" "$(nproc)" \
        "$("$SNAG" --version | cut -d' ' -f2)" >&3
    echo "live_$name: $rate events a CPU-second (target $2), $wall/s by the clock, $((peak_kb / 1024)) MB" >&2
}

measure two_rules 400000 700000
measure journey 0 0
