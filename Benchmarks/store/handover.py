#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""How fast a node that joins a store gets its data, and what callers see meanwhile.

    make bench-handover

Three nodes hold the store, in a few ranges; a fourth one joins and becomes a voter of most of them. All nodes, the
clients and one disk share the machine. The time runs from the first replica that the newcomer is given until it
holds all of them; each rate of `--rates` gets a store of its own. Puts of 100 bytes go on all the time, in a few
threads; their p99 is that of the seconds before the join, and of the time of the handover. RSS is the highest of a
node before and during the handover, as the system samples it every 50 ms.
"""

import argparse
import concurrent.futures
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "ring"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))

import grpc  # noqa: E402
from history import StoreStubs  # noqa: E402
from rings import BINARY, Bench, Ring  # noqa: E402

OLD = ["n1", "n2", "n3"]
NEW = "n4"
VALUE = 4096
VALUES_OF_BATCH = 64
VOTER = 1
PUT = 1


def rss_mebibytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


def quantile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


class Puts:
    """Threads that put small values, and how long each put took."""

    def __init__(self, stubs, address, threads):
        self.stubs, self.address = stubs, address
        self.stopping = threading.Event()
        self.times = []
        self.failed = 0
        self.threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        stub = self.stubs.stub(self.address, number)
        messages = self.stubs.messages
        generator = random.Random(number)
        while not self.stopping.is_set():
            request = messages.PutRequest(key=b"put %d" % generator.randrange(10_000), value=b"v" * 100)
            began = time.monotonic()
            try:
                stub.Put(request, timeout=10)
                self.times.append((began, time.monotonic() - began))
            except grpc.RpcError:
                self.failed += 1

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def between(self, start, end):
        return [took * 1000 for began, took in self.times if start <= began < end]


def fill(stubs, address, mebibytes):
    messages, stub = stubs.messages, stubs.stub(address)

    def batch(number):
        generator = random.Random(number)
        operations = [
            messages.BatchOperation(kind=PUT, key=b"%d" % index, value=generator.randbytes(VALUE))
            for index in range(VALUES_OF_BATCH)
        ]
        request = messages.BatchRequest(partition=b"part %d" % number, operations=operations)
        for _ in range(50):
            try:
                return stub.Batch(request, timeout=20)
            except grpc.RpcError as error:
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise
                time.sleep(0.2)
        sys.exit("handover: a batch fails again and again")

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(batch, range(mebibytes * (1 << 20) // (VALUE * VALUES_OF_BATCH))))


def settled(stubs, ring, quiet=12, limit=240):
    """Waits until every range has its three voters and nothing has changed for a while."""
    before, since, deadline = None, time.monotonic(), time.monotonic() + limit
    while time.monotonic() < deadline:
        present = {}
        for node in ring.nodes.values():
            for each in stubs.status(node.address):
                if each.leader == each.replica:
                    voters = tuple(sorted(replica.node for replica in each.range.replicas if replica.kind == VOTER))
                    whole = len(voters) == 3 and len(each.range.replicas) == 3 and not each.issues
                    present[each.range.range] = (voters, whole, node.name)
        if present != before or not present or not all(whole for _, whole, _ in present.values()):
            before, since = present, time.monotonic()
        if time.monotonic() - since > quiet:
            return len(present)
        time.sleep(0.3)
    sys.exit("handover: the store does not settle")


def handover(stubs, ring, peak):
    """Starts the newcomer. The times of its first replica and of its last one, and the bytes that it holds then."""
    ring.start(NEW)
    node = ring.nodes[NEW]
    first = last = None
    held = 0
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        mine = stubs.status(node.address)
        now = time.monotonic()
        for each in ring.nodes.values():
            peak[each.name] = max(peak.get(each.name, 0), rss_mebibytes(each.process.pid))
        if mine and first is None:
            first = now
        amount = sum(each.bytes for each in mine)
        if amount > held * 1.001 + 65536:
            held, last = amount, now
        if last and now - last > 25:
            return first, last, held, len(mine)
        time.sleep(0.05)
    sys.exit("handover: the newcomer gets no data")


def measure(rate, options):
    folder = tempfile.mkdtemp(prefix="chord-handover-", dir=options.folder)
    bench = Bench(folder, BINARY, None, "warning", ["--rebalance-rate", rate])
    bench.issue(OLD + [NEW])
    ring = Ring(bench, [])
    puts = None
    try:
        for name in OLD:
            ring.start(name)
        stubs = StoreStubs(bench)
        settled(stubs, ring)
        fill(stubs, ring.nodes["n1"].address, options.mebibytes)
        ranges = settled(stubs, ring)
        before = {node.name: rss_mebibytes(node.process.pid) for node in ring.nodes.values()}
        puts = Puts(stubs, ring.nodes["n1"].address, options.threads)
        began = time.monotonic()
        time.sleep(10)
        joined = time.monotonic()
        peak = {}
        first, last, held, replicas = handover(stubs, ring, peak)
        puts.stop()
        quiet, busy = puts.between(began, joined), puts.between(first, last)
        print(f"rate {rate}: {ranges} ranges; the newcomer holds {held / 1e6:.0f} MB in {replicas} replicas")
        print(f"  {held / 1e6 / (last - first):.1f} MB/s over {last - first:.1f} s, waits between the steps included")
        for text, times in (("before", quiet), ("during", busy)):
            print(
                f"  puts {text}: {len(times)} with p50 {quantile(times, 0.5):.2f} ms, p99 {quantile(times, 0.99):.2f} ms,"
                f" longest {max(times, default=0):.0f} ms"
            )
        print(f"  failed puts: {puts.failed}")
        for name in OLD:
            print(f"  RSS of {name}: {before[name]:.0f} MiB before, {peak[name]:.0f} MiB at most")
        print(f"  RSS of {NEW}: {peak[NEW]:.0f} MiB at most", flush=True)
    finally:
        if puts:
            puts.stopping.set()
        ring.close()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mebibytes", type=int, default=200, help="data of the store (200)")
    parser.add_argument("--threads", type=int, default=4, help="threads that put (4)")
    parser.add_argument("--rates", nargs="+", default=["32MiB", "0"], help="values of --rebalance-rate (32MiB 0)")
    parser.add_argument("--folder", default=os.environ.get("TMPDIR"), help="where the nodes keep their data")
    options = parser.parse_args()
    for rate in options.rates:
        measure(rate, options)


if __name__ == "__main__":
    main()
