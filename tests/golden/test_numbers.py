#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shipped pipelines over real logs, against numbers that others published or that follow from the rows
alone (their origin: README.md beside the data). Every count is read from the records, not from the summary.

The logs are test data that may not be copied into the project; without the folder the test is skipped."""
import collections
import datetime
import gzip
import hashlib
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import test_disorder
from recount import milliseconds

SOURCE = pathlib.Path(os.environ["SNAG_SOURCE"])
DATA = pathlib.Path(os.environ.get("SNAG_DATA", SOURCE.parent / "shared" / "data"))
SNAG = os.environ["SNAG"]
faults = []


def check(what, got, want):
    if got != want:
        faults.append(f"{what}: got {got}, want {want}")


def replayed(pipeline, log, *options):
    done = subprocess.run([SNAG, "replay", SOURCE / "pipelines" / f"{pipeline}.yaml",
                           DATA / f"{log}.jsonl.gz", *options], capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"replay of {log} failed: {done.stderr.decode()}")
    return done


def replay(pipeline, log, *options):
    """The records (parsed) and the summary."""
    done = replayed(pipeline, log, *options)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


ENVELOPE = re.compile(rb'\{"specversion":"1\.0","id":"([^"\\]+)","type":"[^"\\]+","source":"[^"\\]+",'
                      rb'"subject":"((?:[^"\\]|\\.)*)","time":"([^"\\]+)",')


def envelopes(pipeline, log, *options):
    """(id, subject, time) of each record, which stand first: the rest need not be parsed."""
    lines = replayed(pipeline, log, *options).stdout.splitlines()
    found = [match.groups() for match in map(ENVELOPE.match, lines) if match]
    check(f"{log}: records with an envelope", len(found), len(lines))
    return [tuple(part.decode() for part in parts) for parts in found]


def digest(pipeline, log, *options):
    done = subprocess.run([SNAG, "replay", "--quiet", SOURCE / "pipelines" / f"{pipeline}.yaml",
                           DATA / f"{log}.jsonl.gz", *options], capture_output=True, check=True)
    return hashlib.sha256(done.stdout).hexdigest()


def alerts(records, action):
    return [record for record in records if record["type"] == f"snag.alert.{action}"]


def rules(records, action):
    return collections.Counter(alert["data"]["why"]["rule"] for alert in alerts(records, action))


def reasons(records, rule):
    return collections.Counter(alert["data"]["reason"] for alert in alerts(records, "resolve")
                               if alert["data"]["why"]["rule"] == rule)


def changes(records, journey):
    return [record for record in records if record["type"].startswith("snag.journey.")
            and record["data"]["journey"] == journey]


def opened(records, journey):
    return sum("from" not in change["data"] for change in changes(records, journey))


def entered(records, journey, stage):
    return sum(change["data"].get("to") == stage for change in changes(records, journey))


def armed(summary, rule):
    """The summary's column: deadlines still armed at the end."""
    return int(re.search(rf"^{rule}\s+(?:[\d,]+\s+){{4}}([\d,]+)", summary, re.M)[1].replace(",", ""))


def calls():
    records, _ = replay("support-calls", "calls")
    check("calls: alerts", dict(rules(records, "trigger")),
          {"stuck_60": 7586, "stuck_120": 3654, "stuck_300": 369, "hung_up_twice": 154,
           "hung_up_twice_unanswered": 135, "hung_up_thrice": 22, "call.queued.late": 7613})
    check("calls: every stuck call ends", reasons(records, "stuck_60"), {"moved_on": 7586})
    check("calls: walks opened", opened(records, "call"), 33066)
    check("calls: answered", entered(records, "call", "answered"), 27162)
    check("calls: abandoned", sum(change["data"].get("outcome") == "abandoned"
                                  for change in changes(records, "call")), 5904)
    ids = [record["id"] for record in records]
    check("calls: ids are unique", len(set(ids)), len(ids))
    for alert in alerts(records, "trigger"):
        if alert["data"]["why"]["rule"] == "hung_up_twice":
            check("calls: a second hang-up is seen at once", alert["data"]["timeline"][-1]["at"],
                  alert["time"])
            break
    one = sorted(ids)
    for partitions in ("2", "4"):
        split = envelopes("support-calls", "calls", "--partitions", partitions)
        check(f"calls: ids in {partitions} partitions", sorted(name for name, _, _ in split) == one, True)
        keys = [(time, subject) for _, subject, time in split]
        check(f"calls: order in {partitions} partitions", keys == sorted(keys), True)


def expenses():
    records, _ = replay("expenses", "expenses")
    check("expenses: alerts", dict(rules(records, "trigger")),
          {"rejected": 1461, "idle_5d": 671, "not_requested": 3091})
    check("expenses: not_requested ends", reasons(records, "not_requested"), {"moved_on": 3046, "until": 44})
    roles = collections.Counter(alert["data"]["timeline"][-1]["type"].split(" by ")[1]
                                for alert in alerts(records, "trigger")
                                if alert["data"]["why"]["rule"] == "rejected")
    check("expenses: rejected by", dict(roles), {"ADMINISTRATION": 936, "SUPERVISOR": 286, "PRE_APPROVER": 86,
                                                 "BUDGET OWNER": 57, "MISSING": 89, "EMPLOYEE": 7})
    submitted = collections.Counter()
    paid = collections.Counter()
    for change in changes(records, "declaration"):
        data = change["data"]
        if data.get("to") == "submitted":
            submitted[data["customer"]] += 1
        if data.get("outcome") == "paid":
            paid[min(submitted[data["customer"]], 4)] += 1
    check("expenses: paid after 1, 2, 3, more", [paid[n] for n in (1, 2, 3, 4)], [8945, 845, 109, 12])


def shop():
    records, summary = replay("shop", "shop")
    check("shop: alerts", dict(rules(records, "trigger")), {"cart_left": 8})
    check("shop: resolved", reasons(records, "cart_left"), {"moved_on": 2})
    check("shop: armed", armed(summary, "cart_left"), 1)
    records, summary = replay("shop", "shop", "--drain")
    check("shop: alerts when drained", dict(rules(records, "trigger")), {"cart_left": 9})
    check("shop: armed when drained", armed(summary, "cart_left"), 0)


def batches():
    for pipeline, log in (("support-calls", "calls"), ("expenses", "expenses"), ("shop", "shop")):
        once = digest(pipeline, log)
        for batch in ("1", "7", "100000"):
            check(f"{log}: output at batch {batch}", digest(pipeline, log, "--batch", batch), once)
        check(f"{log}: output the second time", digest(pipeline, log), once)


# --- the same logs in another order --------------------------------------------------------------------

def rows_of(log, customer, time, kind):
    """The log's events in the order of their times, as test_disorder wants them; each keeps its line."""
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    rows = []
    with gzip.open(DATA / f"{log}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            moment = datetime.datetime.fromisoformat(record[time].replace("Z", "+00:00"))
            who = record.get("userId", record.get(customer))
            rows.append({"c": who, "t": (moment - epoch) // datetime.timedelta(milliseconds=1),
                         "e": record[kind], "id": record.get("messageId", record.get("id")), "line": line})
    return sorted(rows, key=lambda row: row["t"])


def sent(folder, pipeline, rows, bound, *options):
    """Each customer's records, and all as lines in the order in which they were said."""
    text = (SOURCE / "pipelines" / f"{pipeline}.yaml").read_text(encoding="utf-8")
    text = re.sub("( +)format: .*\n", rf"\g<0>\1out_of_order: {bound}ms\n", text)
    pathlib.Path(folder, "p.yaml").write_text(text, encoding="utf-8")
    pathlib.Path(folder, "log.jsonl").write_text("".join(row["line"] for row in rows), encoding="utf-8")
    done = subprocess.run([SNAG, "replay", f"{folder}/p.yaml", f"{folder}/log.jsonl", *options],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"replay failed: {done.stderr}")
    lines = done.stdout.splitlines()
    return test_disorder.by_customer(lines), lines, done.stderr


def late_expected(rows, bound, said):
    """Late events, counted from the rows in the order they were sent, and from the deadlines that judged:
    those that W had passed after their own question had come, which may have been late itself."""
    places = {row["id"]: at for at, row in enumerate(rows)}
    deadlines = collections.defaultdict(list)
    for alert in alerts(said, "trigger"):
        if "deadline" in alert["data"]["why"]:
            asked = places[alert["data"]["snag"]["evidence"][0]["id"]]
            deadlines[alert["subject"]].append((milliseconds(alert["time"]), asked))
    applied, own, late = {}, collections.defaultdict(list), []
    w = rose = None
    for at, row in enumerate(rows):
        who, time = row["c"], row["t"]
        if w is None or time > w:
            own[who].append(time)  # waits; W comes to it in its own time
        else:
            passed = [t for t in own[who] if t <= w]
            passed += [t for t, asked in deadlines[who] if t < w and asked < rose]
            judged = max(passed + [applied.get(who, time)])
            if time < judged:
                late.append(row["id"])
            applied[who] = max(judged, time)
        if w is None or time - bound > w:
            w, rose = time - bound, at
    return sorted(late)


def disorder(pipeline, log, bound, names):
    rows = rows_of(log, *names)[:10000]
    rng = random.Random(5)
    with tempfile.TemporaryDirectory() as folder:
        ordered, _, _ = sent(folder, pipeline, rows, bound)
        check(f"{log}: something is said", len(ordered) > 1000, True)
        for what, order in (("the worst order", test_disorder.worst(rows, bound)),
                            ("shuffled", test_disorder.shuffled(rng, rows, bound))):
            said, _, summary = sent(folder, pipeline, order, bound)
            check(f"{log} in {what} says what it says in order", said == ordered, True)
            check(f"{log} in {what}: nothing is late", "\nlate 0," in summary, True)
        short = bound // 4
        order = test_disorder.shuffled(rng, rows, bound)
        _, lines, summary = sent(folder, pipeline, order, short)
        said = [json.loads(line) for line in lines]
        late = sorted(record["id"] for record in said if record["type"] == "snag.late")
        want = late_expected(order, short, said)
        check(f"{log}: late events beyond the bound", len(late), len(want))
        check(f"{log}: they are the same", late == want, True)
        check(f"{log}: and counted", f"\nlate {len(want):,}," in summary, True)
        check(f"{log}: many of them", len(want) > 100, True)
        disproved(log, said, set(late))


def disproved(log, said, late):
    """Whoever reads that an alert was none at all also reads which event says so: one that came late, or that
    came after it but just at the deadline."""
    count = 0
    for alert in alerts(said, "resolve"):
        if alert["data"]["reason"] != "late_evidence":
            continue
        count += 1
        deadline = alert["data"]["why"]["deadline"]
        named = [event["id"] for event in alert["data"]["snag"]["evidence"]]
        just = any(event["at"] == deadline for event in alert["data"]["timeline"])
        check(f"{log}: {alert['id']} names a late event", just or any(id in late for id in named), True)
    check(f"{log}: alerts disproved by late events", count > 0, True)


if not DATA.is_dir():
    print(f"SKIPPED: there is no {DATA}: the numbers of the real logs are not checked")
    sys.exit(77)
calls()
expenses()
shop()
batches()
disorder("support-calls", "calls", 600000, ("anonymousId", "timestamp", "event"))
disorder("expenses", "expenses", 86400000, ("subject", "time", "type"))
for fault in faults:
    print(fault)
sys.exit(1 if faults else 0)
