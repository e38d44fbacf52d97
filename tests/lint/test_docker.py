#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docker/ without docker: every path and package it names exists, the compose file's references lead
somewhere, the image holds the libraries the program needs, and hadolint finds nothing.

The checks are tested with planted faults first.
"""
import fnmatch
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("SNAG_SOURCE", pathlib.Path(__file__).parents[2])).resolve()
sys.path.insert(0, str(SOURCE / "tests" / "tools"))
import third_party  # noqa: E402

third_party.need()
import yaml  # noqa: E402

DOCKERFILE = SOURCE / "docker" / "Dockerfile"
COMPOSE = SOURCE / "docker" / "compose.yaml"
# What every Debian has, however slim.
ALWAYS_THERE = {"libc6", "libgcc-s1"}


def run(*words):
    return subprocess.run(words, text=True, capture_output=True, check=False)


def instructions(text):
    """(line, instruction, rest) with continued lines joined; comments left out."""
    start, joined = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not joined and (not line.strip() or line.lstrip().startswith("#")):
            continue
        start = start or number
        joined += line.rstrip("\\") if line.endswith("\\") else line
        if not line.endswith("\\"):
            word, _, rest = joined.strip().partition(" ")
            yield start, word.upper(), rest
            start, joined = 0, ""


def ignored(path):
    """Whether Dockerfile.dockerignore keeps a path of the project from the builder."""
    out = False
    for line in (SOURCE / "docker" / "Dockerfile.dockerignore").read_text().splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        pattern = line.lstrip("!").rstrip("/")
        if fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(path.split("/")[0], pattern):
            out = not line.startswith("!")
    return out


def check_copy(line, words, stages):
    origin = [word.split("=", 1)[1] for word in words if word.startswith("--from=")]
    paths = [word for word in words if not word.startswith("--")]
    if origin:
        if origin[0] not in stages:
            yield f"docker/Dockerfile:{line}: there is no stage {origin[0]}"
        return
    for path in paths[:-1]:
        if not (SOURCE / path).exists():
            yield f"docker/Dockerfile:{line}: {path} does not exist"
        elif path != "." and ignored(path):
            yield f"docker/Dockerfile:{line}: {path} is kept out by Dockerfile.dockerignore"


def check_dockerfile(text):
    stages, packages, faults, user = [], {}, [], ""
    for line, word, rest in instructions(text):
        words = shlex.split(rest)
        if word == "FROM":
            stages.append(words[2] if len(words) > 2 else words[0])
            user = "0" if words[0] not in stages else user
            packages[stages[-1]] = set()
        elif word == "COPY":
            faults += check_copy(line, words, stages)
        elif word == "USER":
            user = rest
        elif word == "RUN":
            for install in re.findall(r"apt-get install ([^&|;]*)", rest):
                packages[stages[-1]] |= {name for name in install.split() if not name.startswith("-")}
            script = words[0]
            if "/" in script and not script.startswith("/") and not os.access(SOURCE / script, os.X_OK):
                faults.append(f"docker/Dockerfile:{line}: {script} cannot be run")
    if user.split(":")[0] in ("", "0", "root"):
        faults.append("docker/Dockerfile: the last stage runs as root")
    return faults, packages, stages


def have_lists():
    """apt-cache words that know packages; the machine's own lists, or fetched ones."""
    if run("apt-cache", "show", "zlib1g").stdout:
        return ["apt-cache"]
    folder = tempfile.mkdtemp()
    options = ["-o", f"Dir::State::lists={folder}", "-o", f"Dir::Cache={folder}"]
    run("apt-get", "-qq", *options, "update")
    return ["apt-cache", *options]


def check_packages(names):
    if run("sh", "-c", "command -v apt-cache").returncode != 0:
        print("no apt-cache here: package names are not checked")
        return
    known = run(*have_lists(), "show", "--no-all-versions", *sorted(names)).stdout
    for name in sorted(names):
        if f"Package: {name}\n" not in known:
            yield f"docker/Dockerfile: Debian has no package {name}"


def check_libraries(program, installed):
    """The packages of the program's libraries are those that the image installs."""
    direct = re.findall(r"\(NEEDED\).*\[(.+?)\]", run("readelf", "-d", program).stdout)
    places = dict(re.findall(r"(\S+) => (\S+)", run("ldd", program).stdout))
    for library in direct:
        place = places.get(library)
        if not place:
            continue
        owner = run("dpkg", "-S", os.path.realpath(place)).stdout or run("dpkg", "-S", place).stdout
        package = owner.split(":")[0]
        if package and package not in ALWAYS_THERE and package not in installed:
            yield f"docker/Dockerfile: the program needs {library}, of {package}, which is not installed"


def check_service(name, service, compose, stages):
    for other in service.get("depends_on", []):
        if other not in compose["services"]:
            yield f"{name} depends on {other}, which is no service"
            continue
        condition = service["depends_on"][other]["condition"]
        if condition == "service_healthy" and "healthcheck" not in compose["services"][other]:
            yield f"{name} waits until {other} is healthy, but nothing tells"
    if "build" in service:
        build = service["build"]
        context = (COMPOSE.parent / build["context"]).resolve()
        if context != SOURCE or not (context / build["dockerfile"]).is_file():
            yield f"{name} is built from {build['context']}/{build['dockerfile']}, which does not exist"
        if build["target"] not in stages:
            yield f"{name} is built up to {build['target']}, which is no stage"
    elif ":" not in service.get("image", ""):
        yield f"{name} has an image without a version"
    for volume in service.get("volumes", []):
        origin = volume.split(":")[0]
        if not origin.startswith((".", "/")) and origin not in compose.get("volumes", {}):
            yield f"{name} uses volume {origin}, which is not declared"


def check_words(name, service, compose):
    words = [str(word) for word in service.get("command", [])]
    words += [str(word) for word in service.get("environment", {}).values()]
    for path in re.findall(r"/pipelines/[\w.-]+", " ".join(words)):
        if not (SOURCE / path.lstrip("/")).is_file():
            yield f"{name} names {path}, which does not exist"
    for host, _ in re.findall(r"(?:^|//|@)([a-z-]+):(\d{4,5})\b", "\n".join(words)):
        if host not in compose["services"]:
            yield f"{name} names the host {host}, which is no service"
    tools = re.findall(r"^\S+", words[0])[0] if words else ""
    if service.get("image") == "snag" and tools not in ("run", "topics", "check", "replay"):
        yield f"{name} runs `snag {tools}`"


def check_compose(text, stages):
    compose = yaml.safe_load(text)
    faults = []
    for name, service in compose["services"].items():
        faults += check_service(name, service, compose, stages)
        faults += check_words(name, service, compose)
    return [f"docker/compose.yaml: {fault}" for fault in faults]


def topics_are_the_pipelines():
    """Topic names in commands are the source's topic, or the pipeline's prefix and a record's name."""
    text = COMPOSE.read_text()
    pipeline = yaml.safe_load((SOURCE / re.search(r"PIPELINE: /(\S+)", text).group(1)).read_text())
    prefix = pipeline.get("outputs", {}).get("prefix", pipeline["pipeline"] + ".")
    known = {source["topic"] for source in pipeline["sources"].values()}
    known |= {prefix + word for word in ("alerts", "journeys", "decisions", "late", "dead-letter")}
    for topic in re.findall(r"-t (\S+)", text):
        if topic not in known:
            yield f"docker/compose.yaml: topic {topic} is not one of {', '.join(sorted(known))}"


def lint():
    found = run("hadolint", str(DOCKERFILE), "--ignore", "DL3008")  # Debian's versions are fixed enough
    return [line for line in (found.stdout + found.stderr).splitlines() if line]


def canaries(docker, compose):
    stages = check_dockerfile(docker)[2]
    planted = [
        (check_dockerfile(docker.replace("COPY pipelines", "COPY nowhere"))[0], "nowhere does not exist"),
        (check_dockerfile(docker.replace("--from=build", "--from=bild"))[0], "no stage bild"),
        (check_dockerfile(docker.replace("USER 10001:10001", "USER root"))[0], "runs as root"),
        (list(check_packages({"librdkafka99"})), "no package librdkafka99"),
        (check_compose(compose.replace("topics: {", "topicz: {"), stages), "topicz, which is no service"),
        (check_compose(compose.replace("target: producer", "target: x"), stages), "which is no stage"),
        (check_compose(compose.replace("/support-calls", "/calls"), stages), "which does not exist"),
        (check_compose(compose.replace("//redis:", "//reddis:"), stages), "reddis, which is no service"),
    ]
    for faults, want in planted:
        if not any(want in fault for fault in faults):
            yield f"canary: \"{want}\" is not found"


def main():
    os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    docker, compose = DOCKERFILE.read_text(), COMPOSE.read_text()
    faults, packages, stages = check_dockerfile(docker)
    faults += canaries(docker, compose)
    faults += check_packages(set().union(*packages.values()))
    program = os.environ.get("SNAG", "")
    if os.path.isfile(program):
        faults += check_libraries(program, packages["base"])
    faults += check_compose(compose, stages)
    faults += topics_are_the_pipelines()
    faults += lint()
    for fault in faults:
        print(fault)
    print(f"{len(stages)} stages, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
