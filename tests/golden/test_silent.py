#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A source that falls silent, in replays of random logs: what is published, taken back, held, released and
withdrawn is recounted here from the words of the language alone, and must be the same in every batch size, in
every order of arrival inside out_of_order, and in every number of partitions."""
import datetime
import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

SNAG = os.environ["SNAG"]
NOW = ("--now", "2030-01-01T00:00:00Z", "--quiet")
BEGIN = 1767607200000 # 2026-01-05T10:00:00Z
ROUNDS, CUSTOMERS = 40, 9
AFTER, SILENT = 300_000, 600_000
faults = []


def check(what, got, want):
    if got == want:
        return
    if isinstance(got, list) and isinstance(want, list):
        got, want = [one for one in got if one not in want][:5], [one for one in want if one not in got][:5]
    faults.append(f"{what}: got {got!r}, want {want!r}")


def stamp(time):
    moment = datetime.datetime.fromtimestamp(time // 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{time % 1000:03}Z"


def pipeline(folder, bound, silent=True):
    path = folder / f"silent-{bound}-{silent}.yaml"
    path.write_text(f"""
pipeline: silent
sources:
  calls:
    topic: calls
    format: json
    map: {{ id: i, time: t, type: e, customer: c }}
    out_of_order: {bound}ms
    {"silent: 10m" if silent else "delay: 1s"}
rules:
  stuck: {{ event: Asked, missing: Answered, after: 5m }}
""")
    return path


def log(dice):
    """Events in the order of their time, with gaps among them: some just as long as they may be."""
    events, time = [], BEGIN
    for number in range(dice.randrange(40, 160)):
        time += dice.choice([1, 1000, 20_000, 60_000, dice.randrange(200_000)])
        if dice.random() < 0.06:
            time += dice.choice([SILENT - 1, SILENT, SILENT + 1, dice.randrange(3 * SILENT), 10 * SILENT])
        what = dice.choice(["Asked", "Asked", "Answered", "Other"])
        events.append((time, f"c{dice.randrange(CUSTOMERS)}", what, str(number)))
    time += 1000 # each customer's partition hears of the source once more
    events += [(time, f"c{number}", "Other", f"end{number}") for number in range(CUSTOMERS)]
    return events


def silences(events, drain):
    """(last, from, back) of each; back None: it never came back."""
    found = []
    for one, two in zip(events, events[1:]):
        if two[0] - one[0] > SILENT:
            found.append((one[0], one[0] + SILENT, two[0]))
    if drain:
        found.append((events[-1][0], events[-1][0] + SILENT, None))
    return found


def waits(events):
    """(customer, deadline, the question's id, answered at or None) of what was not answered in time."""
    armed = {}
    for time, who, what, number in events:
        if what == "Answered" and who in armed:
            deadline, question = armed.pop(who)
            if time > deadline:
                yield who, deadline, question, time
        elif what == "Asked" and who not in armed:
            armed[who] = (time + AFTER, number)
    for who, (deadline, question) in armed.items():
        yield who, deadline, question, None


def name(who, question, deadline, *again):
    """A signal's id: of the silence that took it back as well, where one did."""
    parts = ["silent", "stuck", who, "", question, str(deadline), *again]
    whole = b"".join(len(part).to_bytes(8, "big") + part.encode() for part in parts)
    return hashlib.sha256(whole).hexdigest()[:32] + "-trigger-1"


def recount(events, drain):
    """What must be said, as (who, time, word, reason); and which ids are held, and which are published."""
    said, held, published = [], set(), set()
    end = float("inf") if drain else events[-1][0]
    gaps = silences(events, drain)
    for last, begin, back in gaps:
        said.append(("calls", begin, "trigger", None))
        if back is not None:
            said.append(("calls", back, "resolve", "moved_on"))
    for who, deadline, question, answered in waits(events):
        plain = name(who, question, deadline)
        if deadline >= end:
            continue
        gap = next((gap for gap in gaps if gap[0] < deadline and (gap[2] is None or deadline < gap[2])), None)
        if gap is None:
            said.append((who, deadline, "trigger", None))
            published.add(plain)
        else:
            last, begin, back = gap
            anew = name(who, question, deadline, f"calls {last}") if deadline <= begin else plain
            held.add(anew)
            published |= {plain} if deadline <= begin else set()
            published |= {anew} if back is not None else set()
            if deadline <= begin:
                said.append((who, deadline, "trigger", None))
                said.append((who, begin, "resolve", "source_silent"))
            said.append((who, max(deadline, begin), "held", "source_silent"))
            if back is None:
                continue
            said.append((who, back, "released", "source_silent"))
            said.append((who, deadline, "trigger", None))
        if answered is not None:
            said.append((who, answered, "resolve", "moved_on"))
    return sorted(said, key=str), held, published


def replay(path, text, *words):
    done = subprocess.run([SNAG, "replay", path, "-", *NOW, *words], input=text.encode(), capture_output=True,
                          check=False)
    check("exit code", (done.returncode, done.stderr.decode()), (0, ""))
    return [json.loads(line) for line in done.stdout.splitlines()]


def words_of(records):
    said = []
    for record in records:
        data = record["data"]
        word = data.get("action", data.get("decision"))
        at = datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00"))
        said.append((record["subject"], round(at.timestamp() * 1000), word, data.get("reason")))
    return sorted(said, key=str)


def lines(events):
    return "".join(json.dumps({"i": i, "t": stamp(time), "e": what, "c": who}) + "\n"
                   for time, who, what, i in events)


def sums(what, records):
    """signals = published + suppressed + held; whatever was released is published under that very id."""
    held, released, triggers = [], [], []
    for record in records:
        data = record["data"]
        if data.get("action") == "trigger":
            triggers.append(record["id"])
        if data.get("decision") == "held":
            held.append(data["would_be"])
        if data.get("decision") == "released":
            released.append(data["would_be"])
    check(f"{what}: ids are unique", len(set(triggers)), len(triggers))
    check(f"{what}: signals held are unique", len(set(held)), len(held))
    told = set(released) <= set(held) & set(triggers)
    check(f"{what}: released ones were held and are published", told, True)
    check(f"{what}: what is still held is not", set(triggers) & (set(held) - set(released)), set())


def ids(records):
    return {record["id"] for record in records if record["data"].get("action") == "trigger"
            and record["data"]["why"]["rule"] == "stuck"}


def rounds(folder):
    kinds = {}
    for number in range(ROUNDS):
        dice = random.Random(number)
        events = log(dice)
        text = lines(events)
        for drain in ((), ("--drain",)):
            what = f"round {number} {drain}"
            once = replay(pipeline(folder, 0), text, *drain)
            said, held, published = recount(events, bool(drain))
            check(what, words_of(once), said)
            check(f"{what}: ids that are held", {record["data"]["would_be"] for record in once
                                                 if record["data"].get("decision") == "held"}, held)
            check(f"{what}: ids that are published", ids(once), published)
            sums(what, once)
            for _, _, word, reason in words_of(once):
                kinds[word, reason] = kinds.get((word, reason), 0) + 1
            check(f"{what}: batches of one", replay(pipeline(folder, 0), text, *drain, "--batch", "1"), once)
            parts = replay(pipeline(folder, 0), text, *drain, "--partitions", "4")
            check(f"{what}: four partitions", sorted(map(content, parts)), sorted(map(content, once)))
        plain = replay(pipeline(folder, 0, silent=False), text)
        once = replay(pipeline(folder, 0), text)
        check(f"round {number}: a stall that was never taken back has the id it has anyway",
              ids(plain) <= ids(once), True)
        bound = 30_000
        arrival = sorted(events, key=lambda event: event[0] + dice.randrange(bound + 1))
        moved = replay(pipeline(folder, bound), lines(arrival))
        check(f"round {number}: out of order", words_of(moved), words_of(once))
        apart = replay(pipeline(folder, bound), lines(arrival), "--partitions", "4")
        check(f"round {number}: out of order, four partitions", sorted(map(content, apart)),
              sorted(map(content, moved)))
    for kind in (("held", "source_silent"), ("released", "source_silent"), ("resolve", "source_silent")):
        check(f"something is {kind}", kinds.get(kind, 0) > ROUNDS, True)


def content(record):
    """All but where it lies; and when it was released: a partition that heard nothing between two silences
    holds through both."""
    record = json.loads(json.dumps(record))
    if record["data"].get("decision") == "released":
        record["data"]["at"] = record["time"] = None
    for item in record["data"].get("snag", {}).get("evidence", []):
        item.pop("partition", None)
    record["data"].get("snag", {}).pop("config", None)
    return json.dumps(record, sort_keys=True)


with tempfile.TemporaryDirectory() as where:
    rounds(pathlib.Path(where))
for fault in faults[:10]:
    print(fault[:2000])
sys.exit(1 if faults else 0)
