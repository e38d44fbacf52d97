# SPDX-License-Identifier: Apache-2.0
"""Redis as processes, one server or a cluster of three masters with a replica each, and a small client."""
import socket
import subprocess

from processes import Failure, Process, free_ports, wait_until


class Refused(Exception):
    """Redis answered with an error."""


class Client:
    """One connection; every value is bytes."""

    def __init__(self, port, seconds=5):
        self.socket = socket.create_connection(("127.0.0.1", port), seconds)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def call(self, *words):
        return self.calls([words])[0]

    def calls(self, commands):
        out = b""
        for words in commands:
            words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            out += b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        self.socket.sendall(out)
        answers = [self.read() for _ in commands]
        for answer in answers:
            if isinstance(answer, Refused):
                raise answer
        return answers

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis hung up")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return Refused(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        return None if rest == b"-1" else [self.read() for _ in range(int(rest))]


class Redis:
    def __init__(self, folder, cluster):
        self.folder = folder
        self.cluster = cluster
        count = 6 if cluster else 1
        ports = free_ports(2 * count)
        self.ports, self.buses = ports[:count], ports[count:]
        self.members = [Process(f"redis-{i}", folder) for i in range(count)]
        self.url = f"redis://127.0.0.1:{self.ports[0]}/0"
        if cluster:
            self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def begin(self):
        for i in range(len(self.members)):
            self.start(i)
        wait_until(lambda: all(self.answers(i) for i in range(len(self.members))), 30, "redis-server")
        if not self.cluster:
            return
        subprocess.run(["redis-cli", "--cluster", "create", *(f"127.0.0.1:{port}" for port in self.ports),
                        "--cluster-replicas", "1", "--cluster-yes"], check=True, stdout=subprocess.DEVNULL)
        wait_until(self.whole, 60, "the Redis Cluster")

    def start(self, i):
        place = self.folder / f"redis-data-{i}"
        place.mkdir(exist_ok=True)
        words = ["redis-server", "--port", self.ports[i], "--bind", "127.0.0.1", "--save", "",
                 "--appendonly", "no", "--dir", place]
        if self.cluster:
            words += ["--cluster-enabled", "yes", "--cluster-port", self.buses[i],
                      "--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0",
                      "--cluster-config-file", "nodes.conf"]
        self.members[i].start(words)

    def ask(self, i, *words):
        """One answer of server i; None where it does not answer or refuses."""
        try:
            client = Client(self.ports[i], 2)
            try:
                return client.call(*words)
            finally:
                client.close()
        except (OSError, Refused):
            return None

    def answers(self, i):
        return self.ask(i, "PING") == b"PONG"

    def masters(self):
        return [i for i in range(len(self.members)) if (self.ask(i, "ROLE") or [b""])[0] == b"master"]

    def whole(self):
        """Every server is there, and in a cluster every master has its copy."""
        if not all(self.answers(i) for i in range(len(self.members))):
            return False
        if not self.cluster:
            return True
        roles = [(self.ask(i, "ROLE") or [b"", b"", b"", b""]) for i in range(len(self.members))]
        linked = all(role[0] == b"master" or role[3] == b"connected" for role in roles)
        states = [self.ask(i, "CLUSTER", "INFO") or b"" for i in range(len(self.members))]
        return linked and len(self.masters()) == 3 and all(b"cluster_state:ok" in state for state in states)

    def wipe(self):
        for i in self.masters():
            self.ask(i, "FLUSHALL")

    def cut(self):
        for i in self.masters():
            self.ask(i, "CLIENT", "KILL", "TYPE", "normal")

    def with_key(self, key):
        """A connection to whoever has the key."""
        for i in self.masters():
            client = Client(self.ports[i])
            try:
                client.call("EXISTS", key)
                return client
            except Refused:
                client.close()
        raise Failure("no Redis master has the key")

    def keys(self, prefix):
        found = []
        for i in self.masters():
            found += self.ask(i, "KEYS", f"{prefix}*") or []
        return found

    def hashes(self, prefix):
        """{key: {field: value}} of all hashes whose keys begin so; one hash tag, so one server."""
        keys = self.keys(prefix)
        if not keys:
            return {}
        client = self.with_key(keys[0])
        try:
            rows = client.calls([("HGETALL", key) for key in keys])
        finally:
            client.close()
        return {key: dict(zip(row[::2], row[1::2])) for key, row in zip(keys, rows)}

    def snapshot(self, prefix):
        """The bytes of all keys that begin so, as of one moment."""
        keys = self.keys(prefix)
        if not keys:
            return []
        client = self.with_key(keys[0])
        try:
            texts = client.calls([("MULTI",), *(("DUMP", key) for key in keys), ("EXEC",)])[-1]
        finally:
            client.close()
        return [(key, text) for key, text in zip(keys, texts or []) if text]

    def roll_back(self, prefix, snapshot):
        """What an asynchronous replica that is promoted does: the keys are as they were."""
        client = self.with_key(snapshot[0][0])
        now = self.keys(prefix)
        commands = [("MULTI",), *(("DEL", key) for key in now)]
        commands += [("RESTORE", key, 0, text, "REPLACE") for key, text in snapshot] + [("EXEC",)]
        try:
            client.calls(commands)
        finally:
            client.close()

    def finish(self):
        for member in self.members:
            member.kill()
