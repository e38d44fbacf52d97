# SPDX-License-Identifier: Apache-2.0
"""The world of one run: brokers, Redis, snag processes of one group, and the input that flows meanwhile."""
import datetime
import gzip
import json
import pathlib
import random
import subprocess
import threading
import time

from kafka import Brokers
from processes import Failure, Found, Process, wait_until
from redis import Redis

OUTPUTS = ("alerts", "journeys", "decisions", "late", "dead-letter")
SENTINELS = 64  # customers whose events, hours later, let every deadline pass in every partition
SESSION_MS = 6000
KAFKA = """kafka:
  bootstrap.servers: "%s"
  session.timeout.ms: %d
  heartbeat.interval.ms: 1000
"""


def key_of(event):
    return event.get("userId") or event.get("anonymousId")


def time_ms(event):
    return int(datetime.datetime.fromisoformat(event["timestamp"]).timestamp() * 1000)


def load(path, count):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [line.rstrip("\n") for line, _ in zip(file, range(count))]


def record_of(line):
    event = json.loads(line)
    return key_of(event), time_ms(event), line


def sentinels(lines):
    """Events of nobody, a day and two after all others, in every partition: they let every deadline pass."""
    newest = max(time_ms(json.loads(line)) for line in lines)
    for hours in (24, 48):
        at = datetime.datetime.fromtimestamp(newest / 1000 + hours * 3600, datetime.timezone.utc)
        for i in range(SENTINELS):
            event = {"messageId": f"sentinel-{hours}-{i}", "anonymousId": f"sentinel-{i}",
                     "event": "Call Started", "timestamp": at.isoformat(),
                     "properties": {"callId": "0", "line": "S", "service": "S", "priority": 0}}
            yield record_of(json.dumps(event, separators=(",", ":")))


class Feed(threading.Thread):
    """Writes records (key, time, value) to log_tool at an even pace."""

    def __init__(self, world, records, seconds):
        super().__init__(daemon=True)
        self.lines = records
        self.seconds = seconds
        self.fast = False  # the rest at once
        self.error = ""
        self.child = subprocess.Popen([world.tool, world.brokers.address, "feed", world.topic],
                                      stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    @staticmethod
    def spoil(lines, rng):
        """The records; now and then one that nobody can read, one again, or one of long ago."""
        records, rubbish = [], 0
        for line in lines:
            records.append(record_of(line))
            if rng.random() < 0.002:
                records.append(records[-1])
            if rng.random() < 0.001:
                rubbish += 1
                records.append((*records[-1][:2], f"rubbish {rubbish}"))
            elif rng.random() < 0.001:
                records.append(Feed.long_ago(line))
        return records

    @staticmethod
    def long_ago(line):
        """The same again, as if it had happened two hours before: too late in any order."""
        event = json.loads(line)
        at = datetime.datetime.fromisoformat(event["timestamp"]) - datetime.timedelta(hours=2)
        event["messageId"] += "-late"
        event["timestamp"] = at.isoformat()
        return record_of(json.dumps(event, separators=(",", ":")))

    def run(self):
        began = time.monotonic()
        try:
            for number, (key, at, value) in enumerate(self.lines):
                due = began + self.seconds * number / len(self.lines)
                while number % 20 == 0 and not self.fast and time.monotonic() < due:
                    self.child.stdin.flush()
                    time.sleep(0.02)
                self.child.stdin.write(f"{key}\t{at}\t{value}\n")
            self.child.stdin.close()
        except OSError as error:
            self.error = str(error)

    def finish(self, seconds):
        self.fast = True
        self.join(seconds)
        if self.is_alive() or self.error:
            raise Failure(f"the feed did not get its records out: {self.error}")
        if self.child.wait(seconds) != 0:
            raise Failure("the feed's producer failed")


class Snag:
    """One snag process, started again with other options each time."""

    def __init__(self, world, name, workers):
        self.world = world
        self.name = name
        self.workers = workers
        self.process = Process(f"snag-{name}", world.folder)
        self.wanted = False
        self.rival = False  # there was another of its name
        self.starts = 0

    def start(self, batch=0, every=""):
        rng = random.Random(f"{self.world.seed}/{self.name}/{self.starts}")
        batch = batch or rng.choice((20, 50, 200, 10000))
        every = every or rng.choice(("1ms", "5ms", "50ms"))
        self.starts += 1
        self.wanted = True
        self.process.start([self.world.snag, "run", self.world.pipeline, "--group", self.world.name,
                            "--instance", self.name, "--workers", self.workers, "--max-batch", batch,
                            "--commit-every", every], self.world.environment)

    def transactional_id(self, worker=0):
        return f"{self.world.name}-{self.name}-{worker}"

    def leave(self):
        """SIGTERM: commits what is in hand, and ends with 0."""
        self.wanted = False
        self.process.end()

    def kill(self):
        self.wanted = False
        self.process.kill()


class World:
    """Made once; every round has its own topics, group and pipeline."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = pathlib.Path(folder)
        self.snag = pathlib.Path(options.snag)
        self.tool = pathlib.Path(options.build) / "tests" / "log_tool"
        self.brokers = Brokers(self.folder, options.kafka_lib, self.tool, options.brokers)
        self.redis = Redis(self.folder, options.redis == "cluster")
        self.seed = options.seed
        self.environment = None  # of the snag processes; None = ours
        self.name = ""
        self.snags = []
        self.feed = None

    def begin(self):
        self.redis.begin()
        self.brokers.begin()

    # --- one round

    def round_begin(self, seed, number, seconds):
        rng = random.Random(f"{seed}/world")
        self.place_make(seed, number, rng.choice(self.options.out_of_order.split(",")))
        self.snags = [Snag(self, name, workers) for name, workers in (("ann", 2), ("bob", 1), ("cid", 1))]
        for snag in self.snags:
            snag.start()
        lines = load(self.options.calls, self.options.records)
        self.feed = Feed(self, [*Feed.spoil(lines, rng), *sentinels(lines)], seconds)
        self.feed.start()

    def place_make(self, seed, number, out_of_order):
        """Topics and a pipeline of its own."""
        self.seed = seed
        self.name = f"chaos-{number}"
        self.topic = f"calls-{number}"
        self.partitions = self.options.partitions
        self.pipeline = self.folder / f"{self.name}.yaml"
        self.pipeline.write_text(self.pipeline_text(out_of_order))
        self.brokers.must("create", self.topic, self.partitions, self.brokers.count, "retention.ms=-1")
        # Small segments, so that the changelog is compacted while it is read.
        self.brokers.must("create", f"{self.name}.changelog", self.partitions, self.brokers.count,
                          "cleanup.policy=compact", "segment.bytes=1048576", "min.cleanable.dirty.ratio=0.05")
        done = subprocess.run([self.snag, "topics", self.pipeline, "--create"], capture_output=True,
                              text=True, check=False)
        if done.returncode:
            raise Failure(f"snag topics --create: {done.stderr}")
        wait_until(lambda: self.brokers.whole(*self.topics()), 60, "every copy of every topic")

    def pipeline_text(self, out_of_order):
        text = (pathlib.Path(self.options.source) / "pipelines" / "support-calls.yaml").read_text()
        text = text.replace("topic: calls", f"topic: {self.topic}")
        text = text.replace("const: { channel: phone }",
                            f"const: {{ channel: phone }}\n    clock: log\n    out_of_order: {out_of_order}")
        text = "\n".join(line for line in text.splitlines() if not line.startswith(("kafka:", "redis:")))
        return (f'{text}\noutputs: {{ prefix: "{self.name}." }}\n' +
                KAFKA % (self.brokers.address, SESSION_MS) + self.options.kafka_more +
                f'redis: {{ url: "{self.redis.url}" }}\n')

    def keys(self, partition):
        """How a partition's keys in Redis begin (redis/redis.h): the dot ends its number."""
        return f"snag:{{{self.name}/{self.topic}/{partition}."

    def topics(self):
        return [self.topic, *(f"{self.name}.{output}" for output in (*OUTPUTS, "changelog"))]

    def supervise(self):
        """A process that ends by itself is a finding, but for one that began while Redis or Kafka was away,
        or that had a rival of its name: whoever runs it starts it again."""
        for snag in self.snags:
            if not snag.wanted or snag.process.runs():
                continue
            said = snag.process.tail(1)
            if snag.process.child.returncode == 3 and any(
                    words in said for words in ("no broker answers", "Redis at", "Redis Cluster") +
                    (("fenced twice",) if snag.rival else ())):
                snag.start()
                continue
            raise Found(f"{snag.name} ended by itself with {snag.process.child.returncode}: {said}")

    def behind(self):
        """Input records that the group has not committed; None where nobody answers."""
        command = [self.tool.with_name("kafka_tool"), self.brokers.address, "lag", self.name, self.topic]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else None

    def finish(self):
        for snag in self.snags:
            snag.process.kill()
        if self.feed and self.feed.child.poll() is None:
            self.feed.child.kill()
        self.redis.finish()
        self.brokers.finish()

    def logs_keep(self, place):
        """Copies what tells the story: logs, pipelines, what was expected and seen."""
        place.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if path.is_file():
                (place / path.name).write_bytes(path.read_bytes())
        return place
