#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what two runs said, but for what may differ between them (records.md): detected_at, and the
evidence's topic, partition and offset.

    records.py newest CONSUMED              the oldest of the partitions' newest event times: every
                                            partition has been judged up to there
    records.py compare EXPECTED SEEN UNTIL  files of JSON Lines; everything before UNTIL must be in both, as
                                            often; what SEEN holds besides must be in EXPECTED too
"""
import collections
import datetime
import json
import sys


def normal(line):
    record = json.loads(line)
    snag = record["data"].get("snag", {})
    snag.pop("detected_at", None)
    for entry in snag.get("evidence", []) + record["data"].get("evidence", []):
        for name in ("topic", "partition", "offset"):
            entry.pop(name, None)
    return record["time"], json.dumps(record, sort_keys=True)


def load(path):
    with open(path, encoding="utf-8") as file:
        return collections.Counter(normal(line) for line in file)


def newest(path):
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            at = datetime.datetime.fromisoformat(json.loads(record["value"])["timestamp"])
            found[record["partition"]] = max(at, found.get(record["partition"], at))
    first = min(found.values()).astimezone(datetime.timezone.utc)
    print(first.strftime("%Y-%m-%dT%H:%M:%S.") + f"{first.microsecond // 1000:03d}Z")


def compare(expected_path, seen_path, until):
    expected, seen = load(expected_path), load(seen_path)
    # W is the newest event's time: a timer fires when W is past its deadline.
    lost = collections.Counter({key: count for key, count in (expected - seen).items() if key[0] < until})
    extra = seen - expected
    if not lost and not extra:
        print(f"{sum(seen.values())} records, the same")
        return 0
    for word, records in (("lost", lost), ("extra", extra)):
        print(f"{word}: {sum(records.values())}")
        for (_, text), count in list(records.items())[:3]:
            print(f"  {count} x {text[:400]}")
    return 1


def main():
    if sys.argv[1:2] == ["newest"] and len(sys.argv) == 3:
        return newest(sys.argv[2])
    if sys.argv[1:2] == ["compare"] and len(sys.argv) == 5:
        return compare(*sys.argv[2:])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
