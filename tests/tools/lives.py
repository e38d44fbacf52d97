#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Events and expectations of tests/integration/test_lives.sh.

    lives.py events 1|2           what happened under version 1, and under version 2, as JSON Lines
    lives.py check SEEN STEP      whether the alerts are exactly those of the steps up to STEP
    lives.py count SEEN           how many there are of each
    lives.py backlog COUNT        questions and answers of the last two hours; one in a hundred unanswered
    lives.py stalls EVENTS SEEN   whether exactly the unanswered ones were told, each once
"""
import collections
import datetime
import json
import sys

CUSTOMERS = 60
BEGIN = datetime.datetime(2026, 1, 5, 10, tzinfo=datetime.timezone.utc)
ANSWER_S = 30


def stamp(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def event(seconds, who, what):
    at = stamp(BEGIN + datetime.timedelta(seconds=seconds))
    print(json.dumps({"id": f"{what}-{who}-{seconds}", "at": at, "what": what, "who": who}))


def events(version):
    for i in range(CUSTOMERS):
        who = f"c{i}"
        if version == 1:
            event(i, who, "Asked")
            event(100 + i, who, "Failed")
            event(200 + i, who, "Lost")
        else:
            event(1000 + i, who, "Failed")
            event(1100 + i, who, "Failed")
            event(1200 + i, who, "Found")


def wanted(step):
    """(customer, rule, action, reason, owner), as often as it must have been said."""
    found = collections.Counter()
    for i in range(CUSTOMERS):
        who = f"c{i}"
        for rule in ("gone", "changed", "worded"):
            found[who, rule, "trigger", None, "old"] += 1
        if step >= 2:
            found[who, "gone", "resolve", "rule_changed", "old"] += 1
            found[who, "changed", "resolve", "rule_changed", "old"] += 1
        if step >= 3:
            found[who, "changed", "trigger", None, "new"] += 1
            found[who, "worded", "resolve", "until", "new"] += 1
    return found


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def told(path):
    found = collections.Counter()
    for record in read(path):
        data = record["data"]
        found[data["who"]["customer"], data["why"]["rule"], data["action"], data.get("reason"),
              data["owner"]] += 1
    return found


def check(path, step):
    seen, expected = told(path), wanted(step)
    for word, rows in (("lost", expected - seen), ("extra", seen - expected)):
        for row, count in list(rows.items())[:2]:
            print(f"{word}: {count} x {row}", file=sys.stderr)
    return seen != expected


def count(path):
    rows = collections.Counter()
    for (_, rule, action, reason, owner), times in told(path).items():
        rows[rule, action, reason or "-", owner] += times
    for row, times in sorted(rows.items()):
        print(times, *row)


def backlog(number):
    now = datetime.datetime.now(datetime.timezone.utc)
    gap = datetime.timedelta(hours=2) / number
    begin = now - datetime.timedelta(hours=2, minutes=5)
    waiting = collections.deque()
    for i in range(number // 2):
        at = begin + 2 * i * gap
        while waiting and waiting[0][0] <= at:
            due, who = waiting.popleft()
            print(json.dumps({"id": f"a{who}", "at": stamp(due), "what": "Answered", "who": who,
                              "text": "x" * 120}))
        who = f"customer-{i}"
        print(json.dumps({"id": f"q{i}", "at": stamp(at), "what": "Asked", "who": who, "text": "x" * 120}))
        if i % 100:
            waiting.append((at + datetime.timedelta(seconds=ANSWER_S), who))
    for due, who in waiting:
        print(json.dumps({"id": f"a{who}", "at": stamp(due), "what": "Answered", "who": who,
                          "text": "x" * 120}))


def stalls(events_path, seen_path):
    asked, answered = set(), set()
    for record in read(events_path):
        (asked if record["what"] == "Asked" else answered).add(record["who"])
    expected = collections.Counter((who, "trigger") for who in asked - answered)
    seen = collections.Counter((record["data"]["who"]["customer"], record["data"]["action"])
                               for record in read(seen_path))
    print(f"{sum(seen.values())} stalls told, {sum(expected.values())} expected")
    return seen != expected or not expected


def main():
    words = sys.argv[1:]
    if len(words) == 2 and words[0] == "events":
        return events(int(words[1]))
    if len(words) == 3 and words[0] == "check":
        return check(words[1], int(words[2]))
    if len(words) == 2 and words[0] == "count":
        return count(words[1])
    if len(words) == 2 and words[0] == "backlog":
        return backlog(int(words[1]))
    if len(words) == 3 and words[0] == "stalls":
        return stalls(words[1], words[2])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
