#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names that came regularly and come no more (`quiet_event:`), in replays of random logs, recounted here:
once each, whatever the batches; from partition 0's own customers where there are several; nothing while the
whole source is silent."""
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

SNAG = os.environ["SNAG"]
NOW = ("--now", "2030-01-01T00:00:00Z", "--quiet")
BEGIN, HOUR = 1767607200000, 3_600_000
ROUNDS, LEAST, TIMES, SILENT = 25, 2 * HOUR, 20, 5 * HOUR
NAMES = ("Asked", "Answered", "Order Begun", "Order Paid", "Other")
faults = []


def check(what, got, want):
    if got == want:
        return
    if isinstance(got, list):
        got, want = [one for one in got if one not in want][:4], [one for one in want if one not in got][:4]
    faults.append(f"{what}: got {got!r}, want {want!r}")


def pipeline(folder, silent):
    path = folder / f"quiet-{silent}.yaml"
    path.write_text(f"""
pipeline: quiet
sources:
  s: {{ topic: s, format: json, map: {{ id: i, time: t, type: e, customer: c }}{", silent: 5h" * silent} }}
quiet_event: {{ after: 2h, owner: data }}
rules:
  stuck: {{ event: Asked, missing: Answered, after: 10m }}
  orders: {{ event: "Order *", count: 64, within: 1s }}
""")
    return path


def log(dice):
    """Each name at a pace of its own, some for a while only."""
    events = []
    for name in NAMES:
        pace, time = dice.choice([60_000, 300_000, 1_500_000]), BEGIN
        for _ in range(dice.choice([5, TIMES - 1, TIMES, 200, 400])):
            time += dice.randrange(1, 2 * pace)
            if dice.random() < 0.01:
                time += dice.choice([LEAST, 3 * LEAST, 40 * pace])
            events.append((time, name))
    events.sort()
    if dice.random() < 0.5: # all of it stands still for a while
        at = dice.randrange(len(events))
        events = events[:at] + [(time + 30 * HOUR, name) for time, name in events[at:]]
    return [(time, name, f"c{dice.randrange(9)}") for time, name in events]


def found(events):
    """When the rule `stuck` finds something; each customer has at most one open."""
    armed, open_, times = {}, set(), []
    ends = events[-1][0]
    for time, name, who in events:
        for other, deadline in list(armed.items()):
            if deadline < time:
                times.append(deadline)
                open_.add(other)
                del armed[other]
        if name == "Answered":
            armed.pop(who, None)
            open_.discard(who)
        elif name == "Asked" and who not in armed and who not in open_:
            armed[who] = time + 600_000
    return times + [deadline for deadline in armed.values() if deadline < ends]


def recount(events):
    series = {"Asked": [], "Answered": [], "Order ": [], "stuck": sorted(found(events))}
    for time, name, _ in events:
        for key in ("Asked", "Answered", "Order "):
            if name == key or (key.endswith(" ") and name.startswith(key)):
                series[key].append(time)
    said, ends = [], events[-1][0]
    for key, times in series.items():
        longest = 0
        for number, time in enumerate(times):
            after = times[number + 1] if number + 1 < len(times) else None
            if number > 0:
                longest = max(longest, time - times[number - 1])
            due = time + max(LEAST, 2 * longest)
            if number + 1 < TIMES or due >= (ends if after is None else after):
                continue
            said.append((key, due, "trigger"))
            if after is not None:
                said.append((key, after, "resolve"))
    return sorted(said)


def replay(path, events, *words):
    text = ""
    for number, (time, name, who) in enumerate(events):
        moment = datetime.datetime.fromtimestamp(time // 1000, datetime.timezone.utc)
        at = moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{time % 1000:03}Z"
        text += json.dumps({"i": str(number), "t": at, "e": name, "c": who}) + "\n"
    done = subprocess.run([SNAG, "replay", path, "-", *NOW, *words], input=text.encode(), capture_output=True,
                          check=False)
    check("exit code", (done.returncode, done.stderr.decode()), (0, ""))
    return [json.loads(line) for line in done.stdout.splitlines()]


def quiets(records):
    said = []
    for record in records:
        if record["data"].get("why", {}).get("rule") == "quiet_event":
            at = datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00"))
            said.append((record["subject"], round(at.timestamp() * 1000), record["data"]["action"]))
            check("no customer", "who" in record["data"], False)
    return sorted(said)


def rounds(folder):
    told = 0
    for number in range(ROUNDS):
        dice = random.Random(number)
        events = log(dice)
        once = replay(pipeline(folder, False), events)
        check(f"round {number}", quiets(once), recount(events))
        check(f"round {number}: batches", replay(pipeline(folder, False), events, "--batch", "3"), once)
        drained = replay(pipeline(folder, False), events, "--drain")
        check(f"round {number}: drained", quiets(drained), quiets(once))
        ids = [record["id"] for record in once]
        check(f"round {number}: ids", len(set(ids)), len(ids))
        told += len(quiets(once))
        parts = replay(pipeline(folder, False), events, "--partitions", "3")
        several = [entry[0] for entry in quiets(parts) if entry[2] == "trigger"]
        check(f"round {number}: one partition speaks", len(several) <= 4 * 6, True)
        for name, time, word in quiets(replay(pipeline(folder, True), events)):
            inside = [one[0] for one, two in zip(events, events[1:])
                      if two[0] - one[0] > SILENT and one[0] + SILENT < time < two[0]]
            check(f"round {number}: {name} {word} while the source is silent", inside, [])
    check("something is quiet", told > ROUNDS, True)


with tempfile.TemporaryDirectory() as where:
    rounds(pathlib.Path(where))
for fault in faults[:10]:
    print(fault[:2000])
sys.exit(1 if faults else 0)
