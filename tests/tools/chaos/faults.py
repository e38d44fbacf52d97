# SPDX-License-Identifier: Apache-2.0
"""The faults, one small generator each: it does harm, says how long to wait (a number) or until what (a
function), and repairs. While it runs, nobody else harms what it holds.

    @fault("what it takes hold of", "what it is")
    def name(world, rng): …

`rng` is the fault's own, so that the same seed makes the same schedule whatever the machine's mood.
"""
from processes import Found
from world import SESSION_MS, Snag

TABLE = {}  # name: (holds, function, words)
SNAGS = ("ann", "bob", "cid")


def fault(holds, words):
    def enter(function):
        TABLE[function.__name__] = (holds, function, words)
        return function
    return enter


def snag_of(world, name):
    return next(snag for snag in world.snags if snag.name == name)


def back(world):
    return lambda: world.brokers.whole(world.topic)


# --- processes --------------------------------------------------------------------------------------

@fault("snag", "kill -9 of a process, started again at once, soon, or when its partitions are gone")
def kill(world, rng, name):
    snag = snag_of(world, name)
    snag.kill()
    yield rng.choice((0, 2, SESSION_MS / 1000 + 2))
    snag.start()


@fault("snag", "kill -9 of a process, and again while it takes over")
def kill_twice(world, rng, name):
    snag = snag_of(world, name)
    for _ in range(2):
        snag.kill()
        snag.start()
        yield rng.uniform(0.3, 2)
    snag.kill()
    snag.start()


@fault("snag", "SIGSTOP of a process beyond the session timeout: it does not know that it was replaced")
def freeze(world, rng, name):
    snag = snag_of(world, name)
    snag.process.stop()
    yield rng.choice((SESSION_MS / 1000 + 2, SESSION_MS / 1000 + 6))
    snag.process.go_on()
    yield 1


@fault("snag", "SIGSTOP of a process for a moment")
def blink(world, rng, name):
    snag = snag_of(world, name)
    for _ in range(3):
        snag.process.stop()
        yield rng.uniform(0.2, 2)
        snag.process.go_on()
        yield rng.uniform(0.1, 0.5)


@fault("snag", "SIGTERM: drains and ends with 0; started again")
def restart(world, rng, name):
    snag = snag_of(world, name)
    snag.leave()
    yield lambda: not snag.process.runs()
    if snag.process.child.returncode != 0:
        raise Found(f"{name} ended its drain with {snag.process.child.returncode}: {snag.process.tail(2)}")
    yield rng.choice((0, 3))
    snag.start()


@fault("snag", "a second process with the same name: one must end with 3, the other goes on")
def twins(world, rng, name):
    first = snag_of(world, name)
    second = Snag(world, name, first.workers)
    second.starts = first.starts
    second.process.name += "-twin"
    second.process.log = world.folder / f"{second.process.name}-{first.starts}.log"
    first.wanted = False
    second.start()
    second.wanted = False
    yield lambda: not (first.process.runs() and second.process.runs())
    yield 3
    left = [snag for snag in (first, second) if snag.process.runs()]
    gone = [snag for snag in (first, second) if not snag.process.runs()]
    codes = [snag.process.child.returncode for snag in gone]
    said = "\n".join(snag.process.tail(2) for snag in gone)
    if codes not in ([3], [3, 3]) or said.count("fenced twice") < len(gone):
        raise Found(f"of two processes named {name} {len(left)} went on, exit codes {codes}: {said}")
    first.rival = True  # where a takeover takes long, each may be fenced twice, the other one a little later
    first.process, first.starts, first.wanted = (left or [first])[0].process, first.starts + 1, True


@fault("guest", "a new process joins, and leaves: in peace or by kill -9")
def visit(world, rng, name):
    guest = Snag(world, "dan", 2)
    world.snags.append(guest)
    guest.start()
    yield rng.uniform(3, 8)
    if rng.random() < 0.5:
        guest.kill()
    else:
        guest.leave()
        yield lambda: not guest.process.runs()
    world.snags.remove(guest)


@fault("everybody", "kill -9 of all processes at once")
def kill_all(world, rng, name):
    for snag in world.snags:
        snag.kill()
    yield rng.choice((0, SESSION_MS / 1000 + 1))
    for snag in world.snags:
        snag.start()


# --- brokers ----------------------------------------------------------------------------------------

def broker_kill(world, rng, node):
    if node > 0:
        member = world.brokers.member(node)
        member.kill()
        yield rng.uniform(2, 7)
        world.brokers.start(node)
        yield back(world)


def target(world, rng):
    """One of the leaders that matter to a random partition."""
    partition = rng.randrange(world.partitions)
    topic = rng.choice((world.topic, f"{world.name}.changelog", f"{world.name}.alerts"))
    return world.brokers.leader(topic, partition)


@fault("brokers", "kill -9 of a partition's leader: of the input, the changelog or the alerts")
def leader_kill(world, rng, name):
    yield from broker_kill(world, rng, target(world, rng))


@fault("brokers", "kill -9 of the group's coordinator")
def group_kill(world, rng, name):
    yield from broker_kill(world, rng, world.brokers.coordinator("__consumer_offsets", world.name))


@fault("brokers", "kill -9 of a worker's transaction coordinator")
def transactions_kill(world, rng, name):
    snag = snag_of(world, rng.choice(SNAGS))
    node = world.brokers.coordinator("__transaction_state", snag.transactional_id())
    yield from broker_kill(world, rng, node)


@fault("brokers", "SIGSTOP of a leader until another one is elected, then SIGCONT: it does not know")
def leader_freeze(world, rng, name):
    node = target(world, rng)
    if node > 0:
        world.brokers.member(node).stop()
        yield rng.choice((1.5, 8))
        world.brokers.member(node).go_on()
        yield back(world)


@fault("brokers", "every broker is stopped and started, one after the other")
def rolling(world, rng, name):
    for node in world.brokers.nodes:
        world.brokers.member(node).end()
        yield lambda member=world.brokers.member(node): not member.runs()
        world.brokers.start(node)
        yield back(world)


@fault("snag brokers", "kill -9 of a process and of a changelog's leader: a takeover without it")
def orphan(world, rng, name):
    snag = snag_of(world, name)
    snag.kill()
    node = world.brokers.leader(f"{world.name}.changelog", rng.randrange(world.partitions))
    if node > 0:
        world.brokers.member(node).kill()
    snag.start()
    yield rng.uniform(2, 6)
    if node > 0:
        world.brokers.start(node)
        yield back(world)


# --- Redis ------------------------------------------------------------------------------------------

@fault("redis", "kill -9 of a Redis master; a replica takes its place, without one it comes back empty")
def redis_kill(world, rng, name):
    masters = world.redis.masters()
    member = rng.choice(masters) if masters else 0
    world.redis.members[member].kill()
    yield rng.choice((0.5, 6))
    world.redis.start(member)
    yield world.redis.whole


@fault("redis", "every Redis master is wiped")
def redis_wipe(world, rng, name):
    world.redis.wipe()
    yield 0.5


@fault("redis", "Redis does not answer for a while")
def redis_freeze(world, rng, name):
    masters = world.redis.masters()
    some = masters if rng.random() < 0.5 else masters[:1]
    for member in some:
        world.redis.members[member].stop()
    yield rng.choice((1, 7))
    for member in some:
        world.redis.members[member].go_on()
    yield world.redis.whole


@fault("redis", "every connection to Redis is cut")
def redis_cut(world, rng, name):
    for _ in range(3):
        world.redis.cut()
        yield rng.uniform(0.1, 0.6)


@fault("redis", "a partition's copy in Redis goes back to what it was some seconds ago")
def redis_roll_back(world, rng, name):
    prefix = world.keys(rng.randrange(world.partitions))
    before = world.redis.snapshot(prefix)
    yield rng.uniform(1, 4)
    if before:
        world.redis.roll_back(prefix, before)
