# SPDX-License-Identifier: Apache-2.0
"""What must be true at the end, whatever happened: the output is the replay's, record for record and in its
order, and Redis holds what the changelog says."""
import collections
import json
import struct
import subprocess
import time

from processes import Failure, Found, wait_until

KINDS = {"alerts": "snag.alert", "journeys": "snag.journey", "decisions": "snag.decision"}
HEAD = b"}:m"  # so ends the key of a partition's head in Redis


def normal(text):
    """A record without what may differ between two runs (records.md)."""
    record = json.loads(text)
    snag = record["data"].get("snag", {})
    snag.pop("detected_at", None)
    for entry in snag.get("evidence", []) + record["data"].get("evidence", []):
        for name in ("topic", "partition", "offset"):
            entry.pop(name, None)
    return record


def ours(record):
    return not record["subject"].startswith("sentinel-")


def rows(lines):
    """(partition, offset, key, value) of what log_tool dumped."""
    for line in lines:
        partition, offset, _, key, value = line.split(" ")
        yield (int(partition), int(offset), None if key == "-" else bytes.fromhex(key),
               None if value == "-" else bytes.fromhex(value))


def dump(world, topic):
    found = collections.defaultdict(list)
    for partition, _, key, value in rows(world.brokers.must("dump", topic)):
        found[partition].append((key, value))
    return found


# --- output -----------------------------------------------------------------------------------------

def late_of(lines, path):
    """What a replay says of late events names the place in the file; the topic gets the record's bytes."""
    text = path.read_bytes()
    places = [json.loads(line)["data"]["offset"] for line in lines]
    return [text[place:text.index(b"\n", place)] for place in places]


def replay(world, partition, records):
    """Each partition is judged by itself, as its worker does."""
    path = world.folder / f"{world.name}-input-{partition}.jsonl"
    path.write_bytes(b"".join(value + b"\n" for _, value in records))
    only = ",".join([*KINDS, "late"])
    done = subprocess.run([world.snag, "replay", world.pipeline, path, "--format", "json", "--only", only,
                           "--quiet"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"replay: {done.stderr}")
    late = [line for line in done.stdout.splitlines() if '"type":"snag.late"' in line]
    said = [normal(line) for line in done.stdout.splitlines() if '"type":"snag.late"' not in line]
    found = {topic: [record for record in said if record["type"].startswith(kind) and ours(record)]
             for topic, kind in KINDS.items()}
    return {**found, "late": late_of(late, path)}


def first_difference(expected, seen):
    for at, (left, right) in enumerate(zip(expected, seen)):
        if left != right:
            return at
    return min(len(expected), len(seen))


def counted(records):
    return collections.Counter(json.dumps(record, sort_keys=True) for record in records)


def tell_apart(world, words, expected, seen):
    """The difference, and both lists in files."""
    for name, records in (("expected", expected), ("seen", seen)):
        path = world.folder / f"{world.name}-{words.replace(' ', '-')}.{name}"
        path.write_text("".join(json.dumps(record, sort_keys=True) + "\n" for record in records))
    lost, extra = counted(expected) - counted(seen), counted(seen) - counted(expected)
    at = first_difference(expected, seen)
    parts = [f"{words}: {sum(lost.values())} lost, {sum(extra.values())} extra, first difference at {at}"]
    for word, some in (("lost", lost), ("extra", extra)):
        parts += [f"  {word}: {count} x {text[:300]}" for text, count in list(some.items())[:2]]
    return "\n".join(parts)


def check_outputs(world):
    faults, total = [], collections.Counter()
    inputs = dump(world, world.topic)
    expected = {p: replay(world, p, inputs[p]) for p in range(world.partitions)}
    for topic in KINDS:
        seen = dump(world, f"{world.name}.{topic}")
        ids, wanted = collections.Counter(), collections.Counter()
        for p in range(world.partitions):
            said = [record for record in (normal(value) for _, value in seen[p]) if ours(record)]
            ids.update(record["id"] for record in said)
            wanted.update(record["id"] for record in expected[p][topic])
            total[topic] += len(said)
            if said != expected[p][topic]:
                faults.append(tell_apart(world, f"{topic} {p}", expected[p][topic], said))
        # An upstream producer that sends a call twice, far apart, makes a replay say it twice too.
        double = [name for name, count in ids.items() if count > max(1, wanted[name])]
        if double:
            faults.append(f"{topic}: {len(double)} ids twice, {double[0]} among them")
    faults += check_late(world, expected, total)
    faults += check_dead(world, inputs)
    if total["alerts"] == 0 or total["journeys"] == 0:
        faults.append("nothing was said at all")
    return faults, total


def check_late(world, expected, total):
    faults, seen = [], dump(world, f"{world.name}.late")
    for p in range(world.partitions):
        said, wanted = [value for _, value in seen[p]], expected[p]["late"]
        total["late"] += len(said)
        if said != wanted:
            lost = collections.Counter(wanted) - collections.Counter(said)
            extra = collections.Counter(said) - collections.Counter(wanted)
            faults.append(f"late {p}: {sum(lost.values())} lost, {sum(extra.values())} extra, "
                          f"first difference at {first_difference(wanted, said)}")
    return faults


def check_dead(world, inputs):
    sent = collections.Counter(value for records in inputs.values() for _, value in records
                               if value.startswith(b"rubbish"))
    seen = collections.Counter(value for records in dump(world, f"{world.name}.dead-letter").values()
                               for _, value in records)
    if sent == seen:
        return []
    return [f"dead letters: {sum((sent - seen).values())} lost, {sum((seen - sent).values())} extra"]


# --- state ------------------------------------------------------------------------------------------

def heads_of(records):
    """The last head and the live cells of one partition of the changelog."""
    head, cells = None, {}
    for key, value in records:
        if key[:1] != b"c":  # the head, and the words of rules
            head = value if key == b"h" else head
        elif value:
            cells[key[1:]] = value
        else:
            cells.pop(key[1:], None)
    return head, cells


def head_read(head):
    """SNAGHEAD version:u16 partitions:u32 pipeline:u32 n:i64 C N incarnation[16] … (runtime/head.h)."""
    n, _, following = struct.unpack_from("<qqq", head, 18)
    return n, following, head[42:58].hex()


def check_partition(world, partition, records):
    head, cells = heads_of(records)
    if head is None:
        return f"state {partition}: the changelog has no head"
    n, _, incarnation = head_read(head)
    hashes = world.redis.hashes(world.keys(partition))
    stored = next((row for key, row in hashes.items() if key.endswith(HEAD)), None)
    if stored is None:
        return f"state {partition}: Redis has no head, the changelog has n={n}"
    found = {}
    for key, row in hashes.items():
        if not key.endswith(HEAD):
            found.update(row)
    told = (int(stored[b"n"]), stored[b"i"].decode(), int(stored[b"k"]), int(stored[b"t"]), int(stored[b"c"]))
    if told != (n, incarnation, 0, 0, len(cells)):
        return (f"state {partition}: Redis says n, i, step, token, cells = {told}, "
                f"the changelog {n}, {incarnation}, {len(cells)} cells")
    if found != cells:
        wrong = [key for key in found.keys() | cells.keys() if found.get(key) != cells.get(key)]
        return f"state {partition}: {len(wrong)} of {len(cells)} cells differ, {wrong[0]!r} among them"
    return ""


def check_state(world):
    changelog = dump(world, f"{world.name}.changelog")
    faults = [check_partition(world, p, changelog[p]) for p in range(world.partitions)]
    return [fault for fault in faults if fault]


def settled(world):
    """A copy that was behind is mended when there is time for it."""
    try:
        return not check_state(world)
    except (OSError, Failure):
        return False


# --- the end ----------------------------------------------------------------------------------------

def everything_read(world):
    """A function: has the state of every partition seen every record of the input? (The group's offsets need
    not be at the end: they stay at what waits to be put in order.)"""
    ends = {row[0]: row[1] + 1 for row in rows(world.brokers.must("dump", world.topic))}

    def read():
        world.supervise()
        changelog = dump(world, f"{world.name}.changelog")
        heads = {p: heads_of(changelog[p])[0] for p in ends}
        return all(head is not None and head_read(head)[1] == ends[p] for p, head in heads.items())
    return read


def drain(world, seconds=120):
    """Everything read, copies mended, processes ended; then nothing moves any more."""
    world.feed.finish(seconds)
    world.supervise()
    wait_until(everything_read(world), seconds, f"the rest of {world.topic} to be read", Found)
    end = time.monotonic() + 180
    while not settled(world) and time.monotonic() < end:
        world.supervise()
        time.sleep(1)
    for snag in world.snags:
        snag.leave()
    for snag in world.snags:
        if snag.process.child and snag.process.wait(180) != 0:
            raise Found(f"{snag.name} ended its drain with {snag.process.child.returncode}")


def check(world):
    """Drains, then returns what was said in all; raises Found with every difference. The markers of the last
    transactions may come a moment later, so it looks more than once before it complains."""
    drain(world)
    for left in (2, 1, 0):
        faults, total = check_outputs(world)
        faults += check_state(world)
        if faults and left == 0:
            raise Found("\n".join(faults))
        if not faults:
            break
        time.sleep(3)
    return total
