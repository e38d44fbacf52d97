#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# An independent recount of facts: every fact at every event, once more from the language page, short and
# slow, from all events so far and without any state. Streams by seed, each in order, shuffled inside
# out_of_order, and with events that come later than that; each event is an alert of its own whose headline
# holds the facts. A late event finds the windows where newer ones have left them. A failure prints how to
# repeat it:
#
#     SNAG=build/snag tests/golden/test_facts.py SEED
#
# The recount checks itself: with the bound of a window moved by a millisecond it must disagree somewhere.
import math
import os
import random

from recount import keep_ties, replay, run_streams

TYPES = ["A", "B", "C"]
BOUND = 5000
TURNED = ["windows are a millisecond shorter"]


def make_facts(rng):
    """name -> (kind, what, of, within)"""
    def within():
        return rng.choice([None, 64, 100, 6400, 20000, 65, 1, 127])

    facts = {}
    for i in range(2):
        facts[f"last{i}"] = ("last", rng.choice(["text", "number", "whole"]), None, within())
        facts[f"first{i}"] = ("first", rng.choice(["text", "number", "whole"]), None, within())
        facts[f"count{i}"] = ("count", rng.choice(TYPES), None, within())
        facts[f"sum{i}"] = ("sum", rng.choice(["number", "whole"]), None, within())
        facts[f"share{i}"] = ("share", *rng.sample(TYPES, 2), within())
        facts[f"distinct{i}"] = ("distinct", rng.choice(["text", "whole"]), None, within())
    return facts


def make_pipeline(facts, whose):
    """whose: name -> customer or account, of customers inside accounts; None = customers alone."""
    lines = ["pipeline: facts"] + ["key: account"] * bool(whose)
    lines += ["sources:", "  s:", "    topic: s", "    format: json",
             "    map: { id: id, time: t, type: e, customer: c" + ", account: a" * bool(whose) + " }",
             "    keep: { n: n, text: text, number: { from: number, as: double },",
             "            whole: { from: whole, as: int } }",
             f"    out_of_order: {BOUND}ms", "facts:"]
    for name, (kind, what, of, within) in facts.items():
        more = (f", of: {of}" if of else "") + (f", within: {within}ms" if within else "")
        more += ", per: account" if whose and whose[name] == "account" else ""
        lines.append(f"  {name}: {{ {kind}: {what}{more} }}")
    lines.append("rules:")
    names = list(facts)
    for i in range(0, len(names), 4):
        shown = " ".join(f"{name}={{{name}}}" for name in names[i:i + 4])
        lines.append(f"  probe{i}: {{ event: \"*\", per: n, count: 1, within: 1ms, headline: \"{shown}\" }}")
    return "\n".join(lines) + "\n"


def make_events(rng):
    now = 1767607200000
    events = []
    for i in range(150):
        now += rng.choice([0, 0, 1, 3, 64, 100, 900, 4000, 7000])
        event = {"id": f"e{i}", "n": str(i), "t": now, "e": rng.choice(TYPES), "c": f"c{rng.randrange(3)}",
                 "a": f"a{rng.randrange(2)}"}
        if rng.random() < 0.7:
            event["text"] = rng.choice(["x", "y", "z", "ä"])
        if rng.random() < 0.7:
            event["number"] = rng.choice([0.5, 1.25, -2.0, 100.0])
        if rng.random() < 0.7:
            event["whole"] = rng.choice([1, 2, 3, -4])
        events.append(event)
    return events


def inside(then, now, within, panes, slack):
    """Whether what happened then counts now."""
    if within is None:
        return True
    if not panes:
        return now - then <= within - slack
    pane = math.ceil(within / 64)
    return now // pane - then // pane < within // pane - (1 if slack and within // pane > 1 else 0)


def value(fact, events, now, slack):
    kind, what, of, within = fact
    counted = [e["t"] for e in events if (e["e"] in (what, of) if kind in ("count", "share") else what in e)]
    asked, now = now, max([now, *counted])
    if kind in ("count", "share"):
        hits = sum(1 for e in events if e["e"] == what and inside(e["t"], now, within, True, slack))
        if kind == "count":
            return str(hits)
        tries = sum(1 for e in events if e["e"] == of and inside(e["t"], now, within, True, slack))
        return repr(hits / tries) if tries else "?"
    bearing = [e for e in events if what in e]
    if kind == "sum":
        total = sum(e[what] for e in bearing if inside(e["t"], now, within, True, slack))
        return repr(float(total)) if what == "number" else str(total)
    if kind == "distinct":
        return str(len({e[what] for e in bearing if inside(e["t"], now, within, False, slack)}))
    if kind == "last":
        newest = [e for e in bearing if e["t"] == max(x["t"] for x in bearing)][-1:]
        return shown(newest[0][what]) if newest and inside(newest[0]["t"], now, within, False, slack) else "?"
    first = None  # forgotten once the window has passed it; the next one begins anew
    for event in bearing:
        older = first is not None and event["t"] < first["t"]
        if first is None or older or not inside(first["t"], event["t"], within, False, slack):
            first = event
    return shown(first[what]) if first and inside(first["t"], asked, within, False, slack) else "?"


def shown(what):
    return repr(float(what)) if isinstance(what, float) else str(what)


def recount(facts, whose, events, slack=0):
    said = {}
    for i, event in enumerate(events):
        said[event["n"]] = {}
        for name, fact in facts.items():
            keys = {"customer": ["a", "c"], "account": ["a"]}[whose[name]] if whose else ["c"]
            so_far = [e for e in events[:i + 1] if all(e[key] == event[key] for key in keys)]
            said[event["n"]][name] = value(fact, so_far, event["t"], slack)
    return said


def shuffled(events, rng):
    """Any order in which each event comes before time has passed it."""
    keyed = sorted((event["t"] + rng.randrange(BOUND), i) for i, event in enumerate(events))
    return keep_ties(events, [i for _, i in keyed], ("t",))  # an account's events are those of many


def late(events, rng):
    """Some of them come after time has passed them, many by little, and at once behind another."""
    keyed = sorted((event["t"] + (BOUND + rng.choice([0, 1, 64, 65, 100, 101, 900, 7000])
                                  if rng.random() < 0.3 else 0), i) for i, event in enumerate(events))
    return keep_ties(events, [i for _, i in keyed], ("t",))


def as_applied(arrivals):
    """In the order in which the engine takes them: those that wait once time has come to them, late ones at
    once. Time is so much behind the newest that came."""
    applied, waiting, w = [], [], 0
    for place, event in enumerate(arrivals):
        w = max(w, event["t"] - BOUND)
        due = sorted((e["t"], at) for e, at in waiting if e["t"] <= w)
        waiting = [(e, at) for e, at in waiting if e["t"] > w]
        applied += [arrivals[at] for _, at in due]
        if event["t"] <= w:
            applied.append(event)
        else:
            waiting.append((event, place))
    return applied + [arrivals[at] for _, at in sorted((e["t"], at) for e, at in waiting)]


def replayed(pipeline, events, folder):
    said = {}
    for record in replay(pipeline, events, folder, "--only", "alerts"):
        data = record["data"]
        if data["action"] != "trigger":
            continue
        n = data["dedup_key"].rsplit("/", 1)[1]
        pairs = (word.split("=", 1) for word in data["headline"].split(" "))
        said.setdefault(n, {}).update(pairs)
    return said


def figure(number):
    """A number as a headline has it: four digits that say something, never less than two decimals."""
    digits = 0 if number == 0 else math.floor(math.log10(abs(number)))
    return float(f"{number:.{2 if digits > 0 or number == 0 else min(3 - digits, 20)}f}")


def same(ours, theirs):
    try:
        return ours == theirs or figure(float(ours)) == float(theirs)
    except ValueError:
        return False


def one(seed, folder, turned=""):
    rng = random.Random(seed)
    facts, events = make_facts(rng), make_events(rng)
    whose = {name: rng.choice(["customer", "account"]) for name in facts} if seed % 2 else None
    pipeline = make_pipeline(facts, whose)
    good, bad = 0, 0
    for order in (events, shuffled(events, rng), late(events, rng)):
        ours = recount(facts, whose, as_applied(order), int(bool(turned)))
        theirs = replayed(pipeline, order, folder)
        for n, name, text in ((n, *pair) for n, values in ours.items() for pair in values.items()):
            said = theirs.get(n, {}).get(name, "nothing")
            good += same(text, said)
            bad += not same(text, said)
            if not same(text, said) and bad < 5 and not turned:
                print(f"seed {seed} event {n} {name} {facts[name]}: counted {text}, said {said}")
    if bad and not turned:
        print(f"repeat: SNAG={os.environ['SNAG']} tests/golden/test_facts.py {seed}")
    return 0 if bad else good


run_streams(one, range(1, 26), TURNED, range(1, 6))
