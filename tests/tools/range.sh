# SPDX-License-Identifier: Apache-2.0
# Sourced by the tests of replayed ranges, after kafka.sh: two processes that run $LIVE/range.yaml, what they
# said, and the replay of the same topics.

start() { # INSTANCE: PID_<instance>
    "$SNAG" run "$LIVE/range.yaml" --instance "$1" >>"$LIVE/run-$1.log" 2>&1 &
    eval "PID_$1=$!"
    STARTED+=("$!")
}
pid_of() { eval "echo \$PID_$1"; }
kill_one() { # of the two, and another begins in its place
    local victim
    victim=$([ $((RANDOM % 2)) = 0 ] && echo one || echo two)
    kill -KILL "$(pid_of $victim)"
    wait "$(pid_of $victim)" 2>/dev/null
    start $victim
}
stop_both() {
    local worker
    for worker in one two; do
        kill -TERM "$(pid_of $worker)"
        wait "$(pid_of $worker)" || fail "snag run ended badly"
    done
}
rest() { sleep "0.$((RANDOM % 900 + 100))"; }
all_topics="alerts journeys decisions"
values() { for topic in $all_topics; do tool consume "range.$topic" values; done; }
count() { values 2>/dev/null | wc -l; }
quiet() { # nothing more is said: every deadline of the last events (4 s) has gone by
    local before
    before=$(count)
    sleep 5
    [ "$(count)" = "$before" ]
}
replay() { # OUT [OPTIONS…]
    local out=$1
    shift
    "$SNAG" replay "$LIVE/range.yaml" --format json "$@" >"$out" 2>"$LIVE/replay.log" || fail "replay $*"
}

# New customers ask, the clock proves that nobody answers, then each answers, stamped in time: late by the
# clock alone, so that a replay without the recorded ticks must differ.
#
# SECONDS: how far ahead they are stamped. Where the source is watched for silence they must not come behind
# time, or it counts as silent still, and what waits for it is held and answered in time.
answer_late() { # "ASK…" "ANSWER…" READ_UP SECONDS
    wait_for 60 "all to be read" "$3"
    wait_for 60 "all to be said" quiet
    late_before=$(late_count)
    $RANGE asked "$LIVE" "$4" && $1 || fail "asked"
    wait_for 60 "nobody's answer to be noticed" stuck_all
    $RANGE answered "$LIVE" && $2 || fail "answered"
    wait_for 60 "the answers to be late" late_all
    wait_for 60 "the answers to be read" "$3"
    wait_for 60 "all to be said" quiet
}
late_count() { tool consume range.late | wc -l; }
late_all() { [ "$(late_count)" -ge $((late_before + 24)) ]; }
stuck_all() { # each of the new customers, c24 to c47, published or held
    [ "$(values | grep -o '"subject":"c\(2[4-9]\|3.\|4[0-7]\)"' | sort -u | wc -l)" = 24 ]
}

halves() { # to $MIDDLE and from it: together all records of the whole
    local all part left sum=0 ends
    replay "$LIVE/part" --from earliest
    all=$(sed -n 's/^\([0-9]*\) records of 2 partitions from earliest to latest.*/\1/p' "$LIVE/replay.log")
    for ends in "--to $MIDDLE" "--from $MIDDLE"; do
        # shellcheck disable=SC2086
        replay "$LIVE/part" $ends
        part=$(sed -n 's/^\([0-9]*\) records of 2 partitions.*/\1/p' "$LIVE/replay.log")
        left=$(sed -n 's/^\([0-9]*\) records were not judged.*/\1/p' "$LIVE/replay.log")
        [ "$part" -gt 10 ] || fail "$ends has $part records"
        sum=$((sum + part + ${left:-0})) # what lies ahead of where time stands at the end is not judged
    done
    grep -q "begins in the middle of the log" "$LIVE/replay.log" || fail "it does not say where it begins"
    [ "$sum" = "$all" ] || fail "two halves have $sum records, the whole $all"
}
