#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# An independent recount of `path` with `within: journey`, once more from language.md, short and slow: the
# events of each `per` value are cut into walks, and in each walk every event that could be the first step is
# followed by looking at all events since. Random streams by seed, in order and in other orders inside
# out_of_order.
#
#     SNAG=build/snag tests/golden/test_recount_path.py SEED       one stream again
#
# The recount checks itself: with one of its rules turned round it must disagree somewhere.
import random

from recount import differ, fire, key_of, meet, milliseconds, replay, run_streams, shuffled

TYPES = ["A", "B", "C", "D", "E", "F"]
STAGES = {"one": "A", "two": "B", "value": "C", "over": "D"}  # E and F enter no stage
BOUND = 2000
TURNED = ["any walk", "no expiry", "no milestone", "dwell"]


class Walks:
    """The walks of one `per` value: when each began, and when and how it ended."""

    def __init__(self, journey, turned):
        self.journey, self.turned = journey, turned
        self.live, self.walked, self.stage, self.entered = False, False, None, None

    def expires(self):
        lasting = self.journey["expire"] if self.turned != "no expiry" else 0
        return self.entered + lasting if self.live and lasting else None

    def event(self, event):
        """Whether the event lies in a walk, and whether it ends it."""
        stage = next((name for name, kind in STAGES.items() if kind == event["e"]), None)
        if stage and not self.live and (self.journey["again"] or not self.walked):
            self.live = self.walked = True
            self.stage = None
        if not self.live:
            return self.turned == "any walk", False
        if stage and stage != self.stage:
            self.stage, self.entered = stage, event["t"]
        if stage == "over":
            self.live = False
        return True, stage == "over"


class Path:
    def __init__(self, rule, journey, turned):
        self.rule, self.walks, self.turned = rule, Walks(journey, turned), turned
        self.events, self.open = [], False

    @staticmethod
    def make(rng):
        names = ["one", "two", "value", "A", "B", "E", "F"]
        steps = [rng.choice(names) for _ in range(rng.choice([2, 3, 3, 4]))]
        rule = {"path": steps}
        kinds = [STAGES.get(step, step) for step in steps]
        others = [kind for kind in TYPES if kind not in kinds and kind != "D"]
        if len(steps) > 2 and rng.random() < 0.4:
            rule["dwell_ms"] = rng.choice([4000, 20000, 60000])
        if others and rng.random() < 0.4:
            rule["not"] = others[0]
        if others and rng.random() < 0.4:
            rule["until"] = others[-1]
        return rule

    def complete(self, first):
        done, step_at = 0, None
        for at, kind in self.events[first:]:
            if kind in (self.rule.get("not"), self.rule.get("until")):
                return None
            if kind != STAGES.get(self.rule["path"][done], self.rule["path"][done]):
                continue
            lasting = self.rule.get("dwell_ms", 10 ** 15) // (2 if self.turned == "dwell" else 1)
            if done > 1 and at - step_at > lasting:
                return None
            done, step_at = done + 1, at
            if done == len(self.rule["path"]):
                return at
        return None

    def end(self, at, reason, say):
        if self.open:
            say("resolve", at, reason)
        self.open = False

    def deadline(self):
        return self.walks.expires()

    def timer(self, say):
        self.end(self.walks.expires(), "expired", say)
        self.walks.live, self.events = False, []

    def event(self, event, say):
        kind, now = event["e"], event["t"]
        steps = [STAGES.get(step, step) for step in self.rule["path"]]
        inside, ends = self.walks.event(event)
        if kind == self.rule.get("until"):
            self.end(now, "until", say)
        milestone = kind == STAGES["value"] and kind not in steps and self.turned != "no milestone"
        if ends or milestone:
            self.end(now, "moved_on", say)
        if ends:
            self.events = []
        if not inside or ends:
            return
        self.events.append((now, kind))
        begins = [i for i, (_, what) in enumerate(self.events) if what == steps[0]]
        if not self.open and any(self.complete(i) == now for i in begins):
            say("trigger", now, "")
            self.open = True


def words_of(rule):
    parts = []
    for key, value in rule.items():
        text = f"[{', '.join(value)}]" if isinstance(value, list) else value
        parts.append(f"{key[:-3]}: {value}ms" if key.endswith("_ms") else f"{key}: {text}")
    return ", ".join(parts)


def make_rules(rng):
    return [(f"path{i}", Path.make(rng)) for i in range(8)]


def make_pipeline(rules, journey, out_of_order):
    lines = ["pipeline: recount", "sources:",
             f"  s: {{ topic: s, format: json, out_of_order: {out_of_order}ms,",
             "       map: { id: id, time: t, type: e, customer: c }, keep: { item: item } }",
             "journeys:", "  way:", "    per: item", f"    again: {str(journey['again']).lower()}"]
    lines += [f"    expire: {journey['expire']}ms"] if journey["expire"] else []
    lines += ["    stages:", "      one: { event: A }", "      two: { event: B, due: 1s }",
              "      value: { event: C, milestone: value }", "      over: { event: D, end: over }", "rules:"]
    lines += [f"  {name}: {{ {words_of(rule)}, within: journey, per: item }}" for name, rule in rules]
    return "\n".join(lines) + "\n"


def make_events(rng, spans):
    now, events = 1767607200000, []
    many = rng.choice([TYPES, TYPES[:3] + TYPES[:3] + TYPES])
    for i in range(900):
        now, other = meet(rng, events, now, spans, [1, 2, 7, 50, 100, 250, 900, 4000])
        event = {"id": f"e{i}", "t": now, "e": rng.choice(many), "c": f"c{rng.randrange(3)}",
                 "item": str(rng.randrange(9))}
        event.update({name: other[name] for name in ("c", "item") if other})
        events.append(event)
    return events


def recount(rules, journey, events, turned=""):
    said, states = [], {}

    def note(name, key):
        return lambda *what: said.append((name, key) + what)

    for event in events:
        fire(states, event["t"], note)
        for name, rule in rules:
            key = (event["c"], event["item"])
            if (name, key) not in states:
                states[name, key] = Path(rule, journey, turned)
            states[name, key].event(event, note(name, key))
    fire(states, events[-1]["t"], note)
    return sorted(said)


def replayed(pipeline, events, folder):
    said = []
    for record in replay(pipeline, events, folder):
        if record["type"].startswith("snag.alert.") and record["data"]["why"]["test"] == "path":
            data = record["data"]
            said.append((data["why"]["rule"], key_of(data), data["action"],
                         milliseconds(record["time"]), data.get("reason", "")))
    return sorted(said)


def one(seed, folder, turned=""):
    rng = random.Random(seed)
    rules = make_rules(rng)
    journey = {"again": rng.random() < 0.6, "expire": rng.choice([0, 9000, 60000])}
    events = make_events(rng, [journey["expire"], *(rule.get("dwell_ms", 0) for _, rule in rules)])
    ours = recount(rules, journey, events, turned)
    theirs = replayed(make_pipeline(rules, journey, 0), events, folder)
    good = ours == theirs
    for _ in range(0 if turned else 2):
        mixed = replayed(make_pipeline(rules, journey, BOUND), shuffled(events, rng, BOUND), folder)
        good = good and mixed == theirs
    if good or turned:
        return max(len(ours), 1) if good else 0
    return differ(make_pipeline(rules, journey, 0), ours, theirs, seed)


run_streams(one, range(1, 21), TURNED, range(1, 16))
