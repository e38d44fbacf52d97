# SPDX-License-Identifier: Apache-2.0
"""Time that is moved by the clock never makes a false stall. Three brokers, a topic for each scene:

    backlog    a worker starts far behind: all deadlines are long over by its clock
    stopped    a worker is stopped beyond the deadline, and beyond its session: another one takes over
    hidden     the answers lie in a transaction that is committed after the deadline; or aborted
    leader     the partition's leader is killed, the answers go to the next one; and processes start meanwhile

Each scene asks questions and answers most of them in time: a stall of these must never be told. Answers
count as in time only if the log acknowledged them within the pipeline's `delay`. The last questions of each
scene, in the same partitions, stay unanswered: as deadlines fire in order, whatever is false was told before
their stalls are, so that nothing here waits for a time to be over.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from arguments import options_read
from kafka import Brokers
from processes import Failure, Found, Process, wait_until
from truth import rows

SESSION_MS = 6000
DELAY_MS = 1500
PATIENCE_S = 60
BACKLOG = 6000
PIPELINE = """pipeline: {name}
sources:
  desk:
    topic: {name}-in
    format: json
    map: {{ id: id, time: at, type: what, customer: who }}
    delay: {delay}ms
rules:
  stuck: {{ event: Asked, missing: Answered, after: {after}s }}
kafka:
  bootstrap.servers: "{brokers}"
  session.timeout.ms: {session}
  heartbeat.interval.ms: 1000
"""


def now_ms():
    return int(time.time() * 1000)


def stamp(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"


class Desk:
    """One scene's topic: who asked, who was answered in time, who was told to be stuck."""

    def __init__(self, stage, name, after_s, partitions=1):
        self.stage, self.name, self.after_s, self.partitions = stage, name, after_s, partitions
        self.asked, self.answers, self.acks, self.never = {}, {}, {}, set()
        self.pipeline = stage.folder / f"{name}.yaml"
        self.pipeline.write_text(PIPELINE.format(name=name, delay=DELAY_MS, after=after_s, session=SESSION_MS,
                                                 brokers=stage.brokers.address))
        stage.brokers.must("create", f"{name}-in", partitions, 3, "retention.ms=-1")
        wait_until(lambda: stage.brokers.whole(f"{name}-in"), 60, f"{name}-in")
        wait_until(lambda: stage.snag("topics", self.pipeline, "--create") == 0, 60, f"the topics of {name}")
        wait_until(lambda: stage.brokers.whole(f"{name}-in", f"{name}.changelog", f"{name}.alerts"), 60,
                   f"the topics of {name}")

    def worker(self, instance, *words):
        process = Process(f"{self.name}-{instance}", self.stage.folder)
        process.start([self.stage.options.snag, "run", self.pipeline, "--instance", instance, *words])
        self.stage.processes.append(process)
        return process

    # --- writing: every line is acknowledged before the next step

    def feed(self, identity=None, acks=True):
        words = [self.stage.brokers.tool, self.stage.brokers.address, "feed", f"{self.name}-in"]
        child = subprocess.Popen([str(word) for word in words + ([identity] if identity else [])],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.stage.children.append(child)
        if acks:  # few records then: both pipes must hold them
            self.obey(child, "!acks")
        return child

    def answer_of(self, child):
        """Reads until the word was obeyed; notes what the log acknowledged meanwhile."""
        for line in child.stdout:
            if line == "ok\n":
                return
            _, who, _, at = line.split()
            self.acks[who] = int(at)
        raise Failure(f"{self.name}: the producer ended: {child.wait()}")

    def write(self, child, at, what, who):
        notes = {"Asked": self.asked, "Answered": self.answers}.get(what, {})
        notes[who] = at
        text = json.dumps({"id": f"{what}-{who}", "at": stamp(at), "what": what, "who": who})
        child.stdin.write(f"{who}\t{at}\t{text}\n")

    def say(self, child, what, names):
        """Events of now; they are in the log when this returns."""
        for who in names:
            self.write(child, now_ms(), what, who)
        self.obey(child, "!flush")

    def obey(self, child, word):
        child.stdin.write(f"{word}\n")
        child.stdin.flush()
        self.answer_of(child)

    # --- judging

    def in_time(self):
        """Whose answer was due no earlier, and in the log within the delay; in a backlog all are."""
        return {who for who, at in self.answers.items()
                if who not in self.never and at - self.asked[who] <= self.after_s * 1000 and
                (self.name == "backlog" or self.acks.get(who, at + 10**6) - at <= DELAY_MS)}

    def stuck(self):
        return {who for who in self.asked if who not in self.answers or who in self.never}

    def told(self):
        values = [json.loads(row[3]) for row in rows(self.stage.brokers.must("dump", f"{self.name}.alerts"))]
        return [value["subject"] for value in values if value["data"]["action"] == "trigger"]

    def says(self, process, words):
        wait_until(lambda: words in process.tail(50), PATIENCE_S, f"\"{words}\" of {process.name}", Found)

    def first(self):
        """The first worker, with all partitions: it has committed their beginning."""
        process = self.worker("one")

        def begun():
            heads = {row[0] for row in rows(self.stage.brokers.run("dump", f"{self.name}.changelog") or [])}
            return len(heads) == self.partitions
        wait_until(begun, PATIENCE_S, f"{process.name} to begin", Found)
        return process

    def read_up(self):
        """A function: the group has committed all there is to be read."""
        brokers = self.stage.brokers
        words = [brokers.tool.with_name("kafka_tool"), brokers.address, "lag", self.name, f"{self.name}-in"]

        def done():
            child = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
            return child.returncode == 0 and child.stdout.strip() == "0"
        return done

    def judge(self):
        wait_until(lambda: self.stuck() <= set(self.told()), PATIENCE_S, f"{self.name}: real stalls", Found)
        told, fine = self.told(), self.in_time()
        false = fine & set(told)
        if false:
            raise Found(f"{self.name}: {len(false)} false stalls, of {sorted(false)[:3]}")
        if len(told) != len(set(told)):
            raise Found(f"{self.name}: {len(told) - len(set(told))} stalls told twice")
        words = f"{len(told)} stalls told, {len(fine)} of {len(self.answers)} answers in time, none false"
        return words + ("" if fine else ": NOTHING WAS IN TIME, the machine is too slow to tell")


def names(word, count):
    return [f"{word}{number}" for number in range(count)]


# --- scenes -----------------------------------------------------------------------------------------

def backlog(stage):
    """Everything is in the log, hours old, before the worker starts; it reads in small pieces."""
    desk = Desk(stage, "backlog", 3)
    child = desk.feed(acks=False)
    begin = now_ms() - 7200 * 1000
    lines = []
    for number in range(BACKLOG):
        who, at = f"c{number}", begin + number * 50
        lines.append((at, "Asked", who))
        if number % 100 != 99:
            lines.append((at + 2900, "Answered", who))
    for at, what, who in sorted(lines):
        desk.write(child, at, what, who)
    desk.obey(child, "!flush")
    desk.worker("one", "--max-batch", "20", "--commit-every", "5ms")
    return desk


def stopped(stage):
    """Twice: for less than its session, so that the same worker goes on; for more, so that the other does."""
    desk = Desk(stage, "stopped", 3, 2)
    child = desk.feed()
    one, two = desk.first(), desk.worker("two")
    desk.says(two, "took over")
    for turn, seconds in ((1, 4), (2, SESSION_MS / 1000 + 3)):
        asked = names(f"t{turn}-", 24)
        desk.say(child, "Asked", asked + names(f"stuck{turn}-", 12))
        time.sleep(0.3)  # mostly they have been read by then; either is fine
        one.stop()
        desk.say(child, "Answered", asked)
        time.sleep(seconds)  # the stop itself
        one.go_on()
    return desk


def hidden(stage):
    """Two transactions are open when the deadline comes; one is committed later, one aborted."""
    desk = Desk(stage, "hidden", 3)
    plain = desk.feed()
    desk.first()
    ends = {"!commit": desk.feed("upstream-1"), "!abort": desk.feed("upstream-2")}
    groups = {"!commit": names("kept", 10), "!abort": names("void", 10)}
    for upstream in ends.values():
        desk.obey(upstream, "!begin")
    desk.say(plain, "Asked", groups["!commit"] + groups["!abort"] + names("stuck", 2))
    for word, upstream in ends.items():
        desk.say(upstream, "Answered", groups[word])
    desk.never.update(groups["!abort"])
    time.sleep(desk.after_s + DELAY_MS / 1000 + 1)  # beyond the deadline
    if desk.told():
        raise Found(f"hidden: stalls were told while a transaction was open: {desk.told()}")
    for word, upstream in ends.items():
        desk.obey(upstream, word)
    return desk


def leader(stage):
    """The answers are written as soon as there is another leader, and are in time; and while one broker is
    away, processes start: whom they ask first may be the dead one."""
    desk = Desk(stage, "leader", 12)
    child = desk.feed()
    desk.first()
    brokers, topic = stage.brokers, "leader-in"
    asked = names("c", 20)
    desk.say(child, "Asked", asked + names("stuck", 2))
    wait_until(desk.read_up(), PATIENCE_S, "leader: the questions to be read", Found)
    dead = brokers.leader(topic, 0)
    brokers.member(dead).kill()
    began = time.monotonic()
    starts = [threading.Thread(target=stage.start, args=(desk,)) for _ in range(4)]
    for start in starts:
        start.start()
    wait_until(lambda: brokers.leader(topic, 0) not in (0, -1, dead), PATIENCE_S, "another leader")
    child = desk.feed()
    desk.say(child, "Nothing", ["somebody"])  # a new producer's first record waits for what it must know
    desk.say(child, "Answered", asked)
    took = time.monotonic() - began
    for start in starts:
        start.join()
    desk.says(desk.worker("two"), "running")
    print(f"leader: answered {took:.1f} s after broker {dead} was killed", flush=True)
    return desk


class Stage:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        tool = pathlib.Path(options.build) / "tests" / "log_tool"
        self.brokers = Brokers(folder, options.kafka_lib, tool, 3)
        self.processes, self.children, self.found = [], [], []

    def snag(self, *words):
        return subprocess.run([str(word) for word in (self.options.snag, *words)], check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode

    def start(self, desk):
        """What every command asks first; the cluster is fine but for one broker."""
        code = self.snag("topics", desk.pipeline)
        if code:
            self.found.append(desk)
            print(f"WRONG with one broker of three away `snag topics` ends with {code}", flush=True)

    def play(self, scene):
        began = time.monotonic()
        try:
            said = scene(self).judge()
            print(f"ok    {scene.__name__:8} {time.monotonic() - began:4.1f} s  {said}", flush=True)
        except Failure as failure:
            self.found.append(failure)
            print(f"WRONG {scene.__name__:8} {time.monotonic() - began:4.1f} s  {failure}", flush=True)

    def play_all(self):
        """The last scene kills a broker, so the others are over then."""
        threads = [threading.Thread(target=self.play, args=(scene,)) for scene in (backlog, stopped, hidden)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not self.found:
            self.play(leader)

    def finish(self):
        for process in self.processes:
            process.go_on()
            process.kill()
        for child in self.children:
            child.kill()
            child.wait()
        self.brokers.finish()


def main():
    options = options_read(__doc__)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="snag-clock-"))
    stage = Stage(options, folder)
    try:
        stage.brokers.begin()
        stage.play_all()
        for process in stage.processes if stage.found else []:
            print(f"--- {process.name}\n{process.tail()}", file=sys.stderr)
        return 1 if stage.found else 0
    finally:
        stage.finish()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
