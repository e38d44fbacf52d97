#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The real benchmark runs, one command: builds (gcc, Release) and writes one JSON object a figure.
#
#   bench/run.sh               all of them, into bench/results/<date>-<commit>.json and bench/RESULTS.json
#   bench/run.sh core wheel    only these (bench_core, bench_wheel); RESULTS.json stays as it is
#
# Both are JSON Lines. Run it on a machine that does nothing else. RESULTS.json is committed: what was
# measured last, where and with what compiler; results/ is not.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${SNAG_BUILD:-build}
tests/tools/setup.sh packages
tests/tools/setup.sh build "$build" -DCMAKE_BUILD_TYPE=Release

mkdir -p bench/results
commit=$(git rev-parse --short HEAD 2>/dev/null || echo none)
out=bench/results/$(date -u +%Y-%m-%dT%H%M%S)-$commit.json
: >"$out"

run() {
    echo "== ${1##*/}" >&2
    "$1" --out "$out"
}

if [ $# -gt 0 ]; then
    for name in "$@"; do run "$build/bench/bench_$name"; done
    echo "written: $out" >&2
    exit 0
fi
for program in "$build"/bench/bench_*; do
    if [ -x "$program" ] && [ ! -d "$program" ]; then run "$program"; fi
done
for script in bench/live_*.sh; do
    [ -e "$script" ] || continue
    SNAG="$build/snag" SNAG_BUILD="$build" SNAG_SOURCE="$PWD" bash "$script" --out "$out"
done
cp "$out" bench/RESULTS.json
echo "written: $out and bench/RESULTS.json" >&2
