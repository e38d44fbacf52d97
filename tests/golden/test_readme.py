#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The README is a test: its files are written, its commands run, its output compared.

- a block behind <!-- file: NAME --> is written to NAME;
- a console block: each line behind "$ " is run, what follows is its output (standard error included);
  "..." in it stands for anything, also for several lines;
- a sh block is not run (it installs, or needs a broker), but its programs and their options must exist.

Everything happens in a temporary folder that sees pipelines/."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SNAG_SOURCE"])
SNAG = pathlib.Path(os.environ["SNAG"])
BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n)?```(\w*)\n(.*?)^```$", re.M | re.S)
faults = []


def pattern(want):
    """The expected text as an expression: "..." is anything."""
    return re.compile(".*?".join(re.escape(part) for part in want.strip().split("...")), re.S)


def console(text, folder):
    ran = 0
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, want = part.partition("\n")
        environment = os.environ | {"PATH": f"{SNAG.parent}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        got = done.stdout.decode().strip()
        if not pattern(want).fullmatch(got):
            faults.append(f"$ {command}\n--- the README says\n{want}--- it prints\n{got[:3000]}")
        ran += 1
    return ran


def shell(text):
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] != "snag":
            if not os.access(SOURCE / words[0], os.X_OK):
                faults.append(f"{words[0]} is not there, or cannot be run")
            continue
        shown = subprocess.run([SNAG, words[1], "--help"], capture_output=True, check=False)
        if shown.returncode != 0:
            faults.append(f"there is no command {words[1]}")
        for word in words[2:]:
            if word.startswith("--") and f"  {word} " not in shown.stdout.decode():
                faults.append(f"snag {words[1]} has no option {word}")


def mentioned(text):
    """Files and commands that the text names."""
    for name in re.findall(r"`((?:pipelines|tests|schemas|docker|include|src)/[\w./-]*)`", text):
        if not (SOURCE / name).exists():
            faults.append(f"{name} is named and is not there")
    known = subprocess.run([SNAG, "--help"], capture_output=True, check=True).stdout.decode()
    for command in sorted(set(re.findall(r"`snag (\w+)", text))):
        if f"\n  {command} " not in known:
            faults.append(f"snag {command} is named and is not there")


ran = 0
readme = (SOURCE / "README.md").read_text(encoding="utf-8")
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    (folder / "pipelines").symlink_to(SOURCE / "pipelines")
    for file, kind, text in BLOCK.findall(readme):
        if file:
            (folder / file).write_text(text, encoding="utf-8")
        elif kind == "console":
            ran += console(text, folder)
        elif kind == "sh":
            shell(text)
mentioned(readme)
mentioned((SOURCE / "CHANGELOG.md").read_text(encoding="utf-8"))
if ran < 7:
    faults.append(f"only {ran} commands were run: the README is not read as it is meant")

demo = subprocess.run([SOURCE / "pipelines" / "demo.sh"], capture_output=True, check=False)
shown = demo.stdout.decode()
if demo.returncode != 0 or shown.count("ALERT") < 20 or "snag.alert.trigger" not in shown:
    faults.append(f"pipelines/demo.sh does not show what it promises: {shown[-500:]}{demo.stderr.decode()}")
for fault in faults:
    print(fault)
sys.exit(1 if faults else 0)
