# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""The store: clients that use it badly, and a member that lies to its replicas."""

import importlib
import random
import time

from insiders import statements
from registry import attack
from wire import INITIAL_WINDOW_SIZE, STORE, field, head, message

PEER = "/chord.v1.StorePeerService/"
MIB = 1 << 20
# A term, or a number of an epoch, that no store reaches.
FAR = 2**50


def store():
    return importlib.import_module("chord.v1.store_pb2")


def peer():
    return importlib.import_module("chord.v1.store_peer_pb2")


def pipeline(attacker, requests, depth=200, count=50, **options):
    """Complete calls, of which at most `depth` are unanswered."""
    for connection in attacker.connections(**options):
        while attacker.running():
            frames = b"".join(connection.begin(block, message(body)) for block, body in requests(count))
            if not connection.send(frames):
                break
            attacker.note("sent", count)
            end = time.monotonic() + 10
            while len(connection.open) > depth and time.monotonic() < end and not connection.is_closed:
                connection.take_in(0.5)
            connection.take_in()
            attacker.tally.update(connection.outcomes)
            connection.outcomes.clear()


def put(key, value, partition=b"attack", **more):
    return store().PutRequest(partition=partition, key=key, value=value, **more).SerializeToString()


@attack("hot-key", "store", "client", ["status 0"], good="get", memory=256)
def hot_key(attacker):
    """One key is written and read without pause."""
    write, read = head(STORE + "Put"), head(STORE + "Get")
    get = field(2, b"attack") + field(3, b"hot")
    pipeline(attacker, lambda count: [(write, put(b"hot", bytes(100))), (read, get)] * (count // 2))


@attack("small-keys", "store", "client", ["status 0"], good="get", memory=320)
def small_keys(attacker):
    """As many small keys as there is time for, each another one."""
    block, numbers = head(STORE + "Put"), iter(range(10**9))
    choose = random.Random().getrandbits(32)
    pipeline(attacker, lambda count: [(block, put(b"%x-%d" % (choose, next(numbers)), b"v")) for _ in range(count)])


@attack("many-partitions", "store", "client", ["status 0"], good="get", memory=320)
def many_partitions(attacker):
    """Small keys all over the circle."""
    block, numbers = head(STORE + "Put"), iter(range(10**9))
    choose = random.Random().getrandbits(32)

    def requests(count):
        return [(block, put(b"k", b"v", b"%x-%d" % (choose, next(numbers)))) for _ in range(count)]

    pipeline(attacker, requests)


@attack("largest-values", "store", "client", ["status 0|status 8"], good="get", memory=480)
def largest_values(attacker):
    """Values of 1 MiB, ten of them over and over."""
    block, values = head(STORE + "Put"), [put(b"large%d" % index, bytes(MIB), b"large") for index in range(10)]
    pipeline(attacker, lambda count: [(block, values[index % 10]) for index in range(count)], depth=4, count=2)


@attack("too-large-values", "store", "client", ["status 3|status 8"], good="get", memory=320, forbidden=["status 0"])
def too_large_values(attacker):
    """Values of 2 MiB, which the store does not take."""
    value = put(b"too large", bytes(2 * MIB), b"large")
    pipeline(attacker, lambda count: [(head(STORE + "Put"), value)] * count, depth=4, count=2)


@attack("store-watches", "store", "client", ["status 8|watched"], good="get", memory=320)
def store_watches(attacker):
    """As many watches of one partition as a client gets, and writes into it."""
    watch, write = head(STORE + "Watch"), head(STORE + "Put")
    request = store().StoreWatchRequest(partition=b"watched").SerializeToString()
    connections = [connection for _ in range(4) if (connection := attacker.connect())]
    for connection in connections:
        connection.send(b"".join(connection.begin(watch, message(request)) for _ in range(900)))
        attacker.note("watched", 900)
    while attacker.running():
        connections[0].send(connections[0].begin(write, message(put(b"k", bytes(1000), b"watched"))))
        for connection in connections:
            connection.take_in(0.01)
            attacker.tally.update(connection.outcomes)
            connection.outcomes.clear()
    for connection in connections:
        attacker.end(connection)


@attack("unread-watches", "store", "client", ["sent"], good="get", memory=400)
def unread_watches(attacker):
    """Watches whose windows stay closed, and large values written into what they watch."""
    watch, write = head(STORE + "Watch"), head(STORE + "Put")
    request = store().StoreWatchRequest(partition=b"unread").SerializeToString()
    reader = attacker.connect(entries=[(INITIAL_WINDOW_SIZE, 0)])
    reader.send(b"".join(reader.begin(watch, message(request)) for _ in range(300)))
    value, count = put(b"k", bytes(100_000), b"unread"), 0
    for connection in attacker.connections():
        while attacker.running() and connection.send(connection.begin(write, message(value))):
            count += 1
            attacker.note("sent")
            while len(connection.open) > 8 and not connection.is_closed and attacker.running():
                connection.take_in(0.2)
            reader.take_in()
    attacker.end(reader)


@attack("lists", "store", "client", ["status 0"], good="get", memory=480, prepares=True)
def lists(attacker):
    """A partition with three thousand keys is listed whole, again and again."""
    write, read, names = head(STORE + "Put"), head(STORE + "List"), 200 if attacker.is_short else 3_000
    for connection in attacker.connections():
        if attacker.tally["filled"]:
            break
        for first in range(0, names, 100):
            puts = [put(b"k%d" % (first + index), bytes(100), b"listed") for index in range(100)]
            connection.send(b"".join(connection.begin(write, message(body)) for body in puts))
            while len(connection.open) > 100 and connection.take_in(2):
                pass
        while connection.open and connection.take_in(2):
            pass
        attacker.note("filled")
        break
    request = store().ListRequest(partition=b"listed", limit=10_000).SerializeToString()
    attacker.ready()
    pipeline(attacker, lambda count: [(read, request)] * count, 8, 4, entries=[(INITIAL_WINDOW_SIZE, 0x7FFFFFFF)])


@attack("scans", "store", "client", ["status 7"], forbidden=["status 0"], good="get")
def scans(attacker):
    """Scans of the whole store, which only administrators may do."""
    pipeline(attacker, lambda count: [(head(STORE + "Scan"), field(2, 10_000))] * count)


@attack("stale-epochs", "store", "client", ["status 0|status 9|status 14"], good="get", memory=256)
def stale_epochs(attacker):
    """Calls with epochs that are over, that will never be, and of ranges that do not exist."""
    messages = store()
    ranges = [each.range.range for reply in stores(attacker) for each in reply.ranges] + [bytes(16), b"r" * 16]
    routes = [
        messages.CallRoute(
            range=range, redirect=True, epoch=messages.RangeEpoch(configuration=epoch, bounds=epoch)
        )
        for range in ranges
        for epoch in (1, FAR)
    ]
    requests = [(head(STORE + "Put"), put(b"k", b"v", route=route)) for route in routes]
    requests += [
        (head(STORE + "Get"), messages.GetRequest(partition=b"a", keys=[b"k"], route=route).SerializeToString())
        for route in routes
    ]
    choose = random.Random(5)
    pipeline(attacker, lambda count: choose.choices(requests, k=count))


def stores(attacker):
    return [store().StoreStatusReply.FromString(each) for each in attacker.stores]


# A member that is no replica of these ranges.


def terms_are_kept(target):
    """No range has taken a term, an epoch or a leader from the attacker; the store serves everybody."""
    problems = []
    end = time.monotonic() + (0.5 if target.is_short else 3)
    while time.monotonic() < end:
        time.sleep(0.1)
    for each in target.ranges():
        if each.term >= FAR or each.range.epoch.configuration >= FAR or each.range.epoch.bounds >= FAR:
            problems.append(f"range {each.range.range.hex()} is at term {each.term}, epoch {each.range.epoch}")
        if any(replica.node == "mallory" for replica in each.range.replicas):
            problems.append(f"range {each.range.range.hex()} names the attacker as a replica")
    if problem := target.store_problem():
        problems.append(problem)
    return problems


def headers(attacker, disks):
    """Headers of calls between stores: with the attacker's own disk, and with those of others."""
    first = stores(attacker)[0]
    return [
        peer().PeerHeader(version=1, store=first.store, from_disk=disk, to_disk=first.disk, starts=FAR, heartbeats=True)
        for disk in disks
    ]


def forged(attacker, fields):
    """Raft calls for each range of the attacked node, in the name of each of its replicas."""
    messages, first = peer(), stores(attacker)[0]
    disks = [b"mallory's disk!!", *(each.disk for each in stores(attacker)[1:])]
    bodies = []
    for header in headers(attacker, disks):
        request = messages.RaftRequest(header=header)
        for each in first.ranges:
            for sender in [replica.number for replica in each.range.replicas] + [99]:
                if sender == each.replica:
                    continue
                common = dict(range=each.range.range, to=each.replica, term=FAR)
                common["from"] = sender
                descriptor = type(each.range)()
                descriptor.CopyFrom(each.range)
                descriptor.epoch.configuration, descriptor.epoch.bounds, descriptor.next_replica = FAR, FAR, 100
                added = descriptor.replicas.add(number=99, node="mallory", address="127.0.0.1:9", disk=disks[0])
                added.kind = store().REPLICA_KIND_VOTER
                for content in fields(messages):
                    # With a descriptor that names the attacker, and without one.
                    request.messages.append(messages.RaftMessage(descriptor=descriptor, **common, **content))
                    request.messages.append(messages.RaftMessage(**common, **content))
                request.heartbeats.append(messages.RaftHeartbeat(round=1, commit=1, acknowledged=1, **common))
        bodies.append(request.SerializeToString())
    statements(attacker, PEER + "Raft", lambda: bodies)


@attack("forged-votes", "forged Raft", "node", ["status 0|status 7|status 9"], good="get",
        beside=terms_are_kept)
def forged_votes(attacker):
    """Votes of a term that is far away, in the names of the range's replicas."""

    def fields(messages):
        return [
            dict(vote=messages.RaftVote(last_index=FAR, last_term=FAR)),
            dict(vote=messages.RaftVote(last_index=FAR, last_term=FAR, pre=True)),
            dict(vote_reply=messages.RaftVoteReply(granted=True)), dict(timeout_now=messages.RaftTimeoutNow()),
            dict(newer_term=messages.RaftNewerTerm()),
        ]  # fmt: skip

    forged(attacker, fields)


@attack("forged-entries", "forged Raft", "node", ["status 0|status 7|status 9"], good="get",
        beside=terms_are_kept)
def forged_entries(attacker):
    """Entries, acknowledgements and snapshots of a term that is far away, in the names of the range's replicas."""

    def fields(messages):
        alone = messages.RaftConfiguration(voters=[99])
        entry = messages.RaftEntry(term=FAR, kind=messages.RAFT_ENTRY_KIND_NORMAL, payload=b"forged")
        return [
            dict(append=messages.RaftAppend(previous_index=1, previous_term=1, entries=[entry], commit=FAR)),
            dict(append_reply=messages.RaftAppendReply(index=FAR)),
            dict(snapshot=messages.RaftSnapshot(index=FAR, snapshot_term=FAR, configuration=alone)),
            dict(quiet=messages.RaftQuiet(index=FAR, entry_term=FAR)), dict(wake=messages.RaftWake()),
        ]  # fmt: skip

    forged(attacker, fields)


@attack("forged-hints", "forged Raft", "node", ["status 0|status 7"], good="get", beside=terms_are_kept)
def forged_hints(attacker):
    """Hints that name the attacker as the leader of every range, at an epoch that is far away."""
    messages, bodies = store(), []
    disk = b"mallory's disk!!"
    for header in headers(attacker, [disk]):
        request = peer().HintRequest(header=header)
        ranges = {each.range.range: each for reply in stores(attacker) for each in reply.ranges}
        for each in ranges.values():
            hint = request.hints.add(leader=99, term=FAR)
            hint.range.CopyFrom(each.range)
            hint.range.epoch.configuration, hint.range.epoch.bounds, hint.range.next_replica = FAR, FAR, 100
            del hint.range.replicas[:]
            hint.range.replicas.add(
                number=99, node="mallory", address="127.0.0.1:9", disk=disk, kind=messages.REPLICA_KIND_VOTER
            )
        bodies.append(request.SerializeToString())
    statements(attacker, PEER + "Hint", lambda: bodies * 5)


@attack("forged-snapshots", "forged Raft, replay", "node", ["status 0|status 3|status 7|status 9"], good="get",
        memory=320, beside=terms_are_kept)
def forged_snapshots(attacker):
    """Offers of snapshots for the ranges of others and for new ones, and chunks that nobody asked for, replayed."""
    messages, choose = peer(), random.Random(6)
    first = stores(attacker)[0]
    header = headers(attacker, [b"mallory's disk!!"])[0]

    def offer(descriptor, to):
        request = messages.SnapshotOffer(
            header=header, snapshot=choose.randbytes(16), to=to, term=FAR, index=FAR, snapshot_term=FAR, format=1,
            bytes=2**40, rows=2**30, descriptor=descriptor, voter=True,
        )  # fmt: skip
        setattr(request, "from", 99)
        return request.SerializeToString()

    offers = [offer(each.range, each.replica) for each in first.ranges]
    for _ in range(20):
        descriptor = type(first.ranges[0].range)() if first.ranges else store().RangeDescriptor()
        descriptor.range, descriptor.epoch.configuration, descriptor.epoch.bounds = choose.randbytes(16), FAR, FAR
        descriptor.after, descriptor.through, descriptor.next_replica = bytes(8), b"\xff" * 8, 101
        descriptor.wanted_voters = 3
        for number, node, disk in [(99, "mallory", b"mallory's disk!!"), (100, "n1", first.disk)]:
            descriptor.replicas.add(number=number, node=node, address="127.0.0.1:9", disk=disk, kind=1)
        offers.append(offer(descriptor, 100))
    chunk = messages.SnapshotChunk(header=header, snapshot=b"s" * 16, offset=0, bytes=bytes(500_000))
    finish = messages.SnapshotFinish(header=header, snapshot=b"s" * 16, bytes=500_000)
    turns = [(PEER + "OfferSnapshot", offers), (PEER + "SendChunk", [chunk.SerializeToString()] * 4)]
    turns.append((PEER + "FinishSnapshot", [finish.SerializeToString()] * 4))
    for connection in attacker.connections():
        while attacker.running() and not connection.is_closed:
            for path, bodies in turns:
                connection.send(b"".join(connection.begin(head(path), message(body)) for body in bodies))
                while connection.open and connection.take_in(1):
                    pass
                attacker.note("sent", len(bodies))
            attacker.tally.update(connection.outcomes)
            connection.outcomes.clear()
