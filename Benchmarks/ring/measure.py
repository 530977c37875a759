#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Rings of real processes on this machine, measured from outside by grpcio.

    make release && .venv/bin/python3 Benchmarks/ring/measure.py [form idle crash restart mass]

form     ten nodes join one after the other: from the last join to an ideal ring with full lists
idle     CPU per node and minute, and memory, of a settled ring
crash    kill -9 of two neighbours under continuous lookups: number and time of wrong or failed ones
restart  kill -9 of one node and its restart under its own name, under continuous lookups
mass     fifty nodes that join at once
"""

import argparse
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

import grpc
from rings import Bench, Ring


class Lookups(threading.Thread):
    """One thread looks random keys up through every live node in turn, without pause."""

    def __init__(self, bench, ring, seed):
        super().__init__(daemon=True)
        self.bench, self.ring = bench, ring
        self.random = random.Random(seed)
        self.stopping = threading.Event()
        self.expected = None
        self.records = []

    def run(self):
        turn = 0
        while not self.stopping.is_set():
            nodes = list(self.ring.nodes.values())
            node = nodes[turn % len(nodes)]
            turn += 1
            key = self.random.getrandbits(64)
            started = time.monotonic()
            right = self.ring.owner(key)
            try:
                answer = self.bench.lookup(node, key)
                verdict = "right" if answer in (right, self.ring.owner(key)) else "wrong"
            except grpc.RpcError as error:
                # Ignores answers of nodes that were killed during the call.
                verdict = "failed" if node.name in self.ring.nodes else "gone"
                self.bench.note(f"lookup at {node.name}: {error.code()} {error.details()}")
            self.records.append((started, time.monotonic() - started, verdict))

    def report(self, since):
        self.stopping.set()
        self.join()
        after = [record for record in self.records if record[0] + record[1] >= since]
        bad = [record for record in after if record[2] in ("wrong", "failed")]
        until = max((begin + took - since for begin, took, _ in bad), default=0.0)
        wrong = sum(1 for record in bad if record[2] == "wrong")
        slowest = max(took for _, took, _ in after)
        return (
            f"{len(after)} lookups, {wrong} wrong, {len(bad) - wrong} failed"
            + (f", the last of them {until:.2f} s after" if bad else "")
            + f"; slowest {slowest * 1000:.0f} ms"
        )


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid, key):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    return 0.0


def form(bench, _):
    ring = Ring(bench, [f"n{i}" for i in range(1, 11)])
    print(f"form     last of ten joins to an ideal ring with full lists: {ring.wait_ideal(60):.2f} s")
    return ring


def idle(bench, ring):
    before = {name: cpu_seconds(node.process.pid) for name, node in ring.nodes.items()}
    threading.Event().wait(60)
    used = [cpu_seconds(node.process.pid) - before[name] for name, node in ring.nodes.items()]
    resident = [memory(node.process.pid, "VmRSS") for node in ring.nodes.values()]
    own = [memory(node.process.pid, "RssAnon") for node in ring.nodes.values()]
    count = len(used)
    print(
        f"idle     {sum(used) / count:.3f} s CPU per node and minute; "
        f"{sum(resident) / count:.1f} MiB resident, {sum(own) / count:.1f} MiB of it not shared"
    )


def crash(bench, ring):
    lookups = Lookups(bench, ring, 1)
    lookups.start()
    threading.Event().wait(2)
    nodes = ring.ordered()
    at = time.monotonic()
    for node in (nodes[4], nodes[5]):
        ring.kill(node.name)
    repaired = ring.wait_ideal(60)
    threading.Event().wait(5)
    print(f"crash    two neighbours killed: {lookups.report(at)}; ideal after {repaired:.2f} s")
    for node in (nodes[4], nodes[5]):
        ring.start(node.name)
    ring.wait_ideal(60)


def restart(bench, ring):
    lookups = Lookups(bench, ring, 2)
    lookups.start()
    threading.Event().wait(2)
    at = time.monotonic()
    node = ring.kill(ring.ordered()[3].name)
    ring.start(node.name, node.address)
    repaired = ring.wait_ideal(60)
    threading.Event().wait(5)
    print(f"restart  killed and restarted: {lookups.report(at)}; ideal after {repaired:.2f} s")


def mass(bench, _):
    names = [f"m{i}" for i in range(1, 51)]
    bench.issue(names)
    ring = Ring(bench, names[:1])
    try:
        started = time.monotonic()
        first = ring.nodes[names[0]].address
        processes = {name: ring.launch(name, "127.0.0.1:0", [first]) for name in names[1:]}
        for name, process in processes.items():
            ring.register(name, process)
        joined = time.monotonic() - started
        ring.wait_ideal(200)
        total = time.monotonic() - started
        print(f"mass     fifty nodes: all started and joined after {joined:.1f} s, ideal with full lists after {total:.1f} s")
    finally:
        ring.close()


def main():
    parts = {"form": form, "idle": idle, "crash": crash, "restart": restart, "mass": mass}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=", ".join(parts))
    wanted = parser.parse_args().parts or list(parts)
    if unknown := [part for part in wanted if part not in parts]:
        sys.exit(f"measure: unknown part {unknown[0]}; there are {', '.join(parts)}")
    folder = tempfile.mkdtemp(prefix="chord-measure-")
    bench = Bench(folder)
    bench.issue([f"n{i}" for i in range(1, 11)])
    ring = None
    try:
        if set(wanted) - {"mass"}:
            ring = form(bench, None)
        for part in ("idle", "crash", "restart"):
            if part in wanted:
                parts[part](bench, ring)
        if ring:
            ring.close()
            ring = None
        if "mass" in wanted:
            mass(bench, None)
    finally:
        if ring:
            ring.close()
    print(f"logs in {folder}")


if __name__ == "__main__":
    main()
