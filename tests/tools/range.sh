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
