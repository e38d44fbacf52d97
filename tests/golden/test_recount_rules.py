#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# An independent recount of `ratio`, `path`, `differs`, bursts of clicks and waits with levels, once more from
# language.md, short and slow: each keeps every event there was and looks at them all again. Random streams by
# seed; every alert must agree, in time, reason and numbers. The same events in other orders inside
# out_of_order must give the same.
#
#     SNAG=build/snag tests/golden/test_recount_rules.py SEED       one stream again
#
# The recount checks itself: with the bound of `within` moved by a millisecond it must disagree somewhere.
import decimal
import random
import sys

from recount import differ, fire, key_of, meet, milliseconds, replay, run_streams, shuffled

TYPES = ["A", "B", "C", "D", "E", "F"]
BOUND = 2000
TURNED = ["within and after are a millisecond shorter"]
decimal.getcontext().prec = 40


def words_of(rule):
    """A rule as one line of YAML; names that end in _ms are durations."""
    parts = []
    for key, value in rule.items():
        if key.endswith("_ms"):
            parts.append(f"{key[:-3]}: {value}ms")
        elif isinstance(value, dict):
            parts.append(f"{key}: {{ {words_of(value)} }}")
        elif isinstance(value, list):
            parts.append(f"{key}: [{', '.join(value)}]")
        else:
            parts.append(f"{key}: {value}")
    return ", ".join(parts)


class Ratio:
    """Failed and tried events of the newest 64 panes."""

    def __init__(self, rule, slack):
        self.rule, self.events, self.open, self.below = rule, [], None, None
        self.within = rule["within_ms"] - slack
        self.enter = int(rule["enter"][:-1])
        self.leave = int(rule.get("leave", rule["enter"])[:-1])

    @staticmethod
    def make(rng):
        failed, tried, until = rng.sample(TYPES, 3)
        rule = {"ratio": failed, "of": rng.choice([tried, f"[{failed}, {tried}]"]),
                "within_ms": rng.choice([64, 100, 1000, 6400, 29999]),
                "enter": f"{rng.choice([20, 34, 50, 100])}%"}
        if rng.random() < 0.6:
            rule["leave"] = f"{rng.choice([1, 10, 20])}%"
        if rng.random() < 0.6:
            rule["hold_ms"] = rng.choice([1, 300, 5000])
        if rng.random() < 0.6:
            rule["min"] = rng.choice([2, 3, 5])
        if rng.random() < 0.3:
            rule["until"] = until
        return rule

    def pane(self, at):
        return at * 64 // self.within

    def sums(self, now):
        newest = self.pane(now)
        inside = [what for at, what in self.events if newest - 64 < self.pane(at) <= newest]
        return sum(f for f, _ in inside), sum(t for _, t in inside)

    def deadline(self):
        if not self.open:
            return None
        leaving = [-(-(self.pane(at) + 64) * self.within // 64) for at, _ in self.events]
        after = [at for at in leaving if at > self.now]
        if self.below is not None:
            after.append(self.below + self.rule.get("hold_ms", 0))
        return min(after) if after else None

    def judge(self, now, say):
        self.now = now
        failed, tried = self.sums(now)
        if not self.open:
            if tried >= self.rule.get("min", 1) and tried and failed * 100 >= self.enter * tried:
                self.open, self.below = True, None
                say("trigger", now, "", failed, tried)
            return
        if tried and failed * 100 >= self.leave * tried:
            self.below = None
            return
        self.below = now if self.below is None else self.below
        if now - self.below >= self.rule.get("hold_ms", 0):
            say("resolve", now, "below", failed, tried)
            self.open = False

    def timer(self, say):
        self.judge(self.deadline(), say)

    def event(self, event, say):
        kind, now = event["e"], event["t"]
        if kind == self.rule.get("until"):
            if self.open:
                say("resolve", now, "until", *self.sums(self.now))
            self.events, self.open = [], False
        what = (kind == self.rule["ratio"], kind in self.rule["of"])
        if any(what):
            self.events.append((now, what))
            self.judge(now, say)


class Path:
    """Every beginning is followed on its own: step by step, by the next event that is the next step."""

    def __init__(self, rule, slack):
        self.rule, self.events, self.open = rule, [], None
        self.within = rule["within_ms"] - slack

    @staticmethod
    def make(rng):
        steps = [rng.choice(TYPES[:4]) for _ in range(rng.choice([2, 3, 3, 4]))]
        others = [kind for kind in TYPES if kind not in steps]
        rule = {"path": steps, "within_ms": rng.choice([500, 3000, 20000])}
        if len(steps) > 2 and rng.random() < 0.5:
            rule["dwell_ms"] = rng.choice([1, 200, 1000])
        if rng.random() < 0.5:
            rule["not"] = others[0]
        if rng.random() < 0.5:
            rule["until"] = others[-1]
        return rule

    def complete(self, first):
        """The time at which the run that begins at this event is complete, or None."""
        done, step_at, begun = 0, None, self.events[first][0]
        for at, kind in self.events[first:]:
            if kind == self.rule.get("not") or kind == self.rule.get("until"):
                return None
            if kind != self.rule["path"][done]:
                continue
            if at - begun > self.within:
                return None
            if done > 1 and at - step_at > self.rule.get("dwell_ms", 10 ** 15):
                return None
            done, step_at = done + 1, at
            if done == len(self.rule["path"]):
                return at
        return None

    def deadline(self):
        return self.open + self.rule["within_ms"] if self.open is not None else None

    def timer(self, say):
        say("resolve", self.deadline(), "window_empty", None, None)
        self.open = None

    def event(self, event, say):
        kind, now = event["e"], event["t"]
        if kind == self.rule.get("until") and self.open is not None:
            say("resolve", now, "until", None, None)
            self.open = None
        self.events.append((now, kind))
        begins = [i for i, (_, what) in enumerate(self.events) if what == self.rule["path"][0]]
        if any(self.complete(i) == now for i in begins):
            if self.open is None:
                say("trigger", now, "", None, None)
            self.open = now


class Differs:
    """The newest value of each place, looked for among all events."""

    def __init__(self, rule, slack):
        self.rule, self.events, self.open = rule, [], False
        self.within = rule["within_ms"] - slack

    @staticmethod
    def make(rng):
        rule = {"differs": "value", "between": "place", "within_ms": rng.choice([300, 2000, 15000])}
        if rng.random() < 0.5:
            rule["event"] = rng.choice(TYPES)
        if rng.random() < 0.3:
            rule["until"] = rng.choice([kind for kind in TYPES if kind != rule.get("event")])
        return rule

    def places(self, now):
        newest = {}
        for at, place, value in self.events:
            newest[place] = (at, value)
        return {place: seen for place, seen in newest.items() if now - seen[0] <= self.within}

    def values(self, now):
        return {value for _, value in self.places(now).values()}

    def deadline(self):
        if not self.open:
            return None
        return min(at for at, _ in self.places(self.now).values()) + self.within

    def timer(self, say):
        now = self.deadline()
        self.now = now + 1
        if len(self.values(now + 1)) < 2:
            say("resolve", now, "window_empty", len(self.values(now + 1)), None)
            self.open = False

    def event(self, event, say):
        now = event["t"]
        if event["e"] == self.rule.get("until"):
            if self.open:
                say("resolve", now, "until", len(self.values(self.now)), None)
            self.events, self.open = [], False
        if event["e"] != self.rule.get("event", event["e"]):
            return
        self.now = now
        self.events.append((now, event["place"], event["value"]))
        values = self.values(now)
        if self.open and len(values) < 2:
            say("resolve", now, "moved_on", 1, None)
        elif not self.open and len(values) > 1:
            say("trigger", now, "", len(values), None)
        self.open = len(values) > 1


class Near:
    """Bursts of clicks close together; every click since the last burst is looked at again."""

    def __init__(self, rule, slack):
        self.rule, self.clicks, self.open, self.total = rule, [], False, 0
        self.span = rule.get("within_ms", rule.get("gap_ms", 0) * (rule["count"] - 1)) - slack

    @staticmethod
    def make(rng):
        rule = {"event": rng.choice(TYPES[:2]), "count": rng.choice([2, 3, 4]),
                "radius": rng.choice([0, 2, 4]), "measure": rng.choice(["circle", "taxicab", "box"]),
                "burst": "true"}
        rule[rng.choice(["within_ms", "gap_ms"])] = rng.choice([900, 4000, 20000])
        if rule["measure"] != "box":
            rule["from"] = rng.choice(["first", "previous"])
        rule["quiet_ms"] = rng.choice([250, 3000, 9000])
        if rng.random() < 0.5:
            rule["found"] = TYPES[2]
        if rng.random() < 0.4:
            rule["exclude"] = {"place": rng.choice([["x"], ["y", "z"]])}
        return rule

    def close(self, newest):
        if newest[-1][0] - newest[0][0] > self.span:
            return False
        for i, (at, x, y) in enumerate(newest[1:], 1):
            _, from_x, from_y = newest[i - 1 if self.rule.get("from") == "previous" else 0]
            far = {"circle": (x - from_x) ** 2 + (y - from_y) ** 2 > self.rule["radius"] ** 2,
                   "taxicab": abs(x - from_x) + abs(y - from_y) > self.rule["radius"], "box": False}
            if far[self.rule["measure"]] or at - newest[i - 1][0] > self.rule.get("gap_ms", 10 ** 15):
                return False
        width = max(max(where) - min(where) for where in list(zip(*newest))[1:])
        return self.rule["measure"] != "box" or width <= self.rule["radius"]

    def deadline(self):
        return self.newest + self.rule["quiet_ms"] if self.open else None

    def timer(self, say):
        say("resolve", self.deadline(), "window_empty", self.total, None)
        self.clicks, self.open = [], False

    def event(self, event, say):
        kind, now = event["e"], event["t"]
        newest = self.clicks[-self.rule["count"]:]
        excluded = event["place"] in self.rule.get("exclude", {"place": []})["place"]
        if kind == self.rule["event"] and not excluded:
            self.newest = now
            self.clicks.append((now, event["x"], event["y"]))
            self.total += 1
            newest = self.clicks[-self.rule["count"]:]
            if not self.open and len(newest) == self.rule["count"] and self.close(newest):
                say("trigger", now, "", self.rule["count"], None)
                self.open, self.total = True, self.rule["count"]
        elif kind == self.rule.get("found") and not excluded and not self.open:
            inside = [click for click in newest if now - click[0] <= self.span]
            self.newest = inside[-1][0] if inside else now
            self.open, self.total = True, max(len(inside), 1)
            say("trigger", now, "", self.total, None)


class Waits:
    """A clock that runs from the question on, but for the other side's turns; it strikes at each level."""

    def __init__(self, rule, slack):
        self.rule, self.asked, self.open = rule, None, False
        after = rule["after"] if isinstance(rule["after"], list) else [rule["after"]]
        strikes = [int(level[:-2]) - slack for level in after]
        self.levels = list(enumerate(strikes, 1))
        if "warn" in rule:
            gap = strikes[0] * int(rule["warn"][:-1]) // 100
            self.levels.insert(0, (0, strikes[0] - gap))

    @staticmethod
    def make(rng):
        asked, answer, pause, resume, until = rng.sample(TYPES, 5)
        first = rng.choice([500, 3000, 20000])
        rule = {"event": asked, "missing": answer, "after": f"{first}ms"}
        if rng.random() < 0.5:
            rule["after"] = [f"{first}ms", f"{first + rng.choice([1, 2000])}ms"]
        if rng.random() < 0.5:
            rule["warn"] = f"{rng.choice([1, 20, 50, 99])}%"
        if rng.random() < 0.6:
            rule.update(pause=pause, resume=resume)
        if rng.random() < 0.3:
            rule["until"] = until
        return rule

    def strikes(self, running):
        """When the clock has run so long; None: it stands before."""
        at = self.asked + running
        for begin, end in self.turns:
            if begin > at:
                break
            if end is None:
                return None
            at += end - begin
        return at

    def deadline(self):
        if self.asked is None or len(self.levels) == self.told:
            return None
        return self.strikes(self.levels[self.told][1])

    def timer(self, say):
        level = self.levels[self.told][0]
        say("escalate" if self.open else "trigger", self.deadline(), "", self.shown(level), None)
        self.told, self.open = self.told + 1, True

    def shown(self, level):
        return level if len(self.levels) > 1 else None

    def event(self, event, say):
        kind, now = event["e"], event["t"]
        for what, reason in (("missing", "moved_on"), ("until", "until")):
            if kind == self.rule.get(what) and self.asked is not None:
                if self.open:
                    say("resolve", now, reason, self.shown(self.levels[self.told - 1][0]), None)
                self.asked, self.open = None, False
        if kind == self.rule["event"] and self.asked is None:
            self.asked, self.turns, self.told = now, [], 0
        if self.asked is None:
            return
        stands = self.turns and self.turns[-1][1] is None
        if kind == self.rule.get("pause") and not stands:
            self.turns.append((now, None))
        elif kind == self.rule.get("resume") and stands:
            self.turns[-1] = (self.turns[-1][0], now)


class Promised:
    """The newest promise counts."""

    def __init__(self, rule, slack):
        self.rule, self.promises, self.open, self.slack = rule, [], False, slack

    @staticmethod
    def make(rng):
        asked, again, answer, until = rng.sample(TYPES, 4)
        rule = {"event": [asked, again], "missing": answer, "promise": "eta"}
        if rng.random() < 0.3:
            rule["until"] = until
        return rule

    def deadline(self):
        return None if self.open or not self.promises else max(self.promises[-1])

    def timer(self, say):
        say("trigger", self.deadline() - self.slack, "", None, None)
        self.open = True

    def event(self, event, say):
        kind, now = event["e"], event["t"]
        for what, reason in (("missing", "moved_on"), ("until", "until")):
            if kind == self.rule.get(what):
                if self.open:
                    say("resolve", now, reason, None, None)
                self.promises, self.open = [], False
        if kind not in self.rule["event"] or (self.promises and self.promises[-1][0] == event["eta"]):
            return
        if self.open and event["eta"] >= now:
            say("resolve", now, "moved_on", None, None)
            self.open = False
        self.promises.append((event["eta"], now))


KINDS = [Ratio, Path, Differs, Near, Waits, Promised]


class Score:
    """The sum of weight x 2^-(age / half_life), in decimals of 40 digits."""

    def __init__(self, rule, said):
        self.rule, self.parts, self.at, self.open = rule, {}, 0, False
        self.steps = {}  # what one event begins is one step, what timers begin in one cell another, later
        for name, key, action, at, *_ in said:
            if action == "trigger" and name in rule["score"]:
                step = (at, 1, key[1]) if name.startswith(("waits", "promised")) else (at, 0, "")
                self.steps.setdefault(step, []).append(name)

    @staticmethod
    def make(rng, names):
        some = rng.sample(names, rng.choice([1, 3, 6]))
        enter = rng.choice([2, 5.5, 12])
        return {"score": {name: rng.choice([1, 2.5, 4]) for name in some},
                "half_life_ms": rng.choice([1000, 7777, 60000]), "enter": enter,
                "leave": enter * rng.choice([0.25, 1]), "kinds": min(len(some), rng.choice([1, 2]))}

    def move_on(self, now):
        age = decimal.Decimal(now - self.at) / self.rule["half_life_ms"]
        self.parts = {name: part * 2 ** -age for name, part in self.parts.items()}
        self.at = now

    def value(self):
        return sum(self.parts.values())

    def close(self, before, say):
        """At the first millisecond under leave, where that is past by now."""
        halvings = (self.value() / decimal.Decimal(self.rule["leave"])).ln() / decimal.Decimal(2).ln()
        at = self.at + int(round(halvings * self.rule["half_life_ms"], 15)) + 1
        if at < before:
            self.move_on(at)
            say("resolve", at, "below", self.value())
            self.open = False

    def run(self, end, say):
        for at, timed, cell in sorted(self.steps):
            if self.open: # of timers of one moment the score's own is first; an event is before all
                self.close(at + timed, say)
            self.move_on(at)
            for name in self.steps[at, timed, cell]:
                self.parts[name] = self.parts.get(name, 0) + decimal.Decimal(self.rule["score"][name])
            kinds = sum(1 for part in self.parts.values() if part >= decimal.Decimal("0.001"))
            if not self.open and self.value() >= self.rule["enter"] and kinds >= self.rule["kinds"]:
                say("trigger", at, "", self.value())
                self.open = True
        if self.open:
            self.close(end, say)


def recount_scores(scores, said, end):
    found = []
    for name, rule in scores:
        for customer in sorted({key[0] for _, key, *_ in said}):
            mine = [record for record in said if record[1][0] == customer]
            Score(rule, mine).run(
                end, lambda *what, customer=customer: found.append((name, (customer, "")) + what))
    return found


def make_rules(rng):
    rules = []
    for kind in KINDS:
        for i in range(4):
            rules.append((f"{kind.__name__.lower()}{i}", kind, kind.make(rng), rng.choice([None, "item"])))
    return rules


def make_pipeline(rules, scores, out_of_order):
    lines = ["pipeline: recount", "sources:",
             f"  s: {{ topic: s, format: json, out_of_order: {out_of_order}ms,",
             "       map: { id: id, time: t, type: e, customer: c },",
             "       keep: { item: item, place: place, value: { from: value, as: int },",
             "               x: { from: x, as: int }, y: { from: y, as: double },",
             "               eta: { from: eta, as: time } } }", "rules:"]
    for name, _, rule, per in rules:
        lines.append(f"  {name}: {{ {words_of(rule)}{', per: item' if per else ''} }}")
    lines += [f"  {name}: {{ {words_of(rule)} }}" for name, rule in scores]
    return "\n".join(lines) + "\n"


def make_events(rng, rules):
    now, events = 1767607200000, []
    spans = [value for _, _, rule, _ in rules for key, value in rule.items() if key.endswith("_ms")]
    for i in range(900):
        now, other = meet(rng, events, now, spans, [1, 1, 2, 7, 50, 100, 250, 900, 4000])
        event = {"id": f"e{i}", "t": now, "e": rng.choice(TYPES), "c": f"c{rng.randrange(3)}",
                 "item": str(rng.randrange(2)), "place": rng.choice("xyz"), "value": rng.randrange(3),
                 "x": rng.randrange(4), "y": rng.randrange(4),
                 "eta": now + rng.choice([-500, 0, 700, 5000, 30000])}
        event.update({name: other[name] for name in ("e", "c", "item") if other and rng.random() < 0.8})
        events.append(event)
    return events


def recount(rules, events, slack=0):
    said, states = [], {}

    def note(name, key):
        return lambda *what: said.append((name, key) + what)

    for event in events:
        fire(states, event["t"], note)
        for name, kind, rule, per in rules:
            key = (event["c"], event["item"] if per else "")
            if (name, key) not in states:
                states[name, key] = kind(rule, slack)
            states[name, key].event(event, note(name, key))
    fire(states, events[-1]["t"], note)
    return sorted(said, key=str)


def replayed(pipeline, events, folder):
    said, scored = [], []
    for record in replay(pipeline, events, folder):
        data = record["data"]
        why = data["why"]
        share = why["observed"] / why["attempts"] if why.get("attempts") else None
        if why["test"] == "score":
            scored.append((why["rule"], key_of(data), data["action"], milliseconds(record["time"]),
                           data.get("reason", ""), why["value"]))
            share = sum(part["value"] for part in why["contributions"])
        if why.get("value") != share and abs(why["value"] - share) > 1e-9:
            sys.exit(f"the value is not what it is made of: {why}")
        if why["test"] == "score":
            continue
        said.append((why["rule"], key_of(data), data["action"], milliseconds(record["time"]),
                     data.get("reason", ""),
                     why.get("observed", why.get("level")), why.get("attempts")))
    return sorted(said, key=str), sorted(scored)


def same_scores(ours, theirs):
    ours = sorted(ours)
    return len(ours) == len(theirs) and all(
        a[:5] == b[:5] and abs(a[5] - decimal.Decimal(b[5])) < decimal.Decimal("1e-9")
        for a, b in zip(ours, theirs))


def one(seed, folder, turned=""):
    rng = random.Random(seed)
    rules = make_rules(rng)
    events = make_events(rng, rules)
    scores = [(f"score{i}", Score.make(rng, [name for name, *_ in rules])) for i in range(3)]
    ours = recount(rules, events, int(bool(turned)))
    theirs, scored = replayed(make_pipeline(rules, scores, 0), events, folder)
    sums = recount_scores(scores, ours, events[-1]["t"]) if ours == theirs else []
    good = ours == theirs and same_scores(sums, scored)
    for _ in range(0 if turned else 2):
        mixed = replayed(make_pipeline(rules, scores, BOUND), shuffled(events, rng, BOUND), folder)
        good = good and mixed == (theirs, scored)
    if good or turned:
        return len(ours) + len(sums) if good else 0
    ours += [record[:5] for record in sorted(sums)]
    return differ(make_pipeline(rules, scores, 0), ours, theirs + [record[:5] for record in scored], seed)


run_streams(one, range(1, 11), TURNED, range(1, 6))
