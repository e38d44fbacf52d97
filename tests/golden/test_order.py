#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`snag check --sample` measures disorder and delay: exact numbers of a sample made by hand, an independent
recount over random samples by seed, and over real logs sent late (where the folder of logs is there).

    SNAG=build/snag tests/golden/test_order.py SEED      one random sample
"""
import gzip
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

SNAG = os.environ["SNAG"]
SOURCE = pathlib.Path(os.environ.get("SNAG_SOURCE", "."))
DATA = pathlib.Path(os.environ.get("SNAG_DATA", SOURCE.parent / "shared" / "data"))
UNITS = {"ms": 1, "s": 1000, "m": 60000, "h": 3600000, "d": 86400000}
ROUND = [0, 1000, 2000, 5000, 10000, 30000, 60000, 120000, 300000, 600000, 1800000, 3600000, 10800000,
         21600000, 43200000] + [86400000 * n for n in (1, 2, 3, 7, 14, 30)]
PIPELINE = """pipeline: order
sources:
  s:
    {{ topic: s, format: json, map: {{ id: i, time: t, type: e, customer: c }}, out_of_order: {bound}ms,
       delay: {delay}ms }}
rules: {{ r: {{ event: "*", missing: "*", after: 1d }} }}
"""


def duration(text):
    parts = re.findall(r"([\d.]+)(ms|[smhd])", text)
    assert parts and "".join(n + u for n, u in parts) == text, text
    return round(sum(float(n) * UNITS[u] for n, u in parts))


def check(folder, events, bound, delay, *options):
    """The report's section, parsed, and the exit code."""
    pathlib.Path(folder, "p.yaml").write_text(PIPELINE.format(bound=bound, delay=delay))
    with open(pathlib.Path(folder, "s.jsonl"), "w") as out:
        out.writelines(json.dumps(event) + "\n" for event in events)
    done = subprocess.run([SNAG, "check", "p.yaml", "--sample", "s.jsonl", *options], cwd=folder, text=True,
                          capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return parse(done.stdout), done.returncode


def parse(report):
    said = {"late": {}, "marks": {}, "findings": 0, "behind": 0, "ahead": 0, "slow": 0,
            "history": "history, from which" in report}
    for line in report.split("\norder\n")[1].split("\n\n")[0].splitlines():
        words = line.split()
        if "come behind a newer one" in line:
            said["behind"] = int(words[0].replace(",", ""))
        elif words[0] in ("behind", "delay") and len(words) == 6:
            said[words[0] + "_spread"] = [duration(word) for word in words[1:]]
        elif "before their own time" in line:
            said["ahead"] = int(words[0].replace(",", ""))
        elif words[0] == "finding:":
            said["findings"] += 1
            if "silence" in line:
                said["slow"] = int(words[1].replace(",", ""))
        elif words[0] in ("out_of_order:", "delay:"):
            said[words[0][:-1]] = duration(words[1])
        elif re.fullmatch(r"[\d.,]+%", words[2] if len(words) > 2 else ""):
            said["late"][duration(words[0])] = int(words[1].replace(",", ""))
            said["marks"][duration(words[0])] = " ".join(words[3:])
    return said


def recount(events):
    """How far each event comes behind, and how long it took."""
    newest, behind, took = None, [], []
    for event in events:
        time = min(event["t"], event["r"]) if "r" in event else event["t"]
        newest = time if newest is None else max(newest, time)
        behind.append(max(0, newest - event["t"]))
        if "r" in event:
            took.append(event["r"] - event["t"])
    return sorted(behind), sorted(took)


def quantile(values, share):
    return max(0, values[max(0, -(-len(values) * share // 1000) - 1)])


def rounded(value):
    return next((r for r in ROUND if r >= value), -(-value // 86400000) * 86400000)


def near(got, exact):
    """Never less, at most a 32nd more; long times are printed without their last digits."""
    cut = 60000 if got >= 86400000 else 1000 if got >= 3600000 else 1
    return exact - cut < got <= exact + exact // 32 + 1


def compare(name, said, events, bound, delay):
    behind, took = recount(events)
    late = sum(b > bound for b in behind)
    history = bool(took) and quantile(took, 500) + quantile(took, 500) // 32 >= 86400000
    slow = 0 if history else sum(t > bound + delay for t in took)
    want = {"behind": sum(b > 0 for b in behind), "ahead": sum(t < 0 for t in took),
            "findings": (late * 1000 > len(behind)) + (slow * 1000 > len(took))}
    for key, value in want.items():
        assert said[key] == value, f"{name}: {key}: got {said[key]}, want {value}"
    if slow * 1000 > len(took):
        assert said["slow"] == slow, (name, said["slow"], slow)
    assert bound in said["late"], f"{name}: the file's own bound is not told"
    for at, count in said["late"].items():
        assert count == sum(b > at for b in behind), f"{name}: late at {at}: {count}"
    for key, values in [("behind_spread", behind), ("delay_spread", took)]:
        for share, got in zip([500, 900, 990, 999, 1000], said.get(key, [])):
            assert near(got, quantile(values, share)), (name, key, share, got, quantile(values, share))
    exact = quantile(behind, 999)
    assert said["out_of_order"] in {rounded(exact), rounded(exact + exact // 32 + 1)}, (name, said)
    assert sum(b > said["out_of_order"] for b in behind) * 1000 <= len(behind), name
    assert said["marks"][said["out_of_order"]].endswith("suggested"), name
    if took and not history:
        rest = quantile(took, 999) - said["out_of_order"]
        wide = rest + quantile(took, 999) // 32 + 1
        assert said["delay"] in {rounded(max(1000, rest)), rounded(max(1000, wide))}, (name, said, rest)
        assert sum(t > said["out_of_order"] + said["delay"] for t in took) * 1000 <= len(took), name
    else:
        assert "delay" not in said, name
    assert said["history"] == history, name


def by_hand(folder):
    """1,000 events a second apart, two of them behind, one of those further than all bounds but one."""
    events = [{"i": str(i), "t": 1_700_000_000_000 + 1000 * i, "e": "x", "c": "c"} for i in range(1000)]
    events[500]["t"] -= 7000    # behind 499 by 6 s
    events[700]["t"] -= 100000  # behind 699 by 99 s
    said, code = check(folder, events, 6000, 1000, "--out-of-order", "5999ms", "--out-of-order", "99s")
    assert code == 0, "one in a thousand is no finding"
    assert said["behind"] == 2, said
    assert said["late"] == {0: 2, 5999: 2, 6000: 1, 10000: 1, 99000: 0}, said
    assert said["behind_spread"] == [0, 0, 0, 6015, 99000], said  # 6,000 lies between 5,888 and 6,015
    assert said["out_of_order"] == 10000 and "delay" not in said, said
    said, code = check(folder, events, 5999, 1000)
    assert code == 1 and said["findings"] == 1, "two in a thousand are"
    # Received 3 s after it happened; one only after 40 s, one before its time.
    for event in events:
        event["r"] = event["t"] + 3000
    events[3]["r"] = events[3]["t"] - 1
    events[4]["r"] = events[4]["t"] + 40000
    said, code = check(folder, events, 10000, 1000, "--received", "r")
    assert code == 0 and said["ahead"] == 1 and said["delay_spread"][4] == 40000, said
    assert said["delay_spread"][:4] == [3007] * 4, said
    assert said["delay"] == 1000, said
    said, code = check(folder, events, 10000, 1000)
    assert "delay_spread" not in said, "without --received nothing is known"
    said, code = check(folder, events, 0, 1000, "--received", "r")
    assert said["slow"] == 999, said


def sample(rng):
    reach = rng.choice([1, 40, 900, 20000, 4_000_000, 300_000_000])
    slow = rng.choice([0, 500, 8000, 600_000, 400_000_000])
    events = []
    for i in range(rng.choice([1, 7, 400, 3000])):
        time = 1_700_000_000_000 + 100 * i - (rng.randrange(reach) if rng.random() < 0.3 else 0)
        event = {"i": str(i), "t": time, "e": rng.choice("xy"), "c": f"c{rng.randrange(9)}"}
        if slow and rng.random() < 0.9:
            event["r"] = time - 50 + int(rng.expovariate(1) * slow)
        events.append(event)
    return events


def by_seed(folder, seed):
    rng = random.Random(seed)
    events = sample(rng)
    bound = rng.choice([0, 1, 999, 5000, 70_000])
    delay = rng.choice([0, 1000, 9000])
    said, _ = check(folder, events, bound, delay, "--received", "r", "--now", "2100-01-01T00:00:00Z",
                    "--out-of-order", f"{rng.randrange(9000)}ms")
    compare(f"seed {seed}", said, events, bound, delay)


def real(folder, name, pick):
    """A real log, each event received some time after it happened, in the order of that."""
    rng = random.Random(name)
    events = []
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt") as lines:
        for i, line in enumerate(lines):
            time = pick(json.loads(line))
            took = int(rng.expovariate(1) * 4000) if rng.random() < 0.99 else rng.randrange(3_600_000)
            events.append({"i": str(i), "t": time, "e": "x", "c": "c", "r": time + took})
    said, code = check(folder, events, 0, 1000)
    assert said["behind"] == 0 and code == 0, f"{name} is in order"
    events.sort(key=lambda event: event["r"])
    said, _ = check(folder, events, 30000, 1000, "--received", "r")
    compare(name, said, events, 30000, 1000)


def main():
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            by_seed(folder, int(sys.argv[1]))
            return
        by_hand(folder)
        for seed in range(120):
            try:
                by_seed(folder, seed)
            except AssertionError as error:
                sys.exit(f"{error}\nagain: SNAG={SNAG} {sys.argv[0]} {seed}")
        if DATA.exists():
            real(folder, "shop", lambda event: event["ts"])
            iso = re.compile(r"\.\d+")
            import datetime
            real(folder, "calls", lambda event: round(datetime.datetime.fromisoformat(
                iso.sub("", event["timestamp"])).timestamp() * 1000))
        else:
            print(f"the real logs are not here ({DATA}): skipped")
    print("disorder and delay: as counted by other means")


main()
