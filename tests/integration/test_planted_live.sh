#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The live tests are tested: a snag that reads uncommitted records, one that lets the client commit offsets by
# itself, and one whose transactions carry no offsets must each be found out within seconds against a real
# broker, and without a planted bug the same scenes must be green (tests/tools/chaos/planted.py).
set -uo pipefail
. "$SNAG_SOURCE/tests/tools/kafka.sh"
CALLS="${SNAG_DATA:-$SNAG_SOURCE/../shared/data}/calls.jsonl.gz"
[ -f "$CALLS" ] || skip "no shared data (calls.jsonl.gz)"
live_begin
rm -rf "$LIVE"
trap - EXIT
PLANTED="$SNAG_BUILD/snag_planted"
if [ ! -x "$PLANTED" ]; then
    cmake -S "$SNAG_SOURCE" -B "$SNAG_BUILD/planted" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSNAG_PLANTED=ON \
        >/dev/null && cmake --build "$SNAG_BUILD/planted" --target snag_planted -j 2 >/dev/null ||
        { echo "FAILED: snag_planted cannot be built" >&2; exit 1; }
    PLANTED="$SNAG_BUILD/planted/snag_planted"
fi
exec python3 "$TOOLS/chaos/planted.py" --snag "$PLANTED" --build "$SNAG_BUILD" --source "$SNAG_SOURCE" \
    --calls "$CALLS" --kafka-lib "$KAFKA_LIB" --logs "$SNAG_BUILD/chaos" --records 12000
