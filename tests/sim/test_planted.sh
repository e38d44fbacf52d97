#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The simulation is tested: with each planted bug (src/base/planted.h) it must go red within the seeds that CI
# runs, with none it must stay green, and the program that people run must not know one of them.
set -euo pipefail

sim=$SNAG_BUILD/tests/sim_planted
if ! [ -x "$sim" ]; then
    echo "SKIPPED: built without -DSNAG_PLANTED=ON"
    exit 77
fi

status=0
# Bugs of the Kafka adapter need a real broker.
words=$(sed -n 's/^ *X([A-Z_]*, "\([a-z-]*\)", "\(runtime\|engine\|store\)".*/\1/p' \
    "$SNAG_SOURCE/src/base/planted.h")
[ "$(echo "$words" | wc -l)" -ge 8 ] || { echo "the table of planted bugs cannot be read"; exit 1; }
# --red must itself be able to fail: without a bug nothing is found.
if "$sim" --red --worlds 5 >/dev/null; then
    echo "--red finds something where nothing is planted"
    status=1
fi
for word in $words; do
    if said=$("$sim" --plant "$word" --red --worlds 600 2>/dev/null); then
        printf '%-20s %.150s\n' "$word" "$said"
    else
        echo "NOT FOUND: $word"
        status=1
    fi
done

"$sim" --worlds 20 --no-shrink >/dev/null || { echo "without a planted bug sim_planted is red"; status=1; }

for word in $words; do
    if grep -q -a -- "$word" "$SNAG"; then
        echo "the program knows the planted bug $word"
        status=1
    fi
done
exit $status
