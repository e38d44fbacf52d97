#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Simulated worlds: many seeds, the seeds that once found a bug, every crash point died at by some world, and
# losses that end in a clear exit.
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
# What does not heal must end with the sentence that says what it is (loss.c).
for loss in offsets changelog sight; do
    "$sim" --worlds $((worlds / 15)) --seed 20001 --lose "$loss" || status=1
done
exit $status
