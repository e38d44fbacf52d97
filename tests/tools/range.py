#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Events and comparisons of tests/integration/test_range.sh.

    range.py round SEED ROUND DIR [devices]
                                    what happens now on two topics: DIR/ask.jsonl, DIR/answer.jsonl; many
                                    events are seconds old, some older than what the clock has proved silent;
                                    devices: those of ask are stamped by devices, most of whose clocks are off
    range.py asked DIR SECONDS      customers who were never seen ask, so many seconds from now: DIR/ask.jsonl
    range.py answered DIR           each of them answers, half a second after: DIR/answer.jsonl
    range.py compare SEEN REPLAYED  files of JSON Lines: the same records, but for `detected_at`
    range.py late SEEN REPLAYED     the late topic as consumed, and a replay's late records: the same places
"""
import collections
import datetime
import json
import random
import sys
import time

CUSTOMERS = 24
OFF = [0, 400, -7200, 3, 3 * 365 * 86400, -1.7e9]  # how far clocks run ahead, in seconds


def stamp(seconds):
    at = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def event(number, seconds, who, what, order):
    return {"id": number, "at": stamp(seconds), "who": f"c{who}", "what": what, "order": order}


def stamped(record, rng, turn, seconds, now, who):
    """By one of the customer's two devices; some of these clocks are set anew in the middle."""
    device = rng.randrange(2)
    ahead = OFF[(who * 2 + device + (turn > 8 and who % 4 == 0)) % len(OFF)]
    late = rng.choice([0, 0, 0, rng.random() * 5])
    return record | {"dev": f"d{device}", "at": stamp(seconds + ahead), "sent": stamp(now - late + ahead),
                     "came": stamp(now)}


def round_of(seed, turn, folder, devices):
    rng = random.Random(seed * 1000 + turn)
    now = time.time()
    for name, kinds in (("ask", ["Asked", "Asked", "Opened", "Failed"]),
                        ("answer", ["Answered", "Paid", "Closed"])):
        with open(f"{folder}/{name}.jsonl", "w", encoding="utf-8") as out:
            for i in range(rng.randrange(4, 16)):
                old = rng.choice([0, 0.05, rng.random() * 0.3, rng.random() * 4, rng.random() * 9])
                who = rng.randrange(CUSTOMERS)
                kind = rng.choice(kinds)
                record = event(f"{name}-{turn}-{i}", now - old, who, kind, f"o{rng.randrange(3)}")
                if devices and name == "ask":
                    record = stamped(record, rng, turn, now - old, now, who)
                print(json.dumps(record), file=out)


def asked(folder, seconds):
    now = time.time() + seconds
    with open(f"{folder}/ask.jsonl", "w", encoding="utf-8") as out:
        for who in range(CUSTOMERS, 2 * CUSTOMERS):
            record = event(f"asked-{who}", now, who, "Asked", "o9")
            print(json.dumps(record | {"dev": "right", "sent": record["at"], "came": record["at"]}), file=out)


def answered(folder):
    records = read(f"{folder}/ask.jsonl")
    with open(f"{folder}/answer.jsonl", "w", encoding="utf-8") as out:
        for record in records:
            at = datetime.datetime.fromisoformat(record["at"].replace("Z", "+00:00")).timestamp() + 0.5
            who = int(record["who"][1:])
            print(json.dumps(event(f"answered-{who}", at, who, "Answered", "o9")), file=out)


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def normal(record):
    record["data"].get("snag", {}).pop("detected_at", None)
    return json.dumps(record, sort_keys=True)


def compare(seen_path, replayed_path):
    seen = collections.Counter(normal(record) for record in read(seen_path))
    replayed = collections.Counter(normal(record) for record in read(replayed_path)
                                   if record["type"] not in ("snag.late", "snag.dead_letter"))
    return differ(seen, replayed)


def differ(seen, replayed):
    if seen == replayed:
        print(f"{sum(seen.values())} records, the same")
        return 0
    for word, rows in (("live only", seen - replayed), ("replay only", replayed - seen)):
        print(f"{word}: {sum(rows.values())}")
        for text, count in list(rows.items())[:3]:
            print(f"  {count} x {str(text)[:600]}")
    return 1


def late(seen_path, replayed_path):
    """The topic has the events themselves, with where they lay in headers."""
    seen = collections.Counter((json.loads(record["value"])["id"], int(record["headers"]["snag.partition"]),
                                int(record["headers"]["snag.offset"])) for record in read(seen_path))
    replayed = collections.Counter((record["id"], record["data"]["partition"], record["data"]["offset"])
                                   for record in read(replayed_path) if record["type"] == "snag.late")
    return differ(seen, replayed)


def main():
    words = sys.argv[1:]
    if len(words) in (4, 5) and words[0] == "round":
        return round_of(int(words[1]), int(words[2]), words[3], words[4:] == ["devices"])
    if len(words) == 3 and words[0] == "asked":
        return asked(words[1], int(words[2]))
    if len(words) == 2 and words[0] == "answered":
        return answered(words[1])
    if len(words) == 3 and words[0] == "compare":
        return compare(words[1], words[2])
    if len(words) == 3 and words[0] == "late":
        return late(words[1], words[2])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
