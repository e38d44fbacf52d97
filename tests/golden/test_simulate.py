#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The simulated streams: a replay over each finds exactly the labelled friction, nothing more and nothing
less, and the same seed gives the same bytes."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SNAG_SOURCE"])
SNAG = os.environ["SNAG"]
PIPELINES = {"calls": "support-calls", "shop": "shop", "uploads": "uploads"}
faults = []


def simulate(scenario, labels, *options):
    return subprocess.run([SNAG, "simulate", "--scenario", scenario, "--labels", labels, *options],
                          capture_output=True, check=True).stdout


def found(scenario, stream, *options):
    """(customer, rule, time) of every alert."""
    done = subprocess.run([SNAG, "replay", "--only", "alerts", *options,
                           SOURCE / "pipelines" / f"{PIPELINES[scenario]}.yaml"],
                          input=stream, capture_output=True, check=True)
    if b"dead letters 0" not in done.stderr:
        faults.append(f"{scenario}: unreadable events: {done.stderr.decode()}")
    alerts = [json.loads(line) for line in done.stdout.splitlines()]
    return sorted((alert["subject"], alert["data"]["why"]["rule"], alert["time"]) for alert in alerts
                  if alert["type"] == "snag.alert.trigger")


def check(scenario, folder, *options):
    what = " ".join((scenario, *options))
    labels = folder / "labels.jsonl"
    stream = simulate(scenario, labels, *options)
    truth = sorted((label["customer"], label["rule"], label["time"])
                   for label in map(json.loads, labels.read_text(encoding="utf-8").splitlines()))
    lines = stream.splitlines()
    got = found(scenario, stream)
    if got != truth:
        faults.append(f"{what}: not labelled {sorted(set(got) - set(truth))[:3]}, "
                      f"not found {sorted(set(truth) - set(got))[:3]}")
    if len(truth) < 20 or len({rule for _, rule, _ in truth}) < (1 if scenario == "shop" else 3):
        faults.append(f"{what}: only {len(truth)} labels: too few to prove anything")
    if found(scenario, stream, "--partitions", "3") != got:
        faults.append(f"{what}: three partitions find something else")
    if stream != simulate(scenario, labels, *options):
        faults.append(f"{what}: the second time the bytes differ")
    if len(set(lines)) != len(lines):
        faults.append(f"{what}: two events are the same")


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    for seed in ("1", "2", "3"):
        check("calls", folder, "--seed", seed, "--events", "20000")
        check("shop", folder, "--seed", seed, "--events", "20000", "--rate", "4/m", "--customers", "3000")
        check("uploads", folder, "--seed", seed, "--events", "20000", "--rate", "2/m", "--customers", "3000")
    check("calls", folder, "--customers", "40", "--events", "5000", "--rate", "1/m")
    for scenario in PIPELINES:
        for form in ("segment", "cloudevents", "json"):
            for line in simulate(scenario, folder / "none", "--events", "200", "--format", form).splitlines():
                json.loads(line)
for fault in faults:
    print(fault)
sys.exit(1 if faults else 0)
