#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# An independent recount: the tests `missing` and `count`, and walks, once more from language.md, short and
# slow, over random streams by seed. Every alert and journey change must agree, in time, reason and order
# of each instance. One pipeline and one stream a seed; a failure prints how to repeat it:
#
#     SNAG=build/snag tests/golden/test_recount.py SEED
#
# The recount checks itself: with the bound of `within` moved by a millisecond, or an answer with its
# question's own time taken for none, it must disagree somewhere.
import random

from recount import differ, fire, key_of, meet, milliseconds, replay, run_streams

TYPES = ["A", "B", "C", "D", "E"]
WITHIN = "within is a millisecond shorter"
EQUAL = "an answer with its question's own time is none"
TURNED = [WITHIN, EQUAL]
STAGES = ["one", "two", "three", "over"]


def make_rules(rng):
    """A list of (name, dict) with the parameters the language knows."""
    rules = []
    for i in range(4):
        asked, answer, until = rng.sample(TYPES, 3)
        rule = {"event": asked, "missing": answer, "after": rng.choice([500, 3000, 20000])}
        if rng.random() < 0.5:
            rule["until"] = until
        if rng.random() < 0.5:
            rule["overtake"] = rng.choice([1, 200, 400])
        rules.append((f"wait{i}", rule, rng.choice([None, "item"])))
    for i in range(4):
        what, until = rng.sample(TYPES, 2)
        rule = {"event": what, "count": rng.choice([1, 2, 3, 5]), "within": rng.choice([800, 5000, 30000])}
        if rng.random() < 0.5:
            rule["until"] = until
        elif rng.random() < 0.5:
            rule.update(burst=True, quiet=rng.choice([300, 5000]))
        rules.append((f"times{i}", rule, rng.choice([None, "item"])))
    return rules


def make_pipeline(rules, again, dues, expire):
    lines = ["pipeline: recount", "sources:", "  s: { topic: s, format: json,",
             "       map: { id: id, time: t, type: e, customer: c }, keep: { item: item } }", "rules:"]
    for name, rule, per in rules:
        spans = ("after", "overtake", "within", "quiet")
        words = [f"{key}: {value}" + ("ms" if key in spans else "") for key, value in rule.items()]
        words = [word.replace("True", "true") for word in words]
        if per:
            words.append(f"per: {per}")
        lines.append(f"  {name}: {{ {', '.join(words)} }}")
    lines += ["journeys:", "  along:", "    per: item", f"    again: {str(again).lower()}"]
    lines += [f"    expire: {expire}ms"] if expire else []
    lines.append("    stages:")
    for stage, kind, due in zip(STAGES, TYPES, dues):
        more = f", due: {due}ms" if due else ""
        more += ", end: true" if stage == "over" else ""
        lines.append(f"      {stage}: {{ event: {kind}{more} }}")
    return "\n".join(lines) + "\n"


def make_events(rng, spans=()):
    now = 1767607200000
    events = []
    for i in range(1500):
        now, other = meet(rng, events, now, spans, [0, 0, 1, 7, 100, 250, 900, 4000])
        event = {"id": f"e{i}", "t": now, "e": rng.choice(TYPES), "c": f"c{rng.randrange(4)}",
                 "item": str(rng.randrange(3))}
        event.update({name: other[name] for name in ("c", "item") if other})
        events.append(event)
    return events


class Missing:
    def __init__(self, rule, turned=""):
        self.rule, self.armed, self.open, self.answered = rule, None, None, None
        self.overtake = rule.get("overtake", -1 if turned == EQUAL else 0)

    def deadline(self):
        return self.armed

    def timer(self, say):
        self.open, self.armed = self.armed, None
        say("trigger", self.open, "")

    def event(self, kind, now, say):
        rule = self.rule
        if kind == rule["missing"]:
            self.end(now, "moved_on", say)
            self.answered = now
        if kind == rule.get("until"):
            self.end(now, "until", say)
        if kind != rule["event"] or self.armed is not None or self.open is not None:
            return
        if self.answered is not None and self.answered >= now - self.overtake:
            return
        self.armed = now + rule["after"]
        self.answered = None  # the answer before a question that was armed counts no more

    def end(self, now, reason, say):
        if self.open is not None:
            say("resolve", now, reason)
        self.armed = self.open = None


class Count:
    def __init__(self, rule, turned=""):
        self.rule, self.times, self.open, self.slack = rule, [], False, int(turned == WITHIN)

    def deadline(self):
        if not self.times:
            return None
        gap = self.rule["within"]
        if self.open and self.rule.get("burst"):
            gap = self.rule["quiet"]
        return self.times[-1] + gap

    def timer(self, say):
        if self.open:
            say("resolve", self.deadline(), "window_empty")
        self.times, self.open = [], False

    def event(self, kind, now, say):
        if kind == self.rule.get("until"):
            if self.open:
                say("resolve", now, "until")
            self.times, self.open = [], False
        if kind != self.rule["event"]:
            return
        self.times.append(now)
        newest = self.times[-self.rule["count"]:]
        inside = len(newest) == self.rule["count"] and now - newest[0] <= self.rule["within"] - self.slack
        if not self.open and inside:
            self.open = True
            say("trigger", now, "")


class Walk:
    def __init__(self, again, dues, expire):
        self.again, self.dues, self.expire, self.stage = again, dues, expire, None
        self.ended, self.armed, self.late = False, None, False
        self.entered, self.friction = 0, 0

    def expires(self):
        open_now = self.expire and self.stage is not None and not self.ended
        return self.entered + self.expire if open_now else None

    def deadline(self):
        return min((at for at in (self.armed, self.expires()) if at is not None), default=None)

    def timer(self, say):
        if self.armed is None or self.armed == self.expires():
            say("ended", self.expires(), ":abandoned" + "_after_friction" * (self.friction > 0))
            self.armed, self.late, self.ended = None, False, True
            return
        say("stalled", self.armed, STAGES[self.stage])
        self.armed, self.late = None, True
        self.friction += 1

    def rub(self):
        """An alert of the same item began."""
        if self.stage is not None and not self.ended:
            self.friction += 1

    def event(self, kind, now, say):
        to = TYPES.index(kind)
        if to >= len(STAGES) or (self.ended and not self.again):
            return
        if self.ended:
            self.stage, self.ended, self.friction = None, False, 0
        if to == self.stage:
            return
        if self.late:
            say("resumed", now, STAGES[self.stage])
        self.ended, self.late, self.stage = STAGES[to] == "over", False, to
        outcome = ":with_friction" if self.friction else ":smooth"
        say("ended" if self.ended else "entered", now, STAGES[to] + (outcome if self.ended else ""))
        self.entered = now
        self.armed = now + self.dues[to] if self.dues[to] and not self.ended else None


def recount(rules, again, dues, expire, events, turned=""):
    said, states = [], {}

    def say(name, key, action, at, why):
        said.append((name, key, action, at, why))
        walk = states.get(("along", key))
        if walk and action == "trigger" and key[1]:
            walk.rub()

    def state_of(name, rule, key):
        if (name, key) not in states:
            kind = Missing if rule and "missing" in rule else Count
            states[name, key] = kind(rule, turned) if rule else Walk(again, dues, expire)
        return states[name, key]

    def note(name, key):
        return lambda action, at, why: say(name, key, action, at, why)

    for event in events:
        fire(states, event["t"], note)
        for name, rule, per in [("along", None, "item")] + rules:
            key = (event["c"], event["item"] if per else "")
            state_of(name, rule, key).event(event["e"], event["t"], note(name, key))
    fire(states, events[-1]["t"], note)
    return sorted(said)


def replayed(pipeline, events, folder):
    said = []
    for record in replay(pipeline, events, folder):
        data, kind = record["data"], record["type"]
        at = milliseconds(record["time"])
        if kind.startswith("snag.alert.") and not data["why"]["rule"].startswith("along."):
            reason = data.get("why", {}).get("reason", data.get("reason", ""))
            said.append((data["why"]["rule"], key_of(data), data["action"], at, reason))
        elif kind.startswith("snag.journey."):
            move = kind.rsplit(".", 1)[1]
            stage = data["from"] if move in ("stalled", "resumed") else data.get("to", "")
            stage += ":" + data["outcome"] if move == "ended" else ""
            said.append(("along", (data["customer"], data["instance"]), move, at, stage))
    return sorted(said)


def one(seed, folder, turned=""):
    rng = random.Random(seed)
    rules, again = make_rules(rng), rng.random() < 0.5
    dues = [rng.choice([0, 700, 6000]) for _ in STAGES[:-1]] + [0]
    expire = rng.choice([0, 7000, 20000])
    spans = [value for _, rule, _ in rules for value in rule.values() if isinstance(value, int) and value > 5]
    events = make_events(rng, [*spans, *dues, expire])
    pipeline = make_pipeline(rules, again, dues, expire)
    ours = recount(rules, again, dues, expire, events, turned)
    theirs = replayed(pipeline, events, folder)
    if ours == theirs:
        return len(ours)
    return 0 if turned else differ(pipeline, ours, theirs, seed)


if __name__ == "__main__":
    run_streams(one, range(1, 61), TURNED, range(1, 31))
