# SPDX-License-Identifier: Apache-2.0
"""Chaos: a seeded schedule of faults over brokers, Redis and snag processes, while the calls flow; at the end
the output must be the replay's, exactly, and Redis must hold what the changelog says.

    python3 tests/tools/chaos --seed N            one round
    python3 tests/tools/chaos --minutes 60        rounds until the time is up, each with a seed of its own
    python3 tests/tools/chaos --list              the faults

A round is repeated by its seed. What a round did and said lies in the folder that a failure names.
"""
import pathlib
import random
import shutil
import sys
import tempfile
import time

from arguments import options_read
from faults import SNAGS, TABLE
from processes import Failure, Found
from truth import check
from world import World

PATIENCE_S = 90  # for what a fault waits for


class Fault:
    def __init__(self, seed, number, kind, due):
        self.rng = random.Random(f"{seed}/{number}")
        self.number, self.kind, self.due = number, kind, due
        self.snag = self.rng.choice(SNAGS)
        words, self.function, self.help = TABLE[kind]
        self.holds = set()
        for word in words.split():
            self.holds |= {"everybody": {*SNAGS, "guest"}, "snag": {self.snag}}.get(word, {word})
        self.steps = None
        self.until = self.patience = 0

    def __str__(self):
        return f"{self.number:3} {self.kind}" + (f" {self.snag}" if self.snag in self.holds and
                                                 "guest" not in self.holds else "")

    def begin(self, world):
        self.steps = self.function(world, self.rng, self.snag)

    def go_on(self, now):
        """False: it is over."""
        if callable(self.until):
            if not self.until():
                if now > self.patience:
                    raise Found(f"fault {self}: what it waits for does not come within {PATIENCE_S} s")
                return True
        elif now < self.until:
            return True
        step = next(self.steps, None)
        if step is None:
            return False
        self.until = step if callable(step) else now + step
        self.patience = now + PATIENCE_S
        return True


def schedule(seed, count, seconds, kinds):
    """Every kind once in a random order, then any; evenly over the time."""
    rng = random.Random(f"{seed}/schedule")
    names = rng.sample(kinds, len(kinds))
    while len(names) < count:
        names.append(rng.choice(kinds))
    names = names[:count]
    return [Fault(seed, number, kind, seconds * (number + rng.random() / 2) / count)
            for number, kind in enumerate(names, 1)]


def do_faults(world, faults, say):
    began = time.monotonic()
    waiting, going, held = list(faults), [], set()
    while waiting or going:
        now = time.monotonic() - began
        for one in [one for one in waiting if one.due <= now]:
            if not one.holds & held:
                say(f"{now:6.1f} s  {one}: {one.help}")
                one.begin(world)
                waiting.remove(one)
                going.append(one)
                held |= one.holds
        for one in list(going):
            if not one.go_on(time.monotonic() - began):
                going.remove(one)
                held -= one.holds
        world.supervise()
        time.sleep(0.05)
    return time.monotonic() - began


def one_round(world, options, seed, number, say):
    began = time.monotonic()
    kinds = options.only.split(",") if options.only else list(TABLE)
    faults = schedule(seed, options.faults, options.seconds, kinds)
    say(f"round {number}: seed {seed}, {len(faults)} faults; again: {again(options, seed)}")
    world.round_begin(seed, number, options.seconds)
    took = do_faults(world, faults, say)
    total = check(world)
    say(f"round {number}: seed {seed}: {len(faults)} faults in {took:.0f} s, " +
        ", ".join(f"{count} {what}" for what, count in total.items()) +
        f", the same as the replay's; {time.monotonic() - began:.0f} s in all")


def again(options, seed):
    words = f"tests/tools/chaos.sh --seed {seed} --faults {options.faults} --seconds {options.seconds}"
    words += f" --records {options.records} --partitions {options.partitions} --redis {options.redis}"
    words += f" --out-of-order {options.out_of_order}"
    return words + (f" --only {options.only}" if options.only else "")


def say(line):
    print(line, flush=True)


def rounds(world, options):
    end = time.monotonic() + options.minutes * 60
    number = 1
    one_round(world, options, options.seed, number, say)
    while time.monotonic() < end:
        number += 1
        one_round(world, options, random.Random(f"{options.seed}/{number}").randrange(10**6), number, say)


def main():
    options = options_read(__doc__)
    if options.list:
        for name, (holds, _, words) in TABLE.items():
            print(f"{name:18} {words}")
        return 0
    folder = pathlib.Path(tempfile.mkdtemp(prefix="snag-chaos-"))
    world = World(options, folder)
    try:
        world.begin()
        rounds(world, options)
        return 0
    except Failure as failure:
        print(f"{'FOUND' if isinstance(failure, Found) else 'FAILED'}: {failure}", file=sys.stderr)
        kept = world.logs_keep(pathlib.Path(options.logs) / time.strftime("%Y%m%d-%H%M%S"))
        print(f"the logs are in {kept}; again: {again(options, world.seed)}", file=sys.stderr)
        return 1
    finally:
        world.finish()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
