#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Live: time that is moved by the clock never makes a false stall (tests/tools/chaos/clock.py), and processes
# start while one of three brokers is away.
set -uo pipefail
. "$SNAG_SOURCE/tests/tools/kafka.sh"
live_begin
rm -rf "$LIVE"
trap - EXIT
exec python3 "$TOOLS/chaos/clock.py" --snag "$SNAG" --build "$SNAG_BUILD" --source "$SNAG_SOURCE" \
    --kafka-lib "$KAFKA_LIB"
