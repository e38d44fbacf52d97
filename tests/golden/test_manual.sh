#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The manual is what the binary prints: a word that changes in a table changes here, and is seen in review.
set -euo pipefail
cd "$SNAG_SOURCE"
. tests/golden/compare.sh
"$SNAG" manual | compare tests/golden/manual.txt
"$SNAG" manual overtake | grep -q "an answer stamped at most so long before its question"
if "$SNAG" manual sevrity 2>/dev/null; then
    echo "an unknown word must be refused"
    exit 1
fi
{ "$SNAG" manual sevrity 2>&1 || true; } | grep -q 'did you mean "severity"'
