#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# An independent recount of what journeys say besides their stages: outcomes and what amends them, answers of
# surveys, values by shape; with rules that rub a walk, excluded events and rules that expire. Once more from
# language.md and the manual, short and slow: each `count` keeps every match, each walk what is known of it.
# Random journeys and streams by seed: in order, in another order inside out_of_order (then the same must be
# said), and with events that come after they were judged.
#
#     SNAG=build/snag tests/golden/test_recount_walks.py SEED       one stream again
#
# The recount checks itself: with one of its rules turned round it must disagree somewhere.
import json
import random
import re

from recount import differ, fire, key_of, meet, milliseconds, replay_lines, run_streams, shuffled

STAGES = {"one": "A", "two": "B", "three": "C", "over": "D", "lost": "L"}
TYPES = ["A", "B", "C", "D", "L", "F", "F", "F", "U", "Ask", "Ask", "Said", "Said", "Said"]
SHAPES = ["big", "small", "other"]
BOUND, LATE = 2000, 9000
TURNED = ["settle", "settles anew", "rubbed after", "shape now", "expire", "disproved", "excluded",
          "all expire alike", "all settle alike"]
# … and in a survey: only the last question counts; also where it comes late it is of the stage of now; it
# takes any number of answers; whose name it bears does not matter; another walk forgets it; an answer tells
# the outcome of now, and belongs where the walk is now; those that nobody asked for are not counted.
SURVEY_TURNED = ["asked over", "asked now", "answers again", "by", "forgets", "outcome now", "stage now",
                 "not counted"]
REMEMBERED = 8  # of a walk with a survey: moves, and questions


def by_shape(rng, values):
    """A value for all, or one for some shape and one for all else."""
    if rng.random() < 0.5:
        return rng.choice(values)
    return {rng.choice(SHAPES): rng.choice(values), "else": rng.choice(values)}


def of_shape(value, shape):
    return value.get(shape, value["else"]) if isinstance(value, dict) else value


def words(value, unit=""):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{shape}: {one}{unit}" for shape, one in value.items()) + " }"
    return f"{value}{unit}"


class Count:
    """Every match since it was last empty. Opens at the n-th inside `within`; `until`, a window that has
    emptied, or `expire` end it."""

    def __init__(self, rule, turned):
        self.rule, self.turned = rule, turned
        self.times, self.opened, self.shape = [], None, None

    def deadline(self):
        if self.opened is None:
            return None
        ends = [self.times[-1] + self.rule["within"]] if "within" in self.rule else []
        ends += [self.opened + self.rule["expire"]] if "expire" in self.rule else []
        return min(ends, default=None)

    def timer(self, say):
        now = self.deadline()
        expired = "expire" in self.rule and now == self.opened + self.rule["expire"]
        say("resolve", now, "expired" if expired else "window_empty", self.shape)
        self.times, self.opened = [], None

    def event(self, event, shape, say):
        now, within = event["t"], self.rule.get("within", 10 ** 15)
        if event["e"] == self.rule.get("until") and self.times and now >= self.times[-1]:
            if self.opened is not None:
                say("resolve", now, "until", self.shape)
            self.times, self.opened = [], None
        if event["e"] != self.rule["event"] or (self.times and now < self.times[-1] - within):
            return
        if self.opened is None and self.times and now > self.times[-1] + within:
            self.times = []
        if not self.times or self.turned == "shape now":
            self.shape = shape
        self.times = sorted(self.times + [now])
        newest = [at for at in self.times if at >= self.times[-1] - within]
        if self.opened is None and len(newest) >= of_shape(self.rule["count"], self.shape):
            self.opened = now
            say("trigger", now, "", self.shape)


class Missing:
    def __init__(self, rule, turned):
        self.rule, self.armed, self.opened = rule, None, None

    def deadline(self):
        return self.armed if self.opened is None else None

    def timer(self, say):
        self.opened = self.armed
        say("trigger", self.opened, "", self.shape)

    def event(self, event, shape, say):
        now = event["t"]
        if event["e"] == self.rule["missing"] and self.armed is not None and now >= self.asked:
            if self.opened is not None:
                in_time = now <= self.armed
                say("resolve", now, "late_evidence" if in_time else "moved_on", self.shape)
            self.armed = self.opened = None
        if event["e"] == self.rule["event"] and self.armed is None:
            self.asked, self.shape = now, shape
            self.armed = now + of_shape(self.rule["after"], shape)


class Walk:
    """One `per` value's walks, one after the other."""

    def __init__(self, journey, turned):
        self.journey, self.turned = journey, turned
        self.stage, self.seq, self.number, self.ended = None, 0, 0, None
        self.moves, self.asks, self.unasked = [], [], 0

    def moved(self, at):
        """What it was to be from then on is another way now."""
        self.moves = [move for move in self.moves if move["walk"] != self.number or move["at"] <= at]
        self.moves.append({"at": at, "stage": self.stage, "walk": self.number,
                           "outcome": self.said if self.ended else None})
        self.moves = self.moves[-REMEMBERED:]

    def move_at(self, at, walk=None):
        moves = [move for move in self.moves if move["at"] <= at and walk in (None, move["walk"])]
        return moves[-1] if moves else None

    def expires(self):
        shape = None if self.turned == "all expire alike" else self.shape
        lasting = of_shape(self.journey["expire"], shape)
        return self.entered + lasting - (self.turned == "expire") if lasting else None

    def deadline(self):
        if self.stage is None or self.ended:
            return None
        return min((at for at in (self.armed, self.expires()) if at is not None), default=None)

    def outcome(self):
        rubbed = self.friction > 0
        if self.ended == "expired":
            return "abandoned_after_friction" if rubbed else "abandoned"
        if self.stage == "lost":
            return "lost"
        return "with_friction" if rubbed else "smooth"

    def say(self, say, move, at, shape, cause, *rest):
        self.seq += 1
        say(move, at, self.number, self.seq, cause, shape, *rest)

    def close(self, at, how):
        """Before it is said: the closing change is the next one."""
        self.ended, self.closed, self.closed_seq, self.armed = how, at, self.seq + 1, None
        self.said = self.outcome()

    def settles(self, now):
        settling = of_shape(self.journey["settle"], None if self.turned == "all settle alike" else self.shape)
        return settling and now <= self.closed + settling - (self.turned == "settle")

    def timer(self, say):
        now = self.deadline()
        if self.expires() == now:
            self.close(now, "expired")
            self.moved(now)
            rest = (self.stage, None, now - self.entered, None, self.said, None, None)
            self.say(say, "ended", now, self.shape, "timer", *rest)
            if self.late:
                say("resolve", now, "expired", self.shape)
            self.late = None
            return
        self.friction, self.late, self.armed = self.friction + 1, now, None
        rest = (self.stage, None, now - self.entered, None, None, None, None)
        self.say(say, "stalled", now, self.shape, "timer", *rest)
        say("trigger", now, "", self.shape)

    def leave(self, now, shape, say):
        if self.late is None:
            return
        rest = (self.stage, None, now - self.entered, None, None, None, None)
        self.say(say, "resumed", now, shape, "event", *rest)
        in_time = now <= self.late
        say("resolve", now, "late_evidence" if in_time else "moved_on", self.shape)
        self.friction -= in_time and self.turned != "disproved"
        self.late = None

    def enter(self, to, now, shape, say):
        again, walking = self.journey["again"], self.stage is not None
        amends = walking and self.ended and self.settles(now) and (not again or now < self.closed)
        if walking and self.ended and not again and not amends:
            return
        opens = not walking or (self.ended and not amends)
        if not opens and (to == self.stage or now < self.entered):
            return
        came, dwell, corrects = None, None, None
        if opens:
            for kept in (self.moves, self.asks): # of this one and the next
                kept[:] = [one for one in kept if one["walk"] == self.number]
            if self.turned == "forgets":
                self.asks = []
            self.number, self.friction, self.late = self.number + 1, 0, None
        else:
            self.leave(now, shape, say)
            came, dwell = self.stage, now - self.entered
            corrects = self.closed_seq if self.ended else None
        self.stage, self.entered, self.shape, self.ended = to, now, shape, None
        due = of_shape(self.journey["due"].get(to), shape)
        self.armed = now + due if due else None
        if to in ("over", "lost"):
            self.close(now, "ended")
        self.moved(now)
        milestone = "half" if to == "two" else None
        outcome = self.said if self.ended else None
        self.say(say, "ended" if self.ended else "entered", now, shape, "correction" if corrects else "event",
                 came, to, dwell, milestone, outcome, corrects, None)

    def rub(self, at, began, by, shape, say):
        """An alert of the same item began, or was none."""
        if self.stage is None or (by < 0 and self.friction == 0):
            return
        after = began > self.closed and self.turned != "rubbed after" if self.ended else False
        if self.ended and (not self.settles(at) or after):
            return
        self.friction += by
        if self.ended and self.outcome() != self.said:
            corrects, closed = self.closed_seq, self.closed
            self.close(closed if self.turned != "settles anew" else at, self.ended)
            self.moved(max(at, closed))
            gone = self.ended == "expired"
            self.say(say, "ended", at, shape or self.shape, "correction", self.stage if gone else None,
                     None if gone else self.stage, None, None, self.said, corrects, None)

    def event(self, event, shape, say):
        for stage, kind in STAGES.items():
            if kind == event["e"]:
                self.enter(stage, event["t"], shape, say)
        if event["e"] == "Ask" and "asked" in (self.journey["survey"] or []):
            self.ask(event)
        if event["e"] == "Said" and self.journey["survey"] and "score" in event:
            self.answer(event, shape, say)

    def by_of(self, event):
        known = "by" in self.journey["survey"] and self.turned != "by"
        return str(event["sid"]) if known and "sid" in event else None

    def ask(self, event):
        now, move = event["t"], self.move_at(event["t"])
        if move is None:
            return
        stage = self.stage if self.turned == "asked now" else move["stage"]
        ask = {"at": now, "stage": stage, "walk": move["walk"], "by": self.by_of(event), "answered": False}
        if self.turned == "asked over":
            self.asks = []
        if len(self.asks) == REMEMBERED:
            self.asks.remove(next((ask for ask in self.asks if ask["answered"]), self.asks[0]))
        self.asks = sorted(self.asks + [ask], key=lambda ask: ask["at"])

    def subject(self, event):
        """Stage and walk that an answer is about: of the newest question before it that may be meant and has
        no answer, else of the newest; else as the answer says, or where the walk was."""
        survey, now, by = self.journey["survey"], event["t"], self.by_of(event)
        named = event.get("about") if "about" in survey and event.get("about") in STAGES else None
        meant = [ask for ask in self.asks if ask["at"] <= now and by in (None, ask["by"]) and
                 named in (None, ask["stage"])]
        meant = [ask for ask in meant if not ask["answered"] and self.turned != "answers again"] or meant
        if meant:
            meant[-1]["answered"] = True
            return meant[-1]["stage"], meant[-1]["walk"]
        move = self.move_at(now)
        if move is None or (named is None and "asked" in survey):
            return None
        return named or (self.stage if self.turned == "stage now" else move["stage"]), move["walk"]

    def answer(self, event, shape, say):
        about = self.subject(event)
        if about is None:
            self.unasked += self.turned != "not counted"
            return
        then = self.move_at(event["t"], about[1]) or {"outcome": None}
        outcome = (self.said if self.ended else None) if self.turned == "outcome now" else then["outcome"]
        self.seq += 1
        say("answered", event["t"], about[1], self.seq, "event", shape, about[0], None, None, None, outcome,
            None, event["score"])


class Recount:
    def __init__(self, world, turned):
        self.world, self.turned = world, turned
        self.said, self.states, self.judged, self.plans, self.newest = [], {}, {}, {}, 0
        self.shape = None  # of the event at hand; None: a timer's step
        self.unasked = 0   # answers of those who never walked

    def note(self, name, key):
        def say(action, at, *rest):
            walk = self.states.get(("along", key))
            self.said.append((name, key, action, at) + rest)
            if action == "trigger":
                self.judged[key[0]] = max(self.judged.get(key[0], 0), at + (self.shape is None))
            if name == "along" or not walk or action not in ("trigger", "resolve"):
                return
            state, proved = self.states[name, key], rest[0] == "late_evidence"
            if action == "trigger" or (proved and self.turned != "disproved"):
                walk.rub(at, state.opened, 1 if action == "trigger" else -1, self.shape,
                         self.note("along", key))
        return say

    def fire(self, states, before):
        self.shape = None
        fire(states, before, self.note)

    def shape_of(self, event):
        """As of all that has come: the newest plan, also where it comes late."""
        newest = self.plans.setdefault(event["c"], (0, None))
        if "plan" in event and event["t"] >= newest[0]:
            newest = self.plans[event["c"]] = (event["t"], event["plan"])
        return newest[1] if newest[1] in SHAPES[:2] else "other"

    def event(self, event):
        now, customer = event["t"], event["c"]
        if now > self.newest:
            self.newest = now
            self.fire(self.states, now)
        if event.get("staff") and self.turned != "excluded":
            return
        late = now < self.judged.get(customer, 0)
        shape = self.shape_of(event)
        if late:
            self.said.append(("late", (customer, event["id"]), now))
        watched = [("along", None, "item")] + self.world["rules"]
        for per in ("item", None):
            key = (customer, event["item"] if per else "")
            mine = {(name, key): rule for name, rule, whose in watched
                    if whose == per and event["e"] in self.types(rule)}
            if not late and mine: # what was due in this cell has passed for this event
                self.fire({which: state for which, state in self.states.items() if which[1] == key}, now)
            for which, rule in mine.items():
                self.shape = shape
                if event["e"] == "Said" and rule is None and which not in self.states:
                    self.unasked += bool(self.world["survey"]) and "score" in event
                if which in self.states or event["e"] in self.begins(rule):
                    self.state_of(which, rule).event(event, shape, self.note(*which))
        known = customer in self.judged or any(which[1][0] == customer for which in self.states)
        if known or "plan" in event: # of whom nothing is known, nothing was judged
            self.judged[customer] = max(self.judged.get(customer, 0), now)

    @staticmethod
    def types(rule):
        return [rule[key] for key in ("event", "missing", "until") if key in rule] if rule else TYPES

    @staticmethod
    def begins(rule):
        return [rule["event"]] if rule else STAGES.values()

    def state_of(self, which, rule):
        if which not in self.states:
            kind = Walk if rule is None else Missing if "missing" in rule else Count
            self.states[which] = kind(rule or self.world, self.turned)
        return self.states[which]


def recount(world, events, turned):
    count = Recount(world, turned)
    for event in events:
        count.event(event)
    walks = [state for state in count.states.values() if isinstance(state, Walk)]
    count.said.append(("unasked", count.unasked + sum(walk.unasked for walk in walks)))
    return sorted(count.said, key=str)


# --- the program ----------------------------------------------------------------------------------

def make_world(rng):
    within = rng.choice([1500, 6000])
    return {
        "again": rng.random() < 0.5, "expire": rng.choice([0, by_shape(rng, [7000, 9000, 30000])]),
        "settle": by_shape(rng, [0, 1200, 6000]),
        "due": {name: by_shape(rng, [700, 6000]) for name in rng.sample(["one", "two", "three"], 2)},
        "survey": rng.choice([None, [""], ["about"], ["asked"], ["asked", "about"], ["asked", "by"],
                              ["asked", "about", "by"]]),
        "rules": [("rubs", {"event": "F", "count": by_shape(rng, [2, 3]), "within": within,
                            "until": "U"}, "item"),
                  ("broken", {"event": "F", "count": by_shape(rng, [1, 2]), "until": "U",
                              "expire": rng.choice([900, 7000])}, "item"),
                  ("waits", {"event": "A", "missing": "B", "after": by_shape(rng, [800, 5000])}, "item"),
                  ("mine", {"event": "F", "count": 2, "within": within}, None)]}


def make_pipeline(world, out_of_order):
    survey = {"about": ", about: about", "asked": ", asked: Ask", "by": ", by: sid"}
    lines = ["pipeline: recount", "sources:",
             f"  s: {{ topic: s, format: json, out_of_order: {out_of_order}ms,",
             "       map: { id: id, time: t, type: e, customer: c }, exclude: { staff: has(staff) },",
             "       keep: { item: item, plan: plan, staff: staff, about: about, sid: sid,",
             "               score: { from: score, as: int } } }",
             "facts:", "  newest: { last: plan }", "shapes:", '  big: has(newest) && newest == "big"',
             '  small: has(newest) && newest == "small"', "  other: otherwise", "journeys:", "  along:",
             f"    per: item\n    again: {str(world['again']).lower()}",
             f"    settle: {words(world['settle'], 'ms')}"]
    lines += [f"    expire: {words(world['expire'], 'ms')}"] if world["expire"] else []
    if world["survey"]:
        more = "".join(survey.get(word, "") for word in world["survey"])
        lines.append(f"    survey: {{ event: Said, score: score{more} }}")
    lines.append("    stages:")
    more = {"two": ", milestone: half", "over": ", end: true", "lost": ", end: lost"}
    for name, kind in STAGES.items():
        due = f", due: {words(world['due'][name], 'ms')}" if name in world["due"] else ""
        lines.append(f"      {name}: {{ event: {kind}{due}{more.get(name, '')} }}")
    lines.append("rules:")
    for name, rule, per in world["rules"]:
        parts = [f"{key}: {words(value, 'ms' if key in ('within', 'expire', 'after') else '')}"
                 for key, value in rule.items()]
        lines.append(f"  {name}: {{ {', '.join(parts)}{', per: item' if per else ''} }}")
    return "\n".join(lines) + "\n"


def make_events(rng, world):
    """Many come just so long after another that a bound is met, or just missed."""
    now, events = 1767607200000, []
    asks = "asked" in (world["survey"] or [])
    types, items = TYPES + ["Ask", "Said", "Said"] * asks, 1 if asks else 3
    settles, expires = [list(value.values()) if isinstance(value, dict) else [value]
                        for value in (world["settle"], world["expire"])]
    spans = [*settles, *expires, expires[0] + settles[-1],
             *(rule.get("within", 800) for _, rule, _ in world["rules"])]
    for i in range(700):
        now, other = meet(rng, events, now, spans, [1, 2, 7, 100, 250, 900, 4000])
        event = {"id": f"e{i}", "t": now, "e": rng.choice(types), "c": other.get("c", f"c{rng.randrange(3)}"),
                 "item": other.get("item", str(i // 50 * 3 + rng.randrange(items)))}
        chances = {"plan": (0.1, SHAPES), "staff": (0.04, ["yes"]), "about": (0.4, [*STAGES, "nowhere"]),
                   "score": (0.9, range(11)), "sid": (0.6, ["x", "y", 3])}
        for name, (chance, values) in chances.items():
            if rng.random() < chance:
                event[name] = rng.choice(values)
        events.append(event)
    last = {"id": "last", "t": now + 60000, "e": "F", "c": "last", "item": "0"}
    return events + [last]


def replayed(pipeline, events, folder):
    walks = {}
    lines, words = replay_lines(pipeline, events, folder)
    unasked = re.search(r"note: ([0-9,]+) answers of surveys", words)
    said = [("unasked", int(unasked.group(1).replace(",", "")) if unasked else 0)]
    for record in map(json.loads, lines):
        data, kind, at = record["data"], record["type"], milliseconds(record["time"])
        if kind.startswith("snag.alert."):
            rule = "along" if data["why"]["rule"].startswith("along.") else data["why"]["rule"]
            said.append((rule, key_of(data), data["action"], at, data.get("reason", ""),
                         data["who"].get("shape")))
        elif kind.startswith("snag.journey."):
            key = (data["customer"], data["instance"])
            corrects = data.get("corrects", f"{data['walk']}-ended-").split("-ended-")
            number = walks.setdefault(key, {}).setdefault(data["walk"], len(walks[key]) + 1)
            assert corrects[0] == data["walk"]
            said.append(("along", key, kind.rsplit(".", 1)[1], at, number, data["seq"], data["cause"],
                         data.get("shape"), data.get("from"), data.get("to"), data.get("dwell_ms"),
                         data.get("milestone"), data.get("outcome"),
                         int(corrects[1]) if corrects[1] else None, data.get("score")))
        else:
            said.append(("late", (record["subject"], record["id"]), at))
    return sorted(said, key=str)


def one(seed, folder, turned=""):
    rng = random.Random(seed)
    world = make_world(rng)
    events = make_events(rng, world)
    late = shuffled(events[:-1], rng, LATE, 0.3) + events[-1:]
    count = 1
    for what, order in (("in order", events), ("late", late)):
        pipeline = make_pipeline(world, 0)
        ours, theirs = recount(world, order, turned), replayed(pipeline, order, folder)
        if ours != theirs:
            return 0 if turned else differ(pipeline, ours, theirs, seed, what)
        count += len(ours)
        if what == "in order" and not turned:
            mixed = replayed(make_pipeline(world, BOUND), shuffled(events, rng, BOUND), folder)
            if mixed != ours:
                return differ(pipeline, ours, mixed, seed, "another order inside the bound")
    return count


run_streams(one, range(21, 31), TURNED + SURVEY_TURNED, [31, 43, 72, 80])  # each shows on one
