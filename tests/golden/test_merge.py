#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several sources in a replay: one log of simulated calls, cut into two and three sources, gives the same
records as the whole log, whatever the batches, the partitions and the disorder inside the declared bounds.

And what is said where files and sources do not fit together."""
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SNAG_SOURCE"])
SNAG = os.environ["SNAG"]
CONTACT = SOURCE / "pipelines" / "contact.yaml"
NOW = ("--now", "2030-01-01T00:00:00Z", "--quiet")
ROUNDS = 6
faults = []

RULES = """
journeys:
  call:
    per: [line, call]
    stages:
      started: { event: Call Started }
      queued: { event: Call Queued, due: 60s }
      answered: { event: Call Answered }
      abandoned: { event: Call Abandoned, end: abandoned }
      ended: { event: Call Ended, end: served }
rules:
  stuck: { event: Call Queued, per: [line, call], missing: [Call Answered, Call Abandoned], after: 60s }
  twice: { event: Call Abandoned, count: 2, within: 1h }
  quiet: { event: "*", missing: "*", after: 3h }
"""


def check(what, got, want):
    if got != want:
        faults.append(f"{what}: got {got!r}, want {want!r}")


def snag(*words, stdin=b""):
    return subprocess.run([SNAG, *map(str, words)], input=stdin, capture_output=True, check=False)


def pipeline(folder, bounds):
    """A pipeline of as many sources as there are bounds (out_of_order in seconds)."""
    text = "pipeline: cut\nsources:\n"
    for number, bound in enumerate(bounds):
        text += f"  s{number}:\n    topic: t{number}\n    format: segment\n    out_of_order: {bound}s\n"
        text += "    keep: { line: properties.line, call: properties.callId }\n"
    path = folder / f"cut-{len(bounds)}.yaml"
    path.write_text(text + RULES)
    return path


def milliseconds(stamp):
    hours, minutes, seconds = stamp[11:-1].split(":")
    whole = int(stamp[8:10]) * 86400 + int(hours) * 3600 + int(minutes) * 60
    return whole * 1000 + round(float(seconds) * 1000)


def records(output):
    """What must be the same: all but what names the pipeline's own hash, and names made of an event's id, for
    that is its source's own."""
    found = []
    for line in output.splitlines():
        record = json.loads(line)
        record.pop("id")
        for name in ("snag", "offset", "episode", "walk", "would_be"):
            record["data"].pop(name, None)
        found.append(json.dumps(record, sort_keys=True))
    return found


def cut(folder, events, bounds, dice):
    """Each event into some source, each source in an order of arrival that its bound allows. Returns the
    words of the replay, and the events in the one order: time, source, place in the source."""
    logs = [[] for _ in bounds]
    home = {}
    for event in events: # one that is sent twice is sent to the same source: an id is its source's own
        source = home.setdefault(event["messageId"], dice.randrange(len(bounds)))
        time = milliseconds(event["timestamp"])
        logs[source].append((time + dice.randrange(bounds[source] * 1000 + 1), time, event))
    whole, words = [], []
    for source, log in enumerate(logs):
        log.sort(key=lambda entry: entry[0])
        path = folder / f"{len(bounds)}-{source}.jsonl"
        path.write_text("".join(json.dumps(event) + "\n" for _, _, event in log))
        words.append(f"s{source}={path}")
        whole += [(time, source, place, event) for place, (_, time, event) in enumerate(log)]
    whole.sort(key=lambda entry: entry[:3])
    return words, [event for *_, event in whole]


def same(folder):
    made = snag("simulate", "--scenario", "calls", "--events", "4000", "--seed", "7").stdout
    events = [json.loads(line) for line in made.splitlines()]
    one = pipeline(folder, [0])
    for number in range(ROUNDS):
        dice = random.Random(number)
        bounds = [dice.choice([0, 0, 3, 60]) for _ in range(2 + number % 2)]
        several = pipeline(folder, bounds)
        words, whole = cut(folder, events, bounds, dice)
        merged = folder / "merged.jsonl"
        merged.write_text("".join(json.dumps(event) + "\n" for event in whole))
        want = snag("replay", one, merged, *NOW).stdout
        check(f"round {number}: something to compare", len(want.splitlines()) > 1000, True)
        once = snag("replay", several, *words, *NOW).stdout
        check(f"round {number}: as one source", records(once) == records(want), True)
        for batch in (1, 7):
            dice.shuffle(words)
            again = snag("replay", several, *words, *NOW, "--batch", batch).stdout
            check(f"round {number}: batches of {batch}", again == once, True)
        parts = snag("replay", several, *words, *NOW, "--partitions", 4, "--drain").stdout
        whole_parts = snag("replay", one, merged, *NOW, "--partitions", 4, "--drain").stdout
        equal = sorted(records(parts)) == sorted(records(whole_parts))
        check(f"round {number}: four partitions", equal, True)


def ways_in(folder):
    calls, chats = folder / "calls.jsonl", folder / "chats.jsonl.gz"
    lines = [{"messageId": str(i), "userId": "ann", "event": "Call Queued",
              "timestamp": f"2026-01-05T10:{i:02}:00Z", "properties": {"callId": str(i)}} for i in range(3)]
    calls.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = [{"id": "1", "at": "2026-01-05T10:02:30Z", "event": "Chat Answered", "customer": "ann"},
            {"id": "2"}]
    chats.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in said).encode()))
    words = (f"calls={calls}", f"chats={chats}")
    done = snag("replay", CONTACT, *words, *NOW)
    alerts = [json.loads(line) for line in done.stdout.splitlines()]
    check("both: records", [(a["type"], a["data"].get("why", {}).get("rule")) for a in alerts],
          [("snag.alert.trigger", "asks_again"), ("snag.alert.trigger", "unheard"),
           ("snag.dead_letter", None), ("snag.alert.resolve", "unheard")])
    check("both: whose dead letter", alerts[2]["data"]["source"], "chats")
    check("headline names the source", "by calls at first" in alerts[1]["data"]["headline"], True)
    (folder / "a").write_text(json.dumps(lines[0]) + "\n")
    (folder / "b").write_text("".join(json.dumps(line) + "\n" for line in lines[1:]))
    pieces = snag("replay", CONTACT, f"calls={folder / 'a'}", f"chats={chats}", f"calls={folder / 'b'}", *NOW)
    check("a source in two files", records(pieces.stdout), records(done.stdout))
    piped = snag("replay", CONTACT, "calls=-", f"chats={chats}", *NOW, stdin=calls.read_bytes())
    check("one source from a pipe", piped.stdout, done.stdout)
    alone = snag("replay", CONTACT, f"calls={calls}", "chats=/dev/null", *NOW)
    check("without chats", len(alone.stdout.splitlines()), 1)
    drained = snag("replay", CONTACT, f"calls={calls}", "chats=/dev/null", *NOW, "--drain")
    check("without chats, drained", len(drained.stdout.splitlines()), 3)
    told = snag("explain", CONTACT, "ann", "--file", *words).stdout
    check("explain", b"asks_again" in told, True)
    sample = snag("check", CONTACT, "--sample", words[0], "--sample", words[1]).stdout.decode()
    for says in ("order of calls, 3 events", "order of chats, 1 event", "of chats: ",
                 "score of chats is on no event"):
        if says not in sample:
            faults.append(f"check --sample does not say {says!r}: {sample}")


def refused(folder):
    calls = folder / "calls.jsonl"
    for words, says in (
            (("replay", CONTACT, calls),
             f"{calls}: of which source? The pipeline has 2: write calls={calls}"),
            (("replay", CONTACT, f"calls={calls}"), "source chats has no file: write chats=FILE"),
            (("replay", CONTACT), "source calls has no file"),
            (("replay", CONTACT, f"cals={calls}"), "there is no source cals; did you mean calls=FILE?"),
            (("replay", CONTACT, "calls=-", "chats=-"), "standard input can be one source's only"),
            (("replay", CONTACT, "calls=none", "chats=-"), "none cannot be read"),
            (("explain", CONTACT, "ann", "--file", calls), "of which source?"),
            (("check", CONTACT, "--sample", calls), "of which source?")):
        done = snag(*words)
        check(f"{words}: exit code", done.returncode, 2)
        if says not in done.stderr.decode():
            faults.append(f"{words}: {done.stderr.decode()!r} does not say {says!r}")
    case = folder / "wrong.cases"
    case.write_text("ann 10:00 Call Queued source=chat\n")
    done = snag("test", CONTACT, case)
    check("a case of no source", (done.returncode, b"the pipeline has no source" in done.stderr), (2, True))


with tempfile.TemporaryDirectory() as name:
    same(pathlib.Path(name))
    ways_in(pathlib.Path(name))
    refused(pathlib.Path(name))
for fault in faults:
    print(fault)
sys.exit(1 if faults else 0)
