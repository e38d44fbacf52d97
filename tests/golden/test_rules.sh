#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The plain-text cases of every rule kind: each rules/NAME.yaml with its NAME.cases. The check checks
# itself: with a planted wrong expectation the cases must fail.
set -euo pipefail

folder=$SNAG_SOURCE/tests/golden/rules
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
failed=0
for pipeline in "$folder"/*.yaml; do
    echo "$(basename "$pipeline" .yaml): "
    "$SNAG" check "$pipeline" >"$temporary/check" || { cat "$temporary/check"; failed=1; }
    "$SNAG" test "$pipeline" "${pipeline%.yaml}.cases" || failed=1
done
sed 's/observed=3/observed=4/' "$folder/count.cases" >"$temporary/count.cases"
if "$SNAG" test "$folder/count.yaml" "$temporary/count.cases" >/dev/null; then
    echo "a planted wrong expectation was not noticed"
    failed=1
fi
exit "$failed"
