#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The walls of the house: which room may include which, and no cycles between files.

A room may include what the table grants and, through it, what that grants in turn. An outside library is
granted to a room by the prefix of its headers, and is not passed on: whoever includes it must be named here.

The test checks itself first: a planted include over a wall and a planted cycle must both be found.
"""
import os
import pathlib
import re
import shutil
import sys
import tempfile

# room: (rooms it may include, headers of outside libraries it may include)
ROOMS = {
    "base": ([], []),
    "event": (["base"], []),
    "expr": (["event"], []),
    "journey": (["expr"], []),
    "rules": (["journey"], []),
    "engine": (["rules"], []),
    "config": (["engine"], ["yaml.h"]),
    "codec": (["event", "expr"], ["simdjson.h", "avro.h", "avro/"]),
    "ports": (["event", "codec/codec.h"], []),
    "kafka": (["ports"], ["librdkafka/", "pthread.h", "stdatomic.h"]),
    "redis": (["ports"], ["hiredis/", "openssl/", "pthread.h", "stdatomic.h"]),
    "local": (["ports"], ["zlib.h", "curl/", "pthread.h", "semaphore.h", "stdatomic.h"]),
    "runtime": (["engine", "codec", "ports"], ["pthread.h", "threads.h", "stdatomic.h"]),
    "cli": (["config", "runtime", "kafka", "redis", "local"],
            ["pthread.h", "stdatomic.h", "zlib.h", "curl/"]),
}
CORE = {"base", "event", "expr", "journey", "rules", "engine"}

# C's own headers; the core may use only those that know no clock, no file, no memory.
CORE_SYSTEM = {"assert.h", "ctype.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h", "setjmp.h",
               "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h",
               "string.h", "sanitizer/asan_interface.h"}
# A processor's own instructions: they can also read a clock or roll dice, so one file only may have them.
PROCESSOR = {"base/sha_quick.c": {"cpuid.h", "immintrin.h"}}
OUTSIDE = sorted({prefix for _, grants in ROOMS.values() for prefix in grants})
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def granted(room):
    """Everything a room may include: rooms, and single files such as codec/codec.h."""
    found, todo = {room}, [room]
    while todo:
        for other in ROOMS[todo.pop()][0]:
            if other not in found:
                found.add(other)
                if other in ROOMS:
                    todo.append(other)
    return found


def includes(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def check_file(root, path, allowed):
    name = path.relative_to(root).as_posix()
    room = name.split("/")[0]
    for number, mark, header in includes(path):
        where = f"src/{name}:{number}"
        if mark == '"':
            target = header.split("/")[0]
            if "/" not in header or target not in ROOMS:
                yield f"{where}: \"{header}\" must be written from src/ on, as \"room/file.h\""
            elif not (root / header).is_file():
                yield f"{where}: \"{header}\" does not exist"
            elif target not in allowed and header not in allowed:
                may = ", ".join(sorted(allowed))
                yield f"{where}: room {room} may not include \"{header}\" (it may: {may})"
            continue
        outside = [prefix for prefix in OUTSIDE if header.startswith(prefix)]
        if outside and not any(header.startswith(prefix) for prefix in ROOMS[room][1]):
            yield f"{where}: room {room} may not include <{header}>"
        elif room in CORE and header not in CORE_SYSTEM | PROCESSOR.get(name, set()):
            yield f"{where}: the core may not include <{header}>"


def cycles(root, files):
    """Files that include each other, by way of others too."""
    graph = {path.relative_to(root).as_posix():
             [header for _, mark, header in includes(path) if mark == '"'] for path in files}
    done, path_now = set(), []

    def visit(name):
        if name in path_now:
            yield "src/%s:1: includes itself by way of %s" % (
                name, " -> ".join(path_now[path_now.index(name):] + [name]))
            return
        if name in done or name not in graph:
            return
        path_now.append(name)
        for header in graph[name]:
            yield from visit(header)
        path_now.pop()
        done.add(name)

    for name in sorted(graph):
        yield from visit(name)


def check(source):
    root = source / "src"
    files = sorted(path for path in root.rglob("*") if path.suffix in (".c", ".h", ".cpp"))
    faults = []
    for path in files:
        room = path.relative_to(root).parts[0]
        if room not in ROOMS:
            faults.append(f"src/{path.relative_to(root)}:1: there is no room called {room}")
            continue
        faults += check_file(root, path, granted(room))
    return faults + list(cycles(root, files)), len(files)


def canary(source, name, text, want):
    """A fault planted in a copy must be found."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        shutil.copytree(source / "src", copy / "src")
        for file, content in zip(name, text):
            (copy / "src" / file).parent.mkdir(exist_ok=True)
            (copy / "src" / file).write_text(content)
        faults, _ = check(copy)
        if not any(want in fault for fault in faults):
            return [f"canary: {' '.join(name)} should give \"{want}\" and does not"]
    return []


def main():
    source = pathlib.Path(os.environ.get("SNAG_SOURCE", pathlib.Path(__file__).parents[2]))
    faults = canary(source, ["base/planted.c"], ['#include "event/event.h"\n'],
                    "src/base/planted.c:1: room base may not include")
    faults += canary(source, ["expr/planted.c"], ['\n#include <zlib.h>\n'],
                     "src/expr/planted.c:2: room expr may not include <zlib.h>")
    faults += canary(source, ["rules/planted.c"], ["#include <time.h>\n"],
                     "src/rules/planted.c:1: the core may not include <time.h>")
    faults += canary(source, ["base/planted.c"], ["#include <immintrin.h>\n"],
                     "src/base/planted.c:1: the core may not include <immintrin.h>")
    faults += canary(source, ["redis/planted.c"], ['#include "codec/planted.h"\n'], "does not exist")
    faults += canary(source, ["codec/planted.c"], ['#include "engine/engine.h"\n'], "room codec may not")
    faults += canary(source, ["event/planted1.h", "event/planted2.h"],
                     ['#include "event/planted2.h"\n', '#include "event/planted1.h"\n'],
                     "includes itself by way of")
    found, count = check(source)
    faults += found
    for fault in faults:
        print(fault)
    print(f"{count} files, {len(faults)} faults")
    return 1 if faults or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
