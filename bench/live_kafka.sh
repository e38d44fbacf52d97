#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Kafka to Kafka with Redis: simulated calls are produced first, then one worker reads, judges and commits
# them all. The figure is events per CPU-second of the worker process (user and system), once with two rules,
# once with a journey that changes at each event besides; each also at least once, by the same program with a
# producer without transactions (bench/loose_output.c), in turn in the same run: the difference is what
# exactly-once costs. Broker and Redis run beside it.
#
#   bench/live_kafka.sh [--tiny] [--out FILE]       environment: SNAG, SNAG_BUILD, SNAG_SOURCE
set -euo pipefail
: "${SNAG_SOURCE:=$(cd "$(dirname "$0")/.." && pwd)}"
: "${SNAG_BUILD:=$SNAG_SOURCE/build}"
: "${SNAG:=$SNAG_BUILD/snag}"
. "$SNAG_SOURCE/bench/live.sh"

events=2000000
bench_options "events=20000" "$@"
bench_begin

"$SNAG" simulate --events "$events" --customers $((events / 20 + 10)) --rate 50 >"$LIVE/events.jsonl"
tool create calls 1 retention.ms=-1
tool produce calls "$LIVE/events.jsonl" userId,anonymousId timestamp 2>/dev/null

# pipeline NAME TOPICS [JOURNEY-LINES]: the file TOPICS.yaml, whose output topics begin with TOPICS
pipeline() {
    cat >"$LIVE/$2.yaml" <<YAML
pipeline: $1
sources:
  calls:
    topic: calls
    format: segment
    keep: { line: properties.line, call: properties.callId }
    clock: log
${3:-}
rules:
  stuck_60: { event: Call Queued, per: [line, call], missing: [Call Answered, Call Abandoned], after: 60s }
  hung_up_twice: { event: Call Abandoned, count: 2, within: 1h }
outputs: { prefix: "$2." }
kafka: { bootstrap.servers: "\${KAFKA}" }
redis: { url: "\${REDIS_URL}" }
YAML
    "$SNAG" topics "$LIVE/$2.yaml" --create >/dev/null 2>&1
}

caught_up() { [ "$(tool lag "$1" calls 2>/dev/null || echo unknown)" = 0 ]; }

# cpu_ms PID: user and system time; comm, the second field, may hold blanks.
cpu_ms() {
    sed 's/.*) //' "/proc/$1/stat" |
        awk -v hz="$(getconf CLK_TCK)" '{ printf "%d", ($12 + $13) * 1000 / hz }'
}

# report NAME VALUE UNIT TARGET STRETCH HASH
report() {
    printf '{"name":"%s","value":%s,"unit":"%s","target":%s,"stretch":%s,' "$1" "$2" "$3" "$4" "$5" >&3
    printf '"runs":1,"machine":"%s","cores":%s,"compiler":"%s","version":"%s","tiny":%s,"hash":"%s"}\n' \
        "$MACHINE" "$(nproc)" "$(sed -n 's/^CMAKE_C_COMPILER:[^=]*=//p' "$SNAG_BUILD/CMakeCache.txt")" \
        "$("$SNAG" --version | cut -d' ' -f2)" "$TINY" "$6" >&3
    printf '%-28s %12s %-10s (target %s, stretch %s)\n' "$1" "$2" "$3" "$4" "$5" >&2
}

# measure PROGRAM NAME TARGET STRETCH: leaves the hash of what was said in HASH
measure() {
    local program=$1 pid ms hash memory
    shift
    "$program" run "$LIVE/$1.yaml" --group "$1" --instance one >"$LIVE/$1.log" 2>&1 &
    pid=$!
    STARTED+=("$pid")
    wait_for 300 "$1 to be read" caught_up "$1"
    ms=$(cpu_ms "$pid")
    memory=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
    stop_pid "$pid" TERM
    hash=$(tool consume "$1.alerts" values | grep -o '"id":"[0-9a-f]*-[a-z]*-[0-9]*"' | sort | sha256sum)
    hash=${hash:0:16}
    report "kafka_to_kafka_$1" "$((events * 1000 / (ms > 0 ? ms : 1)))" "events/cpu-s" "$2" "$3" "$hash"
    report "kafka_to_kafka_$1_peak" "$memory" "KiB" 0 0 "$hash"
    HASH=$hash
}

# both NAME TARGET STRETCH [JOURNEY-LINES]: exactly once, and at least once; the same must be said
both() {
    local once
    pipeline "$1" "$1" "${4:-}"
    pipeline "$1" "$1_at_least_once" "${4:-}"
    measure "$SNAG" "$1" "$2" "$3"
    once=$HASH
    measure "$SNAG_BUILD/bench/snag_loose" "$1_at_least_once" 0 0
    [ "$HASH" = "$once" ] || fail "$1: undisturbed, at least once says something else than exactly once"
}

both two_rules 400000 700000
both with_journey 0 0 "journeys:
  call:
    per: [line, call]
    stages:
      started: { event: Call Started }
      queued: { event: Call Queued, due: 60s }
      answered: { event: Call Answered }
      abandoned: { event: Call Abandoned, end: abandoned }
      ended: { event: Call Ended, end: served }"
