# SPDX-License-Identifier: Apache-2.0
# Sourced by the integration tests: one real Kafka broker and one real redis-server, in a temporary folder,
# on free ports, stopped by process id.
#
#   live_begin            makes LIVE (a temporary folder) and a trap that stops everything and removes it;
#                         exits 77, aloud, where Java, Maven or redis-server is absent (in CI: 1)
#   kafka_start           BROKERS, KAFKA_PID       kafka_stop [SIGNAL]     kafka_again (same place)
#   redis_start           REDIS_URL, REDIS_PID     redis_stop [SIGNAL]     redis_again
#   tool …                tests/tools/kafka_tool against BROKERS;    admin …   tests/tools/kafka_admin
#   KAFKA_JVM             options of its Java
#   KAFKA_MORE            lines for server.properties, @PORT@ and @CONTROL@ in them are replaced
#   fail WORDS            says what went wrong, with the ends of the logs, and exits 1
#
# The broker's jars come through Maven (tools/kafka/pom.xml) into ${SNAG_CACHE:-~/.cache/snag}/kafka-4.1.0.

KAFKA_VERSION=4.1.0
KAFKA_LIB="${SNAG_CACHE:-$HOME/.cache/snag}/kafka-$KAFKA_VERSION"
TOOLS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
KAFKA_PID=
REDIS_PID=
STARTED=()

skip() {
    echo "SKIPPED: $*" >&2
    if [ -n "${CI:-}" ]; then
        echo "and this is CI, where nothing may be skipped" >&2
        exit 1
    fi
    exit 77
}

fail() {
    echo "FAILED: $*" >&2
    for log in "$LIVE"/*.log; do
        [ -s "$log" ] && { echo "--- ${log##*/}" >&2; tail -n 6 "$log" >&2; }
    done
    exit 1
}

# Below the range that the system gives to outgoing connections: whoever keeps dialling a dead server there
# would some day be given its port, talk to himself, and keep the server from coming back.
free_port() {
    python3 -c 'import random, socket
for port in random.sample(range(10000, 32000), 100):
    try:
        socket.socket().bind(("127.0.0.1", port))
    except OSError:
        continue
    print(port)
    break'
}

# Waits until the command succeeds: wait_for SECONDS WORDS COMMAND…
# So many seconds on a machine that nobody else uses, and three times as many before it is given up: how long
# it takes is never what is tested.
wait_for() {
    local seconds=$(($1 * 3)) words=$2
    shift 2
    local end=$(($(date +%s) + seconds))
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$end" ] || fail "$words: not within $seconds s"
        sleep 0.1
    done
}

stop_pid() { # PID SIGNAL
    [ -n "$1" ] || return 0
    kill "-$2" "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

live_end() {
    local pid
    for pid in "${STARTED[@]}" "$KAFKA_PID" "$REDIS_PID"; do
        stop_pid "$pid" KILL
    done
    rm -rf "$LIVE"
}

jars_get() {
    [ -f "$KAFKA_LIB/complete" ] && return 0
    mkdir -p "$KAFKA_LIB"
    echo "fetching the Kafka $KAFKA_VERSION broker from Maven Central (54 MB, once)" >&2
    mvn -q -B -f "$TOOLS/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$KAFKA_LIB" \
        -DincludeScope=runtime >&2 || return 1
    touch "$KAFKA_LIB/complete"
}

live_begin() {
    command -v java >/dev/null || skip "no java: the tests with a real broker need a JRE 17"
    [ -f "$KAFKA_LIB/complete" ] || command -v mvn >/dev/null || skip "no mvn to fetch the Kafka broker with"
    command -v redis-server >/dev/null || skip "no redis-server"
    [ -x "$SNAG_BUILD/tests/kafka_tool" ] || skip "kafka_tool is not built"
    jars_get || skip "the Kafka broker cannot be fetched from Maven Central"
    LIVE="$(mktemp -d)"
    trap live_end EXIT
}

kafka_configure() {
    local port=$1 control=$2
    cat >"$LIVE/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$control
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$control
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$LIVE/kafka-logs
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.retention.ms=-1
log.retention.bytes=-1
num.partitions=1
PROPERTIES
    printf '%s\n' "${KAFKA_MORE:-}" | sed "s/@PORT@/$port/; s/@CONTROL@/$control/" >>"$LIVE/server.properties"
}

kafka_start() {
    local port control
    port=$(free_port)
    control=$(free_port)
    BROKERS="127.0.0.1:$port"
    kafka_configure "$port" "$control"
    java -cp "$KAFKA_LIB/*" kafka.tools.StorageTool format -t "c25hZ3NuYWdzbmFnc25hZw" \
        -c "$LIVE/server.properties" >"$LIVE/kafka-format.log" 2>&1 || fail "formatting the broker's folder"
    kafka_again
}

# Of a broker that lives for a minute or two the second compiler would take a fifth of the time of two cores.
kafka_again() {
    java -Xmx768m ${KAFKA_JVM--XX:TieredStopAtLevel=1} -cp "$KAFKA_LIB/*" kafka.Kafka \
        "$LIVE/server.properties" >>"$LIVE/kafka.log" 2>&1 &
    KAFKA_PID=$!
    wait_for 120 "the broker" tool topics
}

kafka_stop() {
    stop_pid "$KAFKA_PID" "${1:-TERM}"
    KAFKA_PID=
}

redis_start() {
    REDIS_PORT=$(free_port)
    REDIS_URL="redis://127.0.0.1:$REDIS_PORT/0"
    redis_again
}

redis_again() {
    redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --save '' --appendonly no --dir "$LIVE" \
        >>"$LIVE/redis.log" 2>&1 &
    REDIS_PID=$!
    wait_for 20 "redis-server" redis-cli -p "$REDIS_PORT" ping
}

redis_stop() {
    stop_pid "$REDIS_PID" "${1:-TERM}"
    REDIS_PID=
}

tool() {
    "$SNAG_BUILD/tests/kafka_tool" "$BROKERS" "$@"
}

admin() {
    "$SNAG_BUILD/tests/kafka_admin" "$BROKERS" "$@"
}
