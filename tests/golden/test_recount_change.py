#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# An independent recount of `change`, once more from language.md, short and slow: every event that there was
# is kept, and for every day or week all of them are counted again, by Python's own time zones. Random
# customers by seed: they come more or less often, stay away, come back, move; clocks change; events come
# late, inside out_of_order (then the same must be said) and behind what was judged.
#
#     SNAG=build/snag tests/golden/test_recount_change.py SEED       one stream again
#
# The recount checks itself: with one of its rules turned round it must disagree somewhere.
import datetime
import random
import sys
import zoneinfo

from recount import differ, fire, key_of, milliseconds, replay, run_streams, shuffled

DAY = 86400000
EPOCH = datetime.datetime(1970, 1, 1)
ELSE = "Europe/Berlin"
# Some change their clocks at midnight, one by half an hour; two are a day apart.
ZONES = ["Europe/Berlin", "America/New_York", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe",
         "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
BOUND = 2 * DAY
TURNED = ["at least", "sunday", "early", "no half", "utc", "not late"]


def mix(a, b):
    return a * b & (1 << 64) - 1 ^ a * b >> 64


def delay(name):
    """Half an hour by wyhash of a short name, in seconds."""
    k0, k1, size = 0xa0761d6478bd642f, 0xe7037ed1a0b428db, len(name)
    a, b = int.from_bytes(name[:8], "little"), int.from_bytes(name[8:], "little")
    return mix(mix(a ^ k1, b ^ k0) ^ k0, size ^ k1) % 1800


class Change:
    def __init__(self, rule, owner, turned):
        self.rule, self.turned, self.begun = rule, turned, False
        self.delay = delay(owner.encode()) * 1000
        self.back = 28 if rule["each"].startswith("day") else 4

    def zone(self, event):
        named = event.get("tz", "") if self.rule["each"].endswith("theirs") else ELSE
        return zoneinfo.ZoneInfo("UTC" if self.turned == "utc" else named if named in ZONES else ELSE)

    def period(self, at, zone):
        offset = (EPOCH + datetime.timedelta(milliseconds=at)).replace(
            tzinfo=datetime.timezone.utc).astimezone(zone).utcoffset()
        day = (at + int(offset.total_seconds()) * 1000) // DAY
        return day if self.back == 28 else (day + 3 + (self.turned == "sunday")) // 7

    def due(self, now):
        """When the period that is judged next is over; a midnight that is left out is an hour later."""
        day = self.next + 1 if self.back == 28 else (self.next + 1) * 7 - 3 - (self.turned == "sunday")
        local = EPOCH + datetime.timedelta(days=day)
        offset = local.replace(tzinfo=self.here).utcoffset()
        return max(day * DAY - int(offset.total_seconds()) * 1000 + self.delay, now)

    def deadline(self):
        return self.armed if self.begun else None

    def uses(self, period):
        return sum(1 for other in self.periods if other == period > self.first)

    def differs(self, period, parts):
        uses = self.uses(period)
        week = self.back // 4
        four = sum(self.uses(period - i * week) for i in range(1, 5))
        by = int(self.rule["by"].strip("+-%"))
        fewer = uses * 400 * parts - four * (100 * parts - by)
        more = uses * 400 * parts - four * (100 * parts + by)
        edge = self.turned == "at least"
        found = (fewer < edge and self.rule["by"][0] != "+") or (more > -edge and self.rule["by"][0] != "-")
        return found, uses, four

    def event(self, event, late, say):
        period = self.period(event["t"], self.zone(event))
        if not self.begun:
            self.begun, self.first, self.open = True, period, None
            self.next = period + self.back + (self.turned != "early")
            self.periods, late = [], False
        if period >= self.next - self.back - 1:
            self.periods.append(period)
        if not late:
            self.here = self.zone(event)
            self.armed = self.due(event["t"])
        elif self.open == period == self.next - 1 and self.turned != "not late":
            found, uses, four = self.differs(period, 1)
            if not found:
                say("resolve", event["t"], "late_evidence", uses, four)
                self.open = None

    def timer(self, say):
        now, half = self.armed, 1 if self.turned == "no half" else 2
        found, uses, four = self.differs(self.next, 1)
        if self.open is None and found and max(uses * 4, four) >= self.rule["min"] * 4:
            say("trigger", now, "", uses, four)
            self.open = self.next
        elif self.open is not None and not self.differs(self.next, half)[0]:
            left = any(self.uses(self.next + 2 - i) for i in range(self.back + 3))
            say("resolve", now, "below" if left else "window_empty", uses, four)
            self.open = None
        self.next += 1
        if self.open is None and not any(self.uses(self.next + 2 - i) for i in range(self.back + 3)):
            self.begun = False
        else:
            self.armed = self.due(now)


def make_rules(rng):
    rules = []
    for i in range(8):
        each = rng.choice(["day", "week"]) + " of " + rng.choice(["fixed", "theirs"])
        by = rng.choice(["-", "+", ""]) + rng.choice(["20%", "25%", "50%", "75%"])
        rules.append((f"rule{i}", {"change": rng.choice("AB"), "each": each, "by": by,
                                   "min": rng.choice([1, 2, 5])}, rng.choice([None, "item"])))
    return rules


def make_events(rng):
    events, begin = [], 1700006400000 + rng.randrange(500) * DAY  # with a leap day
    for customer in ["ann", "bob", "christopher-9"]:
        rate, tz = rng.choice([1, 3, 8]), rng.choice(ZONES)
        for day in range(rng.choice([20, 90, 130])):
            if rng.random() < 0.02:
                rate = rng.choice([0, 0, 1, 3, 8])
            if rng.random() < 0.03:
                tz = rng.choice(ZONES + ["Mars/Olympus", None])
            weekday = rate if day % 7 < 5 else rate // 3
            for _ in range(rng.randrange(weekday + 1) if rng.random() < 0.5 else weekday):
                event = {"t": begin + day * DAY + rng.randrange(DAY), "e": rng.choice("AAB"), "c": customer,
                         "item": str(rng.randrange(2))}
                events.append({**event, "tz": tz} if tz else event)
    events.append({"t": begin + 190 * DAY, "e": "A", "c": "last", "item": "0"})
    events.sort(key=lambda event: event["t"])
    return [{**event, "id": f"e{i}"} for i, event in enumerate(events)]


def recount(rules, events, turned=""):
    said, states, judged, newest = [], {}, {}, 0

    def note(name, key):
        def say(action, at, *rest):
            said.append((name, key, action, at) + rest)
            if action == "trigger":
                judged[key[0]] = max(judged.get(key[0], 0), at)
        return say

    for event in events:
        newest = max(newest, event["t"])
        fire(states, newest, note)
        late = event["t"] < judged.get(event["c"], 0)
        judged[event["c"]] = max(judged.get(event["c"], 0), event["t"])
        for name, rule, per in rules:
            key = (event["c"], event["item"] if per else "")
            if (name, key) not in states:
                states[name, key] = Change(rule, event["c"], turned)
            if event["e"] == rule["change"]:
                states[name, key].event(event, late, note(name, key))
    return sorted(said, key=str)


def make_pipeline(rules, out_of_order):
    lines = ["pipeline: recount", "calendars:", f"  fixed: {{ zone: {ELSE} }}",
             f"  theirs: {{ zone: {{ from: tz, else: {ELSE} }} }}", "sources:",
             f"  s: {{ topic: s, format: json, out_of_order: {out_of_order}ms,",
             "       map: { id: id, time: t, type: e, customer: c }, keep: { tz: tz, item: item } }",
             "rules:"]
    for name, rule, per in rules:
        words = ", ".join(f"{key}: {value}" for key, value in rule.items())
        lines.append(f"  {name}: {{ {words}{', per: item' if per else ''} }}")
    return "\n".join(lines) + "\n"


def replayed(pipeline, events, folder):
    said = []
    for record in replay(pipeline, events, folder):
        if not record["type"].startswith("snag.alert."):
            continue
        data, why = record["data"], record["data"]["why"]
        if why["usual"] and abs(why["value"] - why["observed"] / why["usual"]) > 1e-9:
            sys.exit(f"the value is not what it is made of: {why}")
        said.append((why["rule"], key_of(data), data["action"], milliseconds(record["time"]),
                     data.get("reason", ""), why["observed"], why["usual"] * 4))
    return sorted(said, key=str)


def mixed_up(events, rng, most):
    """Each comes up to so much after its time, the last one last."""
    return shuffled(events[:-1], rng, most, 0.3) + events[-1:]


def one(seed, folder, turned=""):
    rng = random.Random(seed)
    rules, events = make_rules(rng), make_events(rng)
    late = mixed_up(events, rng, 9 * DAY)
    count = 0
    for what, order, bound in (("in order", events, 0), ("late", late, 0)):
        pipeline = make_pipeline(rules, bound)
        ours, theirs = recount(rules, order, turned), replayed(pipeline, order, folder)
        if ours != theirs:
            return 0 if turned else differ(pipeline, ours, theirs, seed, what)
        count += len(ours)
        inside = ours if what == "in order" else None
        if inside is not None and not turned:
            mixed = replayed(make_pipeline(rules, BOUND), mixed_up(events, rng, BOUND), folder)
            if mixed != inside:
                return differ(pipeline, inside, mixed, seed, "another order inside the bound")
    return max(count, 1)


run_streams(one, range(1, 13), TURNED, range(1, 9))
