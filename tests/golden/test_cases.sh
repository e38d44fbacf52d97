#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every shipped pipeline has cases, and they pass; a wrong case fails with file, line, and what came.
set -euo pipefail
status=0
for pipeline in "$SNAG_SOURCE"/pipelines/*.yaml; do
    cases=${pipeline%.yaml}.cases
    if [ ! -f "$cases" ]; then
        echo "$pipeline has no cases"
        status=1
    elif ! "$SNAG" test --quiet "$pipeline" "$cases"; then
        status=1
    fi
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fails() { # CODE WORDS: the case on stdin ends with this exit code and says these words
    local got=0
    cat >"$folder/wrong.cases"
    "$SNAG" test "$SNAG_SOURCE/pipelines/${of:-shop}.yaml" "$folder/wrong.cases" >"$folder/out" 2>&1 || got=$?
    if [ "$got" != "$1" ] || ! grep -qF "$2" "$folder/out"; then
        echo "want exit code $1 and \"$2\", got $got and:"
        cat "$folder/out"
        status=1
    fi
}
fails 1 'wrong.cases:3: wrong.cases' <<'.'
s1 10:00 carts session=s1 article=1
at 2026-01-06T10:00:01
expect alert cart_left s1 trigger at 10:00
.
fails 1 'its time is 2026-01-06 10:00:00' <<'.'
s1 10:00 carts session=s1 article=1
at 2026-01-06T10:00:01
expect alert cart_left s1 trigger at 10:00
.
fails 1 'expected  nothing' <<'.'
s1 10:00 carts session=s1 article=1
at 2026-01-06T10:00:01
.
fails 1 'came      nothing' <<'.'
s1 10:00 carts session=s1 article=1
at 2026-01-06T10:00:00
expect alert cart_left s1 trigger
.
fails 1 'its owner is shop-care' <<'.'
s1 10:00 carts session=s1 article=1
at 2026-01-06T10:00:01
expect alert cart_left s1 trigger owner=nobody
.
fails 1 '1 passed, 1 failed' <<'.'
case one
s1 10:00 carts session=s1 article=1
case two
s1 10:00 carts session=s1 article=1
expect alert cart_left s1 trigger
.
fails 1 'its customer is s1' <<'.'
s1 10:00 carts session=s1 article=1
at 2026-01-06T10:00:01
expect alert cart_left s2 trigger
.
fails 2 'wrong.cases:1:5: expected a time' <<'.'
s1  10-00 carts
.
fails 2 'wrong.cases:3:35: such a record has no "who"; it has headline, severity, owner' <<'.'
s1 10:00 carts session=s1 article=1
at 2026-01-06T10:00:01
expect alert cart_left s1 trigger who=me
.
of=uploads fails 2 'wrong.cases:3:14: this case looks at other names only; add it to `use`' <<'.'
use import
c-1 10:00 "Project Created" project=p-1
expect alert import.created.late c-1 trigger
.
cat >"$folder/misspelt.cases" <<'.'
s1 10:00 carts session=s1
s1 10:01 ordres session=s1
at 2026-01-06T10:00:01
expect alert cart_left s1 trigger
.
noted='misspelt.cases:2: no rule, stage or fact names "ordres"'
if ! "$SNAG" test "$SNAG_SOURCE/pipelines/shop.yaml" "$folder/misspelt.cases" | grep -qF "$noted"; then
    echo "an event that nothing names is not noted"
    status=1
fi
if "$SNAG" test "$SNAG_SOURCE/pipelines/shop.yaml" "$folder/none.cases" 2>"$folder/out"; then
    echo "a file that is not there passes"
    status=1
fi
exit $status
