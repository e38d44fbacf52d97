#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Simulated worlds: many seeds, the seeds that once found a bug, and every crash point died at by some world.
# A build with sanitizers runs fewer: it is there to look at memory, not for more chance.
set -euo pipefail

sim=$SNAG_BUILD/tests/sim
worlds=600
points=--points
if grep -q '^SNAG_SANITIZE:STRING=.' "$SNAG_BUILD/CMakeCache.txt"; then
    worlds=120
    points=
fi

status=0
while read -r seed what; do
    case $seed in '' | '#'*) continue ;; esac
    "$sim" --world "$seed" >/dev/null && continue
    echo "an old failure is back: $sim --world $seed: $what"
    status=1
done <"$SNAG_SOURCE/tests/sim/seeds.txt"

"$sim" --worlds "$worlds" --seed 1 $points || status=1
exit $status
