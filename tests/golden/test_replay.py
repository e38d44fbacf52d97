#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""snag replay on input that is bad in every way we know, on pipes, on cut files, on wrong usage.

What cannot be read is told with its reason, place and original bytes, and harms nothing else."""
import base64
import gzip
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SNAG_SOURCE"])
SNAG = os.environ["SNAG"]
SHOP = SOURCE / "pipelines" / "shop.yaml"
LOG = SOURCE / "pipelines" / "data" / "shop.jsonl.gz"
NOW = "2022-09-01T00:00:00Z"
faults = []


def check(what, got, want):
    if got != want:
        faults.append(f"{what}: got {got!r}, want {want!r}")


def snag(*words, stdin=b""):
    return subprocess.run([SNAG, *map(str, words)], input=stdin, capture_output=True, check=False)


def event(**names):
    return json.dumps({"session": "1", "aid": 7, "ts": 1659304800000, "type": "carts"} | names).encode()


# name: (reason, the line). None: a line that is read.
BAD = {
    "good": (None, event(session="a")),
    "cut short": ("bad_truncated", event()[:-20]),
    "not UTF-8": ("bad_utf8", event(session="X").replace(b"X", b"\xc3\x28")),
    "not JSON": ("bad_syntax", b"2026-01-05 10:00:00 INFO nothing here"),
    "an array": ("bad_type", b"[1,2,3]"),
    "customer is an object": ("bad_type", event(session={"id": 1})),
    "time is a word": ("bad_time", event(ts="yesterday")),
    "no time": ("bad_missing", event(ts=None)),
    "no customer": ("bad_missing", event(session=None)),
    "no type": ("bad_missing", event(type=None)),
    "far future": ("bad_future", event(ts=32503680000000)),
    "nested": ("bad_depth", b'{"a":' * 100 + b"1" + b"}" * 100),
    "huge number": ("bad_time", b'{"session":"1","type":"carts","ts":1e999}'),
    "zero bytes": ("bad_syntax", b"\0" * 40),
    "ten megabytes": ("bad_size", event(aid="x" * 10_000_000)),
    "long customer": ("bad_size", event(session="c" * 300)),
    "still good": (None, event(session="b")),
}


def bad_input(folder):
    log = folder / "bad.jsonl"
    log.write_bytes(b"\n".join(line for _, line in BAD.values()) + b"\n")
    done = snag("replay", SHOP, log, "--now", NOW, "--drain", "--dead", folder / "dead.jsonl")
    check("bad input: exit code", done.returncode, 0)
    alerts = [json.loads(line) for line in done.stdout.splitlines()]
    check("bad input: the good ones are judged", sorted(a["subject"] for a in alerts), ["a", "b"])
    letters = [json.loads(line) for line in (folder / "dead.jsonl").read_bytes().splitlines()]
    want = {name: pair for name, pair in BAD.items() if pair[0]}
    check("bad input: letters", len(letters), len(want))
    place = {}
    offset = 0
    for name, (_, line) in BAD.items():
        place[name] = offset
        offset += len(line) + 1
    for (name, (reason, line)), letter in zip(want.items(), letters):
        data = letter["data"]
        check(f"{name}: reason", data["reason"], reason)
        check(f"{name}: offset", data["offset"], place[name])
        check(f"{name}: size", data["size"], len(line))
        bytes_kept = base64.b64decode(data["value"], validate=True)
        whole = min(len(line), 1 << 20)
        check(f"{name}: original bytes", bytes_kept == line[:whole], True)
        check(f"{name}: cut", data.get("truncated", False), len(bytes_kept) < len(line))
        if data.get("truncated"):
            check(f"{name}: sha256", data["sha256"], hashlib.sha256(line).hexdigest())
        if not data["error"]:
            faults.append(f"{name}: no words")
    summary = done.stderr.decode()
    if f"dead letters {len(want)}  " not in summary or "2 bad_utf8" in summary or "1 bad_utf8" not in summary:
        faults.append(f"bad input: the summary does not say how many and why: {summary}")
    once = snag("replay", SHOP, log, "--now", NOW, "--drain", "--quiet").stdout
    for batch in (1, 3, 1000):
        again = snag("replay", SHOP, log, "--now", NOW, "--drain", "--quiet", "--batch", batch).stdout
        check(f"bad input: output at batch {batch}", again == once, True)


def ways_in(folder):
    raw = gzip.decompress(LOG.read_bytes())
    plain = folder / "shop.jsonl"
    plain.write_bytes(raw)
    want = snag("replay", SHOP, LOG, "--quiet").stdout
    check("records", len(want.splitlines()), 10)
    check("plain file", snag("replay", SHOP, plain, "--quiet").stdout == want, True)
    check("standard input", snag("replay", SHOP, "--quiet", stdin=raw).stdout == want, True)
    packed = snag("replay", SHOP, "-", "--quiet", stdin=LOG.read_bytes()).stdout
    check("gzip on standard input", packed == want, True)
    open_end = snag("replay", SHOP, "--quiet", stdin=raw.rstrip()).stdout
    check("without the last line end", open_end == want, True)
    check("Windows line ends", [json.loads(line)["id"] for line in snag(
        "replay", SHOP, "--quiet", stdin=raw.replace(b"\n", b"\r\n")).stdout.splitlines()],
        [json.loads(line)["id"] for line in want.splitlines()])
    lines = raw.splitlines(keepends=True)
    (folder / "a.jsonl").write_bytes(b"".join(lines[:400]))
    (folder / "b.jsonl").write_bytes(b"".join(lines[400:]))
    two = snag("replay", SHOP, folder / "a.jsonl", folder / "b.jsonl", "--quiet").stdout
    check("two files", two == want, True)
    check("nothing at all", snag("replay", SHOP).returncode, 0)
    split = snag("replay", SHOP, LOG, "--quiet", "--partitions", "2").stdout
    check("two partitions", len(split.splitlines()), len(want.splitlines()))


def ways_out():
    check("only dead", snag("replay", SHOP, LOG, "--quiet", "--only", "dead").stdout, b"")
    check("none", snag("replay", SHOP, LOG, "--quiet", "--format", "none").stdout, b"")
    check("quiet", snag("replay", SHOP, LOG, "--quiet").stderr, b"")
    hostile = event(session="\u001b[2Jx\u009b1m\n")
    text = snag("replay", SHOP, "--drain", "--format", "text", "--quiet", stdin=hostile).stdout
    check("text: control characters stay away", [byte for byte in text if byte < 32 and byte != 10], [])
    check("text: nor those of C1", b"\xc2\x9b" in text, False)
    text = snag("replay", SHOP, LOG, "--format", "text").stdout.decode()
    check("text: lines", (text.count("ALERT"), text.count("resolved")), (8, 2))
    with open("/dev/full", "wb") as full:
        done = subprocess.run([SNAG, "replay", SHOP, LOG, "--quiet"], stdout=full, stderr=subprocess.PIPE,
                              check=False)
    check("a full disk is told", (done.returncode, b"output" in done.stderr), (2, True))


def refused(folder):
    cut = folder / "cut.jsonl.gz"
    cut.write_bytes(LOG.read_bytes()[:4000])
    for words, says in (
            (("replay",), "which pipeline"),
            (("replay", SHOP, "--bathc", "7"), "did you mean --batch?"),
            (("replay", SHOP, "--batch", "0"), "from 1"),
            (("replay", SHOP, "--partitions", "0"), "from 1"),
            (("replay", SHOP, "--only", "alert"), "expected alerts"),
            (("replay", SHOP, "--speed", "fast"), "expected 60 or 60x"),
            (("replay", SHOP, "--speed", "0x"), "expected 60 or 60x"),
            (("replay", SHOP, LOG, "--from", "earliest"), "not both"),
            (("replay", SHOP, "--from", "earliest", "--now", "1"), "stamps of their own"),
            (("replay", SHOP, "--format", "xml"), "expected json"),
            (("replay", SHOP, folder / "none.jsonl"), "cannot be read"),
            (("replay", folder / "none.yaml"), "none.yaml"),
            (("replay", SHOP, folder), "directory"),
            (("replay", SHOP, cut), "cut short"),
            (("replya", SHOP), "did you mean replay?"),
            (("simulate", "--scenario", "cals"), "did you mean calls?"),
            (("simulate", "--rate", "fast"), "expected events a second"),
            (("test", SHOP), "which pipeline and cases"),
            ((), "usage")):
        done = snag(*words)
        check(f"{words}: exit code", done.returncode, 2)
        if says not in done.stderr.decode():
            faults.append(f"{words}: {done.stderr.decode()!r} does not say {says!r}")
    for words in (("--help",), ("--version",), ("replay", "--help"), ("test", "--help"),
                  ("simulate", "--help")):
        done = snag(*words)
        check(f"{words}: exit code", done.returncode, 0)
        check(f"{words}: on standard output", (len(done.stdout) > 9, done.stderr), (True, b""))


with tempfile.TemporaryDirectory() as name:
    bad_input(pathlib.Path(name))
    ways_in(pathlib.Path(name))
    ways_out()
    refused(pathlib.Path(name))
for fault in faults:
    print(fault)
sys.exit(1 if faults else 0)
