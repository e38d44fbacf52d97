#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Learned deadlines, recounted from the manual's words: which deadline each walk and each wait is given,
# from how many that ended, and whether it is overdue. The recount keeps a plain list of all that ever
# began and asks it anew for every hour; it knows no cells, no blocks and no generations that go. Streams
# by seed, over months, with shapes, walks that expire, waits that are called off and some that never end;
# each also shuffled inside out_of_order, and cut into other batches. A failure prints how to repeat it:
#
#     SNAG=build/snag tests/golden/test_learned.py SEED
#
# The test is tested: a recount that takes no account of who still waits must disagree, and so must one that
# forgets nothing.
#
# Then the real logs, where they are at hand: `snag learn` against Kaplan and Meier over every single time.
import bisect
import collections
import datetime
import fractions
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

from recount import keep_ties, milliseconds

SOURCE = pathlib.Path(os.environ.get("SNAG_SOURCE", pathlib.Path(__file__).parents[2]))
DATA = pathlib.Path(os.environ.get("SNAG_DATA", SOURCE.parent / "shared" / "data"))
SECOND, MINUTE, HOUR, DAY = 1000, 60000, 3600000, 86400000
BOUND = 5000
LEAST, GENERATION, GENERATIONS, FINE = 30, 28 * DAY, 4, 512

PIPELINE = f"""
pipeline: learned
sources:
  s:
    topic: s
    format: json
    map: {{ id: id, time: t, type: e, customer: c }}
    keep: {{ tier: tier }}
    out_of_order: {BOUND}ms
    remember: 20d
shapes:
  vip: tier == "gold"
  low: tier == "tin"
journeys:
  way:
    again: true
    expire: 30h
    stages:
      a: {{ event: A, due: learned 90% else 4h }}
      b: {{ event: B }}
      c: {{ event: C, due: {{ vip: learned 75% else 2h, low: 5h, else: learned else 3h }} }}
      done: {{ event: D, end: done }}
rules:
  asked: {{ event: Ask, missing: Answer, until: Forget it, after: learned 80% else 90m, expire: 20h }}
"""


# --- the manual's words ---------------------------------------------------------------------------

def last_of_bucket(ms):
    """The last millisecond of the bucket that a time lies in: 512 an octave, each whole below 1024."""
    octave = max(0, ms.bit_length() - 10)
    return (((ms >> octave) + 1) << octave) - 1


def readable(ms):
    """Rounded up to whole hours, minutes, seconds where these are less than a 512th of it."""
    unit = next((unit for unit in (HOUR, MINUTE, SECOND) if ms >= unit * FINE), 1)
    return max(1, -(-ms // unit) * unit)


def quantile(ended, seen, share):
    """Kaplan and Meier over whole buckets, exactly; None where so many never end."""
    ends, others = (collections.Counter(map(last_of_bucket, part)) for part in (ended, seen))
    at_risk, left = len(ended) + len(seen), fractions.Fraction(1)
    for bucket in sorted(set(ends) | set(others)):
        if ends[bucket]:
            left *= fractions.Fraction(at_risk - ends[bucket], at_risk)
            if left <= 1 - share:
                return bucket
        at_risk -= ends[bucket] + others[bucket]
    return None


class Times:
    """All that ever began at one stage, or of one rule, for one shape."""

    def __init__(self, planted):
        self.began, self.asked, self.planted = [], {}, planted

    def begin(self, now):
        self.began.append([now, None, False])
        return self.began[-1]

    def learned(self, now, share):
        """(time, n) at the begin of this hour; None as long as the file's own holds."""
        hour = now // HOUR * HOUR
        if (hour, share) not in self.asked:
            self.asked[hour, share] = self.ask(hour, share)
        return self.asked[hour, share]

    def ask(self, hour, share):
        ended, seen = self.known(hour)
        value = quantile(ended, seen, share) if len(ended) >= LEAST else None
        return None if value is None else (readable(value), len(ended))

    def known(self, now):
        """(times of those that ended before now, times for which all others were seen)"""
        ended, seen = [], []
        for began, over, by_itself in self.began:
            old = began // GENERATION <= now // GENERATION - GENERATIONS
            if began >= now or (old and self.planted != "forgets nothing"):
                continue
            if over is not None and over < now:
                (ended if by_itself else seen).append(over - began)
            elif self.planted != "waits for nobody":
                seen.append(max(0, now - (began // HOUR * HOUR + HOUR // 2)))
        return ended, seen


SHARES = {"a": {None: (.9, 4 * HOUR)}, "b": {None: (None, None)},
          "c": {"vip": (.75, 2 * HOUR), "low": (None, 5 * HOUR), None: (.95, 3 * HOUR)},
          "asked": {None: (.8, 90 * MINUTE)}}
STAGES = {"A": "a", "B": "b", "C": "c", "D": "done"}


class Recount:
    def __init__(self, planted=None):
        self.times = collections.defaultdict(lambda: Times(planted))
        self.walks, self.waits, self.alerts = {}, {}, set()

    def arm(self, name, shape, now, expire):
        """What is armed: a thing with its deadline and how that was come by."""
        share, fixed = SHARES[name].get(shape, SHARES[name][None])
        thing = {"name": name, "at": now, "open": None, "time": None, "expire": expire,
                 "basis": ("fixed", None)}
        if share:
            thing["time"] = self.times[name, shape].begin(now)
            learned = self.times[name, shape].learned(now, fractions.Fraction(str(share)))
            if learned:
                fixed, thing["basis"] = learned[0], ("learned", learned[1])
        thing["due"] = None if fixed is None else now + fixed
        return thing

    @staticmethod
    def over(thing, now, by_itself):
        if thing["time"]:
            thing["time"][1:] = [now, by_itself]

    def fire(self, thing, customer, now):
        """Whether it is still there once all deadlines before now have passed."""
        while True:
            since = thing["at"] if thing["name"] != "asked" else thing["open"]
            ends = since + thing["expire"] if since is not None else None
            due = thing["due"] if thing["open"] is None else None
            if ends is not None and ends < now and (due is None or ends <= due):
                self.over(thing, ends, False)
                return False
            if due is None or due >= now:
                return True
            thing["open"] = due
            name = "asked" if thing["name"] == "asked" else f"way.{thing['name']}.late"
            self.alerts.add((name, customer, due, *thing["basis"]))

    def fire_all(self, now):
        for things in (self.walks, self.waits):
            for customer in [c for c, thing in things.items() if not self.fire(thing, c, now)]:
                del things[customer]

    def event(self, event):
        now, customer, kind = event["t"], event["c"], event["e"]
        shape = {"gold": "vip", "tin": "low"}.get(event.get("tier"))
        self.fire_all(now)
        if kind in STAGES:
            walk = self.walks.get(customer)
            if walk and walk["name"] == STAGES[kind]:
                return
            if walk:
                self.over(walk, now, True)
                del self.walks[customer]
            if kind != "D":
                self.walks[customer] = self.arm(STAGES[kind], shape, now, 30 * HOUR)
        elif kind == "Ask" and customer not in self.waits:
            self.waits[customer] = self.arm("asked", shape, now, 20 * HOUR)
        elif kind in ("Answer", "Forget it") and customer in self.waits:
            self.over(self.waits.pop(customer), now, kind == "Answer")


def recount(events, planted=None):
    count = Recount(planted)
    for event in events:
        count.event(event)
    count.fire_all(events[-1]["t"])
    return count


def numbers(count, now):
    """What `snag learn` must print: (name, shape) -> (ended, waiting, p50 … p99)."""
    said = {}
    for (name, shape), times in count.times.items():
        ended, seen = times.known(now + 1)
        some = len(ended) >= LEAST
        shares = [quantile(ended, seen, fractions.Fraction(share)) if some else None
                  for share in ("0.5", "0.75", "0.9", "0.95", "0.99")]
        name = name if name == "asked" else f"way.{name}"
        said[name, shape] = (len(ended), len(seen), *(None if ms is None else readable(ms) for ms in shares))
    return said


def printed(folder, *options):
    words = ["learn", folder / "p.yaml", folder / "e.jsonl", "--json", "--now", "2030-01-01T00:00:00Z",
             *options]
    rows = json.loads(run(*words))["times"]
    return {(row.get("stage") or row["rule"], row.get("shape")):
            tuple(row[key] for key in ("ended", "waiting", "p50", "p75", "p90", "p95",
                                       "p99")) for row in rows}


# --- streams by seed ------------------------------------------------------------------------------

def make_events(rng):
    start = 1767225600000 + rng.randrange(60 * DAY)
    days, events = rng.choice([2, 20, 170, 250]), []
    slow = rng.choice([1, 1, 3])
    for i in range(rng.choice([150, 400, 700])):
        now, customer = start + rng.randrange(days * DAY), f"c{i}"
        pace = slow if now > start + days * DAY // 2 else 1  # another regime

        def add(kind, gap):
            nonlocal now
            now += int(gap)
            event = {"t": now, "e": kind, "c": customer}
            tier = rng.choice(["gold", "tin", "wood", None])
            if tier:
                event["tier"] = tier
            events.append(event)

        if rng.random() < 0.6:
            add("A", 0)
            for kind in "BCACD"[:rng.randrange(1, 6)]:
                add(kind, rng.expovariate(1 / (rng.choice([20, 90, 300]) * MINUTE)) * pace)
        else:
            add("Ask", 0)
            if rng.random() < 0.8:
                add(rng.choice(["Answer", "Answer", "Answer", "Forget it", "Ask"]),
                    rng.expovariate(1 / (70 * MINUTE)) * pace)
    events.sort(key=lambda event: event["t"])
    for i, event in enumerate(events):
        event["id"] = f"e{i}"
    return events


def shuffled(events, rng):
    """Any order inside the bound; one customer's events at one time keep theirs."""
    keyed = sorted((event["t"] + rng.randrange(BOUND), i) for i, event in enumerate(events))
    return keep_ties(events, [i for _, i in keyed])


def run(*words):
    done = subprocess.run([os.environ["SNAG"], *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"snag {' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


def replayed(events, folder, *options):
    (folder / "p.yaml").write_text(PIPELINE, encoding="utf-8")
    (folder / "e.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    said = set()
    for line in run("replay", folder / "p.yaml", folder / "e.jsonl", "--quiet", "--only", "alerts",
                    "--now", "2030-01-01T00:00:00Z", *options).splitlines():
        data = json.loads(line)["data"]
        why = data["why"]
        if data["action"] == "trigger":
            said.add((why["rule"], data["who"]["customer"], milliseconds(why["deadline"]), why["basis"],
                      why.get("n")))
    return said


def differ(seed, what, ours, theirs):
    for fault in sorted(ours ^ theirs, key=str)[:4]:
        print(f"seed {seed}, {what}: {'counted' if fault in ours else 'said'} {fault}")
    if ours != theirs:
        print(f"repeat: SNAG={os.environ['SNAG']} tests/golden/test_learned.py {seed}")
    return ours != theirs


def one(seed, folder):
    """(whether it differs, what the wrong recounts say otherwise, learned alerts)"""
    rng = random.Random(seed)
    events = make_events(rng)
    count = recount(events)
    ours = count.alerts
    wrong = differ(seed, "in order", ours, replayed(events, folder))
    for partitions in ("1", "3"):
        theirs = printed(folder, "--partitions", partitions)
        mine = numbers(count, events[-1]["t"])
        wrong |= differ(seed, f"snag learn in {partitions}", set(mine.items()),
                        {(key, theirs.get(key)) for key in mine})
    wrong |= differ(seed, "shuffled", ours, replayed(shuffled(events, rng), folder, "--batch", "7"))
    planted = {name for name in ("waits for nobody", "forgets nothing")
               if recount(events, name).alerts != ours}
    return wrong, planted, sum(alert[3] == "learned" for alert in ours)


# --- real logs ------------------------------------------------------------------------------------

def exact(times):
    """[(time, share that has ended by then)]: Kaplan and Meier, each time for itself."""
    times = sorted(times, key=lambda pair: (pair[0], not pair[1]))
    left, steps, at = 1.0, [], 0
    while at < len(times):
        end = at
        while end < len(times) and times[end][0] == times[at][0]:
            end += 1
        ended = sum(is_over for _, is_over in times[at:end])
        if ended:
            left *= 1 - ended / (len(times) - at)
            steps.append((times[at][0], 1 - left))
        at = end
    return steps


def by_then(steps, ms):
    at = bisect.bisect_right([time for time, _ in steps], ms)
    return steps[at - 1][1] if at else 0.0


def stays(rows, stages, end):
    """stage -> [(began, over or None)], of rows (time, walk, event)."""
    said, at = collections.defaultdict(list), {}
    for time, walk, event in rows:
        stage = next((name for prefix, name in stages if event.startswith(prefix)), None)
        if stage is None or at.get(walk, [None])[0] == stage or at.get(walk, [None])[0] in end:
            continue
        if walk in at and at[walk][0] not in end:
            said[at[walk][0]].append((at[walk][1], time))
        at[walk] = (stage, time)
    for stage, began in at.values():
        if stage not in end:
            said[stage].append((began, None))
    return said


def rank_errors(log, pipeline, journey, rows, stages, end, cut=None):
    """How far each quantile is from the exact one, in shares of those that ended."""
    now = rows[-1][0]
    generation = now // GENERATION
    worst, asked = 0.0, 0
    words = ["learn", SOURCE / "pipelines" / f"{pipeline}.yaml", cut or DATA / f"{log}.jsonl.gz", "--json"]
    said = {row["stage"]: row for row in json.loads(run(*words))["times"] if "stage" in row}
    for stage, times in stays(rows, stages, end).items():
        new = [(began, over) for began, over in times if began // GENERATION > generation - GENERATIONS]
        steps = exact([((over or now) - began, over is not None) for began, over in new])
        row = said.get(f"{journey}.{stage}", {"ended": 0, "waiting": 0})
        counts = (sum(over is not None for _, over in new), sum(over is None for _, over in new))
        if (row["ended"], row["waiting"]) != counts:
            print(f"{log} {stage}: {counts} ended and wait, said {row['ended']} and {row['waiting']}")
            worst = 1.0
        for word, share in (("p50", .5), ("p75", .75), ("p90", .9), ("p95", .95), ("p99", .99)):
            best = next((time for time, by in steps if by >= share - 1e-9), None)
            if counts[0] < LEAST or (best is None) != (row[word] is None):
                worst = max(worst, 0.0 if counts[0] < LEAST and row.get(word) is None else 1.0)
                continue
            if best is not None:
                error = abs(by_then(steps, row[word]) - by_then(steps, best))
                worst, asked = max(worst, error), asked + 1
    return worst, asked


def real_logs(folder):
    with gzip.open(DATA / "expenses.jsonl.gz", "rt") as file:
        lines = file.readlines()
    words = ("SAVED", "SUBMITTED", "REJECTED", "APPROVED", "FINAL_APPROVED")
    stages = [(f"Declaration {word} ", word.lower()) for word in words]
    stages += [("Request Payment", "requested"), ("Payment Handled", "paid")]
    errors = []
    for part in (1.0, 0.55, 0.25):
        (folder / "cut.jsonl").write_text("".join(lines[:int(len(lines) * part)]), encoding="utf-8")
        rows = [(milliseconds(event["time"]), event["subject"], event["type"])
                for event in map(json.loads, lines[:int(len(lines) * part)])]
        errors.append(rank_errors("expenses", "expenses", "declaration", rows, stages, {"paid"},
                                  folder / "cut.jsonl"))
    with gzip.open(DATA / "calls.jsonl.gz", "rt") as file:
        lines = file.readlines()
    rows = []
    for event in map(json.loads, lines):
        walk = (event.get("userId") or event.get("anonymousId"), event["properties"]["line"],
                event["properties"]["callId"])
        rows.append((milliseconds(event["timestamp"]), walk, event["event"]))
    stages = [("Call Started", "started"), ("Call Queued", "queued"), ("Call Answered", "answered"),
              ("Call Abandoned", "abandoned"), ("Call Ended", "ended")]
    errors.append(rank_errors("calls", "support-calls", "call", rows, stages, {"abandoned", "ended"}))
    for (worst, asked), name in zip(errors, ("expenses", "55 % of them", "25 % of them", "calls")):
        print(f"{name}: {asked} quantiles, the worst is {worst:.2%} of the ranks off")
    return any(worst > 0.02 or asked < 10 for worst, asked in errors)


def wrong_usage():
    """Without files and without a learned deadline there is nothing to read, and that is said."""
    done = subprocess.run([os.environ["SNAG"], "learn", SOURCE / "pipelines" / "shop.yaml"],
                          capture_output=True,
                          text=True, check=False)
    good = done.returncode == 2 and "no deadline of this pipeline is learned" in done.stderr
    if not good:
        print(f"snag learn without files: exit {done.returncode}, {done.stderr}")
    return not good


SHAPED = """pipeline: shaped
sources: { web: { file: -, format: json, map: { id: id, time: at, type: what, customer: who } } }
shapes:
  big: customer.startsWith("b")
  small: otherwise
rules:
  mixed: { event: A, missing: B, after: { big: learned 90% else 2h, else: 3h } }
  alike: { event: A, missing: B, after: learned 90% else 1h }
"""


def words_for_people(folder):
    """The line for the file says of each shape by which share it is, where they differ."""
    events = []
    for number in range(80):
        customer = f"{'bs'[number % 2]}{number}"
        for minutes, word in ((0, "A"), (1 + number % 2, "B")):
            at = datetime.datetime(2026, 1, 5, 9, tzinfo=datetime.timezone.utc)
            at += datetime.timedelta(minutes=5 * number + minutes)
            events.append({"id": f"{word}{number}", "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "what": word,
                           "who": customer})
    (folder / "shaped.yaml").write_text(SHAPED, encoding="utf-8")
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "shaped.jsonl").write_text(lines, encoding="utf-8")
    said = run("learn", folder / "shaped.yaml", folder / "shaped.jsonl", "--now", "2026-01-06T00:00:00Z")
    lines = {line.split()[0]: line.partition("#")[2].strip() for line in said.splitlines() if "#" in line}
    good = lines == {
        "mixed": "big: by then 90% were over, in the file learned, else 2h; "
                 "else: by then 95% were over, in the file 3h",
        "alike": "by then 90% were over; in the file: learned, else 1h",
    }
    if not good:
        print(f"snag learn, for people: {lines}")
    return not good


def main():
    seeds = [int(word) for word in sys.argv[1:]] or range(1, 25)
    wrong, noticed, learned = 0, set(), 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for seed in seeds:
            differs, planted, count = one(seed, folder)
            wrong, noticed, learned = wrong + differs, noticed | planted, learned + count
        print(f"{len(list(seeds))} streams recounted twice, {wrong} differ; "
              f"{learned} alerts by learned deadlines")
        bad = wrong > 0 or wrong_usage() or words_for_people(folder)
        if not sys.argv[1:] and len(noticed) < 2:
            print(f"of the wrong recounts only these were noticed: {noticed}")
            bad = True
        if not sys.argv[1:] and DATA.is_dir():
            bad |= real_logs(folder)
        elif not sys.argv[1:]:
            print("the real logs are not at hand: only the streams by seed were looked at")
    sys.exit(bad)


main()
