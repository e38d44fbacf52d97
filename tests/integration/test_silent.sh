#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Live: a topic that falls silent in all its partitions. One alert says so, whoever is killed meanwhile; the
# stalls that come true then are held, one that was published since the last record is taken back; and when
# the topic is back they are withdrawn where the answer came in time, and published with their own times where
# it did not. Two workers in two processes, three partitions.
set -uo pipefail
. "$SNAG_SOURCE/tests/tools/kafka.sh"

live_begin
kafka_start
cat >"$LIVE/dark.yaml" <<YAML
pipeline: dark
sources:
  desk:
    topic: desk
    format: json
    map: { id: id, time: at, type: what, customer: who }
    silent: { after: 5s, owner: data }
rules:
  stuck: { event: Asked, missing: Answered, after: 12s }
kafka: { bootstrap.servers: "$BROKERS" }
YAML
CUSTOMERS=24
tool create desk 3 retention.ms=-1 || fail "create"
"$SNAG" topics "$LIVE/dark.yaml" --create >"$LIVE/topics.log" 2>&1 || fail "topics"

# events LAST-MS WHAT OFFSET-MS FIRST STEP: an event of every STEP-th customer from FIRST on
events() {
    python3 - "$@" "$CUSTOMERS" <<'PYTHON'
import datetime, json, sys
last, what, offset, first, step, customers = int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
for number in range(first, customers, step):
    time = last + offset
    at = datetime.datetime.fromtimestamp(time // 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    print(json.dumps({"id": f"{what}-{number}-{time}", "at": f"{at}.{time % 1000:03}Z", "what": what,
                      "who": f"c{number}"}))
PYTHON
}
now_ms() { date +%s%3N; }
produce() { tool produce desk "$1" who at 2>/dev/null || fail "produce"; }
start() { # NAME
    "$SNAG" run "$LIVE/dark.yaml" --group dark --instance "$1" >>"$LIVE/$1.log" 2>&1 &
    echo $! >"$LIVE/$1.pid"
    STARTED+=("$(cat "$LIVE/$1.pid")")
}
kill_both() {
    local name
    for name in one two; do
        kill -KILL "$(cat "$LIVE/$name.pid")"
        wait "$(cat "$LIVE/$name.pid")" 2>/dev/null
    done
}
said() { tool consume "dark.$1" values 2>/dev/null; }
count() { said "$1" | grep -c "$2"; }
has() { [ "$(count "$1" "$2")" -ge "$3" ]; } # TOPIC PATTERN LEAST
is() { [ "$(count "$1" "$2")" = "$3" ] || fail "$4: $(count "$1" "$2"), not $3"; }

told() { cat "$LIVE/one.log" "$LIVE/two.log" | grep -c "source desk is silent"; }
told_again() { [ "$(told)" -gt "$TOLD" ]; }

start one
start two
wait_for 60 "the first worker" grep -q "running dark" "$LIVE/one.log"
wait_for 60 "the second worker" grep -q "running dark" "$LIVE/two.log"

# Customers 0, 4, 8 … are overdue 2 s after the last record, the others 10 s after it.
LAST=$(now_ms)
{
    events "$LAST" Asked -10000 0 4
    events "$LAST" Asked -2000 1 4
    events "$LAST" Asked -2000 2 4
    events "$LAST" Asked -2000 3 4
    events "$LAST" Other 0 1 2
} >"$LIVE/before.jsonl"
produce "$LIVE/before.jsonl"
wait_for 60 "stalls from before it is known" has alerts '"action":"trigger".*"rule":"stuck"' 6
wait_for 60 "the alert of the source" has alerts '"rule":"source_silent"' 1
kill_both
start one
start two
wait_for 60 "stalls taken back" has alerts '"reason":"source_silent"' 6
wait_for 90 "stalls held" has decisions '"decision":"held"' 24
grep -q "source desk is silent" "$LIVE/one.log" "$LIVE/two.log" || fail "nobody was told"
is alerts '"rule":"source_silent"' 1 "alerts of the source while it is silent"
is alerts '"rule":"stuck"' 12 "stalls published and taken back"
kill_both
TOLD=$(told)
start one
start two
wait_for 60 "the new worker's word that it is silent still" told_again

BACK=$(($(now_ms) + 3000000)) # stamped so far ahead that it is not silent again before all of this is over
# It is back: every second one of those that are held was answered in time, and the news come in order.
{
    events "$LAST" Answered 3000 1 4
    events "$BACK" Other 0 0 1
} >"$LIVE/after.jsonl"
produce "$LIVE/after.jsonl"
wait_for 90 "withdrawn" has decisions '"decision":"suppressed"' 6
wait_for 90 "released" has decisions '"decision":"released"' 18
wait_for 30 "published" has alerts '"rule":"stuck"' 30
wait_for 30 "resolved" has alerts '"rule":"source_silent"' 2
wait_for 30 "the word that it is back" grep -q "source desk is back" "$LIVE/one.log" "$LIVE/two.log"
for name in one two; do
    kill -TERM "$(cat "$LIVE/$name.pid")"
    wait "$(cat "$LIVE/$name.pid")" || fail "snag run ended badly: $(tail -2 "$LIVE/$name.log")"
done
sleep 0.5 # the last transaction's markers
said alerts >"$LIVE/alerts"
said decisions >"$LIVE/decisions"
LAST="$LAST" python3 - "$LIVE/alerts" "$LIVE/decisions" <<'PYTHON' || fail "that is not what happened"
import datetime, json, os, sys
last = int(os.environ["LAST"])
alerts, decisions = ([json.loads(line) for line in open(path)] for path in sys.argv[1:])
def time(record):
    return round(datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp() * 1000)
def of(word, rule):
    return [a for a in alerts if a["data"]["action"] == word and a["data"]["why"]["rule"] == rule]
silent = of("trigger", "source_silent")
assert len(silent) == 1 and len(of("resolve", "source_silent")) == 1, len(silent)
assert time(silent[0]) == last + 5000, (time(silent[0]), last)
ids = [a["id"] for a in alerts]
assert len(set(ids)) == len(ids)
held, released, withdrawn = ({d["data"]["would_be"] for d in decisions if d["data"]["decision"] == word}
                             for word in ("held", "released", "suppressed"))
assert (len(held), len(released), len(withdrawn)) == (24, 18, 6)
assert released | withdrawn == held and not released & withdrawn
triggers = {a["id"]: a for a in of("trigger", "stuck")}
assert len(triggers) == 24 and released <= set(triggers) and not withdrawn & set(triggers)
for id, alert in triggers.items():
    who = int(alert["subject"][1:])
    assert who % 4 != 1, who
    assert time(alert) == last + (2000 if who % 4 == 0 else 10000), (id, time(alert) - last)
assert {a["subject"] for a in of("resolve", "stuck")} == {f"c{i}" for i in range(0, 24, 4)}
PYTHON
# The same again from the topics, with what the workers found recorded: it knows when who was silent.
TO=$(date -u -d "@$((BACK / 1000 + 4))" +%FT%TZ)
replay() { # PREFIX TO OUT OPTIONS…
    "$SNAG" replay "$LIVE/$1.yaml" --from earliest --to "$2" --format json "${@:4}" >"$LIVE/$3" \
        2>"$LIVE/replay.log" || fail "replay $*"
}
replay dark "$TO" again
cat "$LIVE/alerts" "$LIVE/decisions" >"$LIVE/seen"
python3 "$TOOLS/range.py" compare "$LIVE/seen" "$LIVE/again" || fail "the replay differs from the live run"
said ticks | grep -q " q=$LAST$" || fail "no worker recorded the silence"
sed 's/^pipeline: dark/&\noutputs: { prefix: none. }/' "$LIVE/dark.yaml" >"$LIVE/none.yaml"
replay none "$TO" none
python3 "$TOOLS/range.py" compare "$LIVE/seen" "$LIVE/none" >/dev/null &&
    fail "without what was recorded it is the same: no test"
# Up to a time in the silence, which had been found by then, and up to one at which a worker would find it.
for prefix in dark none; do
    replay "$prefix" "$(date -u -d "@$((LAST / 1000 + 10))" +%FT%TZ)" part --only alerts
    [ "$(grep -c source_silent "$LIVE/part")" -ge 1 ] || fail "$prefix: no silence at the end of a part"
done

echo "a silent source, live: one alert, stalls held, released and withdrawn"
