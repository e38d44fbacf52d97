#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a source does to records before they are judged: exclude, hash, each, over whole replays.

Each is told apart from doing nothing by the same events without it."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SNAG = os.environ["SNAG"]
faults = []


def check(what, got, want):
    if got != want:
        faults.append(f"{what}: got {got!r}, want {want!r}")


def pipeline(more="", keep="order: order"):
    return f"""pipeline: sources
sources:
  web:
    topic: web
    format: json
    map: {{ id: id, time: at, type: what, customer: who }}
    keep: {{ {keep} }}
{more}rules:
  declined: {{ event: Payment Failed, per: order, count: 2, within: 30m }}
"""


def replay(folder, text, events, *words):
    (folder / "p.yaml").write_text(text, encoding="utf-8")
    lines = "".join(json.dumps(event) + "\n" for event in events)
    done = subprocess.run([SNAG, "replay", folder / "p.yaml", *words], input=lines.encode(),
                          capture_output=True, check=False)
    check("exit code", (done.returncode, done.stderr if done.returncode else b""), (0, b""))
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode(), done.stdout


def happened(minute, who, order, **more):
    return {"id": f"{len(who)}-{order}-{minute}", "at": f"2026-01-05T10:{minute:02}:00Z",
            "what": "Payment Failed", "who": who, "order": order} | more


def hashed(text):
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def excluded(folder):
    events = [happened(0, "ann", "7"), happened(1, "eve@example.com", "8"),
              happened(2, "eve@example.com", "8"), happened(3, "ann", "7"),
              happened(4, "bot", "9", agent="bot")]
    exclude = 'staff: customer.endsWith("@example.com"), robots: agent == "bot"'
    rules = pipeline(f"    exclude: {{ {exclude} }}\n", "order: order, agent: agent")
    alerts, summary, _ = replay(folder, rules, events)
    check("excluded: who is told of", [alert["subject"] for alert in alerts], ["ann"])
    if "excluded 3  2 staff, 1 robots" not in summary:
        faults.append(f"excluded: not in the summary: {summary}")
    # Without an agent there is no value, so nothing is excluded.
    if "note: 2 times a `where` had no value" not in summary:
        faults.append(f"excluded: what had no value is not told: {summary}")
    alerts, summary, _ = replay(folder, pipeline(), events)
    check("not excluded", sorted(alert["subject"] for alert in alerts), ["ann", "eve@example.com"])
    check("not excluded: nothing is said of it", "excluded" in summary, False)


RULE_EXCLUDES = """  declined: { event: Payment Failed, where: order != "9", per: order, count: 2,
              within: 30m, exclude: { agent: [bot, spider], order: "8" } }
  other: { event: Payment Failed, count: 1, within: 1m, exclude: { agent: crow } }
  found: { event: ["Payment*", Payment Failed], found: { event: "*", where: "true" }, count: 4, within: 1m,
           exclude: { agent: [bot, spider] } }
"""


def excluded_by_rule(folder):
    """Counted under the rule: what it names and would have taken."""
    head = pipeline(keep="order: order, agent: agent").split("  declined")[0]
    events = [happened(0, "ann", "7", agent="bot"), happened(1, "ann", "7"), happened(2, "ann", "7"),
              happened(3, "eve", "8"), happened(4, "eve", "8", agent="spider"),
              happened(5, "eve", "9", agent="bot"), happened(1, "ann", "7")]  # not by where:; a duplicate

    def told(text):
        alerts, summary, _ = replay(folder, text, events)
        return [alert["subject"] for alert in alerts if alert["data"]["why"]["rule"] == "declined"], summary

    who, summary = told(head + RULE_EXCLUDES)
    check("excluded by a rule: who is told of", who, ["ann"])
    rows = [line for line in summary.splitlines() if line.startswith(("declined", "other", "found"))]
    # Those of found are named by three of its keys, and count once.
    check("excluded by a rule: counted", [row.endswith(" 3 excluded") for row in rows], [True, False, True])
    check("excluded by a rule: the whole text", told(head + RULE_EXCLUDES.replace("bot", "Bot"))[0], ["ann"])
    (folder / "e.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events[3:5]))
    done = subprocess.run([SNAG, "check", folder / "p.yaml", "--sample", folder / "e.jsonl"], text=True,
                          capture_output=True, check=False)
    words = "finding: exclude of rule declined takes every event that it names"
    check("excluded by a rule: all of a sample", (done.returncode, words in done.stdout), (1, True))


ZONED = """pipeline: sources
sources:
  web: { topic: web, format: json, %s map: { id: id, time: at, type: what, customer: who }, remember: 999d,
         keep: { due: { from: due, as: time } } }
rules:
  seen: { event: Seen, count: 1, within: 1s }
  late: { event: Promised, missing: Kept, promise: due }
"""
# (as it is written, as it is meant in Berlin; None: unreadable)
TIMES = [("2026-01-05T10:00:00", "2026-01-05T09:00:00.000Z"),
         ("2026-07-05 10:00:00.25", "2026-07-05T08:00:00.250Z"),
         ("2026-03-29T02:30:00", "2026-03-29T01:30:00.000Z"),  # left out: an hour later, 03:30
         ("2026-10-25T02:30:00", "2026-10-25T00:30:00.000Z"),  # twice: the earlier
         ("2026-01-05T10:00:00Z", "2026-01-05T10:00:00.000Z"),
         ("2026-01-05T10:00:00-05:00", "2026-01-05T15:00:00.000Z"), (1767607200, "2026-01-05T10:00:00.000Z"),
         ("2026-01-05", None), ("2026-01-05T25:00:00", None), ("2026-01-05T10:00:00 CET", None)]


def zoned(folder):
    """Times that are written without a zone are by the clocks that the source names."""
    events = [{"id": str(i), "at": at, "what": "Seen", "who": f"c{i}"} for i, (at, _) in enumerate(TIMES)]
    for zone, wanted in (("zone: Europe/Berlin,", [at for _, at in TIMES]),
                         ("", [None] * 4 + [at for _, at in TIMES[4:]])):
        records, summary, _ = replay(folder, ZONED % zone, events, "--now", "2027-01-01T00:00:00Z")
        said = {record["subject"]: record["time"] for record in records
                if record["type"] == "snag.alert.trigger"}
        check(f"{zone} times", [said.get(f"c{i}") for i in range(len(TIMES))], wanted)
        check(f"{zone} told", f"dead letters {wanted.count(None)}  " in summary, True)
    promised = [{"id": "p", "at": "2026-07-01T10:00:00", "what": "Promised", "who": "ann",
                 "due": "2026-07-02T10:00:00"}]
    records, _, _ = replay(folder, ZONED % "zone: Europe/Berlin,", promised, "--drain",
                           "--now", "2027-01-01T00:00:00Z")
    check("zone: of kept times", [record["data"]["why"]["deadline"] for record in records],
          ["2026-07-02T08:00:00.000Z"])


def hidden(folder):
    people = ("ann@example.com", "bob@example.com")
    events = [happened(minute, who, "7") for minute in range(4) for who in people]
    alerts, _, raw = replay(folder, pipeline("    hash: true\n"), events)
    check("hash: who", sorted(alert["subject"] for alert in alerts),
          sorted(map(hashed, people)))
    check("hash: no record holds the name", b"example.com" in raw, False)
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "e.jsonl").write_text(lines, encoding="utf-8")
    for name in ("ann@example.com", hashed("ann@example.com")):
        shown = subprocess.run([SNAG, "explain", folder / "p.yaml", name, "--file", folder / "e.jsonl"],
                               capture_output=True, check=True).stdout.decode()
        check(f"explain {name}", "name: declined" in shown, True)
    both = '    hash: true\n    exclude: { bob: customer.startsWith("bob") }\n'
    alerts, summary, _ = replay(folder, pipeline(both), events)
    check("exclusions see the name itself", [alert["subject"] for alert in alerts], [hashed(people[0])])
    one = pipeline(keep="order: { from: order, hash: true }")
    alerts, _, _ = replay(folder, one, events)
    check("one name", {alert["dedup_key"] for alert in map(lambda record: record["data"], alerts)},
          {f"sources/declined/{who}@example.com/{hashed('7')}" for who in ("ann", "bob")})
    # A producer places the record by the name itself, and so do the emulated partitions: the records come
    # out as without the hash, at the same times.
    spread = [happened(minute, f"c{n}", "7") for minute in range(2) for n in range(20)]
    plain, _, _ = replay(folder, pipeline(), spread, "--partitions", "5")
    masked, _, _ = replay(folder, pipeline("    hash: true\n"), spread, "--partitions", "5")
    check("partitions", sorted((alert["subject"], alert["time"]) for alert in masked),
          sorted((hashed(alert["subject"]), alert["time"]) for alert in plain))


LINES = """pipeline: sources
sources:
  orders:
    topic: orders
    format: json
    map: { id: id, time: at, type: what, customer: who }
    keep: { order: order, sku: lines.sku, qty: { from: lines.qty, as: int }, plain: lines }
    each: lines
%srules:
  sold: { event: Order Paid, per: sku, count: 1, within: 1s, headline: "{order}: {qty} of {sku}" }
  large: { event: Order Paid, where: has(qty) && qty > 9, count: 1, within: 1s }
"""


def order(number, lines, **more):
    return {"id": f"o{number}", "at": f"2026-01-05T10:{number:02}:00Z", "what": "Order Paid", "who": "ann",
            "order": str(number), "lines": lines} | more


def triggers(records):
    return [record for record in records if record["data"].get("action") == "trigger"]


def items(folder):
    events = [order(1, [{"sku": "a,]}", "qty": 1}, {"qty": 20, "sku": 'b"', "x": [1, {}]}]),
              order(2, []), order(3, None), order(4, [{"sku": "c", "qty": 3}] * 2), order(5, [[1], "x", 7])]
    alerts, summary, _ = replay(folder, LINES % "", events)
    told = [alert["data"]["headline"] for alert in triggers(alerts)]
    check("each: one event an item", told, ["1: 1 of a,]}", '1: 20 of b"', "Order Paid", "4: 3 of c"])
    # Ids are the record's with a number: the same line twice in an order is two events, in one record told
    # twice none.
    ids = [evidence["id"] for alert in alerts for evidence in alert["data"]["snag"]["evidence"]]
    check("each: ids", sorted(set(ids)), ["o1#1", "o1#2", "o4#1", "o4#2"])
    _, summary, _ = replay(folder, LINES % "", events + events[:1])
    if "duplicates 2," not in summary:
        faults.append(f"each: a record told twice is not two duplicates: {summary}")
    # One bad item: the whole record is a dead letter, and nothing of it is judged.
    bad = [order(6, [{"sku": "d", "qty": 1}, {"sku": "e", "qty": "many"}]), order(7, {"sku": "f"}),
           order(8, [{"sku": str(n), "qty": 1} for n in range(257)]),
           order(9, [{"sku": str(n), "qty": 1} for n in range(256)])]
    alerts, summary, _ = replay(folder, LINES % "", bad)
    check("each: the good one's items", len(triggers(alerts)), 256)
    for words in ("dead letters 3", "2 bad_type", "1 bad_size"):
        if words not in summary:
            faults.append(f"each: {words!r} is not in {summary}")
    # Out of order inside the bound, and at any batch size: the same bytes.
    late = [order(2, [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}]),
            order(1, [{"sku": "b", "qty": 9}] * 3)]
    once = replay(folder, LINES % "    out_of_order: 2m\n", late)[2]
    for batch in ("1", "2", "100"):
        check(f"each: batch {batch}", replay(folder, LINES % "    out_of_order: 2m\n", late, "--batch",
                                             batch)[2] == once, True)
    derived = (LINES % "").replace("id: id, ", "")
    alerts, summary, _ = replay(folder, derived, events[:1] + events[:1] + events[3:4])
    if "duplicates 2," not in summary:
        faults.append(f"each: derived ids do not tell the record again from another: {summary}")


with tempfile.TemporaryDirectory() as name:
    items(pathlib.Path(name))
    excluded(pathlib.Path(name))
    excluded_by_rule(pathlib.Path(name))
    zoned(pathlib.Path(name))
    hidden(pathlib.Path(name))
for fault in faults:
    print(fault)
sys.exit(1 if faults else 0)
