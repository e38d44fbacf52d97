# SPDX-License-Identifier: Apache-2.0
#
# What the measurements over a real broker share; sourced by bench/live_*.sh.
. "$SNAG_SOURCE/tests/tools/kafka.sh"

MACHINE=$(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo)

# bench_options "NAME=VALUE …" ARGUMENTS…: --tiny sets these (and TINY), --NAME N one of them; figures go to
# &3, which is --out FILE, at its end, or stdout
bench_options() {
    local tiny=$1 word name
    shift
    TINY=false
    exec 3>&1
    while [ $# -gt 0 ]; do
        name=${1#--}
        case "$1:${2:+more}" in
        --tiny:*)
            TINY=true
            for word in $tiny; do printf -v "${word%%=*}" %s "${word#*=}"; done
            shift
            continue
            ;;
        --out:more) exec 3>>"$2" ;;
        --*:more)
            [[ " $tiny " == *" $name="* ]] || bench_usage "$tiny"
            printf -v "$name" %s "$2"
            ;;
        *) bench_usage "$tiny" ;;
        esac
        shift 2
    done
}

bench_usage() {
    local word words=""
    for word in $1; do words+=" [--${word%%=*} N]"; done
    echo "usage: $0 [--tiny] [--out FILE]$words" >&2
    exit 2
}

# A broker and a Redis of one's own, for pipelines that name ${KAFKA} and ${REDIS_URL}.
bench_begin() {
    live_begin
    kafka_start
    redis_start
    export KAFKA="$BROKERS" REDIS_URL
}
