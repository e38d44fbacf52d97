# SPDX-License-Identifier: Apache-2.0
"""Processes of this machine: ports, starting, signals, waiting; every one is ended by its id."""
import os
import signal
import socket
import subprocess
import time


class Failure(Exception):
    """Something kept the chaos from looking."""


class Found(Failure):
    """snag is wrong."""


TAKEN = set()


def free_ports(count):
    """Free ports below the range that the system gives to outgoing connections: a port that is given back
    for a while (a broker restarts) cannot be taken by a client meanwhile."""
    found = []
    start = 11000 + os.getpid() % 900 * 20
    for port in list(range(start, 31000)) + list(range(11000, start)):
        if port in TAKEN:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        TAKEN.add(port)
        if len(found) == count:
            return found
    raise Failure("no free ports")


def wait_until(done, seconds, words, kind=Failure):
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise kind(f"{words}: not within {seconds} s")
        time.sleep(0.1)


class Process:
    """One program that is started again and again; its words go to one log."""

    def __init__(self, name, folder):
        self.name = name
        self.log = folder / f"{name}.log"
        self.child = None

    def start(self, command, env=None):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, env=env)

    def runs(self):
        return self.child is not None and self.child.poll() is None

    def send(self, number):
        if self.runs():
            self.child.send_signal(number)

    def kill(self):
        self.send(signal.SIGKILL)
        self.wait(30)

    def stop(self):
        self.send(signal.SIGSTOP)

    def go_on(self):
        self.send(signal.SIGCONT)

    def end(self):
        self.send(signal.SIGTERM)

    def wait(self, seconds):
        if self.child is None:
            return None
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired as late:
            raise Failure(f"{self.name} did not end within {seconds} s") from late

    def tail(self, lines=8):
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
