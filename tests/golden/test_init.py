#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""snag init: what it writes from a sample passes `snag check --sample` on the same sample, and finds what is
there: over shipped events, simulated ones, the shared ones where they are, and made ones with traps."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SNAG_SOURCE"])
SNAG = os.environ["SNAG"]
faults = []


def check(what, got, want):
    if got != want:
        faults.append(f"{what}: got {got!r}, want {want!r}")


def begun(folder, sample, *holds):
    """Writes a pipeline for the sample; every one of `holds` must stand in it."""
    made = subprocess.run([SNAG, "init", "--sample", sample], capture_output=True, check=False)
    text = made.stdout.decode()
    check(f"{sample.name}: exit code", (made.returncode, made.stderr), (0, b""))
    (folder / "made.yaml").write_text(text, encoding="utf-8")
    fits = subprocess.run([SNAG, "check", folder / "made.yaml", "--sample", sample], capture_output=True,
                          check=False)
    if fits.returncode != 0:
        faults.append(f"{sample.name}: what was written does not fit:\n{text}\n{fits.stdout.decode()}"
                      f"{fits.stderr.decode()}")
    for words in holds:
        if words not in text:
            faults.append(f"{sample.name}: {words!r} is not in\n{text}")
    return text


def lines(folder, name, records):
    path = folder / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def times_and_names(folder):
    """Times as replay reads them; names that tell what the values do not, large numbers, the future."""
    for name, stamp in (("texts", lambda i: str(1767607200 + i)), ("parts", lambda i: 1767607200.5 + i)):
        begun(folder, lines(folder, f"{name}.jsonl", [
            {"ts": stamp(i), "kind": "AB"[i % 2], "user": f"u{i % 5}"} for i in range(60)]),
              "time: ts", "customer: user")
    # An account's number looks like a time, and no name says that it is one.
    begun(folder, lines(folder, "number.jsonl", [
        {"at": f"2026-01-05T10:{i:02}:00Z", "type": "AB"[i % 2], "customer": f"{1234567890 + i % 5}"}
        for i in range(60)]), "time: at", "customer: customer")
    begun(folder, lines(folder, "names.jsonl", [
        {"time": 1767607200 + i, "type": f"T{i % 250}", "customer": f"c{i % 7}"} for i in range(600)]),
          "type: type, customer: customer")
    begun(folder, lines(folder, "alone.jsonl", [
        {"time": 1767607200 + i, "type": "AB"[i % 2], "customer": "only"} for i in range(60)]),
          "customer: customer")
    begun(folder, lines(folder, "large.jsonl", [
        {"t": 1767607200 + i, "event": "AB"[i % 2], "user": f"u{i % 5}", "big": 12345678901234567890 + i}
        for i in range(60)]), "big: { from: big, as: double }")
    future = lines(folder, "future.jsonl", [
        {"time": 4070908800 + i, "type": "AB"[i % 2], "customer": f"c{i % 3}"} for i in range(60)])
    made = subprocess.run([SNAG, "init", "--sample", future], capture_output=True, check=False)
    (folder / "made.yaml").write_bytes(made.stdout)
    for word in (b"--now 2099-01-01T00:00:59", b"bad_future"):
        check(f"future: {word.decode()}", word in made.stdout, True)
    for more, code in ((["--now", "2099-01-01T00:00:59Z"], 0), ([], 1)):
        fits = subprocess.run([SNAG, "check", folder / "made.yaml", "--sample", future, *more],
                              capture_output=True, check=False)
        check(f"future {more}: exit code", fits.returncode, code)


def made_up(folder):
    # Names in other places, a name with a dot, an event called like a YAML word, one with a star.
    kinds = ["true", "Call: begun *", "Sign \"up\"", "Sign up", "Failed twice"]
    records = [{"meta": {"event.id": f"e{i}", "When": f"2026-01-05T10:{i % 60:02}:00Z"}, "what": kinds[i % 5],
                "body": {"user_id": i % 7, "type": "x", "amount": i / 2, "Größe": i, "flag": i % 2 == 0}}
               for i in range(60)]
    begun(folder, lines(folder, "odd.jsonl", records), "time: meta.When", "type: what",
          "customer: body.user_id", '"Call: begun *"', "amount: { from: body.amount, as: double }",
          "flag: { from: body.flag, as: bool }", "Failed twice")
    # Out of order, once far.
    late = [{"id": str(i), "time": 1767607200 + i - (40 if i % 3 == 0 else 0), "type": "ab"[i % 2],
             "customer": f"c{i % 5}"} for i in range(300)]
    begun(folder, lines(folder, "late.jsonl", late), "id: id", "out_of_order: 1m")
    times_and_names(folder)
    one = [{"time": 1767607200 + i, "type": "Only", "customer": f"c{i % 5}"} for i in range(30)]
    begun(folder, lines(folder, "one.jsonl", one), "only_often: { event: Only")


def refused(folder):
    for name, text, says in (("empty.jsonl", "", "no JSON object"),
                             ("text.jsonl", "hello\nworld\n", "no JSON"),
                             ("timeless.jsonl", '{"a":1,"b":"x"}\n{"a":2,"b":"y"}\n', "holds a time"),
                             ("nobody.jsonl", "".join(f'{{"t":{1767607200 + i},"e":"{"ab"[i % 2]}"}}\n'
                                                      for i in range(40)), "be the customer")):
        (folder / name).write_text(text, encoding="utf-8")
        done = subprocess.run([SNAG, "init", "--sample", folder / name], capture_output=True, check=False)
        check(f"{name}: exit code", (done.returncode, done.stdout), (2, b""))
        if says not in done.stderr.decode():
            faults.append(f"{name}: {done.stderr.decode()!r} does not say {says!r}")
    done = subprocess.run([SNAG, "init"], capture_output=True, check=False)
    check("without a sample", (done.returncode, b"which sample" in done.stderr), (2, True))


with tempfile.TemporaryDirectory() as temporary:
    here = pathlib.Path(temporary)
    begun(here, SOURCE / "pipelines" / "data" / "shop.jsonl.gz", "customer: session", "time: ts",
          "#         800  clicks", "carts: { event: carts")
    for scenario, holds in (("calls", ("format: segment", "call_queued: { event: Call Queued, due:")),
                            ("shop", ("customer: session",)),
                            ("uploads", ("format: cloudevents", "upload_failed_often:"))):
        events = subprocess.run([SNAG, "simulate", "--scenario", scenario, "--events", "3000"],
                                capture_output=True, check=True).stdout
        (here / f"{scenario}.jsonl").write_bytes(events)
        begun(here, here / f"{scenario}.jsonl", *holds)
    shared = SOURCE.parent / "shared" / "data"
    for name, holds in (("calls", ("format: segment",)), ("expenses", ("payment_handled:",))):
        if (shared / f"{name}.jsonl.gz").exists():
            begun(here, shared / f"{name}.jsonl.gz", *holds)
    made_up(here)
    refused(here)
for fault in faults:
    print(fault)
sys.exit(1 if faults else 0)
