# SPDX-License-Identifier: Apache-2.0
"""Python packages of third parties for tests: readers of our formats that we did not write.

    import third_party        # with tests/tools in sys.path
    third_party.need()        # from here on fastavro, cloudevents, yaml … can be imported

need() runs the script again inside a virtual environment that holds requirements.txt; it is made once in
${SNAG_CACHE:-~/.cache/snag}. Where it cannot be made the test is skipped aloud (77), but fails when CI=true.
"""
import fcntl
import hashlib
import os
import pathlib
import subprocess
import sys

REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")


def folder():
    cache = pathlib.Path(os.environ.get("SNAG_CACHE") or pathlib.Path.home() / ".cache" / "snag")
    words = REQUIREMENTS.read_bytes() + sys.version.encode() + sys.base_prefix.encode()
    return cache / ("python-" + hashlib.sha256(words).hexdigest()[:12])


def make(place):
    """Makes the environment, or finds it made; tests run side by side, so under a lock."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{place}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (place / "complete").exists():
            return
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run([place / "bin" / "pip", "-q", "--disable-pip-version-check", "install",
                        "-r", REQUIREMENTS], check=True)
        (place / "complete").touch()


def need():
    if os.environ.get("SNAG_IN_VENV"):
        return
    place = folder()
    try:
        make(place)
    except (subprocess.CalledProcessError, OSError) as fault:
        print(f"SKIPPED: the Python packages of {REQUIREMENTS.name} cannot be had: {fault}", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") else 77)
    os.environ["SNAG_IN_VENV"] = str(place)
    os.execv(place / "bin" / "python", [str(place / "bin" / "python"), *sys.argv])
