# SPDX-License-Identifier: Apache-2.0
# Compares standard input with an expected file; SNAG_BLESS=1 writes the file anew, the review is the diff.
#   program | compare EXPECTED
compare() {
    local got
    got=$(mktemp)
    cat >"$got"
    if [ -n "${SNAG_BLESS:-}" ]; then
        cp "$got" "$1"
    fi
    if ! diff -u "$1" "$got"; then
        echo "$1: the output differs; SNAG_BLESS=1 takes it over"
        rm -f "$got"
        return 1
    fi
    rm -f "$got"
}
