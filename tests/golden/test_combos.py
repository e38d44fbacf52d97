#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Combinations of the language that nobody thought of: pipelines made of random keys and values, most of
them valid. The loader says yes or no and never dies; what it takes is replayed over random events, in batches
of two sizes (which must say the same), and explained. By seed:

    SNAG=build/snag tests/golden/test_combos.py [SEED [COUNT]]

The check checks itself: a good part of the pipelines must be valid, and alerts must come of them.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

SNAG = os.environ.get("SNAG", "build/snag")
EVENTS = ["A", "B", "C", "D*", "[A, B]", '"*"', "{ event: A, where: n > 1 }", "E",
          "{ event: [B, C], where: 'has(order)' }"]
PLAIN = ["1s", "5m", "1h", "48h", "3d", "500ms"]
WAITS = PLAIN[:5] + [
    "1 day of de", "3 business days of de", "8 business hours of de", "2 weeks of theirs", "learned else 2h",
    "learned 90% else 1 day of de", "[1h, 2h]", "[1 day of de, 3 days of de]", "1 month of de",
    "[1 business day of theirs, 2 business days of theirs]"]
NAMES = ["order", "n", "d", "tz", "customer", "account", "channel"]
SEASONS = ["{ peak: 2x }", "{ peak: 0.5x, off: 2x }", "{ peak: 1.5x }"]
TOLD = {"severity": ["info", "error", "critical"], "owner": ["x"], "playbook": ["p"],
        "sla": ["1h", "4 business hours of de", "1 day of theirs"], "tags": ["a", "[a, b]"],
        "headline": ['"{customer} {order}"', '"{elapsed} {last_n}"']}
# What every rule may have: whether it is the same for all shapes, and what it may be.
COMMON = {**{key: (False, values) for key, values in TOLD.items()},
          "cooldown": (False, PLAIN), "expire": (False, PLAIN), "mode": (False, ["live", "shadow"]),
          "during": (False, SEASONS), "per": (True, ["order", "customer", "[order, n]"]),
          "where": (True, ["n > 1", "'has(order)'", "cnt > 1"]),
          "exclude": (True, ["{ order: [x, y] }", "{ tz: z, order: a }"])}
# Of each test: what it needs, what it may have.
KINDS = {
    "missing": ({"missing": EVENTS, "after": WAITS},
                {"until": EVENTS, "overtake": ["1s"], "warn": ["20%", "99%"], "promise": ["t", "first_t"],
                 "waits_on": ["us", "customer"], "pause": EVENTS, "found": EVENTS}),
    "count": ({"count": ["2", "3", "64"], "within": PLAIN},
              {"until": EVENTS, "burst": ["true"], "gap": PLAIN, "radius": ["10"], "found": EVENTS}),
    "ratio": ({"ratio": EVENTS, "of": EVENTS, "within": PLAIN, "enter": ["30%", "2x", "1.5x"]},
              {"hold": PLAIN, "min": ["2", "5"], "until": EVENTS}),
    "path": ({"path": ["[A, B, A]", "[A, B]", "[A, [B, C], { event: D, where: n > 1 }]"],
              "within": PLAIN}, {"dwell": PLAIN, "not": ["E", "F"], "until": EVENTS}),
    "differs": ({"differs": NAMES, "between": NAMES, "within": PLAIN}, {}),
    "change": ({"change": EVENTS, "each": ["week of de", "day of theirs"], "by": ["-30%", "50%", "+10%"]},
               {"min": ["2"]}),
    "score": ({"score": ["{ r0: 2 }", "{ r0: 1.5 }"], "half_life": ["1h", "5m"], "enter": ["1", "3"]},
              {"kinds": ["1"]}),
}
FOR_ALL = (EVENTS, NAMES)
HEAD = """calendars:
  de: { zone: Europe/Berlin, hours: { mon-fri: [09:00-12:00, 13:00-17:00] }, holidays: [2026-01-06] }
  theirs: { zone: { from: tz, else: America/New_York }, hours: { mon-sat: 08:00-18:00 } }
seasons:
  peak: { from: 2026-01-08, to: 2026-01-20, zone: UTC }
  off: { from: 2026-01-15, to: 2026-02-20, zone: UTC }
shapes: { big: cnt > 1, small: otherwise }
"""
SOURCES = """sources:
  s:
    topic: s
    format: json
    map: { id: i, time: at, type: what, customer: who, account: acc, channel: ch }
    keep:
      { order: order, tz: tz, n: { from: n, as: int }, d: { from: d, as: double }, t: { from: t, as: time },
        x: { from: n, as: int }, y: { from: n, as: int } }
"""


def shaped(rng, values):
    if rng.random() < 0.12:
        return f"{{ big: {rng.choice(values)}, else: {rng.choice(values)} }}"
    return rng.choice(values)


def value(rng, values):
    return rng.choice(values) if any(values is one for one in FOR_ALL) else shaped(rng, values)


def flow(keys):
    return "{ " + ", ".join(f"{key}: {what}" for key, what in keys.items()) + " }"


def turns(rng, keys, waits):
    """A clock that stands goes on again; of what is learned none stands."""
    if "learned" in waits:
        keys.pop("pause", None)
        keys.pop("during", None)
    elif "pause" in keys:
        keys["resume"] = rng.choice(EVENTS)


def rule(rng, number):
    kind = rng.choice(list(KINDS)) if number else "count"
    needs, may = KINDS[kind]
    keys = {} if kind in ("ratio", "path", "change", "score") else {"event": rng.choice(EVENTS)}
    keys.update({key: rng.choice(values) if key == kind else value(rng, values)
                 for key, values in needs.items()})
    keys.update({key: value(rng, values) for key, values in may.items() if rng.random() < 0.15})
    for key, (same, values) in COMMON.items():
        fits = "event" in keys if key in ("where", "exclude") else kind != "score" if key == "per" else True
        if rng.random() < 0.1 and fits and (key != "during" or kind == "missing"):
            keys[key] = rng.choice(values) if same else shaped(rng, values)
    if kind == "missing" and "promise" in keys:
        for key in ("after", "during", "overtake"):
            keys.pop(key, None)
    turns(rng, keys, keys.get("after", ""))
    return f"  r{number}: {flow(keys)}"


def stage(rng, name, event, end):
    keys = {"event": event}
    if end:
        keys["end"] = rng.choice(["true", "over"])
    elif rng.random() < 0.2:
        keys["promise"] = rng.choice(["t", "first_t"])
    elif rng.random() < 0.8:
        keys["due"] = shaped(rng, WAITS)
    if "due" in keys or "promise" in keys:
        more = {**TOLD, "warn": ["20%", "50%"], "waits_on": ["us", "customer"], "pause": EVENTS}
        more.update({"during": SEASONS} if "due" in keys else {})
        keys.update({key: value(rng, values) for key, values in more.items() if rng.random() < 0.2})
        turns(rng, keys, keys.get("due", ""))
    return f"      {name}: {flow(keys)}"


def journey(rng):
    lines = ["journeys:", "  way:", "    per: " + rng.choice(["order", "customer", "[order, n]"])]
    lines += ["    again: true"] if rng.random() < 0.3 else []
    lines += ["    expire: 300d"] if rng.random() < 0.3 else []
    lines += ["    settle: 2d"] if rng.random() < 0.3 else []
    lines += ["    stages:"] + [stage(rng, name, event, name == "four") for name, event in
                                (("one", "A"), ("two", "B"), ("three", "C"), ("four", "E"))]
    return lines


def pipeline(rng):
    account = rng.random() < 0.4
    lines = ["pipeline: combos"] + (["key: account"] if account else []) + [HEAD + SOURCES.rstrip("\n")]
    lines += rng.choice([[], ["    out_of_order: 10s"], ["    hash: true"], ["    exclude: { big: n > 8 }"]])
    lines += ["facts:", "  last_n: { last: n }", "  cnt: { count: A, within: 2h }",
              "  first_t: { first: t%s }" % (", per: account" if account and rng.random() < 0.5 else "")]
    lines += journey(rng) if rng.random() < 0.7 else []
    return "\n".join(lines + ["rules:"] + [rule(rng, i) for i in range(rng.randrange(1, 6))]) + "\n"


def events(rng):
    at = 1767607200
    for i in range(250):
        at += rng.choice([0, 1, 5, 60, 600, 3600, 20000])
        late = rng.choice([5, 1000, 100000]) if rng.random() < 0.1 else 0
        event = {"i": str(i - (rng.random() < 0.03)), "at": at - late, "what": rng.choice("AABBCDEFPQ"),
                 "who": f"c{rng.randrange(4)}", "acc": f"a{rng.randrange(2)}", "ch": rng.choice("wa"),
                 "order": rng.choice("xyzw")}
        more = {"n": rng.randrange(10), "t": at + rng.randrange(100000), "d": rng.random(),
                "tz": rng.choice(["Asia/Tokyo", "Nowhere", "Europe/Paris"])}
        event.update({key: what for key, what in more.items() if rng.random() < 0.6})
        yield json.dumps(event) + "\n"


def run(*words):
    return subprocess.run([SNAG, *words], capture_output=True, check=False)


def one(seed, folder):
    """What is wrong (empty: nothing), whether it is valid, and how many alerts there were."""
    rng = random.Random(seed)
    paths = f"{folder}/p.yaml", f"{folder}/e.jsonl"
    with open(paths[0], "w") as file:
        file.write(pipeline(rng))
    with open(paths[1], "w") as file:
        file.writelines(events(rng))
    checked = run("check", paths[0])
    if checked.returncode != 0:
        good = checked.returncode == 2 and paths[0].encode() in checked.stderr
        return "" if good else f"check: {checked.returncode} {checked.stderr[-500:]}", False, 0
    said = []
    for words in ((), ("--batch", "7"), ("--drain",), ("--partitions", "3")):
        done = run("replay", *paths, "--quiet", "--now", "2030-01-01T00:00:00Z", *words)
        if done.returncode != 0:
            return f"replay {words}: {done.returncode} {done.stderr[-500:]}", True, 0
        said.append(done.stdout)
    if said[0] != said[1]:
        return "another batch says something else", True, 0
    for who in ("c1", "a1"):
        if run("explain", paths[0], who, "--file", paths[1]).returncode != 0:
            return f"explain {who}", True, 0
    return "", True, said[2].count(b"snag.alert.trigger")


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    valid = alerts = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(seed, seed + count):
            wrong, is_valid, told = one(number, folder)
            valid, alerts, failed = valid + is_valid, alerts + told, failed + bool(wrong)
            if wrong:
                print(f"seed {number}: {wrong}\nrepeat: SNAG={SNAG} tests/golden/test_combos.py {number} 1")
    print(f"{count} pipelines, {valid} valid, {alerts} alerts, {failed} wrong")
    if count >= 40 and (valid < count // 2 or alerts < 10 * valid):
        print("canary: too few are valid, or too little is said")
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
