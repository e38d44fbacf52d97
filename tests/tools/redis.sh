# SPDX-License-Identifier: Apache-2.0
# Sourced behind tests/tools/kafka.sh: Redis in all its shapes, as processes of this machine, in LIVE, on
# free ports, stopped by process id.
#
#   redis_begin                    instead of live_begin where no Kafka is needed
#   redis_node PORT [WORD…]        starts a redis-server at PORT (words: its command line), waits for it
#   redis_node_pid PORT            its process; redis_node_stop PORT [SIGNAL]
#   redis_node_again PORT          as before and empty, but a cluster node keeps its name and slots
#
#   redis_cluster_start            six nodes, three masters with a replica each: CLUSTER_PORTS, CLUSTER_URL
#   redis_cluster_stop             all of them
#   redis_cluster_masters          ports of the masters, as the cluster sees it now
#   redis_cluster_owner KEY        port of the master that has the key's slot
#   redis_cluster_kill PORT [SIGNAL]   (STOP and CONT too); redis_cluster_again PORT
#   redis_cluster_kill_master [N]  kills the N-th master of now (0 …): CLUSTER_KILLED is its port
#   redis_cluster_failover_wait    until the cluster has replaced CLUSTER_KILLED
#   redis_cluster_wait             until every live node says that all is well
#   redis_cluster_wipe             FLUSHALL on every master
#   redis_cluster_move SLOT PORT [SECONDS]  moves a slot to that master, resting in the middle of it
#
#   redis_sentinel_start           master, replica, three sentinels: SENTINEL_URL, _PORTS, _NODES
#   redis_sentinel_master          the port that the sentinels name
#   redis_sentinel_stop            all of them
#
# With REDIS_PASSWORD set, every server (not the sentinels) asks for it.

declare -A REDIS_PIDS=()
declare -A REDIS_WORDS=()
CLUSTER_PORTS=()
SENTINEL_PORTS=()
SENTINEL_NODES=()
SENTINEL_NAME=snagmaster

redis_end() {
    local port
    for port in "${!REDIS_PIDS[@]}"; do
        stop_pid "${REDIS_PIDS[$port]}" KILL
    done
    live_end
}

redis_begin() {
    command -v redis-server >/dev/null || skip "no redis-server"
    LIVE="$(mktemp -d)"
    trap redis_end EXIT
}

# Talks to one node: redis_at PORT WORD…
redis_at() {
    local port=$1
    shift
    env ${REDIS_PASSWORD:+"REDISCLI_AUTH=$REDIS_PASSWORD"} redis-cli --no-auth-warning -p "$port" "$@"
}

redis_answers() { [ "$(redis_at "$1" ping)" = PONG ]; }

redis_node() {
    local port=$1
    shift
    trap redis_end EXIT
    REDIS_WORDS[$port]="$*"
    redis_node_again "$port"
}

redis_node_again() {
    local port=$1 words=()
    [ -n "${REDIS_PASSWORD:-}" ] && words+=(--requirepass "$REDIS_PASSWORD" --masterauth "$REDIS_PASSWORD")
    # Nothing is kept on disk but a cluster node's own file.
    # shellcheck disable=SC2206
    words+=(${REDIS_WORDS[$port]})
    redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$LIVE" \
        --dbfilename "$port.rdb" --repl-diskless-sync-delay 0 --daemonize no "${words[@]}" \
        >>"$LIVE/redis-$port.log" 2>&1 &
    REDIS_PIDS[$port]=$!
    wait_for 20 "the redis-server at $port" redis_answers "$port"
}

redis_node_pid() { echo "${REDIS_PIDS[$1]}"; }

redis_node_stop() {
    stop_pid "${REDIS_PIDS[$1]:-}" "${2:-TERM}"
    unset "REDIS_PIDS[$1]"
}

# --- cluster ------------------------------------------------------------------------------------------

redis_cluster_start() {
    local port nodes=() places=() i
    CLUSTER_PORTS=()
    for i in 1 2 3 4 5 6; do
        port=$(free_port)
        CLUSTER_PORTS+=("$port")
        local bus
        bus=$(free_port)
        redis_node "$port" --cluster-enabled yes --cluster-config-file "nodes-$port.conf" \
            --cluster-port "$bus" --cluster-node-timeout "${CLUSTER_TIMEOUT_MS:-1500}" \
            --cluster-replica-validity-factor 0
        nodes+=("127.0.0.1:$port@$bus")
        places+=("127.0.0.1:$port")
    done
    CLUSTER_URL="redis+cluster://${REDIS_PASSWORD:+:$REDIS_PASSWORD@}$(IFS=,; echo "${places[*]}")"
    redis_at "${CLUSTER_PORTS[0]}" --cluster create "${nodes[@]}" --cluster-replicas 1 --cluster-yes \
        >"$LIVE/cluster-create.log" 2>&1 || fail "redis-cli --cluster create"
    redis_cluster_wait
}

redis_cluster_stop() {
    local port
    for port in "${CLUSTER_PORTS[@]}"; do
        redis_node_stop "$port" KILL
    done
    CLUSTER_PORTS=()
}

redis_cluster_alive() { # a port whose process runs
    local port
    for port in "${CLUSTER_PORTS[@]}"; do
        [ -n "${REDIS_PIDS[$port]:-}" ] && [ "$(timeout 2 redis-cli -p "$port" ping 2>&1)" ] &&
            { echo "$port"; return 0; }
    done
    return 1
}

redis_cluster_nodes() { redis_at "$(redis_cluster_alive)" cluster nodes; }

redis_cluster_masters() {
    redis_cluster_nodes |
        awk '$3 ~ /master/ && $3 !~ /fail/ && NF > 8 { split($2, a, /[:@]/); print a[2] }' | sort
}

redis_cluster_owner() {
    local slot
    slot=$(redis_at "$(redis_cluster_alive)" cluster keyslot "$1")
    redis_cluster_slot_owner "$slot"
}

redis_cluster_slot_owner() {
    redis_cluster_nodes | awk -v slot="$1" '$3 ~ /master/ && $3 !~ /fail/ {
        split($2, a, /[:@]/)
        for (i = 9; i <= NF; i++) {
            n = split($i, r, "-")
            if (r[1] + 0 <= slot && slot <= (n > 1 ? r[2] : r[1]) + 0 && $i !~ /\[/) print a[2]
        }
    }'
}

redis_cluster_kill() {
    if [ "${2:-KILL}" = STOP ] || [ "${2:-KILL}" = CONT ]; then
        kill "-$2" "${REDIS_PIDS[$1]}"
    else
        redis_node_stop "$1" "${2:-KILL}"
    fi
}

redis_cluster_again() { redis_node_again "$1"; }

redis_cluster_kill_master() {
    local port
    port=$(redis_cluster_masters | sed -n "$((${1:-0} + 1))p")
    CLUSTER_KILLED=$port
    redis_cluster_kill "$port" KILL
}

redis_cluster_well() {
    local port
    for port in "${CLUSTER_PORTS[@]}"; do
        [ -n "${REDIS_PIDS[$port]:-}" ] || continue
        redis_at "$port" cluster info | grep -q '^cluster_state:ok' || return 1
        redis_at "$port" cluster nodes |
            grep -v 'fail\|noaddr' | grep 'slave' | grep -q ' connected' || return 1
    done
    [ "$(redis_cluster_masters | wc -l)" -ge 3 ]
}

redis_cluster_replaced() { redis_cluster_well && ! redis_cluster_masters | grep -q "^$CLUSTER_KILLED\$"; }

redis_cluster_failover_wait() {
    wait_for "${1:-30}" "a replica to take over from $CLUSTER_KILLED" redis_cluster_replaced
}

redis_cluster_wait() { wait_for "${1:-30}" "the Redis Cluster to be well" redis_cluster_well; }

redis_cluster_wipe() {
    local port
    for port in $(redis_cluster_masters); do
        redis_at "$port" flushall >/dev/null
    done
}

redis_cluster_id() { redis_at "$1" cluster myid; }

redis_cluster_move() {
    local slot=$1 to=$2 rest=${3:-0} from port keys count=0
    from=$(redis_cluster_slot_owner "$slot")
    [ "$from" = "$to" ] && return 0
    redis_at "$to" cluster setslot "$slot" importing "$(redis_cluster_id "$from")" >/dev/null
    redis_at "$from" cluster setslot "$slot" migrating "$(redis_cluster_id "$to")" >/dev/null
    while true; do
        mapfile -t keys < <(redis_at "$from" cluster getkeysinslot "$slot" 100 | grep .)
        [ "${#keys[@]}" -gt 0 ] || break
        redis_at "$from" migrate 127.0.0.1 "$to" "" 0 5000 ${REDIS_PASSWORD:+AUTH "$REDIS_PASSWORD"} \
            keys "${keys[@]}" >/dev/null || return 1
        count=$((count + ${#keys[@]}))
        if [ "$rest" != 0 ]; then sleep "$rest"; rest=0; fi
    done
    if [ "$rest" != 0 ]; then sleep "$rest"; fi
    for port in "$to" "$from"; do
        redis_at "$port" cluster setslot "$slot" node "$(redis_cluster_id "$to")" >/dev/null
    done
    for port in $(redis_cluster_masters); do
        redis_at "$port" cluster setslot "$slot" node "$(redis_cluster_id "$to")" >/dev/null
    done
    echo "$count"
}

# --- sentinel -----------------------------------------------------------------------------------------

redis_sentinel_start() {
    local master replica i port places=()
    master=$(free_port)
    redis_node "$master"
    replica=$(free_port)
    redis_node "$replica" --replicaof 127.0.0.1 "$master"
    SENTINEL_NODES=("$master" "$replica")
    SENTINEL_PORTS=()
    for i in 1 2 3; do
        port=$(free_port)
        SENTINEL_PORTS+=("$port")
        places+=("127.0.0.1:$port")
        cat >"$LIVE/sentinel-$port.conf" <<SENTINEL
port $port
bind 127.0.0.1
dir $LIVE
sentinel monitor $SENTINEL_NAME 127.0.0.1 $master 2
sentinel down-after-milliseconds $SENTINEL_NAME 1000
sentinel failover-timeout $SENTINEL_NAME 4000
${REDIS_PASSWORD:+sentinel auth-pass $SENTINEL_NAME $REDIS_PASSWORD}
SENTINEL
        redis-server "$LIVE/sentinel-$port.conf" --sentinel >>"$LIVE/sentinel-$port.log" 2>&1 &
        REDIS_PIDS[$port]=$!
    done
    SENTINEL_URL="redis+sentinel://${REDIS_PASSWORD:+:$REDIS_PASSWORD@}$(IFS=,; echo "${places[*]}")"
    SENTINEL_URL="$SENTINEL_URL/$SENTINEL_NAME"
    wait_for 30 "the sentinels to know each other" redis_sentinel_well
}

redis_sentinel_well() {
    local port
    for port in "${SENTINEL_PORTS[@]}"; do
        redis-cli -p "$port" sentinel ckquorum "$SENTINEL_NAME" | grep -q '^OK 3' || return 1
        redis-cli -p "$port" sentinel replicas "$SENTINEL_NAME" | grep -q runid || return 1
    done
}

redis_sentinel_master() {
    redis-cli -p "${SENTINEL_PORTS[0]}" sentinel get-master-addr-by-name "$SENTINEL_NAME" | sed -n 2p
}

redis_sentinel_stop() {
    local port
    for port in "${SENTINEL_PORTS[@]}" "${SENTINEL_NODES[@]}"; do
        redis_node_stop "$port" KILL
    done
    SENTINEL_PORTS=()
    SENTINEL_NODES=()
}
