# SPDX-License-Identifier: Apache-2.0
"""Each row of the table of mutants (tests/tools/mutants.py) fits the sources as they are: a row whose text is
gone or stands there twice would turn nothing, or something else."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(os.environ["SNAG_SOURCE"]) / "tests/tools"))
import mutants  # noqa: E402

FAULTS = mutants.misfits()
print("\n".join(FAULTS) or f"{len(mutants.MUTANTS)} rows fit")
mutants.MUTANTS.append(("rules/score.c", "no such text", "", ""))
sys.exit(1 if FAULTS or len(mutants.misfits()) != 1 else 0)
