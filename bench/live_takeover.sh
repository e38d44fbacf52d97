#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# How long a partition goes unjudged when its worker is killed, and when it is stopped: from the signal until
# an alert of one of its customers is readable, with another process ready. Killed: the group waits for the
# session to time out (10 s), then the other takes over. Stopped: the seats are given back at once.
# And how long one partition with a million open journeys takes to be taken over: from Redis, and from the
# changelog alone.
#
#   bench/live_takeover.sh [--tiny] [--out FILE]        SNAG, SNAG_BUILD, SNAG_SOURCE as in tests
set -uo pipefail
. "$SNAG_SOURCE/bench/live.sh"

rounds=5 journeys=1000000
bench_options "rounds=1 journeys=2000" "$@"
bench_begin
cat >"$LIVE/t.yaml" <<'PIPELINE'
pipeline: t
sources:
  hits: { topic: hits, format: json, map: { id: id, time: at, type: what, customer: who }, delay: 1ms }
rules:
  hit: { event: Hit, count: 1, within: 24h }
kafka: { bootstrap.servers: "${KAFKA}" }
redis: { url: "${REDIS_URL}" }
PIPELINE
"$SNAG" topics "$LIVE/t.yaml" --create --partitions 8 >"$LIVE/topics.log" 2>&1 || fail "snag topics"

run() { # NAME: a process; PID
    "$SNAG" run "$LIVE/t.yaml" --instance "$1" >"$LIVE/$1.log" 2>&1 &
    PID=$!
    STARTED+=("$PID")
}
hit() { # a customer of his own for each of 40 keys, so that all partitions have some
    local at i
    at=$(date -u +%FT%T.%3NZ)
    for i in $(seq 40); do
        printf '{"id":"%s-%s","at":"%s","what":"Hit","who":"%s-%s"}\n' "$1" "$i" "$at" "$1" "$i"
    done >"$LIVE/hits.jsonl"
    tool produce hits "$LIVE/hits.jsonl" who at || fail "produce"
}
all_of() { [ "$(tool consume t.alerts values | grep -c "\"subject\":\"$1-")" = 40 ]; }

# round SIGNAL NUMBER: the time in ms until everything of both workers' partitions is judged by one
round() {
    local began end
    run "a$2"
    first=$PID
    hit "cold$2"
    wait_for 60 "the first to judge" all_of "cold$2" >&2
    run "b$2"
    second=$PID
    wait_for 30 "both workers" grep -q "took over" "$LIVE/b$2.log"
    hit "warm$2"
    wait_for 60 "both to judge" all_of "warm$2"
    began=$(date +%s%3N)
    kill "-$1" "$first"
    hit "after$2"
    wait_for 60 "the one that is left" all_of "after$2"
    end=$(date +%s%3N)
    stop_pid "$first" KILL
    stop_pid "$second" TERM
    echo $((end - began))
}

# report NAME TARGET FILE: the median and the worst
report() {
    local median worst
    median=$(sort -n "$3" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}')
    worst=$(sort -n "$3" | tail -n 1)
    printf '{"name":"live_%s","unit":"ms","value":%s,"worst":%s,"target":%s,"runs":%s,' \
        "$1" "$median" "$worst" "$2" "$rounds" >&3
    printf '"machine":"%s","cores":%s}\n' \
        "$MACHINE" "$(nproc)" >&3
    echo "live_$1: $median ms, worst $worst ms (target $2)" >&2
}

for i in $(seq "$rounds"); do round KILL "k$i" >>"$LIVE/killed" || exit 1; done
report takeover_killed 12000 "$LIVE/killed"
for i in $(seq "$rounds"); do round TERM "t$i" >>"$LIVE/stopped" || exit 1; done
report takeover_stopped 2000 "$LIVE/stopped"

# --- one large partition --------------------------------------------------------------------------------
cat >"$LIVE/large.yaml" <<'PIPELINE'
pipeline: large
sources:
  web: { topic: web, format: json, clock: log, map: { id: id, time: at, type: what, customer: who } }
journeys:
  buying:
    per: customer
    stages: { basket: { event: Added, due: 30d }, bought: { event: Bought, end: bought } }
budget: 2GiB
kafka: { bootstrap.servers: "${KAFKA}" }
redis: { url: "${REDIS_URL}" }
PIPELINE
tool create web 1 || fail "create"
"$SNAG" topics "$LIVE/large.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "snag topics"
awk -v n="$journeys" 'BEGIN {
    for (i = 0; i < n; i++)
        printf "{\"id\":\"e%d\",\"at\":\"2026-01-05T10:%02d:%02dZ\",\"what\":\"Added\"," \
            "\"who\":\"c-%08d\"}\n", i, i * 30 / n, i * 1800 / n % 60, i
}' >"$LIVE/web.jsonl"
tool produce web "$LIVE/web.jsonl" who at 2>/dev/null || fail "produce"
rm "$LIVE/web.jsonl"

read_up() { [ "$(tool lag large web 2>/dev/null || echo unknown)" = 0 ]; }
took() { grep -q "took over" "$LIVE/large.log"; }
worker() { # NAME
    "$SNAG" run "$LIVE/large.yaml" --instance "$1" >"$LIVE/large.log" 2>&1 &
    STARTED+=($!)
    PID=$!
}
# large NAME: a worker's takeover; MS and FROM as it says them
large() {
    local line
    worker "$1"
    wait_for 120 "taking over" took
    line=$(grep "took over" "$LIVE/large.log")
    MS=$(sed 's/.* in \([0-9]*\) ms.*/\1/' <<<"$line")
    FROM=$(sed 's/.* ms: //' <<<"$line")
}
leave() {
    kill -TERM "$PID"
    wait "$PID" || fail "the worker ended with $?"
}
worker first
wait_for 300 "everything to be read" read_up
leave
large redis
grep -q "^$journeys cells from Redis" <<<"$FROM" || fail "not from Redis: $FROM"
echo "$MS" >"$LIVE/from-redis"
leave
redis-cli -u "$REDIS_URL" flushall >/dev/null || fail "flushall"
large changelog
grep -q "^0 cells from Redis" <<<"$FROM" || fail "not from the changelog: $FROM"
echo "$MS" >"$LIVE/from-log"
stop_pid "$PID" KILL
rounds=1
report takeover_1m_from_redis 1500 "$LIVE/from-redis"
report takeover_1m_from_changelog 8000 "$LIVE/from-log"
