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
    local end=$(($(date +%s) + $2)) code
    while kill -0 "$RUN_PID" 2>/dev/null; do
        [ "$(date +%s)" -lt "$end" ] || fail "$1: still running after $2 s"
        sleep 0.1
    done
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

# --- a stop gives the seats back; --keep-seat does not ----------------------------------------------
world seats 2
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
kill -TERM "$first"
wait "$first" || fail "the first worker's end"
start_ms=$(date +%s%3N)
for who in u1 u2 u3 u4 u5 u6; do hit seats $who; done
all_seen() { [ "$(tool consume seats.alerts values | grep -c '"subject":"u[1-6]"')" = 6 ]; }
wait_for 8 "the second worker alone, before the session times out" all_seen
echo "ok: after SIGTERM the other worker had everything within $(($(date +%s%3N) - start_ms)) ms"
RUN_PID=$second
stop seats

# --- records are deleted before they were read ------------------------------------------------------
world cut
begin_and_see cut ann
stop cut
for i in 1 2 3; do hit cut ann; done
admin cut cut-in 0 end || fail "cut"
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
refuses wide 20 "they must be as many"
admin widen wide.changelog 3 || fail "widen"
refuses wide 20 "customers have moved between partitions"

# --- the changelog is deleted, or made anew ---------------------------------------------------------
world gone
begin_and_see gone ann
tool delete gone.changelog || fail "delete"
hit gone ann
ends gone 40 "changelog gone.changelog was deleted"
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
refuses anew 40 "is not in the changelog"

# --- offsets are set or deleted by hand -------------------------------------------------------------
world byhand
begin_and_see byhand ann
stop byhand
admin place byhand byhand-in 0 0 || fail "place"
refuses byhand 20 "were not written by snag"
admin forget byhand || fail "forget"
refuses byhand 20 "has no offsets"

# --- a record that its topic does not take ----------------------------------------------------------
world large
admin set large.alerts max.message.bytes=300 || fail "set"
begin large
hit large ann
ends large 30 "large.alerts: .*max.message.bytes"

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
}
world rights
sed -i 's/^kafka: .*/kafka:\n  bootstrap.servers: "${SASL}"\n  security.protocol: sasl_plaintext\
  sasl.mechanism: PLAIN\n  sasl.username: snag\n  sasl.password: "${PASSWORD}"/' "$LIVE/rights.yaml"
PASSWORD=wrong refuses rights 20 "refuses the connection"
grep -q "wrong" "$LIVE/rights.log" && fail "a password was printed"
refuses rights 20 "does not exist at .*, or snag may not see it"
outputs=(alerts journeys decisions late dead-letter shadow)
acl --add --allow-principal User:snag --operation Describe --operation DescribeConfigs --topic rights \
    --resource-pattern-type prefixed
refuses rights 30 "right Write on the transactional ids"
acl --add --allow-principal User:snag --operation Write --operation Describe \
    --transactional-id rights-one- --resource-pattern-type prefixed
refuses rights 30 "right Read on its group"
acl --add --allow-principal User:snag --operation Read --group rights
refuses rights 30 "the rights Read on its input"
acl --add --allow-principal User:snag --operation Read --topic rights-in
acl --add --allow-principal User:snag --operation Read --operation Write --topic rights.changelog
hit rights ann
refuses rights 30 "Write on its outputs"
for name in "${outputs[@]}"; do topics+=(--topic "rights.$name"); done
acl --add --allow-principal User:snag --operation Write "${topics[@]}"
begin rights
wait_for 30 "an alert by rights" alert_of rights ann
acl --remove --force --allow-principal User:snag --operation Write "${topics[@]}"
hit rights bob
ends rights 30 "Write on its outputs"
grep -q "sesame" "$LIVE"/rights*.log && fail "a password was printed"
echo "all worlds seen"
