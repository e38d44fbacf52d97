#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The model holds under every small set of faults, searched exhaustively, and every planted bug is found: a
# check that cannot fail proves nothing.
#
#   holds NAME STATES FAULTS     no error, and at least STATES states were looked at
#   breaks NAME FAULTS           an error is found
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
command -v spin >/dev/null || { echo "SKIPPED: cannot find spin (Debian package spin)"; exit 77; }

faults() { echo "-DCRASH=$1 -DKICK=$2 -DFAIL=$3 -DTMO=$4 ${*:5}"; }

cases() {
    # crash, session timeout or rebalance, Redis falls back, EndTxn late
    echo "holds nothing 7000 $(faults 0 0 0 0)"
    echo "holds crash 120000 $(faults 1 0 0 0)"
    echo "holds kick 580000 $(faults 0 1 0 0)"
    echo "holds failover 56000 $(faults 0 0 1 0)"
    echo "holds late 57000 $(faults 0 0 0 1)"
    echo "holds crash-failover 880000 $(faults 1 0 1 0)"
    echo "breaks flush-before-commit 0 $(faults 0 0 0 0 -DM_EARLY)"
    echo "breaks compare-and-set-ignored 0 $(faults 0 0 1 0 -DM_CAS)"
    echo "breaks no-offsets 0 $(faults 0 0 0 0 -DM_NOOFF)"
    echo "breaks no-offsets-with-a-tick 0 $(faults 1 0 0 0 -DM_NOOFFTICK)"
    echo "breaks producer-used-again 0 $(faults 1 0 0 1 -DM_REUSE)"
    echo "breaks offsets-compared-only 0 $(faults 1 0 0 0 -DM_OFFCAS)"
    echo "breaks log-read-to-visible-end 0 $(faults 1 0 0 0 -DM_LSO)"
    echo "breaks chunks-without-step 0 $(faults 1 0 1 0 -DM_CHUNK)"
    echo "breaks heads-not-compared 0 $(faults 1 0 1 0 -DM_HEAD)"
    echo "breaks reload-without-step 0 $(faults 1 0 1 0 -DM_TOKEN)"
    echo "breaks reload-unguarded 0 $(faults 0 1 1 0 -DM_RAW)"
    echo "breaks no-generation 0 $(faults 0 1 0 0 -DM_GEN)"
    echo "breaks offsets-not-stable 0 $(faults 0 1 0 0 -DM_STABLE)"
}

# One case; a line that begins with FAILED where it is not as wanted.
check() {
    local want=$1 name=$2 least=$3 said errors states
    shift 3
    said=$("$here/run.sh" "$name" "$*") || { echo "FAILED $name: the search did not run"; return; }
    errors=$(sed 's/.*errors=\([0-9]*\).*/\1/' <<<"$said")
    states=$(sed 's/.*states=\([0-9]*\).*/\1/' <<<"$said")
    if [ "$want" = holds ] && [ "$errors" = 0 ] && [ "$states" -ge "$least" ] &&
        [[ "$said" == *finished=yes* ]]; then
        echo "holds  $said"
    elif [ "$want" = breaks ] && [ "$errors" != 0 ] && [[ "$said" == *"found="?* ]]; then
        echo "found  $said"
    else
        echo "FAILED $want, but: $said"
    fi
}
export -f check
export here

out=$(cases | xargs -P "$(nproc)" -I{} bash -c 'check {}')
echo "$out"
[ "$(wc -l <<<"$out")" = "$(cases | wc -l)" ] || { echo "FAILED: not every case answered"; exit 1; }
if grep -q '^FAILED' <<<"$out"; then exit 1; fi
