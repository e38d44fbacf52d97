#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Redis lies, lags and vanishes under tools/store_walk, which knows what is true: one server with an ACL user,
# Sentinels, a Redis Cluster. No Kafka in here.
set -uo pipefail
. "$SNAG_SOURCE/tests/tools/kafka.sh"
. "$SNAG_SOURCE/tests/tools/redis.sh"
redis_begin
SEED=${SEED:-$((RANDOM))}
echo "seed $SEED"
SECRET="ge/h@im:%$SEED"

# walk NAME URL SECONDS: in the background, until walk_end or so many seconds
walk() {
    NAME=$1
    REDIS_PASSWORD="${WALK_PASSWORD:-}" REDIS_USER="${WALK_USER:-}" "$SNAG_BUILD/tests/store_walk" \
        "$2" "$SEED" "$3" >"$LIVE/$NAME.json" 2>"$LIVE/$NAME.log" &
    WALK_PID=$!
    STARTED+=("$WALK_PID")
    sleep 1
}

walk_end() {
    kill -TERM "$WALK_PID"
    wait "$WALK_PID" || fail "the walk $NAME with seed $SEED: $(tail -n 3 "$LIVE/$NAME.log")"
    echo "$NAME: $(cat "$LIVE/$NAME.json")"
}

# at_least NAME WHAT COUNT: a number of the walk's last line
at_least() {
    python3 - "$LIVE/$NAME.json" "$1" "$2" <<'CHECK' || fail "$NAME: $1 is not at least $2"
import json, sys
sys.exit(json.load(open(sys.argv[1]))[sys.argv[2]] < int(sys.argv[3]))
CHECK
}

# hear WORDS: waits until the walk says so
hear() { wait_for 20 "$NAME: nothing was said of \"$1\"" grep -q -- "$1" "$LIVE/$NAME.log"; }
# heard WORDS: the walk said so
heard() { grep -q -- "$1" "$LIVE/$NAME.log" || fail "$NAME: nothing was said of \"$1\""; }
lost_and_back() { # as often lost as back, and not more often than COUNT
    local lost back
    lost=$(grep -c 'going on without it' "$LIVE/$NAME.log")
    back=$(grep -c 'Redis is back' "$LIVE/$NAME.log")
    [ "$lost" = "$back" ] || fail "$NAME: $lost times lost, $back times back"
    [ "$lost" -le "$1" ] || fail "$NAME: said $lost times for $1 faults"
}

explained() { # URL [PASSWORD]: snag explain finds its way to every partition
    cat >"$LIVE/p.yaml" <<'PIPELINE'
pipeline: walk
sources: { web: { topic: input, format: json, map: { time: at, type: what, customer: who } } }
rules: { stuck: { event: Asked, missing: Answered, after: 1s, owner: desk } }
redis: { url: "${REDIS_URL}", user: "${REDIS_USER:-default}", password: "${REDIS_PASSWORD:-none}" }
PIPELINE
    [ -n "${WALK_PASSWORD:-}" ] || sed -i 's/, user:.*/ }/' "$LIVE/p.yaml"
    REDIS_URL=$1 REDIS_USER="${WALK_USER:-default}" REDIS_PASSWORD="${WALK_PASSWORD:-none}" \
        "$SNAG" explain "$LIVE/p.yaml" nobody >"$LIVE/explain.log" 2>&1 || fail "snag explain with $1"
    grep -q "nothing is known of nobody" "$LIVE/explain.log" || fail "snag explain with $1"
}

# --- one server, an ACL user with just the rights that the manual names ---------------------------------
port=$(free_port)
redis_node "$port" --busy-reply-threshold 100
rights=$("$SNAG" manual "ACL SETUSER" | tr '\n' ' ' | grep -o '~snag[^;]*' | head -1)
# shellcheck disable=SC2086
redis_at "$port" acl setuser snag on ">$SECRET" $rights | grep -q OK || fail "ACL SETUSER: $rights"
url="redis://127.0.0.1:$port"
WALK_USER=snag
WALK_PASSWORD=$SECRET
walk server "$url" 600
redis_at "$port" script flush >/dev/null                    # NOSCRIPT
redis_at "$port" client kill type normal >/dev/null         # connections close
sleep 0.5
redis_at "$port" flushall >/dev/null                        # wiped
sleep 0.5
redis_at "$port" acl setuser snag -evalsha -eval >/dev/null # NOPERM
hear "lacks a right"
redis_at "$port" acl setuser snag +evalsha +eval >/dev/null
sleep 1.5
redis_at "$port" config set maxmemory 1mb >/dev/null        # OOM
hear "memory is full"
redis_at "$port" config set maxmemory 0 >/dev/null
sleep 1.5
redis_at "$port" replicaof 127.0.0.1 1 >/dev/null           # READONLY
hear "is a replica"
redis_at "$port" replicaof no one >/dev/null
sleep 1
timeout 5 redis-cli -p "$port" eval 'while true do end' 0 >/dev/null 2>&1 & # BUSY
sleep 1
redis_at "$port" script kill >/dev/null
sleep 0.5
kill -STOP "$(redis_node_pid "$port")"                      # slow
sleep 2.5
kill -CONT "$(redis_node_pid "$port")"
sleep 0.5
redis_node_stop "$port" KILL                                # gone, and back without anything: no user either
sleep 0.5
redis_node_again "$port"
# shellcheck disable=SC2086
redis_at "$port" acl setuser snag on ">$SECRET" $rights >/dev/null
walk_end
explained "$url"
at_least reloads 20
at_least readonly 1
at_least waited 1
lost_and_back 10
WALK_USER='' WALK_PASSWORD=''

# --- Sentinels: the master dies, its replica lagging; then a failover on request ------------------------
redis_sentinel_start
url=$SENTINEL_URL
master=$(redis_sentinel_master)
for other in "${SENTINEL_NODES[@]}"; do [ "$other" = "$master" ] || replica=$other; done
walk sentinel "$url" 600
kill -STOP "$(redis_node_pid "$replica")" # it lags, and nobody knows of what the master took meanwhile
sleep 0.6
redis_node_stop "$master" KILL
kill -CONT "$(redis_node_pid "$replica")"
taken_over() { [ "$(redis_sentinel_master)" = "$1" ]; }
wait_for 20 "the Sentinels to name the replica" taken_over "$replica"
redis_node_again "$master"
follows() { redis_at "$1" info replication | grep -q 'master_link_status:up'; }
wait_for 20 "the old master to follow" follows "$master"
sleep 1
redis-cli -p "${SENTINEL_PORTS[1]}" sentinel failover "$SENTINEL_NAME" >/dev/null
wait_for 20 "the failover that was asked for" taken_over "$master"
walk_end
explained "$url"
at_least reloads 12
at_least routes 3
lost_and_back 4
redis_sentinel_stop

# --- a cluster: slots move, a master dies, a master is wiped ---------------------------------------------
redis_cluster_start
walk cluster "redis://127.0.0.1:${CLUSTER_PORTS[3]}" 600 # any node leads to the others
heads() { for one in $(redis_cluster_masters); do redis_at "$one" --scan --pattern 'snag:{walk*:m'; done; }
heads_are() { [ "$(heads | wc -l)" = 6 ]; }
wait_for 20 "six heads in the cluster" heads_are
mapfile -t keys < <(heads | sort)
for key in "${keys[@]:0:3}"; do
    slot=$(redis_at "${CLUSTER_PORTS[0]}" cluster keyslot "$key")
    from=$(redis_cluster_owner "$key")
    to=$(redis_cluster_masters | grep -v "^$from\$" | head -1)
    moved=$(redis_cluster_move "$slot" "$to" 1.5)
    [ "$moved" -gt 0 ] || fail "no key moved with slot $slot"
done
redis_cluster_kill_master 1
redis_cluster_failover_wait
redis_cluster_again "$CLUSTER_KILLED"
redis_at "$(redis_cluster_masters | head -1)" flushall >/dev/null
walk_end
explained "$CLUSTER_URL"
at_least moved 3
at_least asked 1
at_least waited 10
at_least reloads 8
lost_and_back 3
# Its own shape of address, and the clear words where the shape is not the server's.
walk seeds "$CLUSTER_URL" 1
walk_end
lost_and_back 0
redis_cluster_stop

# --- the walk itself can fail: somebody writes an untruth behind its back --------------------------------
redis_at "$port" flushall >/dev/null
walk lied "redis://127.0.0.1:$port" 600
full() { [ "$(redis_at "$port" --scan --pattern 'snag:{walk*:1?' | wc -l)" -ge 10 ]; }
wait_for 20 "the walk to write" full
for key in $(redis_at "$port" --scan --pattern 'snag:{walk*:1?'); do
    for field in $(redis_at "$port" hkeys "$key"); do
        redis_at "$port" hset "$key" "$field" lie >/dev/null
    done
done
kill -TERM "$WALK_PID" 2>/dev/null # it may have given up already
wait "$WALK_PID" && fail "the walk took lies for the truth"
grep -q "is not what it was at the head's commit" "$LIVE/lied.log" || fail "the walk failed otherwise"

redis_at "$port" flushall >/dev/null
refused() { # WORDS URL
    "$SNAG_BUILD/tests/store_walk" "$2" 1 0 >/dev/null 2>"$LIVE/refused.log" && fail "$2 was taken"
    grep -q -- "$1" "$LIVE/refused.log" || fail "$2: $(cat "$LIVE/refused.log")"
}
refused "no Redis Cluster: write redis://" "redis+cluster://127.0.0.1:$port"
refused "unknown command" "redis+sentinel://127.0.0.1:$port/m"
refused "does not know this user and password" "redis://me:wrong@127.0.0.1:$port"
refused "has no database of this number" "redis://127.0.0.1:$port/9999"
redis_at "$port" config set requirepass "$SECRET" >/dev/null
refused "wants a password" "redis://127.0.0.1:$port"

# --- nobody has told a password ---------------------------------------------------------------------------
! grep -rlF "$SECRET" "$LIVE"/*.log "$LIVE"/*.json || fail "a password was told"
echo "ok: everything that was lost has been mended, and nothing untrue was read"
