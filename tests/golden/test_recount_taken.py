#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# A score over silences, some of which late events prove to be none: what is taken back is as much as is left
# of the weight then. An independent sum, in decimals, over the alerts in the order in which they came; each
# alert of the score must agree with it, and none may be missing.
#
#     SNAG=build/snag tests/golden/test_recount_taken.py SEED       one stream again
#
# The sum checks itself: where nothing is taken back it must disagree somewhere.
import decimal
import random
import sys

from recount import milliseconds, replay, run_streams

AFTER, HALF, LEAVE = 5000, 20000, decimal.Decimal("3")
NOTHING = decimal.Decimal(2) ** -31  # what is left of a part after something was taken back, and is none
TURNED = ["late evidence takes nothing back"]
decimal.getcontext().prec = 40
PIPELINE = f"""pipeline: taken
sources:
  s: {{ topic: s, format: json, map: {{ id: id, time: t, type: e, customer: c }}, keep: {{ item: item }} }}
rules:
  stuck: {{ event: Q, per: item, missing: R, after: {AFTER}ms }}
  rage:  {{ event: A, count: 1, within: 1ms }}
  reset: {{ event: U, count: 1, within: 1ms }}
  sum:   {{ score: {{ stuck: 3, rage: 2.5 }}, half_life: {HALF}ms, enter: 4, leave: {LEAVE}, until: U }}
  over:  {{ score: {{ sum: 4, rage: 1 }}, half_life: {HALF}ms, enter: 4, leave: {LEAVE} }}
"""
WEIGHTS = {"sum": {"stuck": decimal.Decimal(3), "rage": decimal.Decimal("2.5")},
           "over": {"sum": decimal.Decimal(4), "rage": decimal.Decimal(1)}}


def make_events(rng):
    now, events = 1767607200000, []
    for i in range(700):
        now += rng.choice([3, 30, 300, 900, 2400])
        late = rng.choice([0, 0, 0, 390, 2490, 6990])
        if any(event["t"] == now - late for event in events):
            continue
        events.append({"id": f"e{i}", "t": now - late, "e": rng.choice("QQRRRAA" if i % 9 else "QRAU"),
                       "c": f"c{rng.randrange(2)}", "item": str(rng.randrange(3))})
    return events


class Sum:
    def __init__(self, name, taking):
        self.name, self.taking = name, taking
        self.parts, self.at, self.since = {}, None, 0
        self.open, self.wants, self.asked, self.wrong = False, "", None, ""

    def value(self):
        return sum(self.parts.values())

    def move_on(self, now):
        if now > self.at:
            self.parts = {key: part * self.left(now - self.at) for key, part in self.parts.items()}
            self.at = now

    @staticmethod
    def left(age):
        return decimal.Decimal(2) ** (-decimal.Decimal(age) / HALF)

    def reset(self, now):
        if self.at is not None and now >= self.at:
            self.parts, self.at, self.since = {}, now, now

    def feed(self, name, began, now, back):
        weight = WEIGHTS[self.name].get(name)
        if weight is None or began < self.since or (back and (not self.taking or self.at is None)):
            return
        if self.wants and self.asked != now:  # another step
            self.wrong = f"{self.name}: no {self.wants} at {self.asked}"
        if self.at is None:
            self.at = began
        self.move_on(now)
        part = weight * self.left(self.at - began)
        left = self.parts.get(name, 0) - part if back else self.parts.get(name, 0) + part
        self.parts[name] = left if not back or left >= NOTHING else 0
        self.asked = now
        if not self.open and self.value() >= 4:
            self.wants = "trigger"
        elif self.open and back and self.value() < LEAVE:
            self.wants = "resolve"

    def named(self, contributions):
        """Whether just those are listed of which something is left; what is all but gone may be, or not."""
        listed = {part["rule"] for part in contributions}
        there = {name for name, part in self.parts.items() if part}
        return listed <= there and listed >= {name for name in there if self.parts[name] >= NOTHING}

    def told(self, action, reason, at, value, contributions):
        below = action == "resolve" and reason == "below"
        if below:
            self.move_on(at - 1)
            before = self.value()
            self.move_on(at)
            good = self.open and not self.wants and before >= LEAVE > self.value()
        elif reason == "until":
            self.move_on(at)
            good = self.open
        else:
            good = self.wants == action
        if not good or abs(self.value() - decimal.Decimal(value)) > decimal.Decimal("1e-9"):
            self.wrong = f"{self.name} {action} {reason} at {at}: {value}, not {self.value()} {self.wants}"
        if not self.named(contributions):
            self.wrong = f"{self.name} {action} at {at}: {contributions}, not {self.parts}"
        self.open, self.wants = action == "trigger", ""
        if reason == "until":
            self.reset(at)


def one(seed, folder, turned=""):
    rng = random.Random(seed)
    sums, opened, count = {}, {}, 0
    taken = 0
    for record in replay(PIPELINE, make_events(rng), folder):
        data = record["data"]
        if "why" not in data:
            continue  # a late event
        name, at = data["why"]["rule"], milliseconds(record["time"])
        reason, episode = data.get("reason", ""), data["episode"]
        mine = [sums.setdefault((data["who"]["customer"], score), Sum(score, not turned))
                for score in WEIGHTS]
        if name in WEIGHTS:
            mine[list(WEIGHTS).index(name)].told(data["action"], reason, at, data["why"]["value"],
                                                 data["why"].get("contributions", []))
            count += 1
        if name == "reset" and data["action"] == "trigger":
            mine[0].reset(at)
        for one_sum in mine:
            if data["action"] == "trigger":
                opened[episode] = at
                one_sum.feed(name, at, at, False)
            elif reason == "late_evidence":
                taken += name == "stuck"
                one_sum.feed(name, opened[episode], at, True)
        for one_sum in mine:
            if one_sum.wrong:
                if turned:
                    return 0
                sys.exit(f"seed {seed}: {one_sum.wrong}\n{record}")
    if not turned and taken < 2:
        sys.exit(f"seed {seed}: only {taken} were taken back")
    return count


run_streams(one, range(1, 21), TURNED, range(1, 6))
