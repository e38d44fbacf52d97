#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Worlds that do not fit together: topics cut, widened, deleted, made anew, offsets set by hand, rights taken
# away, records too large for their topic. Each is found by `snag check --kafka`, and ends `snag run` with 3
# and one sentence that says what to do; never a loop. And a stop gives the seats back at once.
set -uo pipefail
. "$SNAG_SOURCE/tests/tools/kafka.sh"
live_begin
SASL_PORT=$(free_port)
CLIENTS="PLAINTEXT://127.0.0.1:@PORT@,SASL://127.0.0.1:$SASL_PORT"
KAFKA_MORE="listeners=$CLIENTS,CONTROLLER://127.0.0.1:@CONTROL@
advertised.listeners=$CLIENTS
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_snag=\"open sesame\";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS"
kafka_start
export KAFKA="$BROKERS" SASL="127.0.0.1:$SASL_PORT" PASSWORD="open sesame"

# world NAME [PARTITIONS]: a pipeline $LIVE/NAME.yaml over the topic NAME-in, all its topics made
world() {
    cat >"$LIVE/$1.yaml" <<PIPELINE
pipeline: $1
sources:
  web: { topic: $1-in, format: json, map: { id: id, time: at, type: what, customer: who }, delay: 100ms }
rules:
  hit: { event: Hit, count: 1, within: 1h }
kafka: { bootstrap.servers: "\${KAFKA}" }
PIPELINE
    "$SNAG" topics "$LIVE/$1.yaml" --create --partitions "${2:-1}" >"$LIVE/topics.log" 2>&1 ||
        fail "topics $1"
}

event() { printf '{"id":"%s","at":"%s","what":"Hit","who":"%s"}' "$1" "$(date -u +%FT%T.%3NZ)" "$2"; }
hit() { tool send "$1-in" "$2" "$(event "$RANDOM$RANDOM" "$2")" || fail "send"; } # WORLD CUSTOMER
alert_of() { tool consume "$1.alerts" values | grep -q "\"subject\":\"$2\""; }
begin() { # WORLD [OPTIONS…]: a worker in the background
    local name=$1
    shift
    "$SNAG" run "$LIVE/$name.yaml" --instance one "$@" >"$LIVE/$name.log" 2>&1 &
    RUN_PID=$!
    STARTED+=("$RUN_PID")
}
begin_and_see() { # WORLD CUSTOMER: a worker that is seen to work
    begin "$1"
    hit "$1" "$2"
    wait_for 30 "an alert of $2 in $1" alert_of "$1" "$2"
}
stop() {
    kill -TERM "$RUN_PID"
    wait "$RUN_PID" || fail "the worker of $1 ended with $? at SIGTERM"
}
# ends WORLD SECONDS WORDS: the worker under way ends with 3 and these words, and does not start again
ends() {
    local code
    is_over() { ! kill -0 "$RUN_PID"; }
    wait_for "$2" "the worker of $1 to end" is_over
    wait "$RUN_PID"
    code=$?
    [ "$code" = 3 ] || fail "$1: exit $code instead of 3"
    tail -n 1 "$LIVE/$1.log" | grep -q -- "$3" || fail "$1: no \"$3\" at the end"
    echo "ok: $1: $(tail -n 1 "$LIVE/$1.log")"
}
refuses() { # WORLD SECONDS WORDS [OPTIONS…]: a start ends with 3 and these words
    local name=$1 seconds=$2 words=$3
    shift 3
    begin "$name" "$@"
    ends "$name" "$seconds" "$words"
}

# finds WORLD WORDS [OPTIONS…]: `snag check --kafka` ends with 1 and a finding that holds the words. Soon: a
# broker may take a moment until it goes by what it was told
finds() {
    local name=$1 finding=$2
    shift 2
    is_found() {
        "$SNAG" check "$LIVE/$name.yaml" --kafka "$@" >"$LIVE/$name-check.log" 2>&1
        [ $? = 1 ] && grep -q -- "finding: .*$finding" "$LIVE/$name-check.log"
    }
    wait_for 7 "check --kafka of $name: \"$finding\"" is_found "$@"
    echo "ok: $name: $(grep -m 1 -- "finding: .*$finding" "$LIVE/$name-check.log")"
}
fits() { # WORLD [OPTIONS…]: it finds nothing
    local name=$1
    shift
    is_fine() { "$SNAG" check "$LIVE/$name.yaml" --kafka "$@" >"$LIVE/$name-check.log" 2>&1; }
    wait_for 7 "check --kafka of $name to find nothing" is_fine "$@"
}

# --- disorder, as the topic's own stamps show it -----------------------------------------------------
world order 2
back() {
    printf '{"id":"%s","at":"%s","what":"Hit","who":"ann"}' "$1" \
        "$(date -u -d "$NOW -$1 seconds" +%FT%T.%3NZ)"
}
NOW=$(date -u +%FT%T.%3NZ)
for seconds in 1 40 2 90; do # of ann's partition; dan's has one event, that comes behind nothing
    tool send order-in ann "$(back "$seconds")" || fail "send"
done
tool send order-in dan '{"id":"b","at":"2026-01-05T10:00:00Z","what":"Hit","who":"dan"}' || fail "send"
finds order "more than one event in a thousand is late; out_of_order: 2m would do" --out-of-order 60s
finds order "5 events (100.00%, more than one in a thousand) are received later" --out-of-order 60s
for words in "order of order-in, the newest 5 events" "3 events (60.00%) come behind a newer one" \
    " 1m  *1  20.00%" " 2m  *0  0.00%  suggested" "  out_of_order: 2m"; do
    grep -q -- "$words" "$LIVE/order-check.log" || fail "check --kafka of order: no \"$words\""
done

# --- a stop gives the seats back --------------------------------------------------------------------
world seats 2
# Whoever leaves and keeps his seat is missed after three minutes only.
sed -i 's/^kafka: .*/kafka: { bootstrap.servers: "${KAFKA}", session.timeout.ms: 180000 }/' "$LIVE/seats.yaml"
KAFKA="127.0.0.1:$(free_port)" "$SNAG" check "$LIVE/seats.yaml" --kafka >"$LIVE/none.log" 2>&1
[ $? = 3 ] || fail "check --kafka without a broker does not end with 3"
fits seats
begin seats
first=$RUN_PID
hit seats ann
wait_for 30 "the first worker" alert_of seats ann
"$SNAG" run "$LIVE/seats.yaml" --instance two >"$LIVE/seats2.log" 2>&1 &
RUN_PID=$!
STARTED+=("$RUN_PID")
second=$RUN_PID
two_owns() { grep -q "took over" "$LIVE/seats2.log"; }
wait_for 20 "the second worker" two_owns
fits seats
grep -q "worker two-0 at" "$LIVE/seats-check.log" || fail "check --kafka does not name the workers"
finds seats "is running already" --instance two
kill -TERM "$first"
wait "$first" || fail "the first worker's end"
start_ms=$(date +%s%3N)
for who in u1 u2 u3 u4 u5 u6; do hit seats $who; done
all_seen() { [ "$(tool consume seats.alerts values | grep -c '"subject":"u[1-6]"')" = 6 ]; }
wait_for 20 "the second worker alone, long before the session times out" all_seen
echo "ok: after SIGTERM the other worker had everything within $(($(date +%s%3N) - start_ms)) ms"
RUN_PID=$second
stop seats

# --- records are deleted before they were read ------------------------------------------------------
world cut
begin_and_see cut ann
stop cut
for i in 1 2 3; do hit cut ann; done
admin cut cut-in 0 end || fail "cut"
finds cut "records were deleted before they were read"
refuses cut 20 "records were deleted before they were read"

world cutlive
begin_and_see cutlive ann
kill -STOP "$RUN_PID"
sleep 0.3
for i in 1 2 3; do hit cutlive ann; done
admin cut cutlive-in 0 end || fail "cut"
kill -CONT "$RUN_PID"
ends cutlive 20 "records were deleted before they were read"

# --- partitions are added ---------------------------------------------------------------------------
world wide
begin_and_see wide ann
admin widen wide-in 3 || fail "widen"
ends wide 30 "got more partitions"
finds wide "they must be as many"
refuses wide 20 "they must be as many"
admin widen wide.changelog 3 || fail "widen"
finds wide "customers have moved between partitions"
refuses wide 20 "customers have moved between partitions"

# --- the changelog is deleted, or made anew ---------------------------------------------------------
world gone
begin_and_see gone ann
tool delete gone.changelog || fail "delete"
hit gone ann
ends gone 40 "changelog gone.changelog was deleted"
finds gone "gone.changelog is missing"
refuses gone 20 "gone.changelog"

world anew
begin_and_see anew ann
hit anew bob
wait_for 20 "bob" alert_of anew bob
tool delete anew.changelog || fail "delete"
made() { tool create anew.changelog 1 cleanup.policy=compact; }
wait_for 20 "the changelog to be made anew" made
hit anew carl
ends anew 40 "changelog was made anew or cut"
finds anew "holds no state for them"
refuses anew 40 "is not in the changelog"

# --- offsets are set or deleted by hand -------------------------------------------------------------
world byhand
begin_and_see byhand ann
stop byhand
admin place byhand byhand-in 0 0 || fail "place"
finds byhand "were not written by snag"
refuses byhand 20 "were not written by snag"
admin place byhand byhand-in 0 1 "snag 1 n=7 i=00000000000000000000000000000000" || fail "place"
finds byhand "one of them was deleted or reset"
admin forget byhand || fail "forget"
finds byhand "has no offsets"
refuses byhand 20 "has no offsets"

# --- a record that its topic does not take ----------------------------------------------------------
world large
admin set large.alerts max.message.bytes=300 || fail "set"
finds large "large.alerts takes 300 bytes at once"
begin large
hit large ann
ends large 30 "large.alerts: .*max.message.bytes"

# --- settings that people get wrong ------------------------------------------------------------------
world wrong 2
admin set wrong.changelog cleanup.policy=delete || fail "set"
admin set wrong.journeys cleanup.policy=compact min.insync.replicas=2 || fail "set"
finds wrong "wrong.changelog must never forget state by age"
finds wrong "wrong.journeys is compacted"
finds wrong "lower min.insync.replicas"
refuses wrong 20 "wrong.changelog is not compacted"
admin set wrong.changelog cleanup.policy=compact delete.retention.ms=1000 || fail "set"
finds wrong "forgets deletions after 1s"
tool send wrong-in somebody "$(event e1 ann)" || fail "send"
tool send wrong-in ann "no JSON" || fail "send"
finds wrong 'key that is not the customer (key "somebody", customer "ann")'
finds wrong "1 of them cannot be read"
sed -i 's/delay: 100ms/out_of_order: 2h/' "$LIVE/wrong.yaml"
admin set wrong-in retention.ms=3600000 || fail "set"
finds wrong "could be deleted before they are judged"

# --- what topics let go of ---------------------------------------------------------------------------
world keeps 1
CRM="crm: { topic: keeps-crm, format: json, table: true, map: { time: at, customer: who }, keep: [plan] }"
sed -i "/^sources:/a\  $CRM" "$LIVE/keeps.yaml"
sed -i '/^rules:/a\  asked: { event: Asked, missing: [Answered], after: 60d }' "$LIVE/keeps.yaml"
tool create keeps-crm 1 cleanup.policy=compact || fail "create"
fits keeps
admin set keeps-crm cleanup.policy=delete retention.ms=604800000 || fail "set"
finds keeps "keeps-crm is a table (table: true), but is not compacted .*: a row .* deleted after 7d"
admin set keeps-crm cleanup.policy=delete retention.ms=-1 || fail "set"
fits keeps
grep -q "keeps-crm is a table, but is not compacted: every row" "$LIVE/keeps-check.log" || fail "no note"
admin set keeps-crm cleanup.policy=compact,delete retention.ms=-1 retention.bytes=1000000 || fail "set"
finds keeps "deletes rows as well (cleanup.policy=compact,delete): .* above 1000000 bytes a partition"
admin set keeps-crm cleanup.policy=compact delete.retention.ms=60000 || fail "set"
finds keeps "keeps-crm forgets after 1m that a row was taken away"
admin set keeps-crm cleanup.policy=compact || fail "set"
admin set keeps-in cleanup.policy=compact || fail "set"
finds keeps "the input keeps-in is compacted (cleanup.policy=compact): of each key only the newest"
admin set keeps-in cleanup.policy=delete retention.ms=604800000 retention.bytes=1000000 || fail "set"
fits keeps
for words in "keeps-in keeps records for 7d, and asked looks back for 60d" "keeps-in also deletes by size"; do
    grep -q "$words" "$LIVE/keeps-check.log" || fail "no note: $words"
done
admin set keeps-in unclean.leader.election.enable=true || fail "set"
finds keeps "keeps-in lets a replica that is behind become its leader"

# --- an output topic is deleted ---------------------------------------------------------------------
world lost
begin_and_see lost ann
tool delete lost.alerts || fail "delete"
hit lost bob # ann's alert is open already
ends lost 40 "topic lost.alerts was deleted"

# --- rights -----------------------------------------------------------------------------------------
acl() {
    java -Xmx128m -cp "$KAFKA_LIB/*" org.apache.kafka.tools.AclCommand --bootstrap-server "$BROKERS" "$@" \
        >"$LIVE/acl.log" 2>&1 || fail "acl $*"
    sleep 1 # the broker learns it from the log of its own metadata
}
world rights
sed -i 's/^kafka: .*/kafka:\n  bootstrap.servers: "${SASL}"\n  security.protocol: sasl_plaintext\
  sasl.mechanism: PLAIN\n  sasl.username: snag\n  sasl.password: "${PASSWORD}"/' "$LIVE/rights.yaml"
PASSWORD=wrong refuses rights 20 "refuses the connection"
grep -q "wrong" "$LIVE/rights.log" && fail "a password was printed"
PASSWORD=wrong "$SNAG" check "$LIVE/rights.yaml" --kafka >"$LIVE/none.log" 2>&1
[ $? = 3 ] || fail "check --kafka with a wrong password does not end with 3"
finds rights "Topic authorization failed"
refuses rights 20 "does not exist at .*, or snag may not see it"
outputs=(alerts journeys decisions late dead-letter shadow ticks)
acl --add --allow-principal User:snag --operation Describe --operation DescribeConfigs --topic rights \
    --resource-pattern-type prefixed
finds rights "right Read on its group"
refuses rights 30 "right Write on the transactional ids"
acl --add --allow-principal User:snag --operation Write --operation Describe \
    --transactional-id rights-one- --resource-pattern-type prefixed
refuses rights 30 "right Read on its group"
acl --add --allow-principal User:snag --operation Read --group rights
refuses rights 30 "the rights Read on its input"
acl --add --allow-principal User:snag --operation Read --topic rights-in
acl --add --allow-principal User:snag --operation Read --operation Write --topic rights.changelog
hit rights ann
finds rights "Write on its outputs" --instance one
refuses rights 30 "Write on its outputs"
for name in "${outputs[@]}"; do topics+=(--topic "rights.$name"); done
acl --add --allow-principal User:snag --operation Write "${topics[@]}"
fits rights --instance one
begin rights
wait_for 30 "an alert by rights" alert_of rights ann
acl --remove --force --allow-principal User:snag --operation Write "${topics[@]}"
hit rights bob
ends rights 30 "Write on its outputs"
grep -q "sesame" "$LIVE"/rights*.log && fail "a password was printed"
echo "all worlds seen"
