#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Shows the main job: events in, alerts and journey changes out, with neither Kafka nor Redis. Does all of
# its own set-up on a fresh Debian 12 (packages, build), then takes about half a minute.
#
#   pipelines/demo.sh      on a terminal: as it happens, many times faster; piped: at once
#
# Environment: SNAG_BUILD = build folder (default: build), SNAG = a program that is built already.
set -euo pipefail
cd "$(dirname "$0")/.."

bold='' plain='' fast=() slow=()
if [ -t 1 ]; then
    fast=(--speed 250000)
    slow=(--speed 7200)
    if [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
        bold=$'\033[1m' plain=$'\033[0m'
    fi
fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

build=${SNAG_BUILD:-build}
snag=${SNAG:-$build/snag}
if [ -z "${SNAG:-}" ]; then
    say "Packages and build, in $build/ (the first time this takes some minutes)"
    tests/tools/setup.sh
    [ -f "$build/build.ninja" ] || cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
    cmake --build "$build" --target snag
fi

say "1. A web shop: real clicks, carts and orders of 20 sessions, four weeks of 2022"
echo "   Who left a cart for a day? (pipelines/shop.yaml: one rule, \`missing: orders, after: 24h\`)"
echo
"$snag" replay pipelines/shop.yaml pipelines/data/shop.jsonl.gz --format text "${fast[@]}"

say "2. A web application: invented customers who upload files; some of them get stuck"
echo "   Their journeys; uploads that fail again and again, or hang; projects without a file"
echo "   (pipelines/uploads.yaml)"
echo
"$snag" simulate --scenario uploads --events 480 --rate 15/h --customers 150 --seed 13 |
    "$snag" replay pipelines/uploads.yaml --format text "${slow[@]}"

say "3. The same as it goes to a topic: one alert, as a CloudEvent"
echo
alerts=$("$snag" replay pipelines/shop.yaml pipelines/data/shop.jsonl.gz --only alerts --format json --quiet)
echo "${alerts%%$'\n'*}"

say "Now your own events: README.md, \"A first pipeline\"; every command has --help: $snag --help"
