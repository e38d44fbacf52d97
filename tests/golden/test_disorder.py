#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Same log, same alerts, whatever the order of arrival inside `out_of_order`: random pipelines over random
# streams by seed, with duplicates, ties and many customers. Each stream is sent in order, in the worst order
# that the bound allows, and shuffled; every record must be the same (id, time, evidence; not where an event
# lay), and each customer's in the same order. At equal times one customer's events keep the order of their
# source, which decides.
#
# Beyond the bound the number of late events must be that of a count by other means. One stream a seed:
#
#     SNAG=build/snag tests/golden/test_disorder.py SEED
#
# The test is tested: with a bound that is short by a millisecond it must see a difference.
import collections
import os
import random
import re
import sys
import tempfile

import test_recount
from recount import keep_ties, replay_lines

BOUNDS = [1, 250, 4000, 60000]


def make_events(rng):
    """recount's stream with few or many customers, some events sent twice."""
    events = []
    customers = rng.choice([3, 30, 300])
    for event in test_recount.make_events(rng):
        event["c"] = f"c{rng.randrange(customers)}"
        events += [event] * (2 if rng.random() < 0.05 else 1)
    return events


def shuffled(rng, events, bound):
    """Each event comes up to `bound` ms after its time, many of them just so much."""
    luck = [(event["t"] + rng.choice([0, bound, rng.randrange(bound + 1)]), rng.random(), i)
            for i, event in enumerate(events)]
    return keep_ties(events, [i for _, _, i in sorted(luck)])


def worst(events, bound):
    """Stretches as long as the bound, each from its end to its begin."""
    order, stretch = [], []
    for i, event in enumerate(events):
        if stretch and event["t"] - events[stretch[0]]["t"] > bound:
            order += reversed(stretch)
            stretch = []
        stretch.append(i)
    return keep_ties(events, order + stretch[::-1])


UNPLACED = re.compile(r'"(?:offset":-?\d+|config":"[0-9a-f]+"),?')
SUBJECT = re.compile(r'"subject":"((?:[^"\\]|\\.)*)"')


def by_customer(lines):
    """Each customer's records in their order, as their very texts, but for what depends on the place in the
    input: offsets, and the hash of a file whose bound is another."""
    said = collections.defaultdict(list)
    for line in lines:
        said[SUBJECT.search(line)[1]].append(UNPLACED.sub("", line))
    return said


def replayed(pipeline, events, folder, *options):
    """Each customer's records, and the summary."""
    lines, summary = replay_lines(pipeline, events, folder, *options)
    return by_customer(lines), summary


def bounded(pipeline, bound):
    return pipeline.replace("format: json,", f"format: json, out_of_order: {bound}ms,")


def differs(what, ours, theirs, seed, pipeline, loud):
    if ours == theirs:
        return 0
    if loud:
        print(f"{pipeline}{what}:")
        for who in sorted(set(ours) | set(theirs)):
            for pair in zip(ours[who] + [None] * 9, theirs[who] + [None] * 9):
                if pair[0] != pair[1]:
                    print("in order:", pair[0])
                    print("as sent: ", pair[1])
                    break
        print(f"repeat: SNAG={os.environ['SNAG']} tests/golden/test_disorder.py {seed}")
    return 1


def inside(seed, folder, short=0):
    """How many ways to send one stream changed something, and how many records there are."""
    rng = random.Random(seed)
    rules, again = test_recount.make_rules(rng), rng.random() < 0.5
    dues = [rng.choice([0, 700, 6000]) for _ in test_recount.STAGES[:-1]] + [0]
    pipeline = test_recount.make_pipeline(rules, again, dues, 0)
    events, bound = make_events(rng), rng.choice(BOUNDS)
    if rng.random() < 0.3 and bound < 20000:
        pipeline = pipeline.replace("format: json,", "format: json, remember: 20s,")
    ordered, _ = replayed(pipeline, events, folder)
    wrong = 0
    for what, sent in (("in order", events), ("the worst order", worst(events, bound)),
                       ("shuffled", shuffled(rng, events, bound))):
        batch = rng.choice(["1", "7", "512"])
        said, summary = replayed(bounded(pipeline, bound - short), sent, folder, "--batch", batch)
        wrong += differs(what, ordered, said, seed, pipeline, not short)
        if not short and "late 0," not in summary:
            print(f"seed {seed}, {what}: events are called late\n{summary}")
            wrong += 1
    return wrong, sum(map(len, ordered.values()))


# --- beyond the bound: every type is a stage, no deadline judges anybody ---------------------------------

def late_expected(events, bound):
    """Late: its own customer was judged past it, by an event that W had reached or that came too late."""
    judged, waiting, late = {}, [], 0
    newest = w = None
    for event in events:
        mine = w is not None and event["t"] <= w
        if mine:
            late += event["t"] < judged.get(event["c"], event["t"])
            judged[event["c"]] = max(judged.get(event["c"], event["t"]), event["t"])
        else:
            waiting.append(event)
        newest = event["t"] if newest is None else max(newest, event["t"])
        w = newest - bound
        for passed in [event for event in waiting if event["t"] <= w]:
            judged[passed["c"]] = max(judged.get(passed["c"], passed["t"]), passed["t"])
        waiting = [event for event in waiting if event["t"] > w]
    return late


def beyond(seed, folder):
    rng = random.Random(seed)
    events, bound = test_recount.make_events(rng), rng.choice([0] + BOUNDS[:3])
    stages = "".join(f"      s{kind}: {{ event: {kind} }}\n" for kind in test_recount.TYPES)
    pipeline = ("pipeline: late\nsources:\n  s: { topic: s, format: json,\n"
                "       map: { id: id, time: t, type: e, customer: c } }\n"
                f"journeys:\n  way:\n    per: customer\n    stages:\n{stages}")
    sent = shuffled(rng, events, 3 * bound + 2)
    said, summary = replayed(bounded(pipeline, bound), sent, folder)
    want = late_expected(sent, bound)
    told = sum('"type":"snag.late"' in record for records in said.values() for record in records)
    if f"late {want}," in summary and told == want:
        return want
    print(f"seed {seed}: {want} late events, told of {told}:\n{summary}")
    return -1


def main():
    seeds = [int(word) for word in sys.argv[1:]] or range(1, 17)
    with tempfile.TemporaryDirectory() as folder:
        results = [inside(seed, folder) for seed in seeds]
        noticed = sys.argv[1:] or any(inside(seed, folder, short=1)[0] for seed in range(1, 11))
        late = [beyond(seed, folder) for seed in seeds]
    wrong = sum(result[0] for result in results) + late.count(-1)
    print(f"{len(results)} streams, {sum(result[1] for result in results)} records each way, "
          f"{wrong} differences, {sum(late)} late events")
    if not noticed:
        print("a bound that is short by a millisecond was not noticed")
    if not sys.argv[1:] and sum(late) < 100:
        print("hardly anything was late: the count proves nothing")
        wrong += 1
    sys.exit(1 if wrong or not noticed else 0)


if __name__ == "__main__":
    main()
