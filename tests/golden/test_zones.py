#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Zones and business time against an independent implementation: Python's zoneinfo, and business time once
more from its words in src/base/calendar.h, short and slow.

Every zone of the system is read; offsets, changes, and both directions of conversion are compared around its
changes and at random times; then business hours, business days and calendar days, most of them near changes
of the clock, leap days and year ends. A failure prints the question. By seed:

    SNAG_BUILD=build tests/golden/test_zones.py [SEED]

The check checks itself: with a rule of the reference turned round it must disagree somewhere.
"""
import calendar
import datetime
import functools
import os
import pathlib
import random
import subprocess
import sys
import zoneinfo

TOOL = os.path.join(os.environ.get("SNAG_BUILD", "build"), "tests", "zone_tool")
FOLDER = pathlib.Path("/usr/share/zoneinfo")
EPOCH = datetime.datetime(1970, 1, 1)
MONDAY = datetime.date(1970, 1, 5).toordinal()
DAY = 86400
# Where clocks did unusual things: a day left out, several changes a year, no whole hours, no changes any
# more, Ramadan, half an hour of summer time, offsets of a day apart, both hemispheres.
ODD = ["Pacific/Apia", "Asia/Gaza", "Africa/Casablanca", "Europe/Moscow", "Australia/Lord_Howe",
       "Asia/Kathmandu", "America/St_Johns",
       "Pacific/Kiritimati", "America/Sao_Paulo", "Africa/Cairo", "Asia/Tehran",
       "Europe/Dublin", "America/Caracas", "Asia/Pyongyang", "Antarctica/Troll", "America/Havana"]
PLAIN = ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC", "Australia/Sydney",
         "America/Los_Angeles"]
WEEKS = [  # weekday: intervals in minutes
    {d: [(540, 1020)] for d in range(5)},
    {**{d: [(540, 720), (780, 1020)] for d in range(5)}, 5: [(600, 840)]},
    {d: [(0, 1440)] for d in range(7)},
    {d: [(0, 360), (1320, 1440)] for d in range(7)},  # a night shift, over most changes of the clock
    {6: [(60, 240), (1200, 1290)], 2: [(30, 35)]},
]


def names():
    """Every zone of the system but for doubles in posix/ and those that count leap seconds."""
    for path in sorted(FOLDER.rglob("*")):
        name = path.relative_to(FOLDER).as_posix()
        if name.split("/")[0] in ("posix", "right") or not path.is_file():
            continue
        with open(path, "rb") as file:
            if file.read(4) == b"TZif":
                yield name


def offset_at(zone, second):
    aware = datetime.datetime.fromtimestamp(second, datetime.timezone.utc).astimezone(zone)
    return int(aware.utcoffset().total_seconds())


@functools.lru_cache(maxsize=None)
def hour_offset(name, hour):
    return offset_at(zoneinfo.ZoneInfo(name), hour * 3600)


def change_in(zone, low, high):
    """The second in (low, high] from which the offset is another one; the ends' differ."""
    before = offset_at(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset_at(zone, middle) == before else (low, middle)
    return high


@functools.lru_cache(maxsize=None)
def changes(name, first, last):
    """Changes of offset between two years, looked for hour by hour in steps of six days."""
    zone, found, step = zoneinfo.ZoneInfo(name), [], 6 * DAY
    at = int((datetime.datetime(first, 1, 1) - EPOCH).total_seconds())
    end = int((datetime.datetime(last, 1, 1) - EPOCH).total_seconds())
    while at < end:
        if offset_at(zone, at) != offset_at(zone, at + step):
            found.append(change_in(zone, at, at + step))
        at += step
    return found


def instant(zone, local_ms, fold=0):
    local = EPOCH + datetime.timedelta(seconds=local_ms // 1000)
    return local_ms - 1000 * int(local.replace(tzinfo=zone, fold=fold).utcoffset().total_seconds())


class Reference:
    """Business time as its words say, hour by hour."""

    def __init__(self, name, week, off, turned=""):
        self.name, self.zone, self.week, self.off = name, zoneinfo.ZoneInfo(name), week, off
        self.turned = turned  # a rule turned round, to see that it is noticed

    def stretches(self, at_ms):
        """(from, to, offset) in ms: pieces of at most an hour with one offset, from at_ms on."""
        while True:
            hour = at_ms // 3600000
            first, second = hour_offset(self.name, hour), hour_offset(self.name, hour + 1)
            end = (hour + 1) * 3600000
            if first != second:
                middle = 1000 * change_in(self.zone, hour * 3600, (hour + 1) * 3600)
                if at_ms < middle:
                    yield at_ms, middle, first
                    at_ms = middle
                    continue
                first = second
            yield at_ms, end, first
            at_ms = end

    def hours_of(self, day):
        if day in self.off:
            return []
        return self.week.get((day + 719163 - MONDAY) % 7, [])

    def open_pieces(self, at_ms):
        for start, end, offset in self.stretches(at_ms):
            low, high = start + offset * 1000, end + offset * 1000
            for day in range(low // 86400000, (high - 1) // 86400000 + 1):
                for opens, shuts in self.hours_of(day):
                    from_ms = max(low, day * 86400000 + opens * 60000)
                    to_ms = min(high, day * 86400000 + shuts * 60000)
                    if from_ms < to_ms:
                        yield from_ms - offset * 1000, to_ms - offset * 1000

    def add_hours(self, amount, at_ms):
        for start, end in self.open_pieces(at_ms):
            if amount < end - start or (amount == end - start and self.turned != "next opening"):
                return start + amount
            amount -= end - start
        return None

    def open(self, from_ms, to_ms):
        total = 0
        for start, end in self.open_pieces(from_ms):
            if start >= to_ms:
                return total
            total += min(end, to_ms) - start
        return None

    def add_days(self, count, at_ms):
        start = at_ms if self.turned == "no opening" else next(self.open_pieces(at_ms))[0]
        local_ms = start + 1000 * offset_at(self.zone, start // 1000)
        day = local_ms // 86400000
        while count > 0:
            day += 1
            count -= bool(self.hours_of(day))
        return instant(self.zone, day * 86400000 + local_ms % 86400000, self.turned == "later fold")

    def months(self, count, at_ms):
        local_ms = at_ms + 1000 * offset_at(self.zone, at_ms // 1000)
        day = (EPOCH + datetime.timedelta(days=local_ms // 86400000)).date()
        wanted = day.day
        for _ in range(count):  # one month after the other, by its length
            day = day.replace(day=1)
            day += datetime.timedelta(days=calendar.monthrange(day.year, day.month)[1])
        length = calendar.monthrange(day.year, day.month)[1]
        over = wanted - length if self.turned == "into the next" and wanted > length else 0
        number = (day - EPOCH.date()).days + min(wanted, length) - 1 + over
        return instant(self.zone, number * 86400000 + local_ms % 86400000, self.turned == "later fold")

    def plus(self, days, at_ms):
        local_ms = at_ms + 1000 * offset_at(self.zone, at_ms // 1000)
        return instant(self.zone, local_ms + days * 86400000, self.turned == "later fold")


def ask(lines):
    done = subprocess.run([TOOL], input="\n".join(lines) + "\n", text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"zone_tool: {done.stderr}")
    return [int(line) for line in done.stdout.split()]


def zone_questions(rng, name, deep):
    zone = zoneinfo.ZoneInfo(name)
    lines, wanted = [f"zone {FOLDER / name}"], []

    def add(line, answer):
        lines.append(line)
        wanted.append((f"{name}: {line}", answer))

    near = changes(name, *((1971, 2060) if deep else (2023, 2026)))
    for change in near if deep else rng.sample(near, min(2, len(near))):
        add(f"next {change - 1}", change)
        for second in (change - 1, change, change + 1, change + rng.randrange(-90000, 90000)):
            add(f"offset {second}", offset_at(zone, second))
            local = second * 1000 + 1000 * offset_at(zone, second) + rng.randrange(1000)
            add(f"instant {local}", instant(zone, local))
    for _ in range(60 if deep else 6):
        second = rng.randrange(-2200000000, 12000000000)
        add(f"offset {second}", offset_at(zone, second))
        ms = second * 1000 + rng.randrange(1000)
        add(f"local {ms}", ms + 1000 * offset_at(zone, second))
        add(f"instant {ms}", instant(zone, ms))
    return lines, wanted


def moment(rng, name):
    """Mostly near a change, a leap day or the turn of a year."""
    near = changes(name, 1975, 2060)
    kind = rng.random()
    if kind < 0.5 and near:
        return rng.choice(near) * 1000 + rng.randrange(-4 * DAY * 1000, 2 * DAY * 1000)
    year = rng.randrange(1976, 2080, 4)
    day = datetime.datetime(year, 2, 27) if kind < 0.7 else datetime.datetime(year, 12, 29)
    if kind > 0.9:
        day = datetime.datetime(rng.randrange(1975, 2090), rng.randrange(1, 13), rng.randrange(1, 29))
    return int((day - EPOCH).total_seconds()) * 1000 + rng.randrange(5 * DAY * 1000)


def calendar_questions(rng, name, week, turned=""):
    off = sorted({rng.randrange(1900, 33000) for _ in range(3000)}) if rng.random() < 0.7 else []
    reference = Reference(name, week, set(off), turned)
    hours = ",".join(f"{day}:{a}-{b}" for day in week for a, b in week[day])
    lines = [f"zone {FOLDER / name}", f"off {','.join(map(str, off))}", f"week {hours}"]
    wanted = []
    for _ in range(9):
        at_ms = moment(rng, name)
        amount = 60000 * rng.choice([1, 30, 60, 240, 480, 481, 960, 2400, rng.randrange(1, 3000)])
        if rng.random() < 0.3:
            at_ms = at_ms // 1800000 * 1800000
        count = rng.choice([1, 2, 3, 5, 10, 20])
        days = rng.choice([1, 2, 7, 30, 60, 90, 365])
        for line, answer in ((f"hours {amount} {at_ms}", reference.add_hours(amount, at_ms)),
                             (f"days {count} {at_ms}", reference.add_days(count, at_ms)),
                             (f"open {at_ms} {at_ms + 5 * amount}",
                              reference.open(at_ms, at_ms + 5 * amount)),
                             (f"plus {days} {at_ms}", reference.plus(days, at_ms)),
                             (f"months {count} {at_ms}", reference.months(count, at_ms))):
            lines.append(line)
            wanted.append((f"{name}, {hours}: {line}", answer))
    return lines, wanted


def differ(lines, wanted):
    answers = ask(lines)
    if len(answers) != len(wanted):
        sys.exit(f"{len(answers)} answers to {len(wanted)} questions")
    return [f"{question} is {answer}, want {want}"
            for answer, (question, want) in zip(answers, wanted) if answer != want]


def collect(makers):
    lines, wanted = [], []
    for made in makers:
        lines += made[0]
        wanted += made[1]
    return lines, wanted


# language.md: Mon-Fri 9-17; and what follows from its words. Times are UTC, 2026-01-09 was a Friday.
VECTORS = [("hours 3600000", "2026-01-09 16:30", "2026-01-12 09:30"),
           ("hours 14400000", "2026-01-09 16:00", "2026-01-12 12:00"),
           ("hours 14400000", "2026-01-07 16:00", "2026-01-08 12:00"),
           ("hours 3600000", "2026-01-09 16:00", "2026-01-09 17:00"),
           ("hours 1", "2026-01-09 17:00", "2026-01-12 09:00"),
           ("hours 3600000", "2026-01-10 12:00", "2026-01-12 10:00"),
           ("hours 3600000", "2026-01-12 03:00", "2026-01-12 10:00"),
           ("days 1", "2026-01-09 16:30", "2026-01-12 16:30"),
           ("days 3", "2026-01-07 10:00", "2026-01-12 10:00"),
           ("days 1", "2026-01-09 18:00", "2026-01-13 09:00"),
           ("days 1", "2026-01-10 12:00", "2026-01-13 09:00"),
           ("days 1", "2026-01-09 08:00", "2026-01-12 09:00"),
           ("months 1", "2026-01-31 10:00", "2026-02-28 10:00"),
           ("months 1", "2028-01-31 10:00", "2028-02-29 10:00"),
           ("months 12", "2028-02-29 10:00", "2029-02-28 10:00"),
           ("months 11", "2026-01-31 10:00", "2026-12-31 10:00"),
           ("months 3", "2026-11-30 23:59", "2027-02-28 23:59")]


def vectors():
    def ms(text):
        return int((datetime.datetime.fromisoformat(text) - EPOCH).total_seconds()) * 1000
    lines = [f"zone {FOLDER / 'Etc/UTC'}", "off ", "week " + ",".join(f"{d}:540-1020" for d in range(5))]
    wanted = []
    for question, start, there in VECTORS:
        plus = 1 if question == "hours 1" else 0
        lines.append(f"{question} {ms(start)}")
        wanted.append((f"{question} from {start}", ms(there) + plus))
    return lines, wanted


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    rng = random.Random(seed)
    known = list(names())
    if "Europe/Berlin" not in known:
        print("no zone data here (tzdata)")
        return 1 if os.environ.get("CI") else 77
    pairs = [(name, week) for name in ODD + PLAIN if name in known for week in WEEKS]
    rounds = {
        "vectors": [vectors()],
        "zones": [zone_questions(rng, name, name in ODD + PLAIN) for name in known],
        "calendars": [calendar_questions(rng, *pair) for pair in pairs],
    }
    failed = 0
    for title, made in rounds.items():
        lines, wanted = collect(made)
        faults = differ(lines, wanted)
        print(f"{title}: {len(wanted)} cases, {len(faults)} differ")
        for fault in faults[:10]:
            print(f"  {fault}  (seed {seed})")
        failed += len(faults)
    for turned in ("next opening", "no opening", "later fold", "into the next"):
        if not differ(*collect([calendar_questions(rng, *pair, turned) for pair in pairs[:40]])):
            print(f"canary: with the rule \"{turned}\" turned round nothing differs")
            failed += 1
    wrong = vectors()
    wrong[1][0] = (wrong[1][0][0], wrong[1][0][1] + 1)
    if len(differ(*wrong)) != 1:
        print("canary: a wrong answer is not noticed")
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
