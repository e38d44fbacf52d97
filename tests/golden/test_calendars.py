#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Deadlines of whole pipelines against the independent reference of test_zones.py: random calendars (holidays
in the file, in an .ics, both), zones of customers, seasons, on rules and stages, over events near changes of
the clock. What `snag replay` publishes must be each deadline, its zone, its season, its basis; with two
levels, warnings and clocks that stand also each step, and its time. By seed:

    SNAG=build/snag tests/golden/test_calendars.py [SEED]

The check checks itself: with a holiday left out of the reference it must disagree.
"""
import datetime
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import test_zones  # noqa: E402

SNAG = os.environ.get("SNAG", "build/snag")
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EPOCH = datetime.datetime(1970, 1, 1)
HOUR = 3600000


def clock(minutes):
    return f"{minutes // 60:02}:{minutes % 60:02}"


def date(day):
    return (EPOCH + datetime.timedelta(days=day)).date()


def stamp(ms):
    return (EPOCH + datetime.timedelta(milliseconds=ms)).isoformat(timespec="milliseconds") + "Z"


def ms_of(text):
    return round((datetime.datetime.fromisoformat(text.rstrip("Z")) - EPOCH).total_seconds() * 1000)


class Steps:
    """When a wait warns, is due, and is at its second level, with a clock that stands from `stood[0]` to
    `stood[1]`; shift(deadline) moves one on by that."""

    def __init__(self, began, due, second=None, share=None):
        self.began, self.due, self.second = began, due, second
        self.gap = None if share is None else (due - began) * share // 100
        self.level = 0  # 1 warned, 2 due, 3 the second

    def next(self):
        if self.level == 0 and self.gap is not None:
            return self.due - self.gap
        return self.due if self.level < 2 else self.second if self.level == 2 else None

    def told(self, stood, shift):
        said, asked = [], self.began
        while (at := self.next()) is not None:
            at = max(at, asked)
            if stood and stood[0] <= at:
                self.due = shift(self.due) if self.level < 2 else self.due
                self.second = self.second and shift(self.second)
                asked, stood = stood[1], None
                continue
            self.level = 2 if self.level < 2 and at >= self.due else self.level + 1
            said.append(("escalate" if said else "trigger", at, self.second if self.level == 3 else self.due))
        return said


class World:
    """One pipeline, its events, and the deadlines that they must have."""

    def __init__(self, rng, number):
        self.rng, self.name = rng, f"world{number}"
        self.zone = rng.choice(test_zones.ODD + test_zones.PLAIN[:4])
        self.week = rng.choice(test_zones.WEEKS)
        self.listed = sorted({rng.randrange(18000, 24000) for _ in range(120)})
        self.in_file = sorted({rng.randrange(18000, 24000) for _ in range(120)})
        self.yearly = rng.randrange(18262, 18262 + 366)  # of 2020, a leap year
        self.yearly_days = [self.year_day(year) for year in range(2020, 2101)]
        self.off = {*self.listed, *self.in_file, *self.yearly_days}
        first = rng.randrange(19000, 22000)
        self.season = (first, first + rng.randrange(5, 400))
        self.amounts = {"hours": rng.choice([1, 8, 30, 170]), "days": rng.choice([1, 3, 10, 60]),
                        "calendar": rng.choice([1, 30, 60, 365])}

    def year_day(self, year):
        first = date(self.yearly)
        try:
            return (first.replace(year=year) - EPOCH.date()).days
        except ValueError:
            return -1  # the 29th of February

    def ics(self):
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0"]
        for day in self.in_file:
            lines += ["BEGIN:VEVENT", f"DTSTART;VALUE=DATE:{date(day):%Y%m%d}", "SUMMARY:off", "END:VEVENT"]
        lines += ["BEGIN:VEVENT", f"DTSTART;VALUE=DATE:{date(self.yearly):%Y%m%d}", "RRULE:FREQ=YEARLY",
                  f"DTEND;VALUE=DATE:{date(self.yearly + 1):%Y%m%d}", "END:VEVENT", "END:VCALENDAR"]
        return "\r\n".join(lines) + "\r\n"

    def pipeline(self):
        hours = ", ".join(f"{DAYS[day]}: [{', '.join(clock(a) + '-' + clock(b) for a, b in self.week[day])}]"
                          for day in self.week)
        amounts = self.amounts
        return "\n".join([
            f"pipeline: {self.name}", "calendars:",
            f"  here: {{ zone: {self.zone}, hours: {{ {hours} }},",
            f"          holidays: [{', '.join(map(str, map(date, self.listed)))}, {self.name}.ics] }}",
            f"  theirs: {{ zone: {{ from: tz, else: {self.zone} }}, hours: {{ {hours} }} }}",
            "calendar: here",
            f"seasons: {{ wide: {{ from: {date(self.season[0])}, to: {date(self.season[1] - 1)} }} }}",
            "sources:", "  s: { topic: s, format: json, map: { id: id, time: t, type: e, customer: c },",
            "       keep: { tz: z } }", "rules:",
            f"  hours: {{ event: A, missing: B, after: {amounts['hours']} business hours }}",
            f"  days: {{ event: A, missing: B, after: {amounts['days']} business days,",
            "          during: { wide: 3x } }",
            f"  calendar: {{ event: A, missing: B, after: {amounts['calendar']} days }}",
            f"  theirs: {{ event: A, missing: B, after: {amounts['hours']} business hours of theirs }}",
            f"  s_hours: {{ event: A, missing: B, after: {amounts['hours']} business hours, warn: 20%,",
            "             pause: P, resume: R }",
            f"  s_theirs: {{ event: A, missing: B, after: {amounts['hours']} business hours of theirs,",
            "              pause: P, resume: R }",
            f"  s_plain: {{ event: A, missing: B, after: [30h, {amounts['days']}00h], warn: 50%,",
            "             during: { wide: 1.5x }, pause: P, resume: R }",
            f"  s_levels: {{ event: A, missing: B, after: [{amounts['days']} business days,",
            f"             {amounts['days'] + 1} business days], during: {{ wide: [4 days, 50 days] }} }}",
            "journeys:",
            f"  way: {{ stages: {{ a: {{ event: A, due: {amounts['days']} business days }} }} }}",
            f"  s: {{ stages: {{ a: {{ event: A, due: [{amounts['days']} business days,",
            f"        {2 * amounts['days']} business days], during: {{ wide: 3x }}, warn: 10%,",
            "        pause: P, resume: R } } }"]) + "\n"

    def events(self, count):
        made = []
        for i in range(count):
            at = test_zones.moment(self.rng, self.zone) // 1000 * 1000 + self.rng.randrange(1000)
            at = min(max(at, ms_of("2020-01-01T00:00:00Z")), ms_of("2034-01-01T00:00:00Z"))
            zone = self.rng.choice([None, "Nowhere/Land", *test_zones.ODD, *test_zones.PLAIN])
            made.append((at, f"c{i}", zone))
        return sorted(made, key=lambda event: event[0])

    def turns(self, events):
        """For some of these customers, from when to when the clock stands."""
        turns = {}
        for at, who, _ in events:
            if self.rng.random() < 0.8:
                begin = at + self.rng.randrange(1, self.rng.choice([5, 100, 700]) * HOUR)
                stood = self.rng.randrange(1, self.rng.choice([3, 30, 300, 900]) * HOUR)
                turns[who] = (begin, begin + stood)
        return turns

    def wanted_steps(self, events, turns, off):
        here = test_zones.Reference(self.zone, self.week, off)
        known = {*test_zones.ODD, *test_zones.PLAIN}
        season = [test_zones.instant(here.zone, day * 24 * HOUR) for day in self.season]
        for at, who, zone in events:
            stood = turns.get(who)
            wide = season[0] <= at < season[1]
            their = test_zones.Reference(zone if zone in known else self.zone, self.week, set())
            hours, days = self.amounts["hours"] * HOUR, self.amounts["days"]

            def moved(by):
                def shift(due):
                    opened = by.open(*stood)
                    return by.add_hours(opened, due) if opened else due
                return shift

            def elapsed(due):
                return due + stood[1] - stood[0]

            yield ("s_hours", who), Steps(at, here.add_hours(hours, at), None, 20).told(stood, moved(here))
            yield ("s_theirs", who), Steps(at, their.add_hours(hours, at)).told(stood, moved(their))
            factor = 3 if wide else 2  # halves
            plain = Steps(at, at + 30 * HOUR * factor // 2, at + days * 100 * HOUR * factor // 2, 50)
            yield ("s_plain", who), plain.told(stood, elapsed)
            first, second = ((here.plus(4, at), here.plus(50, at)) if wide else
                             (here.add_days(days, at), here.add_days(days + 1, at)))
            yield ("s_levels", who), Steps(at, first, second).told(None, None)
            factor = 3 if wide else 1
            due = [here.add_days(level * days * factor, at) for level in (1, 2)]
            stage = Steps(at, *due, 10)
            yield ("s.a.late", who), stage.told(stood, moved(here))

    @staticmethod
    def unzoned(events):
        """How many deadlines of customers' own calendars are counted in the calendar's zone: both rules'."""
        known = {*test_zones.ODD, *test_zones.PLAIN}
        return 2 * sum(1 for _, _, zone in events if zone not in known)

    def wanted(self, events, off):
        here = test_zones.Reference(self.zone, self.week, off)
        known = {*test_zones.ODD, *test_zones.PLAIN}
        season = [test_zones.instant(here.zone, day * 24 * HOUR) for day in self.season]
        for at, who, zone in events:
            wide = season[0] <= at < season[1]
            their = test_zones.Reference(zone if zone in known else self.zone, self.week, set())
            hours, days = self.amounts["hours"] * HOUR, self.amounts["days"]
            yield ("hours", who), (here.add_hours(hours, at), self.zone, None, "business")
            yield ("days", who), (here.add_days(days * (3 if wide else 1), at), self.zone,
                                  "wide" if wide else None, "business")
            yield ("calendar", who), (here.plus(self.amounts["calendar"], at), self.zone, None, "calendar")
            yield ("theirs", who), (their.add_hours(hours, at), their.name, None, "business")
            yield ("way.a.late", who), (here.add_days(days, at), self.zone, None, "business")

    def said(self, folder, events, turns):
        pathlib.Path(folder, self.name + ".ics").write_text(self.ics())
        pathlib.Path(folder, "p.yaml").write_text(self.pipeline())
        lines = [(at, "A", who, zone) for at, who, zone in events]
        lines += [(turns[who][i], "PR"[i], who, None) for who in turns for i in (0, 1)]
        with open(pathlib.Path(folder, "e.jsonl"), "w") as file:
            for at, what, who, zone in sorted(lines, key=lambda line: line[0]):
                event = {"id": what + who, "t": stamp(at), "e": what, "c": who}
                file.write(json.dumps({**event, "z": zone} if zone else event) + "\n")
        done = subprocess.run([SNAG, "replay", f"{folder}/p.yaml", f"{folder}/e.jsonl", "--drain", "--now",
                               "2040-01-01T00:00:00Z"], text=True, capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{self.name}: {done.stderr}")
        self.unzoned_told = re.findall(r"note: (\d+) deadlines? in a calendar's own zone", done.stderr)
        for line in done.stdout.splitlines():
            record = json.loads(line)
            if not record["type"].startswith("snag.alert."):
                continue
            why, action = record["data"]["why"], record["data"]["action"]
            step = (action, ms_of(record["time"]), ms_of(why["deadline"]))
            yield ((why["rule"], record["subject"]), step if why["rule"].startswith("s") else
                   (ms_of(why["deadline"]), why["zone"], why.get("season"), why["basis"]))


def steps_of(said):
    steps = {}
    for key, step in said:
        if key[0].startswith("s"):
            steps.setdefault(key, []).append(step)
    return steps


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    if not (test_zones.FOLDER / "Europe/Berlin").exists():
        print("no zone data here (tzdata)")
        return 1 if os.environ.get("CI") else 77
    cases = failed = noticed = moved = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(10):
            world = World(random.Random(seed * 1000 + number), number)
            events = world.events(40)
            turns = world.turns(events)
            records = list(world.said(folder, events, turns))
            steps = steps_of(records)
            said = {key: one for key, one in records if not key[0].startswith("s")}
            wanted = dict(world.wanted(events, world.off))
            paused = dict(world.wanted_steps(events, turns, world.off))
            moved += paused != dict(world.wanted_steps(events, {}, world.off))
            without = dict(world.wanted(events, {*world.listed, *world.yearly_days}))
            noticed += said != without
            cases += len(wanted) + sum(map(len, paused.values()))
            if world.unzoned_told != [str(world.unzoned(events))]:
                failed += 1
                print(f"seed {seed}, {world.name}: told of {world.unzoned_told} deadlines of no known zone, "
                      f"want {world.unzoned(events)}")
            for key in sorted({*steps, *paused}):
                if steps.get(key) != paused.get(key):
                    failed += 1
                    print(f"seed {seed}, {world.name}, {key}: {steps.get(key)}, want {paused.get(key)}, "
                          f"clock stood {turns.get(key[1])}")
            for key in sorted({*said, *wanted}):
                if said.get(key) != wanted.get(key):
                    failed += 1
                    print(f"seed {seed}, {world.name}, {key}: {said.get(key)}, want {wanted.get(key)}")
    print(f"{cases} deadlines, {failed} differ")
    if not noticed:
        print("canary: holidays left out of the reference are not noticed")
    if moved < 10:
        print("canary: a clock that stands moves nothing")
    return 1 if failed or not noticed or moved < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
