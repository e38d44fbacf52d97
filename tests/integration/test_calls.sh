#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The calls through a real broker and a real Redis say what a replay of the file says, ids included: in 1, 2
# and 4 partitions, with 1 and 2 workers, through kills between commits, with an emptied Redis, and from
# Redis.
set -uo pipefail
. "$SNAG_SOURCE/tests/tools/kafka.sh"

CALLS="$SNAG_SOURCE/../shared/data/calls.jsonl.gz"
[ -f "$CALLS" ] || CALLS="${SNAG_DATA:-$SNAG_SOURCE/../shared/data}/calls.jsonl.gz"
if [ ! -f "$CALLS" ]; then
    echo "SKIPPED: no shared data (calls.jsonl.gz)" >&2
    exit 77
fi
live_begin
kafka_start
redis_start
export KAFKA="$BROKERS" REDIS_URL
RECORDS="python3 $TOOLS/records.py"

# pipeline NAME TOPIC: support-calls over TOPIC, time by events only, output topics NAME.…
pipeline() {
    sed -e "s/topic: calls/topic: $2/" -e "s/const: { channel: phone }/&\n    clock: log/" \
        "$SNAG_SOURCE/pipelines/support-calls.yaml" >"$LIVE/$1.yaml"
    printf 'outputs: { prefix: "%s." }\n' "$1" >>"$LIVE/$1.yaml"
}

# run_start NAME OPTIONS…: a worker process in the background; its group is NAME
run_start() {
    local name=$1
    shift
    "$SNAG" run "$LIVE/$name.yaml" --group "$name" --instance one "$@" >>"$LIVE/$name-run.log" 2>&1 &
    RUN_PID=$!
    STARTED+=("$RUN_PID")
}

run_kill() {
    kill -KILL "$RUN_PID" 2>/dev/null
    wait "$RUN_PID" 2>/dev/null
}

run_stop() {
    kill -TERM "$RUN_PID" 2>/dev/null
    wait "$RUN_PID"
    local code=$?
    [ "$code" = 0 ] || fail "snag run ended with $code"
}

behind() { tool lag "$1" "$2" 2>/dev/null || echo unknown; }
caught_up() { [ "$(behind "$1" "$2")" = 0 ]; }

# same NAME PARTITIONS WHAT: what is said live by now is what the replay says
same() {
    for topic in ${3//,/ }; do
        tool consume "$1.$topic" values || return 1
    done >"$LIVE/$1.seen"
    $RECORDS compare "$LIVE/$1.expected" "$LIVE/$1.seen" "$(cat "$LIVE/newest-$2")"
}

# check NAME PARTITIONS [alerts,journeys]: what was said live against the replay; the last transaction's
# markers may come a moment after its commit
check() {
    local what=${3:-alerts} tries
    "$SNAG" replay "$LIVE/$1.yaml" "$CALLS" --partitions "$2" --format json --only "$what" --quiet \
        >"$LIVE/$1.expected" || fail "replay"
    for tries in $(seq 20); do
        same "$1" "$2" "$what" >"$LIVE/$1.compared" && break
        sleep 1
    done
    printf '%-28s ' "$1"
    cat "$LIVE/$1.compared"
    same "$1" "$2" "$what" >/dev/null || fail "$1 differs from the replay, $tries times"
}

for partitions in 1 2 4; do
    tool create "calls$partitions" "$partitions" retention.ms=-1 || fail "create"
    tool produce "calls$partitions" "$CALLS" userId,anonymousId timestamp 2>/dev/null || fail "produce"
    tool consume "calls$partitions" >"$LIVE/topic" || fail "consume"
    $RECORDS newest "$LIVE/topic" >"$LIVE/newest-$partitions" || fail "newest"
    for workers in 1 2; do
        name="p${partitions}w$workers"
        pipeline "$name" "calls$partitions"
        "$SNAG" topics "$LIVE/$name.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "snag topics --create"
        run_start "$name" --workers "$workers"
        wait_for 60 "$name to be read" caught_up "$name" "calls$partitions"
        run_stop
        check "$name" "$partitions"
    done
done

# Killed again and again; started with an emptied Redis twice among it.
name=killed
pipeline "$name" calls2
"$SNAG" topics "$LIVE/$name.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "snag topics --create"
for round in 1 2 3 4 5 6; do
    run_start "$name" --workers 2 --max-batch 500 --commit-every 1ms
    before=$(behind "$name" calls2)
    moved() { [ "$(behind "$name" calls2)" != "$before" ] || caught_up "$name" calls2; }
    wait_for 60 "progress after kill $round" moved
    sleep "0.$round"
    run_kill
    echo "killed with $(behind "$name" calls2) records to go"
    case $round in 2 | 4) redis-cli -p "$REDIS_PORT" flushall >/dev/null ;; esac
done
run_start "$name" --workers 2
wait_for 60 "the rest to be read" caught_up "$name" calls2
sleep 1.5 # a copy that was behind is mended when there is time
run_stop
check "$name" 2 alerts,journeys
grep -q "took over .* [1-9][0-9]* cells from Redis" "$LIVE/$name-run.log" || fail "never started from Redis"
grep -q "took over .* 0 cells from Redis" "$LIVE/$name-run.log" || fail "never started from the changelog"

# Partitions move: a second process joins in the middle, then the first one leaves.
name=moved
pipeline "$name" calls4
"$SNAG" topics "$LIVE/$name.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "snag topics --create"
begun() { [ "$(behind moved calls4)" -lt 111303 ]; }
took_over() { grep -q "took over" "$LIVE/moved-run.log"; }
run_start "$name" --max-batch 100 --commit-every 1ms # slow enough to be met in the middle
wait_for 60 "the first process" begun
first=$RUN_PID
run_start "$name" --instance two
wait_for 60 "partitions to move" took_over
kill -TERM "$first"
wait "$first" || fail "the first process ended badly"
wait_for 90 "the second process alone" caught_up "$name" calls4
run_stop
check "$name" 4
[ "$(grep -c 'took over' "$LIVE/$name-run.log")" -ge 2 ] || fail "no partition ever moved"

# A last start from Redis alone (nothing to do), and one from the changelog alone, with one worker.
name=killed
for empty in no yes; do
    [ $empty = no ] || redis-cli -p "$REDIS_PORT" flushall >/dev/null
    : >"$LIVE/$name-run.log"
    run_start "$name" --workers 1 --instance "again-$empty"
    wait_for 30 "the takeover" grep -q "took over 2 partitions" "$LIVE/$name-run.log"
    run_stop
    grep "took over" "$LIVE/$name-run.log"
done
check "$name" 2
