#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs every test; does all of its own set-up on a fresh Debian 12.
#
#   tests/run.sh                 everything
#   tests/run.sh --quick         all but the integration tests (no broker, no Redis)
#   tests/run.sh unit golden     only these labels: lint unit golden fuzz bench sim model integration
#
# Environment: SNAG_BUILD = build folder (default: build), CI=true = nothing may be skipped.
#
# The integration tests need Java and Maven (a real Kafka broker from Maven Central). Where these cannot
# be had they are left out with a word at the start and at the end, but never when CI=true.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=no
labels=()
for word in "$@"; do
    case "$word" in
    --quick) quick=yes ;;
    -h | --help) sed -n '4,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
    lint | unit | golden | fuzz | bench | sim | model | integration) labels+=("$word") ;;
    *) echo "tests/run.sh: unknown word '$word': --quick, or" \
            "lint unit golden fuzz bench sim model integration" >&2
       exit 2 ;;
    esac
done
ci=no
[ "${CI:-}" = true ] && ci=yes
build=${SNAG_BUILD:-build}

heading() { printf '\n==== %s ====\n' "$*"; }

heading "packages"
if ! tests/tools/setup.sh packages tests; then
    # Perhaps only Java or Maven could not be had: the build packages alone still make a good run.
    [ "$ci" = no ] || exit 1
    tests/tools/setup.sh packages
fi

heading "build"
tests/tools/setup.sh build "$build" -DCMAKE_BUILD_TYPE=Release -DSNAG_PLANTED=ON

without=""
choose=()
if [ ${#labels[@]} -gt 0 ]; then
    choose+=(-L "^($(IFS='|'; echo "${labels[*]}"))$")
fi
if [ "$quick" = yes ]; then
    choose+=(-LE '^integration$')
elif [ ${#labels[@]} = 0 ] || [[ " ${labels[*]} " == *" integration "* ]]; then
    for tool in java mvn redis-server; do
        command -v "$tool" >/dev/null || without="$without $tool"
    done
    if [ -n "$without" ]; then
        message="!!!! NO INTEGRATION TESTS: cannot find$without !!!!"
        echo "$message" >&2
        [ "$ci" = no ] || exit 1
        choose+=(-LE '^integration$')
    fi
fi

heading "tests"
status=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Integration tests run one by one (RUN_SERIAL); the others share the cores.
ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" "${choose[@]}" </dev/null 2>&1 |
    tee "$log" || status=$?
if grep -q '\*\*\*Skipped' "$log"; then
    if [ "$ci" = yes ]; then
        echo "tests/run.sh: with CI=true a skipped test is a failed one" >&2
        status=1
    fi
fi
[ -z "$without" ] || echo "$message" >&2
exit "$status"
