#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# One search through the model. Needs spin and gcc. Prints one line of key=value words:
#
#   tests/model/run.sh NAME "-DCRASH=1 -DKICK=0 -DFAIL=0 -DTMO=0"     [-DM_LSO and so on breaks it on purpose]
#   -> NAME errors=0 states=120890 found=
#
# Environment: BIT=1 searches by bitstate (not exhaustive), CF=-DHC4 hash-compact, CF="-DCOLLAPSE -DNP"
# with RUN=-l looks for cycles instead; SECONDS_MAX (600), MEM (4000 MiB). A search that did not finish
# has finished=no.
set -euo pipefail
name=$1
model=$(cd "$(dirname "$0")" && pwd)/commit.pml
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
kind="-DSAFETY ${CF:--DCOLLAPSE}"
case "${CF:-}" in *-DNP*) kind=$CF ;; esac
# spin's own preprocessor call wants single words
# shellcheck disable=SC2086
{ spin -a ${2:-} "$model" &&
    gcc -w -O1 $kind ${BIT:+-DBITSTATE} -DMEMLIM="${MEM:-4000}" -o pan pan.c; } >build.out 2>&1 ||
    { cat build.out >&2; exit 2; }
# shellcheck disable=SC2086
timeout -s INT "${SECONDS_MAX:-600}" ./pan -m300000 ${BIT:+-w33} ${RUN:-} >pan.out 2>&1 || true
errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.out | head -1)
states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.out | head -1)
found=$(sed -n 's/^pan:[0-9]*: //p' pan.out | head -1 | tr -s ' ' | cut -c1-90)
finished=yes
grep -qE 'Interrupted|max search depth too small|out of memory|reached -DMEMLIM' pan.out && finished=no
[ -n "$errors" ] || { cat pan.out >&2; exit 2; }
echo "$name errors=$errors states=${states:-0} finished=$finished found=$found"
