#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `snag explain` says of a rule before its alert: how much there is, how much it takes, and what is
usual where that decides. The usual share is counted once more by the recount of `enter: 2x`; one event later
the alert must come, or not, as the numbers said.

    SNAG=build/snag tests/golden/test_explain.py
"""
import json
import os
import subprocess
import sys
import tempfile

from test_recount_usual import Segments

SNAG = os.environ.get("SNAG", "build/snag")
PIPELINE = """pipeline: explain
calendars: { here: { zone: UTC } }
shapes:
  big: has(plan) && plan == "big"
  other: otherwise
sources:
  s: { topic: s, format: json, map: { id: id, time: t, type: e, customer: c }, keep: { plan: plan } }
rules:
  worse: { ratio: F, of: [F, T], within: 6h, enter: 2x, leave: 1x, min: 3 }
  plain: { ratio: F, of: [F, T], within: 6h, enter: 60%, leave: 30% }
  often: { event: F, count: 9, within: 6h }
  use: { change: U, each: week, by: 30%, min: 2 }
  fewer: { change: U, each: day, by: -25% }
  sum: { score: { often: 4, worse: 2.5 }, half_life: 1h, enter: 3 }
"""
HOUR, DAY = 3600000, 86400000
MONDAY = 1767571200000  # 2026-01-05
faults = []


def check(what, got, want):
    if got != want:
        faults.append(f"{what}: {got}, want {want}")


def close(what, got, want):
    if got is None or abs(got - float(want)) > 1e-7:
        faults.append(f"{what}: {got}, want {float(want)}")


def run(folder, events, *words):
    with open(f"{folder}/p.yaml", "w") as file:
        file.write(PIPELINE)
    with open(f"{folder}/e.jsonl", "w") as file:
        for number, (at, what, who, plan) in enumerate(events):
            file.write(json.dumps({"id": str(number), "t": at, "e": what, "c": who, "plan": plan}) + "\n")
    done = subprocess.run([SNAG, words[0], f"{folder}/p.yaml", *words[1:], f"{folder}/e.jsonl"], text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{words}: {done.stderr}")
    return done.stdout


def rules_of(folder, events, who):
    cells = json.loads(run(folder, events, "explain", who, "--json", "--file"))["cells"]
    return {item["name"]: item for cell in cells for item in cell["items"]}


def alerts(folder, events, rule):
    records = map(json.loads, run(folder, events, "replay", "--quiet").splitlines())
    return [record["subject"] for record in records
            if record["type"] == "snag.alert.trigger" and record["data"]["why"]["rule"] == rule]


def shares(folder):
    before = [(MONDAY + i * 60000, "F" if i % 7 == 0 else "T", f"c{i % 20}", "big" if i % 20 % 3 else "")
              for i in range(240)]
    now = MONDAY + DAY
    mine = [(now + i, what, "ann", "big") for i, what in enumerate("TTTF")]
    segments = Segments("")
    for at, what, _, plan in before + mine:
        segments.add(at, "big" if plan == "big" else "other", what == "F")
    usual = segments.usual("big", now + 3)
    said = rules_of(folder, before + mine, "ann")
    check("2x: counts", [said["worse"][name] for name in ("failed", "attempts", "min_attempts")], [1, 4, 3])
    close("2x: value", said["worse"]["value"], 0.25)
    close("2x: usual", said["worse"]["usual"], usual)
    close("2x: threshold", said["worse"]["threshold"], 2 * usual)
    close("2x: ends below", said["worse"]["ends_below"], usual)
    check("no alert yet", alerts(folder, before + mine, "worse").count("ann"), 0)
    assert 0.25 < 2 * usual < 0.4, usual
    check("the alert comes with one more", alerts(folder, before + mine + [(now + 4, "F", "ann", "big")],
                                                  "worse").count("ann"), 1)
    check("a share: what it takes", [said["plain"][name] for name in ("threshold", "ends_below")], [0.6, 0.3])
    check("a share: nothing is usual", "usual" in said["plain"], False)
    check("count", [said["often"][name] for name in ("observed", "threshold")], [1, 9])
    few = rules_of(folder, before[:60] + mine, "ann")["worse"]
    check("2x: too little is known", [few["usual"][:9], "threshold" in few], ["not known", False])
    text = run(folder, before + mine, "explain", "ann", "--file")
    check("2x: for people", f"usual: {said['worse']['usual']}" in text, True)


def changes(folder):
    uses = [(MONDAY + day * DAY + hour * HOUR, "U", "bob", "")
            for day in range(36) for hour in range(4)]
    uses += [(MONDAY + 36 * DAY + hour * HOUR, "U", "bob", "") for hour in range(2)]
    said = rules_of(folder, uses, "bob")
    # The first week is not a whole one; the sixth has come to its second day.
    check("change: a week", {name: said["use"].get(name) for name in
                             ("observed", "usual", "too_few_below", "too_many_above", "min")},
          {"observed": 6, "usual": 28, "too_few_below": 19.6, "too_many_above": 36.4, "min": 2})
    check("change: a day", [said["fewer"].get(name) for name in
                            ("observed", "usual", "too_few_below", "too_many_above")], [2, 4, 3, None])


def scores(folder):
    fails = [(MONDAY + i, "F", "cid", "") for i in range(9)]
    check("score", [rules_of(folder, fails, "cid")["sum"][name] for name in ("score", "threshold")], [4, 3])


def main():
    with tempfile.TemporaryDirectory() as folder:
        shares(folder)
        changes(folder)
        scores(folder)
    print("\n".join(faults) or "ok")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
