#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Real chaos by hand, and the soak:
#
#   tests/tools/chaos.sh --seed 7                  one round: 40 faults in about 160 s
#   tests/tools/chaos.sh --minutes 60 --seed 7     rounds for an hour, each with a schedule of its own
#   tests/tools/chaos.sh --list                    the faults
#   SNAG_BUILD=build/asan tests/tools/chaos.sh     the same with a build that has sanitizers
#
# Environment: SNAG_BUILD = a build folder (default: build), SNAG_CHAOS_LOGS = where a failure leaves its logs
# (default: in the build folder).
set -uo pipefail
SNAG_SOURCE="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
SNAG_BUILD="${SNAG_BUILD:-$SNAG_SOURCE/build}"
SNAG="${SNAG:-$SNAG_BUILD/snag}"
. "$SNAG_SOURCE/tests/tools/kafka.sh"
CALLS="${SNAG_DATA:-$SNAG_SOURCE/../shared/data}/calls.jsonl.gz"
[ -f "$CALLS" ] || skip "no shared data (calls.jsonl.gz)"
live_begin
rm -rf "$LIVE"
trap - EXIT
exec python3 "$TOOLS/chaos" --snag "$SNAG" --build "$SNAG_BUILD" --source "$SNAG_SOURCE" --calls "$CALLS" \
    --kafka-lib "$KAFKA_LIB" --logs "${SNAG_CHAOS_LOGS:-$SNAG_BUILD/chaos}" "$@"
