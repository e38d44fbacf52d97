# SPDX-License-Identifier: Apache-2.0
"""Kafka brokers that are controllers too (KRaft); of three, two are enough for every topic."""
import subprocess

from processes import Failure, Process, free_ports, wait_until

CLUSTER = "c25hZ3NuYWdzbmFnc25hZw"
GROUP_PARTITIONS = 4  # of __consumer_offsets and __transaction_state
JAVA = ["java", "-Xms128m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
PROPERTIES = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/logs-{node}
default.replication.factor={copies}
min.insync.replicas={least}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions={groups}
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={least}
transaction.state.log.num.partitions={groups}
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={least}
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.retention.ms=-1
log.retention.bytes=-1
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
replica.lag.time.max.ms=4000
replica.fetch.wait.max.ms=100
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=8388608
log.cleaner.backoff.ms=3000
log.cleaner.min.cleanable.ratio=0.05
"""


def java_hash(text):
    """String.hashCode: where a group and a transactional id have their coordinator."""
    value = 0
    for letter in text:
        value = (31 * value + ord(letter)) & 0xFFFFFFFF
    return value & 0x7FFFFFFF


class Brokers:
    def __init__(self, folder, library, log_tool, count):
        self.folder = folder
        self.count = count
        self.nodes = range(1, count + 1)
        self.java = JAVA + ["-cp", f"{library}/*"]
        self.tool = log_tool
        self.members = [Process(f"broker-{node}", folder) for node in self.nodes]
        ports = free_ports(2 * count)
        self.address = ",".join(f"127.0.0.1:{port}" for port in ports[:count])
        voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in zip(self.nodes, ports[count:]))
        for node in self.nodes:
            text = PROPERTIES.format(node=node, voters=voters, port=ports[node - 1], folder=folder,
                                     control=ports[count + node - 1], groups=GROUP_PARTITIONS, copies=count,
                                     least=min(count, 2))
            (folder / f"broker-{node}.properties").write_text(text)

    def begin(self):
        for node in self.nodes:
            subprocess.run(self.java + ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c",
                                        self.folder / f"broker-{node}.properties"], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.start(node)
        all_there = [f"brokers {self.count}"]
        wait_until(lambda: self.run("leaders", "none", patience=5) == all_there, 90, "the brokers")

    def start(self, node):
        self.members[node - 1].start(self.java + ["kafka.Kafka", self.folder / f"broker-{node}.properties"])

    def member(self, node):
        return self.members[node - 1]

    def run(self, *words, patience=60):
        """What log_tool says, line by line; None where it failed."""
        command = [str(word) for word in (self.tool, self.address, *words)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=False)
        except subprocess.TimeoutExpired:
            return None
        return done.stdout.splitlines() if done.returncode == 0 else None

    def must(self, *words):
        said = self.run(*words)
        if said is None:
            raise Failure(f"log_tool {' '.join(map(str, words))} failed")
        return said

    def places(self, *topics):
        """{(topic, partition): (leader, copies in sync)}; empty where nobody answers."""
        rows = [line.split() for line in (self.run("leaders", *topics, patience=10) or [])[1:]]
        return {(row[0], int(row[1])): (int(row[2]), int(row[3])) for row in rows}

    def leader(self, topic, partition):
        return self.places(topic).get((topic, partition), (0, 0))[0]

    def coordinator(self, topic, name):
        return self.leader(topic, java_hash(name) % GROUP_PARTITIONS)

    def whole(self, *topics):
        """Every copy of every partition is in sync."""
        places = self.places("__consumer_offsets", "__transaction_state", *topics)
        missing = set(topics) - {topic for topic, _ in places}
        safe = all(leader > 0 and copies == self.count for leader, copies in places.values())
        return bool(places) and not missing and safe

    def finish(self):
        for member in self.members:
            member.kill()
