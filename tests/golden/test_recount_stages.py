#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# An independent recount of what stages wait for: two levels, warnings, clocks that stand, promises, once
# more from language.md, short and slow. Random journeys and streams by seed, read in an order of arrival of
# its own inside out_of_order, with duplicates; every alert and change must agree.
#
#     SNAG=build/snag tests/golden/test_recount_stages.py SEED       one stream again
#
# The recount checks itself: with every deadline a millisecond earlier it must disagree somewhere.
import datetime
import random

from recount import differ, fire, key_of, meet, milliseconds, replay, run_streams

STAGES = ["one", "two", "three", "over"]
TYPES = ["A", "B", "C", "D", "P", "Q", "R", "S", "X"]
BOUND = 2000
TURNED = ["every deadline is a millisecond earlier"]


def stamp(at):
    moment = datetime.datetime.fromtimestamp(at / 1000, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds")


def make_stage(rng, name):
    stage = {"event": TYPES[STAGES.index(name)]}
    if name == "over":
        stage["end"] = "true"
    if rng.random() < 0.3:
        stage["promise"] = "eta"
    elif name != "over" and rng.random() < 0.7:
        first = rng.choice([700, 3000, 20000])
        stage["due"] = [first, first + rng.choice([1, 2500])] if rng.random() < 0.5 else [first]
    else:
        return stage
    if rng.random() < 0.5:
        stage["warn"] = rng.choice([1, 20, 50, 99])
    if rng.random() < 0.5:
        stage["pause"], stage["resume"] = rng.sample(TYPES[4:8], 2)
    return stage


def words(stage):
    parts = []
    for key, value in stage.items():
        if key == "due":
            value = "[" + ", ".join(f"{at}ms" for at in value) + "]" if len(value) > 1 else f"{value[0]}ms"
        parts.append(f"{key}: {value}" + ("%" if key == "warn" else ""))
    return "{ " + ", ".join(parts) + " }"


def make_pipeline(stages, again, expire):
    lines = ["pipeline: recount", "sources:", "  s: { topic: s, format: json,",
             "       map: { id: id, time: t, type: e, customer: c },",
             f"       keep: {{ item: item, eta: {{ from: eta, as: time }} }}, out_of_order: {BOUND}ms }}",
             "journeys:", "  way:", "    per: item", f"    again: {str(again).lower()}"]
    lines += [f"    expire: {expire}ms"] if expire else []
    lines += ["    stages:"] + [f"      {name}: {words(stages[name])}" for name in STAGES]
    return "\n".join(lines) + "\n"


def make_events(rng, spans):
    now, events = 1767607200000, []
    for i in range(1200):
        now, other = meet(rng, events, now, spans, [1, 2, 7, 100, 250, 900, 4000])
        event = {"id": f"e{i}", "t": now, "e": rng.choice(TYPES), "c": f"c{rng.randrange(3)}",
                 "item": str(rng.randrange(3))}
        event.update({name: other[name] for name in ("c", "item") if other})
        if rng.random() < 0.4:
            event["eta"] = stamp(now + rng.choice([-500, 1, 800, 5000, 30000]))
        events.append(event)
    return events


class Wait:
    """What is told when: of one stage's due, or of one promise."""

    def __init__(self, stage, since, deadline, slack):
        self.stage, self.since, self.asked, self.slack = stage, since, since, slack
        self.promised = self.deadline = deadline
        due = stage.get("due", [0])
        self.second = deadline + due[1] - due[0] if len(due) > 1 else None
        self.told, self.stood = -1, None  # told: -1 nothing, 0 warned, 1 due, 2 second

    def next(self):
        if self.stood is not None:
            return None
        at = None
        if self.told == -1 and "warn" in self.stage:
            whole = self.stage["due"][0] if "due" in self.stage else max(0, self.deadline - self.since)
            at = self.deadline - whole * self.stage["warn"] // 100
        elif self.told < 1:
            at = self.deadline
        elif self.told == 1:
            at = self.second
        return None if at is None else max(at, self.asked) - self.slack

    def strike(self, now):
        if self.told == -1 and (now >= self.deadline or "warn" not in self.stage):
            self.told = 0
        self.told += 1

    def level(self):
        return self.told if "warn" in self.stage or self.second is not None else None

    def turn(self, kind, now):
        if kind == self.stage.get("pause") and self.stood is None:
            self.stood = now
        elif kind == self.stage.get("resume") and self.stood is not None:
            if self.told < 1:
                self.deadline += now - self.stood
            if self.second is not None:
                self.second += now - self.stood
            self.stood, self.asked = None, now


class Walk:
    def __init__(self, stages, again, expire, slack):
        self.stages, self.again, self.expire, self.slack = stages, again, expire, slack
        self.at, self.ended, self.own, self.promises = None, False, None, {}

    def deadline(self):
        waits = [wait.next() for wait in [*self.promises.values(), self.own] if wait]
        if self.expire and self.at is not None and not self.ended:
            waits.append(self.entered + self.expire)
        return min((at for at in waits if at is not None), default=None)

    def timer(self, say):
        now = self.deadline()
        for to, wait in self.promises.items():
            if wait and wait.next() is not None and wait.next() <= now:
                self.strike(wait, to, now, say)
        if self.expire and now >= self.entered + self.expire:
            for to, wait in [*self.promises.items(), (self.at, self.own)]:
                if wait and wait.told >= 0:
                    say(f"way.{to}.late", "resolve", now, "expired")
            say("way", "ended", now, f"{self.at} None")
            self.promises = {to: wait for to, wait in self.promises.items() if not wait}
            self.ended, self.own = True, None
        elif self.own and self.own.next() is not None and self.own.next() <= now:
            self.strike(self.own, None, now, say)

    def strike(self, wait, to, now, say):
        action = "trigger" if wait.told == -1 else "escalate"
        wait.strike(now)
        if wait.told == 1:
            say("way", "stalled", now, f"{self.at} {to}")
        say(f"way.{to or self.at}.late", action, now, wait.level())

    def end(self, wait, to, now, reason, say):
        if wait.told < 0:
            return
        if wait.told >= 1:
            say("way", "resumed", now, f"{self.at} {to}")
        say(f"way.{to or self.at}.late", "resolve", now, reason)

    def event(self, event, say):
        kind, now = event["e"], event["t"]
        to = STAGES[TYPES.index(kind)] if kind in TYPES[:4] else None
        if to and not (self.ended and not self.again):
            self.enter(to, now, say)
        if to:
            self.look(event, say)
        if self.at is None or self.ended:
            return
        for wait in [*self.promises.values(), self.own]:
            if wait:
                wait.turn(kind, now)
        self.look(event, say)

    def enter(self, to, now, say):
        if self.ended or self.at is None:
            self.at, self.ended, self.promises = None, False, {}
        if to == self.at:
            return
        ends = to == "over"
        for name in [to] if not ends else STAGES:
            wait = self.promises.get(name)
            if wait:
                self.end(wait, name, now, "moved_on" if name == to else "until", say)
                del self.promises[name]
        if "promise" in self.stages[to]:
            self.promises[to] = False  # reached: not awaited again
        if self.own:
            self.end(self.own, None, now, "moved_on", say)
        say("way", "ended" if ends else "entered", now, f"{self.at} {to}")
        due = self.stages[to].get("due")
        self.own = Wait(self.stages[to], now, now + due[0], self.slack) if due else None
        self.at, self.entered, self.ended = to, now, ends

    def look(self, event, say):
        if "eta" not in event or self.at is None or self.ended:
            return
        now, eta = event["t"], milliseconds(event["eta"])
        for name, stage in self.stages.items():
            if "promise" not in stage:
                continue
            wait = self.promises.get(name)
            if wait is None:
                self.promises[name] = Wait(stage, now, eta, self.slack)
            elif wait and eta != wait.promised:
                if wait.told >= 0 and eta >= now:
                    self.end(wait, name, now, "moved_on", say)
                    wait.told = -1
                wait.promised = wait.deadline = eta
                wait.asked = now


def recount(stages, again, expire, events, slack):
    said, walks = [], {}

    def note(_, key):
        return lambda rule, action, at, why: said.append((rule, key, action, at, str(why)))

    for event in events:
        fire(walks, event["t"], note)
        key = (event["c"], event["item"])
        walk = walks.setdefault(("way", key), Walk(stages, again, expire, slack))
        walk.event(event, note("way", key))
    fire(walks, events[-1]["t"] - BOUND, note)
    return sorted(said)


def arrival(rng, events):
    """As late as the bound allows, and some of them twice."""
    late = sorted(events, key=lambda event: event["t"] + rng.random() * BOUND * 0.99)
    return [event for event in late for _ in range(1 + (rng.random() < 0.05))]


def replayed(pipeline, events, folder):
    said = []
    for record in replay(pipeline, events, folder):
        data, kind = record["data"], record["type"]
        at = milliseconds(record["time"])
        if kind.startswith("snag.alert."):
            why = data.get("reason", data["why"].get("reason")) if data["action"] == "resolve" \
                else data["why"].get("level")
            said.append((data["why"]["rule"], key_of(data), data["action"], at, str(why)))
        elif kind.startswith("snag.journey."):
            said.append(("way", (data["customer"], data["instance"]), kind.rsplit(".", 1)[1], at,
                         f"{data.get('from')} {data.get('to')}"))
    return sorted(said)


def one(seed, folder, turned=""):
    rng = random.Random(seed)
    stages = {name: make_stage(rng, name) for name in STAGES}
    again, expire = rng.random() < 0.7, rng.choice([0, 0, 25000])
    spans = [800, 5000, expire, *(due for stage in stages.values() for due in stage.get("due", []))]
    events = make_events(rng, spans)
    pipeline = make_pipeline(stages, again, expire)
    ours = recount(stages, again, expire, events, int(bool(turned)))
    theirs = replayed(pipeline, arrival(rng, events), folder)
    # what lies within the bound of the end was not judged by all
    last = events[-1]["t"] - BOUND
    ours, theirs = ([record for record in said if record[3] < last] for said in (ours, theirs))
    if ours == theirs:
        return len(ours)
    return 0 if turned else differ(pipeline, ours, theirs, seed)


run_streams(one, range(1, 61), TURNED, range(1, 11))
