#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The long life of a pipeline, against a real broker and a real Redis:
#   1. upgraded from version 1 to 2, one process after the other: episodes of removed and changed rules end
#      once (rule_changed), the others go on; version 1 refuses what version 2 has taken over
#   2. a producer that sends everything twice changes nothing, and it is counted
#   3. a backlog of two hours, larger than the memory budget, is worked off within it, without false stalls
set -uo pipefail
. "$SNAG_SOURCE/tests/tools/kafka.sh"

live_begin
kafka_start
redis_start
export KAFKA="$BROKERS" REDIS_URL
LIVES="python3 $TOOLS/lives.py"

# file VERSION: the pipeline's file
file() {
    cat >"$LIVE/v$1.yaml" <<YAML
pipeline: lives
version: $1
sources:
  web: { topic: web, format: json, clock: log, map: { id: id, time: at, type: what, customer: who } }
rules:
YAML
    if [ "$1" = 1 ]; then
        cat >>"$LIVE/v1.yaml" <<'YAML'
  gone:    { event: Asked, missing: Answered, after: 10s, owner: old }
  changed: { event: Failed, count: 1, within: 10d, owner: old }
  worded:  { event: Lost, count: 1, until: Found, owner: old }
YAML
    else
        cat >>"$LIVE/v2.yaml" <<'YAML'
  changed: { event: Failed, count: 2, within: 10d, owner: new }
  worded:  { event: Lost, count: 1, until: Found, owner: new }
YAML
    fi
    printf 'kafka: { bootstrap.servers: "%s" }\nredis: { url: "%s" }\n' "$BROKERS" "$REDIS_URL" \
        >>"$LIVE/v$1.yaml"
}

# start VERSION INSTANCE: PID_<instance>
start() {
    "$SNAG" run "$LIVE/v$1.yaml" --instance "$2" >>"$LIVE/run-$2.log" 2>&1 &
    eval "PID_$2=$!"
    STARTED+=("$!")
}

stop() {
    local pid
    eval "pid=\$PID_$1"
    kill -TERM "$pid" 2>/dev/null
    wait "$pid" || fail "snag run $1 ended with $?"
}

read_up() { [ "$(tool lag lives web 2>/dev/null)" = 0 ]; }
alerts() { # WANTED
    tool consume lives.alerts values >"$LIVE/seen" && $LIVES check "$LIVE/seen" "$1"
}
alerts_wait() { wait_for 40 "the alerts of $1" alerts "$1"; }

# --- 1. an upgrade, and 2. duplicates -------------------------------------------------------------
file 1
file 2
tool create web 2 retention.ms=-1 || fail "create"
"$SNAG" topics "$LIVE/v1.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "snag topics"
$LIVES events 1 >"$LIVE/events1" && $LIVES events 2 >"$LIVE/events2" || fail "events"
tool produce web "$LIVE/events1" who at 2>/dev/null || fail "produce"
start 1 a
wait_for 40 "version 1 to read" read_up
alerts_wait 1
start 1 b # only now, so that each surely has a partition when the second copy comes
wait_for 40 "the second worker" grep -q "took over" "$LIVE/run-b.log"

tool produce web "$LIVE/events1" who at 2>/dev/null || fail "produce" # sent again
wait_for 40 "the second copy to be read" read_up
sleep 0.5
alerts 1 || fail "what was sent twice was judged twice"

stop a # the rolling upgrade: b has everything meanwhile, in version 1
grep -q "stopped:.* [1-9][0-9]* duplicates" "$LIVE/run-a.log" || fail "duplicates are not counted"
start 2 a
wait_for 40 "version 2 to take over" grep -q "taken over by version 2" "$LIVE/run-a.log"
stop b
alerts_wait 2 # a has both partitions now

start 1 b # somebody forgot: it may not have them any more
wait "$PID_b"
code=$?
[ "$code" = 2 ] || fail "version 1 over the state of version 2 ended with $code, not 2"
grep -q "this file is version 1: start with the newer file" "$LIVE/run-b.log" || fail "it did not say why"
start 2 b
tool produce web "$LIVE/events2" who at 2>/dev/null || fail "produce"
wait_for 40 "version 2 to read" read_up
alerts_wait 3
stop a
stop b
sleep 0.5
alerts 3 || fail "too much was said"
$LIVES count "$LIVE/seen"

tool produce web "$LIVE/events2" who at 2>/dev/null || fail "produce" # sent again, to whoever takes over
: >"$LIVE/run-a.log"
start 2 a
wait_for 40 "the second copy to be read" read_up
sleep 0.5
stop a
grep -q "stopped:.* 180 duplicates" "$LIVE/run-a.log" || fail "the ids were forgotten by a takeover"
alerts 3 || fail "what was sent twice was judged twice after a takeover"

# --- 3. a backlog ---------------------------------------------------------------------------------
cat >"$LIVE/backlog.yaml" <<YAML
pipeline: backlog
budget: 64MiB
sources:
  desk: { topic: desk, format: json, map: { id: id, time: at, type: what, customer: who } }
rules:
  stuck: { event: Asked, missing: Answered, after: 60s }
kafka: { bootstrap.servers: "$BROKERS" }
redis: { url: "$REDIS_URL" }
YAML
sanitized=no
if grep -q '^SNAG_SANITIZE:STRING=.' "$SNAG_BUILD/CMakeCache.txt"; then sanitized=yes; fi
EVENTS=${SNAG_BACKLOG:-400000}
[ $sanitized = no ] || EVENTS=40000 # memory is another there, and time
$LIVES backlog "$EVENTS" >"$LIVE/backlog" || fail "events"
tool create desk 4 retention.ms=-1 || fail "create"
"$SNAG" topics "$LIVE/backlog.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "snag topics"
tool produce desk "$LIVE/backlog" who at 2>/dev/null || fail "produce"
peak() { awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$1/status"; }
"$SNAG" run "$LIVE/backlog.yaml" --instance one >>"$LIVE/run-backlog.log" 2>&1 &
pid=$!
STARTED+=("$pid")
began=$(date +%s%N)
done_reading() { [ "$(tool lag backlog desk 2>/dev/null)" = 0 ]; }
wait_for 120 "the backlog to be read" done_reading
took=$((($(date +%s%N) - began) / 1000000))
# The clock moves time on: what is still open falls due.
told() {
    tool consume backlog.alerts values >"$LIVE/backlog.seen" &&
        $LIVES stalls "$LIVE/backlog" "$LIVE/backlog.seen"
}
wait_for 60 "the last stalls" told
most=$(peak "$pid")
kill -TERM "$pid"
wait "$pid" || fail "snag run ended with $?"
tool consume backlog.alerts values >"$LIVE/backlog.seen" || fail "consume"
$LIVES stalls "$LIVE/backlog" "$LIVE/backlog.seen" || fail "false or missing stalls"
size=$(($(stat -c %s "$LIVE/backlog") / 1048576))
echo "backlog: $EVENTS records, $size MB, read in $took ms, $most MB resident at most (budget 64 MiB)"
if [ $sanitized = no ]; then
    # Besides the budget: the program, the client's own memory, what malloc keeps.
    [ "$most" -le $((64 + 40)) ] || fail "$most MB resident with a budget of 64 MiB"
fi
exit 0
