#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# An independent recount of `ratio` with `enter: 2x`, once more from the manual, short and slow: what is usual
# in a segment is counted anew from all events there were, in exact fractions. Random streams by seed over
# some weeks, in order and in other orders inside out_of_order.
#
#     SNAG=build/snag tests/golden/test_recount_usual.py SEED       one stream again
#
# The recount checks itself: with one of its rules turned round it must disagree somewhere.
import random
from fractions import Fraction

from recount import differ, fire, key_of, milliseconds, replay, run_streams, shuffled

HOUR = 3600000
PANE = 6 * HOUR
BOUND = 4 * HOUR
SHAPES = ["big", "small", "other"]
TURNED = ["open pane", "27 panes", "no shrinking", "whole", "one segment"]


class Segments:
    """Every attempt of one rule in one partition: by pane, of which shape, and whether it failed."""

    def __init__(self, turned):
        self.seen, self.turned = {}, turned

    def add(self, at, shape, failed):
        self.seen.setdefault(at // PANE, []).append((shape, failed))

    def usual(self, shape, now):
        last = now // PANE - (self.turned != "open pane")
        first = now // PANE - (27 if self.turned == "27 panes" else 28)
        inside = [one for pane in range(first, last + 1) for one in self.seen.get(pane, [])]
        own = [failed for of, failed in inside if of == shape or self.turned == "one segment"]
        if len(inside) < 100:
            return None
        everywhere = Fraction(sum(failed for _, failed in inside) + 1, len(inside) + 2)
        if self.turned == "whole":
            return everywhere
        strength = 0 if self.turned == "no shrinking" and own else 100
        return (sum(own) + strength * everywhere) / (len(own) + strength)


class Ratio:
    def __init__(self, rule, segments):
        self.rule, self.segments, self.events, self.open, self.below = rule, segments, [], False, None
        self.enter = Fraction(rule["enter"][:-1])
        self.leave = Fraction(rule.get("leave", rule["enter"])[:-1])

    @staticmethod
    def make(rng):
        rule = {"ratio": "F", "of": rng.choice(["[F, T]", "[T, F, G]"]),
                "within_ms": rng.choice([HOUR, 5 * HOUR, 64 * HOUR]),
                "enter": rng.choice(["2x", "1.5x", "3x", "1.2x"]), "min": rng.choice([2, 4, 8])}
        if rng.random() < 0.5:
            rule["leave"] = "1x"
        if rng.random() < 0.5:
            rule["hold_ms"] = rng.choice([HOUR // 2, 3 * HOUR])
        return rule

    def pane(self, at):
        return at * 64 // self.rule["within_ms"]

    def sums(self, now):
        newest = self.pane(now)
        inside = [failed for at, failed in self.events if newest - 64 < self.pane(at) <= newest]
        return sum(inside), len(inside)

    def deadline(self):
        if not self.open:
            return None
        within = self.rule["within_ms"]
        leaving = [-(-(self.pane(at) + 64) * within // 64) for at, _ in self.events]
        after = [at for at in leaving if at > self.now]
        if self.below is not None:
            after.append(self.below + self.rule.get("hold_ms", 0))
        return min(after) if after else None

    def reaches(self, failed, tried, times, usual):
        return tried > 0 and usual is not None and Fraction(failed, tried) >= times * usual

    def judge(self, now, shape, say):
        self.now = now
        failed, tried = self.sums(now)
        usual = self.segments.usual(shape, now)
        if not self.open:
            if tried >= self.rule["min"] and self.reaches(failed, tried, self.enter, usual):
                self.open, self.below = True, None
                say("trigger", now, "", failed, tried, usual)
            return
        if self.reaches(failed, tried, self.leave, usual):
            self.below = None
            return
        self.below = now if self.below is None else self.below
        if now - self.below >= self.rule.get("hold_ms", 0):
            say("resolve", now, "below", failed, tried, usual)
            self.open = False

    def timer(self, say):
        self.judge(self.deadline(), self.shape, say)

    def event(self, event, say):
        if event["e"] not in self.rule["of"]:
            return
        self.shape = event["plan"]
        self.segments.add(event["t"], event["plan"], event["e"] == "F")
        self.events.append((event["t"], event["e"] == "F"))
        self.judge(event["t"], self.shape, say)


def make_rules(rng):
    return [(f"ratio{i}", Ratio.make(rng)) for i in range(4)]


def make_pipeline(rules, out_of_order):
    lines = ["pipeline: recount", "shapes:", "  big: has(plan) && plan == \"big\"",
             "  small: has(plan) && plan == \"small\"", "  other: otherwise", "sources:",
             f"  s: {{ topic: s, format: json, out_of_order: {out_of_order}ms,",
             "       map: { id: id, time: t, type: e, customer: c }, keep: { plan: plan } }", "rules:"]
    for name, rule in rules:
        words = ", ".join(f"{key[:-3]}: {value}ms" if key.endswith("_ms") else f"{key}: {value}"
                          for key, value in rule.items())
        lines.append(f"  {name}: {{ {words} }}")
    return "\n".join(lines) + "\n"


def make_events(rng):
    """Segments that fail more or less, from some day on otherwise; customers who are worse than theirs."""
    now, events = 1704067200000 + rng.randrange(PANE), []
    rates = {shape: rng.choice([0.01, 0.05, 0.2]) for shape in SHAPES}
    sizes = {f"c{i}": rng.choice(SHAPES[:2] if i else SHAPES) for i in range(12)}
    for i in range(1100):
        now += rng.randrange(40 * 60000)
        if i % 400 == 399:
            rates = {shape: rng.choice([0.01, 0.05, 0.2]) for shape in SHAPES}
            now += rng.choice([0, 3 * 24 * HOUR, 9 * 24 * HOUR])
        customer = rng.choice(list(sizes))
        rate = rates[sizes[customer]] * (4 if customer in ("c1", "c2") and i % 300 < 100 else 1)
        kind = "F" if rng.random() < rate else rng.choice("TTTG")
        events.append({"id": f"e{i}", "t": now, "e": kind, "c": customer, "plan": sizes[customer]})
    return events


def recount(rules, events, turned=""):
    said, states = [], {}
    segments = {name: Segments(turned) for name, _ in rules}

    def note(name, key):
        return lambda *what: said.append((name, key) + what)

    for event in events:
        fire(states, event["t"], note)
        for name, rule in rules:
            key = event["c"]
            if (name, key) not in states:
                states[name, key] = Ratio(rule, segments[name])
            states[name, key].event(event, note(name, key))
    fire(states, events[-1]["t"], note)
    return sorted(said, key=str)


def replayed(pipeline, events, folder, *more):
    said = []
    for record in replay(pipeline, events, folder, *more):
        if record["type"].startswith("snag.alert."):
            data, why = record["data"], record["data"]["why"]
            said.append((why["rule"], key_of(data)[0], data["action"],
                         milliseconds(record["time"]), data.get("reason", ""), why["observed"],
                         why["attempts"], why.get("usual")))
    return sorted(said, key=str)


def same(ours, theirs):
    """Shares are whole numbers of 2^-26 there, rounded down twice."""
    return len(ours) == len(theirs) and all(
        a[:7] == b[:7] and (a[7] is None) == (b[7] is None) and
        (a[7] is None or 0 <= a[7] - Fraction(b[7]) < 1e-7)
        for a, b in zip(ours, theirs))


def one(seed, folder, turned=""):
    rng = random.Random(seed)
    rules, events = make_rules(rng), make_events(rng)
    ours = recount(rules, events, turned)
    theirs = replayed(make_pipeline(rules, 0), events, folder)
    good = same(ours, theirs)
    if good and not turned:
        mixed = replayed(make_pipeline(rules, BOUND), shuffled(events, rng, BOUND), folder)
        good = mixed == theirs
        ours += ours if good else []
    if good or turned:
        return max(len(ours), 1) if good else 0
    return differ(make_pipeline(rules, 0), [record[:7] for record in ours],
                  [record[:7] for record in theirs], seed)


if __name__ == "__main__":
    run_streams(one, range(1, 5), TURNED, range(1, 4))
