#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Seven nodes with thousands of ranges, all killed at once and started again.

    make bench-restart
    make bench-restart RANGES=500

Small values fill ranges of 16 KiB until there are enough of them. Then comes what they cost while nobody asks, and a
kill -9 of all nodes, which start again at the same moment. A key of
each range is read, linearizably, until it is answered; the times run from the start of the processes. Each read must
give the value that was acknowledged, and no range may have another replica than before. All nodes, the clients and one
disk share the machine.
"""

import argparse
import bisect
import concurrent.futures
import hashlib
import pathlib
import random
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "ring"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))

import grpc  # noqa: E402
from history import StoreStubs  # noqa: E402
from measure import cpu_seconds  # noqa: E402
from rings import BINARY, Bench, Ring  # noqa: E402

NODES = [f"n{number}" for number in range(1, 8)]
VALUE = 1000
VALUES_OF_BATCH = 4
VOTER, PUT = 1, 1
THREADS = 4


def partition(number):
    return b"part %d" % number


def position(number):
    return int.from_bytes(hashlib.sha256(partition(number)).digest()[:8], "big")


def rss_mebibytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


class Store:
    """A ring with its store, and what was put into it."""

    def __init__(self, folder):
        self.bench = Bench(folder, BINARY, None, "warning", ["--range-size", "16KiB"])
        self.bench.issue(NODES)
        self.ring = Ring(self.bench, NODES)
        self.ring.wait_ideal(60)
        self.stubs = StoreStubs(self.bench)
        self.written = 0

    @property
    def addresses(self):
        return [node.address for node in self.ring.nodes.values()]

    def put(self, number):
        messages = self.stubs.messages
        operations = [
            messages.BatchOperation(kind=PUT, key=b"%d" % index, value=random.Random(number).randbytes(VALUE))
            for index in range(VALUES_OF_BATCH)
        ]
        request = messages.BatchRequest(partition=partition(number), operations=operations)
        deadline = time.monotonic() + 120
        while True:
            try:
                return self.stubs.stub(random.choice(self.addresses)).Batch(request, timeout=10)
            except grpc.RpcError as error:
                if time.monotonic() > deadline:
                    raise
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise
                time.sleep(0.2)

    def fill(self, count):
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self.put, range(self.written, self.written + count)))
        self.written += count

    def ranges(self):
        """Each range as its leader knows it: its end, its replicas, and whether it has what it wants."""
        found = {}
        for address in self.addresses:
            for each in self.stubs.status(address):
                if each.leader != each.replica:
                    continue
                replicas = sorted((replica.node, replica.number) for replica in each.range.replicas)
                voters = sum(replica.kind == VOTER for replica in each.range.replicas)
                whole = voters == 3 and len(replicas) == 3 and not each.issues
                end = int.from_bytes(each.range.through, "big")
                found[each.range.range] = (end, replicas, whole)
        return found

    def settled(self, quiet=15, limit=900):
        """The ranges, once all have their voters and nothing has changed for a while."""
        before, since, deadline = None, time.monotonic(), time.monotonic() + limit
        while time.monotonic() < deadline:
            present = self.ranges()
            if present != before or not all(whole for _, _, whole in present.values()):
                before, since = present, time.monotonic()
            if time.monotonic() - since > quiet:
                return present
            time.sleep(1)
        sys.exit("restart: the store does not settle")

    def processes(self):
        return [node.process.pid for node in self.ring.nodes.values()]

    def kill(self):
        """Kills all nodes at once. Their addresses."""
        addresses = {name: node.address for name, node in self.ring.nodes.items()}
        for node in self.ring.nodes.values():
            node.process.send_signal(signal.SIGKILL)
        for node in self.ring.nodes.values():
            node.process.wait()
        return addresses

    def start(self, addresses):
        processes = {
            name: self.ring.launch(name, address, [other for other in addresses.values() if other != address][:3])
            for name, address in addresses.items()
        }
        for name, process in processes.items():
            self.ring.register(name, process, limit=120)

    def read(self, number, began, limit=300):
        """Reads a key until it is answered. The time since the start."""
        stub = self.stubs.stub(random.choice(self.addresses))
        request = self.stubs.messages.GetRequest(partition=partition(number), keys=[b"0"])
        while True:
            try:
                reply = stub.Get(request, timeout=5, wait_for_ready=True)
                break
            except grpc.RpcError as error:
                if time.monotonic() - began > limit:
                    sys.exit(f"restart: {partition(number)} is not served after {limit} s: {error.details()}")
                time.sleep(0.05)
                stub = self.stubs.stub(random.choice(self.addresses))
        expected = random.Random(number).randbytes(VALUE)
        if not reply.values or reply.values[0].value != expected:
            sys.exit(f"restart: {partition(number)} does not have the value that was acknowledged")
        return time.monotonic() - began


def keys_of(ranges, written):
    """A partition of each range that has one."""
    ends = sorted(end for end, _, _ in ranges.values())
    of = {}
    for number in range(written):
        place = bisect.bisect_left(ends, position(number)) % len(ends)
        of.setdefault(place, number)
    return list(of.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranges", type=int, default=2000, help="how many ranges at least (2000)")
    parser.add_argument("--idle", type=float, default=60, help="seconds to look at idle nodes (60)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chord-restart-") as folder:
        store = Store(folder)
        try:
            before, bytes_of_range = {}, 13_500
            while len(before) < options.ranges:
                missing = options.ranges - len(before)
                store.fill(missing * bytes_of_range // (VALUE * VALUES_OF_BATCH) + 1)
                before = store.settled()
                print(f"{store.written * VALUES_OF_BATCH} values, {len(before)} ranges", flush=True)
            most = max(sum(name == node for _, replicas, _ in before.values() for node, _ in replicas) for name in NODES)
            print(f"at most {most} replicas on a node")
            cpu, began = sum(map(cpu_seconds, store.processes())), time.monotonic()
            time.sleep(options.idle)
            cpu = (sum(map(cpu_seconds, store.processes())) - cpu) / (time.monotonic() - began)
            memory = max(map(rss_mebibytes, store.processes()))
            print(f"idle: {cpu * 60:.2f} s of CPU per minute over all nodes; at most {memory:.0f} MiB resident")
            addresses = store.kill()
            began = time.monotonic()
            store.start(addresses)
            members = time.monotonic() - began
            keys = keys_of(before, store.written)
            random.shuffle(keys)
            with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
                times = sorted(pool.map(lambda number: store.read(number, began), keys))
            print(f"all nodes are members after {members:.1f} s")
            print(
                f"{len(times)} ranges served: half after {times[len(times) // 2]:.1f} s, all after {times[-1]:.1f} s"
            )
            after = store.settled()
            moved = [name for name in before if name not in after or after[name][1] != before[name][1]]
            print(f"{len(after)} ranges have their voters {time.monotonic() - began - 15:.0f} s after the start")
            if moved:
                sys.exit(f"restart: the replicas of {len(moved)} ranges are others: {moved[:3]}")
            print("no replica has moved")
        finally:
            store.ring.close()


if __name__ == "__main__":
    main()
