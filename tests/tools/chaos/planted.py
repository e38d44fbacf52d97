# SPDX-License-Identifier: Apache-2.0
"""The chaos is tested itself: with planted bugs (src/base/planted.h) it must find them, without one nothing.
One broker, one Redis, two short scenes:

    aborts   an upstream producer aborts every second transaction
    kills    kill -9 amid transactions, a few smaller ones, kill -9 again, Redis wiped: each takeover
             reads a changelog that holds what was never committed
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

from arguments import options_read
from processes import Failure, Found, wait_until
from truth import check
from world import Feed, Snag, World, load, record_of, sentinels

# planted bug: the scenes that must find it
EXPECTED = {"": (), "read-uncommitted": ("aborts",), "auto-commit": ("kills",), "no-offsets": ("kills",)}
ROUNDS = 8
BATCH = 400


def feed_in_transactions(world, lines):
    """Every second transaction is aborted: customers who hang up again and again, which never happened."""
    child = subprocess.Popen([world.tool, world.brokers.address, "feed", world.topic, "upstream"],
                             stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    for first in range(0, len(lines), BATCH):
        some = lines[first:first + BATCH]
        records = [record_of(line) for line in some]
        for word, batch in (("!commit", records), ("!abort", [never(line) for line in some])):
            text = "".join(f"{key}\t{at}\t{value}\n" for key, at, value in batch)
            child.stdin.write(f"!begin\n{text}{word}\n")
    child.stdin.close()
    if child.wait(60) != 0:
        raise Failure("the upstream producer failed")


def never(line):
    event = json.loads(line)
    event["messageId"] += "-never"
    event["event"] = "Call Abandoned"
    return record_of(json.dumps(event, separators=(",", ":")))


def aborts(world, lines):
    snag = Snag(world, "ann", 1)
    world.snags = [snag]
    snag.start(200, "5ms")
    feed_in_transactions(world, lines[:len(lines) // 4])


def kills(world, lines):
    rng = random.Random(1)
    snag = Snag(world, "ann", 1)
    world.snags = [snag]
    feed = Feed(world, [record_of(line) for line in lines], 0)
    feed.start()
    feed.finish(60)
    left = world.behind()
    for _ in range(ROUNDS):
        for batch, seconds in ((50, 0.5), (3, 0.2)):
            snag.start(batch, "1ms")
            begun(world, snag, left)
            time.sleep(rng.random() * seconds)
            snag.kill()
            world.redis.wipe()
            left = world.behind()
    snag.start(10000, "50ms")


def begun(world, snag, left):
    """The process is at work: it has committed something."""
    def moved():
        world.supervise()
        return left == 0 or (world.behind() or 0) < left
    wait_until(moved, 40, f"{snag.name} to begin", Found)


def play(world, scene, number):
    """True: the scene found something."""
    lines = load(world.options.calls, world.options.records)
    world.place_make(1, number, "0s")
    try:
        scene(world, lines)
        world.feed = Feed(world, list(sentinels(lines)), 0)
        world.feed.start()
        check(world)
        return ""
    except Found as found:
        return str(found)
    finally:
        for snag in world.snags:
            snag.process.kill()


def play_all(world):
    number = faults = 0
    for word, finders in EXPECTED.items():
        world.environment = {**os.environ, "SNAG_PLANT": word}
        for scene in (aborts, kills):
            if word and scene.__name__ not in finders:
                continue
            number += 1
            began = time.monotonic()
            found = play(world, scene, number)
            fine = bool(found) == (scene.__name__ in finders)
            faults += not fine
            said = (found or "found nothing").splitlines()[0][:150]
            print(f"{'ok' if fine else 'WRONG':5} {scene.__name__:7} {word or 'nothing planted':17} "
                  f"{time.monotonic() - began:4.1f} s  {said}", flush=True)
    return faults


def main():
    options = options_read(__doc__)
    options.brokers, options.redis, options.partitions = 1, "single", 2
    options.kafka_more = "  auto.commit.interval.ms: 50\n"  # for the bug that commits by itself
    folder = pathlib.Path(tempfile.mkdtemp(prefix="snag-planted-"))
    world = World(options, folder)
    try:
        world.begin()
        faults = play_all(world)
        if faults:
            kept = world.logs_keep(pathlib.Path(options.logs) / "planted")
            print(f"the logs are in {kept}", file=sys.stderr)
        return 1 if faults else 0
    finally:
        world.finish()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
