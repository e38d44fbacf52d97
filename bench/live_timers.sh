#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A million armed timers over a real broker and a real Redis, all input stopped:
#
#   idle    the million lies an hour ahead; some hundred fall due one by one, in all partitions: how long
#           after deadline + out_of_order + delay is each alert readable (read_committed)?
#   burst   the million falls due in one second, in one partition: how long until the last is readable, how
#           much memory does it take, and how late are the few that fall due meanwhile in another partition of
#           the same worker, and of another worker?
#
# One broker, one Redis, two workers in one process and the reader on the same machine. Before the burst
# another pipeline has a smaller one, so that the broker's code is compiled, as where it has run for a while.
#
#   bench/live_timers.sh [--tiny] [--out FILE]        SNAG, SNAG_BUILD, SNAG_SOURCE as in tests
set -uo pipefail
. "$SNAG_SOURCE/bench/live.sh"

timers=1000000 due=400 load_s=60
bench_options "timers=2000 due=20 load_s=6" "$@"
[ -x "$SNAG_BUILD/tests/timer_tool" ] || skip "timer_tool is not built"
bench_begin
DELAY_MS=100
timer_tool() { "$SNAG_BUILD/tests/timer_tool" "$BROKERS" "$@"; }

# figure NAME UNIT VALUE TARGET [MORE…]
figure() {
    printf '{"name":"live_timers_%s","unit":"%s","value":%s,"target":%s,"timers":%s,' \
        "$1" "$2" "$3" "$4" "$timers" >&3
    printf '"machine":"%s","cores":%s}\n' "$MACHINE" "$(nproc)" >&3
    echo "live_timers_$1: $3 $2 (target $4)" >&2
}
quantile() { # FILE PERCENT: of numbers
    sort -n "$1" |
        awk -v p="$2" '{v[NR] = $1} END {i = int((NR - 1) * p / 100) + 1; print NR ? v[i] : "null"}'
}
# lateness FILE PARTITION [FROM_MS TO_MS]: ms after deadline + delay, of what was readable in between
lateness() {
    awk -v p="$2" -v d=$DELAY_MS -v a="${3:-0}" -v b="${4:-9e18}" \
        '(p == "all" || $1 == p) && $3 >= a && $3 <= b {print $2 - d}' "$1"
}
cpu_s() { # of a process, all its threads, in seconds
    awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); print ($12 + $13) / hz}' "/proc/$1/stat"
}
now_ms() { date +%s%3N; }
sleep_until() { # MS
    local left=$(($1 - $(now_ms)))
    [ "$left" -le 0 ] || sleep "$(awk -v l=$left 'BEGIN {print l / 1000}')"
}

# begin NAME: a pipeline whose questions fall due load_s after they were asked, and its process
begin() {
    cat >"$LIVE/$1.yaml" <<PIPELINE
pipeline: $1
budget: 1GiB
sources:
  desk:
    { topic: $1-in, format: json, map: { id: id, time: at, type: what, customer: who }, delay: ${DELAY_MS}ms }
rules:
  stuck: { event: Asked, missing: Answered, after: ${load_s}s }
  idle: { event: Opened, missing: Closed, after: 1h }
kafka: { bootstrap.servers: "$BROKERS" }
redis: { url: "$REDIS_URL" }
PIPELINE
    tool create "$1-in" 4 retention.ms=-1 || fail "create"
    "$SNAG" topics "$LIVE/$1.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "snag topics"
    "$SNAG" run "$LIVE/$1.yaml" --instance bench --workers 2 >"$LIVE/$1.log" 2>&1 &
    PID=$!
    STARTED+=("$PID")
}
read_up() { [ "$(tool lag "$1" "$1-in" 2>/dev/null || echo unknown)" = 0 ]; }
end() {
    kill -TERM "$PID"
    wait "$PID" || fail "snag run ended with $?"
}

# --- idle ---------------------------------------------------------------------------------------------
begin idle
for partition in 0 1 2 3; do
    timer_tool arm idle-in $partition $((timers / 4)) Opened "far$partition" "$(now_ms)" 1000 || fail "arm"
done
wait_for 300 "the million to be armed" read_up idle
for partition in 0 1 2 3; do # they fall due one after the other within some seconds, after all have been read
    timer_tool arm idle-in $partition $((due / 4)) Asked "near$partition" \
        $(($(now_ms) - load_s * 1000 + 3000 + partition)) $((due * 20)) || fail "arm"
done
timer_tool watch idle.alerts "$due" $((due / 50 + 60)) >"$LIVE/idle.seen" || fail "not all came"
end
lateness "$LIVE/idle.seen" all >"$LIVE/idle.late"
figure idle_p50 ms "$(quantile "$LIVE/idle.late" 50)" 250
figure idle_p99 ms "$(quantile "$LIVE/idle.late" 99)" 250

# --- burst --------------------------------------------------------------------------------------------
begin warm
timer_tool arm warm-in 0 $((timers / 4)) Asked warm $(($(now_ms) - load_s * 1000)) 1000 || fail "arm"
timer_tool watch warm.alerts $((timers / 4)) 120 >"$LIVE/warm.seen" || fail "not all came"
end
begin burst
wait_for 60 "the workers" grep -q "running burst" "$LIVE/burst.log"
asked=$(now_ms)
timer_tool arm burst-in 0 "$timers" Asked mass "$asked" 1000 || fail "arm"
for partition in 1 2; do # 1 is of the same worker, 2 of the other; from before the burst until after it
    timer_tool arm burst-in $partition "$due" Asked "few$partition" $((asked - 1000)) 10000 || fail "arm"
done
wait_for 300 "everything to be read" read_up burst
[ $TINY = true ] || [ "$(now_ms)" -lt $((asked + load_s * 1000 - 1500)) ] ||
    fail "reading took longer than $load_s s: no measurement" # what is said is the same
before=$(awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$PID/status")
echo 5 >"/proc/$PID/clear_refs" # the peak from here on
sleep_until $((asked + load_s * 1000 - 1000))
cpu=$(cpu_s "$PID")
timer_tool watch burst.alerts $((timers + 2 * due)) $((load_s + 120)) >"$LIVE/burst.seen" ||
    fail "not all came"
peak=$(awk '/VmHWM/ {print int($2 / 1024)}' "/proc/$PID/status")
cpu=$(awk -v a="$cpu" -v b="$(cpu_s "$PID")" 'BEGIN {print b - a}')
[ -z "${SNAG_THREADS:-}" ] || cat /proc/"$PID"/task/*/stat | awk '{print $2, ($14 + $15) / 100}' >&2
end
last=$(awk '$1 == 0 {t = $3} END {print t}' "$LIVE/burst.seen")
took=$((last - asked - load_s * 1000 - 1000 - DELAY_MS)) # from when the last of them could be judged
figure burst_all_readable s "$(awk -v t=$took 'BEGIN {print t / 1000}')" 5
for partition in 1 2; do
    lateness "$LIVE/burst.seen" $partition $((asked + load_s * 1000)) $((last + 1000)) >"$LIVE/few$partition"
    of=$([ $partition = 1 ] && echo same || echo other)
    figure "burst_${of}_worker_p99" ms "$(quantile "$LIVE/few$partition" 99)" 250
    figure "burst_${of}_worker_max" ms "$(quantile "$LIVE/few$partition" 100)" 250
done
figure burst_cpu s "$cpu" 6 # of the process, all its threads: what does not depend on who else is there
figure burst_memory MB $((peak - before)) 256
# Each once: nothing is lost or doubled in a hurry.
[ "$(wc -l <"$LIVE/burst.seen")" = $((timers + 2 * due)) ] || fail "not each once"
exit 0
