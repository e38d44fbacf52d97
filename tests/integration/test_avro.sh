#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Avro with a registry, end to end: records written by fastavro in, alerts read back by fastavro out. A schema
# that comes late, that nobody knows, or for which the registry never answers, stops its own partition
# only, and not for ever.
set -uo pipefail
export LC_ALL=C # records are no UTF-8
. "$SNAG_SOURCE/tests/tools/kafka.sh"
live_begin
REGISTRY="python3 $TOOLS/registry.py"
$REGISTRY read http://127.0.0.1:1 </dev/null || exit $? # makes the Python packages ready, or skips
kafka_start
$REGISTRY serve "$LIVE/url" >"$LIVE/registry.log" 2>&1 &
STARTED+=($!)
wait_for 20 "the registry" test -s "$LIVE/url"
URL=$(cat "$LIVE/url")
export KAFKA="$BROKERS"
cat >"$LIVE/a.yaml" <<PIPELINE
pipeline: a
sources:
  clicks:
    topic: clicks
    format: avro
    registry: "$URL"
    map: { id: id, time: at, type: what, customer: who }
rules:
  hit: { event: Hit, count: 1, within: 1h }
outputs: { format: avro, registry: "$URL" }
kafka: { bootstrap.servers: "\${KAFKA}" }
PIPELINE
"$SNAG" topics "$LIVE/a.yaml" --create --partitions 4 >"$LIVE/topics.log" 2>&1 || fail "topics"
"$SNAG" run "$LIVE/a.yaml" --instance one >"$LIVE/run.log" 2>&1 &
RUN_PID=$!
STARTED+=("$RUN_PID")

send() { # SCHEMA-ID CUSTOMER
    $REGISTRY make "$1" "$2" Hit "$LIVE/record" || fail "make"
    tool send clicks "$2" "@$LIVE/record" || fail "send"
}
alerts() {
    for p in 0 1 2 3; do admin bytes a.alerts $p; done | $REGISTRY read "$URL" >"$LIVE/alerts" || fail "read"
}
alerted() { alerts && grep -q "\"subject\": \"$1\"" "$LIVE/alerts"; }
dead() { tool consume a.dead-letter | grep -a -c "\"key\":\"$1\""; }
is_dead() { [ "$(dead "$1")" = 1 ]; }

send 1 c1
wait_for 30 "an alert by schema 1" alerted c1
send 1 c2
send 1 c3
send 1 c4
send 1 c5
send 1 c6
homes() { tool consume clicks | sed -n 's/.*"partition":\([0-9]\).*"key":"\([^"]*\)".*/\2 \1/p'; }
homes >"$LIVE/homes"
home() { sed -n "s/^$1 //p" "$LIVE/homes" | head -n 1; }
slow=c1 other=
for who in c2 c3 c4 c5 c6; do [ "$(home $who)" = "$(home $slow)" ] || other=$who; done
[ -n "$other" ] || fail "all customers live in one partition"

# The registry never answers for 4: its partition waits, the other goes on at once, and after the fetcher's
# patience the record is a dead letter and what stood behind it is judged.
began_ms=$(date +%s%3N)
send 4 "$slow"
send 1 "$slow"
place=$(home "$other")
tool send clicks "$other" '{"no": "Avro"}' || fail "send" # a dead letter shows that this partition is read
wait_for 30 "the other partition, while one waits" is_dead "$other"
# The patience is ten seconds; a machine that took as long for this cannot tell.
[ "$(dead "$slow")" = 0 ] || [ $(($(date +%s%3N) - began_ms)) -gt 9000 ] ||
    fail "the record without a schema was given up at once"
echo "ok: partition $place was read while $(home "$slow") waited"
wait_for 30 "the dead letter of the record without a schema" is_dead "$slow"
echo "ok: given up after $(($(date +%s%3N) - began_ms)) ms"
tool consume a.dead-letter | grep -a "\"key\":\"$slow\"" | grep -a -q '"snag.reason":"bad_schema"' ||
    fail "the reason"

# A schema that comes after a while, and one that nobody knows.
send 2 late
wait_for 20 "an alert by a schema that came late" alerted late
send 3 never
wait_for 20 "the dead letter of schema 3" is_dead never
tool consume a.dead-letter | grep -a -q "does not know schema id 3" || fail "the words of an unknown id"

behind() { [ "$(tool lag a clicks)" = 0 ]; }
wait_for 20 "all to be read" behind
kill -TERM "$RUN_PID"
wait "$RUN_PID" || fail "the end"
alerts
for who in c1 c2 c3 c4 c5 c6 late; do
    [ "$(grep -c "\"subject\": \"$who\"" "$LIVE/alerts")" = 1 ] || fail "not one alert of $who"
done
[ "$(wc -l <"$LIVE/alerts")" = 7 ] || fail "$(wc -l <"$LIVE/alerts") alerts instead of 7"
"$SNAG" check "$LIVE/a.yaml" --kafka >"$LIVE/check.log" 2>&1
grep -q "of them cannot be read" "$LIVE/check.log" || fail "check --kafka does not see the unreadable records"
echo "ok: Avro in, Avro out, read back by fastavro"
