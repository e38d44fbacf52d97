# SPDX-License-Identifier: Apache-2.0
"""What the recounts share: a stream replayed by the program, orders of arrival, deadlines in their order, and
the words when the two do not agree."""
import collections
import datetime
import json
import os
import subprocess
import sys
import tempfile

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def milliseconds(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment - EPOCH) // datetime.timedelta(milliseconds=1)


def replay_lines(pipeline, events, folder, *more):
    """The records of `snag replay` over these events, a line each, and what it says besides."""
    with open(f"{folder}/p.yaml", "w", encoding="utf-8") as file:
        file.write(pipeline)
    with open(f"{folder}/events.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)
    command = [os.environ["SNAG"], "replay", f"{folder}/p.yaml", f"{folder}/events.jsonl", *more]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"replay failed:\n{pipeline}\n{run.stderr}")
    return run.stdout.splitlines(), run.stderr


def replay(pipeline, events, folder, *more):
    return [json.loads(line) for line in replay_lines(pipeline, events, folder, "--quiet", *more)[0]]


def meet(rng, events, now, spans, steps, reach=6000):
    """When the next event comes: a step on, or just so long after an earlier one that a bound is met, or just
    missed; then that one is given too, {} otherwise: the next may be of the same customer and kind."""
    near = [(event["t"] + span + rng.randrange(2), event) for event in events[-9:] for span in spans]
    near = [pair for pair in near if now < pair[0] < now + reach] if rng.random() < 0.3 else []
    return rng.choice(near or [(now + rng.choice(steps), {})])


def key_of(alert):
    """Customer and `per` text of an alert's data, from its dedup_key pipeline/rule/customer[/per]."""
    parts = alert["dedup_key"].split("/")
    return parts[2], parts[3] if len(parts) > 3 else ""


def shuffled(events, rng, bound, share=1.0):
    """In another order of arrival: this share of them comes up to `bound` after its time."""
    keyed = [(event["t"] + (rng.randrange(bound) if share == 1 or rng.random() < share else 0), i)
             for i, event in enumerate(events)]
    return [events[i] for _, i in sorted(keyed)]


def keep_ties(events, order, names=("c", "t")):
    """Events alike in these, as of one customer at one time, keep the order of their source."""
    places = collections.defaultdict(list)
    for at, i in enumerate(order):
        places[tuple(events[i][name] for name in names)].append(at)
    for at in places.values():
        for place, i in zip(at, sorted(order[place] for place in at)):
            order[place] = i
    return [events[i] for i in order]


def fire(states, before, note):
    """All deadlines before this time, in their order. states: (name, key) -> what has deadline and timer."""
    while True:
        due = [(state.deadline(), which) for which, state in states.items() if state.deadline() is not None]
        if not due or min(due)[0] >= before:
            return
        which = min(due)[1]
        states[which].timer(note(*which))


def differ(pipeline, ours, theirs, seed, what=""):
    """Says what only one side has; 0, as a stream that differs counts."""
    print(pipeline)
    for record in [record for record in ours if record not in theirs][:10]:
        print("recounted, not said:", record)
    for record in [record for record in theirs if record not in ours][:10]:
        print("said, not recounted:", record)
    name = os.path.basename(sys.argv[0])
    print(f"{what and what + '; '}repeat: SNAG={os.environ['SNAG']} tests/golden/{name} {seed}")
    return 0


def run_streams(one, seeds, turned, again):
    """Recounts the streams of these seeds (or of those on the line), and asks of each planted wrong rule
    whether some stream of the seeds `again` notices it. one(seed, folder[, way]): how many records were the
    same, 0 = they differ. Ends the program."""
    given = [int(word) for word in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        counts = [one(seed, folder) for seed in given or seeds]
        wrong = sum(1 for count in counts if count == 0)
        missed = [] if given else [way for way in turned if all(one(seed, folder, way) for seed in again)]
    print(f"{len(counts)} streams, {sum(counts)} records recounted, {wrong} streams differ")
    for way in missed:
        print(f"the recount did not notice a rule that is turned round: {way}")
    sys.exit(1 if wrong or missed else 0)
